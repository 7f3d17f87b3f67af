//! **Objects** of staging: Parquet files that become visible only when they are complete, with a note in the
//! footer that says what they are.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::{
    AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder,
};
use datafusion::parquet::arrow::{ArrowWriter, ProjectionMask};
use datafusion::parquet::basic::{Compression, Encoding};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{KeyValue, ParquetMetaData, ParquetMetaDataReader};
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use futures::TryStreamExt;
use futures::future::{BoxFuture, FutureExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio_util::io::SyncIoBridge;

/// A row group is closed when it holds this many bytes in memory.
const ROW_GROUP_BYTES: usize = 32 << 20;
/// Larger uploads are sent in parts of this size.
const PART_BYTES: usize = 8 << 20;
/// How many bytes of an object's end are read at first; most footers are smaller.
const FOOTER_BYTES: usize = 64 << 10;
/// Rows that are read at once.
const READ_ROWS: usize = 1024;
/// The key of our note in the footer.
const NOTE: &str = "backfill";

/// Writes one Parquet object, from a thread that may block. It may be dropped at any time: an unfinished
/// object never becomes visible.
pub struct ParquetWriter {
    schema: SchemaRef,
    state: State,
    abandoned: Arc<AtomicBool>,
}

enum State {
    /// No row has been seen yet.
    Empty(Box<Upload>),
    Writing(Box<ArrowWriter<Upload>>),
    Done,
}

impl ParquetWriter {
    /// Starts an object at `path`; nothing is visible there before [`finish`](Self::finish). Must
    /// be called inside a Tokio runtime.
    pub fn new(store: Arc<dyn ObjectStore>, path: &Path, schema: SchemaRef) -> Self {
        let writer = BufWriter::with_capacity(store, path.clone(), PART_BYTES);
        let object = Some(SyncIoBridge::new(writer.with_max_concurrency(2)));
        let abandoned = Arc::new(AtomicBool::new(false));
        let upload = Upload { object, abandoned: Arc::clone(&abandoned) };
        Self { schema, state: State::Empty(Box::new(upload)), abandoned }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// If they cannot be encoded or sent.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        self.start(rows)?;
        let State::Writing(writer) = &mut self.state else { return Ok(()) };
        writer.write(rows)?;
        if writer.in_progress_size() > ROW_GROUP_BYTES {
            writer.flush()?;
        }
        Ok(())
    }

    /// Writes the footer with `note` in it, and makes the object visible.
    ///
    /// # Errors
    /// If the store refuses; nothing is visible then.
    pub fn finish(mut self, note: &impl Serialize) -> Result<(), ParquetError> {
        let note = serde_json::to_string(note).map_err(|e| ParquetError::External(Box::new(e)))?;
        self.start(&RecordBatch::new_empty(Arc::clone(&self.schema)))?;
        let State::Writing(mut writer) = std::mem::replace(&mut self.state, State::Done) else {
            return Ok(());
        };
        writer.append_key_value_metadata(KeyValue::new(NOTE.to_owned(), note));
        writer.into_inner()?.shut_down().map_err(|error| ParquetError::External(Box::new(error)))
    }

    /// Starts the file with properties that suit its first rows.
    fn start(&mut self, first: &RecordBatch) -> Result<(), ParquetError> {
        if !matches!(self.state, State::Empty(_)) {
            return Ok(());
        }
        let State::Empty(upload) = std::mem::replace(&mut self.state, State::Done) else {
            return Ok(());
        };
        let schema = Arc::clone(&self.schema);
        let writer = ArrowWriter::try_new(*upload, schema, Some(properties(first)))?;
        self.state = State::Writing(Box::new(writer));
        Ok(())
    }
}

/// Chooses how a file is written.
///
/// LZ4, because staging is written once and read once or twice: stronger compression costs more than it saves. No
/// statistics, because files are pruned by date and never by page. A dictionary only if values repeat, because one
/// whose values are all different is built and then thrown away. Other text as all lengths and then all bytes, which
/// is quicker to write and smaller than each length before its bytes.
fn properties(first: &RecordBatch) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by(concat!("backfill ", env!("CARGO_PKG_VERSION")).to_owned());
    for (field, column) in first.schema().fields().iter().zip(first.columns()) {
        let Some(repeats) = repeats(column) else { continue };
        let path = ColumnPath::from(vec![field.name().clone()]);
        properties = properties
            .set_column_encoding(path.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_dictionary_enabled(path, repeats);
    }
    properties.build()
}

/// The number of values that are examined to see whether they repeat.
const SAMPLED_ROWS: usize = 1024;

/// Whether the first values are worth a dictionary: at least half are repetitions, and they are at least one byte
/// long on average. `None` if it is not a text column.
fn repeats(column: &ArrayRef) -> Option<bool> {
    let rows = column.len().min(SAMPLED_ROWS);
    let sample: Vec<&str> = match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().iter().take(rows).flatten().collect(),
        DataType::Utf8View => column.as_string_view().iter().take(rows).flatten().collect(),
        _ => return None,
    };
    let bytes: usize = sample.iter().map(|value| value.len()).sum();
    let distinct: HashSet<&str> = sample.into_iter().collect();
    Some(distinct.len() * 2 <= rows && bytes >= rows)
}

