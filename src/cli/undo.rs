//! `backfill undo`.

use clap::Args;

use super::Context;
use crate::error::{Error, Exit};
use crate::life::{self, Allowed, Undone};
use crate::show;
use crate::target::Database;

/// Deletes the rows that a run inserted, and restores the rows that it replaced or deleted.
///
/// Undoes the run batch by batch, beginning with the last, so that the target is what it was before. Rows that a run
/// replaces or deletes are kept in the schema `backfill` of the database, by default for 30 days (undo.keep_days in
/// backfill.toml). An undo is refused if later runs depend on the run, or if other programs changed its rows. If it is
/// killed, run the same command again. The effects of triggers are not undone.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The id of the run, as `backfill status` shows it, or `last`: the latest run that loaded anything, even if it is
    /// undone already
    #[arg(value_name = "RUN")]
    run: String,
    /// Show what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Fire triggers of the target, and change other tables through its foreign keys
    #[arg(long)]
    allow_side_effects: bool,
    /// Restore rows even if rows of the same files were deleted on purpose since
    #[arg(long)]
    restore_deleted: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let database = Database::from_environment(&context.environment)?
        .with_listener(std::sync::Arc::clone(&context.progress));
    let allowed = Allowed {
        side_effects: arguments.allow_side_effects,
        restore_deleted: arguments.restore_deleted,
    };
    let undone = match arguments.dry_run {
        true => life::plan_undo(&database, &arguments.run, allowed).await?,
        false => life::undo(&database, &arguments.run, allowed, &context.progress).await?,
    };
    context.output.print(&undone, |undone| render(undone))?;
    Ok(Exit::Done)
}

fn render(undone: &[Undone]) -> String {
    undone.iter().map(show::undone).collect::<Vec<_>>().join("\n")
}
