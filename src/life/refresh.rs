//! To **refresh** after a load is to have the materialized views that depend on the targets show what was loaded:
//! each after those that it reads, each in a transaction of its own.
//!
//! A failure undoes nothing: what was loaded stays, and views that do not read the one that failed are refreshed.

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
pub struct Changed {
    /// The target.
    pub table: TableName,
    /// Whether this run has loaded files into it, or taken some out, or would do so; or every view is asked for.
    pub is_changed: bool,
}

/// What became of a materialized view.
#[derive(Clone, Debug, Serialize)]
pub struct RefreshedView {
    /// Its name, quoted where it must be.
    pub view: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Refreshing,
    /// Why its readers had to wait; `None` if they had not.
    pub why_readers_wait: Option<&'static str>,
    /// The numbers of the targets that it depends on.
    #[serde(skip)]
    pub tables: Vec<usize>,
}

/// What became of a materialized view.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Refreshing {
    /// It shows what was loaded.
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
    /// It could not be refreshed, or would not be.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Which materialized views are refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Refreshed {
    /// Those that depend on a target that the run has changed.
    Changed,
    /// Those that depend on any target of the run.
    All,
}

/// Whether views are refreshed, or only said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are refreshed.
    Refresh,
    /// Nothing is written.
    DryRun,
}

/// Refreshes the materialized views that depend on targets that have changed, and says which others there are.
///
/// # Errors
/// [`Error::Target`], if the database cannot be asked which there are.
pub async fn refresh(
    project: &Project,
    targets: &[Changed],
    mode: Mode,
) -> Result<Vec<RefreshedView>, Error> {
    let views = views(project, targets).await?;
    let mut refreshed: Vec<RefreshedView> = Vec::with_capacity(views.len());
    let total = Total { files: views.len() as u64, bytes: 0 };
    project.progress.begin("refresh", total);
    for view in &views {
        let outcome = match outcome_without_trying(view, targets, &refreshed) {
            Some(outcome) => outcome,
            None if mode == Mode::DryRun => Refreshing::Planned,
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

async fn views(project: &Project, targets: &[Changed]) -> Result<Vec<MaterializedView>, Error> {
    let tables: Vec<TableName> = targets.iter().map(|target| target.table.clone()).collect();
    let database = project.database()?;
    let web = database.session(async |client: &Client| Web::find(client, &tables).await);
    Ok(web.await?.materialized_views())
}

/// What becomes of a view that is not even tried; `before` has those that it may read.
fn outcome_without_trying(
    view: &MaterializedView,
    targets: &[Changed],
    before: &[RefreshedView],
) -> Option<Refreshing> {
    if !view.tables.iter().any(|number| targets[*number].is_changed) {
        let tables: Vec<String> =
            view.tables.iter().map(|number| targets[*number].table.to_string()).collect();
        let reason = format!("this run has not changed {}", tables.join(", "));
        return Some(Refreshing::Skipped { reason });
    }
    let has_failed = |number: &&usize| {
        let read = before.get(**number).map(|read| &read.outcome);
        matches!(read, Some(Refreshing::Failed { .. }))
    };
    if let Some(read) = view.reads.iter().find(has_failed).and_then(|number| before.get(*number)) {
        let reason = format!("it reads {}, which is not refreshed", read.view);
        return Some(Refreshing::Failed { reason });
    }
    let reason = format!("this user may not refresh it; its owner is {}", view.owner);
    (!view.may_refresh).then_some(Refreshing::Failed { reason })
}

async fn try_to_refresh(project: &Project, view: &MaterializedView) -> Result<Refreshing, Error> {
    let started = Instant::now();
    Ok(match target::refresh(project.database()?, view).await {
        Ok(()) => {
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!(view = view.name, seconds, "refreshed");
            Refreshing::Refreshed { seconds }
        }
        Err(error) => Refreshing::Failed { reason: error.to_string() },
    })
}
