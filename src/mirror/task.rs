//! To mirror **one file** is to fetch it, to read it, and to write its rows and its rejects. A task holds everything
//! that decides its result, so that any process with the two stores can do it.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backfill_csv::{Compression, Dialect, ReadError, Reader, Reject, decompress, reject};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::errors::ParquetError;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::{Error, Mirrored, Note, StagedObject, fetch};
use crate::domain::{Event, Identity, Notice, digest};
use crate::failpoint;
use crate::progress::Listener;
use crate::source::SourceFile;
use crate::store::object::ParquetWriter;
use crate::store::{Store, layout};

/// Changes when the reader gives other rows for the same bytes, so that old mirrors are not used.
const READER_VERSION: u32 = 7;

/// How often an object is read at most if it is replaced while it is read.
const REPLACED_ATTEMPTS: u32 = 3;

/// The mirroring of one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The dataset.
    pub dataset: String,
    /// How its files are written.
    pub dialect: Dialect,
    /// The file.
    pub file: SourceFile,
}

/// Where the mirror of a file and its rejects lie.
pub struct Paths {
    /// The mirror.
    pub mirror: Path,
    /// The rejects.
    pub rejects: Path,
}

/// Stops the threads of a step when it is dropped, because nobody waits for their work any more.
#[derive(Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Task {
    /// Returns where the result lies in staging.
    ///
    /// # Errors
    /// [`Error::Dialect`].
    pub fn paths(&self, staging: &Store) -> Result<Paths, Error> {
        let name = format!("{}-{}", self.file.stem(), self.hash()?);
        let date = self.file.date;
        Ok(Paths {
            mirror: staging.path(&layout::mirror(&self.dataset, date, &name)),
            rejects: staging.path(&layout::rejects_of(&self.dataset, date, &name)),
        })
    }

    /// Returns the digest of one version of one object, as one dialect and one reader see it.
    fn hash(&self) -> Result<String, Error> {
        let identity = &self.file.identity;
        let version = match &identity.etag {
            Some(etag) => etag.clone(),
            None => identity.last_modified.timestamp().to_string(),
        };
        let dialect = serde_json::to_string(&self.dialect).map_err(Error::Dialect)?;
        // The names by which a header is found are trimmed now, and were not before. Mirrors of dialects without
        // such names stay valid.
        let reader = match self.dialect.header_names.is_empty() {
            true => READER_VERSION.to_string(),
            false => format!("{READER_VERSION}, names trimmed"),
        };
        Ok(digest::of([
            reader,
            self.file.name.clone(),
            identity.size.to_string(),
            version,
            dialect,
        ]))
    }

    /// Mirrors the file, and starts again if it is replaced in the meantime.
    ///
    /// # Errors
    /// [`Error`]; then nothing becomes visible.
    pub async fn run(
        mut self,
        source: &Store,
        staging: &Store,
        stop: &Stop,
        progress: &Listener,
    ) -> Result<Mirrored, Error> {
        let mut attempt = 1;
        loop {
            let result = self.attempt(source, staging, stop, progress).await;
            let refusal = result.as_ref().err().and_then(Error::store_error);
            match refusal {
                Some(object_store::Error::PermissionDenied { .. })
                    if source.is_archived(&self.file.location) =>
                {
                    return Err(Error::Archived { file: self.file.name });
                }
                Some(object_store::Error::Precondition { .. }) if attempt < REPLACED_ATTEMPTS => {
                    let file = self.file.name.clone();
                    let event = Event::ReplacedWhileRead { file };
                    progress.notice(&Notice::of(&self.dataset, event));
                    let head = source.objects.head(&self.file.location).await;
                    let object = head.map_err(|error| unreadable(&self.file, error))?;
                    self.file.identity = Identity::from(&object);
                    attempt += 1;
                }
                _ => return result,
            }
        }
    }

    async fn attempt(
        &self,
        source: &Store,
        staging: &Store,
        stop: &Stop,
        progress: &Listener,
    ) -> Result<Mirrored, Error> {
        failpoint::reach(failpoint::MIRROR_BEGUN);
        let listener = Arc::clone(progress);
        let input = fetch::fetch(Arc::clone(&source.objects), self.file.object(), move |bytes| {
            listener.advance(0, bytes, 0);
        });
        let job = Job {
            staging: staging.clone(),
            paths: self.paths(staging)?,
            dialect: self.dialect.clone(),
            file_name: self.file.name.clone(),
            stop: stop.flag(),
        };
        let (note, paths) = tokio::task::spawn_blocking(move || job.run(input))
            .await
            .map_err(|_| Error::Cancelled { file: self.file.name.clone() })??;
        failpoint::reach(failpoint::MIRROR_FILE_DONE);
        progress.advance(1, 0, note.summary.accepted);
        let mirror = object(staging, paths.mirror).await?;
        let rejects = match note.has_rejects() {
            true => Some(object(staging, paths.rejects).await?),
            false => None,
        };
        Ok(Mirrored {
            file: self.file.clone(),
            path: mirror.path,
            size: mirror.size,
            rejects,
            note,
        })
    }
}

