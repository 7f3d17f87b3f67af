//! The **ledger**: our tables in the target database that say what was loaded. Their rows commit
//! with the rows of the target, or not at all.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::domain::{FileDate, Placed, TableName, saturating};
use crate::stage::StagedFile;
use crate::state::Loaded;
use crate::target::Error;
use crate::target::postgres::row::optional_count;

mod files;
mod pace;
mod replays;
mod runs;
mod saved;
mod schema;
mod tables;
mod undo;

pub use files::{
    Origin, Scope, accept, erased, files, has_lost_files, held, last_day, loaded_range, mark_again,
    mark_removed, others, unknown,
};
pub use pace::{Experience, Pace, experience};
pub use replays::Replay;
pub use runs::{RecordedRun, RunRecord, begin_run, end_run, runs};
pub use saved::{SavedRows, Saving, expire, save_again, save_files, saved_rows};
pub use schema::{create, exists, has_schema, is_current};
pub use undo::{
    CommittedBatch, DatasetRun, await_batches, batches_of, dataset_runs, erased_since,
    known_before, later_runs, mark_undoing, restore_entries, touched, unmark_undoing,
};

/// One file's row as it is handed to the server.
#[derive(Serialize, Deserialize)]
struct FileRow<'a> {
    file_name: &'a str,
    file_date: FileDate,
    size_bytes: u64,
    etag: Option<&'a str>,
    last_modified: chrono::DateTime<chrono::Utc>,
    records: u64,
    accepted: u64,
    rejected: u64,
    superseded: u64,
    filtered: u64,
    staged: u64,
    inserted: u64,
    updated: u64,
    skipped_older: u64,
    held: u64,
    survivors: &'a str,
}

/// What a batch writes into the ledger, in its own transaction.
pub struct BatchRecord<'a> {
    /// The run.
    pub run_id: &'a str,
    /// Its dataset.
    pub dataset: &'a str,
    /// Its target.
    pub target: &'a TableName,
    /// The SQL.
    pub sql_hash: &'a str,
    /// The batch's number.
    pub batch: usize,
    /// First and last day.
    pub days: (FileDate, FileDate),
    /// The files, with the rows that the target took of each.
    pub files: &'a [(&'a StagedFile, Placed)],
    /// How many rows others had put into the target of files that were not loaded before, by name.
    pub found: &'a HashMap<String, u64>,
    /// Rows of other files that were replaced, by the name of their file.
    pub taken_over: &'a BTreeMap<String, u64>,
    /// Rows that made place for new ones.
    pub deleted: u64,
    /// The transaction.
    pub xid: &'a str,
    /// The id of the load for dlt; empty if the target is not loaded by dlt.
    pub load_id: &'a str,
    /// The columns of the target, each with its type: those of the rows that are saved.
    pub saved_columns: &'a [(&'a str, &'a str)],
    /// The columns by which the rows were merged; `None` if they were not.
    pub merge_key: Option<&'a [String]>,
    /// The files that get more rows than they had, if this is a replay.
    pub replays: &'a [&'a Replay],
}

/// What is being done, for an error of a query.
const READING: &str = "reading the ledger";

/// Records a batch and its files.
///
/// # Errors
/// [`Error::Statement`].
pub async fn record_batch(client: &Client, batch: &BatchRecord<'_>) -> Result<(), Error> {
    insert_batch(client, batch).await?;
    let (target, number) = (batch.target.to_string(), saturating::bigint(batch.batch));
    let (statement, files) = match batch.replays {
        [] => (INSERT_FILES, file_rows(batch)?),
        _ => (replays::UPDATE_FILES, replays::file_rows(batch)?),
    };
    client
        .execute_typed(
            statement,
            &[
                (&target, Type::TEXT),
                (&batch.run_id, Type::TEXT),
                (&number, Type::INT8),
                (&batch.sql_hash, Type::TEXT),
                (&files, Type::TEXT),
            ],
        )
        .await
        .map_err(recording(batch))?;
    take_over(client, batch).await
}

