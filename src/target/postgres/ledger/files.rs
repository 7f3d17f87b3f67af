//! What the ledger knows of **files**: which were loaded, from which objects, with which SQL, and beside
//! which others.

use std::collections::HashMap;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::{READING, exists};
use crate::domain::{DateRange, FileDate, Identity, TableName, saturating};
use crate::stage::Counts;
use crate::state::{Erased, LedgerEntry};
use crate::target::Error;
use crate::target::postgres::row::count;

/// What is asked of the ledger about files. An older version of this program may have made it: columns that
/// were added since are found by their names, if they are there.
const SELECT_FILES: &str = "\
SELECT file_name, size_bytes, etag, (extract(epoch FROM last_modified) * 1000000)::int8,
       files.sql_hash, records, accepted, rejected, superseded, filtered, staged, inserted,
       survivors, files.run_id, coalesce(runs.range_start, file_date)::text,
       coalesce(runs.range_end, file_date)::text, file_date::text,
       ARRAY(SELECT batches.xid WHERE batches.xid IS NOT NULL UNION SELECT jsonb_array_elements_text(
         CASE jsonb_typeof(to_jsonb(files.*) -> 'xids') WHEN 'array' THEN to_jsonb(files.*) -> 'xids'
              ELSE '[]' END)),
       coalesce((to_jsonb(files.*) ->> 'held')::int8, inserted),
       coalesce((to_jsonb(files.*) ->> 'deleted_on_purpose')::int8, 0),
       coalesce((to_jsonb(files.*) ->> 'again')::bool, false),
       coalesce((to_jsonb(files.*) ->> 'updated')::int8, 0),
       coalesce((to_jsonb(files.*) ->> 'skipped_older')::int8, 0), files.batch::int8
FROM backfill.files LEFT JOIN backfill.runs USING (run_id, target)
LEFT JOIN backfill.batches ON batches.run_id = files.run_id AND batches.dataset = runs.dataset
                          AND batches.batch = files.batch
WHERE survivors <> 'removed'";

/// Reads what the ledger knows of the files of one target.
///
/// # Errors
/// [`Error::Statement`].
pub async fn files(
    client: &Client,
    target: &TableName,
    names: &[String],
) -> Result<Vec<LedgerEntry>, Error> {
    let statement =
        format!("{SELECT_FILES} AND target = $1 AND file_name = ANY($2) ORDER BY file_name");
    let target = target.to_string();
    let rows = client
        .query_typed(&statement, &[(&target, Type::TEXT), (&names, Type::TEXT_ARRAY)])
        .await
        .map_err(Error::statement(READING))?;
    rows.iter().map(ledger_entry).collect()
}

/// The files of a dataset that are looked for in the ledger.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The target.
    pub target: &'a TableName,
    /// The dataset.
    pub dataset: &'a str,
    /// What the names of its files start with.
    pub prefix: &'a str,
    /// The file dates.
    pub range: DateRange,
}

/// Reads what the ledger knows of files of a dataset that are not among `names`.
///
/// # Errors
/// [`Error::Statement`].
pub async fn others(
    client: &Client,
    scope: Scope<'_>,
    names: &[String],
) -> Result<Vec<LedgerEntry>, Error> {
    // A run over several datasets may have loaded two of them into one target. Then the name says
    // whose file it is. Otherwise the name need not match, because a bucket may have moved.
    let statement = format!(
        "{SELECT_FILES} AND target = $1 AND runs.dataset = $2 AND file_name <> ALL($3) \
           AND file_date BETWEEN $4::text::date AND $5::text::date \
           AND (starts_with(file_name, $6) OR NOT EXISTS (SELECT FROM backfill.runs other \
                WHERE other.run_id = files.run_id AND other.target = files.target \
                  AND other.dataset <> $2)) \
         ORDER BY file_date, file_name"
    );
    let target = scope.target.to_string();
    let (start, end) = (scope.range.start().to_string(), scope.range.end().to_string());
    let rows = client
        .query_typed(
            &statement,
            &[
                (&target, Type::TEXT),
                (&scope.dataset, Type::TEXT),
                (&names, Type::TEXT_ARRAY),
                (&start, Type::TEXT),
                (&end, Type::TEXT),
                (&scope.prefix, Type::TEXT),
            ],
        )
        .await
        .map_err(Error::statement(READING))?;
    rows.iter().map(ledger_entry).collect()
}

/// Where the files of a dataset go, and how they are known there.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The target.
    pub target: &'a TableName,
    /// The dataset.
    pub dataset: &'a str,
    /// What the names of its files start with.
    pub prefix: &'a str,
}

