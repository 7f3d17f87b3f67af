//! `backfill accept`.

use clap::Args;

use super::Context;
use super::range::RangeArguments;
use crate::error::{Error, Exit};
use crate::life::{self, Accepted};
use crate::{printable, show};

/// Records that rows were deleted from the target on purpose, so that runs continue without them.
///
/// A run is refused if the target has fewer rows of a file than were loaded. If somebody deleted them for a good
/// reason, such as an erasure request or a retention rule, accept the deletion: later runs are not refused, and a
/// reload brings these rows back only with --restore-deleted. Rows in the target are not changed.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    /// Show what would be accepted, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let ranges = arguments.range.ranges(&project).await?;
    let mut datasets = Vec::new();
    for dataset in &project.config.datasets {
        let Some(range) = ranges.of(dataset) else { continue };
        datasets.push(life::accept(&project, dataset, range, arguments.dry_run).await?);
    }
    let is_dry_run = arguments.dry_run;
    context.output.print(&datasets, |datasets| render(datasets, is_dry_run))?;
    match datasets.iter().all(|accepted| accepted.refused.is_empty()) {
        true => Ok(Exit::Done),
        false => Ok(Exit::Refused),
    }
}

fn render(datasets: &[Accepted], is_dry_run: bool) -> String {
    let mut text = String::new();
    for accepted in datasets {
        text.push_str(&render_dataset(accepted, is_dry_run));
    }
    if text.is_empty() {
        "no file has fewer rows in the target than were loaded\n".into()
    } else {
        text
    }
}

fn render_dataset(accepted: &Accepted, is_dry_run: bool) -> String {
    let mut text = String::new();
    if !accepted.files.is_empty() {
        let mut table =
            show::table(&["date", "file", "loaded", "in target", "deleted"], &[2, 3, 4]);
        for file in &accepted.files {
            table.add_row(vec![
                file.date.to_string(),
                file.key.clone(),
                printable::grouped(file.loaded),
                printable::grouped(file.in_target),
                printable::grouped(file.deleted()),
            ]);
        }
        let what = if is_dry_run { "would be accepted" } else { "accepted" };
        text.push_str(&format!("{} → {}: {what}\n{table}\n", accepted.dataset, accepted.target));
    }
    for refused in &accepted.refused {
        text.push_str(&format!(
            "{}: not accepted, because other programs inserted or changed rows: {refused}\n",
            accepted.dataset
        ));
    }
    text
}
