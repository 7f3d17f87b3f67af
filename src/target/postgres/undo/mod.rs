//! To **undo** a batch is to delete exactly the rows that it wrote, and to bring those back that it replaced or
//! deleted, in one transaction with the ledger's own entries.

use std::collections::{HashMap, HashSet};

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::batch::lock_files;
use super::ledger::{self, CommittedBatch, DatasetRun};
use super::parameter::Parameter;
use super::row::{count, name_and_count, text};
use super::transaction::{Open, commit, settle};
use super::{Database, Target, at_stake, count_rows};
use crate::domain::{quote_identifier, saturating};
use crate::failpoint;
use crate::state::{Contested, LedgerEntry};
use crate::target::guest::delete_ours_statement;
use crate::target::placement::lock_statement;
use crate::target::saved::{
    create_form_statement, owners_statement, restore_statement, restored_statement,
    taken_keys_statement,
};
use crate::target::{Error, UndoRefusal};

mod undoable;

pub use undoable::{Undoable, undoable};

/// A batch that is undone.
pub struct Undoing<'a> {
    /// The target database.
    pub database: &'a Database,
    /// The target.
    pub target: &'a Target,
    /// The run.
    pub run: &'a DatasetRun,
    /// The batch.
    pub batch: &'a CommittedBatch,
}

/// What came of a batch that was undone: rows by the name of their file.
#[derive(Clone, Debug, Default)]
pub struct UndoneBatch {
    /// Rows that were deleted.
    pub removed: HashMap<String, u64>,
    /// Rows that were brought back.
    pub restored: HashMap<String, u64>,
    /// Rows that the target had before.
    pub before: HashMap<String, u64>,
    /// Rows that it has now.
    pub after: HashMap<String, u64>,
}

/// Undoes a batch, and tries again after a temporary failure of the connection or the server.
///
/// # Errors
/// [`Error`]; the batch is as it was then.
pub async fn undo(undoing: &Undoing<'_>) -> Result<UndoneBatch, Error> {
    let mut open: Option<Open> = None;
    undoing
        .database
        .unmanaged_session(async |client: &Client| {
            if let Some(earlier) = &open {
                settle(client, undoing.batch.number, earlier).await?;
                open = None;
            }
            undoing.transaction(client, &mut open).await
        })
        .await
}

