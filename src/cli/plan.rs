//! `backfill plan`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::Context;
use super::output::{to_file, writable};
use super::range::{BatchArguments, RangeArguments};
use super::ranges::Ranges;
use crate::domain::{DateRange, Notice};
use crate::error::{Error, Exit};
use crate::life::{self, Mode, RefreshedView, WhichViews};
use crate::look::estimate::{Compute, Estimate, Room};
use crate::project::Project;
use crate::state::{Options, PinnedPlan, Plan};
use crate::{look, run as chain, show};

/// Shows every file with its size, estimated rows and batch, and why it is in or out.
///
/// The same as `run --dry-run`. Nothing is written anywhere; without a database it is shown without
/// what is loaded already. What loading comes to is estimated: rows, growth of the database, time and
/// cost, each with where it comes from. For the growth, some rows are put into a temporary copy of the
/// target, in a transaction that is rolled back. Exit code 3 if it does not fit into the database or onto
/// its disk, as far as limits.database, limits.disk or --compute tell of them.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    #[command(flatten)]
    batches: BatchArguments,
    /// Keep the plan in this file, for `backfill run --plan FILE`: a run of it does exactly this, or is refused
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
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let ranges = arguments.range.ranges(&project).await?;
    let options = |range| arguments.batches.options(range, 1);
    let exit = show(
        &project,
        &ranges,
        options,
        More { views: Views::Left, compute: arguments.compute },
        context,
    )
    .await?;
    if let Some(path) = &arguments.save {
        save(&project, &ranges, options, path).await?;
    }
    Ok(exit)
}

/// Keeps a plan in a file.
async fn save(
    project: &Project,
    ranges: &Ranges,
    options: impl Fn(DateRange) -> Options,
    path: &Path,
) -> Result<(), Error> {
    let mut datasets = Vec::new();
    let mut asked = None;
    for dataset in chain::in_order(project).await? {
        let Some(range) = ranges.of(dataset) else { continue };
        datasets.push(look::pin(project, dataset, options(range)).await?);
        asked = Some(options(range));
    }
    let Some(asked) = asked else { return Ok(()) };
    let plan = PinnedPlan::of(&asked, datasets);
    let text = serde_json::to_string_pretty(&plan);
    let mut text = text.map_err(|source| Error::Json { what: "the plan", source })?;
    text.push('\n');
    to_file(path, text.as_bytes())
}

/// Reads a plan that was kept in a file.
///
/// # Errors
/// [`Error::Plan`].
pub fn read(path: &Path) -> Result<PinnedPlan, Error> {
    let failed = |reason: String| Error::Plan { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let plan: PinnedPlan =
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    match plan.form {
        PinnedPlan::FORM => Ok(plan),
        other => Err(failed(format!(
            "it has the form {other}, and this version reads {}",
            PinnedPlan::FORM
        ))),
    }
}

/// Whether the materialized views are shown that a run would refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Views {
    /// They are.
    Shown(WhichViews),
    /// They are left out.
    Left,
}

/// What is shown besides.
#[derive(Clone, Copy, Debug)]
pub struct More {
    /// The materialized views that a run would refresh.
    pub views: Views,
    /// The compute size that the estimate is for.
    pub compute: Option<Compute>,
}

/// Shows what a run would do, on a server of this compute size if it is given.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] where no dataset has a file in the range.
pub async fn show(
    project: &Project,
    ranges: &Ranges,
    options: impl Fn(DateRange) -> Options,
    more: More,
    context: &Context,
) -> Result<Exit, Error> {
    let mut plans = Vec::new();
    let mut database = None;
    for dataset in chain::in_order(project).await? {
        let Some(range) = ranges.of(dataset) else { continue };
        let planned = look::planned(project, dataset, options(range), more.compute).await?;
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

/// Says of each plan why it does not fit, those before it being loaded; whether all fit.
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

/// A plan, what it comes to, and what a person should know.
#[derive(Serialize)]
struct Planned {
    #[serde(flatten)]
    plan: Plan,
    estimate: Estimate,
    /// Why it does not fit.
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
