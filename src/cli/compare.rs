//! `backfill compare`.

use clap::Args;

use super::Context;
use super::range::RangeArguments;
use crate::error::{Error, Exit};
use crate::look::{self, ColumnDifference, Comparison};
use crate::{printable, show};

/// Compares the source files with their rows in the target, cell by cell, and loads nothing.
///
/// For days that another loader has loaded, this shows whether `backfill` would load the same rows. Rows are matched by
/// _file_name and _row_id. Of values that differ, only the shapes are shown: 9 for a digit, A for a letter. The exit
/// code is 3 if anything differs.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
}

/// Runs the command.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] if no dataset has a file in the range of which the target has rows.
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let ranges = arguments.range.ranges(&project).await?;
    let mut comparisons = Vec::new();
    for dataset in &project.config.datasets {
        let Some(range) = ranges.of(dataset) else { continue };
        comparisons.push(look::compare(&project, dataset, range).await?);
    }
    context.output.print(&comparisons, |comparisons| render(comparisons))?;
    if comparisons
        .iter()
        .all(|comparison| comparison.files.is_empty() && comparison.not_in_target == 0)
    {
        return ranges.without_files(&project.config);
    }
    match comparisons.iter().all(|comparison| comparison.is_equal) {
        true => Ok(Exit::Done),
        false => Ok(Exit::Refused),
    }
}

fn render(comparisons: &[Comparison]) -> String {
    comparisons.iter().map(render_dataset).collect::<Vec<_>>().join("\n")
}

fn render_dataset(comparison: &Comparison) -> String {
    let mut text = format!("{} and {}\n", comparison.dataset, comparison.target);
    if !comparison.files.is_empty() {
        text.push_str(&files(comparison));
    }
    if !comparison.columns.is_empty() {
        text.push_str(&columns(&comparison.columns));
    }
    let rows: u64 = comparison.files.iter().map(|file| file.equal).sum();
    let rows = printable::grouped(rows);
    text.push_str(&match comparison.is_equal {
        _ if comparison.files.is_empty() => "nothing could be compared\n".to_owned(),
        true => format!("equal: {rows} rows in {} file(s)\n", comparison.files.len()),
        false => format!("not equal; {rows} rows are the same\n"),
    });
    if !comparison.not_compared.is_empty() {
        text.push_str(&format!(
            "not compared, because their values depend on the load or come from the server: {}\n",
            comparison.not_compared.join(", ")
        ));
    }
    if let Some(first) = &comparison.first_not_in_target {
        let files = comparison.not_in_target;
        text.push_str(&format!(
            "not compared: {files} file(s) without rows in the target; the first would have _file_name = {first}; \
             if the other loader writes another name, set source.name\n"
        ));
    }
    text
}

fn files(comparison: &Comparison) -> String {
    let heads = [
        "date",
        "file",
        "equal",
        "different",
        "only in the file",
        "only in the target",
        "of those left out here",
        "repeated in the target",
    ];
    let mut table = show::table(&heads, &[2, 3, 4, 5, 6, 7]);
    for file in &comparison.files {
        let counts = [
            file.equal,
            file.different,
            file.only_staged,
            file.only_target,
            file.left_out,
            file.repeated,
        ];
        let name = file.key.rsplit('/').next().unwrap_or(&file.key).to_owned();
        let mut line = vec![file.date.to_string(), name];
        line.extend(counts.map(printable::grouped));
        table.add_row(line);
    }
    format!("{table}\n")
}

fn columns(columns: &[ColumnDifference]) -> String {
    let mut table = show::table(&["column", "rows that differ", "here", "in the target"], &[1]);
    for column in columns {
        let mut name = column.column.clone();
        let mut rows = printable::grouped(column.rows);
        for pair in &column.shapes {
            table.add_row(vec![
                std::mem::take(&mut name),
                std::mem::take(&mut rows),
                pair.staged.clone(),
                pair.target.clone(),
            ]);
        }
    }
    format!("{table}\n")
}
