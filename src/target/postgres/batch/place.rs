//! To **place** rows is to bring those of a batch into the target: directly, or through a temporary table if the
//! target has to be locked against another loader or rows are merged.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::claim::Claim;
use super::{Batch, Job, merge, outdated};
use crate::domain::{Placed, Placement};
use crate::stage::StagedFile;
use crate::target::placement::{ROWS, create_rows_statement, lock_statement, move_statement};
use crate::target::postgres::catalog::Kind;
use crate::target::postgres::copy::{Destination, copy};
use crate::target::postgres::count_rows;
use crate::target::postgres::ledger::Saving;
use crate::target::{Encoder, Error};

/// A batch that is being placed.
pub(crate) struct Placing<'a> {
    /// What batches have in common.
    pub job: &'a Job<'a>,
    /// The batch.
    pub batch: &'a Batch,
    /// Its session, inside the transaction.
    pub client: &'a Client,
    /// The id of the load, for a target of dlt.
    pub load_id: &'a str,
    /// Saves rows before they are replaced or deleted.
    pub saving: Saving<'a>,
}

/// What was done with the rows of a batch.
#[derive(Default)]
pub(crate) struct Outcome<'a> {
    /// The files, with what was placed of each.
    pub files: Vec<(&'a StagedFile, Placed)>,
    /// Rows of other files that were replaced, by the name of their file.
    pub taken_over: BTreeMap<String, u64>,
    /// Rows that were deleted.
    pub deleted: u64,
}

impl Outcome<'_> {
    /// Counts the rows that were written to the target.
    pub(crate) fn rows(&self) -> u64 {
        self.files.iter().map(|(_, placed)| placed.inserted + placed.updated).sum()
    }

    /// Counts the rows that were deleted of files that are not loaded.
    pub(crate) fn deleted_of_others(&self) -> u64 {
        let of_files: u64 = self.files.iter().map(|(_, placed)| placed.deleted).sum();
        self.deleted.saturating_sub(of_files)
    }
}

