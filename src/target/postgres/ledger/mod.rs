//! The **ledger**: our tables in the target database that say what was loaded. Their rows commit
//! with the rows of the target, or not at all.

use serde::{Deserialize, Serialize};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::domain::{DateRange, FileDate, Placed, TableName};
use crate::stage::StagedFile;
use crate::state::Loaded;
use crate::target::Error;

mod files;

pub use files::{Scope, files, has_lost_files, loaded_around, mark_removed, others};

/// Lets two runs that start at the same time make the ledger one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('backfill.ledger', 0))";

/// Makes the ledger's schema. A role may create tables in a schema that somebody else made, and not be
/// allowed to make one, so that this is sent only if there is none.
const CREATE_SCHEMA: &str = "\
CREATE SCHEMA backfill;
COMMENT ON SCHEMA backfill IS 'What backfill has loaded; its rows commit with the rows of the targets.'";

/// Makes the ledger's tables.
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
  PRIMARY KEY (target, file_name));";

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
    if exists(client).await? {
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
/// [`Error::Statement`].
pub async fn exists(client: &Client) -> Result<bool, Error> {
    let row = client
        .query_typed_one("SELECT to_regclass('backfill.files') IS NOT NULL", &[])
        .await
        .map_err(Error::statement("looking for the ledger"))?;
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
    let rows: u64 = batch.files.iter().map(|(_, placed)| placed.inserted).sum();
    let (number, files) = (batch.batch as i64, batch.files.len() as i64);
    let (rows, deleted) = (rows as i64, batch.deleted as i64);
    let (start, end) = (batch.days.0.to_string(), batch.days.1.to_string());
    client
        .execute_typed(
            "INSERT INTO backfill.batches \
             (run_id, dataset, batch, range_start, range_end, files, rows, deleted, xid) \
             VALUES ($1, $2, $3::int8::int4, $4::text::date, $5::text::date, $6::int8::int4, $7, \
                     $8, $9)",
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
            ],
        )
        .await
        .map_err(failed())?;
    let target = batch.target.to_string();
    let files = file_rows(batch.files)?;
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
        .map(|_| ())
        .map_err(failed())
}

/// Adds the files of a batch, or renews them where they are reloaded.
const INSERT_FILES: &str = "\
INSERT INTO backfill.files
  (target, run_id, batch, sql_hash, file_name, file_date, size_bytes, etag, last_modified,
   records, accepted, rejected, superseded, filtered, staged, inserted, survivors)
SELECT $1, $2, $3::int8::int4, $4, file_name, file_date, size_bytes, etag, last_modified,
       records, accepted, rejected, superseded, filtered, staged, inserted, survivors
FROM jsonb_to_recordset($5::text::jsonb) AS file
  (file_name text, file_date date, size_bytes bigint, etag text, last_modified timestamptz,
   records bigint, accepted bigint, rejected bigint, superseded bigint, filtered bigint,
   staged bigint, inserted bigint, survivors text)
ON CONFLICT (target, file_name) DO UPDATE SET
  run_id = excluded.run_id, batch = excluded.batch, sql_hash = excluded.sql_hash,
  file_date = excluded.file_date, size_bytes = excluded.size_bytes, etag = excluded.etag,
  last_modified = excluded.last_modified, records = excluded.records,
  accepted = excluded.accepted, rejected = excluded.rejected, superseded = excluded.superseded,
  filtered = excluded.filtered, staged = excluded.staged, inserted = excluded.inserted,
  survivors = excluded.survivors, loaded_at = excluded.loaded_at";

fn file_rows(files: &[(&StagedFile, Placed)]) -> Result<String, Error> {
    let rows: Vec<FileRow<'_>> = files
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
            "SELECT f.file_name, f.inserted FROM backfill.batches b \
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
        let inserted = row.get::<_, Option<i64>>(1)?.unsigned_abs();
        Some((row.get::<_, Option<String>>(0)?, Placed { inserted, ..Placed::default() }))
    };
    let files = rows.iter().filter_map(file).collect();
    Ok(Some(Loaded { number: batch, files, skipped: Vec::new() }))
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
