//! **Rows** as results: a table for people, CSV, JSON lines or Parquet, as they come.

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
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::DataFrame;
use futures::{Stream, StreamExt, TryStreamExt};

use super::output::OutputFile;
use crate::engine;
use crate::error::Error;
use crate::printable::printable;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people; all rows are held in memory
    Table,
    /// With a header
    Csv,
    /// One object a line, with NULL as null
    Json,
    /// To a file
    Parquet,
}

impl Format {
    /// What the ending of a file says.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "json" | "jsonl" | "ndjson" => Some(Self::Json),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Rows on their way, with their columns.
pub struct Rows {
    schema: SchemaRef,
    batches: Pin<Box<dyn Stream<Item = Result<RecordBatch, Error>> + Send>>,
}

impl Rows {
    /// Rows with these columns.
    pub fn new(
        schema: SchemaRef,
        batches: impl Stream<Item = Result<RecordBatch, Error>> + Send + 'static,
    ) -> Self {
        Self { schema, batches: Box::pin(batches) }
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn of(query: DataFrame) -> Result<Self, Error> {
        let failed = |error| Error::from(engine::Error::execution(error));
        let batches = query.execute_stream().await.map_err(failed)?;
        Ok(Self::new(batches.schema(), batches.map_err(failed)))
    }

    /// Writes them to standard output, and says how many they were; a reader that has had enough is
    /// no error.
    ///
    /// # Errors
    /// [`Error`] of the rows, or where they cannot be written.
    pub async fn print(self, format: Format) -> Result<u64, Error> {
        match self.write(format, &mut io::stdout()).await {
            Err(Failed::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            Err(Failed::Write(source)) => {
                Err(Error::Output { what: "to standard output".to_owned(), source })
            }
            Err(Failed::Rows(error)) => Err(error),
            Ok(count) => Ok(count),
        }
    }

    /// Writes them to a temporary name, and to `path` only what is whole.
    ///
    /// # Errors
    /// [`Error`] of the rows, or where they cannot be written.
    pub async fn save(self, format: Format, path: &Path) -> Result<u64, Error> {
        let failed = |source| Error::Output { what: path.display().to_string(), source };
        let mut file = OutputFile::create(path).map_err(failed)?;
        let count = self.write(format, &mut file).await.map_err(|error| match error {
            Failed::Write(source) => failed(source),
            Failed::Rows(error) => error,
        })?;
        file.finish().map_err(failed)?;
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

/// Whose fault it is that rows were not written.
enum Failed {
    Rows(Error),
    Write(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Rows on their way into a format.
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

/// The I/O error inside Arrow's, so that a closed pipe is known for what it is.
fn io_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}
