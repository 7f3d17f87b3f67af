//! What the ledger knows of **runs**: when they started, over which range, and how they ended.

use std::collections::HashMap;

use serde::Serialize;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::READING;
use super::saved::{SavedRows, saved_rows};
use crate::domain::{DateRange, TableName};
use crate::target::Error;

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
    /// `running`, `done`, `failed`, `undoing` or `undone`.
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
    /// Rows that it replaced or deleted, and that are kept for `undo`.
    pub saved: SavedRows,
}

/// What a run records of itself when it starts to load.
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

/// Records that a run starts to load a dataset.
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

/// Records how a run ended, with its accounting.
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

/// Returns the latest runs, newest first.
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
        .map_err(Error::statement(READING))?;
    let saved = saved_rows(client).await?;
    Ok(rows.iter().map(|row| recorded_run(row, &saved)).collect())
}

fn recorded_run(row: &Row, saved: &HashMap<(String, String), SavedRows>) -> RecordedRun {
    RecordedRun {
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
        saved: saved.get(&(row.get(0), row.get(1))).copied().unwrap_or_default(),
    }
}
