//! The **database**: whether it can be reached, how the connection is protected, and what the server and the role
//! allow. Everything happens in transactions that are rolled back.

use tokio_postgres::Client;

use super::checklist::{Area, Checklist, HealthCheck};
use super::protection::add_protection;
use super::server::add_server;
use super::{UsableDatabase, explained};
use crate::config::Config;
use crate::domain::{Environment, TableName};
use crate::target::{self, ConnectFailure, Database, Meaning, Needs, Pooling, Server, ledger};

/// The steps of a connection, in order. Each is a check; its id is in [`WAY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Address,
    Reachable,
    Tls,
    Login,
}

/// The ids of the checks of each [`Step`].
const WAY: [&str; 4] = ["database-address", "database-reachable", "database-tls", "database-login"];
/// What is found of a step that passed, but for the login, which is the last.
const PASSED: [&str; 3] = [
    "an address is configured",
    "the server answers",
    "the certificates that sslmode requires exist",
];
/// The check that looks for a pooler between us and the server.
const POOLER: &str = "database-pooler";
/// The checks that need an answer.
const ANSWERED: [&str; 10] = [
    "database-version",
    "database-writable",
    "database-encoding",
    POOLER,
    "database-timeouts",
    "database-connections",
    "database-sessions",
    "database-size",
    "database-transaction-ids",
    "ledger",
];

/// Examines the database. If it does not answer, everything that needs it is skipped.
pub(super) async fn examine(
    config: &Config,
    environment: &Environment,
) -> (Option<UsableDatabase>, Vec<HealthCheck>) {
    let mut list = Checklist::new(Area::Database, "database");
    let database = match Database::from_environment(environment) {
        Ok(database) => database,
        Err(error) => {
            add_failed_step(&mut list, Step::Address, &error);
            return (None, list.checks);
        }
    };
    list.subject = database.to_string();
    let is_writable = match database.protection().await {
        Ok(protection) => {
            for step in [Step::Address, Step::Reachable] {
                list.passed(WAY[step as usize], PASSED[step as usize]);
            }
            add_protection(&mut list, protection);
            add_answers(&mut list, &database, config).await
        }
        Err(error) => {
            add_failed_step(&mut list, failed_step(&error), &error);
            None
        }
    };
    let usable = is_writable.map(|is_writable| UsableDatabase { database, is_writable });
    (usable, list.checks)
}

/// Asks the server, and adds what it answers. Returns whether it takes writes; `None` if it does not answer.
async fn add_answers(list: &mut Checklist, database: &Database, config: &Config) -> Option<bool> {
    let login = WAY[Step::Login as usize];
    let server = match database.rehearsal(async |client: &Client| Server::ask(client).await).await {
        Ok(server) => server,
        Err(error) => {
            let (found, next) = explained(&error);
            list.failed(login, found, next);
            list.skipped_all(&ANSWERED, "the server does not do what it is asked");
            return None;
        }
    };
    list.passed(login, format!("{} can log in", server.role));
    let is_writable = add_server(list, &server, config.limits);
    match server.free_connections {
        // Only one can be opened: that of the session that asked, which is closed by now.
        ..=0 => list.skipped(
            POOLER,
            "it takes two connections at once, and the role may open one (database-connections)",
        ),
        _ => add_pooler(list, database.pooling().await),
    }
    add_ledger(list, database, config, is_writable).await;
    Some(is_writable)
}

/// The step at which an attempt to connect failed.
fn failed_step(error: &target::Error) -> Step {
    use ConnectFailure as Failure;
    match error {
        target::Error::NoDatabase | target::Error::Setting { .. } => Step::Address,
        target::Error::Connect { failure, .. } => match failure {
            Failure::Unresolved | Failure::Unreachable | Failure::SupabaseDirect => Step::Reachable,
            Failure::NoTls
            | Failure::Untrusted
            | Failure::WrongName
            | Failure::Expired
            | Failure::OddCertificate
            | Failure::ClientCertificate
            | Failure::Handshake
            | Failure::Refused(Meaning::TlsNeeded) => Step::Tls,
            Failure::NotWritable
            | Failure::NoPassword
            | Failure::Authentication
            | Failure::Refused(_) => Step::Login,
        },
        target::Error::Certificates { .. }
        | target::Error::NoRootCertificate { .. }
        | target::Error::ClientCertificate { .. } => Step::Tls,
        _ => Step::Login,
    }
}

