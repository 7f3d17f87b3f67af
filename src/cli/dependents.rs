//! `backfill dependents`.

use clap::Args;

use super::Context;
use crate::error::{Error, Exit};
use crate::look::{self, Dependents};
use crate::show;

/// Shows what in the database depends on the targets, and what loading rows means for it.
///
/// Lists views, materialized views, functions, triggers, rules, foreign keys, policies and publications that depend on
/// a target directly or through others, with the objects in between. Function bodies that are plain text are searched
/// for the names of tables and views. Also shows whether a view can show days before the first loaded one, if its query
/// says so for certain, and which materialized views need a refresh, in the right order; `run --refresh` refreshes
/// them.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only the dataset of this prefix; may be given several times
    #[arg(long = "prefix", value_name = "PREFIX")]
    prefixes: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let project = context.open(context.configured(&arguments.prefixes)?)?;
    let mut found = Vec::new();
    for dataset in &project.config.datasets {
        found.push(look::dependents(&project, dataset).await?);
    }
    context.output.print(&found, |found| render(found))?;
    Ok(Exit::Done)
}

fn render(found: &[Dependents]) -> String {
    found.iter().map(show::dependents).collect::<Vec<_>>().join("\n")
}
