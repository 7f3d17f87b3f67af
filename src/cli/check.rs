//! `backfill check`.

use clap::Args;

use super::Context;
use super::range::RangeArguments;
use super::run::no_files;
use crate::check::Outcome;
use crate::error::{Error, Exit};
use crate::{check, pipeline, report};

/// Runs sql/<dataset>/checks/*.sql over a range, without loading it.
///
/// Every bad row is written to a Parquet file, which is named. Exit code 3 where a check of severity
/// error finds bad rows. No database is needed.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
}

#[derive(serde::Serialize)]
struct Checked {
    dataset: String,
    checks: Vec<Outcome>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let range = arguments.range.range()?;
    let run = context.open(context.configured(&arguments.range.prefixes)?)?;
    let mut checked = Vec::new();
    let mut any = false;
    for dataset in &run.config.datasets {
        let catalog = pipeline::registered(&run, dataset, range).await?;
        any |= !catalog.mirror.files.is_empty();
        if catalog.mirror.files.is_empty() {
            continue;
        }
        let checks = pipeline::check_all(&run, &catalog).await?;
        checked.push(Checked { dataset: dataset.name.clone(), checks });
    }
    if !any {
        return Err(no_files(&run.config, range));
    }
    context.output.print(&checked, |checked| {
        let tables = checked.iter().map(|c| report::checks(&c.dataset, &c.checks));
        tables.collect::<Vec<_>>().join("\n")
    })?;
    for Checked { checks, .. } in &checked {
        check::refuse(checks)?;
    }
    Ok(Exit::Done)
}
