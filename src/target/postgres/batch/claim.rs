//! The **claim** of a batch: those of its files that are still to be loaded, locked against other runs.

use std::collections::HashMap;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::{Batch, Job, Replay, ledger};
use crate::domain::TableName;
use crate::stage::StagedFile;
use crate::state::Contested;
use crate::target::Error;

/// What is left to do of a batch once it is locked.
#[derive(Default)]
pub(crate) struct Claim<'a> {
    /// The files to load.
    pub files: Vec<&'a StagedFile>,
    /// The files to delete rows of first.
    pub outdated: Vec<&'a Contested>,
    /// The files that another run has loaded or removed in the meantime.
    pub skipped: Vec<String>,
    /// The files that get more rows than they had.
    pub replays: Vec<&'a Replay>,
}

impl Claim<'_> {
    /// Returns the names of the files that are loaded, and of those whose rows are deleted.
    pub(crate) fn names(&self) -> Vec<&str> {
        let outdated = self.outdated.iter().map(|file| file.file_name.as_str());
        self.files.iter().map(|file| file.file_name.as_str()).chain(outdated).collect()
    }

    /// Whether the rows that the target has of a file are deleted first.
    pub(crate) fn is_outdated(&self, name: &str) -> bool {
        self.outdated.iter().any(|file| file.file_name == name)
    }
}

/// Locks the batch's files, so that no other run loads them at the same time.
///
/// # Errors
/// [`Error::Statement`].
pub(super) async fn lock(job: &Job<'_>, batch: &Batch, client: &Client) -> Result<(), Error> {
    lock_files(client, &job.target.table, batch.number, &names(batch)).await
}

/// Locks files of a target against every other batch.
///
/// # Errors
/// [`Error::Statement`].
pub(crate) async fn lock_files(
    client: &Client,
    table: &TableName,
    batch: usize,
    names: &[String],
) -> Result<(), Error> {
    let table = table.to_string();
    client
        .query_typed(
            lock_statement(names.len()),
            &[(&table, Type::TEXT), (&names, Type::TEXT_ARRAY)],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement(format!("locking the files of batch {batch}")))
}

/// Returns the names of all files of a batch.
pub(super) fn names(batch: &Batch) -> Vec<String> {
    if !batch.replays.is_empty() {
        return batch.replays.iter().map(|replay| replay.file_name.clone()).collect();
    }
    let gone = batch.gone.iter().map(|file| &file.file_name);
    batch.files.iter().map(|file| &file.file_name).chain(gone).cloned().collect()
}

/// Asks the ledger, under the lock, which files are still as the plan found them.
///
/// # Errors
/// [`Error::Statement`].
pub(super) async fn claim<'a>(
    job: &'a Job<'_>,
    batch: &'a Batch,
    client: &Client,
) -> Result<Claim<'a>, Error> {
    let known = ledger::files(client, &job.target.table, &names(batch)).await?;
    let run_of: HashMap<&str, &str> =
        known.iter().map(|entry| (entry.file_name.as_str(), entry.run_id.as_str())).collect();
    let mut claim = Claim::default();
    if !batch.replays.is_empty() {
        claim_replays(batch, &run_of, &mut claim);
        return Ok(claim);
    }
    for file in &batch.files {
        let name = file.file_name.as_str();
        match (run_of.get(name), job.reload.get(name)) {
            (None, _) => claim.files.push(file),
            // A file is reloaded as long as the ledger still has what is to be replaced.
            (Some(run), Some(planned)) if *run == planned.run_id => {
                claim.files.push(file);
                claim.outdated.push(planned);
            }
            (Some(_), _) => claim.skipped.push(name.to_owned()),
        }
    }
    for planned in &batch.gone {
        match run_of.get(planned.file_name.as_str()) {
            Some(run) if *run == planned.run_id => claim.outdated.push(planned),
            // Another run has removed it, or it came back and was loaded again.
            _ => claim.skipped.push(planned.file_name.clone()),
        }
    }
    Ok(claim)
}

/// Claims the files of a replay as long as the ledger still has what it was planned for.
fn claim_replays<'a>(batch: &'a Batch, run_of: &HashMap<&str, &str>, claim: &mut Claim<'a>) {
    for replay in &batch.replays {
        match run_of.get(replay.file_name.as_str()) {
            Some(run) if *run == replay.run_id => claim.replays.push(replay),
            _ => claim.skipped.push(replay.file_name.clone()),
        }
    }
    claim.files.extend(&batch.files);
    let skipped = &claim.skipped;
    claim.files.retain(|file| !skipped.contains(&file.file_name));
}

/// Above this many files a batch locks the whole target against other runs, because the server's table
/// of locks is small.
const MAX_FILE_LOCKS: usize = 500;

/// Takes a shared lock on the target and one on each file, in the same order everywhere; or for a very
/// large batch the target's lock alone, exclusively.
fn lock_statement(files: usize) -> &'static str {
    if files > MAX_FILE_LOCKS {
        "SELECT pg_advisory_xact_lock(hashtextextended('backfill:' || $1, 0)) WHERE $2 IS NOT NULL"
    } else {
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('backfill:' || $1, 0)), \
                (SELECT count(pg_advisory_xact_lock(key)) FROM (SELECT DISTINCT \
                 hashtextextended('backfill:' || $1 || ':' || name, 0) AS key \
                 FROM unnest($2) AS name ORDER BY key) AS keys)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_locked_by_one_lock_of_the_target() {
        let each = lock_statement(MAX_FILE_LOCKS);
        assert!(each.starts_with("SELECT pg_advisory_xact_lock_shared("), "{each}");
        assert!(each.contains("FROM unnest($2) AS name ORDER BY key"), "{each}");
        let whole = lock_statement(MAX_FILE_LOCKS + 1);
        assert!(whole.starts_with("SELECT pg_advisory_xact_lock("), "{whole}");
        assert!(!whole.contains("unnest"), "{whole}");
    }
}