/// Adds a step that failed: those before it passed, and everything after it is skipped.
fn add_failed_step(list: &mut Checklist, step: Step, error: &target::Error) {
    let failed = step as usize;
    for (id, found) in WAY.into_iter().zip(PASSED).take(failed) {
        list.passed(id, found);
    }
    let (found, next) = explained(error);
    list.failed(WAY[failed], found, next);
    let why = format!("{} failed", WAY[failed]);
    list.skipped_all(&WAY[failed + 1..], &why);
    list.skipped_all(&ANSWERED, &why);
}

fn add_pooler(list: &mut Checklist, pooling: Result<Pooling, target::Error>) {
    match pooling {
        Ok(Pooling::NotSeen) => list.passed(POOLER, "no pooler was seen"),
        Ok(Pooling::Session) => list.passed(POOLER, "there is a pooler in session mode"),
        Ok(Pooling::Transaction) => list.warned(
            POOLER,
            "there is a pooler in transaction mode; loads work, but its own time-outs, which SQL does \
             not show, may end a long one",
            "prefer the direct address or the pooler's session mode (for Supabase: port 5432 in place of \
             6543), or make sure that query_timeout and client_idle_timeout of the pooler are 0",
        ),
        Err(error) => {
            let (found, next) = explained(&error);
            let found = format!("a second session beside the first one failed: {found}");
            list.failed(POOLER, found, next);
        }
    }
}

/// Tries to create the ledger or to bring it up to date.
async fn add_ledger(list: &mut Checklist, database: &Database, config: &Config, is_writable: bool) {
    const ID: &str = "ledger";
    if !is_writable {
        return list.skipped(ID, "the database does not accept writes");
    }
    let table = config.datasets.first().map(|dataset| dataset.table.clone());
    let tried =
        database.rehearsal(async |client: &Client| try_ledger(client, table.as_ref()).await);
    match tried.await {
        Ok(Tried::Current) => list.passed(ID, "it exists, and is of this version"),
        Ok(Tried::Created) => {
            list.passed(ID, "it does not exist yet; creating it was tried and rolled back");
        }
        Ok(Tried::BroughtUpToDate) => {
            list.passed(ID, "an older version created it; upgrading it was tried and rolled back");
        }
        Ok(Tried::Lacking(grants)) => list.failed(
            ID,
            "this user lacks rights on the ledger (schema backfill)",
            format!(
                "have the owner of the ledger or of the database execute: {}",
                grants.join("; ")
            ),
        ),
        Err(error) => {
            let (found, next) = explained(&error);
            list.failed(ID, found, next);
        }
    }
}

/// The result of trying the ledger.
enum Tried {
    /// It exists, and is of this version.
    Current,
    /// It did not exist, and was created.
    Created,
    /// It was of an older version, and was brought up to date.
    BroughtUpToDate,
    /// Rights are missing, which these statements grant.
    Lacking(Vec<String>),
}

async fn try_ledger(client: &Client, table: Option<&TableName>) -> Result<Tried, target::Error> {
    let was_there = match ledger::exists(client).await {
        Err(target::Error::Rights { grants, .. }) => return Ok(Tried::Lacking(grants)),
        other => other?,
    };
    if let Some(table) = table {
        let missing = target::missing_rights(client, table, None, Needs::default()).await?;
        if !missing.of_ledger.is_empty() {
            return Ok(Tried::Lacking(missing.of_ledger));
        }
    }
    if was_there && ledger::is_current(client).await? {
        return Ok(Tried::Current);
    }
    ledger::create(client).await?;
    Ok(if was_there { Tried::BroughtUpToDate } else { Tried::Created })
}
