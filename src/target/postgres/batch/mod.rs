//! A **batch** is some days in one transaction: lock, delete what is reloaded, place the rows, write the
//! ledger, commit, and ask the server whether it did.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::ledger::{self, BatchRecord};
use super::session::begin;
use super::{Database, Encoder, Target};
use crate::domain::{FileDate, Placed, Placement};
use crate::failpoint;
use crate::progress::Listener;
use crate::stage::StagedFile;
use crate::state::{Contested, Loaded};
use crate::store::Store;
use crate::target::Error;

mod claim;
mod loads;
mod merge;
mod outdated;
mod place;
mod sequences;

pub use place::Placing;

/// What batches have in common.
pub struct Job<'a> {
    /// The target database.
    pub database: &'a Database,
    /// The target.
    pub target: &'a Target,
    /// How rows get into it.
    pub placement: &'a Placement,
    /// Encodes staged rows for it; `None` if no rows are loaded.
    pub encoder: Option<Arc<Encoder>>,
    /// Where staging is.
    pub staging: &'a Store,
    /// The run.
    pub run_id: &'a str,
    /// The dataset.
    pub dataset: &'a str,
    /// The digest of the SQL.
    pub sql_hash: &'a str,
    /// The files whose rows are replaced, by name.
    pub reload: &'a HashMap<String, Contested>,
    /// How many rows others had put into the target of files that were not loaded before, by name.
    pub found: &'a HashMap<String, u64>,
    /// Hears of every row that is sent.
    pub progress: &'a Listener,
}

/// Some days of a range with the files to load.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Counted from 1 over the range.
    pub number: usize,
    /// First and last file date in it.
    pub days: (FileDate, FileDate),
    /// The files to load.
    pub files: Vec<StagedFile>,
    /// The files that are gone, whose rows are deleted.
    pub gone: Vec<Contested>,
}

impl Batch {
    /// The batch of files to load and of files that are gone; `None` if there is neither.
    pub fn of(
        number: usize,
        files: Vec<StagedFile>,
        gone: Vec<(FileDate, Contested)>,
    ) -> Option<Self> {
        let dates = files.iter().map(|file| file.date).chain(gone.iter().map(|(date, _)| *date));
        let days = (dates.clone().min()?, dates.max()?);
        let gone = gone.into_iter().map(|(_, file)| file).collect();
        Some(Self { number, days, files, gone })
    }
}

/// A transaction that was begun, and whose end nobody has seen.
struct Open {
    pid: i32,
    xid: String,
}

/// How often a transaction that lost its connection is asked for, once a second.
const SETTLE_ATTEMPTS: u32 = 60;

/// Loads a batch; again if the connection or the server fails in a way that may pass.
///
/// # Errors
/// [`Error`]; nothing of the batch is in the target then, but for [`Error::CommitUnknown`].
pub async fn load(job: &Job<'_>, batch: &Batch) -> Result<Loaded, Error> {
    let mut open: Option<Open> = None;
    job.database
        .unmanaged_session(async |client: &Client| {
            if let Some(earlier) = &open {
                settle(client, batch.number, earlier).await?;
                open = None;
            }
            transaction(job, batch, client, &mut open).await
        })
        .await
}

/// Waits until a transaction that lost its connection has ended. The server may not know yet that its
/// client is gone, and would hold the batch's locks as long as it waits for more rows.
async fn settle(client: &Client, batch: usize, open: &Open) -> Result<(), Error> {
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

async fn transaction(
    job: &Job<'_>,
    batch: &Batch,
    client: &Client,
    open: &mut Option<Open>,
) -> Result<Loaded, Error> {
    let number = batch.number;
    begin(client, &format!("beginning batch {number}")).await?;
    let row = client
        .query_typed_one(WHO, &[])
        .await
        .map_err(Error::statement(format!("asking for the transaction of batch {number}")))?;
    let xid: String = row.get(1);
    *open = Some(Open { pid: row.get(0), xid: xid.clone() });
    failpoint::reach(failpoint::LOAD_BEGUN);
    claim::lock(job, batch, client).await?;
    if let Some(loaded) = ledger::committed(client, job.run_id, job.dataset, number).await? {
        // An earlier try has committed, and its answer was lost.
        return Ok(loaded);
    }
    let mut claim = claim::claim(job, batch, client).await?;
    failpoint::reach(failpoint::LOAD_LOCKED);
    let load_id = loads::new_id(job, client, number).await?;
    let placing = place::Placing { job, batch, client, load_id: &load_id };
    let placement = placing.place(&mut claim).await?;
    failpoint::reach(failpoint::LOAD_COPIED);
    sequences::advance(job, client).await?;
    loads::record(job, client, &load_id, placement.rows()).await?;
    let record = BatchRecord {
        run_id: job.run_id,
        dataset: job.dataset,
        target: &job.target.table,
        sql_hash: job.sql_hash,
        batch: number,
        days: batch.days,
        files: &placement.files,
        found: job.found,
        taken_over: &placement.taken_over,
        deleted: placement.deleted,
        xid: &xid,
    };
    ledger::record_batch(client, &record).await?;
    let again = merge_others_again(job, batch, &claim, client, placement.deleted).await?;
    failpoint::reach(failpoint::LOAD_LEDGER_WRITTEN);
    commit(client, number, &xid).await?;
    let of_files: u64 = placement.files.iter().map(|(_, placed)| placed.deleted).sum();
    let replaced = match job.placement.replaces() {
        true => placement.deleted.saturating_sub(of_files),
        false => 0,
    };
    Ok(Loaded { number, files: by_name(&placement.files), skipped: claim.skipped, replaced, again })
}

/// Marks other files to be merged again, if rows went that were newer than theirs and may not come back;
/// returns how many files that are.
async fn merge_others_again(
    job: &Job<'_>,
    batch: &Batch,
    claim: &claim::Claim<'_>,
    client: &Client,
    deleted: u64,
) -> Result<u64, Error> {
    let may_lose_rows = claim.outdated.iter().any(|file| file.may_lose_rows);
    if !job.placement.merges() || deleted == 0 || !may_lose_rows {
        return Ok(0);
    }
    let names = claim::names(batch);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    ledger::mark_again(client, &job.target.table, &names).await
}

fn by_name(placed: &[(&StagedFile, Placed)]) -> Vec<(String, Placed)> {
    placed.iter().map(|(file, placed)| (file.file_name.clone(), *placed)).collect()
}

/// Commits, and asks the server whether it did: its answer to COMMIT is the same for a transaction that
/// it had to abort.
async fn commit(client: &Client, batch: usize, xid: &str) -> Result<(), Error> {
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

/// Whether the server refused to commit, and did not just end the session.
fn is_about_rows(error: &tokio_postgres::error::DbError) -> bool {
    !matches!(error.code().code().get(..2), Some("57" | "08" | "58" | "XX"))
}

/// How a transaction ended, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Committed,
    Aborted,
    InProgress,
    /// So long ago that the server does not know any more.
    Unknown,
}

async fn status(client: &Client, xid: &str) -> Result<Status, tokio_postgres::Error> {
    let statement = "SELECT pg_catalog.pg_xact_status($1::text::xid8)";
    let row = match client.query_typed_one(statement, &[(&xid, Type::TEXT)]).await {
        // A server that crashed may have forgotten a transaction that did not commit, with its number.
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
