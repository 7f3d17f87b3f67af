//! `backfill plan`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::Context;
use super::output::{to_file, writable};
use super::range::{BatchArguments, RangeArguments, RunOptions};
use super::ranges::Ranges;
use crate::domain::Notice;
use crate::error::{Error, Exit};
use crate::life::{self, Mode, RefreshedView, WhichViews};
use crate::look::estimate::{Compute, Estimate, Room};
use crate::project::Project;
use crate::state::{PinnedPlan, Plan};
use crate::{look, run as chain, show};

/// Shows every file with its size, estimated rows and batch, and why it is loaded or left out.
///
/// The same as `run --dry-run`. Nothing is written. Without a database, the plan does not say what is loaded already.
/// Estimates the rows, the growth of the database, the time and the cost, each with the source of the estimate. For
/// the growth, some rows are put into a temporary copy of the target, in a transaction that is rolled back. The exit
/// code is 3 if the load does not fit into the database or onto its disk (as given by limits.database, limits.disk or
/// --compute).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    #[command(flatten)]
    batches: BatchArguments,
    /// Save the plan to this file for `backfill run --plan FILE`, which does exactly this or nothing, and skips files
    /// that are loaded meanwhile
    #[arg(long, value_name = "FILE", value_parser = writable)]
    save: Option<PathBuf>,
    /// The Supabase compute size of the database: free, nano, micro, small, medium, large, xl, 2xl …
    #[arg(long, value_name = "SIZE")]
    compute: Option<Compute>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let ranges = arguments.range.ranges(&project).await?;
    let options = arguments.batches.options(1);
    let more = More { views: Views::Left, compute: arguments.compute };
    let exit = show(&project, &ranges, options, more, context).await?;
    if let Some(path) = &arguments.save {
        save(&project, &ranges, options, path).await?;
    }
    Ok(exit)
}

/// Saves a plan to a file.
async fn save(
    project: &Project,
    ranges: &Ranges,
    options: RunOptions,
    path: &Path,
) -> Result<(), Error> {
    let mut datasets = Vec::new();
    let mut asked = None;
    for dataset in chain::in_order(project).await? {
        let Some(range) = ranges.of(dataset) else { continue };
        datasets.push(look::pin(project, dataset, options.over(range)).await?);
        asked = Some(options.over(range));
    }
    let Some(asked) = asked else { return Ok(()) };
    let plan = PinnedPlan::of(&asked, datasets);
    let text = serde_json::to_string_pretty(&plan);
    let mut text = text.map_err(|source| Error::Json { what: "the plan", source })?;
    text.push('\n');
    to_file(path, text.as_bytes())
}

/// Reads a plan from a file.
///
/// # Errors
/// [`Error::Plan`].
pub(super) fn read(path: &Path) -> Result<PinnedPlan, Error> {
    try_read(path).map_err(|reason| Error::Plan { path: path.display().to_string(), reason })
}

/// Reads a plan from a file; the error is the reason.
fn try_read(path: &Path) -> Result<PinnedPlan, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let plan: PinnedPlan = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match plan.form {
        PinnedPlan::FORM => Ok(plan),
        other => Err(format!(
            "it has the format {other}, but this version reads the format {}",
            PinnedPlan::FORM
        )),
    }
}

/// Whether to show the materialized views that a run would refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Views {
    /// They are shown.
    Shown(WhichViews),
    /// They are left out.
    Left,
}

/// What is shown besides the files.
#[derive(Clone, Copy, Debug)]
pub(super) struct More {
    /// The materialized views that a run would refresh.
    pub views: Views,
    /// The compute size of the server for which the load is estimated.
    pub compute: Option<Compute>,
}

/// Shows what a run would do, on a server of this compute size if it is given.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] if no dataset has a file in the range.
pub(super) async fn show(
    project: &Project,
    ranges: &Ranges,
    options: RunOptions,
    more: More,
    context: &Context,
) -> Result<Exit, Error> {
    let mut plans = Vec::new();
    let mut database = None;
    for dataset in chain::in_order(project).await? {
        let Some(range) = ranges.of(dataset) else { continue };
        let planned = look::planned(project, dataset, options.over(range), more.compute).await?;
        database = database.or(planned.database);
        let (plan, estimate) = (planned.plan, planned.estimate);
        let notices = project.notices(dataset);
        plans.push(Planned { plan, estimate, notices, refusal: None, refresh: None });
    }
    if let (Views::Shown(which), true) = (more.views, project.database.is_some()) {
        plan_refresh(project, &mut plans, which).await?;
    }
    let fits = judge(&mut plans, Room::of(project.config.limits, more.compute), database);
    context.output.print(&plans, |plans| render(plans))?;
    if plans.iter().all(|Planned { plan, .. }| plan.files.is_empty() && plan.is_done()) {
        return ranges.without_new_files(project).await;
    }
    Ok(if fits { Exit::Done } else { Exit::Refused })
}

/// Fills in for each plan why it does not fit after the plans before it; returns whether all fit.
fn judge(plans: &mut [Planned], room: Room, database: Option<u64>) -> bool {
    let mut before = database.unwrap_or(0);
    let mut fits = true;
    for planned in plans {
        let growth = planned.estimate.growth.value;
        planned.refusal = room.refuse(Some(before), growth).map(|refusal| refusal.to_string());
        fits &= planned.refusal.is_none();
        before += growth.map_or(0, |growth| growth.total);
    }
    fits
}

/// A plan with its estimate, and what a person should know about it.
#[derive(Serialize)]
struct Planned {
    #[serde(flatten)]
    plan: Plan,
    estimate: Estimate,
    /// Why it does not fit; `None` if it does.
    refusal: Option<String>,
    notices: Vec<Notice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<Vec<RefreshedView>>,
}

/// Finds out which materialized views a run would refresh.
async fn plan_refresh(
    project: &Project,
    plans: &mut [Planned],
    which: WhichViews,
) -> Result<(), Error> {
    let names = plans.iter().map(|Planned { plan, .. }| {
        (plan.dataset.as_str(), which == WhichViews::All || !plan.is_done())
    });
    let views = life::refresh(project, &chain::targets(project, names), Mode::DryRun).await?;
    for (number, planned) in plans.iter_mut().enumerate() {
        planned.refresh = Some(chain::of_target(&views, number));
    }
    Ok(())
}

fn render(plans: &[Planned]) -> String {
    plans.iter().map(render_one).collect::<Vec<_>>().join("\n")
}

fn render_one(planned: &Planned) -> String {
    let mut text = show::plan(&planned.plan);
    if planned.estimate.files > 0 {
        text.push_str(&show::estimate(&planned.estimate));
    }
    if let Some(refusal) = &planned.refusal {
        text.push_str(&format!("does not fit: {refusal}\n"));
    }
    if let Some(views) = &planned.refresh {
        text.push_str(&show::refresh(views));
    }
    text
}
