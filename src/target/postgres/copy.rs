//! To **copy** is to send the rows of one staged file to the server; a few pieces are encoded ahead.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::parquet::errors::ParquetError;
use futures::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_postgres::CopyInSink;

use super::batch::Placing;
use super::encode::Load;
use super::{Encoder, Job};
use crate::domain::provenance;
use crate::failpoint;
use crate::stage::StagedFile;
use crate::store::{Store, object};
use crate::target::Error;
use crate::target::placement::copy_statement;

/// The table that rows are copied into.
pub(super) struct Destination<'a> {
    /// Its name in SQL.
    pub quoted: String,
    /// Its name alone, as the server's messages give it.
    pub name: &'a str,
}

/// Copies one staged file; returns the number of its rows.
///
/// # Errors
/// [`Error::Rows`], with row and column as far as the server names them; [`Error::Value`],
/// [`Error::Staged`], [`Error::Count`].
pub(super) async fn copy(
    placing: &Placing<'_>,
    file: &StagedFile,
    into: &Destination<'_>,
) -> Result<u64, Error> {
    let job = placing.job;
    let Some(encoder) = &job.encoder else { return Ok(0) };
    let (sent, taken) = match send(placing, encoder, file, into).await {
        Ok(counts) => counts,
        Err(Failure::Own(error)) => return Err(error),
        Err(Failure::Server(error)) => return Err(refusal(job, encoder, file, into, &error).await),
    };
    job.progress.advance(1, 0, 0);
    if taken != sent || sent != file.counts.staged {
        let (table, batch) = (job.target.table.to_string(), placing.batch.number);
        return Err(Error::Count { table, batch, sent: file.counts.staged, taken });
    }
    Ok(taken)
}

/// What ends a copy.
enum Failure {
    Own(Error),
    Server(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(error)
    }
}

/// Sends every row; returns how many were sent, and how many the server took.
async fn send(
    placing: &Placing<'_>,
    encoder: &Arc<Encoder>,
    file: &StagedFile,
    into: &Destination<'_>,
) -> Result<(u64, u64), Failure> {
    let (job, client) = (placing.job, placing.client);
    let columns: Vec<&str> = encoder.columns().map(|column| column.name.as_str()).collect();
    let statement = copy_statement(&into.quoted, &columns);
    let sink: CopyInSink<Bytes> = client.copy_in(&statement).await?;
    let mut sink = Box::pin(sink);
    let mut chunks = encode_ahead(placing, encoder, file);
    let mut sent = 0;
    while let Some(chunk) = chunks.recv().await {
        let (bytes, rows) = chunk.map_err(Failure::Own)?;
        sent += rows;
        sink.send(bytes).await?;
        job.database.note_activity();
        job.progress.advance(0, file.identity.size * rows / file.counts.staged.max(1), rows);
        failpoint::reach(failpoint::LOAD_COPYING);
    }
    Ok((sent, sink.as_mut().finish().await?))
}

/// The error of a server that refuses rows, with the row and the column that it names.
async fn refusal(
    job: &Job<'_>,
    encoder: &Encoder,
    file: &StagedFile,
    into: &Destination<'_>,
    error: &tokio_postgres::Error,
) -> Error {
    let table = &job.target.table;
    let context = error.as_db_error().and_then(tokio_postgres::error::DbError::where_);
    let names = encoder.columns().map(|column| column.name.as_str());
    let named = context.and_then(|context| in_context(context, into.name, names));
    let Some((line, column)) = named else {
        return Error::rows(format!("copying {} into {table}", file.file_name), error);
    };
    let row = match row_id(job, file, line).await {
        Some(row_id) => format!("row {row_id}"),
        None => format!("the {line}th staged row"),
    };
    let known = column.and_then(|name| encoder.columns().find(|column| column.name == name));
    let place = known
        .map(|column| format!(", column {} ({}),", column.name, column.type_text))
        .unwrap_or_default();
    Error::rows(format!("copying {row} of {}{place} into {table}", file.file_name), error)
}

/// Reads the line and the column that the context of a server's error names, in any language:
/// `COPY people, line 17, column amount: "…"`. What follows the column is a value.
fn in_context<'a>(
    context: &str,
    table: &str,
    columns: impl Iterator<Item = &'a str>,
) -> Option<(u64, Option<&'a str>)> {
    let rest = context
        .lines()
        .filter_map(|line| line.strip_prefix("COPY ")?.strip_prefix(table))
        .find(|rest| rest.starts_with(','))?;
    let start = rest.find(|c: char| c.is_ascii_digit())?;
    let end = rest[start..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |e| start + e);
    let number = rest[start..end].parse().ok()?;
    let before_value = rest[end..].split('"').next().unwrap_or_default();
    let named = before_value.trim_end().trim_end_matches(':');
    let column = columns.filter(|column| ends_with_word(named, column)).max_by_key(|c| c.len());
    Some((number, column))
}

