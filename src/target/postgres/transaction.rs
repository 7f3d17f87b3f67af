//! A **transaction** whose outcome is verified: the server is asked whether it committed, and one that lost its
//! connection is ended before it is tried again.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::session::begin;
use crate::failpoint;
use crate::target::Error;

/// A transaction that was begun, and whose outcome is not known yet.
pub(super) struct Open {
    pid: i32,
    /// Its 64-bit id in decimal.
    pub xid: String,
}

impl Open {
    /// Begins a transaction of a batch.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub(super) async fn begin(client: &Client, batch: usize) -> Result<Self, Error> {
        begin(client, &format!("beginning batch {batch}")).await?;
        let row = client
            .query_typed_one(WHO, &[])
            .await
            .map_err(Error::statement(format!("asking for the transaction of batch {batch}")))?;
        Ok(Self { pid: row.get(0), xid: row.get(1) })
    }
}

/// How often the server is asked about a transaction that lost its connection, once per second.
const SETTLE_ATTEMPTS: u32 = 60;

/// Waits until a transaction that lost its connection has ended. The server may not know yet that its
/// client is gone, and would hold the batch's locks as long as it waits for more rows.
///
/// # Errors
/// [`Error::Unfinished`], [`Error::Statement`].
pub(super) async fn settle(client: &Client, batch: usize, open: &Open) -> Result<(), Error> {
    let doing = format!("ending an earlier try of batch {batch}");
    client
        .query_typed(TERMINATE, &[(&open.pid, Type::INT4), (&open.xid, Type::TEXT)])
        .await
        .map_err(Error::statement(doing.clone()))?;
    for _ in 0..SETTLE_ATTEMPTS {
        let status = status(client, &open.xid).await.map_err(Error::statement(doing.clone()))?;
        if status != Status::InProgress {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err(Error::Unfinished { batch })
}

/// Ends the session with the process id `$1` if it is still in the transaction `$2`.
const TERMINATE: &str = "\
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE pid = $1 AND backend_xid = ($2::xid8)::xid AND pid <> pg_catalog.pg_backend_pid()";

/// The session's process and the transaction that it is in.
const WHO: &str = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_current_xact_id()::text";

/// Commits, and asks the server whether it did: its answer to COMMIT is the same for an aborted transaction.
///
/// # Errors
/// [`Error::RolledBack`], [`Error::CommitUnknown`], [`Error::Rows`].
pub(super) async fn commit(client: &Client, batch: usize, xid: &str) -> Result<(), Error> {
    failpoint::reach(failpoint::LOAD_BEFORE_COMMIT);
    let committed = client.batch_execute("COMMIT").await;
    failpoint::reach(failpoint::LOAD_COMMITTED);
    let verified = match committed {
        Ok(()) => status(client, xid).await,
        Err(error) => Err(error),
    };
    match verified {
        Ok(Status::Committed) => {
            failpoint::reach(failpoint::LOAD_BATCH_VERIFIED);
            Ok(())
        }
        Ok(Status::Aborted) => Err(Error::RolledBack { batch }),
        Ok(Status::InProgress | Status::Unknown) => Err(Error::CommitUnknown { batch }),
        Err(error) if error.as_db_error().is_some_and(is_about_rows) => {
            Err(Error::rows(format!("committing batch {batch}"), &error))
        }
        Err(_) => Err(Error::CommitUnknown { batch }),
    }
}

/// Whether the server refused to commit, instead of merely ending the session.
fn is_about_rows(error: &tokio_postgres::error::DbError) -> bool {
    !matches!(error.code().code().get(..2), Some("57" | "08" | "58" | "XX"))
}

/// How a transaction ended, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Committed,
    Aborted,
    InProgress,
    /// The server does not know, because the transaction is too old.
    Unknown,
}

/// Asks the server how a transaction ended.
async fn status(client: &Client, xid: &str) -> Result<Status, tokio_postgres::Error> {
    let statement = "SELECT pg_catalog.pg_xact_status($1::text::xid8)";
    let row = match client.query_typed_one(statement, &[(&xid, Type::TEXT)]).await {
        // After a crash the server may not know the number of a transaction that did not commit.
        Err(error) if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) => {
            return Ok(Status::Aborted);
        }
        asked => asked?,
    };
    Ok(match row.get::<_, Option<&str>>(0) {
        Some("committed") => Status::Committed,
        Some("aborted") => Status::Aborted,
        Some("in progress") => Status::InProgress,
        _ => Status::Unknown,
    })
}
