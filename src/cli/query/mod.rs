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

/// Runs a SELECT over the files of a range. Without a SELECT, opens a shell at a terminal.
///
/// Each dataset is a schema with the tables source, files, formats, file_columns, column_shapes, rejects, contract and
/// staged; the schema of the first dataset may be left out. Each file under [references] of the configuration is a
/// table, too. If a database is configured, its tables are target.<schema>.<table>. The table contract needs
/// target.sql, and staged needs stage.sql and dedupe.sql; the other tables need no SQL of the dataset.
///
/// Files that are not mirrored yet are mirrored first, and not read again afterwards. If the query has a condition on
/// _file_date wherever it reads source, and reads no other table of a dataset, only the files of those days are read.
/// Nothing is written except mirrors, profiles and the file of --to.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The SELECT; without it or with `-`, it is read from standard input
    sql: Option<String>,
    /// A file that holds the SELECT
    #[arg(long, value_name = "FILE", conflicts_with = "sql")]
    file: Option<PathBuf>,
    #[command(flatten)]
    range: RangeArguments,
    /// The format of the rows; by default that of the file's extension, or a table
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
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let format = format(&arguments, context.output.is_json());
    if format == Format::Parquet && arguments.to.is_none() {
        return Err(Error::Usage(
            "Parquet can only be written to a file: give --to FILE".to_owned(),
        ));
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

/// Adds to the error of a query the column of text that it compares with a number.
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

/// Returns the format of `--format`, or else of the file's extension, or else of `--output`.
fn format(arguments: &Arguments, is_json: bool) -> Format {
    let usual = if is_json { Format::Json } else { Format::Table };
    arguments.format.or_else(|| arguments.to.as_deref().and_then(Format::of_path)).unwrap_or(usual)
}

/// Plans a query; statements that do more than read are refused.
async fn plan(session: &SessionContext, sql: &str) -> Result<DataFrame, Error> {
    Ok(engine::plan(session, Path::new(QUERY), parsed(sql)?).await?)
}

fn parsed(sql: &str) -> Result<Statement, Error> {
    Ok(sql::single_statement(Path::new(QUERY), sql, "statement")?)
}

fn statement(arguments: &Arguments) -> Result<String, Error> {
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
            io::stdin().read_to_string(&mut text).map_err(|source| Error::Input {
                what: "the query from standard input".to_owned(),
                source,
            })?;
            Ok(text)
        }
        (None, Some(sql)) => Ok(sql.to_owned()),
    }
}
