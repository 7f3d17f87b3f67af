//! Every variant of every error has the exit code that the README promises.
//!
//! `variants!` names each variant twice at once: in a match without `_`, so that a new one does not compile
//! before it is added here, and in a list, so that one without a case below fails the test.

use std::collections::BTreeSet;

use super::*;
use crate::domain::{Carried, DateRange, RejectLimit};

macro_rules! variants {
    ($name:ident, $error:ty: $($(#[$attribute:meta])* $pattern:pat => $text:literal),+ $(,)?) => {
        fn $name(error: &$error) -> &'static str {
            match error { $($(#[$attribute])* $pattern => $text),+ }
        }
        impl Named for $error {
            const ALL: &'static [&'static str] = &[$($(#[$attribute])* $text),+];
            fn name(&self) -> &'static str { $name(self) }
        }
    };
}

trait Named {
    const ALL: &'static [&'static str];
    fn name(&self) -> &'static str;
}

/// Asserts the exit codes of the cases, and that every variant is among them.
fn assert_exits<E: Named + Into<Error>>(cases: Vec<(E, Exit)>) {
    let names: BTreeSet<&str> = cases.iter().map(|(error, _)| error.name()).collect();
    let all: BTreeSet<&str> = E::ALL.iter().copied().collect();
    assert_eq!(names, all, "every variant has a case");
    for (error, expected) in cases {
        let name = error.name();
        let error = error.into();
        assert_eq!(error.exit(), expected, "{name}: {error}");
    }
}

fn text() -> String {
    "x".to_owned()
}

fn cut_short() -> std::io::Error {
    std::io::ErrorKind::UnexpectedEof.into()
}

fn io() -> std::io::Error {
    std::io::Error::other("x")
}

fn json() -> serde_json::Error {
    serde_json::from_str::<u8>("x").expect_err("not a number")
}

/// A store that is busy, and one that has no such object.
fn busy() -> object_store::Error {
    object_store::Error::Generic { store: "S3", source: "503".into() }
}

fn missing() -> object_store::Error {
    object_store::Error::NotFound { path: text(), source: "404".into() }
}

type ParquetError = datafusion::parquet::errors::ParquetError;

/// A busy store, as a Parquet writer over it reports it.
fn busy_parquet() -> ParquetError {
    ParquetError::External(Box::new(std::io::Error::other(busy())))
}

fn damaged() -> ParquetError {
    ParquetError::General(text())
}

fn range() -> DateRange {
    let day = "2025-09-22".parse().expect("a day");
    DateRange::new(day, day).expect("a range")
}

variants!(config, config::Error:
    config::Error::Unreadable { .. } => "Unreadable",
    config::Error::Syntax { .. } => "Syntax",
    config::Error::Value { .. } => "Value",
    config::Error::UnknownPrefix { .. } => "UnknownPrefix",
);

#[test]
fn configuration() {
    assert_exits(vec![
        (config::Error::Unreadable { path: text().into(), source: io() }, Exit::Usage),
        (
            config::Error::Syntax { path: text().into(), line: 1, column: 1, reason: text() },
            Exit::Usage,
        ),
        (config::Error::Value { path: text().into(), at: text(), reason: text() }, Exit::Usage),
        (config::Error::UnknownPrefix { prefix: text(), known: vec![] }, Exit::Usage),
    ]);
}

variants!(source, source::Error:
    source::Error::List { .. } => "List",
    source::Error::ZeroBytes { .. } => "ZeroBytes",
);

#[test]
fn the_source() {
    assert_exits(vec![
        (source::Error::List { place: text(), source: busy() }, Exit::Transient),
        (source::Error::List { place: text(), source: missing() }, Exit::Failed),
        (source::Error::ZeroBytes { keys: vec![] }, Exit::Refused),
    ]);
}

variants!(sql, sql::Error:
    sql::Error::Unreadable { .. } => "Unreadable",
    sql::Error::Syntax { .. } => "Syntax",
    sql::Error::Statement { .. } => "Statement",
    sql::Error::Severity { .. } => "Severity",
    sql::Error::OtherTable { .. } => "OtherTable",
);

#[test]
fn sql_files() {
    let path = || std::path::PathBuf::from("x");
    assert_exits(vec![
        (sql::Error::Unreadable { path: path(), source: io() }, Exit::Usage),
        (sql::Error::Syntax { path: path(), source: "x".into() }, Exit::Usage),
        (sql::Error::Statement { path: path(), expected: "SELECT" }, Exit::Usage),
        (sql::Error::Severity { path: path(), found: text() }, Exit::Usage),
        (sql::Error::OtherTable { path: path(), found: text(), expected: text() }, Exit::Usage),
    ]);
}

variants!(mirror, mirror::Error:
    mirror::Error::Read { source: backfill_csv::ReadError::Header(_), .. } => "Read a header",
    mirror::Error::Read { source: backfill_csv::ReadError::Dialect(_), .. } => "Read with a dialect",
    mirror::Error::Read { source: backfill_csv::ReadError::Doubtful { .. }, .. } => "Read a quote",
    mirror::Error::Read { source: backfill_csv::ReadError::OtherHeader { .. }, .. } => "Read another header",
    mirror::Error::Read { source: backfill_csv::ReadError::Read { .. }, .. } => "Read bytes",
    mirror::Error::Read { source: backfill_csv::ReadError::Arrow(_), .. } => "Read rows",
    mirror::Error::Archived { .. } => "Archived",
    mirror::Error::Write { .. } => "Write",
    mirror::Error::Staging { .. } => "Staging",
    mirror::Error::Rejects { .. } => "Rejects",
    mirror::Error::Dialect(_) => "Dialect",
    mirror::Error::Cancelled { .. } => "Cancelled",
);

#[test]
fn mirroring() {
    use backfill_csv::{InvalidDialect, InvalidHeader, ReadError};
    let read = |source| mirror::Error::Read { file: text(), source };
    let bytes = |error: object_store::Error| {
        read(ReadError::Read { offset: 0, source: std::io::Error::other(error) })
    };
    let arrow = datafusion::arrow::error::ArrowError::SchemaError(text());
    assert_exits(vec![
        (read(ReadError::Header(InvalidHeader::Missing)), Exit::Refused),
        (
            read(ReadError::Header(InvalidHeader::OtherFormat { what: "a zip archive" })),
            Exit::Refused,
        ),
        (read(ReadError::Header(InvalidHeader::ControlCharacter { position: 1 })), Exit::Refused),
        (read(ReadError::Doubtful { line: 2 }), Exit::Refused),
        (read(ReadError::OtherHeader { line: 2 }), Exit::Refused),
        (read(ReadError::Read { offset: 9, source: cut_short() }), Exit::Refused),
        (read(ReadError::Dialect(InvalidDialect::Characters)), Exit::Usage),
        (bytes(busy()), Exit::Transient),
        // It was listed, and is gone: the next run lists again.
        (bytes(missing()), Exit::Transient),
        (read(ReadError::Read { offset: 0, source: io() }), Exit::Failed),
        (read(ReadError::Arrow(arrow)), Exit::Failed),
        (mirror::Error::Archived { file: text() }, Exit::Failed),
        (mirror::Error::Write { path: text(), source: busy_parquet() }, Exit::Transient),
        (mirror::Error::Write { path: text(), source: damaged() }, Exit::Failed),
        (mirror::Error::Staging { path: text(), source: busy() }, Exit::Transient),
        (mirror::Error::Rejects { path: text(), source: busy_parquet() }, Exit::Transient),
        (mirror::Error::Dialect(json()), Exit::Failed),
        (mirror::Error::Cancelled { file: text() }, Exit::Failed),
    ]);
}

variants!(profile, profile::Error:
    profile::Error::Mirror { .. } => "Mirror",
    profile::Error::Staging { .. } => "Staging",
    profile::Error::Sketch { .. } => "Sketch",
    profile::Error::Json { .. } => "Json",
    profile::Error::Cancelled { .. } => "Cancelled",
);

#[test]
fn profiling() {
    let sketch = datasketches::hll::HllSketch::new(99, datasketches::hll::HllType::Hll8);
    let source = sketch.expect_err("too many registers");
    assert_exits(vec![
        (profile::Error::Mirror { path: text(), source: busy_parquet() }, Exit::Transient),
        (profile::Error::Mirror { path: text(), source: damaged() }, Exit::Failed),
        (profile::Error::Staging { path: text(), source: busy() }, Exit::Transient),
        (profile::Error::Sketch { path: text(), source }, Exit::Failed),
        (profile::Error::Json { path: text(), source: json() }, Exit::Failed),
        (profile::Error::Cancelled { path: text() }, Exit::Failed),
    ]);
}

variants!(engine, engine::Error:
    engine::Error::Plan { .. } => "Plan",
    engine::Error::Types { .. } => "Types",
    engine::Error::TextNumber { .. } => "TextNumber",
    engine::Error::TooDeep { .. } => "TooDeep",
    engine::Error::Writes { .. } => "Writes",
    engine::Error::UnknownColumn { .. } => "UnknownColumn",
    engine::Error::MissingColumn { .. } => "MissingColumn",
    engine::Error::Memory => "Memory",
    engine::Error::DiskFull => "DiskFull",
    engine::Error::Conversion => "Conversion",
    engine::Error::Arithmetic => "Arithmetic",
    engine::Error::Expression => "Expression",
    engine::Error::Store(_) => "Store",
    engine::Error::Damaged => "Damaged",
    engine::Error::Table(_) => "Table",
    engine::Error::Execution { .. } => "Execution",
);

/// An error of ours inside the engine's, as a table provider returns it.
fn carried(error: impl Explain + Send + Sync + 'static) -> engine::Error {
    use datafusion::error::DataFusionError;
    let inner = DataFusionError::External(Carried::boxed(error));
    engine::Error::execution(inner.context("while a table was read"))
}

#[test]
fn queries() {
    use datafusion::error::DataFusionError;
    let path = || std::path::PathBuf::from("x");
    let in_scan = DataFusionError::ParquetError(Box::new(busy_parquet()));
    let plan = Box::new(DataFusionError::Plan(text()));
    assert_exits(vec![
        (engine::Error::Plan { path: path(), source: plan }, Exit::Usage),
        (engine::Error::Types { path: path() }, Exit::Usage),
        (engine::Error::TextNumber { path: path(), column: text(), instead: text() }, Exit::Usage),
        (engine::Error::TooDeep { path: path() }, Exit::Usage),
        (engine::Error::Writes { path: path() }, Exit::Usage),
        (engine::Error::UnknownColumn { path: path(), column: text(), near: vec![] }, Exit::Usage),
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
    let (name, place) = (text, text);
    let source = backfill_csv::ReadError::Header(backfill_csv::InvalidHeader::Missing);
    let unreadable = |source| Beside::Unreadable { name: name(), place: place(), source };
    assert_exits(vec![
        (Beside::NoFiles { dataset: text(), other: text(), range: range() }, Exit::Refused),
        (unreadable(missing()), Exit::Usage),
        (unreadable(busy()), Exit::Transient),
        (Beside::TooLarge { name: name(), place: place(), most: 1 }, Exit::Usage),
        (Beside::Csv { name: name(), place: place(), source }, Exit::Refused),
        (
            Beside::Rejected {
                name: name(),
                place: place(),
                rejected: 1,
                records: 2,
                line: 3,
                reason: text(),
            },
            Exit::Refused,
        ),
        (Beside::Parquet { name: name(), place: place(), source: damaged() }, Exit::Refused),
        (Beside::Cancelled { name: name() }, Exit::Failed),
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
                first: vec![],
                are_bytes: false,
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
    let path = || std::path::PathBuf::from("x");
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

variants!(refusal, state::Refusal:
    state::Refusal::Changed { .. } => "Changed",
    state::Refusal::NotAsPlanned { .. } => "NotAsPlanned",
    state::Refusal::ForeignRows { .. } => "ForeignRows",
    state::Refusal::Cascade { .. } => "Cascade",
    state::Refusal::Triggers { .. } => "Triggers",
    state::Refusal::LiveDays { .. } => "LiveDays",
    state::Refusal::DeletedOnPurpose { .. } => "DeletedOnPurpose",
    state::Refusal::UnnamedRows { .. } => "UnnamedRows",
    state::Refusal::StillListed { .. } => "StillListed",
    state::Refusal::Gone { .. } => "Gone",
    state::Refusal::Replay { .. } => "Replay",
    state::Refusal::NarrowRange { .. } => "NarrowRange",
    state::Refusal::Quota { .. } => "Quota",
    state::Refusal::Disk { .. } => "Disk",
    state::Refusal::DiskFull { .. } => "DiskFull",
);

#[test]
fn what_is_loaded_already() {
    assert_exits(vec![
        (state::Refusal::Changed { table: text(), changes: vec![] }, Exit::Refused),
        (state::Refusal::NotAsPlanned { dataset: text(), differences: vec![] }, Exit::Refused),
        (state::Refusal::ForeignRows { table: text(), files: vec![] }, Exit::Refused),
        (state::Refusal::Cascade { table: text(), files: vec![], cascades: vec![] }, Exit::Refused),
        (state::Refusal::Triggers { table: text(), triggers: vec![] }, Exit::Refused),
        (
            state::Refusal::LiveDays {
                table: text(),
                since: range().start(),
                range: range(),
                files: vec![],
            },
            Exit::Refused,
        ),
        (state::Refusal::DeletedOnPurpose { table: text(), files: vec![] }, Exit::Refused),
        (state::Refusal::UnnamedRows { table: text(), rows: 1 }, Exit::Refused),
        (state::Refusal::StillListed { table: text(), files: vec![] }, Exit::Refused),
        (state::Refusal::Gone { table: text(), files: vec![] }, Exit::Refused),
        (state::Refusal::Replay { table: text(), files: vec![] }, Exit::Refused),
        (
            state::Refusal::NarrowRange { files: vec![], range: range(), loaded_with: range() },
            Exit::Refused,
        ),
        (state::Refusal::Quota { database: 1, growth: 1, most: 1 }, Exit::Refused),
        (state::Refusal::Disk { growth: 1, wal: 1, disk: 1 }, Exit::Refused),
        (state::Refusal::DiskFull { database: 1, growth: 1, wal: 1, disk: 1 }, Exit::Refused),
    ]);
}

variants!(target, target::Error:
    target::Error::NoDatabase => "NoDatabase",
    target::Error::Setting { .. } => "Setting",
    target::Error::Certificates { .. } => "Certificates",
    target::Error::NoRootCertificate { .. } => "NoRootCertificate",
    target::Error::ClientCertificate { .. } => "ClientCertificate",
    target::Error::Connect { .. } => "Connect",
    target::Error::Statement { .. } => "Statement",
    target::Error::Rows { .. } => "Rows",
    target::Error::NoArrowValue { .. } => "NoArrowValue",
    target::Error::Mismatch { .. } => "Mismatch",
    target::Error::Target { .. } => "Target",
    target::Error::Value { .. } => "Value",
    target::Error::Json(_) => "Json",
    target::Error::Staged { .. } => "Staged",
    target::Error::Count { .. } => "Count",
    target::Error::RolledBack { .. } => "RolledBack",
    target::Error::Waiting(_) => "Waiting",
    target::Error::CommitUnknown { .. } => "CommitUnknown",
    target::Error::Unfinished { .. } => "Unfinished",
    target::Error::LedgerUnreadable { .. } => "LedgerUnreadable",
    target::Error::ForeignRows { .. } => "ForeignRows",
    target::Error::NullKeys { .. } => "NullKeys",
    target::Error::AmbiguousKeys { .. } => "AmbiguousKeys",
    target::Error::ForeignLedger { .. } => "ForeignLedger",
    target::Error::IncompleteLedger { .. } => "IncompleteLedger",
    target::Error::OutdatedLedger { .. } => "OutdatedLedger",
    target::Error::Rights { .. } => "Rights",
    target::Error::LeftBehind { .. } => "LeftBehind",
    target::Error::NoAnswer { .. } => "NoAnswer",
    target::Error::ChangedMeanwhile { .. } => "ChangedMeanwhile",
    target::Error::RunUndone { .. } => "RunUndone",
    target::Error::Undo(_) => "Undo",
);

/// An error of the driver without an answer of a server: a connection that is refused.
async fn refused() -> tokio_postgres::Error {
    let settings = "host=127.0.0.1 port=1 user=x connect_timeout=5";
    tokio_postgres::connect(settings, tokio_postgres::NoTls).await.err().expect("nobody listens")
}

#[tokio::test]
async fn the_target() {
    let rows = |state: &str| target::Error::Rows {
        doing: text(),
        state: state.to_owned(),
        place: text(),
        cause: target::RowsCause::Unknown,
    };
    let count = target::Error::Count { table: text(), batch: 1, sent: 1, taken: 2 };
    assert_exits(vec![
        (target::Error::NoDatabase, Exit::Usage),
        (target::Error::Setting { variable: "X", reason: text() }, Exit::Usage),
        (target::Error::Certificates { path: text().into(), source: io() }, Exit::Usage),
        (target::Error::NoRootCertificate { path: text().into() }, Exit::Usage),
        (target::Error::ClientCertificate { path: text().into(), reason: text() }, Exit::Usage),
        (
            target::Error::Connect {
                database: text(),
                failure: target::ConnectFailure::Unreachable,
                source: Box::new(refused().await),
            },
            Exit::Transient,
        ),
        (target::Error::Statement { doing: text(), source: refused().await }, Exit::Transient),
        (rows(""), Exit::Transient),
        (rows("40P01"), Exit::Transient),
        (rows("53300"), Exit::Transient),
        (rows("55P03"), Exit::Transient),
        (rows("57014"), Exit::Failed),
        (rows("57P01"), Exit::Transient),
        (rows("22P02"), Exit::Refused),
        (rows("23505"), Exit::Refused),
        (rows("42P01"), Exit::Usage),
        (rows("42501"), Exit::Failed),
        (rows("25006"), Exit::Failed),
        (rows("53100"), Exit::Failed),
        (rows("XX000"), Exit::Failed),
        (
            target::Error::NoArrowValue { table: text(), column: text(), data_type: text() },
            Exit::Failed,
        ),
        (target::Error::Mismatch { table: text(), stage: text(), problems: vec![] }, Exit::Usage),
        (target::Error::Target { table: text(), reason: text() }, Exit::Usage),
        (
            target::Error::Value { column: text(), file: text(), row_id: 1, reason: text() },
            Exit::Refused,
        ),
        (target::Error::Json(json()), Exit::Failed),
        (target::Error::Waiting(io()), Exit::Failed),
        (target::Error::Staged { path: text(), source: busy_parquet() }, Exit::Transient),
        (target::Error::Staged { path: text(), source: damaged() }, Exit::Failed),
        (count, Exit::Failed),
        (target::Error::RolledBack { batch: 1 }, Exit::Failed),
        (target::Error::CommitUnknown { batch: 1 }, Exit::Transient),
        (target::Error::Unfinished { batch: 1 }, Exit::Transient),
        (target::Error::LedgerUnreadable { file: text() }, Exit::Failed),
        (target::Error::NullKeys { key: vec![text()], files: vec![] }, Exit::Refused),
        (target::Error::AmbiguousKeys { table: text(), key: vec![text()], keys: 1 }, Exit::Refused),
        (target::Error::ForeignLedger { table: text(), reason: text() }, Exit::Usage),
        (target::Error::IncompleteLedger { missing: vec![text()] }, Exit::Usage),
        (target::Error::OutdatedLedger { owner: text() }, Exit::Usage),
        (target::Error::Rights { role: text(), grants: vec![text()] }, Exit::Usage),
        (target::Error::LeftBehind { holder: text(), pid: 1 }, Exit::Transient),
        (target::Error::NoAnswer { seconds: 90 }, Exit::Transient),
        (target::Error::ForeignRows { table: text(), batch: 1, rows: 1 }, Exit::Refused),
        (target::Error::ChangedMeanwhile { table: text(), batch: 1 }, Exit::Transient),
        (target::Error::RunUndone { run: text() }, Exit::Refused),
        (target::UndoRefusal::UnknownRun { run: text() }.into(), Exit::Usage),
    ]);
}

variants!(undo, target::UndoRefusal:
    target::UndoRefusal::UnknownRun { .. } => "UnknownRun",
    target::UndoRefusal::LaterRuns { .. } => "LaterRuns",
    target::UndoRefusal::NotKept { .. } => "NotKept",
    target::UndoRefusal::ChangedRows { .. } => "ChangedRows",
    target::UndoRefusal::ColumnsGone { .. } => "ColumnsGone",
    target::UndoRefusal::KeysTaken { .. } => "KeysTaken",
    target::UndoRefusal::NotATable { .. } => "NotATable",
    target::UndoRefusal::SideEffects { .. } => "SideEffects",
    target::UndoRefusal::DeletedOnPurpose { .. } => "DeletedOnPurpose",
);

impl From<target::UndoRefusal> for Error {
    fn from(refusal: target::UndoRefusal) -> Self {
        target::Error::from(refusal).into()
    }
}

#[test]
fn undoing_a_run() {
    use target::UndoRefusal;
    let (run, table) = (text(), text());
    let kept = UndoRefusal::NotKept { run, table, batch: 1, replaced: 2, kept: 1 };
    let (run, table, reason) = (text(), text(), "it is a view");
    assert_exits(vec![
        (UndoRefusal::UnknownRun { run: text() }, Exit::Usage),
        (UndoRefusal::LaterRuns { run: text(), table: text(), later: vec![] }, Exit::Refused),
        (kept, Exit::Refused),
        (UndoRefusal::ChangedRows { table: text(), files: vec![] }, Exit::Refused),
        (UndoRefusal::ColumnsGone { table: text(), columns: vec![] }, Exit::Refused),
        (
            UndoRefusal::KeysTaken { run: text(), table: text(), key: vec![], rows: 1 },
            Exit::Refused,
        ),
        (UndoRefusal::NotATable { run, table, reason }, Exit::Refused),
        (UndoRefusal::SideEffects { effects: vec![] }, Exit::Refused),
        (UndoRefusal::DeletedOnPurpose { run: text(), table: text(), rows: 1 }, Exit::Refused),
    ]);
}

variants!(inventory, store::inventory::Error:
    store::inventory::Error::List { .. } => "List",
    store::inventory::Error::Delete { .. } => "Delete",
);

#[test]
fn pruning() {
    let denied = object_store::Error::PermissionDenied { path: text(), source: "403".into() };
    let delete = |source| store::inventory::Error::Delete { failed: 1, first: text(), source };
    assert_exits(vec![
        (store::inventory::Error::List { place: text(), source: missing() }, Exit::Failed),
        (delete(busy()), Exit::Failed),
        (delete(denied), Exit::Failed),
    ]);
}

variants!(root, Error:
    Error::Config(_) => "Config",
    Error::Usage(_) => "Usage",
    Error::Plan { .. } => "Plan",
    Error::Store(_) => "Store",
    Error::Source(_) => "Source",
    Error::Sql(_) => "Sql",
    Error::Mirror(_) => "Mirror",
    Error::Profile(_) => "Profile",
    Error::Engine(_) => "Engine",
    Error::Beside(_) => "Beside",
    Error::Check(_) => "Check",
    Error::Dedupe(_) => "Dedupe",
    Error::Stage(_) => "Stage",
    Error::Inventory(_) => "Inventory",
    Error::Refusal(_) => "Refusal",
    Error::Target(_) => "Target",
    Error::Unbalanced(_) => "Unbalanced",
    Error::Accounting { .. } => "Accounting",
    Error::Json { .. } => "Json",
    Error::Sample(_) => "Sample",
    #[cfg(feature = "demo")] Error::Embedded(_) => "Embedded",
    Error::NothingLoaded { .. } => "NothingLoaded",
    Error::NoFiles { .. } => "NoFiles",
    Error::NoDates { .. } => "NoDates",
    Error::NoneUsable { .. } => "NoneUsable",
    Error::NotRefreshed { .. } => "NotRefreshed",
    Error::Input { .. } => "Input",
    Error::Output { .. } => "Output",
    Error::Runtime(_) => "Runtime",
    Error::Interrupted => "Interrupted",
);

#[test]
fn the_root() {
    let prefix = config::Error::UnknownPrefix { prefix: text(), known: vec![] };
    let wrong = state::Unbalanced::Wrong { dataset: text(), wrong: vec![] };
    let sample = backfill_sample::Error::Prefix { path: text().into() };
    let folder = backfill_sample::Error::CreateFolder { path: text().into(), source: io() };
    assert_exits(vec![
        (Error::from(prefix), Exit::Usage),
        (Error::Usage(text()), Exit::Usage),
        (Error::Plan { path: text(), reason: text() }, Exit::Usage),
        (Error::from(store::OpenError::new("s3://x", missing())), Exit::Failed),
        (Error::from(source::Error::ZeroBytes { keys: vec![] }), Exit::Refused),
        (Error::from(sql::Error::Severity { path: text().into(), found: text() }), Exit::Usage),
        (Error::from(mirror::Error::Archived { file: text() }), Exit::Failed),
        (Error::from(profile::Error::Cancelled { path: text() }), Exit::Failed),
        (Error::from(engine::Error::Memory), Exit::Failed),
        (Error::from(tables::BesideError::Cancelled { name: text() }), Exit::Failed),
        (Error::from(check::Error::Cancelled), Exit::Failed),
        (Error::from(dedupe::Error::Unknown { path: text().into() }), Exit::Usage),
        (Error::from(stage::Error::Cancelled { file: text() }), Exit::Failed),
        (
            Error::from(store::inventory::Error::List { place: text(), source: busy() }),
            Exit::Transient,
        ),
        (Error::from(state::Refusal::Changed { table: text(), changes: vec![] }), Exit::Refused),
        (Error::from(target::Error::NoDatabase), Exit::Usage),
        (Error::from(wrong), Exit::Refused),
        (Error::Accounting { path: text(), source: busy() }, Exit::Transient),
        (Error::Accounting { path: text(), source: missing() }, Exit::Failed),
        (Error::Json { what: "x", source: json() }, Exit::Failed),
        (Error::from(sample), Exit::Usage),
        (Error::from(folder), Exit::Failed),
        #[cfg(feature = "demo")]
        (Error::from(backfill_demo::Error::Start { server: "x", reason: text() }), Exit::Failed),
        (Error::NothingLoaded { tables: vec![text()] }, Exit::Usage),
        (Error::NoFiles { days: None, prefixes: text() }, Exit::NoFiles),
        (Error::NoDates { place: text(), keys: 1, example: text() }, Exit::NoFiles),
        (Error::NoneUsable { place: text(), reasons: vec![] }, Exit::Refused),
        (Error::NotRefreshed { views: vec![] }, Exit::Failed),
        (Error::Input { what: text(), source: io() }, Exit::Failed),
        (Error::Output { what: text(), source: io() }, Exit::Failed),
        (Error::Runtime(io()), Exit::Failed),
        (Error::Interrupted, Exit::Interrupted),
    ]);
}

/// The table of the README says what the numbers mean; this holds them to it.
#[test]
fn the_readme_lists_every_code() {
    let readme = include_str!("../../README.md");
    let codes = readme.split("## Exit codes").nth(1).and_then(|rest| rest.split("## ").next());
    let listed: BTreeSet<u8> = codes
        .expect("the section")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
        .collect();
    let kinds = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Refused,
        Exit::NoFiles,
        Exit::Transient,
        Exit::Interrupted,
    ];
    assert_eq!(listed, kinds.into_iter().map(|exit| exit as u8).collect());
}
