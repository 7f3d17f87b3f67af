//! What the ledger says of a run that is to be **undone**: its batches, what they saved, and which later runs depend
//! on it.

use serde::Serialize;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::READING;
use crate::domain::{FileDate, TableName, saturating};
use crate::target::Error;
use crate::target::postgres::parameter::Parameter;
use crate::target::postgres::row::{count, place};

/// What a run loaded of one dataset.
#[derive(Clone, Debug, Serialize)]
pub struct DatasetRun {
    /// The run.
    pub run_id: String,
    /// The dataset.
    pub dataset: String,
    /// The target.
    pub target: String,
    /// `running`, `done`, `failed`, `undoing` or `undone`.
    pub status: String,
}

impl DatasetRun {
    /// Returns the target's name.
    ///
    /// # Errors
    /// [`Error::LedgerUnreadable`].
    pub fn table(&self) -> Result<TableName, Error> {
        self.target.parse().map_err(|_| self.unreadable())
    }

    fn unreadable(&self) -> Error {
        Error::LedgerUnreadable { file: format!("run {}", self.run_id) }
    }
}

/// A batch that was committed.
#[derive(Clone, Debug)]
pub struct CommittedBatch {
    /// Its number.
    pub number: usize,
    /// First and last day.
    pub days: (FileDate, FileDate),
    /// Rows that it inserted.
    pub inserted: u64,
    /// Rows that it replaced.
    pub updated: u64,
    /// Rows that it deleted.
    pub deleted: u64,
    /// The transaction.
    pub xid: String,
    /// Its id among the loads of dlt.
    pub load_id: Option<String>,
    /// The columns of the rows that it saved, with their types; `None` if a version of this program loaded it that
    /// saved nothing.
    pub saved_columns: Option<Vec<(String, String)>>,
    /// The columns by which it merged its rows; `None` if it did not merge, or if an older version of this program
    /// loaded it.
    pub merge_key: Option<Vec<String>>,
    /// Rows that are saved of it.
    pub saved: u64,
    /// Whether it is undone.
    pub is_undone: bool,
}

/// Finds the datasets of a run, latest first. `last` is the latest run that has loaded something, also if it is undone: to
/// undo it twice must not undo the run before it.
///
/// # Errors
/// [`Error::Statement`].
pub async fn dataset_runs(client: &Client, run: &str) -> Result<Vec<DatasetRun>, Error> {
    let rows = client
        .query_typed(
            "SELECT run_id, dataset, target, status FROM backfill.runs \
             WHERE run_id = CASE $1 WHEN 'last' THEN \
               (SELECT run_id FROM backfill.runs JOIN backfill.batches USING (run_id, dataset) \
                ORDER BY started_at DESC LIMIT 1) ELSE $1 END \
             ORDER BY started_at DESC, dataset",
            &[(&run, Type::TEXT)],
        )
        .await
        .map_err(Error::statement(READING))?;
    Ok(rows.iter().map(dataset_run).collect())
}

fn dataset_run(row: &Row) -> DatasetRun {
    DatasetRun { run_id: row.get(0), dataset: row.get(1), target: row.get(2), status: row.get(3) }
}

/// Finds the batches of a dataset of a run, in the order in which they are undone: the last one first. The ledger has
/// the columns of this version.
///
/// # Errors
/// [`Error::Statement`], [`Error::LedgerUnreadable`].
pub async fn batches_of(client: &Client, run: &DatasetRun) -> Result<Vec<CommittedBatch>, Error> {
    let rows = client
        .query_typed(
            "SELECT batch::int8, range_start::text, range_end::text, rows, updated, deleted, xid, load_id, \
                    saved_columns::text, undone_at IS NOT NULL, merge_key, \
                    (SELECT count(*) FROM backfill.saved_rows AS saved WHERE saved.run_id = batches.run_id \
                       AND saved.dataset = batches.dataset AND saved.batch = batches.batch) \
             FROM backfill.batches WHERE run_id = $1 AND dataset = $2 \
             ORDER BY committed_at DESC, batch DESC",
            &[(&run.run_id, Type::TEXT), (&run.dataset, Type::TEXT)],
        )
        .await
        .map_err(Error::statement(READING))?;
    rows.iter().map(|row| batch_of(row, run)).collect()
}

