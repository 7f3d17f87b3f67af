//! A **batch** is some days in one transaction: lock, delete what is reloaded, copy, write the
//! ledger, commit, and ask the server whether it did.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::copy::copy;
use super::ledger::{self, BatchRecord};
use super::sqlstate::Meaning;
use super::{Connection, Error, Job, TableName};
use crate::failpoint;
use crate::file_date::FileDate;
use crate::plan::PlannedFile;
use crate::stage::StagedFile;

/// Some days of a range with the files to load.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Counted from 1 over the range.
    pub number: usize,
    /// First and last file date in it.
    pub days: (FileDate, FileDate),
    /// The files to load.
    pub files: Vec<StagedFile>,
    /// The names of files that are gone, whose rows are taken out.
    pub gone: Vec<String>,
}

impl Batch {
    /// The batch of files to load and of files that are gone; nothing where there is neither.
    pub fn of(number: usize, files: Vec<StagedFile>, gone: &[&PlannedFile]) -> Option<Self> {
        let dates = files.iter().map(|file| file.date).chain(gone.iter().map(|file| file.date));
        let days = (dates.clone().min()?, dates.max()?);
        let gone = gone.iter().map(|file| file.file_name.clone()).collect();
        Some(Self { number, days, files, gone })
    }
}

/// What the target took of a batch.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The batch.
    pub number: usize,
    /// Each file's name and the rows that the target took.
    pub files: Vec<(String, u64)>,
    /// Files that another run had loaded meanwhile.
    pub skipped: Vec<String>,
}

/// How often a batch is tried when the connection or the server fails.
const ATTEMPTS: u32 = 4;

