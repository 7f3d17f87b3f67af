//! `backfill run`.

use std::path::PathBuf;

use clap::Args;

use super::Context;
use super::output::{to_file, writable};
use super::plan::{More, Views};
use super::range::{BatchArguments, RangeArguments, RunOptions};
use super::ranges::Ranges;
use super::report::draw_up;
use crate::config::Config;
use crate::domain::{DateRange, Event, Notice};
use crate::error::{Error, Exit};
use crate::life::WhichViews;
use crate::project::Project;
use crate::run::{self, Report};
use crate::state::{LoadedBy, PinnedPlan};
use crate::{printable, show};

/// Loads a range into the target, batch by batch, and accounts for every record.
///
/// Run the same command again after any failure: it skips what is loaded and loads the rest.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    range: Option<RangeArguments>,
    #[command(flatten)]
    batches: BatchArguments,
    /// Run the plan that `backfill plan --save FILE` saved, or nothing if anything has changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "start", "end", "prefixes", "batch_size", "reload", "remove_gone", "allow_side_effects", "live_days",
        "restore_deleted", "ignore_unnamed_rows", "range_alone", "dry_run"])]
    plan: Option<PathBuf>,
    /// How many batches are loaded at once
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u16).range(1..=16))]
    connections: u16,
    /// Show what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Refresh the materialized views that depend on the targets: those of the targets that this run changes, or all
    /// of them, for instance after a refresh that failed
    #[arg(long, value_name = "WHICH", value_enum, num_args = 0..=1, require_equals = true,
          default_missing_value = "changed")]
    refresh: Option<WhichViews>,
    /// Write a report of the range to this HTML file afterwards
    #[arg(long, value_name = "FILE", value_parser = writable, conflicts_with = "dry_run")]
    report: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let plan = arguments.plan.as_deref().map(super::plan::read).transpose()?;
    let project = context.open(configured(&arguments, plan.as_ref(), context)?)?;
    let ranges = asked_for(&arguments, plan.as_ref(), &project).await?;
    let connections = usize::from(arguments.connections);
    let options = match &plan {
        Some(plan) => RunOptions { batch_days: plan.batch_days, connections, allow: plan.allow },
        None => arguments.batches.options(connections),
    };
    if arguments.dry_run {
        let views = arguments.refresh.map_or(Views::Left, Views::Shown);
        let more = More { views, compute: None };
        return super::plan::show(&project, &ranges, options, more, context).await;
    }
    if let Some(plan) = &plan {
        run::refuse_other_plan(&project, plan, connections).await?;
    }
    let (mut reports, mut ended) = load(&project, &ranges, options, plan.as_ref()).await;
    if let Some(which) = arguments.refresh.filter(|_| !reports.is_empty()) {
        // Also if a dataset failed: another run would skip the datasets before it, and their views with them.
        let refreshed = run::refresh(&project, &mut reports, which).await;
        ended = ended.and(refreshed);
    }
    if let Some(path) = &arguments.report {
        // Also after a failure, when a report is needed most.
        let drawn = draw_up(&project, &ranges, None, Some(project.id.clone())).await;
        match (&ended, drawn) {
            (_, Ok(Some(document))) => to_file(path, show::html(&document).as_bytes())?,
            (_, Ok(None)) => {}
            (Ok(()), Err(error)) => return Err(error),
            (Err(_), Err(error)) => {
                let event = Event::NoReport { reason: error.to_string() };
                context.progress.notice(&Notice { dataset: None, event });
            }
        }
    }
    // Datasets that were loaded before another one failed stay loaded.
    if ended.is_ok() || reports.iter().any(|report| !report.plan.files.is_empty()) {
        context.output.print(&reports, |reports| render(reports, &ranges))?;
    }
    ended.map(|()| Exit::Done)
}

