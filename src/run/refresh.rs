//! To **refresh** is the last step of `run --refresh`: the materialized views then show what was loaded.

use super::Report;
use crate::error::Error;
use crate::life::{self, Mode, RefreshOutcome, RefreshTarget, RefreshedView, WhichViews};
use crate::project::Project;
use crate::state::{LoadedBy, Verdict};

/// Refreshes the views that depend on the targets that a run has changed, or on all its targets, and adds the results
/// to the reports of the datasets.
///
/// # Errors
/// [`Error::NotRefreshed`].
pub async fn refresh(
    project: &Project,
    reports: &mut [Report],
    which: WhichViews,
) -> Result<(), Error> {
    let names = reports.iter().map(|report| {
        let is_chosen = which == WhichViews::All || has_changed(report);
        (report.plan.dataset.as_str(), is_chosen)
    });
    let refreshed = life::refresh(project, &targets(project, names), Mode::Refresh).await;
    let views = refreshed.map_err(|error| {
        // Not the error itself, which may be transient: the same command would load nothing, and so refresh nothing.
        Error::NotRefreshed {
            views: vec![format!("the materialized views could not be listed ({error})")],
        }
    })?;
    for (number, report) in reports.iter_mut().enumerate() {
        report.refresh = Some(of_target(&views, number));
    }
    let failed: Vec<String> = views.iter().filter_map(describe_failure).collect();
    if failed.is_empty() { Ok(()) } else { Err(Error::NotRefreshed { views: failed }) }
}

/// Returns the targets of datasets, given by their names and whether they have changed.
pub fn targets<'a>(
    project: &Project,
    names: impl Iterator<Item = (&'a str, bool)>,
) -> Vec<RefreshTarget> {
    let datasets = &project.config.datasets;
    names
        .filter_map(|(name, is_changed)| {
            let dataset = datasets.iter().find(|dataset| dataset.name == name)?;
            Some(RefreshTarget { table: dataset.table.clone(), is_changed })
        })
        .collect()
}

/// Returns the views that depend on the target with this number.
pub fn of_target(views: &[RefreshedView], number: usize) -> Vec<RefreshedView> {
    views.iter().filter(|view| view.tables.contains(&number)).cloned().collect()
}

/// Whether a run has loaded files, or deleted the rows of some.
fn has_changed(report: &Report) -> bool {
    report
        .accounting
        .files
        .iter()
        .any(|file| file.loaded_by == LoadedBy::ThisRun || file.verdict == Verdict::Removed)
}

fn describe_failure(view: &RefreshedView) -> Option<String> {
    match &view.outcome {
        RefreshOutcome::Failed { reason } => Some(format!("{} ({reason})", view.view)),
        RefreshOutcome::Refreshed { .. }
        | RefreshOutcome::Planned
        | RefreshOutcome::Skipped { .. } => None,
    }
}
