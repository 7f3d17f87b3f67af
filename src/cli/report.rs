//! `backfill report`.

use std::path::PathBuf;

use clap::Args;

use super::Context;
use super::days::Days;
use super::output::{to_file, writable};
use super::range::{RangeArguments, today};
use super::ranges::Ranges;
use crate::error::{Error, Exit};
use crate::project::Project;
use crate::{look, show};

/// Writes everything that is known about a range into one HTML file that needs no network.
///
/// The report shows which days have files, are loaded, missing or refused; how the format and the content of the files
/// change; what the checks find; which records are rejected; and the accounting of the loaded files. Values of the
/// columns in personal_columns are never shown. With --output json, the same is also printed as JSON. Missing mirrors
/// and profiles are written to staging. If a database is configured, it is only read.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    /// The days to compare with; by default the newest files with the same columns, at least a week of them
    #[arg(long, value_name = "START..END")]
    reference: Option<Days>,
    /// The file to write
    #[arg(long, value_name = "FILE", value_parser = writable, default_value = "report.html")]
    to: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let ranges = arguments.range.ranges(&project).await?;
    let document = draw_up(&project, &ranges, arguments.reference, None).await?;
    let Some(document) = document else { return ranges.without_files(&project.config) };
    to_file(&arguments.to, show::html(&document).as_bytes())?;
    let written = format!("wrote {}\n", arguments.to.display());
    context.output.print(&document, |_| written)?;
    Ok(Exit::Done)
}

/// Returns the document over the ranges of the datasets; `None` if no dataset has a file in its range.
///
/// # Errors
/// [`Error`].
pub(super) async fn draw_up(
    project: &Project,
    ranges: &Ranges,
    reference: Option<Days>,
    run_id: Option<String>,
) -> Result<Option<show::Document>, Error> {
    let mut overviews = Vec::new();
    for dataset in &project.config.datasets {
        let Some(range) = ranges.of(dataset) else { continue };
        let reference = match reference {
            Some(days) => days.of(project, dataset, today()).await?.range(dataset)?,
            None => None,
        };
        let overview = look::overview(project, dataset, range, reference).await?;
        if overview.drift.files > 0 {
            overviews.push(overview);
        }
    }
    let hull = ranges.hull().filter(|_| !overviews.is_empty());
    Ok(hull.map(|hull| show::document(hull, run_id, &overviews)))
}
