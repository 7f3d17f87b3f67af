//! `backfill run`.

use std::path::PathBuf;

use clap::Args;

use super::Context;
use super::output::{to_file, writable};
use super::range::{BatchArguments, RangeArguments, no_files};
use super::report::draw_up;
use crate::config::Dataset;
use crate::error::{Error, Exit};
use crate::pipeline::{self, Report, Run, Wishes};
use crate::report;

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
    let wishes = arguments.batches.wishes(range, usize::from(arguments.connections));
    if arguments.dry_run {
        return super::plan::show(config, wishes, context).await;
    }
    let run = context.open(config)?;
    let loaded = load(&run, wishes).await;
    if let Some(path) = &arguments.report {
        // Also of a run that failed: that is when it is looked at.
        let datasets: Vec<&Dataset> = run.config.datasets.iter().collect();
        let drawn = draw_up(&run, &datasets, range, None, Some(run.id.clone())).await;
        match (&loaded, drawn) {
            (_, Ok(Some(document))) => to_file(path, report::html(&document).as_bytes())?,
            (_, Ok(None)) => {}
            (Ok(_), Err(error)) => return Err(error),
            (Err(_), Err(error)) => context.progress.note(&format!("no report: {error}")),
        }
    }
    let reports = loaded?;
    context.output.print(&reports, |reports| render(reports))?;
    Ok(Exit::Done)
}

/// Loads every dataset of a configuration.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] where no dataset has a file in the range.
pub async fn load(run: &Run, wishes: Wishes) -> Result<Vec<Report>, Error> {
    let mut reports = Vec::new();
    for dataset in &run.config.datasets {
        let report = pipeline::run(run, dataset, wishes).await?;
        reports.push(report);
    }
    if reports.iter().all(|report| report.plan.files.is_empty() && report.plan.is_done()) {
        return Err(no_files(&run.config, wishes.range));
    }
    Ok(reports)
}

/// The reports as text: one accounting a dataset.
pub fn render(reports: &[Report]) -> String {
    let mut text = String::new();
    for report in reports.iter().filter(|report| !report.accounting.files.is_empty()) {
        text.push_str(&report::accounting(&report.accounting));
        let files = report.accounting.files.iter();
        let loaded: Vec<u64> = files
            .filter(|file| file.loaded_by == crate::verify::LoadedBy::ThisRun)
            .filter_map(|file| file.inserted)
            .collect();
        let (new, rows) = (loaded.len(), loaded.iter().sum());
        let rows = report::grouped(rows);
        text.push_str(&format!("run {}: {new} file(s), {rows} rows loaded", report.run_id));
        match report.plan.totals.files_to_remove {
            0 => {}
            gone => text.push_str(&format!("; the rows of {gone} file(s) taken out")),
        }
        text.push_str("\n\n");
    }
    text
}
