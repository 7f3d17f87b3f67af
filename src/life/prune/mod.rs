//! To **prune** staging is to delete what no run will use again, what is too old, and the oldest objects if there are
//! too many bytes.
//!
//! Nothing newer than a day is deleted, so that a running run keeps its files. The list of objects is never held in
//! memory. For each kept mirror only its name is remembered. For a limit in bytes it is remembered how many bytes were
//! written in each second, which gives the time before which objects are deleted.

mod judge;
mod needed;
mod pruned;
mod rule;
mod sweep;

use std::collections::BTreeSet;

use chrono::Utc;
use futures::StreamExt;

pub use pruned::Pruned;
pub use rule::{Mode, Rule, Scope};

use crate::error::Error;
use crate::project::Project;
use crate::store::inventory::{self, Held};
use crate::store::layout::{Key, Kind};
use judge::Judge;
use needed::Needed;
use sweep::Sweep;

/// Prunes staging.
///
/// # Errors
/// [`Error`] if the source or staging cannot be read; what could not be deleted is part of the result.
pub async fn prune(
    project: &Project,
    scope: Scope,
    rule: Rule,
    mode: Mode,
) -> Result<Pruned, Error> {
    let needed = Needed::of(project).await?;
    let mut judge = Judge::new(needed, rule, Utc::now());
    let scope = match scope {
        Scope::Everything => None,
        Scope::Configured => {
            Some(project.config.datasets.iter().map(|dataset| dataset.name.clone()).collect())
        }
    };
    if let Some(bytes) = rule.keep_bytes {
        let survey = sweep(project, scope.as_ref(), &mut judge, Mode::Show).await?;
        judge.limit(survey.too_old_for(bytes, judge.newest_to_delete()));
    }
    let swept = sweep(project, scope.as_ref(), &mut judge, mode).await?;
    Ok(swept.pruned(project.staging.display("").trim_end_matches('/').to_owned(), rule.keep_bytes))
}

/// Goes through all of staging once.
async fn sweep<'a>(
    project: &'a Project,
    scope: Option<&BTreeSet<String>>,
    judge: &mut Judge,
    mode: Mode,
) -> Result<Sweep<'a>, Error> {
    let mut sweep = Sweep::new(&project.staging, mode);
    judge.begin();
    // Mirrors come first: the objects that belong to them are deleted after them, never before.
    for kind in [Kind::Mirrors, Kind::Rejects, Kind::Profiles, Kind::Runs] {
        let mut objects = inventory::walk(&project.staging, kind.folder());
        while let Some(held) = objects.next().await {
            let held = held?;
            let Some(key) = ours(project, scope, &held, &mut sweep) else { continue };
            let (age, reason) = judge.judge(&key, &held);
            sweep.take(kind, held, age, reason).await;
        }
        sweep.flush().await;
        if kind == Kind::Mirrors && sweep.has_failed() {
            judge.keep_rejects();
        }
    }
    for dataset in inventory::folders(&project.staging, Kind::Staged.folder()).await? {
        let folder = format!("{}/{dataset}", Kind::Staged.folder());
        for area in inventory::folders(&project.staging, &folder).await? {
            sweep_area(project, scope, judge, &mut sweep, &format!("{folder}/{area}")).await?;
        }
    }
    sweep.flush().await;
    Ok(sweep)
}

/// Goes through one area of staged rows, which is kept or deleted as a whole.
async fn sweep_area(
    project: &Project,
    scope: Option<&BTreeSet<String>>,
    judge: &Judge,
    sweep: &mut Sweep<'_>,
    folder: &str,
) -> Result<(), Error> {
    let mut area = Vec::new();
    let mut objects = inventory::walk(&project.staging, folder);
    while let Some(held) = objects.next().await {
        let held = held?;
        if let Some(key) = ours(project, scope, &held, sweep) {
            area.push((key, held));
        }
    }
    let Some(newest) = area.iter().map(|(_, held)| held.modified).max() else { return Ok(()) };
    let reason = judge.judge_area(&project.staging, &area, newest).await?;
    for (key, held) in area {
        let leftover = judge.judge_leftover(&key, &held);
        sweep.take(Kind::Staged, held, newest, reason.or(leftover)).await;
    }
    Ok(())
}

/// Reads the key of an object, if it is ours and of a dataset that is pruned.
fn ours(
    project: &Project,
    scope: Option<&BTreeSet<String>>,
    held: &Held,
    sweep: &mut Sweep<'_>,
) -> Option<Key> {
    let Some(key) = Key::read(&project.staging.key(&held.location)) else {
        sweep.leave();
        return None;
    };
    scope.is_none_or(|scope| scope.contains(&key.dataset)).then_some(key)
}
