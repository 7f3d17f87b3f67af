//! `backfill staging`.

use clap::{Args, Subcommand};

use super::Context;
use super::day::days;
use crate::config::Size;
use crate::error::{Error, Exit};
use crate::life::{self, PruneMode, PruneRule, PruneScope};
use crate::show;

/// Looks after the staging area.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Prune(Prune),
}

/// Deletes mirrors, staged rows and whatever else lies in staging that no run will use again.
///
/// That is what belongs to source files that are gone or changed, or was made with another dialect, another SQL
/// or another version of the program, and what killed writes have left. With --older-than and --keep-bytes more is
/// deleted: what a run needs of it is made again. `backfill verify --deep` compares with staged rows: of files that
/// have changed or are gone since, or were loaded with other SQL, nothing else says any more what was loaded, so
/// that it calls them UNVERIFIED once their staged rows are deleted. Nothing that is newer than a day is ever deleted, nor anything
/// that this program has not written. Look first with --dry-run. No database is needed.
#[derive(Debug, Args)]
struct Prune {
    /// Delete everything that is older, and nothing that is newer unless --keep-bytes does: 30d or 4w
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<u64>,
    /// Delete the oldest until no more than this is left, such as "20 GiB"
    #[arg(long, value_name = "SIZE")]
    keep_bytes: Option<Size>,
    /// Show what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Only the dataset of this prefix; may be given several times
    #[arg(long = "prefix", value_name = "PREFIX")]
    prefixes: Vec<String>,
}

fn age(text: &str) -> Result<u64, String> {
    let days = days(text).filter(|days| *days > 0);
    days.ok_or_else(|| "give days or weeks, such as 30d or 4w; 1d at least".to_owned())
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    match arguments.command {
        Command::Prune(arguments) => prune(arguments, context).await,
    }
}

async fn prune(arguments: Prune, context: &Context) -> Result<Exit, Error> {
    let project = context.open(context.configured(&arguments.prefixes)?)?;
    let scope = match arguments.prefixes.is_empty() {
        true => PruneScope::Everything,
        false => PruneScope::Configured,
    };
    let mode = if arguments.dry_run { PruneMode::Show } else { PruneMode::Delete };
    let keep_bytes = arguments.keep_bytes.map(|size| size.bytes);
    let rule = PruneRule { older_than_days: arguments.older_than, keep_bytes };
    let pruned = life::prune(&project, scope, rule, mode).await?;
    context.output.print(&pruned, show::prune)?;
    match pruned.failure {
        Some(failure) => Err(failure.into()),
        None => Ok(Exit::Done),
    }
}
