//! `backfill staging`.

use clap::{Args, Subcommand};

use super::Context;
use super::day::days;
use crate::config::Size;
use crate::error::{Error, Exit};
use crate::life::{self, PruneMode, PruneRule, PruneScope};
use crate::show;

/// Manages the staging area.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Prune(Prune),
}

/// Deletes mirrors, staged rows and other objects in staging that no run will use again.
///
/// These belong to source files that were deleted or changed, were made with another dialect, other SQL or another
/// version of the program, or are left over from killed writes. --older-than and --keep-bytes delete more; a run makes
/// again what it needs.
///
/// `backfill verify --deep` compares with the staged rows. If a source file has changed or was deleted, or was loaded
/// with other SQL, the staged rows are the only record of what was loaded: without them, the file is UNVERIFIED.
///
/// Objects that are newer than a day are never deleted, nor is anything that this program did not write. Use --dry-run
/// first. No database is needed.
#[derive(Debug, Args)]
struct Prune {
    /// Delete everything that is older than this, and nothing newer (unless --keep-bytes does): 30d or 4w
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<u64>,
    /// Delete the oldest objects until at most this much is left, such as "20 GiB"
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
    days.ok_or_else(|| "give days or weeks, such as 30d or 4w; at least 1d".to_owned())
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
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