impl Drop for ParquetWriter {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

/// The object on its way to the store. Once it is abandoned it discards the bytes it is given: the buffers above
/// it write out what they hold when they are dropped, possibly on a thread that must not block.
struct Upload {
    /// `None` once it is shut down, or has failed.
    object: Option<SyncIoBridge<BufWriter>>,
    abandoned: Arc<AtomicBool>,
}

impl Upload {
    /// Makes the object visible.
    fn shut_down(mut self) -> std::io::Result<()> {
        self.object.take().map_or(Ok(()), |mut object| object.shutdown())
    }
}

impl Drop for Upload {
    /// Deletes the parts that were sent already: a store keeps and bills them until they are deleted.
    fn drop(&mut self) {
        let (Some(object), Ok(runtime)) = (self.object.take(), Handle::try_current()) else {
            return;
        };
        let mut object = object.into_inner();
        runtime.spawn(async move {
            if object.abort().await.is_err() {
                tracing::debug!("the parts of an unfinished object in staging were not deleted");
            }
        });
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.abandoned.load(Ordering::Relaxed) {
            return Ok(bytes.len());
        }
        let Some(object) = &mut self.object else { return Ok(bytes.len()) };
        let written = object.write(bytes);
        if written.is_err() {
            // An upload that failed can be neither continued nor aborted.
            self.object = None;
        }
        written
    }

    /// Does nothing: an object becomes visible when it is shut down, not before.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Reads the note in the footer of the object at `path`; `None` if it has none, or if the object is not a whole
/// Parquet file.
///
/// # Errors
/// If the store cannot be read.
pub async fn read_note<T: DeserializeOwned>(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    size: u64,
) -> object_store::Result<Option<T>> {
    let mut reader = ObjectReader { store: Arc::clone(store), path: path.clone(), size };
    let metadata = match reader.get_metadata(None).await {
        Ok(metadata) => metadata,
        Err(ParquetError::External(error)) if error.is::<object_store::Error>() => {
            return match error.downcast::<object_store::Error>() {
                Ok(error) => Err(*error),
                Err(_) => Ok(None),
            };
        }
        Err(_) => return Ok(None),
    };
    let notes = metadata.file_metadata().key_value_metadata();
    let note = notes.and_then(|notes| notes.iter().find(|note| note.key == NOTE));
    let text = note.and_then(|note| note.value.as_deref());
    Ok(text.and_then(|text| serde_json::from_str(text).ok()))
}

/// Reads the rows of the object at `path`, in order.
///
/// # Errors
/// If the object cannot be read, or is not a Parquet file.
pub async fn read(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    size: u64,
) -> Result<ParquetRecordBatchStream<ObjectReader>, ParquetError> {
    let reader = ObjectReader { store: Arc::clone(store), path: path.clone(), size };
    ParquetRecordBatchStreamBuilder::new(reader).await?.with_batch_size(READ_ROWS).build()
}

/// Reads some columns of the object at `path`, in order.
///
/// # Errors
/// As [`read`].
pub async fn read_columns(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    size: u64,
    columns: &[&str],
) -> Result<ParquetRecordBatchStream<ObjectReader>, ParquetError> {
    let reader = ObjectReader { store: Arc::clone(store), path: path.clone(), size };
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await?.with_batch_size(READ_ROWS);
    let fields = builder.schema().fields().iter().enumerate();
    let wanted = fields.filter(|(_, field)| columns.contains(&field.name().as_str()));
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.map(|(index, _)| index));
    builder.with_projection(mask).build()
}

/// Reads ranges of one object. The `parquet` crate deprecates its own reader of an object store, and advises to
/// write this one.
pub struct ObjectReader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        let reading = async move { self.store.get_range(&self.path, range).await };
        reading.map(|bytes| bytes.map_err(|error| ParquetError::External(Box::new(error)))).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        let reading = async move { self.store.get_ranges(&self.path, &ranges).await };
        reading.map(|bytes| bytes.map_err(|error| ParquetError::External(Box::new(error)))).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(FOOTER_BYTES));
            reader.load_and_finish(self, size).await.map(Arc::new)
        }
        .boxed()
    }
}

/// Runs work on a file on a thread that may block.
///
/// # Errors
/// The error of the work, or that it was cancelled.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ParquetError> + Send + 'static,
) -> Result<T, ParquetError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|join| Err(ParquetError::External(Box::new(join))))
}

/// Returns the path and size of every object under `prefix`.
///
/// # Errors
/// If the store cannot be read.
pub async fn sizes(
    store: &Arc<dyn ObjectStore>,
    prefix: &Path,
) -> object_store::Result<HashMap<Path, u64>> {
    store.list(Some(prefix)).map_ok(|object| (object.location, object.size)).try_collect().await
}
