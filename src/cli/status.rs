//! `backfill status`.

use clap::Args;

use super::Context;
use crate::error::{Error, Exit};
use crate::load::ledger::{self, RecordedRun};
use crate::load::{self, Database};
use crate::report;

/// Shows the latest runs and what they loaded, from the ledger in the target database.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let database = Database::from_environment(&context.environment)?;
    let connection = database.connect().await?;
    let runs = read(&connection, arguments.limit).await;
    connection.close().await;
    context.output.print(&runs?, |runs| render(runs))?;
    Ok(Exit::Done)
}

async fn read(connection: &load::Connection, limit: u32) -> Result<Vec<RecordedRun>, Error> {
    if !ledger::exists(&connection.client).await? {
        return Ok(Vec::new());
    }
    Ok(ledger::runs(&connection.client, i64::from(limit)).await?)
}

fn render(runs: &[RecordedRun]) -> String {
    if runs.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let heads = ["run", "dataset", "range", "status", "started (UTC)", "batches", "files", "rows"];
    let mut table = report::table(&heads, &[5, 6, 7]);
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
            report::grouped(run.files as u64),
            report::grouped(run.rows as u64),
        ]);
    }
    format!("{table}\n")
}
