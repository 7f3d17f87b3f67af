//! `backfill plan`.

use clap::Args;

use super::Context;
use super::range::{BatchArguments, RangeArguments, no_files};
use crate::config::Config;
use crate::error::{Error, Exit};
use crate::pipeline::{self, Wishes};
use crate::report;

/// Shows every file with its size, estimated rows and batch, and why it is in or out.
///
/// The same as `run --dry-run`. Nothing is written anywhere; without a database it is shown without
/// what is loaded already.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    #[command(flatten)]
    batches: BatchArguments,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let range = arguments.range.range()?;
    let config = context.configured(&arguments.range.prefixes)?;
    show(config, arguments.batches.wishes(range, 1), context).await
}

/// Shows what a run would do.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] where no dataset has a file in the range.
pub async fn show(config: Config, wishes: Wishes, context: &Context) -> Result<Exit, Error> {
    let run = context.open(config)?;
    let mut plans = Vec::new();
    for dataset in &run.config.datasets {
        plans.push(pipeline::plan(&run, dataset, wishes).await?);
    }
    context
        .output
        .print(&plans, |plans| plans.iter().map(report::plan).collect::<Vec<_>>().join("\n"))?;
    if plans.iter().all(|plan| plan.files.is_empty() && plan.is_done()) {
        return Err(no_files(&run.config, wishes.range));
    }
    Ok(Exit::Done)
}
