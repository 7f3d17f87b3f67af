//! `backfill plan`.

use clap::Args;
use serde::Serialize;

use super::Context;
use super::range::{BatchArguments, RangeArguments, no_files};
use crate::config::Config;
use crate::domain::Notice;
use crate::error::{Error, Exit};
use crate::state::{Options, Plan};
use crate::{look, run as chain, show};

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
    show(config, arguments.batches.options(range, 1), context).await
}

/// Shows what a run would do.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] where no dataset has a file in the range.
pub async fn show(config: Config, options: Options, context: &Context) -> Result<Exit, Error> {
    let project = context.open(config)?;
    let mut plans = Vec::new();
    for dataset in chain::in_order(&project).await? {
        let plan = look::plan(&project, dataset, options).await?;
        plans.push(Planned { plan, notices: project.notices(dataset) });
    }
    context.output.print(&plans, |plans| render(plans))?;
    if plans.iter().all(|Planned { plan, .. }| plan.files.is_empty() && plan.is_done()) {
        return Err(no_files(&project.config, options.range));
    }
    Ok(Exit::Done)
}

/// A plan, and what a person should know.
#[derive(Serialize)]
struct Planned {
    #[serde(flatten)]
    plan: Plan,
    notices: Vec<Notice>,
}

fn render(plans: &[Planned]) -> String {
    let shown: Vec<String> = plans.iter().map(|planned| show::plan(&planned.plan)).collect();
    shown.join("\n")
}
