//! `backfill query`.

mod shell;
mod source;

use std::collections::HashMap;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Args;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::Statement;

use super::Context;
use super::output::writable;
use super::range::RangeArguments;
use super::rows::{Format, Rows};
use crate::engine;
use crate::error::{Error, Exit};
use crate::sql;
use source::Source;

/// Runs a SELECT over a range, or opens a shell where none is given at a terminal.
///
/// Tables are source, files, formats, file_columns, column_shapes, rejects, contract and staged, in a
/// schema a dataset; the first dataset's schema may be left out. Each file under [references] of the
/// configuration is a table, too. Files that are not yet mirrored are mirrored first, and never read
/// again. If the query limits _file_date each time that it reads source, and reads no other table of a
/// dataset, only the files of those days are read. Of the dataset's SQL, contract needs target.sql, and
/// staged needs stage.sql and dedupe.sql; the other tables need none. Where a database is named, its tables are
/// target.<schema>.<table>. Nothing can be written but the file of --to.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The SELECT; without it or with `-`, it is read from standard input
    sql: Option<String>,
    /// A file that holds the SELECT
    #[arg(long, value_name = "FILE", conflicts_with = "sql")]
    file: Option<PathBuf>,
    #[command(flatten)]
    range: RangeArguments,
    /// How rows are written; JSON is one object a line
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// The file to write to; Parquet needs one
    #[arg(long, value_name = "FILE", value_parser = writable)]
    to: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let format = format(&arguments, context.output.is_json());
    if format == Format::Parquet && arguments.to.is_none() {
        return Err(Error::Usage("Parquet is written to a file: give --to FILE".to_owned()));
    }
    let is_shell = arguments.sql.is_none() && arguments.file.is_none() && io::stdin().is_terminal();
    let sql = if is_shell { String::new() } else { statement(&arguments)? };
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let ranges = arguments.range.ranges(&project).await?;
    let source = Source::list(&project, &ranges).await?;
    if source.is_empty() {
        return ranges.without_files(&project.config);
    }
    if is_shell {
        let lookups = source.looked_up(&project, &HashMap::new()).await?;
        let beside = project.all_references().await?;
        let session = source.session(&project, &lookups, &beside)?;
        let prompt = lookups.first().map_or("backfill", |lookup| lookup.dataset.name.as_str());
        let home = context.environment.get("HOME").map(PathBuf::from);
        let history = home.map(|home| home.join(".backfill_history"));
        context.is_shell.store(true, Ordering::Relaxed);
        shell::run(&session, prompt, history).await?;
        return Ok(Exit::Done);
    }
    let session = source.session_for(&project, &sql).await?;
    match write(&session, &sql, format, arguments.to.as_deref()).await {
        Err(Error::Engine(error)) => Err(named(&session, &sql, error).await.into()),
        Err(error) => Err(error),
        Ok(()) => Ok(Exit::Done),
    }
}

async fn write(
    session: &SessionContext,
    sql: &str,
    format: Format,
    to: Option<&Path>,
) -> Result<(), Error> {
    let rows = Rows::of(plan(session, sql).await?).await?;
    match to {
        None => rows.print(format).await?,
        Some(path) => rows.save(format, path).await?,
    };
    Ok(())
}

/// A failure on a value, with the column of text that is compared with a number.
async fn named(session: &SessionContext, sql: &str, error: engine::Error) -> engine::Error {
    match parsed(sql) {
        Ok(statement) => {
            engine::name_text_column(session, Path::new(QUERY), &statement, error).await
        }
        Err(_) => error,
    }
}

/// How errors name the query.
const QUERY: &str = "the query";

/// What was asked for, or what the file's ending says, or what `--output` says.
fn format(arguments: &Arguments, is_json: bool) -> Format {
    let usual = if is_json { Format::Json } else { Format::Table };
    let by_path = || arguments.to.as_deref().and_then(Format::of_path);
    arguments.format.or_else(by_path).unwrap_or(usual)
}

/// Plans a query that may only read.
async fn plan(session: &SessionContext, sql: &str) -> Result<DataFrame, Error> {
    Ok(engine::plan(session, Path::new(QUERY), parsed(sql)?).await?)
}

fn parsed(sql: &str) -> Result<Statement, Error> {
    Ok(sql::single_statement(Path::new(QUERY), sql, "statement")?)
}

fn statement(arguments: &Arguments) -> Result<String, Error> {
    let unreadable = |what: String| move |source| Error::Output { what, source };
    match (&arguments.file, arguments.sql.as_deref()) {
        (Some(path), _) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(sql::without_mark(text)),
            Err(error) => Err(Error::Usage(format!(
                "the query in {} cannot be read: {error}",
                path.display()
            ))),
        },
        (None, None | Some("-")) => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .map_err(unreadable("the query from standard input".to_owned()))?;
            Ok(text)
        }
        (None, Some(sql)) => Ok(sql.to_owned()),
    }
}