fn batch_of(row: &Row, run: &DatasetRun) -> Result<CommittedBatch, Error> {
    let days: [String; 2] = [row.get(1), row.get(2)];
    let [first, last] = days.map(|day| day.parse().map_err(|_| run.unreadable()));
    let saved_columns = match row.get::<_, Option<String>>(8) {
        Some(text) => Some(serde_json::from_str(&text).map_err(|_| run.unreadable())?),
        None => None,
    };
    Ok(CommittedBatch {
        number: place(row, 0),
        days: (first?, last?),
        inserted: count(row, 3),
        updated: count(row, 4),
        deleted: count(row, 5),
        xid: row.get(6),
        load_id: row.get(7),
        saved_columns,
        is_undone: row.get(9),
        merge_key: row.get(10),
        saved: count(row, 11),
    })
}

/// Asks for the later runs that depend on a run, each with the reason: they changed the same files, or left out rows because
/// of its rows. `$1` the run, `$2` the dataset, `$3` the target.
const LATER: &str = "\
WITH began AS (
  SELECT min(committed_at) AS at FROM backfill.batches
  WHERE run_id = $1 AND dataset = $2 AND undone_at IS NULL),
mine AS (
  SELECT file_name FROM backfill.saved_files JOIN backfill.batches USING (run_id, dataset, batch)
  WHERE run_id = $1 AND dataset = $2 AND undone_at IS NULL
  UNION
  SELECT file_name FROM backfill.files WHERE run_id = $1 AND target = $3 AND survivors <> 'removed'),
later AS (
  SELECT batches.run_id, 'it changed the same files' AS reason
  FROM mine
  JOIN backfill.saved_files USING (file_name)
  JOIN backfill.batches USING (run_id, dataset, batch)
  JOIN backfill.runs USING (run_id, dataset)
  WHERE runs.target = $3 AND batches.run_id <> $1
    AND batches.undone_at IS NULL AND batches.committed_at > (SELECT at FROM began)
  UNION
  SELECT files.run_id, 'it changed the same files'
  FROM mine JOIN backfill.files USING (file_name)
  WHERE files.target = $3 AND files.run_id <> $1 AND files.survivors <> 'removed'
    AND files.loaded_at > (SELECT at FROM began)
  UNION
  SELECT files.run_id, 'it left out rows because of rows of this run'
  FROM backfill.files JOIN backfill.runs USING (run_id, target)
  WHERE files.target = $3 AND files.run_id <> $1 AND files.survivors <> 'removed'
    AND files.loaded_at > (SELECT at FROM began)
    AND (files.skipped_older > 0 OR files.superseded > 0 AND EXISTS (
      SELECT FROM mine JOIN backfill.files AS other ON other.target = $3 AND other.file_name = mine.file_name
      WHERE other.file_date BETWEEN runs.range_start AND runs.range_end)))
SELECT run_id, string_agg(DISTINCT reason, '; ') FROM later GROUP BY 1 ORDER BY 1 DESC";

/// Finds the later runs that depend on a dataset of a run, latest first, each with the reason.
///
/// # Errors
/// [`Error::Statement`].
pub async fn later_runs(client: &Client, run: &DatasetRun) -> Result<Vec<String>, Error> {
    let rows = client
        .query_typed(
            LATER,
            &[(&run.run_id, Type::TEXT), (&run.dataset, Type::TEXT), (&run.target, Type::TEXT)],
        )
        .await
        .map_err(Error::statement(READING))?;
    Ok(rows
        .iter()
        .map(|row| format!("{} ({})", row.get::<_, &str>(0), row.get::<_, &str>(1)))
        .collect())
}

