//! A **batch** is some days in one transaction: lock, delete what is reloaded, copy, write the ledger,
//! commit, and ask the server whether it did.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::copy::copy;
use super::ledger::{self, BatchRecord};
use super::session::begin;
use super::{Database, Encoder, Target};
use crate::domain::{FileDate, Placed, Placement};
use crate::failpoint;
use crate::progress::Listener;
use crate::stage::StagedFile;
use crate::state::{Contested, Loaded};
use crate::store::Store;
use crate::target::{Error, Guest};

/// What batches have in common.
pub struct Job<'a> {
    /// The target database.
    pub database: &'a Database,
    /// The target.
    pub target: &'a Target,
    /// How rows get into it.
    pub placement: Placement,
    /// Whose the other rows in it are.
    pub guest: Guest,
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
    lock(job, batch, client).await?;
    if let Some(loaded) = ledger::committed(client, job.run_id, job.dataset, number).await? {
        // An earlier try has committed, and its answer was lost.
        return Ok(loaded);
    }
    let claim = claim(job, batch, client).await?;
    failpoint::reach(failpoint::LOAD_LOCKED);
    let deleted = delete_outdated(job, batch, &claim, client).await?;
    let mut placed = Vec::with_capacity(claim.files.len());
    for file in &claim.files {
        placed.push((*file, copy(job, number, file, client).await?));
    }
    failpoint::reach(failpoint::LOAD_COPIED);
    let record = BatchRecord {
        run_id: job.run_id,
        dataset: job.dataset,
        target: &job.target.table,
        sql_hash: job.sql_hash,
        batch: number,
        days: batch.days,
        files: &placed,
        deleted,
        xid: &xid,
    };
    ledger::record_batch(client, &record).await?;
    failpoint::reach(failpoint::LOAD_LEDGER_WRITTEN);
    commit(client, number, &xid).await?;
    Ok(Loaded { number, files: by_name(&placed), skipped: claim.skipped })
}

fn by_name(placed: &[(&StagedFile, Placed)]) -> Vec<(String, Placed)> {
    placed.iter().map(|(file, placed)| (file.file_name.clone(), *placed)).collect()
}

/// What is left to do of a batch once it is locked.
struct Claim<'a> {
    /// The files to load.
    files: Vec<&'a StagedFile>,
    /// The files to delete rows of first.
    outdated: Vec<&'a Contested>,
    /// The files that another run has loaded or removed in the meantime.
    skipped: Vec<String>,
}

/// Locks the batch's files, so that no other run loads them at the same time.
async fn lock(job: &Job<'_>, batch: &Batch, client: &Client) -> Result<(), Error> {
    let table = job.target.table.to_string();
    let names = names(batch);
    client
        .query_typed(
            lock_statement(names.len()),
            &[(&table, Type::TEXT), (&names, Type::TEXT_ARRAY)],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement(format!("locking the files of batch {}", batch.number)))
}

fn names(batch: &Batch) -> Vec<String> {
    let gone = batch.gone.iter().map(|file| &file.file_name);
    batch.files.iter().map(|file| &file.file_name).chain(gone).cloned().collect()
}

/// Asks the ledger, under the lock, which files are still as the plan found them.
async fn claim<'a>(
    job: &'a Job<'_>,
    batch: &'a Batch,
    client: &Client,
) -> Result<Claim<'a>, Error> {
    let known = ledger::files(client, &job.target.table, &names(batch)).await?;
    let run_of: HashMap<&str, &str> =
        known.iter().map(|entry| (entry.file_name.as_str(), entry.run_id.as_str())).collect();
    let mut claim = Claim { files: Vec::new(), outdated: Vec::new(), skipped: Vec::new() };
    for file in &batch.files {
        let name = file.file_name.as_str();
        match (run_of.get(name), job.reload.get(name)) {
            (None, _) => claim.files.push(file),
            // A file is reloaded as long as the ledger still has what is to be replaced.
            (Some(run), Some(planned)) if *run == planned.run_id => {
                claim.files.push(file);
                claim.outdated.push(planned);
            }
            (Some(_), _) => claim.skipped.push(name.to_owned()),
        }
    }
    for planned in &batch.gone {
        match run_of.get(planned.file_name.as_str()) {
            Some(run) if *run == planned.run_id => claim.outdated.push(planned),
            // Another run has removed it, or it came back and was loaded again.
            _ => claim.skipped.push(planned.file_name.clone()),
        }
    }
    Ok(claim)
}

/// Above this many files a batch locks the whole target against other runs, because the server's table
/// of locks is small.
const MOST_FILE_LOCKS: usize = 500;

/// Takes a shared lock on the target and one on each file, in the same order everywhere; or for a very
/// large batch the target's lock alone, exclusively.
fn lock_statement(files: usize) -> &'static str {
    if files > MOST_FILE_LOCKS {
        "SELECT pg_advisory_xact_lock(hashtextextended('backfill:' || $1, 0)) WHERE $2 IS NOT NULL"
    } else {
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('backfill:' || $1, 0)), \
                (SELECT count(pg_advisory_xact_lock(key)) FROM (SELECT DISTINCT \
                 hashtextextended('backfill:' || $1 || ':' || name, 0) AS key \
                 FROM unnest($2) AS name ORDER BY key) AS keys)"
    }
}

/// Deletes our rows of files that are reloaded, and of those that are gone; refuses if these files have
/// rows that are not ours.
async fn delete_outdated(
    job: &Job<'_>,
    batch: &Batch,
    claim: &Claim<'_>,
    client: &Client,
) -> Result<u64, Error> {
    if claim.outdated.is_empty() {
        return Ok(0);
    }
    let table = &job.target.table;
    let names: Vec<&str> = claim.outdated.iter().map(|file| file.file_name.as_str()).collect();
    let xids: Vec<Option<&str>> = claim.outdated.iter().map(|file| file.xid.as_deref()).collect();
    let row = client
        .query_typed_one(
            &job.guest.delete_statement(table),
            &[(&names, Type::TEXT_ARRAY), (&xids, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(|error| Error::rows(format!("deleting outdated rows of {table}"), &error))?;
    let (deleted, held): (i64, i64) = (row.get(0), row.get(1));
    if held != deleted {
        let (table, rows) = (table.to_string(), (held - deleted).unsigned_abs());
        return Err(Error::ForeignRows { table, batch: batch.number, rows });
    }
    let gone: Vec<&str> = batch
        .gone
        .iter()
        .map(|file| file.file_name.as_str())
        .filter(|name| names.contains(name))
        .collect();
    if !gone.is_empty() {
        ledger::mark_removed(client, table, &gone).await?;
    }
    Ok(deleted.unsigned_abs())
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
    let row = client.query_typed_one(statement, &[(&xid, Type::TEXT)]).await?;
    Ok(match row.get::<_, Option<&str>>(0) {
        Some("committed") => Status::Committed,
        Some("aborted") => Status::Aborted,
        Some("in progress") => Status::InProgress,
        _ => Status::Unknown,
    })
}