impl Undoing<'_> {
    async fn transaction(
        &self,
        client: &Client,
        open: &mut Option<Open>,
    ) -> Result<UndoneBatch, Error> {
        let number = self.batch.number;
        let xid = open.insert(Open::begin(client, number).await?).xid.clone();
        failpoint::reach(failpoint::UNDO_BEGUN);
        let names = ledger::touched(client, self.run, number).await?;
        self.lock(client, &names).await?;
        if self.is_undone(client).await? {
            // An earlier try has committed, and its answer was lost.
            return Ok(UndoneBatch::default());
        }
        self.refuse_later_runs(client).await?;
        let before = count_rows(client, self.target, &names).await?;
        let removed = self.remove(client, &names).await?;
        failpoint::reach(failpoint::UNDO_REMOVED);
        let (restored, ours) = self.restore(client).await?;
        failpoint::reach(failpoint::UNDO_RESTORED);
        self.remove_load(client).await?;
        let after = count_rows(client, self.target, &names).await?;
        self.refuse_uneven(&names, &before, &removed, &restored, &after)?;
        ledger::restore_entries(client, self.run, number, &names, &xid, &ours).await?;
        ledger::mark_undoing(client, self.run).await?;
        commit(client, number, &xid).await?;
        failpoint::reach(failpoint::UNDO_COMMITTED);
        Ok(UndoneBatch { removed, restored, before, after })
    }

    /// Locks the files against other runs, and the target against everybody if rows are to come back: they must
    /// not meet newer ones.
    async fn lock(&self, client: &Client, names: &[String]) -> Result<(), Error> {
        let table = &self.target.table;
        lock_files(client, table, self.batch.number, names).await?;
        if self.batch.saved == 0 && !self.target.guest.needs_lock() {
            return Ok(());
        }
        let locked = client.batch_execute(&lock_statement(table)).await;
        locked.map_err(Error::statement(format!("locking {table}")))
    }

    /// Whether the batch is undone by now.
    async fn is_undone(&self, client: &Client) -> Result<bool, Error> {
        let batches = ledger::batches_of(client, self.run).await?;
        Ok(batches.iter().any(|batch| batch.number == self.batch.number && batch.is_undone))
    }

    async fn refuse_later_runs(&self, client: &Client) -> Result<(), Error> {
        let later = ledger::later_runs(client, self.run).await?;
        if later.is_empty() {
            return Ok(());
        }
        let (run, table) = (self.run.run_id.clone(), self.target.table.to_string());
        Err(UndoRefusal::LaterRuns { run, table, later }.into())
    }

    /// Deletes the rows that the batch wrote; returns how many, by the name of their file.
    async fn remove(
        &self,
        client: &Client,
        names: &[String],
    ) -> Result<HashMap<String, u64>, Error> {
        let table = &self.target.table;
        let entries = self.loaded(client, names).await?;
        self.refuse_changed_rows(client, &entries).await?;
        let owners = self.owners(client).await?;
        let contested: Vec<Contested> =
            entries.iter().map(|entry| written_by_batch(entry, &owners)).collect();
        let expected: u64 = at_stake(client, self.target, &contested).await?.ours.values().sum();
        let (files, xids) = Contested::pairs(&contested);
        let rows = client
            .query_typed(
                &delete_ours_statement(table),
                &[(&files, Type::TEXT_ARRAY), (&xids, Type::TEXT_ARRAY)],
            )
            .await
            .map_err(|error| Error::deleting(format!("deleting rows of {table}"), &error))?;
        let removed: HashMap<String, u64> = rows.iter().map(name_and_count).collect();
        let taken = removed.values().sum();
        if taken != expected {
            // A trigger has kept rows.
            return Err(self.miscounted(expected, taken));
        }
        Ok(removed)
    }

    /// Refuses a batch if its rows do not add up: a trigger may have kept some, or written others.
    fn refuse_uneven(
        &self,
        names: &[String],
        before: &HashMap<String, u64>,
        removed: &HashMap<String, u64>,
        restored: &HashMap<String, u64>,
        after: &HashMap<String, u64>,
    ) -> Result<(), Error> {
        let sent = (rows_of_all(before, names) + rows_of_all(restored, names))
            .saturating_sub(rows_of_all(removed, names));
        let taken = rows_of_all(after, names);
        if sent == taken { Ok(()) } else { Err(self.miscounted(sent, taken)) }
    }

    /// The error of a batch for which the server took another number of rows than it was sent.
    fn miscounted(&self, sent: u64, taken: u64) -> Error {
        Error::Count { table: self.target.table.to_string(), batch: self.batch.number, sent, taken }
    }

    /// Refuses files of which others have changed rows of ours, or added some.
    async fn refuse_changed_rows(
        &self,
        client: &Client,
        entries: &[LedgerEntry],
    ) -> Result<(), Error> {
        let files = changed_files(client, self.target, entries).await?;
        if files.is_empty() {
            return Ok(());
        }
        let table = self.target.table.to_string();
        Err(UndoRefusal::ChangedRows { table, files }.into())
    }

    /// Returns each file with each transaction that had written rows of it before the batch.
    async fn owners(&self, client: &Client) -> Result<HashSet<(String, String)>, Error> {
        let rows = client
            .query_typed(&owners_statement(), &self.parameters(&self.number()))
            .await
            .map_err(Error::statement("reading the ledger"))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Returns the files that the batch has loaded, as the ledger knows them.
    async fn loaded(&self, client: &Client, names: &[String]) -> Result<Vec<LedgerEntry>, Error> {
        let mut entries = ledger::files(client, &self.target.table, names).await?;
        entries.retain(|entry| entry.run_id == self.run.run_id && entry.batch == self.batch.number);
        Ok(entries)
    }

    /// Brings back what the batch replaced or deleted. Returns how many rows, by the name of their file, and the
    /// files of which they were ours.
    async fn restore(&self, client: &Client) -> Result<(HashMap<String, u64>, Vec<String>), Error> {
        if self.batch.saved == 0 {
            return Ok(Default::default());
        }
        let saved_columns = self.batch.saved_columns.as_deref().unwrap_or_default();
        let columns = self.columns_to_restore(saved_columns)?;
        let form = create_form_statement(saved_columns);
        client.batch_execute(&form).await.map_err(Error::statement("making a temporary table"))?;
        self.refuse_taken_keys(client).await?;
        let statement = restore_statement(&self.target.table, &columns);
        let mut restored = HashMap::new();
        let ours = self.count_saved(client, Owner::This).await?;
        let others = self.count_saved(client, Owner::Others).await?;
        let mut taken = self.insert(client, &statement, Owner::This).await?;
        if !others.is_empty() {
            // A transaction of their own below ours: rows of others must not look as if they were ours.
            let doing = "bringing rows of others back";
            client.batch_execute("SAVEPOINT others").await.map_err(Error::statement(doing))?;
            taken += self.insert(client, &statement, Owner::Others).await?;
            client
                .batch_execute("RELEASE SAVEPOINT others")
                .await
                .map_err(Error::statement(doing))?;
        }
        let files = ours.keys().cloned().collect();
        for (name, rows) in ours.into_iter().chain(others) {
            *restored.entry(name).or_default() += rows;
        }
        let sent: u64 = restored.values().sum();
        if taken != sent {
            return Err(self.miscounted(sent, taken));
        }
        Ok((restored, files))
    }

    /// Refuses rows that would come back beside a row of another program with the same key.
    async fn refuse_taken_keys(&self, client: &Client) -> Result<(), Error> {
        let Some(key) = self.batch.merge_key.as_deref() else { return Ok(()) };
        let row = client
            .query_typed_one(
                &taken_keys_statement(&self.target.table, key),
                &self.parameters(&self.number()),
            )
            .await
            .map_err(Error::statement("comparing the keys of the saved rows"))?;
        let rows = count(&row, 0);
        if rows == 0 {
            return Ok(());
        }
        let (run, table) = (self.run.run_id.clone(), self.target.table.to_string());
        Err(UndoRefusal::KeysTaken { run, table, key: key.to_vec(), rows }.into())
    }

    /// Returns the saved columns that rows are given: those that the server computes are left to it.
    fn columns_to_restore<'c>(
        &self,
        saved: &'c [(String, String)],
    ) -> Result<Vec<&'c str>, UndoRefusal> {
        let (mut columns, mut gone) = (Vec::new(), Vec::new());
        for (name, of) in saved {
            match self.target.column(name) {
                Some(column) if column.type_text != *of => gone.push(format!("{name} ({of})")),
                Some(column) if column.is_generated => {}
                Some(_) => columns.push(name.as_str()),
                None => gone.push(format!("{name} ({of})")),
            }
        }
        if gone.is_empty() {
            return Ok(columns);
        }
        Err(UndoRefusal::ColumnsGone { table: self.target.table.to_string(), columns: gone })
    }

    /// Counts the saved rows of each file that had this owner.
    async fn count_saved(
        &self,
        client: &Client,
        owner: Owner,
    ) -> Result<HashMap<String, u64>, Error> {
        let (number, is_ours) = (self.number(), owner == Owner::This);
        let [run, dataset, batch] = self.parameters(&number);
        let rows = client
            .query_typed(&restored_statement(), &[run, dataset, batch, (&is_ours, Type::BOOL)])
            .await
            .map_err(Error::statement("reading the saved rows"))?;
        Ok(rows.iter().map(|row| (text(row, 0), count(row, 1))).collect())
    }

    /// Inserts the saved rows that had this owner; returns how many.
    async fn insert(&self, client: &Client, statement: &str, owner: Owner) -> Result<u64, Error> {
        let (number, is_ours) = (self.number(), owner == Owner::This);
        let [run, dataset, batch] = self.parameters(&number);
        let inserted =
            client.execute_typed(statement, &[run, dataset, batch, (&is_ours, Type::BOOL)]).await;
        inserted.map_err(|error| {
            Error::rows(format!("bringing rows of {} back", self.target.table), &error)
        })
    }

    fn number(&self) -> i64 {
        saturating::bigint(self.batch.number)
    }

    /// The run, its dataset and the batch, as the statements about saved rows take them.
    fn parameters<'p>(&'p self, number: &'p i64) -> [Parameter<'p>; 3] {
        [(&self.run.run_id, Type::TEXT), (&self.run.dataset, Type::TEXT), (number, Type::INT8)]
    }

    /// Takes the load out of those that dlt knows.
    async fn remove_load(&self, client: &Client) -> Result<(), Error> {
        let loads = self.target.guest.dlt().and_then(|dlt| dlt.loads.as_ref());
        let (Some(loads), Some(id)) = (loads, &self.batch.load_id) else { return Ok(()) };
        let statement =
            format!("DELETE FROM {} WHERE {} = $1", loads.table, quote_identifier("load_id"));
        client
            .execute_typed(&statement, &[(id, Type::TEXT)])
            .await
            .map(|_| ())
            .map_err(Error::statement(format!("deleting the load from {}", loads.table)))
    }
}