/// Loads a batch, again where the connection or the server fails in a way that passes.
///
/// # Errors
/// [`Error`]; nothing of the batch is in the target then.
pub async fn load(job: &Job<'_>, batch: &Batch) -> Result<Loaded, Error> {
    let mut attempt = 1;
    loop {
        let result = load_once(job, batch).await;
        match result {
            Err(error) if is_transient(&error) && attempt < ATTEMPTS => {
                tracing::warn!("batch {}: {error}; trying again", batch.number);
                tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn is_transient(error: &Error) -> bool {
    error.meaning() == Some(Meaning::Transient)
}

async fn load_once(job: &Job<'_>, batch: &Batch) -> Result<Loaded, Error> {
    let connection = job.database.connect().await?;
    let result = transaction(job, batch, &connection).await;
    connection.close().await;
    let (xid, loaded) = match result? {
        Outcome::Committed(loaded) => return Ok(loaded),
        Outcome::AnswerLost { xid, loaded } => (xid, loaded),
    };
    // The connection died while the server was committing: only it knows how that ended.
    let connection = job.database.connect().await?;
    let status = final_status(&connection.client, &xid).await;
    connection.close().await;
    match status?.as_str() {
        "committed" => Ok(loaded),
        "aborted" => Err(Error::Rows {
            doing: format!("committing batch {}", batch.number),
            state: String::new(),
            place: String::new(),
        }),
        status => Err(Error::NotCommitted { batch: batch.number, status: status.to_owned() }),
    }
}

enum Outcome {
    Committed(Loaded),
    AnswerLost { xid: String, loaded: Loaded },
}

async fn transaction(
    job: &Job<'_>,
    batch: &Batch,
    connection: &Connection,
) -> Result<Outcome, Error> {
    let client = &connection.client;
    let number = batch.number;
    client
        .batch_execute(BEGIN)
        .await
        .map_err(Error::statement(format!("beginning batch {number}")))?;
    failpoint::reach(failpoint::LOAD_BEGUN);
    let files = claim(job, batch, client).await?;
    failpoint::reach(failpoint::LOAD_LOCKED);
    let deleted = delete_outdated(job, &files, &batch.gone, client).await?;
    let mut taken = Vec::with_capacity(files.len());
    for file in &files {
        taken.push((*file, copy(job, number, file, client).await?));
    }
    failpoint::reach(failpoint::LOAD_COPIED);
    let doing = format!("asking for the transaction of batch {number}");
    let row = client
        .query_typed_one("SELECT pg_current_xact_id()::text", &[])
        .await
        .map_err(Error::statement(doing))?;
    let xid: String = row.get(0);
    let record = BatchRecord {
        run_id: job.run_id,
        dataset: job.dataset,
        target: &job.target.table,
        sql_hash: job.sql_hash,
        batch: number,
        days: batch.days,
        files: &taken,
        deleted,
        xid: &xid,
    };
    ledger::record_batch(client, &record).await?;
    failpoint::reach(failpoint::LOAD_LEDGER_WRITTEN);
    let skipped = batch.files.iter().filter(|file| !files.contains(file));
    let loaded = Loaded {
        number,
        files: taken.iter().map(|(file, rows)| (file.file_name.clone(), *rows)).collect(),
        skipped: skipped.map(|file| file.file_name.clone()).collect(),
    };
    commit(client, number, xid, loaded).await
}

/// Opens the transaction. Time-outs of the server's are for queries, not for a load.
const BEGIN: &str = "\
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0";

/// Locks the batch's files, so that no other run loads them at the same time, and returns those
/// that are still to be loaded.
async fn claim<'a>(
    job: &Job<'_>,
    batch: &'a Batch,
    client: &Client,
) -> Result<Vec<&'a StagedFile>, Error> {
    let locking = || Error::statement(format!("locking the files of batch {}", batch.number));
    let table = job.target.table.to_string();
    let names = batch.files.iter().map(|file| &file.file_name).chain(&batch.gone);
    let names: Vec<String> = names.cloned().collect();
    client
        .query_typed(
            lock_statement(names.len()),
            &[(&table, Type::TEXT), (&names, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(locking())?;
    let loaded = ledger::files(client, &job.target.table, &names).await?;
    let is_open = |file: &&StagedFile| {
        let known = loaded.iter().find(|known| known.file_name == file.file_name);
        // A file to be reloaded is open as long as the ledger still has what is to be replaced.
        known.is_none_or(|known| job.reload.get(&file.file_name) == Some(&known.run_id))
    };
    Ok(batch.files.iter().filter(is_open).collect())
}

/// Above so many files a batch locks the whole target against other runs, because the server's
/// table of locks is small.
const MOST_FILE_LOCKS: usize = 500;

/// Takes a shared lock on the target and one on each file, in the same order everywhere; or for a
/// very large batch the target's lock alone, exclusively.
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

/// Deletes the rows of files that are reloaded, and of those that are gone.
async fn delete_outdated(
    job: &Job<'_>,
    files: &[&StagedFile],
    gone: &[String],
    client: &Client,
) -> Result<u64, Error> {
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    let reloaded = files
        .iter()
        .map(|file| file.file_name.as_str())
        .filter(|name| job.reload.contains_key(*name));
    let names: Vec<&str> = reloaded.chain(gone.iter().copied()).collect();
    if names.is_empty() {
        return Ok(0);
    }
    let table = &job.target.table;
    let deleted = client
        .execute_typed(&delete_statement(table), &[(&names, Type::TEXT_ARRAY)])
        .await
        .map_err(|error| Error::rows(format!("deleting outdated rows of {table}"), &error))?;
    if !gone.is_empty() {
        ledger::mark_removed(client, table, &gone).await?;
    }
    Ok(deleted)
}

fn delete_statement(table: &TableName) -> String {
    format!("DELETE FROM {} WHERE _file_name = ANY($1)", table.quoted())
}

/// Commits, and asks the server whether it did: its answer to COMMIT is the same for a transaction
/// that it had to abort.
async fn commit(
    client: &Client,
    batch: usize,
    xid: String,
    loaded: Loaded,
) -> Result<Outcome, Error> {
    failpoint::reach(failpoint::LOAD_BEFORE_COMMIT);
    let committed = client.batch_execute("COMMIT").await;
    failpoint::reach(failpoint::LOAD_COMMITTED);
    let verified = match committed {
        Ok(()) => status(client, &xid).await,
        Err(error) => Err(error),
    };
    match verified {
        Ok(status) if status == "committed" => {
            failpoint::reach(failpoint::LOAD_BATCH_VERIFIED);
            Ok(Outcome::Committed(loaded))
        }
        Ok(status) => Err(Error::NotCommitted { batch, status }),
        Err(error) if error.as_db_error().is_some() => {
            Err(Error::rows(format!("committing batch {batch}"), &error))
        }
        Err(_) => Ok(Outcome::AnswerLost { xid, loaded }),
    }
}

/// How a transaction ended, as the server sees it.
async fn status(client: &Client, xid: &str) -> Result<String, tokio_postgres::Error> {
    let statement = "SELECT coalesce(pg_xact_status($1::text::xid8), 'unknown')";
    let row = client.query_typed_one(statement, &[(&xid, Type::TEXT)]).await?;
    Ok(row.get(0))
}

/// How a transaction ended, waiting for the server to notice that its client is gone.
async fn final_status(client: &Client, xid: &str) -> Result<String, Error> {
    for _ in 0..60 {
        let status = status(client, xid)
            .await
            .map_err(Error::statement("asking whether a batch was committed"))?;
        if status != "in progress" {
            return Ok(status);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok("in progress".to_owned())
}
