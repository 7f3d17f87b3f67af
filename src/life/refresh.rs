//! To **refresh** after a load is to update the materialized views that depend on the targets: each after those that it
//! reads, each in its own transaction.
//!
//! A failure undoes nothing: what was loaded stays, and views that do not read the failed one are still refreshed.

use std::time::Instant;

use serde::Serialize;
use tokio_postgres::Client;

use crate::domain::TableName;
use crate::error::Error;
use crate::progress::Total;
use crate::project::Project;
use crate::target::{self, MaterializedView, Web};

/// A target, and whether this run has changed it.
#[derive(Clone, Debug)]
pub struct RefreshTarget {
    /// The target.
    pub table: TableName,
    /// Whether this run has loaded or deleted rows of it, or would do so. Also true if all views are asked for.
    pub is_changed: bool,
}

/// A materialized view after a refresh.
#[derive(Clone, Debug, Serialize)]
pub struct RefreshedView {
    /// Its name, quoted where it must be.
    pub view: String,
    /// Whether it was refreshed.
    #[serde(flatten)]
    pub outcome: RefreshOutcome,
    /// Why its readers had to wait; `None` if they did not.
    pub why_readers_wait: Option<&'static str>,
    /// The numbers of the targets that it depends on.
    #[serde(skip)]
    pub tables: Vec<usize>,
}

/// Whether a materialized view was refreshed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum RefreshOutcome {
    /// It was refreshed.
    Refreshed {
        /// How long it took.
        seconds: f64,
    },
    /// It would be refreshed after the load.
    Planned,
    /// It was not refreshed, for a reason that is not a failure.
    Skipped {
        /// Why.
        reason: String,
    },
    /// It could not be refreshed.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Which materialized views are refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WhichViews {
    /// Those that depend on a target that the run has changed.
    Changed,
    /// Those that depend on any target of the run.
    All,
}

/// Whether views are refreshed, or only listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are refreshed.
    Refresh,
    /// Nothing is written.
    DryRun,
}

/// Refreshes the materialized views that depend on changed targets, and lists the others as skipped.
///
/// # Errors
/// [`Error::Target`] if the database cannot be asked for its views.
pub async fn refresh(
    project: &Project,
    targets: &[RefreshTarget],
    mode: Mode,
) -> Result<Vec<RefreshedView>, Error> {
    let views = views(project, targets).await?;
    let mut refreshed: Vec<RefreshedView> = Vec::with_capacity(views.len());
    let total = Total { files: views.len() as u64, bytes: 0 };
    project.progress.begin("refresh", total);
    for view in &views {
        let outcome = match outcome_without_trying(view, targets, &refreshed) {
            Some(outcome) => outcome,
            None if mode == Mode::DryRun => RefreshOutcome::Planned,
            None => try_to_refresh(project, view).await?,
        };
        project.progress.advance(1, 0, 0);
        refreshed.push(RefreshedView {
            view: view.name.clone(),
            outcome,
            why_readers_wait: view.why_readers_wait,
            tables: view.tables.clone(),
        });
    }
    project.progress.end();
    Ok(refreshed)
}

async fn views(
    project: &Project,
    targets: &[RefreshTarget],
) -> Result<Vec<MaterializedView>, Error> {
    let tables: Vec<TableName> = targets.iter().map(|target| target.table.clone()).collect();
    let database = project.database()?;
    let web = database.session(async |client: &Client| Web::find(client, &tables).await);
    Ok(web.await?.materialized_views())
}

/// Returns why a view is not refreshed without a try, if there is a reason; `before` has the views that it may read.
fn outcome_without_trying(
    view: &MaterializedView,
    targets: &[RefreshTarget],
    before: &[RefreshedView],
) -> Option<RefreshOutcome> {
    if !view.tables.iter().any(|number| targets[*number].is_changed) {
        let tables: Vec<String> =
            view.tables.iter().map(|number| targets[*number].table.to_string()).collect();
        let reason = format!("this run has not changed {}", tables.join(", "));
        return Some(RefreshOutcome::Skipped { reason });
    }
    let mut read = view.reads.iter().filter_map(|number| before.get(*number));
    let failed = read.find(|read| matches!(read.outcome, RefreshOutcome::Failed { .. }));
    if let Some(failed) = failed {
        let reason = format!("it reads {}, which was not refreshed", failed.view);
        return Some(RefreshOutcome::Failed { reason });
    }
    let reason = format!("this user may not refresh it; its owner is {}", view.owner);
    (!view.may_refresh).then_some(RefreshOutcome::Failed { reason })
}

async fn try_to_refresh(
    project: &Project,
    view: &MaterializedView,
) -> Result<RefreshOutcome, Error> {
    let started = Instant::now();
    Ok(match target::refresh(project.database()?, view).await {
        Ok(()) => {
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!(view = view.name, seconds, "refreshed");
            RefreshOutcome::Refreshed { seconds }
        }
        Err(error) => RefreshOutcome::Failed { reason: error.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A view that depends on the first target.
    fn view(name: &str, reads: Vec<usize>) -> MaterializedView {
        MaterializedView {
            name: name.to_owned(),
            owner: "analyst".to_owned(),
            may_refresh: true,
            why_readers_wait: None,
            tables: vec![0],
            reads,
        }
    }

    fn target(is_changed: bool) -> RefreshTarget {
        RefreshTarget { table: "public.orders".parse().expect("a table"), is_changed }
    }

    fn refreshed(name: &str, outcome: RefreshOutcome) -> RefreshedView {
        RefreshedView { view: name.to_owned(), outcome, why_readers_wait: None, tables: vec![0] }
    }

    #[test]
    fn only_views_of_changed_targets_are_tried() {
        let daily = view("daily", Vec::new());
        assert_eq!(outcome_without_trying(&daily, &[target(true)], &[]), None);
        let skipped = outcome_without_trying(&daily, &[target(false)], &[]);
        let reason = "this run has not changed public.orders".to_owned();
        assert_eq!(skipped, Some(RefreshOutcome::Skipped { reason }));
    }

    #[test]
    fn a_view_that_reads_a_failed_one_is_not_tried() {
        let monthly = view("monthly", vec![0]);
        let done = refreshed("daily", RefreshOutcome::Refreshed { seconds: 1.0 });
        assert_eq!(outcome_without_trying(&monthly, &[target(true)], &[done]), None);
        let failed = refreshed("daily", RefreshOutcome::Failed { reason: "x".to_owned() });
        let outcome = outcome_without_trying(&monthly, &[target(true)], &[failed]);
        let reason = "it reads daily, which was not refreshed".to_owned();
        assert_eq!(outcome, Some(RefreshOutcome::Failed { reason }));
    }

    #[test]
    fn a_view_of_another_owner_is_not_tried() {
        let foreign = MaterializedView { may_refresh: false, ..view("daily", Vec::new()) };
        let outcome = outcome_without_trying(&foreign, &[target(true)], &[]);
        assert!(
            matches!(outcome, Some(RefreshOutcome::Failed { reason }) if reason.contains("analyst"))
        );
    }
}
