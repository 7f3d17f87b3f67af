//! What is **expected** of a file: the lines that a load would send, read and encoded a few pieces ahead.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::parquet::errors::ParquetError;
use futures::StreamExt;
use tokio::sync::mpsc;

use super::DeepJob;
use crate::domain::provenance;
use crate::engine::Engine;
use crate::stage::{self, StagedFile};
use crate::target::Error;
use crate::target::postgres::Encoder;
use crate::target::postgres::encode::Load;

/// The rows of a piece: few enough that it stays in the processor's cache.
const PIECE_ROWS: usize = 128;

/// How many pieces are encoded ahead.
const PIECES_AHEAD: usize = 16;

/// Some encoded rows.
struct Piece {
    ids: Vec<i64>,
    bytes: Vec<u8>,
    /// The place of each line, without its line feed.
    lines: Vec<Range<usize>>,
}

/// The encoded rows of a file, in the order of their `_row_id`.
pub(super) struct Expected {
    pieces: mpsc::Receiver<Result<Piece, Error>>,
    piece: Option<Piece>,
    at: usize,
}

impl Expected {
    /// Begins to read and encode a staged file, in a task of its own.
    pub(super) fn of(job: &DeepJob<'_>, file: &StagedFile) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let (engine, encoder) = (job.engine.clone(), Arc::clone(&job.encoder));
        let file = file.clone();
        tokio::spawn(async move {
            if let Err(error) = send(&engine, &encoder, &file, &sender).await {
                let _ = sender.send(Err(error)).await;
            }
        });
        Self { pieces, piece: None, at: 0 }
    }

    /// Returns the `_row_id` of the next row; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Staged`], [`Error::Value`].
    pub(super) async fn next_id(&mut self) -> Result<Option<i64>, Error> {
        loop {
            if let Some(id) = self.piece.as_ref().and_then(|piece| piece.ids.get(self.at)) {
                return Ok(Some(*id));
            }
            self.piece = self.pieces.recv().await.transpose()?;
            self.at = 0;
            if self.piece.is_none() {
                return Ok(None);
            }
        }
    }

    /// Returns the line of the next row.
    pub(super) fn line(&self) -> &[u8] {
        let piece = self.piece.as_ref();
        let line = piece.and_then(|piece| Some(&piece.bytes[piece.lines.get(self.at)?.clone()]));
        line.unwrap_or_default()
    }

    /// Passes over the next row.
    pub(super) fn advance(&mut self) {
        self.at += 1;
    }
}

/// Reads and encodes a staged file, and sends its pieces until nobody takes them any more.
async fn send(
    engine: &Engine,
    encoder: &Encoder,
    file: &StagedFile,
    sender: &mpsc::Sender<Result<Piece, Error>>,
) -> Result<(), Error> {
    let path = engine.staging.display(&file.path);
    let mut rows = match stage::in_order(engine, file).await {
        Ok(rows) => rows,
        Err(source) => return Err(Error::Staged { path, source }),
    };
    let mut capacity = 0;
    while let Some(read) = rows.next().await {
        let batch = read.map_err(|source| Error::Staged { path: path.clone(), source })?;
        for first in (0..batch.num_rows()).step_by(PIECE_ROWS) {
            let some = batch.slice(first, PIECE_ROWS.min(batch.num_rows() - first));
            let ids =
                row_ids(&some).map_err(|source| Error::Staged { path: path.clone(), source })?;
            let piece = piece(encoder, &some, ids, capacity)?;
            capacity = capacity.max(piece.bytes.len() + piece.bytes.len() / 8);
            if sender.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads the `_row_id` of each row.
fn row_ids(rows: &RecordBatch) -> Result<Vec<i64>, ParquetError> {
    let Some(column) = rows.column_by_name(provenance::ROW_ID) else {
        return Err(ParquetError::General("a staged file lacks _row_id".to_owned()));
    };
    let ids = cast(column, &DataType::Int64)?;
    Ok(ids.as_primitive::<Int64Type>().values().to_vec())
}

/// Encodes some rows.
fn piece(
    encoder: &Encoder,
    rows: &RecordBatch,
    ids: Vec<i64>,
    capacity: usize,
) -> Result<Piece, Error> {
    let mut bytes = Vec::with_capacity(capacity);
    encoder.encode(rows, Load { id: "" }, &mut bytes)?;
    let mut lines = Vec::with_capacity(ids.len());
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', &bytes) {
        lines.push(start..end);
        start = end + 1;
    }
    Ok(Piece { ids, bytes, lines })
}
