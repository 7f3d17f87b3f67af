//! `backfill query`.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv;
use datafusion::arrow::json;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::DataFrame;
use futures::StreamExt;

use super::Context;
use super::range::RangeArguments;
use super::run::no_files;
use crate::error::{Error, Exit};
use crate::{catalog, pipeline};

/// Runs one SELECT over a range. No database is needed.
///
/// Tables are source, files, file_columns, rejects, contract and staged, in a schema a dataset; the
/// first dataset's schema may be left out. Files that are not yet mirrored are mirrored first, and
/// never read again.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The SELECT; `-` reads it from standard input
    #[arg(required_unless_present = "file")]
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
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
    Parquet,
}

impl Format {
    /// What was asked for, or what the file's ending says, or what `--output` says.
    fn of(arguments: &Arguments, is_json: bool) -> Self {
        let ending = arguments.to.as_deref().and_then(Path::extension);
        match (arguments.format, ending.and_then(|ending| ending.to_str())) {
            (Some(format), _) => format,
            (None, Some("csv")) => Self::Csv,
            (None, Some("json" | "jsonl" | "ndjson")) => Self::Json,
            (None, Some("parquet")) => Self::Parquet,
            _ if is_json => Self::Json,
            _ => Self::Table,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let range = arguments.range.range()?;
    let format = Format::of(&arguments, context.output.is_json());
    if format == Format::Parquet && arguments.to.is_none() {
        return Err(Error::Usage("Parquet is written to a file: give --to FILE".to_owned()));
    }
    let sql = statement(&arguments)?;
    let run = context.open(context.configured(&arguments.range.prefixes)?)?;
    let mut catalogs = Vec::new();
    for dataset in &run.config.datasets {
        catalogs.push(pipeline::registered(&run, dataset, range).await?);
    }
    catalogs.sort_by_key(|catalog| catalog.mirror.files.is_empty());
    if catalogs.iter().all(|catalog| catalog.mirror.files.is_empty()) {
        return Err(no_files(&run.config, range));
    }
    let session = run.engine.session_over(&catalogs)?;
    let rows = session.sql_with_options(&sql, catalog::read_only()).await.map_err(|source| {
        catalog::Error::Plan { path: PathBuf::from("the query"), source: Box::new(source) }
    })?;
    match &arguments.to {
        None => write(rows, format, &mut io::stdout(), "to standard output").await?,
        Some(path) => to_file(rows, format, path).await?,
    }
    Ok(Exit::Done)
}

fn statement(arguments: &Arguments) -> Result<String, Error> {
    let unreadable = |what: String| move |source| Error::Output { what, source };
    match (&arguments.file, arguments.sql.as_deref()) {
        (Some(path), _) => std::fs::read_to_string(path).map_err(|error| {
            Error::Usage(format!("the query in {} cannot be read: {error}", path.display()))
        }),
        (None, Some("-")) => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .map_err(unreadable("the query from standard input".to_owned()))?;
            Ok(text)
        }
        (None, sql) => Ok(sql.unwrap_or_default().to_owned()),
    }
}

/// Writes to a temporary name, and to `path` only what is whole.
async fn to_file(rows: DataFrame, format: Format, path: &Path) -> Result<(), Error> {
    let what = format!("{}", path.display());
    let failed = |source| Error::Output { what: what.clone(), source };
    let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    write(rows, format, file.as_file_mut(), &what).await?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

async fn write(
    rows: DataFrame,
    format: Format,
    into: &mut (impl Write + Send),
    what: &str,
) -> Result<(), Error> {
    let failed = |source: io::Error| Error::Output { what: what.to_owned(), source };
    let engine = catalog::Error::execution;
    let written = match format {
        Format::Table => {
            let batches = rows.collect().await.map_err(engine)?;
            table(&batches).and_then(|table| writeln!(into, "{table}"))
        }
        Format::Csv | Format::Json | Format::Parquet => {
            let schema = std::sync::Arc::new(rows.schema().as_arrow().clone());
            let mut sink = Sink::new(format, schema, into).map_err(failed)?;
            let mut batches = rows.execute_stream().await.map_err(engine)?;
            let mut written = Ok(());
            while let Some(batch) = batches.next().await {
                written = sink.write(&batch.map_err(engine)?);
                if written.is_err() {
                    break;
                }
            }
            written.and_then(|()| sink.finish())
        }
    };
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(failed),
    }
}

fn table(batches: &[RecordBatch]) -> io::Result<String> {
    pretty_format_batches(batches).map(|table| table.to_string()).map_err(io::Error::other)
}

/// Rows on their way into a format.
enum Sink<'a, W: Write + Send> {
    Csv(Box<csv::Writer<&'a mut W>>),
    Json(json::LineDelimitedWriter<&'a mut W>),
    Parquet(Box<ArrowWriter<&'a mut W>>),
}

impl<'a, W: Write + Send> Sink<'a, W> {
    fn new(
        format: Format,
        schema: datafusion::arrow::datatypes::SchemaRef,
        into: &'a mut W,
    ) -> io::Result<Self> {
        Ok(match format {
            Format::Json => Self::Json(json::LineDelimitedWriter::new(into)),
            Format::Parquet => Self::Parquet(Box::new(
                ArrowWriter::try_new(into, schema, None).map_err(io::Error::other)?,
            )),
            Format::Csv | Format::Table => {
                let mut writer = csv::WriterBuilder::new().with_header(true).build(into);
                writer.write(&RecordBatch::new_empty(schema)).map_err(io_error)?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match self {
            Self::Csv(writer) => writer.write(batch).map_err(io_error),
            Self::Json(writer) => writer.write(batch).map_err(io_error),
            Self::Parquet(writer) => writer.write(batch).map_err(io::Error::other),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Csv(_) => Ok(()),
            Self::Json(mut writer) => writer.finish().map_err(io_error),
            Self::Parquet(writer) => writer.close().map(|_| ()).map_err(io::Error::other),
        }
    }
}

/// The I/O error inside Arrow's, so that a closed pipe is known for what it is.
fn io_error(error: datafusion::arrow::error::ArrowError) -> io::Error {
    match error {
        datafusion::arrow::error::ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}