/// Returns the names of the files that a batch touched: those whose entries it saved, or those that it loaded if a version of
/// this program loaded it that saved none.
///
/// # Errors
/// [`Error::Statement`].
pub async fn touched(
    client: &Client,
    run: &DatasetRun,
    batch: usize,
) -> Result<Vec<String>, Error> {
    let number = saturating::bigint(batch);
    let rows = client
        .query_typed(
            "SELECT file_name FROM backfill.saved_files \
             WHERE run_id = $1 AND dataset = $2 AND batch = $3::int8::int4 \
             UNION \
             SELECT file_name FROM backfill.files \
             WHERE run_id = $1 AND target = $4 AND batch = $3::int8::int4 AND survivors <> 'removed' \
               AND NOT EXISTS (SELECT FROM backfill.saved_files WHERE run_id = $1) \
             ORDER BY 1",
            &[
                (&run.run_id, Type::TEXT),
                (&run.dataset, Type::TEXT),
                (&number, Type::INT8),
                (&run.target, Type::TEXT),
            ],
        )
        .await
        .map_err(Error::statement(READING))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Counts the rows that were deleted on purpose since a run, of files that the ledger knew before it: their rows, or
/// what is known of them, would come back.
///
/// # Errors
/// [`Error::Statement`].
pub async fn erased_since(client: &Client, run: &DatasetRun) -> Result<u64, Error> {
    let row = client
        .query_typed_one(
            "SELECT coalesce(sum(greatest(files.deleted_on_purpose - was.deleted, 0)), 0)::int8 \
             FROM backfill.files \
             JOIN (SELECT file_name, max(coalesce((entry ->> 'deleted_on_purpose')::int8, 0)) AS deleted \
                   FROM backfill.saved_files \
                   WHERE run_id = $1 AND dataset = $2 AND entry IS NOT NULL GROUP BY 1) AS was \
               USING (file_name) \
             WHERE files.target = $3",
            &[(&run.run_id, Type::TEXT), (&run.dataset, Type::TEXT), (&run.target, Type::TEXT)],
        )
        .await
        .map_err(Error::statement(READING))?;
    Ok(count(&row, 0))
}

/// Returns the files that the ledger knew before a run, among those that the run touched.
///
/// # Errors
/// [`Error::Statement`].
pub async fn known_before(client: &Client, run: &DatasetRun) -> Result<Vec<String>, Error> {
    let rows = client
        .query_typed(
            "SELECT DISTINCT file_name FROM backfill.saved_files \
             WHERE run_id = $1 AND dataset = $2 AND entry IS NOT NULL",
            &[(&run.run_id, Type::TEXT), (&run.dataset, Type::TEXT)],
        )
        .await
        .map_err(Error::statement(READING))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Records that a run is being undone, or is undone once none of its batches is left.
///
/// # Errors
/// [`Error::Statement`].
pub async fn mark_undoing(client: &Client, run: &DatasetRun) -> Result<(), Error> {
    client
        .execute_typed(
            "UPDATE backfill.runs SET status = CASE WHEN EXISTS (SELECT FROM backfill.batches \
               WHERE run_id = $1 AND dataset = $2 AND undone_at IS NULL) THEN 'undoing' ELSE 'undone' END \
             WHERE run_id = $1 AND dataset = $2",
            &[(&run.run_id, Type::TEXT), (&run.dataset, Type::TEXT)],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement("recording in the ledger that the run is undone"))
}

/// Takes back that a run is being undone, if nothing of it is undone.
///
/// # Errors
/// [`Error::Statement`].
pub async fn unmark_undoing(client: &Client, run: &DatasetRun) -> Result<(), Error> {
    client
        .execute_typed(
            "UPDATE backfill.runs SET status = $3 \
             WHERE run_id = $1 AND dataset = $2 AND status = 'undoing' \
               AND NOT EXISTS (SELECT FROM backfill.batches \
                               WHERE run_id = $1 AND dataset = $2 AND undone_at IS NOT NULL)",
            &[(&run.run_id, Type::TEXT), (&run.dataset, Type::TEXT), (&run.status, Type::TEXT)],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement("recording in the ledger that the run is not undone"))
}

/// Waits until every batch that is running in a target has ended: batches that begin later see that the run is
/// being undone.
///
/// # Errors
/// [`Error::Statement`].
pub async fn await_batches(client: &Client, run: &DatasetRun) -> Result<(), Error> {
    client
        .query_typed(
            "SELECT pg_advisory_xact_lock(hashtextextended('backfill:' || $1, 0))",
            &[(&run.target, Type::TEXT)],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement("waiting for running batches"))
}

/// Brings the entries of the files of a batch back to what they were: `$1` the run, `$2` the dataset, `$3` the batch,
/// `$4` the target, `$5` this transaction, `$6` the files of which it brought rows back that are ours. Transactions that
/// undid later batches stay named.
const RESTORE_FILES: &str = "\
UPDATE backfill.files SET
  file_date = was.file_date, run_id = was.run_id, batch = was.batch, size_bytes = was.size_bytes,
  etag = was.etag, last_modified = was.last_modified, sql_hash = was.sql_hash, records = was.records,
  accepted = was.accepted, rejected = was.rejected, superseded = was.superseded,
  filtered = was.filtered, staged = was.staged, inserted = was.inserted, updated = was.updated,
  skipped_older = was.skipped_older, held = was.held, deleted_on_purpose = was.deleted_on_purpose,
  again = was.again, survivors = was.survivors, loaded_at = was.loaded_at,
  xids = ARRAY(SELECT unnest(was.xids) UNION SELECT unnest(files.xids)
               UNION SELECT $5 WHERE files.file_name = ANY($6))
FROM backfill.saved_files AS saved
CROSS JOIN LATERAL jsonb_populate_record(NULL::backfill.files, saved.entry) AS was
WHERE saved.run_id = $1 AND saved.dataset = $2 AND saved.batch = $3::int8::int4
  AND saved.entry IS NOT NULL AND files.target = $4 AND files.file_name = saved.file_name";

/// The files of which the ledger had no entry before a batch.
const NEW_FILES: &str = "\
SELECT file_name FROM backfill.files
WHERE run_id = $1 AND batch = $3::int8::int4 AND target = $4 AND survivors <> 'removed'
  AND file_name = ANY($5)
  AND NOT EXISTS (SELECT FROM backfill.saved_files AS saved
                  WHERE saved.run_id = $1 AND saved.dataset = $2 AND saved.batch = $3::int8::int4
                    AND saved.file_name = files.file_name AND saved.entry IS NOT NULL)";

/// Brings the ledger back to what it was before a batch. `names` are the files that the batch touched, `xid` is the
/// transaction that undoes it, and `restored` are the files of which that brought rows back that are ours. Files that
/// were new are marked as removed: rows that were left out because of theirs may have to come in now.
///
/// # Errors
/// [`Error::Statement`].
pub async fn restore_entries(
    client: &Client,
    run: &DatasetRun,
    batch: usize,
    names: &[String],
    xid: &str,
    restored: &[String],
) -> Result<(), Error> {
    let doing = format!("undoing batch {batch} in the ledger");
    let number = saturating::bigint(batch);
    let of: [Parameter<'_>; 4] = [
        (&run.run_id, Type::TEXT),
        (&run.dataset, Type::TEXT),
        (&number, Type::INT8),
        (&run.target, Type::TEXT),
    ];
    let of_names: [Parameter<'_>; 1] = [(&names, Type::TEXT_ARRAY)];
    let with_names = [&of[..], &of_names].concat();
    let rows = client
        .query_typed(NEW_FILES, &with_names)
        .await
        .map_err(Error::statement(doing.as_str()))?;
    let new: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    super::mark_removed(client, &run.table()?, &new).await?;
    let xids: [Parameter<'_>; 2] = [(&xid, Type::TEXT), (&restored, Type::TEXT_ARRAY)];
    let with_xids = [&of[..], &xids].concat();
    client
        .execute_typed(RESTORE_FILES, &with_xids)
        .await
        .map_err(Error::statement(doing.as_str()))?;
    for statement in [
        "UPDATE backfill.batches SET undone_at = clock_timestamp() \
         WHERE run_id = $1 AND dataset = $2 AND batch = $3::int8::int4",
        "DELETE FROM backfill.saved_rows \
         WHERE run_id = $1 AND dataset = $2 AND batch = $3::int8::int4",
    ] {
        client
            .execute_typed(statement, &of[..3])
            .await
            .map_err(Error::statement(doing.as_str()))?;
    }
    Ok(())
}
