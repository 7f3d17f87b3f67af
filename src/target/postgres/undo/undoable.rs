//! What there is to undo of a run, looked up without changing anything.

use std::collections::HashMap;

use tokio_postgres::Client;

use crate::domain::TableName;
use crate::target::postgres::catalog::Kind;
use crate::target::postgres::ledger::{self, BatchOf, RunOf};
use crate::target::postgres::session::begin;
use crate::target::postgres::{Database, Needs, Target, count_rows};
use crate::target::{Error, UndoRefusal};

/// What there is to undo of one dataset of a run.
pub struct Undoable {
    /// The run.
    pub run: RunOf,
    /// The target; `None` if it is not there.
    pub target: Option<Target>,
    /// Its batches, in the order in which they are undone.
    pub batches: Vec<BatchOf>,
    /// The later runs that stand on it.
    pub later: Vec<String>,
    /// Rows that were deleted on purpose from files whose rows would come back.
    pub erased: u64,
    /// The files that it touched, with the rows that the target has of each.
    pub files: HashMap<String, u64>,
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
            let found = look_up(client, run).await;
            let ended = client.batch_execute("ROLLBACK").await;
            let found = found?;
            ended.map_err(Error::statement("ending the look at the run"))?;
            Ok(found)
        })
        .await
}

async fn look_up(client: &Client, run: &str) -> Result<Vec<Undoable>, Error> {
    let unknown = || UndoRefusal::UnknownRun { run: run.to_owned() };
    if !ledger::exists(client).await? {
        return Err(unknown().into());
    }
    // A ledger of an older version lacks columns.
    ledger::create(client).await?;
    let mut found = Vec::new();
    for run in ledger::run_of(client, run).await? {
        let batches = ledger::batches_of(client, &run).await?;
        if !batches.is_empty() {
            found.push(look_up_dataset(client, run, batches).await?);
        }
    }
    if found.is_empty() { Err(unknown().into()) } else { Ok(found) }
}

async fn look_up_dataset(
    client: &Client,
    run: RunOf,
    batches: Vec<BatchOf>,
) -> Result<Undoable, Error> {
    let unreadable = |_| Error::LedgerUnreadable { file: format!("run {}", run.run_id) };
    let table: TableName = run.target.parse().map_err(unreadable)?;
    let mut names: Vec<String> = Vec::new();
    for batch in batches.iter().filter(|batch| !batch.is_undone) {
        names.extend(ledger::touched(client, &run, batch.number).await?);
    }
    let target = Target::find(client, &table).await?;
    let (mut files, mut cascades) = (HashMap::new(), Vec::new());
    if let Some(target) = target.as_ref().filter(|target| target.kind == Kind::Table) {
        files = count_rows(client, target, &names).await?;
        let described = target.effects.describe_cascades(client, &table, &names).await;
        cascades = described.map_err(Error::statement("counting rows that refer to others"))?;
    }
    for name in names {
        files.entry(name).or_default();
    }
    Ok(Undoable {
        later: ledger::later_runs(client, &run).await?,
        erased: ledger::erased_since(client, &run).await?,
        target,
        batches,
        files,
        cascades,
        run,
    })
}

impl Undoable {
    /// Why it cannot be undone whatever is allowed, if so.
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

    /// What the role must be able to do.
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
