//! The **ledger**: our tables in the target database that say what was loaded. Their rows commit
//! with the rows of the target, or not at all.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::domain::{DateRange, FileDate, Placed, TableName};
use crate::stage::StagedFile;
use crate::state::Loaded;
use crate::target::Error;

mod files;

pub use files::{
    Scope, accept, erased, files, has_lost_files, held, loaded_range, mark_again, mark_removed,
    others, unknown,
};

/// Lets two runs that start at the same time make the ledger one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('backfill.ledger', 0))";

/// Makes the ledger's schema. A role may create tables in a schema that somebody else made, and not be
/// allowed to make one, so that this is sent only if there is none.
const CREATE_SCHEMA: &str = "\
CREATE SCHEMA backfill;
COMMENT ON SCHEMA backfill IS 'What backfill has loaded; its rows commit with the rows of the targets.'";

/// Makes the ledger's tables, and adds the columns that an older version of this program did not have.
const CREATE_TABLES: &str = "\
CREATE TABLE IF NOT EXISTS backfill.runs (
  run_id text NOT NULL, dataset text NOT NULL, target text NOT NULL,
  range_start date NOT NULL, range_end date NOT NULL, batch_days integer NOT NULL,
  sql_hash text NOT NULL, version text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz,
  status text NOT NULL DEFAULT 'running', accounting jsonb,
  PRIMARY KEY (run_id, dataset));
CREATE TABLE IF NOT EXISTS backfill.batches (
  run_id text NOT NULL, dataset text NOT NULL, batch integer NOT NULL,
  range_start date NOT NULL, range_end date NOT NULL, files integer NOT NULL,
  rows bigint NOT NULL, deleted bigint NOT NULL, xid text NOT NULL,
  committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run_id, dataset, batch));
CREATE TABLE IF NOT EXISTS backfill.files (
  target text NOT NULL, file_name text NOT NULL, file_date date NOT NULL,
  run_id text NOT NULL, batch integer NOT NULL,
  size_bytes bigint NOT NULL, etag text, last_modified timestamptz NOT NULL,
  sql_hash text NOT NULL, records bigint NOT NULL, accepted bigint NOT NULL,
  rejected bigint NOT NULL, superseded bigint NOT NULL, filtered bigint NOT NULL,
  staged bigint NOT NULL, inserted bigint NOT NULL, survivors text NOT NULL,
  loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (target, file_name));
ALTER TABLE backfill.batches
  ADD COLUMN IF NOT EXISTS updated bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS skipped_older bigint NOT NULL DEFAULT 0;
ALTER TABLE backfill.files
  ADD COLUMN IF NOT EXISTS updated bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS skipped_older bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS deleted_on_purpose bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS again boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS held bigint;
COMMENT ON COLUMN backfill.files.held IS 'Rows of the file that the target holds, if nobody else changed them; NULL: those that were inserted.';";

/// A run as the ledger knows it.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedRun {
    /// The run.
    pub run_id: String,
    /// Its dataset.
    pub dataset: String,
    /// Its target.
    pub target: String,
    /// First and last day.
    pub range: String,
    /// `running`, `done` or `failed`.
    pub status: String,
    /// When it started.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Batches committed.
    pub batches: i64,
    /// Files loaded.
    pub files: i64,
    /// Rows loaded.
    pub rows: i64,
}

/// What a run writes down of itself when it starts to load.
#[derive(Clone, Debug)]
pub struct RunRecord<'a> {
    /// The run.
    pub run_id: &'a str,
    /// Its dataset.
    pub dataset: &'a str,
    /// Its target.
    pub target: &'a TableName,
    /// Its range.
    pub range: DateRange,
    /// Days per batch.
    pub batch_days: u32,
    /// The SQL.
    pub sql_hash: &'a str,
}

/// Makes the ledger if there is none, in the transaction of the session.
///
/// # Errors
/// [`Error::Statement`].
pub async fn create(client: &Client) -> Result<(), Error> {
    if exists(client).await? && is_current(client).await? {
        return Ok(());
    }
    let failed = || Error::statement("creating the ledger (schema backfill)");
    client.batch_execute(LOCK).await.map_err(failed())?;
    if !has_schema(client, SCHEMA).await? {
        client.batch_execute(CREATE_SCHEMA).await.map_err(failed())?;
    }
    client.batch_execute(CREATE_TABLES).await.map_err(failed())
}

/// The schema of the ledger.
const SCHEMA: &str = "backfill";

/// Whether the database has a schema.
///
/// # Errors
/// [`Error::Statement`].
pub async fn has_schema(client: &Client, schema: &str) -> Result<bool, Error> {
    let statement = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
    let row = client
        .query_typed_one(statement, &[(&schema, Type::TEXT)])
        .await
        .map_err(Error::statement(format!("looking for the schema {schema}")))?;
    Ok(row.get(0))
}

