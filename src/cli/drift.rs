//! `backfill drift`.

use clap::{Args, ValueEnum};

use super::Context;
use super::range::RangeArguments;
use super::run::no_files;
use crate::drift::Drift;
use crate::error::{Error, Exit};
use crate::{pipeline, report};

/// Shows how the files of a range differ in format, from their first bytes.
///
/// Days of one format make an epoch. Said are what changed between epochs, what is odd about days and
/// sizes, and what the dataset's SQL and its target make of each epoch. Nothing is written anywhere.
/// Exit code 3 where a run over the range would fail, or where --fail-on says so.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    /// Print the lines of stage.sql that would bring the epochs together
    #[arg(long)]
    propose: bool,
    /// What ends with exit code 3
    #[arg(long, value_name = "WHAT", default_value = "failure")]
    fail_on: FailOn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// What would make a run fail
    Failure,
    /// Any change of format as well
    Change,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let range = arguments.range.range()?;
    let run = context.open(context.configured(&arguments.range.prefixes)?)?;
    let mut drifts = Vec::new();
    for dataset in &run.config.datasets {
        drifts.push(pipeline::drift(&run, dataset, range).await?);
    }
    context.output.print(&drifts, |drifts| {
        let texts = drifts.iter().map(|drift| report::drift(drift, arguments.propose));
        texts.collect::<Vec<_>>().join("\n")
    })?;
    if drifts.iter().all(|drift| drift.files == 0) {
        return Err(no_files(&run.config, range));
    }
    let fails = |drift: &Drift| {
        drift.stops_a_run() || arguments.fail_on == FailOn::Change && drift.epochs.len() > 1
    };
    Ok(if drifts.iter().any(fails) { Exit::Refused } else { Exit::Done })
}
