//! **Outdated** rows are those that a batch deletes: of files that are reloaded or gone, and in the mode
//! `replace-range` of everything that is loaded anew.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::claim::Claim;
use super::{Batch, Job, ledger};
use crate::domain::{Placement, ReplaceBy};
use crate::state::Contested;
use crate::target::Error;
use crate::target::guest::{delete_days_statement, delete_files_statement, delete_ours_statement};

/// Deletes outdated rows; returns how many, by the name of their file.
///
/// # Errors
/// [`Error::ForeignRows`] if files that are reloaded have rows that are not ours; [`Error::Rows`].
pub async fn delete(
    job: &Job<'_>,
    batch: &Batch,
    claim: &Claim<'_>,
    client: &Client,
) -> Result<HashMap<String, u64>, Error> {
    let deleted = match job.placement {
        Placement::ReplaceRange(ReplaceBy::Files) => {
            let names = names(claim);
            delete_all(job, client, &delete_files_statement(&job.target.table), &names).await?
        }
        Placement::ReplaceRange(ReplaceBy::Days) => {
            let days: BTreeSet<String> =
                claim.files.iter().map(|file| file.date.to_string()).collect();
            let days: Vec<String> = days.into_iter().collect();
            let table = &job.target.table;
            let mut deleted = delete_all(job, client, &delete_days_statement(table), &days).await?;
            // Files that are gone may have been the only ones of their day.
            let gone: Vec<String> =
                claim.outdated.iter().map(|file| file.file_name.clone()).collect();
            deleted.extend(delete_all(job, client, &delete_files_statement(table), &gone).await?);
            deleted
        }
        Placement::Append | Placement::Merge(_) => delete_ours(job, batch, claim, client).await?,
    };
    mark_gone(job, batch, claim, client).await?;
    Ok(deleted)
}

/// The names of the files that are loaded, and of those that are gone.
fn names(claim: &Claim<'_>) -> Vec<String> {
    let outdated = claim.outdated.iter().map(|file| file.file_name.clone());
    claim.files.iter().map(|file| file.file_name.clone()).chain(outdated).collect()
}

async fn delete_all(
    job: &Job<'_>,
    client: &Client,
    statement: &str,
    which: &[String],
) -> Result<HashMap<String, u64>, Error> {
    let rows =
        client.query_typed(statement, &[(&which, Type::TEXT_ARRAY)]).await.map_err(|error| {
            Error::deleting(format!("replacing rows of {}", job.target.table), &error)
        })?;
    Ok(rows
        .iter()
        .map(|row| {
            let name = row.get::<_, Option<String>>(0).unwrap_or_default();
            (name, row.get::<_, i64>(1).unsigned_abs())
        })
        .collect())
}

/// Deletes our rows of files that are reloaded, and of those that are gone; refuses if these files have
/// rows that are not ours.
async fn delete_ours(
    job: &Job<'_>,
    batch: &Batch,
    claim: &Claim<'_>,
    client: &Client,
) -> Result<HashMap<String, u64>, Error> {
    if claim.outdated.is_empty() {
        return Ok(HashMap::new());
    }
    let table = &job.target.table;
    let (names, xids) = Contested::pairs(claim.outdated.iter().copied());
    let rows = client
        .query_typed(
            &delete_ours_statement(table),
            &[(&names, Type::TEXT_ARRAY), (&xids, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(|error| Error::deleting(format!("deleting outdated rows of {table}"), &error))?;
    let mut deleted = HashMap::new();
    let mut foreign = 0;
    for row in &rows {
        let (ours, held): (i64, i64) = (row.get(1), row.get(2));
        foreign += (held - ours).unsigned_abs();
        deleted.insert(row.get(0), ours.unsigned_abs());
    }
    // In a merge the target's rows of one file may belong to several loads.
    if foreign > 0 && !job.placement.merges() {
        let (table, batch) = (table.to_string(), batch.number);
        return Err(Error::ForeignRows { table, batch, rows: foreign });
    }
    Ok(deleted)
}

/// Marks the files as removed that are gone.
async fn mark_gone(
    job: &Job<'_>,
    batch: &Batch,
    claim: &Claim<'_>,
    client: &Client,
) -> Result<(), Error> {
    let gone = batch.gone.iter().map(|file| file.file_name.as_str());
    let gone: Vec<&str> = gone.filter(|name| claim.is_outdated(name)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    ledger::mark_removed(client, &job.target.table, &gone).await
}
