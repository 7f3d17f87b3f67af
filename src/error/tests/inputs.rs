//! Tests of errors in the **inputs**: the configuration, the source, the SQL files, mirrors and profiles.

use super::*;

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
    mirror::Error::Read { source: backfill_csv::ReadError::OtherEncoding { .. }, .. } => "Read another encoding",
    mirror::Error::Read { source: backfill_csv::ReadError::Page { .. }, .. } => "Read a page",
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
        (read(ReadError::OtherEncoding { line: 2 }), Exit::Refused),
        (read(ReadError::Page { line: 2 }), Exit::Refused),
        (read(ReadError::Read { offset: 9, source: cut_short() }), Exit::Refused),
        (read(ReadError::Dialect(InvalidDialect::Characters)), Exit::Usage),
        (read_bytes(busy()), Exit::Transient),
        // The file was listed and is gone now: the next run lists again.
        (read_bytes(missing()), Exit::Transient),
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

fn read(source: backfill_csv::ReadError) -> mirror::Error {
    mirror::Error::Read { file: text(), source }
}

fn read_bytes(error: object_store::Error) -> mirror::Error {
    read(backfill_csv::ReadError::Read { offset: 0, source: std::io::Error::other(error) })
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
