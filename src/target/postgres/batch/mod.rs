//! A **batch** is some days in one transaction: lock, delete what is reloaded, place the rows, write the
//! ledger, commit, and ask the server whether it did.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Client;

use super::catalog::Kind;
use super::ledger::{self, BatchRecord, Replay, Saving};
use super::transaction::{Open, commit, settle};
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

pub(super) use claim::lock_files;
pub(super) use place::Placing;

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
    /// Whether rows that are replaced or deleted are kept in the ledger's schema, so that `undo` can bring them back.
    pub keeps_rows: bool,
    /// Is notified of every row that is sent.
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
    /// The files that only get more rows, if this is a replay; `files` holds these rows.
    pub replays: Vec<Replay>,
}

impl Batch {
    /// Makes a batch of files to load and of files that are gone; `None` if there is neither.
    pub fn of(
        number: usize,
        files: Vec<StagedFile>,
        gone: Vec<(FileDate, Contested)>,
    ) -> Option<Self> {
        let dates = files.iter().map(|file| file.date).chain(gone.iter().map(|(date, _)| *date));
        let days = (dates.clone().min()?, dates.max()?);
        let contested = gone.into_iter().map(|(_, file)| file).collect();
        Some(Self { number, days, files, gone: contested, replays: Vec::new() })
    }

    /// Makes a batch of files that get more rows than they had; `files` holds these rows.
    pub fn of_replays(
        number: usize,
        days: (FileDate, FileDate),
        files: Vec<StagedFile>,
        replays: Vec<Replay>,
    ) -> Self {
        Self { number, days, files, gone: Vec::new(), replays }
    }

    /// Returns the replay of a file.
    pub fn replay_of(&self, file_name: &str) -> Option<&Replay> {
        self.replays.iter().find(|replay| replay.file_name == file_name)
    }
}

/// Loads a batch, and tries again after a temporary failure of the connection or the server.
///
/// # Errors
/// [`Error`]; nothing of the batch is in the target then, except after [`Error::CommitUnknown`].
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

/// Loads a batch in one transaction.
async fn transaction(
    job: &Job<'_>,
    batch: &Batch,
    client: &Client,
    open: &mut Option<Open>,
) -> Result<Loaded, Error> {
    let number = batch.number;
    let xid = open.insert(Open::begin(client, number).await?).xid.clone();
    failpoint::reach(failpoint::LOAD_BEGUN);
    claim::lock(job, batch, client).await?;
    if let Some(loaded) = ledger::committed(client, job.run_id, job.dataset, number).await? {
        // An earlier try has committed, and its answer was lost.
        return Ok(loaded);
    }
    let mut claim = claim::claim(job, batch, client).await?;
    failpoint::reach(failpoint::LOAD_LOCKED);
    let load_id = loads::new_id(job, client, number).await?;
    let saving = saving(job, client, number);
    let replayed = claim.replays.iter().map(|replay| replay.file_name.as_str());
    let touched: Vec<&str> = claim.names().into_iter().chain(replayed).collect();
    ledger::save_files(saving, &job.target.table, &touched).await?;
    let placing = Placing { job, batch, client, load_id: &load_id, saving };
    let placement = placing.place(&mut claim).await?;
    let taken_over: Vec<&str> = placement.taken_over.keys().map(String::as_str).collect();
    ledger::save_files(saving, &job.target.table, &taken_over).await?;
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
        load_id: &load_id,
        saved_columns: &saved_columns(job.target),
        merge_key: job.placement.merge_key(),
        replays: &claim.replays,
    };
    ledger::record_batch(client, &record).await?;
    let again = merge_others_again(job, batch, &claim, saving, placement.deleted).await?;
    failpoint::reach(failpoint::LOAD_LEDGER_WRITTEN);
    commit(client, number, &xid).await?;
    let replaced = if job.placement.replaces() { placement.deleted_of_others() } else { 0 };
    Ok(Loaded { number, files: by_name(&placement.files), skipped: claim.skipped, replaced, again })
}

/// Marks other files to be merged again, if rows were deleted that were newer than theirs and may not come back;
/// returns the number of files.
async fn merge_others_again(
    job: &Job<'_>,
    batch: &Batch,
    claim: &claim::Claim<'_>,
    saving: Saving<'_>,
    deleted: u64,
) -> Result<u64, Error> {
    let may_lose_rows = claim.outdated.iter().any(|file| file.may_lose_rows);
    if !job.placement.merges() || deleted == 0 || !may_lose_rows {
        return Ok(0);
    }
    let owned = claim::names(batch);
    let names: Vec<&str> = owned.iter().map(String::as_str).collect();
    ledger::save_again(saving, &job.target.table, &names).await?;
    ledger::mark_again(saving.client, &job.target.table, &names).await
}

/// Says what a batch saves. The rows of a view are not saved, because they do not say whose they are.
fn saving<'a>(job: &'a Job<'_>, client: &'a Client, batch: usize) -> Saving<'a> {
    let rows = job.keeps_rows && job.target.kind == Kind::Table;
    Saving { client, run_id: job.run_id, dataset: job.dataset, batch, rows }
}

/// Returns the columns of a target, each with its type.
fn saved_columns(target: &Target) -> Vec<(&str, &str)> {
    let columns = target.columns.iter();
    columns.map(|column| (column.name.as_str(), column.type_text.as_str())).collect()
}

fn by_name(placed: &[(&StagedFile, Placed)]) -> Vec<(String, Placed)> {
    placed.iter().map(|(file, placed)| (file.file_name.clone(), *placed)).collect()
}
