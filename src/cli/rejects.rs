//! `backfill rejects`.

use clap::Args;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use serde::Serialize;

use super::Context;
use super::range::RangeArguments;
use crate::engine;
use crate::error::{Error, Exit};
use crate::tables::Catalog;
use crate::{printable, show};

/// Lists the records of a range that could not be read: file, line, byte and reason.
///
/// Their content is not shown, because it may be personal; it stands in the `raw` column of the
/// `rejects` table.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    /// How many to list at most
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
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

/// The rejects in file order.
const LIST: &str = "\
SELECT _file_name, _row_id, _line, byte_offset, reason, found_fields, expected_fields
FROM rejects ORDER BY _file_date, _file_name, _row_id LIMIT ";

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let range = arguments.range.range()?;
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let mut rejected = Vec::new();
    let mut total = 0;
    for dataset in &project.config.datasets {
        let catalog = project.registered(dataset, range).await?;
        total += catalog.mirror.files.iter().map(|file| file.note.summary.rejected).sum::<u64>();
        let left = arguments.limit.saturating_sub(rejected.len());
        rejected.extend(list(&catalog, left).await?);
    }
    context.output.print(&rejected, |rejected| render(rejected, total))?;
    Ok(Exit::Done)
}

async fn list(catalog: &Catalog, limit: usize) -> Result<Vec<Rejected>, Error> {
    let failed = engine::Error::execution;
    let session = catalog.session()?;
    let rows = session.sql(&format!("{LIST}{limit}")).await.map_err(failed)?;
    let mut rejected = Vec::new();
    for batch in rows.collect().await.map_err(failed)? {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .filter_map(|column| cast(column, &DataType::Utf8).ok())
            .collect();
        let text = |column: usize, row: usize| {
            let column = columns.get(column).map(|column| column.as_string::<i32>());
            column.filter(|c| c.is_valid(row)).map(|c| c.value(row).to_owned()).unwrap_or_default()
        };
        rejected.extend((0..batch.num_rows()).map(|row| Rejected {
            file: text(0, row),
            row: text(1, row),
            line: text(2, row),
            byte_offset: text(3, row),
            reason: text(4, row),
            fields: format!("{} of {}", text(5, row), text(6, row)),
        }));
    }
    Ok(rejected)
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
