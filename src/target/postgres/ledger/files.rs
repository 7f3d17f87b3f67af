//! What the ledger knows of **files**: which were loaded, from which objects, with which SQL, and beside
//! which others.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::exists;
use crate::domain::{DateRange, FileDate, Identity, TableName};
use crate::stage::Counts;
use crate::state::LedgerEntry;
use crate::target::Error;

/// What is asked of the ledger about files.
const SELECT_FILES: &str = "\
SELECT file_name, size_bytes, etag, (extract(epoch FROM last_modified) * 1000000)::int8,
       files.sql_hash, records, accepted, rejected, superseded, filtered, staged, inserted,
       survivors, files.run_id, coalesce(runs.range_start, file_date)::text,
       coalesce(runs.range_end, file_date)::text, file_date::text, batches.xid
FROM backfill.files LEFT JOIN backfill.runs USING (run_id, target)
LEFT JOIN backfill.batches ON batches.run_id = files.run_id AND batches.dataset = runs.dataset
                          AND batches.batch = files.batch
WHERE survivors <> 'removed'";

/// What the ledger knows of the files of one target.
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
        .map_err(Error::statement("reading the ledger"))?;
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

/// What the ledger knows of files of a dataset that are not among `names`.
///
/// # Errors
/// [`Error::Statement`].
pub async fn others(
    client: &Client,
    scope: Scope<'_>,
    names: &[String],
) -> Result<Vec<LedgerEntry>, Error> {
    // A run over several datasets may have loaded two of them into one target. Then the name tells
    // whose file it is; else it need not, because a bucket may have moved.
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
        .map_err(Error::statement("reading the ledger"))?;
    rows.iter().map(ledger_entry).collect()
}

/// The range from the first to the last file that the ledger knows of a target, within the ranges of
/// the runs that loaded files and had one of these days in range; nothing where there is no such run.
///
/// # Errors
/// [`Error::Statement`].
pub async fn loaded_around(
    client: &Client,
    target: &TableName,
    days: &BTreeSet<FileDate>,
) -> Result<Option<DateRange>, Error> {
    if !exists(client).await? {
        return Ok(None);
    }
    let target = target.to_string();
    let days: Vec<String> = days.iter().map(ToString::to_string).collect();
    let row = client
        .query_typed_one(LOADED_AROUND, &[(&target, Type::TEXT), (&days, Type::TEXT_ARRAY)])
        .await
        .map_err(Error::statement("reading the ledger"))?;
    let date = |index| row.get::<_, Option<String>>(index)?.parse().ok();
    Ok(date(0).zip(date(1)).and_then(|(first, last)| DateRange::new(first, last).ok()))
}

/// `$1` target, `$2` days.
const LOADED_AROUND: &str = "\
WITH around AS (
  SELECT min(range_start) AS range_start, max(range_end) AS range_end
  FROM backfill.runs
  WHERE target = $1
    AND EXISTS (SELECT FROM backfill.files
                WHERE files.target = runs.target AND files.run_id = runs.run_id
                  AND survivors <> 'removed')
    AND EXISTS (SELECT FROM unnest($2) AS day
                WHERE day::date BETWEEN range_start AND range_end))
SELECT min(file_date)::text, max(file_date)::text
FROM backfill.files JOIN around ON file_date BETWEEN range_start AND range_end
WHERE target = $1 AND survivors <> 'removed'";

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
               loaded_at = clock_timestamp() \
             WHERE target = $1 AND file_name = ANY($2)",
            &[(&target, Type::TEXT), (&names, Type::TEXT_ARRAY)],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement("marking files as removed in the ledger"))
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
        .map_err(Error::statement("reading the ledger"))?;
    Ok(row.get(0))
}

fn ledger_entry(row: &Row) -> Result<LedgerEntry, Error> {
    let unreadable = || Error::LedgerUnreadable { file: row.get(0) };
    let count = |index: usize| row.get::<_, i64>(index) as u64;
    let date = |index: usize| row.get::<_, String>(index).parse().map_err(|_| unreadable());
    let range = DateRange::new(date(14)?, date(15)?).map_err(|_| unreadable())?;
    Ok(LedgerEntry {
        file_name: row.get(0),
        date: date(16)?,
        identity: Identity {
            size: count(1),
            etag: row.get(2),
            last_modified: chrono::DateTime::from_timestamp_micros(row.get(3)).unwrap_or_default(),
        },
        sql_hash: row.get(4),
        counts: Counts {
            records: count(5),
            accepted: count(6),
            rejected: count(7),
            superseded: count(8),
            filtered: count(9),
            staged: count(10),
        },
        inserted: count(11),
        survivors: row.get(12),
        run_id: row.get(13),
        xid: row.get(17),
        range,
    })
}
