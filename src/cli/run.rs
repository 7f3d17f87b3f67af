//! `backfill run`.

use std::path::PathBuf;

use clap::Args;

use super::Context;
use super::output::{to_file, writable};
use super::range::{BatchArguments, RangeArguments, no_files};
use super::report::draw_up;
use crate::domain::{Dataset, Event, Notice};
use crate::error::{Error, Exit};
use crate::project::Project;
use crate::run::{self, Report};
use crate::state::{LoadedBy, Options};
use crate::{printable, show};

/// Loads a range into the target, batch by batch, and accounts for every record.
///
/// Run it again after anything: what is loaded is skipped, what is unfinished is done whole.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    #[command(flatten)]
    batches: BatchArguments,
    /// How many batches are loaded at once
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u16).range(1..=16))]
    connections: u16,
    /// Show what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write a report of the range to this HTML file afterwards
    #[arg(long, value_name = "FILE", value_parser = writable, conflicts_with = "dry_run")]
    report: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let range = arguments.range.range()?;
    let config = context.configured(&arguments.range.prefixes)?;
    let options = arguments.batches.options(range, usize::from(arguments.connections));
    if arguments.dry_run {
        return super::plan::show(config, options, context).await;
    }
    let project = context.open(config)?;
    let (reports, ended) = load(&project, options).await;
    if let Some(path) = &arguments.report {
        // Also of a run that failed: that is when it is looked at.
        let datasets: Vec<&Dataset> = project.config.datasets.iter().collect();
        let drawn = draw_up(&project, &datasets, range, None, Some(project.id.clone())).await;
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
        context.output.print(&reports, |reports| render(reports))?;
    }
    ended.map(|()| Exit::Done)
}

/// Loads every dataset of a configuration, those first that others refer to; the reports of those that are loaded,
/// and whether all are.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] where no dataset has a file in the range.
pub async fn load(project: &Project, options: Options) -> (Vec<Report>, Result<(), Error>) {
    let mut reports = Vec::new();
    let ended = load_each(project, options, &mut reports).await;
    (reports, ended)
}

async fn load_each(
    project: &Project,
    options: Options,
    reports: &mut Vec<Report>,
) -> Result<(), Error> {
    for dataset in run::in_order(project).await? {
        reports.push(run::run(project, dataset, options).await?);
    }
    if reports.iter().all(|report| report.plan.files.is_empty() && report.plan.is_done()) {
        return Err(no_files(&project.config, options.range));
    }
    Ok(())
}

/// The reports as text: one accounting a dataset.
pub fn render(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports.iter().filter(|report| !report.accounting.files.is_empty()) {
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
            gone => text.push_str(&format!("; the rows of {gone} file(s) taken out")),
        }
        text.push_str("\n\n");
    }
    text
}
