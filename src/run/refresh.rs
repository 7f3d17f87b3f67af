//! The last step of `run --refresh`: materialized views show what was loaded.

use super::Report;
use crate::domain::Dataset;
use crate::error::Error;
use crate::life::{self, Changed, Mode, Refreshed, RefreshedView, Refreshing};
use crate::project::Project;
use crate::state::{LoadedBy, Verdict};

/// Refreshes what depends on the targets that a run has changed, or on all of them, and puts what became of it into the reports of the
/// datasets.
///
/// # Errors
/// [`Error::NotRefreshed`].
pub async fn refresh(
    project: &Project,
    reports: &mut [Report],
    which: Refreshed,
) -> Result<(), Error> {
    let names = reports.iter().map(|report| {
        let is_chosen = which == Refreshed::All || has_changed(report);
        (report.plan.dataset.as_str(), is_chosen)
    });
    let views = life::refresh(project, &targets(project, names), Mode::Refresh).await;
    let views = views.map_err(|error| {
        // Not the error itself: running again loads nothing, and so refreshes nothing.
        Error::NotRefreshed { views: vec![format!("which there are is not known ({error})")] }
    })?;
    for (number, report) in reports.iter_mut().enumerate() {
        report.refresh = Some(of_target(&views, number));
    }
    let failed: Vec<String> = views.iter().filter_map(describe_failure).collect();
    if failed.is_empty() { Ok(()) } else { Err(Error::NotRefreshed { views: failed }) }
}

/// The targets of datasets, by their names.
pub fn targets<'a>(
    project: &Project,
    names: impl Iterator<Item = (&'a str, bool)>,
) -> Vec<Changed> {
    let dataset = |name: &str| project.config.datasets.iter().find(|known| known.name == name);
    let target = |(name, is_changed): (&str, bool)| {
        dataset(name).map(|Dataset { table, .. }| Changed { table: table.clone(), is_changed })
    };
    names.filter_map(target).collect()
}

/// The views that depend on the target of this number.
pub fn of_target(views: &[RefreshedView], number: usize) -> Vec<RefreshedView> {
    views.iter().filter(|view| view.tables.contains(&number)).cloned().collect()
}

/// Whether a run has loaded files, or taken the rows of some out.
fn has_changed(report: &Report) -> bool {
    report
        .accounting
        .files
        .iter()
        .any(|file| file.loaded_by == LoadedBy::ThisRun || file.verdict == Verdict::Removed)
}

fn describe_failure(view: &RefreshedView) -> Option<String> {
    match &view.outcome {
        Refreshing::Failed { reason } => Some(format!("{} ({reason})", view.view)),
        Refreshing::Refreshed { .. } | Refreshing::Planned | Refreshing::Skipped { .. } => None,
    }
}