impl Placing<'_> {
    /// Places the rows of every claimed file; files that another loader has loaded meanwhile are
    /// removed from the claim.
    ///
    /// # Errors
    /// [`Error`].
    pub(crate) async fn place<'f>(&self, claim: &mut Claim<'f>) -> Result<Outcome<'f>, Error> {
        let encoder = self.job.encoder.as_deref();
        match (self.job.placement, encoder) {
            (Placement::Merge(rule), Some(encoder)) => {
                self.fill(claim, encoder).await?;
                self.lock().await?;
                let deleted = self.delete(claim).await?;
                let merged = merge::merge(self, rule, encoder, claim).await?;
                Ok(with_deleted(merged, deleted))
            }
            (_, Some(encoder)) if self.job.target.guest.needs_lock() => {
                self.fill(claim, encoder).await?;
                self.lock().await?;
                self.leave_loaded(claim).await?;
                let deleted = self.delete(claim).await?;
                let files = self.move_rows(claim, encoder).await?;
                Ok(with_deleted(Outcome { files, ..Outcome::default() }, deleted))
            }
            _ => {
                let deleted = self.delete(claim).await?;
                let files = self.copy_directly(claim).await?;
                Ok(with_deleted(Outcome { files, ..Outcome::default() }, deleted))
            }
        }
    }

    async fn delete(&self, claim: &Claim<'_>) -> Result<HashMap<String, u64>, Error> {
        outdated::delete(self, claim).await
    }

    /// Copies every file into the target itself.
    async fn copy_directly<'f>(
        &self,
        claim: &Claim<'f>,
    ) -> Result<Vec<(&'f StagedFile, Placed)>, Error> {
        let table = &self.job.target.table;
        let into = Destination { quoted: table.quoted(), name: &table.name };
        let mut placed = Vec::with_capacity(claim.files.len());
        for file in &claim.files {
            let inserted = copy(self, file, &into).await?;
            placed.push((*file, Placed { inserted, ..Placed::default() }));
        }
        self.refuse_rewritten(&placed).await?;
        Ok(placed)
    }

    /// Refuses rows that a trigger of the target has put under another file's name: it could not be known later what
    /// was loaded.
    async fn refuse_rewritten(&self, placed: &[(&StagedFile, Placed)]) -> Result<(), Error> {
        let target = self.job.target;
        if target.effects.insert_triggers.is_empty() || target.kind == Kind::View {
            return Ok(());
        }
        let names: Vec<String> = placed.iter().map(|(file, _)| file.file_name.clone()).collect();
        let held = count_rows(self.client, target, &names).await?;
        for (file, placed) in placed {
            let before = self.batch.replay_of(&file.file_name).map_or(0, |replay| replay.held);
            let taken = held.get(&file.file_name).copied().unwrap_or(0).saturating_sub(before);
            if taken != placed.inserted {
                return Err(Error::Count {
                    table: target.table.to_string(),
                    batch: self.batch.number,
                    sent: placed.inserted,
                    taken,
                });
            }
        }
        Ok(())
    }

    /// Copies every file into a temporary table.
    async fn fill(&self, claim: &Claim<'_>, encoder: &Encoder) -> Result<(), Error> {
        let table = &self.job.target.table;
        let columns: Vec<&str> = encoder.columns().map(|column| column.name.as_str()).collect();
        self.client
            .batch_execute(&create_rows_statement(table, &columns))
            .await
            .map_err(Error::statement("making a temporary table"))?;
        let into = Destination { quoted: ROWS.to_owned(), name: ROWS };
        for file in &claim.files {
            copy(self, file, &into).await?;
        }
        Ok(())
    }

    /// Locks the target against every other program that writes to it.
    async fn lock(&self) -> Result<(), Error> {
        let table = &self.job.target.table;
        self.client
            .batch_execute(&lock_statement(table))
            .await
            .map_err(Error::statement(format!("locking {table}")))
    }

    /// Removes files from the claim that another loader has loaded since the run began. Without an index that would
    /// read the whole table under the lock, so it is left to the last count, which finds them as well.
    async fn leave_loaded(&self, claim: &mut Claim<'_>) -> Result<(), Error> {
        let is_replay = !self.batch.replays.is_empty();
        if !self.job.target.has_file_name_index || self.job.placement.replaces() || is_replay {
            return Ok(());
        }
        let names = claim.files.iter().map(|file| &file.file_name);
        let new: Vec<String> = names.filter(|name| !claim.is_outdated(name)).cloned().collect();
        let held = count_rows(self.client, self.job.target, &new).await?;
        claim.files.retain(|file| !held.contains_key(&file.file_name));
        claim.skipped.extend(held.into_keys());
        Ok(())
    }

    /// Moves the rows from the temporary table into the target.
    async fn move_rows<'f>(
        &self,
        claim: &Claim<'f>,
        encoder: &Encoder,
    ) -> Result<Vec<(&'f StagedFile, Placed)>, Error> {
        let (table, batch) = (&self.job.target.table, self.batch.number);
        let columns: Vec<&str> = encoder.columns().map(|column| column.name.as_str()).collect();
        let statement = move_statement(table, &columns);
        let sent: u64 = claim.files.iter().map(|file| file.counts.staged).sum();
        let taken = self
            .client
            .execute_typed(&statement, &[(&claim.skipped, Type::TEXT_ARRAY)])
            .await
            .map_err(|error| {
                Error::rows(format!("inserting batch {batch} into {table}"), &error)
            })?;
        if taken != sent {
            return Err(Error::Count { table: table.to_string(), batch, sent, taken });
        }
        let mut files: Vec<(&StagedFile, Placed)> = Vec::with_capacity(claim.files.len());
        for file in &claim.files {
            files.push((*file, Placed { inserted: file.counts.staged, ..Placed::default() }));
        }
        self.refuse_rewritten(&files).await?;
        Ok(files)
    }
}

/// Adds the number of rows that were deleted of each file.
fn with_deleted<'f>(mut outcome: Outcome<'f>, deleted: HashMap<String, u64>) -> Outcome<'f> {
    outcome.deleted = deleted.values().sum();
    for (file, placed) in &mut outcome.files {
        placed.deleted = deleted.get(&file.file_name).copied().unwrap_or(0);
    }
    outcome
}
