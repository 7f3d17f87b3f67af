//! Tests of errors of the **steps** over SQL tables: queries, checks, dedupe and staging.

use super::*;

variants!(engine, engine::Error:
    engine::Error::Plan { .. } => "Plan",
    engine::Error::Types { .. } => "Types",
    engine::Error::TextNumber { .. } => "TextNumber",
    engine::Error::TooDeep { .. } => "TooDeep",
    engine::Error::Refused { .. } => "Refused",
    engine::Error::Writes { .. } => "Writes",
    engine::Error::UnknownColumn { .. } => "UnknownColumn",
    engine::Error::Ambiguous { .. } => "Ambiguous",
    engine::Error::DatasetAsTable { .. } => "DatasetAsTable",
    engine::Error::MissingColumn { .. } => "MissingColumn",
    engine::Error::Memory => "Memory",
    engine::Error::DiskFull => "DiskFull",
    engine::Error::Conversion => "Conversion",
    engine::Error::Arithmetic => "Arithmetic",
    engine::Error::Expression => "Expression",
    engine::Error::Store(_) => "Store",
    engine::Error::Damaged => "Damaged",
    engine::Error::Table(_) => "Table",
    engine::Error::Unsupported => "Unsupported",
    engine::Error::Execution { .. } => "Execution",
);

/// One of our errors inside an error of the engine, as a table provider returns it.
fn carried(error: impl Explain + Send + Sync + 'static) -> engine::Error {
    use datafusion::error::DataFusionError;
    let inner = DataFusionError::External(Carried::boxed(error));
    engine::Error::execution(inner.context("while a table was read"))
}

#[test]
fn queries() {
    use datafusion::error::DataFusionError;
    let in_scan = DataFusionError::ParquetError(Box::new(busy_parquet()));
    let plan = Box::new(DataFusionError::Plan(text()));
    assert_exits(vec![
        (engine::Error::Plan { path: path(), source: plan }, Exit::Usage),
        (engine::Error::Types { path: path() }, Exit::Usage),
        (engine::Error::TextNumber { path: path(), column: text(), instead: text() }, Exit::Usage),
        (engine::Error::TooDeep { path: path() }, Exit::Usage),
        (engine::Error::Refused { path: path(), what: text(), instead: text() }, Exit::Usage),
        (engine::Error::Writes { path: path() }, Exit::Usage),
        (engine::Error::UnknownColumn { path: path(), column: text(), near: vec![] }, Exit::Usage),
        (engine::Error::Ambiguous { path: path(), column: text() }, Exit::Usage),
        (engine::Error::DatasetAsTable { path: path(), dataset: text() }, Exit::Usage),
        (engine::Error::MissingColumn { path: path(), column: "x" }, Exit::Usage),
        (engine::Error::Memory, Exit::Failed),
        (engine::Error::DiskFull, Exit::Failed),
        (engine::Error::Conversion, Exit::Refused),
        (engine::Error::Arithmetic, Exit::Refused),
        (engine::Error::Expression, Exit::Refused),
        (engine::Error::execution(in_scan), Exit::Transient),
        (
            engine::Error::execution(DataFusionError::ObjectStore(Box::new(missing()))),
            Exit::Transient,
        ),
        (engine::Error::Damaged, Exit::Failed),
        (engine::Error::Unsupported, Exit::Usage),
        (carried(target::Error::NoDatabase), Exit::Usage),
        (carried(target::Error::CommitUnknown { batch: 1 }), Exit::Transient),
        (carried(profile::Error::Staging { path: text(), source: busy() }), Exit::Transient),
        (engine::Error::Execution { kind: "x" }, Exit::Failed),
    ]);
}

variants!(beside, tables::BesideError:
    tables::BesideError::NoFiles { .. } => "NoFiles",
    tables::BesideError::Unreadable { .. } => "Unreadable",
    tables::BesideError::TooLarge { .. } => "TooLarge",
    tables::BesideError::Csv { .. } => "Csv",
    tables::BesideError::Rejected { .. } => "Rejected",
    tables::BesideError::Parquet { .. } => "Parquet",
    tables::BesideError::Cancelled { .. } => "Cancelled",
);