/// Whether a text ends with a name that follows a blank.
fn ends_with_word(text: &str, name: &str) -> bool {
    text.strip_suffix(name).is_some_and(|before| before.ends_with(char::is_whitespace))
}

/// Finds the `_row_id` of the `line`th row of a staged file, counted from 1.
async fn row_id(job: &Job<'_>, file: &StagedFile, line: u64) -> Option<i64> {
    let path = job.staging.path(&file.path);
    let mut rows = object::read(&job.staging.objects, &path, file.size).await.ok()?;
    let mut before = usize::try_from(line.checked_sub(1)?).ok()?;
    while let Some(read) = rows.next().await {
        let batch = read.ok()?;
        if before >= batch.num_rows() {
            before -= batch.num_rows();
            continue;
        }
        let ids = cast(batch.column_by_name(provenance::ROW_ID)?, &DataType::Int64).ok()?;
        return Some(ids.as_primitive::<Int64Type>().value(before));
    }
    None
}

/// The rows of a piece: few enough that it stays in the processor's cache until it is sent.
const PIECE_ROWS: usize = 128;

/// How many pieces are encoded ahead.
const PIECES_AHEAD: usize = 16;

/// A piece of COPY data with the number of rows in it.
type Chunk = Result<(Bytes, u64), Error>;

/// Reads and encodes a staged file in a task of its own, a few pieces ahead.
fn encode_ahead(
    placing: &Placing<'_>,
    encoder: &Arc<Encoder>,
    file: &StagedFile,
) -> mpsc::Receiver<Chunk> {
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    let encoding = Encoding {
        encoder: Arc::clone(encoder),
        staging: placing.job.staging.clone(),
        file: file.clone(),
        load_id: placing.load_id.to_owned(),
        sender,
    };
    tokio::spawn(async move {
        if let Err(error) = encoding.run().await {
            let _ = encoding.sender.send(Err(error)).await;
        }
    });
    receiver
}

/// A staged file that is being read and encoded.
struct Encoding {
    encoder: Arc<Encoder>,
    staging: Store,
    file: StagedFile,
    load_id: String,
    sender: mpsc::Sender<Chunk>,
}

impl Encoding {
    /// Sends every piece until nobody takes them any more.
    async fn run(&self) -> Result<(), Error> {
        let path = self.staging.path(&self.file.path);
        let opened = object::read(&self.staging.objects, &path, self.file.size).await;
        let mut rows = opened.map_err(|source| self.unreadable(source))?;
        let mut capacity = 0;
        while let Some(read) = rows.next().await {
            let batch = read.map_err(|source| self.unreadable(source))?;
            for first in (0..batch.num_rows()).step_by(PIECE_ROWS) {
                let piece = batch.slice(first, PIECE_ROWS.min(batch.num_rows() - first));
                let mut bytes = Vec::with_capacity(capacity);
                self.encoder.encode(&piece, Load { id: &self.load_id }, &mut bytes)?;
                capacity = capacity.max(bytes.len() + bytes.len() / 8);
                let chunk = (Bytes::from(bytes), piece.num_rows() as u64);
                if self.sender.send(Ok(chunk)).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn unreadable(&self, source: ParquetError) -> Error {
        Error::Staged { path: self.staging.display(&self.file.path), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(context: &str) -> Option<(u64, Option<&'static str>)> {
        in_context(context, "people", ["id", "my id", "amount"].into_iter())
    }

    #[test]
    fn line_and_column_are_read_in_any_language_and_no_value_is() {
        let english = "COPY people, line 17, column amount: \"line 3, column id: \"";
        assert_eq!(named(english), Some((17, Some("amount"))));
        let german = "COPY people, Zeile 17, Spalte my id: \"x\"";
        assert_eq!(named(german), Some((17, Some("my id"))));
        let nested = "JSON data, line 1: {\"a\"\nCOPY people, line 2, column id: \"{\"a\"\"";
        assert_eq!(named(nested), Some((2, Some("id"))));
        assert_eq!(named("COPY people, line 5: \"id: 1\""), Some((5, None)));
        assert_eq!(named("COPY others, line 5: \"1\""), None);
        assert_eq!(named("PL/pgSQL function f() line 3 at RAISE"), None);
    }
}
