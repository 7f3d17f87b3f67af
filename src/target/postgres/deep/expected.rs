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
    /// Where each line stands, without its end.
    lines: Vec<Range<usize>>,
}

/// The encoded rows of a file, in the order of their `_row_id`.
pub struct Expected {
    pieces: mpsc::Receiver<Result<Piece, Error>>,
    piece: Option<Piece>,
    at: usize,
}

impl Expected {
    /// Begins to read and encode a staged file, in a task of its own.
    pub fn of(job: &DeepJob<'_>, file: &StagedFile) -> Self {
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

    /// The `_row_id` of the next row; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Staged`], [`Error::Value`].
    pub async fn next_id(&mut self) -> Result<Option<i64>, Error> {
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

    /// The line of the next row.
    pub fn line(&self) -> &[u8] {
        let piece = self.piece.as_ref();
        let line = piece.and_then(|piece| Some(&piece.bytes[piece.lines.get(self.at)?.clone()]));
        line.unwrap_or_default()
    }

    /// Goes on behind the next row.
    pub fn advance(&mut self) {
        self.at += 1;
    }
}

async fn send(
    engine: &Engine,
    encoder: &Encoder,
    file: &StagedFile,
    sender: &mpsc::Sender<Result<Piece, Error>>,
) -> Result<(), Error> {
    let unreadable = |source| Error::Staged { path: engine.staging.display(&file.path), source };
    let mut rows = stage::in_order(engine, file).await.map_err(unreadable)?;
    let mut capacity = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(unreadable)?;
        for first in (0..batch.num_rows()).step_by(PIECE_ROWS) {
            let rows = batch.slice(first, PIECE_ROWS.min(batch.num_rows() - first));
            let piece = piece(encoder, &rows, capacity, unreadable)?;
            capacity = capacity.max(piece.bytes.len() + piece.bytes.len() / 8);
            if sender.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn piece(
    encoder: &Encoder,
    rows: &RecordBatch,
    capacity: usize,
    unreadable: impl Fn(ParquetError) -> Error,
) -> Result<Piece, Error> {
    let missing = || ParquetError::General("a staged file lacks _row_id".to_owned());
    let ids = rows.column_by_name(provenance::ROW_ID).ok_or_else(|| unreadable(missing()))?;
    let ids = cast(ids, &DataType::Int64).map_err(|error| unreadable(error.into()))?;
    let ids = ids.as_primitive::<Int64Type>().values().to_vec();
    let mut bytes = Vec::with_capacity(capacity);
    encoder.encode(rows, Load { id: "" }, &mut bytes)?;
    let mut start = 0;
    let lines = memchr::memchr_iter(b'\n', &bytes).map(|end| {
        let line = start..end;
        start = end + 1;
        line
    });
    let lines = lines.collect();
    Ok(Piece { ids, bytes, lines })
}
