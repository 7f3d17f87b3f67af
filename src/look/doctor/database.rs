//! The **database**: that it lets us in, how the connection is protected, and what the server and the role
//! allow. Everything happens in transactions that are rolled back.

use tokio_postgres::Client;

use super::checklist::{Area, Checklist, HealthCheck};
use super::protection::add_protection;
use super::server::add_server;
use super::{UsableDatabase, explained};
use crate::config::Config;
use crate::domain::{Environment, TableName};
use crate::target::{self, ConnectFailure, Database, Meaning, Needs, Pooling, Server, ledger};

/// The checks on the way to the first answer, in order.
const WAY: [&str; 4] = ["database-address", "database-reachable", "database-tls", "database-login"];
/// The checks that need an answer.
const ANSWERED: [&str; 10] = [
    "database-version",
    "database-writable",
    "database-encoding",
    "database-pooler",
    "database-timeouts",
    "database-connections",
    "database-sessions",
    "database-size",
    "database-transaction-ids",
    "ledger",
];

/// Examines the database; without one that answers, everything that needs it is skipped.
pub async fn examine(
    config: &Config,
    environment: &Environment,
) -> (Option<UsableDatabase>, Vec<HealthCheck>) {
    let mut list = Checklist::new(Area::Database, "database");
    let database = match Database::from_environment(environment) {
        Ok(database) => database,
        Err(error) => {
            let (found, next) = explained(&error);
            add_way(&mut list, 0, found, next);
            return (None, list.checks);
        }
    };
    list.subject = database.to_string();
    let protection = match database.protection().await {
        Ok(protection) => protection,
        Err(error) => {
            let (found, next) = explained(&error);
            add_way(&mut list, step_of(&error), found, next);
            return (None, list.checks);
        }
    };
    list.passed(WAY[0], "it is named");
    list.passed(WAY[1], "the server answers");
    add_protection(&mut list, protection);
    match database.rehearsal(async |client: &Client| Server::ask(client).await).await {
        Ok(server) => {
            list.passed(WAY[3], format!("the server lets {} in", server.role));
            let is_writable = add_server(&mut list, &server, config.limits);
            match server.free_connections {
                // The connection that was counted is closed by now.
                ..=0 => list.skipped(
                    "database-pooler",
                    "it takes two connections at once, and the role may open one (database-connections)",
                ),
                _ => add_pooler(&mut list, database.pooling().await),
            }
            add_ledger(&mut list, &database, config, is_writable).await;
            (Some(UsableDatabase { database, is_writable }), list.checks)
        }
        Err(error) => {
            let (found, next) = explained(&error);
            list.failed(WAY[3], found, next);
            list.skipped_all(&ANSWERED, "the server does not do what it is asked");
            (None, list.checks)
        }
    }
}

/// How far an attempt to connect came.
fn step_of(error: &target::Error) -> usize {
    use ConnectFailure as Failure;
    match error {
        target::Error::NoDatabase | target::Error::Setting { .. } => 0,
        target::Error::Connect { failure, .. } => match failure {
            Failure::Unresolved | Failure::Unreachable | Failure::SupabaseDirect => 1,
            Failure::NoTls
            | Failure::Untrusted
            | Failure::WrongName
            | Failure::Expired
            | Failure::OddCertificate
            | Failure::ClientCertificate
            | Failure::Handshake
            | Failure::Refused(Meaning::TlsNeeded) => 2,
            Failure::NotWritable
            | Failure::NoPassword
            | Failure::Authentication
            | Failure::Refused(_) => 3,
        },
        target::Error::Certificates { .. }
        | target::Error::NoRootCertificate { .. }
        | target::Error::ClientCertificate { .. } => 2,
        _ => 3,
    }
}

/// The way ended at the step of this number.
fn add_way(list: &mut Checklist, failed: usize, found: String, next: String) {
    let passed = ["it is named", "the server answers", "what sslmode asks for is there"];
    for (step, found) in passed.into_iter().take(failed).enumerate() {
        list.passed(WAY[step], found);
    }
    list.failed(WAY[failed], found, next);
    let why = format!("{} failed", WAY[failed]);
    list.skipped_all(&WAY[failed + 1..], &why);
    list.skipped_all(&ANSWERED, &why);
}

fn add_pooler(list: &mut Checklist, pooling: Result<Pooling, target::Error>) {
    const ID: &str = "database-pooler";
    match pooling {
        Ok(Pooling::NotSeen) => list.passed(ID, "no pooler was seen"),
        Ok(Pooling::Session) => list.passed(ID, "a pooler is in between, in session mode"),
        Ok(Pooling::Transaction) => list.warned(
            ID,
            "a pooler is in between, in transaction mode; loads work, but its own time-outs, which SQL does \
             not show, may end a long one",
            "prefer the direct address or the pooler's session mode (for Supabase: port 5432 in place of \
             6543), or see that query_timeout and client_idle_timeout of the pooler are 0",
        ),
        Err(error) => {
            let (found, next) = explained(&error);
            list.failed(ID, format!("a second session beside the first one failed: {found}"), next);
        }
    }
}

/// Tries to make the ledger or to bring it up to date.
async fn add_ledger(list: &mut Checklist, database: &Database, config: &Config, is_writable: bool) {
    const ID: &str = "ledger";
    if !is_writable {
        return list.skipped(ID, "the database takes no writes");
    }
    let table = config.datasets.first().map(|dataset| dataset.table.clone());
    let tried =
        database.rehearsal(async |client: &Client| try_ledger(client, table.as_ref()).await);
    match tried.await {
        Ok(Tried::Current) => list.passed(ID, "it is there, and of this version"),
        Ok(Tried::Made) => {
            list.passed(ID, "there is none yet; making one was tried and rolled back");
        }
        Ok(Tried::BroughtUpToDate) => list.passed(
            ID,
            "an older version made it; bringing it up to date was tried and rolled back",
        ),
        Ok(Tried::Lacking(grants)) => list.failed(
            ID,
            "this user lacks rights on the ledger (schema backfill)",
            format!("have the owner of the ledger or of the database send: {}", grants.join("; ")),
        ),
        Err(error) => {
            let (found, next) = explained(&error);
            list.failed(ID, found, next);
        }
    }
}

/// What came of trying the ledger.
enum Tried {
    Current,
    Made,
    BroughtUpToDate,
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
    Ok(if was_there { Tried::BroughtUpToDate } else { Tried::Made })
}