/// The error of a statement that records a batch.
fn recording(batch: &BatchRecord<'_>) -> impl FnOnce(tokio_postgres::Error) -> Error {
    Error::statement(format!("recording batch {} in the ledger", batch.batch))
}

/// Records a batch without its files.
async fn insert_batch(client: &Client, batch: &BatchRecord<'_>) -> Result<(), Error> {
    let mut placed = Placed::default();
    for (_, of_file) in batch.files {
        placed.inserted += of_file.inserted;
        placed.updated += of_file.updated;
        placed.skipped_older += of_file.skipped_older;
    }
    let (number, files) = (
        saturating::bigint(batch.batch),
        saturating::bigint(batch.files.len().max(batch.replays.len())),
    );
    let (rows, deleted) = (saturating::bigint(placed.inserted), saturating::bigint(batch.deleted));
    let (updated, skipped) =
        (saturating::bigint(placed.updated), saturating::bigint(placed.skipped_older));
    let (start, end) = (batch.days.0.to_string(), batch.days.1.to_string());
    let columns = serde_json::to_string(batch.saved_columns).map_err(Error::Json)?;
    client
        .execute_typed(
            "INSERT INTO backfill.batches \
             (run_id, dataset, batch, range_start, range_end, files, rows, deleted, xid, updated, \
              skipped_older, load_id, saved_columns, merge_key) \
             VALUES ($1, $2, $3::int8::int4, $4::text::date, $5::text::date, $6::int8::int4, $7, \
                     $8, $9, $10, $11, nullif($12, ''), $13::text::jsonb, $14)",
            &[
                (&batch.run_id, Type::TEXT),
                (&batch.dataset, Type::TEXT),
                (&number, Type::INT8),
                (&start, Type::TEXT),
                (&end, Type::TEXT),
                (&files, Type::INT8),
                (&rows, Type::INT8),
                (&deleted, Type::INT8),
                (&batch.xid, Type::TEXT),
                (&updated, Type::INT8),
                (&skipped, Type::INT8),
                (&batch.load_id, Type::TEXT),
                (&columns, Type::TEXT),
                (&batch.merge_key, Type::TEXT_ARRAY),
            ],
        )
        .await
        .map(|_| ())
        .map_err(recording(batch))
}

/// Records, for files whose rows were replaced by those of other files, that the target holds fewer rows of them.
async fn take_over(client: &Client, batch: &BatchRecord<'_>) -> Result<(), Error> {
    if batch.taken_over.is_empty() {
        return Ok(());
    }
    let target = batch.target.to_string();
    let names: Vec<&str> = batch.taken_over.keys().map(String::as_str).collect();
    let rows: Vec<i64> = batch.taken_over.values().map(|rows| saturating::bigint(*rows)).collect();
    client
        .execute_typed(
            "UPDATE backfill.files SET held = coalesce(held, inserted) - taken.rows \
             FROM unnest($2::text[], $3::int8[]) AS taken (name, rows) \
             WHERE target = $1 AND file_name = taken.name",
            &[(&target, Type::TEXT), (&names, Type::TEXT_ARRAY), (&rows, Type::INT8_ARRAY)],
        )
        .await
        .map(|_| ())
        .map_err(recording(batch))
}

/// Adds the files of a batch, or replaces the entries of those that are reloaded.
const INSERT_FILES: &str = "\
INSERT INTO backfill.files
  (target, run_id, batch, sql_hash, file_name, file_date, size_bytes, etag, last_modified,
   records, accepted, rejected, superseded, filtered, staged, inserted, updated, skipped_older, held,
   survivors)
SELECT $1, $2, $3::int8::int4, $4, file_name, file_date, size_bytes, etag, last_modified,
       records, accepted, rejected, superseded, filtered, staged, inserted, updated, skipped_older, held,
       survivors
FROM jsonb_to_recordset($5::text::jsonb) AS file
  (file_name text, file_date date, size_bytes bigint, etag text, last_modified timestamptz,
   records bigint, accepted bigint, rejected bigint, superseded bigint, filtered bigint,
   staged bigint, inserted bigint, updated bigint, skipped_older bigint, held bigint,
   survivors text)
