//! Tests of errors while **loading**: refusals, the target, undo, and pruning.

use super::*;

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

/// An error of the driver without an answer of a server: a refused connection.
async fn refused() -> tokio_postgres::Error {
    let settings = "host=127.0.0.1 port=1 user=x connect_timeout=5";
    tokio_postgres::connect(settings, tokio_postgres::NoTls).await.err().expect("nobody listens")
}

#[tokio::test]
async fn the_target() {
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

/// An error of the server with this SQLSTATE.
fn rows(state: &str) -> target::Error {
    target::Error::Rows {
        doing: text(),
        state: state.to_owned(),
        place: text(),
        cause: target::RowsCause::Unknown,
    }
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
    use store::inventory::Error::{Delete, List};
    let denied = object_store::Error::PermissionDenied { path: text(), source: "403".into() };
    assert_exits(vec![
        (List { place: text(), source: missing() }, Exit::Failed),
        (Delete { failed: 1, first: text(), source: busy() }, Exit::Failed),
        (Delete { failed: 1, first: text(), source: denied }, Exit::Failed),
    ]);
}
