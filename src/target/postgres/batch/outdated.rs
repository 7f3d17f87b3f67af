//! **Outdated** rows are those that a batch deletes: of files that are reloaded or gone, and in the mode
//! `replace-range` all rows of the files or days that are loaded.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::types::Type;

use super::claim::Claim;
use super::ledger;
use super::place::Placing;
use crate::domain::{Placement, ReplaceBy};
use crate::state::Contested;
use crate::target::Error;
use crate::target::guest::{delete_days_statement, delete_files_statement, delete_ours_statement};
use crate::target::postgres::parameter::Parameter;
use crate::target::postgres::row::{count, text};
use crate::target::saved::{save_days_statement, save_files_statement, save_ours_statement};

/// Deletes outdated rows; returns how many, by the name of their file.
///
/// # Errors
/// [`Error::ForeignRows`] if files that are reloaded have rows that are not ours; [`Error::ChangedMeanwhile`];
/// [`Error::Rows`].
pub(super) async fn delete(
    placing: &Placing<'_>,
    claim: &Claim<'_>,
) -> Result<HashMap<String, u64>, Error> {
    let deleted = match placing.job.placement {
        Placement::ReplaceRange(ReplaceBy::Files) => delete_files(placing, &claim.names()).await?,
        Placement::ReplaceRange(ReplaceBy::Days) => delete_days(placing, claim).await?,
        Placement::Append | Placement::Merge(_) => delete_ours(placing, claim).await?,
    };
    mark_gone(placing, claim).await?;
    Ok(deleted)
}

/// Deletes the rows of the days of the files that are loaded, whoever inserted them.
async fn delete_days(
    placing: &Placing<'_>,
    claim: &Claim<'_>,
) -> Result<HashMap<String, u64>, Error> {
    let table = &placing.job.target.table;
    let dates: BTreeSet<String> = claim.files.iter().map(|file| file.date.to_string()).collect();
    let days: Vec<&str> = dates.iter().map(String::as_str).collect();
    let (save, delete) = (save_days_statement(table), delete_days_statement(table));
    let mut deleted = delete_all(placing, &save, &delete, &days).await?;
    // Files that are gone may have been the only ones of their day.
    let gone = claim.outdated.iter().map(|file| file.file_name.as_str());
    deleted.extend(delete_files(placing, &gone.collect::<Vec<_>>()).await?);
    Ok(deleted)
}

/// Deletes the rows of files, whoever inserted them.
async fn delete_files(
    placing: &Placing<'_>,
    names: &[&str],
) -> Result<HashMap<String, u64>, Error> {
    let table = &placing.job.target.table;
    delete_all(placing, &save_files_statement(table), &delete_files_statement(table), names).await
}

/// Deletes rows, whoever inserted them, after they are saved.
async fn delete_all(
    placing: &Placing<'_>,
    save: &str,
    delete: &str,
    which: &[&str],
) -> Result<HashMap<String, u64>, Error> {
    let saved = placing.saving.save_rows(save, &[(&which, Type::TEXT_ARRAY)]).await?;
    let sent = placing.client.query_typed(delete, &[(&which, Type::TEXT_ARRAY)]).await;
    let rows = sent.map_err(|error| {
        Error::deleting(format!("replacing rows of {}", placing.job.target.table), &error)
    })?;
    let deleted: HashMap<String, u64> =
        rows.iter().map(|row| (text(row, 0), count(row, 1))).collect();
    refuse_unsaved(placing, saved, &deleted)?;
    Ok(deleted)
}

/// Refuses a batch that deleted rows which were not saved, because somebody wrote them in between.
fn refuse_unsaved(
    placing: &Placing<'_>,
    saved: u64,
    deleted: &HashMap<String, u64>,
) -> Result<(), Error> {
    if !placing.saving.rows || saved == deleted.values().sum::<u64>() {
        return Ok(());
    }
    let (table, batch) = (placing.job.target.table.to_string(), placing.batch.number);
    Err(Error::ChangedMeanwhile { table, batch })
}

/// Deletes our rows of files that are reloaded, and of those that are gone; refuses if these files have
/// rows that are not ours.
async fn delete_ours(
    placing: &Placing<'_>,
    claim: &Claim<'_>,
) -> Result<HashMap<String, u64>, Error> {
    if claim.outdated.is_empty() {
        return Ok(HashMap::new());
    }
    let table = &placing.job.target.table;
    let (names, xids) = Contested::pairs(claim.outdated.iter().copied());
    let which: [Parameter<'_>; 2] = [(&names, Type::TEXT_ARRAY), (&xids, Type::TEXT_ARRAY)];
    let saved = placing.saving.save_rows(&save_ours_statement(table), &which).await?;
    let rows =
        placing.client.query_typed(&delete_ours_statement(table), &which).await.map_err(
            |error| Error::deleting(format!("deleting outdated rows of {table}"), &error),
        )?;
    let mut deleted = HashMap::new();
    let mut foreign = 0;
    for row in &rows {
        let (ours, held): (i64, i64) = (row.get(1), row.get(2));
        foreign += (held - ours).unsigned_abs();
        deleted.insert(row.get(0), ours.unsigned_abs());
    }
    // In a merge the target's rows of one file may belong to several loads.
    if foreign > 0 && !placing.job.placement.merges() {
        let (table, batch) = (table.to_string(), placing.batch.number);
        return Err(Error::ForeignRows { table, batch, rows: foreign });
    }
    refuse_unsaved(placing, saved, &deleted)?;
    Ok(deleted)
}

/// Marks the files as removed that are gone.
async fn mark_gone(placing: &Placing<'_>, claim: &Claim<'_>) -> Result<(), Error> {
    let mut gone: Vec<&str> =
        placing.batch.gone.iter().map(|file| file.file_name.as_str()).collect();
    gone.retain(|name| claim.is_outdated(name));
    if gone.is_empty() {
        return Ok(());
    }
    ledger::mark_removed(placing.client, &placing.job.target.table, &gone).await
}
