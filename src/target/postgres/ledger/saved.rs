//! What the ledger **saves** before a batch changes it: its own entries of files, and, in
//! [`crate::target::saved`], the rows that the batch replaces or deletes.

use std::collections::HashMap;

use serde::Serialize;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::READING;
use crate::domain::{TableName, saturating};
use crate::target::Error;
use crate::target::postgres::parameter::Parameter;
use crate::target::postgres::row::count;

/// The batch that something is saved for.
#[derive(Clone, Copy)]
pub struct Saving<'a> {
    /// Its session, inside its transaction.
    pub client: &'a Client,
    /// The run.
    pub run_id: &'a str,
    /// The dataset.
    pub dataset: &'a str,
    /// The batch's number.
    pub batch: usize,
    /// Whether rows of the target are saved too, and not only entries of the ledger.
    pub rows: bool,
}

/// Saves entries of the ledger that are not saved yet; `$1` the run, `$2` the dataset, `$3` the
/// batch, `$4` the target.
const SAVE: &str = "INSERT INTO backfill.saved_files (run_id, dataset, batch, file_name, entry)";

impl Saving<'_> {
    /// Saves rows of the target with a statement whose first parameters are the batch; returns how many.
    ///
    /// # Errors
    /// [`Error::Rows`].
    pub async fn save_rows(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, Error> {
        if !self.rows {
            return Ok(0);
        }
        let saved = self.execute(statement, parameters).await;
        saved.map_err(|error| {
            Error::rows(format!("saving the rows that batch {} replaces", self.batch), &error)
        })
    }

    async fn execute(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, tokio_postgres::Error> {
        let number = saturating::bigint(self.batch);
        let of_batch: [Parameter<'_>; 3] =
            [(&self.run_id, Type::TEXT), (&self.dataset, Type::TEXT), (&number, Type::INT8)];
        self.client.execute_typed(statement, &[&of_batch, parameters].concat()).await
    }
}

/// Saves what the ledger says of files.
///
/// # Errors
/// [`Error::Statement`].
pub async fn save_files(
    saving: Saving<'_>,
    target: &TableName,
    names: &[&str],
) -> Result<(), Error> {
    let statement = format!(
        "{SAVE} SELECT $1, $2, $3::int8::int4, name, to_jsonb(files.*) \
         FROM (SELECT DISTINCT unnest($5::text[]) AS name) AS touched \
         LEFT JOIN backfill.files ON files.target = $4 AND files.file_name = name \
         ON CONFLICT DO NOTHING"
    );
    save(saving, target, &statement, names).await
}

/// Saves what the ledger says of the files that [`super::mark_again`] marks.
///
/// # Errors
/// [`Error::Statement`].
pub async fn save_again(saving: Saving<'_>, target: &TableName, but: &[&str]) -> Result<(), Error> {
    let statement = format!(
        "{SAVE} SELECT $1, $2, $3::int8::int4, file_name, to_jsonb(files.*) FROM backfill.files \
         WHERE target = $4 AND file_name <> ALL($5) AND {} ON CONFLICT DO NOTHING",
        super::files::MAY_COME_AGAIN
    );
    save(saving, target, &statement, but).await
}

async fn save(
    saving: Saving<'_>,
    target: &TableName,
    statement: &str,
    names: &[&str],
) -> Result<(), Error> {
    let target = target.to_string();
    saving
        .execute(statement, &[(&target, Type::TEXT), (&names, Type::TEXT_ARRAY)])
        .await
        .map(|_| ())
        .map_err(Error::statement(format!("recording batch {} in the ledger", saving.batch)))
}

/// Deletes the saved rows of runs that began more than `days` days ago. Without the right to delete them they stay.
///
/// # Errors
/// [`Error::Statement`].
pub async fn expire(client: &Client, days: u32) -> Result<u64, Error> {
    let days = i64::from(days);
    let may = "SELECT has_table_privilege('backfill.saved_rows', 'DELETE')";
    let doing = "deleting saved rows that have expired";
    // The server refuses the statement without the right, whatever its condition.
    let row = client.query_typed_one(may, &[]).await.map_err(Error::statement(doing))?;
    if !row.get::<_, bool>(0) {
        return Ok(0);
    }
    client
        .execute_typed(
            "DELETE FROM backfill.saved_rows USING backfill.runs \
             WHERE runs.run_id = saved_rows.run_id AND runs.dataset = saved_rows.dataset \
               AND runs.started_at < now() - $1 * interval '1 day' AND runs.status <> 'undoing'",
            &[(&days, Type::INT8)],
        )
        .await
        .map_err(Error::statement(doing))
}

/// What is saved of a run's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SavedRows {
    /// How many rows.
    pub rows: u64,
    /// Their size in bytes, as they are stored.
    pub bytes: u64,
}

/// Returns what is saved of every run, by run and dataset.
///
/// # Errors
/// [`Error::Statement`].
pub async fn saved_rows(client: &Client) -> Result<HashMap<(String, String), SavedRows>, Error> {
    let is_there = "SELECT to_regclass('backfill.saved_rows') IS NOT NULL";
    let row = client.query_typed_one(is_there, &[]).await.map_err(Error::statement(READING))?;
    // A ledger of an older version has no such table.
    if !row.get::<_, bool>(0) {
        return Ok(HashMap::new());
    }
    let statement = "SELECT run_id, dataset, count(*), coalesce(sum(pg_column_size(saved_rows.*)), 0)::int8 \
                     FROM backfill.saved_rows GROUP BY 1, 2";
    let rows = client.query_typed(statement, &[]).await.map_err(Error::statement(READING))?;
    Ok(rows.iter().map(saved_of).collect())
}

/// A run and its dataset, with what is saved of it.
fn saved_of(row: &Row) -> ((String, String), SavedRows) {
    ((row.get(0), row.get(1)), SavedRows { rows: count(row, 2), bytes: count(row, 3) })
}
