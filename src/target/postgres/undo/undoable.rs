//! What there is to **undo** of a run, looked up without changing anything.

use tokio_postgres::Client;

use super::{changed_files, rows_of};
use crate::state::LedgerEntry;
use crate::target::postgres::catalog::Kind;
use crate::target::postgres::ledger::{self, CommittedBatch, DatasetRun};
use crate::target::postgres::session::begin;
use crate::target::postgres::{Database, Needs, Target, count_rows};
use crate::target::{Error, UndoRefusal};

/// What there is to undo of one dataset of a run.
pub struct Undoable {
    /// The run.
    pub run: DatasetRun,
    /// The target; `None` if it is not there.
    pub target: Option<Target>,
    /// Its batches, in the order in which they are undone.
    pub batches: Vec<CommittedBatch>,
    /// The later runs that depend on it.
    pub later: Vec<String>,
    /// Rows that were deleted since from its files, if rows of these would come back.
    pub erased: u64,
    /// The files of which others have changed rows of ours since, or added some, each with the number of rows.
    pub changed: Vec<String>,
    /// What deleting the rows of its files would change in other tables, by foreign keys.
    pub cascades: Vec<String>,
}

/// Looks up what there is to undo of a run, in a transaction that is rolled back; the latest dataset first.
///
/// # Errors
/// [`UndoRefusal::UnknownRun`], [`Error::Statement`].
pub async fn undoable(database: &Database, run: &str) -> Result<Vec<Undoable>, Error> {
    database
        .unmanaged_session(async |client: &Client| {
            begin(client, "beginning to look at the run").await?;
            let looked_up = look_up(client, run).await;
            let ended = client.batch_execute("ROLLBACK").await;
            let found = looked_up?;
            ended.map_err(Error::statement("ending the look at the run"))?;
            Ok(found)
        })
        .await
}

async fn look_up(client: &Client, run: &str) -> Result<Vec<Undoable>, Error> {
    let mut found = Vec::new();
    if ledger::exists(client).await? {
        // A ledger of an older version lacks columns.
        ledger::create(client).await?;
        for dataset in ledger::dataset_runs(client, run).await? {
            let batches = ledger::batches_of(client, &dataset).await?;
            if !batches.is_empty() {
                found.push(look_up_dataset(client, dataset, batches).await?);
            }
        }
    }
    if found.is_empty() {
        return Err(UndoRefusal::UnknownRun { run: run.to_owned() }.into());
    }
    Ok(found)
}

async fn look_up_dataset(
    client: &Client,
    run: DatasetRun,
    batches: Vec<CommittedBatch>,
) -> Result<Undoable, Error> {
    let table = run.table()?;
    let mut names: Vec<String> = Vec::new();
    for batch in batches.iter().filter(|batch| !batch.is_undone) {
        names.extend(ledger::touched(client, &run, batch.number).await?);
    }
    let target = Target::find(client, &table).await?;
    let mut erased = ledger::erased_since(client, &run).await?;
    let (mut changed, mut cascades) = (Vec::new(), Vec::new());
    if let Some(target) = target.as_ref().filter(|target| target.kind == Kind::Table) {
        let mut entries = ledger::files(client, &table, &names).await?;
        entries.retain(|entry| entry.run_id == run.run_id);
        changed = changed_files(client, target, &entries).await?;
        if batches.iter().all(|batch| batch.saved == 0) {
            let before = ledger::known_before(client, &run).await?;
            entries.retain(|entry| before.contains(&entry.file_name));
        }
        erased = erased.max(lost_rows(client, target, &entries).await?);
        let described = target.effects.describe_cascades(client, &table, &names).await;
        cascades = described.map_err(Error::statement("counting rows that refer to others"))?;
    }
    Ok(Undoable {
        later: ledger::later_runs(client, &run).await?,
        erased,
        target,
        batches,
        changed,
        cascades,
        run,
    })
}

/// Counts how many rows fewer the target has of files than it should.
async fn lost_rows(
    client: &Client,
    target: &Target,
    entries: &[LedgerEntry],
) -> Result<u64, Error> {
    let names: Vec<String> = entries.iter().map(|entry| entry.file_name.clone()).collect();
    let held = count_rows(client, target, &names).await?;
    Ok(entries
        .iter()
        .map(|entry| entry.held.saturating_sub(rows_of(&held, &entry.file_name)))
        .sum())
}

impl Undoable {
    /// Returns the target, unless rows in it cannot be recognised.
    ///
    /// # Errors
    /// [`UndoRefusal`].
    pub fn target(&self) -> Result<&Target, UndoRefusal> {
        let reason = match &self.target {
            Some(target) if target.kind == Kind::Table => return Ok(target),
            Some(_) => "it is a view",
            None => "there is no such table any more",
        };
        let (run, table) = (self.run.run_id.clone(), self.run.target.clone());
        Err(UndoRefusal::NotATable { run, table, reason })
    }

    /// Returns what the role must be able to do.
    pub fn needs(&self, target: &Target) -> Needs {
        let restores = self.batches.iter().any(|batch| batch.saved > 0);
        Needs {
            deletes: true,
            updates: false,
            is_temporary: restores,
            locks: restores || target.guest.needs_lock(),
            removes_loads: self.batches.iter().any(|batch| batch.load_id.is_some()),
        }
    }
}
