//! The **pace** of earlier runs: how many rows per second they brought into the target.

use serde::Serialize;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::exists;
use crate::domain::TableName;
use crate::target::Error;
use crate::target::postgres::row::count;

/// How many rows a run must have loaded for its pace to mean something.
const MIN_ROWS: i64 = 10_000;

/// The pace of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pace {
    /// The run.
    pub run_id: String,
    /// Rows that it loaded.
    pub rows: u64,
    /// From its start to its last batch.
    pub seconds: f64,
}

impl Pace {
    /// Returns the rows per second.
    pub fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.seconds
    }
}

/// What the ledger knows of earlier loads of a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Experience {
    /// The pace of the latest run that loaded enough rows.
    pub pace: Option<Pace>,
    /// The share of the records of loaded files that became rows; `None` if there are none.
    pub staged_share: Option<f64>,
}

/// Reads what the ledger knows of earlier loads of a target; it is empty without a ledger.
///
/// # Errors
/// [`Error::Statement`].
pub async fn experience(client: &Client, target: &TableName) -> Result<Experience, Error> {
    if !exists(client).await? {
        return Ok(Experience::default());
    }
    let doing = "reading the pace of earlier runs in the ledger";
    let target = target.to_string();
    let run = client
        .query_typed_opt(PACE, &[(&target, Type::TEXT), (&MIN_ROWS, Type::INT8)])
        .await
        .map_err(Error::statement(doing))?;
    let pace =
        run.map(|row| Pace { run_id: row.get(0), rows: count(&row, 1), seconds: row.get(2) });
    let row = client
        .query_typed_one(STAGED, &[(&target, Type::TEXT)])
        .await
        .map_err(Error::statement(doing))?;
    Ok(Experience { pace, staged_share: row.get(0) })
}

/// The latest run into `$1` that loaded at least `$2` rows: its id, its rows, and its seconds.
const PACE: &str = "\
SELECT run_id, rows, seconds FROM (
  SELECT r.run_id, r.started_at,
         sum(b.rows + coalesce((to_jsonb(b.*) ->> 'updated')::int8, 0))::int8 AS rows,
         extract(epoch FROM max(b.committed_at) - r.started_at)::float8 AS seconds
  FROM backfill.runs r JOIN backfill.batches b USING (run_id, dataset)
  WHERE r.target = $1 GROUP BY r.run_id, r.dataset) AS paced
WHERE rows >= $2 AND seconds > 0 ORDER BY started_at DESC LIMIT 1";

/// The share of the records of the files of `$1` that became rows.
const STAGED: &str = "\
SELECT (sum(staged)::float8 / nullif(sum(records), 0)::float8)::float8 FROM backfill.files
WHERE target = $1 AND survivors <> 'removed'";