fn unreadable(file: &SourceFile, source: object_store::Error) -> Error {
    let source = ReadError::Read { offset: 0, source: std::io::Error::other(source) };
    Error::Read { file: file.name.clone(), source }
}

/// Returns an object of staging with its size.
async fn object(staging: &Store, path: Path) -> Result<StagedObject, Error> {
    let head = staging.objects.head(&path).await;
    let head = head.map_err(|source| Error::Staging { path: staging.key(&path), source })?;
    Ok(StagedObject { path, size: head.size })
}

/// The part of a task for a thread that may block.
struct Job {
    staging: Store,
    paths: Paths,
    dialect: Dialect,
    file_name: String,
    stop: Arc<AtomicBool>,
}

impl Job {
    fn run(self, input: impl Read + Send + 'static) -> Result<(Note, Paths), Error> {
        let (input, compression) = decompress(input)
            .map_err(|source| self.unreadable(ReadError::Read { offset: 0, source }))?;
        let mut reader = Reader::new(input, &self.file_name, &self.dialect)
            .map_err(|error| self.unreadable(error))?;
        let mirror = &self.paths.mirror;
        let mut writer = self.writer(mirror, reader.schema());
        let mut rejects = RejectWriter::new(&self);
        while let Some(batch) = reader.next_batch().map_err(|error| self.unreadable(error))? {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Error::Cancelled { file: self.file_name.clone() });
            }
            if let Some(rows) = &batch.rows {
                writer.write(rows).map_err(|error| self.unwritable(mirror, error))?;
            }
            rejects.write(&batch.rejects)?;
            failpoint::reach(failpoint::MIRROR_BATCH);
        }
        let note = note(&reader, compression);
        rejects.finish(&note)?;
        failpoint::reach(failpoint::MIRROR_BEFORE_VISIBLE);
        writer.finish(&note).map_err(|error| self.unwritable(mirror, error))?;
        Ok((note, self.paths))
    }

    fn writer(&self, path: &Path, schema: &SchemaRef) -> ParquetWriter {
        ParquetWriter::new(Arc::clone(&self.staging.objects), path, Arc::clone(schema))
    }

    fn unreadable(&self, source: ReadError) -> Error {
        Error::Read { file: self.file_name.clone(), source }
    }

    fn unwritable(&self, path: &Path, source: ParquetError) -> Error {
        Error::Write { path: self.staging.key(path), source }
    }
}

fn note(reader: &Reader, compression: Compression) -> Note {
    Note { summary: reader.summary().clone(), compression: compression.name().to_owned() }
}

/// Writes the rejects of a file. Without any, no object is written.
struct RejectWriter<'a> {
    job: &'a Job,
    writer: Option<ParquetWriter>,
}

impl<'a> RejectWriter<'a> {
    fn new(job: &'a Job) -> Self {
        Self { job, writer: None }
    }

    fn write(&mut self, rejects: &[Reject]) -> Result<(), Error> {
        if rejects.is_empty() {
            return Ok(());
        }
        let (job, path) = (self.job, &self.job.paths.rejects);
        let rows = reject::to_batch(&job.file_name, rejects)
            .map_err(|error| ParquetError::ArrowError(error.to_string()))
            .map_err(|error| job.unwritable(path, error))?;
        let writer = self.writer.get_or_insert_with(|| job.writer(path, &rows.schema()));
        writer.write(&rows).map_err(|error| job.unwritable(path, error))
    }

    fn finish(self, note: &Note) -> Result<(), Error> {
        let Some(writer) = self.writer else { return Ok(()) };
        writer.finish(note).map_err(|error| self.job.unwritable(&self.job.paths.rejects, error))?;
        failpoint::reach(failpoint::MIRROR_REJECTS_WRITTEN);
        Ok(())
    }
}
