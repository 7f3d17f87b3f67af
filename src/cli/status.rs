//! `backfill status`.

use clap::Args;
use tokio_postgres::Client;

use super::Context;
use crate::error::{Error, Exit};
use crate::target::ledger::{self, RecordedRun};
use crate::target::{self, Database};
use crate::{printable, show};

/// Shows the latest runs and what they loaded, from the ledger in the target database.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show at most this many runs
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let database = Database::from_environment(&context.environment)?;
    let limit = i64::from(arguments.limit);
    let runs = database.session(async |client: &Client| read(client, limit).await).await?;
    context.output.print(&runs, |runs| render(runs))?;
    Ok(Exit::Done)
}

async fn read(client: &Client, limit: i64) -> Result<Vec<RecordedRun>, target::Error> {
    if !ledger::exists(client).await? {
        return Ok(Vec::new());
    }
    ledger::runs(client, limit).await
}

/// Returns how many rows are kept for `undo`, with their size.
fn kept(run: &RecordedRun) -> String {
    match run.saved.rows {
        0 => String::new(),
        rows => format!("{} rows, {}", printable::grouped(rows), printable::bytes(run.saved.bytes)),
    }
}

fn render(runs: &[RecordedRun]) -> String {
    if runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let heads = [
        "run",
        "dataset",
        "range",
        "status",
        "started (UTC)",
        "batches",
        "files",
        "rows",
        "kept for undo",
    ];
    let mut table = show::table(&heads, &[5, 6, 7, 8]);
    for run in runs {
        let status = match run.status.as_str() {
            "running" => "running, or killed",
            other => other,
        };
        table.add_row(vec![
            run.run_id.clone(),
            run.dataset.clone(),
            run.range.clone(),
            status.to_owned(),
            run.started_at.clone(),
            run.batches.to_string(),
            printable::grouped(run.files.unsigned_abs()),
            printable::grouped(run.rows.unsigned_abs()),
            kept(run),
        ]);
    }
    format!("{table}\n")
}
