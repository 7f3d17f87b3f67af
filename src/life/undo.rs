//! To **undo** a run is to bring its targets back to what they were before it, batch by batch, the last one first.
//!
//! Exactly the rows that the run wrote are deleted. Those that it replaced or deleted are restored from the ledger's
//! schema, where the run saved them. Each batch is one transaction together with the ledger's entries, so that a
//! killed undo continues where it stopped.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tokio_postgres::Client;

use crate::domain::FileDate;
use crate::error::Error;
use crate::progress::{Listener, Total};
use crate::target::ledger::{self, CommittedBatch};
use crate::target::{self, Database, Target, UndoRefusal, Undoable, Undoing};

/// What undoing is allowed to do that is refused otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// Fire triggers, and change other tables through foreign keys.
    pub side_effects: bool,
    /// Restore rows of files of which somebody deleted rows on purpose.
    pub restore_deleted: bool,
}

/// One dataset of a run that is undone, or would be undone.
#[derive(Clone, Debug, Serialize)]
pub struct Undone {
    /// The run.
    pub run_id: String,
    /// The dataset.
    pub dataset: String,
    /// The target.
    pub target: String,
    /// The batches, in the order in which they are undone.
    pub batches: Vec<UndoneBatch>,
    /// The files whose rows changed, by name; empty before it is undone.
    pub files: Vec<UndoneFile>,
}

/// A batch that is undone, or would be undone.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct UndoneBatch {
    /// Its number.
    pub batch: usize,
    /// Its first day.
    pub start: FileDate,
    /// Its last day.
    pub end: FileDate,
    /// Rows that were deleted, or would be deleted, as far as the ledger knows.
    pub removed: u64,
    /// Rows that were restored, or would be restored.
    pub restored: u64,
    /// Whether it is undone.
    pub state: BatchState,
}

/// Whether a batch is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchState {
    /// It is not undone yet.
    ToUndo,
    /// It was undone now.
    Undone,
    /// It was undone before.
    UndoneBefore,
}

/// What the target holds of a file after the run is undone.
#[derive(Clone, Debug, Serialize)]
pub struct UndoneFile {
    /// The name by which rows refer to it.
    pub file_name: String,
    /// Rows that the target had before.
    pub before: u64,
    /// Rows that were deleted.
    pub removed: u64,
    /// Rows that were restored.
    pub restored: u64,
    /// Rows that the target has now.
    pub in_target: u64,
}

/// Says what undoing a run would do, and refuses it if it is not possible or not allowed. Writes nothing.
///
/// # Errors
/// [`UndoRefusal`], [`target::Error::Rights`], and what the database says.
pub async fn plan_undo(
    database: &Database,
    run: &str,
    allowed: Allowed,
) -> Result<Vec<Undone>, Error> {
    let found = target::undoable(database, run).await?;
    for undoable in &found {
        refuse(database, undoable, allowed).await?;
    }
    Ok(found.iter().map(planned).collect())
}

/// Undoes a run. Nothing is changed if any of its datasets cannot be undone.
///
/// # Errors
/// As [`plan_undo`]; batches that are already undone stay so, and the same command continues with the others.
pub async fn undo(
    database: &Database,
    run: &str,
    allowed: Allowed,
    progress: &Listener,
) -> Result<Vec<Undone>, Error> {
    let found = target::undoable(database, run).await?;
    for undoable in &found {
        refuse(database, undoable, allowed).await?;
    }
    database.session(async |client: &Client| ledger::create(client).await).await?;
    let found = stop_runs(database, found).await?;
    let mut undone = Vec::new();
    for undoable in &found {
        match undo_dataset(database, undoable, progress).await {
            Ok(dataset) => undone.push(dataset),
            Err(error) => {
                unmark(database, &found).await;
                return Err(error);
            }
        }
    }
    Ok(undone)
}

/// Removes the mark that datasets are being undone if none of their batches is, as far as the database allows it.
async fn unmark(database: &Database, found: &[Undoable]) {
    for undoable in found {
        let run = &undoable.run;
        let unmarked = database
            .session(async |client: &Client| ledger::unmark_undoing(client, run).await)
            .await;
        if unmarked.is_err() {
            tracing::debug!("the ledger still says that a dataset is being undone");
        }
    }
}

/// Keeps the run from loading more, if it is still running, and waits for its batches. Returns what can be undone
/// then.
async fn stop_runs(database: &Database, found: Vec<Undoable>) -> Result<Vec<Undoable>, Error> {
    let mut run = None;
    for undoable in &found {
        let marked = &undoable.run;
        database
            .session(async |client: &Client| ledger::mark_undoing(client, marked).await)
            .await?;
        database
            .session(async |client: &Client| ledger::await_batches(client, marked).await)
            .await?;
        run = Some(marked.run_id.clone());
    }
    let Some(run) = run else { return Ok(found) };
    let mut now = target::undoable(database, &run).await?;
    for undoable in &mut now {
        // The status before it was marked.
        let before = found.iter().find(|before| before.run.dataset == undoable.run.dataset);
        if let Some(before) = before {
            undoable.run.status = before.run.status.clone();
        }
    }
    Ok(now)
}

