//! To **undo** a batch is to delete exactly the rows that it wrote, and to bring those back that it replaced or
//! deleted, in one transaction with the ledger's own entries.

use std::collections::{HashMap, HashSet};

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::batch::lock_files;
use super::ledger::{self, BatchOf, RunOf};
use super::transaction::{Open, commit, settle};
use super::{Database, Target, at_stake, count_rows};
use crate::domain::quote_identifier;
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
    pub run: &'a RunOf,
    /// The batch.
    pub batch: &'a BatchOf,
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

/// Undoes a batch; again if the connection or the server fails in a way that may pass.
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
        ledger::restore_entries(client, self.run, (number, &names), &xid, &ours).await?;
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
        let removed = |row: &Row| (row.get(0), row.get::<_, i64>(1).unsigned_abs());
        let removed: HashMap<String, u64> = rows.iter().map(removed).collect();
        let taken = removed.values().sum();
        if taken != expected {
            // A trigger has kept rows.
            let (table, batch) = (table.to_string(), self.batch.number);
            return Err(Error::Count { table, batch, sent: expected, taken });
        }
        Ok(removed)
    }

    /// Refuses a batch of which the rows do not add up: a trigger may have kept some, or written others.
    fn refuse_uneven(
        &self,
        names: &[String],
        before: &HashMap<String, u64>,
        removed: &HashMap<String, u64>,
        restored: &HashMap<String, u64>,
        after: &HashMap<String, u64>,
    ) -> Result<(), Error> {
        // Rows of other files may come back too, which a run has replaced by days.
        let sum = |counts: &HashMap<String, u64>| {
            let known = counts.iter().filter(|(name, _)| names.contains(name));
            known.map(|(_, rows)| rows).sum::<u64>()
        };
        let sent = (sum(before) + sum(restored)).saturating_sub(sum(removed));
        let (table, batch, taken) = (self.target.table.to_string(), self.batch.number, sum(after));
        if sent == taken { Ok(()) } else { Err(Error::Count { table, batch, sent, taken }) }
    }

    /// Refuses files of which others have changed rows of ours, or added some.
    async fn refuse_changed_rows(
        &self,
        client: &Client,
        entries: &[LedgerEntry],
    ) -> Result<(), Error> {
        let files = changed_files(client, self.target, entries).await?;
        match files.is_empty() {
            true => Ok(()),
            false => {
                let table = self.target.table.to_string();
                Err(UndoRefusal::ChangedRows { table, files }.into())
            }
        }
    }

    /// The transactions that had written rows of each file before the batch, with its name.
    async fn owners(&self, client: &Client) -> Result<HashSet<(String, String)>, Error> {
        let number = self.number();
        let rows = client
            .query_typed(&owners_statement(), &self.parameters(&number, &true)[..3])
            .await
            .map_err(Error::statement("reading the ledger"))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The files that the batch has loaded, as the ledger knows them.
    async fn loaded(&self, client: &Client, names: &[String]) -> Result<Vec<LedgerEntry>, Error> {
        let mut entries = ledger::files(client, &self.target.table, names).await?;
        entries.retain(|entry| entry.run_id == self.run.run_id && entry.batch == self.batch.number);
        Ok(entries)
    }

    /// Brings back what the batch replaced or deleted: how many rows, by the name of their file, and the files
    /// of which they were ours.
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
        let ours = self.counted(client, true).await?;
        let others = self.counted(client, false).await?;
        let mut taken = self.insert(client, &statement, true).await?;
        if !others.is_empty() {
            // A transaction of their own below ours: rows of others must not look as if they were ours.
            let failed = || Error::statement("bringing rows of others back");
            client.batch_execute("SAVEPOINT others").await.map_err(failed())?;
            taken += self.insert(client, &statement, false).await?;
            client.batch_execute("RELEASE SAVEPOINT others").await.map_err(failed())?;
        }
        let files = ours.keys().cloned().collect();
        for (name, rows) in ours.into_iter().chain(others) {
            *restored.entry(name).or_default() += rows;
        }
        let sent: u64 = restored.values().sum();
        if taken != sent {
            let (table, batch) = (self.target.table.to_string(), self.batch.number);
            return Err(Error::Count { table, batch, sent, taken });
        }
        Ok((restored, files))
    }

    /// Refuses rows that would come back beside a row of another program with the same key.
    async fn refuse_taken_keys(&self, client: &Client) -> Result<(), Error> {
        let Some(key) = self.batch.merge_key.as_deref() else { return Ok(()) };
        let number = self.number();
        let row = client
            .query_typed_one(
                &taken_keys_statement(&self.target.table, key),
                &self.parameters(&number, &true)[..3],
            )
            .await
            .map_err(Error::statement("comparing the keys of the saved rows"))?;
        let rows = row.get::<_, i64>(0).unsigned_abs();
        if rows == 0 {
            return Ok(());
        }
        let (run, table) = (self.run.run_id.clone(), self.target.table.to_string());
        Err(UndoRefusal::KeysTaken { run, table, key: key.to_vec(), rows }.into())
    }

    /// The saved columns that rows are given: those that the server computes are left to it.
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
        match gone.is_empty() {
            true => Ok(columns),
            false => Err(UndoRefusal::ColumnsGone {
                table: self.target.table.to_string(),
                columns: gone,
            }),
        }
    }

    /// How many saved rows there are of each file that were ours, or that were of others.
    async fn counted(&self, client: &Client, ours: bool) -> Result<HashMap<String, u64>, Error> {
        let rows = client
            .query_typed(&restored_statement(), &self.parameters(&self.number(), &ours))
            .await
            .map_err(Error::statement("reading the saved rows"))?;
        let count = |row: &Row| {
            let name = row.get::<_, Option<String>>(0).unwrap_or_default();
            (name, row.get::<_, i64>(1).unsigned_abs())
        };
        Ok(rows.iter().map(count).collect())
    }

    async fn insert(&self, client: &Client, statement: &str, ours: bool) -> Result<u64, Error> {
        client.execute_typed(statement, &self.parameters(&self.number(), &ours)).await.map_err(
            |error| {
                let table = &self.target.table;
                Error::rows(format!("bringing rows of {table} back"), &error)
            },
        )
    }

    fn number(&self) -> i64 {
        self.batch.number as i64
    }

    fn parameters<'p>(
        &'p self,
        number: &'p i64,
        ours: &'p bool,
    ) -> [(&'p (dyn ToSql + Sync), Type); 4] {
        [
            (&self.run.run_id, Type::TEXT),
            (&self.run.dataset, Type::TEXT),
            (number, Type::INT8),
            (ours, Type::BOOL),
        ]
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

/// A file that the batch has loaded, with the transactions that wrote rows of it, but for its `owners` before.
fn written_by_batch(entry: &LedgerEntry, owners: &HashSet<(String, String)>) -> Contested {
    let is_new = |xid: &&String| !owners.contains(&(entry.file_name.clone(), (*xid).clone()));
    Contested {
        file_name: entry.file_name.clone(),
        run_id: entry.run_id.clone(),
        xids: entry.xids.iter().filter(is_new).cloned().collect(),
        may_lose_rows: false,
    }
}

/// How many rows of others the target had of a file beside ours.
fn of_others(entry: &LedgerEntry) -> u64 {
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
    let rows = |counts: &HashMap<String, u64>, entry: &LedgerEntry| {
        counts.get(&entry.file_name).copied().unwrap_or(0)
    };
    let changed = |entry: &LedgerEntry| {
        let foreign = rows(&held, entry).saturating_sub(rows(&ours, entry));
        match foreign.saturating_sub(of_others(entry)) {
            0 => None,
            rows => Some(format!("{} ({rows} rows)", entry.file_name)),
        }
    };
    Ok(entries.iter().filter_map(changed).collect())
}