#[test]
fn tables_beside_a_dataset() {
    use tables::BesideError as Beside;
    let source = backfill_csv::ReadError::Header(backfill_csv::InvalidHeader::Missing);
    assert_exits(vec![
        (Beside::NoFiles { dataset: text(), other: text(), range: range() }, Exit::Refused),
        (Beside::Unreadable { name: text(), place: text(), source: missing() }, Exit::Usage),
        (Beside::Unreadable { name: text(), place: text(), source: busy() }, Exit::Transient),
        (Beside::TooLarge { name: text(), place: text(), most: 1 }, Exit::Usage),
        (Beside::Csv { name: text(), place: text(), source }, Exit::Refused),
        (
            Beside::Rejected {
                name: text(),
                place: text(),
                rejected: 1,
                records: 2,
                line: 3,
                reason: text(),
            },
            Exit::Refused,
        ),
        (Beside::Parquet { name: text(), place: text(), source: damaged() }, Exit::Refused),
        (Beside::Cancelled { name: text() }, Exit::Failed),
    ]);
}

variants!(check, check::Error:
    check::Error::Query { .. } => "Query",
    check::Error::Read { .. } => "Read",
    check::Error::Cancelled => "Cancelled",
    check::Error::Write { .. } => "Write",
    check::Error::Unreadable { .. } => "Unreadable",
    check::Error::Refused { .. } => "Refused",
    check::Error::NotExports { .. } => "NotExports",
    check::Error::Drift { .. } => "Drift",
    check::Error::TooManyRejects { .. } => "TooManyRejects",
);

#[test]
fn checks() {
    assert_exits(vec![
        (check::Error::Query { check: text(), source: engine::Error::Conversion }, Exit::Refused),
        (check::Error::Read { source: engine::Error::Memory }, Exit::Failed),
        (check::Error::Cancelled, Exit::Failed),
        (
            check::Error::Write { check: text(), path: text(), source: busy_parquet() },
            Exit::Transient,
        ),
        (check::Error::Unreadable { check: text(), source: busy_parquet() }, Exit::Transient),
        (check::Error::Unreadable { check: text(), source: damaged() }, Exit::Failed),
        (check::Error::Refused { failed: vec![], warnings_stop: false }, Exit::Refused),
        (check::Error::NotExports { dataset: text(), files: vec![] }, Exit::Refused),
        (check::Error::Drift { dataset: text(), found: vec![] }, Exit::Refused),
        (
            check::Error::TooManyRejects {
                dataset: text(),
                days: text(),
                rejected: 1,
                records: 1,
                limit: RejectLimit::Count(0),
                first: vec![].into(),
                advice: vec![backfill_csv::Advice::Escape].into(),
            },
            Exit::Refused,
        ),
    ]);
}

variants!(dedupe, dedupe::Error:
    dedupe::Error::Query { .. } => "Query",
    dedupe::Error::Twice { .. } => "Twice",
    dedupe::Error::Unknown { .. } => "Unknown",
);

#[test]
fn deduplicating() {
    assert_exits(vec![
        (
            dedupe::Error::Query { dataset: text(), source: engine::Error::Conversion },
            Exit::Refused,
        ),
        (dedupe::Error::Query { dataset: text(), source: engine::Error::Memory }, Exit::Failed),
        (dedupe::Error::Twice { path: path(), file: text(), row_id: 1 }, Exit::Usage),
        (dedupe::Error::Unknown { path: path() }, Exit::Usage),
    ]);
}

variants!(stage, stage::Error:
    stage::Error::Query { .. } => "Query",
    stage::Error::Row { .. } => "Row",
    stage::Error::NotRowWise { .. } => "NotRowWise",
    stage::Error::UnexpectedRow { .. } => "UnexpectedRow",
    stage::Error::ChangedProvenance { .. } => "ChangedProvenance",
    stage::Error::Write { .. } => "Write",
    stage::Error::Manifest { .. } => "Manifest",
    stage::Error::Cancelled { .. } => "Cancelled",
    stage::Error::Staging { .. } => "Staging",
);

#[test]
fn staging() {
    let row = stage::Error::Row {
        path: text(),
        file: text(),
        row_id: 1,
        column: None,
        source: Box::new(engine::Error::Conversion),
    };
    assert_exits(vec![
        (stage::Error::Query { what: text(), source: engine::Error::Memory }, Exit::Failed),
        (row, Exit::Refused),
        (stage::Error::NotRowWise { path: text(), what: text() }, Exit::Usage),
        (stage::Error::UnexpectedRow { path: text(), file: text(), row_id: 1 }, Exit::Usage),
        (stage::Error::ChangedProvenance { path: text(), column: "x" }, Exit::Usage),
        (stage::Error::Write { path: text(), source: busy_parquet() }, Exit::Transient),
        (stage::Error::Write { path: text(), source: damaged() }, Exit::Failed),
        (stage::Error::Manifest { path: text(), source: busy() }, Exit::Transient),
        (stage::Error::Cancelled { file: text() }, Exit::Failed),
        (stage::Error::Staging { path: text(), source: missing() }, Exit::Failed),
    ]);
}