/// Refuses to undo what cannot be undone, or may not be undone.
async fn refuse(
    database: &Database,
    undoable: &Undoable,
    allowed: Allowed,
) -> Result<(), target::Error> {
    if undoable.batches.iter().all(|batch| batch.is_undone) {
        return Ok(());
    }
    let target = undoable.target()?;
    let (run, table) = (undoable.run.run_id.clone(), undoable.run.target.clone());
    if !undoable.later.is_empty() {
        let later = undoable.later.clone();
        return Err(UndoRefusal::LaterRuns { run, table, later }.into());
    }
    for batch in undoable.batches.iter().filter(|batch| !batch.is_undone) {
        refuse_lost_rows(undoable, batch)?;
    }
    if !undoable.changed.is_empty() {
        let files = undoable.changed.clone();
        return Err(UndoRefusal::ChangedRows { table, files }.into());
    }
    if undoable.erased > 0 && !allowed.restore_deleted {
        return Err(UndoRefusal::DeletedOnPurpose { run, table, rows: undoable.erased }.into());
    }
    let effects = side_effects(undoable, target);
    if !effects.is_empty() && !allowed.side_effects {
        return Err(UndoRefusal::SideEffects { effects }.into());
    }
    let needs = undoable.needs(target);
    database
        .session(async |client: &Client| {
            target::refuse_missing(client, &target.table, Some(target), needs).await
        })
        .await
}

/// Refuses a batch that replaced or deleted rows which are not kept any more.
fn refuse_lost_rows(undoable: &Undoable, batch: &CommittedBatch) -> Result<(), UndoRefusal> {
    let replaced = batch.updated + batch.deleted;
    if replaced == batch.saved {
        return Ok(());
    }
    let (run, table) = (undoable.run.run_id.clone(), undoable.run.target.clone());
    Err(UndoRefusal::NotKept { run, table, batch: batch.number, replaced, kept: batch.saved })
}

/// Returns what undoing changes in other tables, and which triggers it fires.
fn side_effects(undoable: &Undoable, target: &Target) -> Vec<String> {
    let effects = &target.effects;
    // A foreign key to which no row refers changes nothing.
    let cascades = undoable.cascades.iter().filter(|cascade| !cascade.starts_with("0 ")).cloned();
    let deleting = effects.delete_triggers.iter().map(|name| format!("{name} (on DELETE)"));
    let mut found: Vec<String> = cascades.chain(deleting).collect();
    if undoable.batches.iter().any(|batch| batch.saved > 0) {
        found.extend(effects.insert_triggers.iter().map(|name| format!("{name} (on INSERT)")));
    }
    found
}

fn planned(undoable: &Undoable) -> Undone {
    Undone {
        run_id: undoable.run.run_id.clone(),
        dataset: undoable.run.dataset.clone(),
        target: undoable.run.target.clone(),
        batches: undoable.batches.iter().map(planned_batch).collect(),
        files: Vec::new(),
    }
}

fn planned_batch(batch: &CommittedBatch) -> UndoneBatch {
    let (removed, restored, state) = if batch.is_undone {
        (0, 0, BatchState::UndoneBefore)
    } else {
        (batch.inserted + batch.updated, batch.saved, BatchState::ToUndo)
    };
    let (start, end) = batch.days;
    UndoneBatch { batch: batch.number, start, end, removed, restored, state }
}

/// Undoes one dataset of a run.
async fn undo_dataset(
    database: &Database,
    undoable: &Undoable,
    progress: &Listener,
) -> Result<Undone, Error> {
    let mut undone = planned(undoable);
    if undoable.batches.iter().all(|batch| batch.is_undone) {
        return Ok(undone);
    }
    let target = undoable.target().map_err(target::Error::from)?;
    progress.begin("undo", Total { files: undoable.batches.len() as u64, bytes: 0 });
    let ended = undo_batches(database, undoable, target, &mut undone, progress).await;
    progress.end();
    ended?;
    Ok(undone)
}

async fn undo_batches(
    database: &Database,
    undoable: &Undoable,
    target: &Target,
    undone: &mut Undone,
    progress: &Listener,
) -> Result<(), target::Error> {
    let mut files: BTreeMap<String, UndoneFile> = BTreeMap::new();
    for (batch, line) in undoable.batches.iter().zip(&mut undone.batches) {
        if batch.is_undone {
            continue;
        }
        let done = target::undo(&Undoing { database, target, run: &undoable.run, batch }).await?;
        *line = UndoneBatch {
            removed: done.removed.values().sum(),
            restored: done.restored.values().sum(),
            state: BatchState::Undone,
            ..*line
        };
        progress.advance(1, 0, line.removed);
        add(&mut files, &done);
    }
    undone.files = files.into_values().collect();
    Ok(())
}

/// Adds the rows of an undone batch to its files.
fn add(files: &mut BTreeMap<String, UndoneFile>, done: &target::UndoneBatch) {
    let counts = [&done.before, &done.removed, &done.restored, &done.after];
    let names: BTreeSet<&String> = counts.iter().flat_map(|counts| counts.keys()).collect();
    for name in names {
        let [before, removed, restored, after] =
            counts.map(|counts| counts.get(name).copied().unwrap_or(0));
        let file = files.entry(name.clone()).or_insert_with(|| UndoneFile {
            file_name: name.clone(),
            before,
            removed: 0,
            restored: 0,
            in_target: 0,
        });
        file.removed += removed;
        file.restored += restored;
        file.in_target = after;
    }
}
