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

/// Writes all that is known of a range into one HTML file that needs no network.
///
/// It shows which days are there, loaded, missing or refused, how the format and the content of the
/// files change, what the checks find, which records are rejected, and the accounting of what is
/// loaded. Of the columns that the configuration calls personal, no value is shown. With --output
/// json the same is printed as JSON. Mirrors and profiles that are missing are written to staging; the
/// database is only read, if one is named.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    /// The days that are taken to be right; if none are named, the newest files with the same columns, a week of
    /// files at least
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
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
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

/// The document of the datasets' ranges; nothing where none has a file in it.
///
/// # Errors
/// [`Error`].
pub async fn draw_up(
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