/// Returns the configuration with the datasets that the options or the saved plan name.
fn configured(
    arguments: &Arguments,
    plan: Option<&PinnedPlan>,
    context: &Context,
) -> Result<Config, Error> {
    match (&arguments.range, plan) {
        (_, Some(plan)) => {
            let mut config = context.configured(&[])?;
            config.keep(|dataset| plan.dataset(&dataset.name).is_some());
            Ok(config)
        }
        (Some(range), None) => {
            range.refuse_backward()?;
            context.configured(&range.prefixes)
        }
        (None, None) => Err(Error::Usage("give --start and --end, or --plan FILE".to_owned())),
    }
}

/// Returns the range of each dataset, from the options or from the saved plan.
async fn asked_for(
    arguments: &Arguments,
    plan: Option<&PinnedPlan>,
    project: &Project,
) -> Result<Ranges, Error> {
    match (&arguments.range, plan) {
        (_, Some(plan)) => {
            let ranges = plan.datasets.iter().map(|planned| {
                let range = DateRange::new(planned.start, planned.end);
                Ok((
                    planned.dataset.clone(),
                    range.map_err(|error| Error::Usage(error.to_string()))?,
                ))
            });
            Ok(Ranges::fixed(ranges.collect::<Result<_, Error>>()?))
        }
        (Some(range), None) => range.ranges(project).await,
        (None, None) => Ok(Ranges::fixed(Vec::new())),
    }
}

/// Loads every dataset of a project, beginning with those that others refer to. Returns the reports of the loaded
/// datasets, and the error that ended the loading.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] if no dataset has a file in the range.
pub(super) async fn load(
    project: &Project,
    ranges: &Ranges,
    options: RunOptions,
    plan: Option<&PinnedPlan>,
) -> (Vec<Report>, Result<(), Error>) {
    let mut reports = Vec::new();
    let ended = load_each(project, ranges, options, plan, &mut reports).await;
    (reports, ended)
}

async fn load_each(
    project: &Project,
    ranges: &Ranges,
    options: RunOptions,
    plan: Option<&PinnedPlan>,
    reports: &mut Vec<Report>,
) -> Result<(), Error> {
    for dataset in run::in_order(project).await? {
        let Some(range) = ranges.of(dataset) else { continue };
        let pinned = plan.and_then(|plan| plan.dataset(&dataset.name));
        reports.push(run::run(project, dataset, options.over(range), pinned).await?);
    }
    if reports.iter().all(|report| report.plan.files.is_empty() && report.plan.is_done()) {
        ranges.without_new_files(project).await?;
    }
    Ok(())
}

/// Returns the reports as text: the accounting of each dataset, or one line if its days are relative and nothing is new.
pub(super) fn render(reports: &[Report], ranges: &Ranges) -> String {
    let mut text = String::new();
    for report in reports {
        if ranges.are_relative() && report.plan.is_done() {
            text.push_str(&nothing_new(report));
            continue;
        }
        if report.accounting.files.is_empty() {
            continue;
        }
        text.push_str(&show::accounting(&report.accounting));
        let files = report.accounting.files.iter();
        let loaded: Vec<u64> = files
            .filter(|file| file.loaded_by == LoadedBy::ThisRun)
            .filter_map(|file| Some(file.inserted? + file.updated))
            .collect();
        let (new, rows) = (loaded.len(), loaded.iter().sum());
        let rows = printable::grouped(rows);
        text.push_str(&format!("run {}: {new} file(s), {rows} rows loaded", report.run_id));
        match report.plan.totals.files_to_remove {
            0 => {}
            gone => text.push_str(&format!("; the rows of {gone} file(s) removed")),
        }
        text.push('\n');
        if let Some(views) = &report.refresh {
            text.push_str(&show::refresh(views));
        }
        text.push('\n');
    }
    text
}

/// Returns the line of a dataset whose files are all loaded.
fn nothing_new(report: &Report) -> String {
    let (dataset, range) = (&report.plan.dataset, report.plan.range);
    let files = report.plan.files.len();
    format!(
        "{dataset}: nothing new from {range}; the {files} file(s) of these days were loaded before\n"
    )
}