/// Returns the last file date of a dataset that the ledger knows as loaded; `None` if it knows none.
///
/// # Errors
/// [`Error::Statement`].
pub async fn last_day(client: &Client, origin: Origin<'_>) -> Result<Option<FileDate>, Error> {
    if !exists(client).await? {
        return Ok(None);
    }
    // Files are the dataset's by their names, and also if a bucket has moved since, unless the run that loaded
    // them had another dataset with the same target.
    let target = origin.target.to_string();
    let row = client
        .query_typed_one(
            "SELECT max(file_date)::text FROM backfill.files WHERE target = $1 \
               AND survivors <> 'removed' AND (starts_with(file_name, $3) OR run_id IN \
                 (SELECT run_id FROM backfill.runs WHERE target = $1 \
                  GROUP BY run_id HAVING min(dataset) = $2 AND max(dataset) = $2))",
            &[(&target, Type::TEXT), (&origin.dataset, Type::TEXT), (&origin.prefix, Type::TEXT)],
        )
        .await
        .map_err(Error::statement(READING))?;
    Ok(date(&row, 0))
}

/// Returns the range from the first to the last file that the ledger knows of a target; `None` if it knows none.
///
/// # Errors
/// [`Error::Statement`].
pub async fn loaded_range(client: &Client, target: &TableName) -> Result<Option<DateRange>, Error> {
    if !exists(client).await? {
        return Ok(None);
    }
    let target = target.to_string();
    let row = client
        .query_typed_one(
            "SELECT min(file_date)::text, max(file_date)::text FROM backfill.files \
             WHERE target = $1 AND survivors <> 'removed'",
            &[(&target, Type::TEXT)],
        )
        .await
        .map_err(Error::statement(READING))?;
    let days = date(&row, 0).zip(date(&row, 1));
    Ok(days.and_then(|(first, last)| DateRange::new(first, last).ok()))
}

/// A date as text; `None` for NULL.
fn date(row: &Row, index: usize) -> Option<FileDate> {
    row.get::<_, Option<String>>(index)?.parse().ok()
}

/// Marks files as removed whose rows are taken out of the target. They stay in the ledger, because other
/// rows survive without them: those loaded before must be compared again.
///
/// # Errors
/// [`Error::Statement`].
pub async fn mark_removed(
    client: &Client,
    target: &TableName,
    names: &[&str],
) -> Result<(), Error> {
    let target = target.to_string();
    client
        .execute_typed(
            "UPDATE backfill.files SET survivors = 'removed', records = 0, accepted = 0, \
               rejected = 0, superseded = 0, filtered = 0, staged = 0, inserted = 0, \
               updated = 0, skipped_older = 0, held = 0, deleted_on_purpose = 0, again = false, xids = NULL, \
               loaded_at = clock_timestamp() \
             WHERE target = $1 AND file_name = ANY($2)",
            &[(&target, Type::TEXT), (&names, Type::TEXT_ARRAY)],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement("marking files as removed in the ledger"))
}

/// Whether rows of a file were left out or replaced, so that they may have to come back.
pub(super) const MAY_COME_AGAIN: &str = "survivors <> 'removed' \
AND (skipped_older > 0 OR coalesce(held, inserted) < inserted + updated)";

