//! `backfill dependents`.

use clap::Args;

use super::Context;
use crate::error::{Error, Exit};
use crate::look::{self, Dependents};
use crate::show;

/// Shows what in the database depends on the targets, and what loading rows means for it.
///
/// Views, materialized views, functions, triggers, rules, foreign keys, policies and publications, directly or
/// through others, with what stands between. Functions whose body is a text are searched for the names of
/// tables and views. Also shown: whether a view shows days before the first loaded one, as far as its query
/// says so for certain, and the materialized views that need a refresh, in their order; `run --refresh`
/// refreshes them.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only the dataset of this prefix; may be given several times
    #[arg(long = "prefix", value_name = "PREFIX")]
    prefixes: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
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
