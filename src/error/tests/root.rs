//! Tests of the **root** error.

use super::*;

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
    Error::UndecidedDates { .. } => "UndecidedDates",
    Error::Archives { .. } => "Archives",
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
        (Error::UndecidedDates { place: text(), readings: vec![] }, Exit::Usage),
        (Error::Archives { place: text(), keys: 1, example: text() }, Exit::NoFiles),
        (Error::NoneUsable { place: text(), reasons: vec![] }, Exit::Refused),
        (Error::NotRefreshed { views: vec![] }, Exit::Failed),
        (Error::Input { what: text(), source: io() }, Exit::Failed),
        (Error::Output { what: text(), source: io() }, Exit::Failed),
        (Error::Runtime(io()), Exit::Failed),
        (Error::Interrupted, Exit::Interrupted),
    ]);
}