ON CONFLICT (target, file_name) DO UPDATE SET
  run_id = excluded.run_id, batch = excluded.batch, sql_hash = excluded.sql_hash,
  file_date = excluded.file_date, size_bytes = excluded.size_bytes, etag = excluded.etag,
  last_modified = excluded.last_modified, records = excluded.records,
  accepted = excluded.accepted, rejected = excluded.rejected, superseded = excluded.superseded,
  filtered = excluded.filtered, staged = excluded.staged, inserted = excluded.inserted,
  updated = excluded.updated, skipped_older = excluded.skipped_older, held = excluded.held,
  deleted_on_purpose = 0, again = false, xids = NULL,
  survivors = excluded.survivors, loaded_at = excluded.loaded_at";

/// The files of a batch as they are handed to the server.
fn file_rows(batch: &BatchRecord<'_>) -> Result<String, Error> {
    let rows: Vec<FileRow<'_>> =
        batch.files.iter().map(|(file, placed)| file_row(batch, file, placed)).collect();
    serde_json::to_string(&rows).map_err(Error::Json)
}

fn file_row<'a>(batch: &BatchRecord<'_>, file: &'a StagedFile, placed: &Placed) -> FileRow<'a> {
    let found = batch.found.get(&file.file_name).copied().unwrap_or(0);
    FileRow {
        file_name: &file.file_name,
        file_date: file.date,
        size_bytes: file.identity.size,
        etag: file.identity.etag.as_deref(),
        last_modified: file.identity.last_modified,
        records: file.counts.records,
        accepted: file.counts.accepted,
        rejected: file.counts.rejected,
        superseded: file.counts.superseded,
        filtered: file.counts.filtered,
        staged: file.counts.staged,
        inserted: placed.inserted,
        updated: placed.updated,
        skipped_older: placed.skipped_older,
        held: placed.inserted + placed.updated + found,
        survivors: &file.survivors,
    }
}

/// Returns what a batch of a run has loaded; `None` if it is not committed.
///
/// # Errors
/// [`Error::RunUndone`] if somebody undoes the run meanwhile; [`Error::Statement`].
pub async fn committed(
    client: &Client,
    run_id: &str,
    dataset: &str,
    batch: usize,
) -> Result<Option<Loaded>, Error> {
    let number = saturating::bigint(batch);
    let rows = client
        .query_typed(
            "SELECT f.file_name, f.inserted, f.updated, f.skipped_older, b.batch IS NOT NULL, \
                    r.status IN ('undoing', 'undone') \
             FROM backfill.runs r \
             LEFT JOIN backfill.batches b \
               ON b.run_id = r.run_id AND b.dataset = r.dataset AND b.batch = $3::int8::int4 \
             LEFT JOIN backfill.files f \
               ON f.run_id = b.run_id AND f.target = r.target AND f.batch = b.batch \
             WHERE r.run_id = $1 AND r.dataset = $2",
            &[(&run_id, Type::TEXT), (&dataset, Type::TEXT), (&number, Type::INT8)],
        )
        .await
        .map_err(Error::statement(format!("looking for batch {batch} in the ledger")))?;
    if rows.iter().any(|row| row.get(5)) {
        return Err(Error::RunUndone { run: run_id.to_owned() });
    }
    if !rows.iter().any(|row| row.get(4)) {
        return Ok(None);
    }
    let files = rows.iter().filter_map(placed_file).collect();
    Ok(Some(Loaded { number: batch, files, skipped: Vec::new(), replaced: 0, again: 0 }))
}

/// A file of a committed batch, with the rows that were placed of it; `None` if the batch has no file.
fn placed_file(row: &Row) -> Option<(String, Placed)> {
    let placed = Placed {
        inserted: optional_count(row, 1)?,
        updated: optional_count(row, 2)?,
        skipped_older: optional_count(row, 3)?,
        ..Placed::default()
    };
    Some((row.get::<_, Option<String>>(0)?, placed))
}
