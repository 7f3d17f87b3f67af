//! `backfill rejects`.

use clap::Args;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use serde::Serialize;

use super::Context;
use super::range::RangeArguments;
use crate::engine;
use crate::error::{Error, Exit};
use crate::life::{self, ReplayOptions, Replayed, SideEffects};
use crate::project::Project;
use crate::tables::Lookup;
use crate::{printable, show};

/// Lists the records of a range that could not be read: file, line, byte and reason. With --replay, loads those that
/// can be read now.
///
/// Their content is not shown, because it may be personal; `backfill query` can read it from the column `raw` of the
/// table `rejects`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    /// List at most this many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    /// Load the records that can be read now, after the SQL or the dialect was changed
    ///
    /// Only these are loaded, with the same _row_id; all other rows stay as they are. Nothing is loaded if the new SQL
    /// would change rows that are loaded already, or keep others: `run --reload` replaces the rows of such files.
    #[arg(long, conflicts_with = "limit")]
    replay: bool,
    /// Fire triggers of the target, with --replay
    #[arg(long, requires = "replay")]
    allow_side_effects: bool,
}

#[derive(Serialize)]
struct Rejected {
    file: String,
    row: String,
    line: String,
    byte_offset: String,
    reason: String,
    fields: String,
}

/// The query for the rejects, in the order of the files.
const LIST: &str = "\
SELECT _file_name, _row_id, _line, byte_offset, reason, found_fields, expected_fields
FROM rejects ORDER BY _file_date, _file_name, _row_id LIMIT ";

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    if arguments.replay {
        return replay(&project, &arguments, context).await;
    }
    let ranges = arguments.range.ranges(&project).await?;
    let mut rejected = Vec::new();
    let mut total = 0;
    for dataset in &project.config.datasets {
        let Some(range) = ranges.of(dataset) else { continue };
        let lookup = project.look_up(dataset, range).await?;
        total += lookup.mirror.files.iter().map(|file| file.note.summary.rejected).sum::<u64>();
        let left = arguments.limit.saturating_sub(rejected.len());
        rejected.extend(list(&lookup, left).await?);
    }
    context.output.print(&rejected, |rejected| render(rejected, total))?;
    Ok(Exit::Done)
}

/// Loads the records that can be read now.
async fn replay(
    project: &Project,
    arguments: &Arguments,
    context: &Context,
) -> Result<Exit, Error> {
    let side_effects = match arguments.allow_side_effects {
        true => SideEffects::Allow,
        false => SideEffects::Refuse,
    };
    let ranges = arguments.range.ranges(project).await?;
    let mut datasets = Vec::new();
    for dataset in &project.config.datasets {
        let Some(range) = ranges.of(dataset) else { continue };
        let options = ReplayOptions { range, side_effects };
        datasets.push(life::replay(project, dataset, options).await?);
    }
    context.output.print(&datasets, |datasets| {
        datasets.iter().map(render_replayed).collect::<Vec<_>>().join("\n")
    })?;
    let verifications = datasets.iter().filter_map(|replayed| replayed.verification.as_ref());
    match verifications.map(|verification| verification.totals.wrong).sum::<usize>() {
        0 => Ok(Exit::Done),
        _ => Ok(Exit::Refused),
    }
}

fn render_replayed(replayed: &Replayed) -> String {
    let title = format!("{} → {}", replayed.dataset, replayed.target);
    let changed = describe_changed(&replayed.changed);
    if replayed.files.is_empty() {
        return format!("{title}: nothing to replay\n{changed}");
    }
    let heads = ["date", "file", "rejected before", "readable now", "loaded", "still rejected"];
    let mut table = show::table(&heads, &[2, 3, 4, 5]);
    for file in &replayed.files {
        let counts = [file.rejected_before, file.readable, file.loaded, file.rejected];
        let mut line = vec![file.date.to_string(), file.key.clone()];
        line.extend(counts.map(printable::grouped));
        table.add_row(line);
    }
    let verified = replayed.verification.as_ref().map(show::verification).unwrap_or_default();
    format!("{title}: replayed\n{table}\n{changed}{verified}")
}

/// Describes the files that are not replayed because they have changed since.
fn describe_changed(keys: &[String]) -> String {
    match keys {
        [] => String::new(),
        [first, rest @ ..] => {
            let more =
                if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            format!(
                "not replayed, because it changed in the source since it was loaded: {first}{more}; \
                 `backfill run --reload` loads it again\n"
            )
        }
    }
}

async fn list(lookup: &Lookup, limit: usize) -> Result<Vec<Rejected>, Error> {
    let session = lookup.session()?;
    let rows = session.sql(&format!("{LIST}{limit}")).await.map_err(engine::Error::execution)?;
    let mut rejected = Vec::new();
    for batch in rows.collect().await.map_err(engine::Error::execution)? {
        let columns: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .filter_map(|column| cast(column, &DataType::Utf8).ok())
            .collect();
        rejected.extend((0..batch.num_rows()).map(|row| Rejected::of_row(&columns, row)));
    }
    Ok(rejected)
}

impl Rejected {
    /// Reads a row of the columns of [`LIST`], as text.
    fn of_row(columns: &[ArrayRef], row: usize) -> Self {
        Self {
            file: text_at(columns, 0, row),
            row: text_at(columns, 1, row),
            line: text_at(columns, 2, row),
            byte_offset: text_at(columns, 3, row),
            reason: text_at(columns, 4, row),
            fields: format!("{} of {}", text_at(columns, 5, row), text_at(columns, 6, row)),
        }
    }
}

fn text_at(columns: &[ArrayRef], column: usize, row: usize) -> String {
    let texts = columns.get(column).map(|column| column.as_string::<i32>());
    texts
        .filter(|texts| texts.is_valid(row))
        .map(|texts| texts.value(row).to_owned())
        .unwrap_or_default()
}

fn render(rejected: &[Rejected], total: u64) -> String {
    let mut table = show::table(&["file", "row", "line", "byte", "reason", "fields"], &[1, 2, 3]);
    for reject in rejected {
        table.add_row(vec![
            &reject.file,
            &reject.row,
            &reject.line,
            &reject.byte_offset,
            &reject.reason,
            &reject.fields,
        ]);
    }
    let shown = rejected.len();
    format!("{table}\n{} rejected record(s), {shown} shown\n", printable::grouped(total))
}