/// Whether the database has a ledger.
///
/// # Errors
/// [`Error::ForeignLedger`] if somebody else's table has its name; [`Error::Statement`].
pub async fn exists(client: &Client) -> Result<bool, Error> {
    let row = client
        .query_typed_one(EXISTS, &[])
        .await
        .map_err(Error::statement("looking for the ledger"))?;
    let (is_there, is_ours): (bool, bool) = (row.get(0), row.get(1));
    if is_there && !is_ours {
        return Err(Error::ForeignLedger);
    }
    if is_there && !row.get::<_, bool>(2) {
        let role: String = row.get(3);
        let to = crate::domain::quote_identifier(&role);
        let grants = vec![
            format!("GRANT USAGE ON SCHEMA backfill TO {to}"),
            format!("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA backfill TO {to}"),
        ];
        return Err(Error::Rights { role, grants });
    }
    Ok(is_there)
}

/// Columns: whether there is a table with the ledger's name, whether it has the ledger's columns, whether this
/// user may read it, and the user.
const EXISTS: &str = "\
SELECT count(c.oid) > 0,
       (SELECT count(*) = 4 FROM pg_catalog.pg_attribute
        WHERE attrelid = min(c.oid::int8)::oid AND NOT attisdropped
          AND attname IN ('target', 'file_name', 'sql_hash', 'survivors')),
       coalesce(bool_and(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')), true),
       current_user::text
FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
WHERE n.nspname = 'backfill' AND c.relname = 'files'";

/// Whether the ledger has every column of this version.
async fn is_current(client: &Client) -> Result<bool, Error> {
    let row = client
        .query_typed_one(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute \
             WHERE attrelid = 'backfill.files'::regclass AND attname = 'held')",
            &[],
        )
        .await
        .map_err(Error::statement("looking at the ledger"))?;
    Ok(row.get(0))
}

/// Writes down that a run starts to load a dataset.
///
/// # Errors
/// [`Error::Statement`].
pub async fn begin_run(client: &Client, run: &RunRecord<'_>) -> Result<(), Error> {
    let (target, version) = (run.target.to_string(), env!("CARGO_PKG_VERSION"));
    let (start, end) = (run.range.start().to_string(), run.range.end().to_string());
    let days = i64::from(run.batch_days);
    client
        .execute_typed(
            "INSERT INTO backfill.runs \
             (run_id, dataset, target, range_start, range_end, batch_days, sql_hash, version) \
             VALUES ($1, $2, $3, $4::text::date, $5::text::date, $6::int8::int4, $7, $8) \
             ON CONFLICT (run_id, dataset) DO NOTHING",
            &[
                (&run.run_id, Type::TEXT),
                (&run.dataset, Type::TEXT),
                (&target, Type::TEXT),
                (&start, Type::TEXT),
                (&end, Type::TEXT),
                (&days, Type::INT8),
                (&run.sql_hash, Type::TEXT),
                (&version, Type::TEXT),
            ],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement("recording the run"))
}

/// Writes down how a run ended, with its accounting.
///
/// # Errors
/// [`Error::Statement`].
pub async fn end_run(
    client: &Client,
    run_id: &str,
    dataset: &str,
    status: &str,
    accounting: &str,
) -> Result<(), Error> {
    client
        .execute_typed(
            "UPDATE backfill.runs SET finished_at = now(), status = $3, \
             accounting = $4::text::jsonb WHERE run_id = $1 AND dataset = $2",
            &[
                (&run_id, Type::TEXT),
                (&dataset, Type::TEXT),
                (&status, Type::TEXT),
                (&accounting, Type::TEXT),
            ],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement("recording the end of the run"))
}

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
}

/// Writes down a batch and its files.
///
/// # Errors
/// [`Error::Statement`].
pub async fn record_batch(client: &Client, batch: &BatchRecord<'_>) -> Result<(), Error> {
    let failed = || Error::statement(format!("recording batch {} in the ledger", batch.batch));
    let sum = |count: fn(&Placed) -> u64| batch.files.iter().map(|(_, p)| count(p)).sum::<u64>();
    let (number, files) = (batch.batch as i64, batch.files.len() as i64);
    let (rows, deleted) = (sum(|placed| placed.inserted) as i64, batch.deleted as i64);
    let updated = sum(|placed| placed.updated) as i64;
    let skipped = sum(|placed| placed.skipped_older) as i64;
    let (start, end) = (batch.days.0.to_string(), batch.days.1.to_string());
    client
        .execute_typed(
            "INSERT INTO backfill.batches \
             (run_id, dataset, batch, range_start, range_end, files, rows, deleted, xid, updated, \
              skipped_older) \
             VALUES ($1, $2, $3::int8::int4, $4::text::date, $5::text::date, $6::int8::int4, $7, \
                     $8, $9, $10, $11)",
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
            ],
        )
        .await
        .map_err(failed())?;
    let target = batch.target.to_string();
    let files = file_rows(batch)?;
    client
        .execute_typed(
            INSERT_FILES,
            &[
                (&target, Type::TEXT),
                (&batch.run_id, Type::TEXT),
                (&number, Type::INT8),
                (&batch.sql_hash, Type::TEXT),
                (&files, Type::TEXT),
            ],
        )
        .await
        .map_err(failed())?;
    take_over(client, batch).await
}