/// Marks other files of a target to be merged again: rows that the target left out or replaced may have to
/// come back, because rows that were newer than they are gone. Returns how many files that are.
///
/// # Errors
/// [`Error::Statement`].
pub async fn mark_again(client: &Client, target: &TableName, but: &[&str]) -> Result<u64, Error> {
    let target = target.to_string();
    client
        .execute_typed(
            &format!(
                "UPDATE backfill.files SET again = true \
                 WHERE target = $1 AND file_name <> ALL($2) AND {MAY_COME_AGAIN}"
            ),
            &[(&target, Type::TEXT), (&but, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(Error::statement("marking files to be merged again in the ledger"))
}

/// Records that rows of files were deleted from the target on purpose: `files` are their names, each with
/// the rows that the target holds now.
///
/// # Errors
/// [`Error::Statement`].
pub async fn accept(
    client: &Client,
    target: &TableName,
    files: &[(String, u64)],
) -> Result<(), Error> {
    let target = target.to_string();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let rows: Vec<i64> = files.iter().map(|(_, rows)| saturating::bigint(*rows)).collect();
    client
        .execute_typed(
            "UPDATE backfill.files SET \
               deleted_on_purpose = deleted_on_purpose + coalesce(held, inserted) - accepted.rows, \
               held = accepted.rows \
             FROM unnest($2::text[], $3::int8[]) AS accepted (name, rows) \
             WHERE target = $1 AND file_name = accepted.name",
            &[(&target, Type::TEXT), (&names, Type::TEXT_ARRAY), (&rows, Type::INT8_ARRAY)],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement("recording in the ledger what was deleted on purpose"))
}

/// Returns how many rows of files the target holds if nobody else changed them, by name.
///
/// # Errors
/// [`Error::Statement`].
pub async fn held(
    client: &Client,
    target: &TableName,
    names: &[String],
) -> Result<HashMap<String, u64>, Error> {
    let entries = files(client, target, names).await?;
    Ok(entries.into_iter().map(|entry| (entry.file_name, entry.held)).collect())
}

/// Returns those of the names that the ledger does not know as files of the target, or knows as files of which no row
/// was written.
///
/// # Errors
/// [`Error::Statement`].
pub async fn unknown(
    client: &Client,
    target: &TableName,
    names: &[String],
) -> Result<Vec<String>, Error> {
    let target = target.to_string();
    let rows = client
        .query_typed(
            "SELECT name FROM unnest($2::text[]) AS name WHERE NOT EXISTS \
             (SELECT FROM backfill.files WHERE target = $1 AND file_name = name \
              AND inserted + coalesce((to_jsonb(files.*) ->> 'updated')::int8, 0) > 0)",
            &[(&target, Type::TEXT), (&names, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(Error::statement(READING))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Counts the rows that were deleted from a target on purpose.
///
/// # Errors
/// [`Error::Statement`].
pub async fn erased(client: &Client, target: &TableName) -> Result<Option<Erased>, Error> {
    let row = client
        .query_typed_one(
            "SELECT max(file_date)::text, coalesce(sum((to_jsonb(files.*) ->> 'deleted_on_purpose')::int8), 0)::int8 \
             FROM backfill.files \
             WHERE target = $1 AND (to_jsonb(files.*) ->> 'deleted_on_purpose')::int8 > 0",
            &[(&target.to_string(), Type::TEXT)],
        )
        .await
        .map_err(Error::statement(READING))?;
    Ok(date(&row, 0).map(|until| Erased { until, rows: count(&row, 1) }))
}

/// Whether files of a target were removed from a range since another of its files was loaded.
///
/// # Errors
/// [`Error::Statement`].
pub async fn has_lost_files(
    client: &Client,
    target: &TableName,
    range: DateRange,
) -> Result<bool, Error> {
    let target = target.to_string();
    let (start, end) = (range.start().to_string(), range.end().to_string());
    let row = client
        .query_typed_one(
            "SELECT coalesce(max(loaded_at) FILTER (WHERE survivors = 'removed') \
                > min(loaded_at) FILTER (WHERE survivors <> 'removed'), false) \
             FROM backfill.files \
             WHERE target = $1 AND file_date BETWEEN $2::text::date AND $3::text::date",
            &[(&target, Type::TEXT), (&start, Type::TEXT), (&end, Type::TEXT)],
        )
        .await
        .map_err(Error::statement(READING))?;
    Ok(row.get(0))
}

fn ledger_entry(row: &Row) -> Result<LedgerEntry, Error> {
    let range = DateRange::new(readable_date(row, 14)?, readable_date(row, 15)?)
        .map_err(|_| unreadable(row))?;
    Ok(LedgerEntry {
        file_name: row.get(0),
        date: readable_date(row, 16)?,
        identity: Identity {
            size: count_or_zero(row, 1),
            etag: row.get(2),
            last_modified: chrono::DateTime::from_timestamp_micros(row.get(3)).unwrap_or_default(),
        },
        sql_hash: row.get(4),
        counts: Counts {
            records: count_or_zero(row, 5),
            accepted: count_or_zero(row, 6),
            rejected: count_or_zero(row, 7),
            superseded: count_or_zero(row, 8),
            filtered: count_or_zero(row, 9),
            staged: count_or_zero(row, 10),
        },
        inserted: count_or_zero(row, 11),
        survivors: row.get(12),
        run_id: row.get(13),
        batch: saturating::index(count_or_zero(row, 23)),
        held: count_or_zero(row, 18),
        deleted_on_purpose: count_or_zero(row, 19),
        again: row.get(20),
        updated: count_or_zero(row, 21),
        skipped_older: count_or_zero(row, 22),
        xids: row.get(17),
        range,
    })
}

/// A date that must be there.
fn readable_date(row: &Row, index: usize) -> Result<FileDate, Error> {
    date(row, index).ok_or_else(|| unreadable(row))
}

fn unreadable(row: &Row) -> Error {
    Error::LedgerUnreadable { file: row.get(0) }
}

/// A number; 0 if somebody wrote a negative one into the ledger.
fn count_or_zero(row: &Row, index: usize) -> u64 {
    row.get::<_, i64>(index).max(0).unsigned_abs()
}
