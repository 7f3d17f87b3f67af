//! To **merge** is to bring rows into a target by key: a row replaces an older one with the same key, and is left
//! out if there is a newer one.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::Row;

use super::claim::Claim;
use super::place::{Outcome, Placing};
use crate::domain::{MergeRule, Placed};
use crate::target::placement::{FATES, Merge};
use crate::target::postgres::row::{count, name_and_count};
use crate::target::{Encoder, Error};

/// Merges the rows of the temporary table into the target, which is locked.
///
/// # Errors
/// [`Error::NullKeys`], [`Error::AmbiguousKeys`], [`Error::Count`], [`Error::Rows`].
pub(super) async fn merge<'f>(
    placing: &Placing<'_>,
    rule: &MergeRule,
    encoder: &Encoder,
    claim: &Claim<'f>,
) -> Result<Outcome<'f>, Error> {
    let target = placing.job.target;
    let columns: Vec<&str> = encoder.columns().map(|column| column.name.as_str()).collect();
    let updatable: Vec<&str> = encoder
        .columns()
        .filter(|column| !column.is_identity_always)
        .map(|column| column.name.as_str())
        .collect();
    let merge = Merge { table: &target.table, columns: &columns, rule };
    refuse_null_keys(placing, merge).await?;
    refuse_ambiguous_keys(placing, merge).await?;
    decide(placing, merge).await?;
    placing.saving.save_rows(&merge.save_statement(), &[]).await?;
    let fates = fates(placing).await?;
    write(placing, &merge.update_statement(&updatable), fates.values().map(|f| f.updated).sum())
        .await?;
    write(placing, &merge.insert_statement(), fates.values().map(|f| f.inserted).sum()).await?;
    Ok(Outcome {
        files: claim
            .files
            .iter()
            .map(|file| (*file, fates.get(&file.file_name).copied().unwrap_or_default()))
            .collect(),
        taken_over: taken_over(placing).await?,
        deleted: 0,
    })
}

/// Refuses rows whose key holds NULL.
async fn refuse_null_keys(placing: &Placing<'_>, merge: Merge<'_>) -> Result<(), Error> {
    let rows = placing
        .client
        .query_typed(&merge.null_keys_statement(), &[])
        .await
        .map_err(|error| failed(placing, &error))?;
    if rows.is_empty() {
        return Ok(());
    }
    let files = rows
        .iter()
        .map(|row| format!("{} ({} rows)", row.get::<_, String>(0), row.get::<_, i64>(1)))
        .collect();
    Err(Error::NullKeys { key: merge.rule.key.clone(), files })
}

/// Refuses keys that several rows of the target have, unless an index makes them unique.
async fn refuse_ambiguous_keys(placing: &Placing<'_>, merge: Merge<'_>) -> Result<(), Error> {
    let target = placing.job.target;
    let key = &merge.rule.key;
    if target.unique_keys.iter().any(|unique| unique.iter().all(|column| key.contains(column))) {
        return Ok(());
    }
    let row = placing
        .client
        .query_typed_one(&merge.ambiguous_keys_statement(), &[])
        .await
        .map_err(|error| failed(placing, &error))?;
    match row.get::<_, i64>(0) {
        0 => Ok(()),
        keys => Err(Error::AmbiguousKeys {
            table: target.table.to_string(),
            key: key.clone(),
            keys: keys.unsigned_abs(),
        }),
    }
}

/// Decides what becomes of each row.
async fn decide(placing: &Placing<'_>, merge: Merge<'_>) -> Result<(), Error> {
    let statements =
        format!("{}; {}; ANALYZE {FATES}", merge.analyze_statement(), merge.decide_statement());
    placing.client.batch_execute(&statements).await.map_err(|error| failed(placing, &error))
}

/// Reads what becomes of the rows of each file, by its name.
async fn fates(placing: &Placing<'_>) -> Result<HashMap<String, Placed>, Error> {
    let rows = placing
        .client
        .query_typed(&Merge::fates_statement(), &[])
        .await
        .map_err(|error| failed(placing, &error))?;
    Ok(rows.iter().map(|row| (row.get(0), fate(row))).collect())
}

fn fate(row: &Row) -> Placed {
    Placed {
        inserted: count(row, 1),
        updated: count(row, 2),
        skipped_older: count(row, 3),
        deleted: 0,
    }
}

/// Counts the rows that were replaced, by the name of their file.
async fn taken_over(placing: &Placing<'_>) -> Result<BTreeMap<String, u64>, Error> {
    let rows = placing
        .client
        .query_typed(&Merge::replaced_statement(), &[])
        .await
        .map_err(|error| failed(placing, &error))?;
    Ok(rows.iter().map(name_and_count).collect())
}

/// Writes rows, and checks that the target took as many as were decided about.
async fn write(placing: &Placing<'_>, statement: &str, sent: u64) -> Result<(), Error> {
    let written = placing.client.execute_typed(statement, &[]).await;
    let taken = written.map_err(|error| failed(placing, &error))?;
    if taken == sent {
        return Ok(());
    }
    let table = placing.job.target.table.to_string();
    Err(Error::Count { table, batch: placing.batch.number, sent, taken })
}

fn failed(placing: &Placing<'_>, error: &tokio_postgres::Error) -> Error {
    let (batch, table) = (placing.batch.number, &placing.job.target.table);
    Error::rows(format!("merging batch {batch} into {table}"), error)
}