/// Notes of the files whose rows were replaced by those of others that the target holds fewer of them.
async fn take_over(client: &Client, batch: &BatchRecord<'_>) -> Result<(), Error> {
    if batch.taken_over.is_empty() {
        return Ok(());
    }
    let target = batch.target.to_string();
    let names: Vec<&str> = batch.taken_over.keys().map(String::as_str).collect();
    let rows: Vec<i64> = batch.taken_over.values().map(|rows| *rows as i64).collect();
    client
        .execute_typed(
            "UPDATE backfill.files SET held = coalesce(held, inserted) - taken.rows \
             FROM unnest($2::text[], $3::int8[]) AS taken (name, rows) \
             WHERE target = $1 AND file_name = taken.name",
            &[(&target, Type::TEXT), (&names, Type::TEXT_ARRAY), (&rows, Type::INT8_ARRAY)],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement(format!("recording batch {} in the ledger", batch.batch)))
}

/// Adds the files of a batch, or renews them where they are reloaded.
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
  deleted_on_purpose = 0, again = false,
  survivors = excluded.survivors, loaded_at = excluded.loaded_at";

fn file_rows(batch: &BatchRecord<'_>) -> Result<String, Error> {
    let found = |name: &str| batch.found.get(name).copied().unwrap_or(0);
    let rows: Vec<FileRow<'_>> = batch
        .files
        .iter()
        .map(|(file, placed)| FileRow {
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
            held: placed.inserted + placed.updated + found(&file.file_name),
            survivors: &file.survivors,
        })
        .collect();
    serde_json::to_string(&rows).map_err(Error::Json)
}

/// What a batch of a run has loaded, if it is committed; `None` if it is not.
///
/// # Errors
/// [`Error::Statement`].
pub async fn committed(
    client: &Client,
    run_id: &str,
    dataset: &str,
    batch: usize,
) -> Result<Option<Loaded>, Error> {
    let number = batch as i64;
    let rows = client
        .query_typed(
            "SELECT f.file_name, f.inserted, f.updated, f.skipped_older FROM backfill.batches b \
             JOIN backfill.runs r USING (run_id, dataset) \
             LEFT JOIN backfill.files f \
               ON f.run_id = b.run_id AND f.target = r.target AND f.batch = b.batch \
             WHERE b.run_id = $1 AND b.dataset = $2 AND b.batch = $3::int8::int4",
            &[(&run_id, Type::TEXT), (&dataset, Type::TEXT), (&number, Type::INT8)],
        )
        .await
        .map_err(Error::statement(format!("looking for batch {batch} in the ledger")))?;
    if rows.is_empty() {
        return Ok(None);
    }
    let file = |row: &Row| {
        let count = |index| row.get::<_, Option<i64>>(index).map(i64::unsigned_abs);
        let placed = Placed {
            inserted: count(1)?,
            updated: count(2)?,
            skipped_older: count(3)?,
            ..Placed::default()
        };
        Some((row.get::<_, Option<String>>(0)?, placed))
    };
    let files = rows.iter().filter_map(file).collect();
    Ok(Some(Loaded { number: batch, files, skipped: Vec::new(), replaced: 0, again: 0 }))
}

/// The latest runs, newest first.
///
/// # Errors
/// [`Error::Statement`].
pub async fn runs(client: &Client, limit: i64) -> Result<Vec<RecordedRun>, Error> {
    let rows = client
        .query_typed(
            "SELECT r.run_id, r.dataset, r.target, r.range_start || ' to ' || r.range_end, \
                    r.status, to_char(r.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), \
                    to_char(r.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), \
                    count(b.batch), coalesce(sum(b.files), 0)::int8, \
                    coalesce(sum(b.rows), 0)::int8 \
             FROM backfill.runs r LEFT JOIN backfill.batches b USING (run_id, dataset) \
             GROUP BY r.run_id, r.dataset ORDER BY r.started_at DESC, r.dataset LIMIT $1",
            &[(&limit, Type::INT8)],
        )
        .await
        .map_err(Error::statement("reading the ledger"))?;
    let run = |row: &Row| RecordedRun {
        run_id: row.get(0),
        dataset: row.get(1),
        target: row.get(2),
        range: row.get(3),
        status: row.get(4),
        started_at: row.get(5),
        finished_at: row.get(6),
        batches: row.get(7),
        files: row.get(8),
        rows: row.get(9),
    };
    Ok(rows.iter().map(run).collect())
}
