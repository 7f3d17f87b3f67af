//! **Rows** as results: a table for people, CSV, JSON lines or Parquet, written as they arrive.

use std::io::{self, Write};
use std::path::Path;
use std::pin::Pin;

use clap::ValueEnum;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::error::DataFusionError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::DataFrame;
use futures::{Stream, StreamExt, TryStreamExt};

use super::output::OutputFile;
use crate::engine;
use crate::error::Error;
use crate::printable::printable;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table for people; all rows are held in memory
    Table,
    /// CSV with a header
    Csv,
    /// One JSON object per line, with NULL as null
    Json,
    /// Parquet; needs --to
    Parquet,
}

impl Format {
    /// Returns the format that a file's extension stands for.
    pub(super) fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "json" | "jsonl" | "ndjson" => Some(Self::Json),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// A stream of rows, with their columns.
pub(super) struct Rows {
    schema: SchemaRef,
    batches: Pin<Box<dyn Stream<Item = Result<RecordBatch, Error>> + Send>>,
}

impl Rows {
    /// Rows with these columns.
    pub(super) fn new(
        schema: SchemaRef,
        batches: impl Stream<Item = Result<RecordBatch, Error>> + Send + 'static,
    ) -> Self {
        Self { schema, batches: Box::pin(batches) }
    }

    /// Starts a query, and returns its rows.
    ///
    /// # Errors
    /// If it does not start.
    pub(super) async fn of(query: DataFrame) -> Result<Self, Error> {
        let batches = query.execute_stream().await.map_err(execution_error)?;
        Ok(Self::new(batches.schema(), batches.map_err(execution_error)))
    }

    /// Writes them to standard output, and returns how many they were. That the reader closes the pipe is not an
    /// error.
    ///
    /// # Errors
    /// [`Error`] of the rows, or if they cannot be written.
    pub(super) async fn print(self, format: Format) -> Result<u64, Error> {
        match self.write(format, &mut io::stdout()).await {
            Err(Failed::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            Err(Failed::Write(source)) => {
                Err(Error::Output { what: "to standard output".to_owned(), source })
            }
            Err(Failed::Rows(error)) => Err(error),
            Ok(count) => Ok(count),
        }
    }

    /// Writes them to a file, which appears under its name once it is complete.
    ///
    /// # Errors
    /// [`Error`] of the rows, or if they cannot be written.
    pub(super) async fn save(self, format: Format, path: &Path) -> Result<u64, Error> {
        self.try_save(format, path).await.map_err(|failed| match failed {
            Failed::Write(source) => Error::output(path, source),
            Failed::Rows(error) => error,
        })
    }

    async fn try_save(self, format: Format, path: &Path) -> Result<u64, Failed> {
        let mut file = OutputFile::create(path)?;
        let count = self.write(format, &mut file).await?;
        file.finish()?;
        Ok(count)
    }

    async fn write(
        mut self,
        format: Format,
        into: &mut (impl Write + Send),
    ) -> Result<u64, Failed> {
        let mut count = 0;
        if format == Format::Table {
            let mut batches = vec![RecordBatch::new_empty(self.schema)];
            while let Some(batch) = self.batches.next().await {
                batches.push(batch.map_err(Failed::Rows)?);
            }
            let table = pretty_format_batches(&batches).map_err(io_error)?;
            writeln!(into, "{}", printable(&table.to_string()))?;
            return Ok(batches.iter().map(|batch| batch.num_rows() as u64).sum());
        }
        let mut sink = Sink::new(format, self.schema, into)?;
        while let Some(batch) = self.batches.next().await {
            let batch = batch.map_err(Failed::Rows)?;
            count += batch.num_rows() as u64;
            sink.write(&batch)?;
        }
        sink.finish()?;
        Ok(count)
    }
}

/// Returns the error of a query that fails while it runs.
pub(super) fn execution_error(error: DataFusionError) -> Error {
    engine::Error::execution(error).into()
}

/// Why rows were not written: they could not be read, or not be written.
enum Failed {
    Rows(Error),
    Write(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// A writer of rows in a format.
enum Sink<'a, W: Write + Send> {
    Csv(Box<csv::Writer<&'a mut W>>),
    Json(json::LineDelimitedWriter<&'a mut W>),
    Parquet(Box<ArrowWriter<&'a mut W>>),
}

impl<'a, W: Write + Send> Sink<'a, W> {
    fn new(format: Format, schema: SchemaRef, into: &'a mut W) -> io::Result<Self> {
        Ok(match format {
            Format::Json => {
                Self::Json(json::WriterBuilder::new().with_explicit_nulls(true).build(into))
            }
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

/// Returns the I/O error inside an error of Arrow, so that a closed pipe is recognised.
fn io_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}