/// Whose a row was before the batch replaced or deleted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// This program.
    This,
    /// Another one.
    Others,
}

/// How many rows a file has among these counts.
fn rows_of(counts: &HashMap<String, u64>, name: &str) -> u64 {
    counts.get(name).copied().unwrap_or(0)
}

/// How many rows the files of these names have. Rows of other files may come back too, if a run has replaced them
/// by days.
fn rows_of_all(counts: &HashMap<String, u64>, names: &[String]) -> u64 {
    counts.iter().filter(|(name, _)| names.contains(name)).map(|(_, rows)| rows).sum()
}

/// A file that the batch has loaded, with the transactions that wrote rows of it, except its `owners` before.
fn written_by_batch(entry: &LedgerEntry, owners: &HashSet<(String, String)>) -> Contested {
    let mut xids = entry.xids.clone();
    xids.retain(|xid| !owners.contains(&(entry.file_name.clone(), xid.clone())));
    Contested {
        file_name: entry.file_name.clone(),
        run_id: entry.run_id.clone(),
        xids,
        may_lose_rows: false,
    }
}

/// How many rows of others the target had of a file beside ours.
fn rows_of_others(entry: &LedgerEntry) -> u64 {
    (entry.held + entry.deleted_on_purpose).saturating_sub(entry.inserted + entry.updated)
}

/// The files of which others have changed rows of ours or added some, each with the number of rows.
async fn changed_files(
    client: &Client,
    target: &Target,
    entries: &[LedgerEntry],
) -> Result<Vec<String>, Error> {
    let contested: Vec<Contested> =
        entries.iter().map(|entry| written_by_batch(entry, &HashSet::new())).collect();
    let names: Vec<String> = entries.iter().map(|entry| entry.file_name.clone()).collect();
    let held = count_rows(client, target, &names).await?;
    let ours = at_stake(client, target, &contested).await?.ours;
    let mut changed = Vec::new();
    for entry in entries {
        let name = &entry.file_name;
        let foreign = rows_of(&held, name).saturating_sub(rows_of(&ours, name));
        match foreign.saturating_sub(rows_of_others(entry)) {
            0 => {}
            rows => changed.push(format!("{name} ({rows} rows)")),
        }
    }
    Ok(changed)
}
