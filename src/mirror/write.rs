//! To **mirror** the files of a listing: fetch, read, write, several at once, file by file.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::parquet::errors::ParquetError;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Error, fetch};
use crate::config::{Dataset, Limits};
use crate::failpoint;
use crate::file_date::DateRange;
use crate::parquet::{self, ParquetWriter};
use crate::progress::{Listener, Total};
use crate::source::{Finding, Ignored, Listing, SourceFile, Store};
use backfill_csv::{Compression, Dialect, ReadError, Reader, Reject, Summary, decompress, reject};

/// Changes when the reader gives other rows for the same bytes, so that old mirrors are not used.
const READER_VERSION: u32 = 2;

/// Every source file of a range in columnar form.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// The range.
    pub range: DateRange,
    /// The files, by file date, then key.
    pub files: Vec<Mirrored>,
    /// The keys that are not read.
    pub ignored: Vec<Ignored>,
    /// What listing found out.
    pub findings: Vec<Finding>,
}

/// A source file in columnar form.
#[derive(Clone, Debug)]
pub struct Mirrored {
    /// The source file.
    pub file: SourceFile,
    /// Where the mirror lies in staging.
    pub path: Path,
    /// Size of the mirror in bytes.
    pub size: u64,
    /// Where its rejects lie and their size in bytes, where there are any.
    pub rejects: Option<(Path, u64)>,
    /// What was read.
    pub note: Note,
}

/// What a mirror says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Note {
    /// What was read of the file.
    pub summary: Summary,
    /// How the file is compressed.
    pub compression: String,
}

impl Mirrored {
    /// What identifies the mirror's content: the hash in its name.
    pub fn hash(&self) -> &str {
        let name = self.path.filename().unwrap_or_default();
        name.trim_end_matches(".parquet").rsplit('-').next().unwrap_or_default()
    }
}

/// Mirrors every file of the listing that has no mirror yet, several at once.
///
/// # Errors
/// The first [`Error`]; mirrors that are whole by then are kept and used by the next run.
pub async fn mirror(
    source: &Store,
    staging: &Store,
    dataset: &Dataset,
    listing: Listing,
    limits: Limits,
    progress: &Listener,
) -> Result<Mirror, Error> {
    let existing = existing(staging, "mirror", dataset).await?;
    let existing_rejects = existing_rejects(staging, dataset).await?;
    let missing = |file: &&SourceFile| !existing.contains_key(&path(staging, dataset, file));
    let to_read: Vec<&SourceFile> = listing.files.iter().filter(missing).collect();
    let bytes = to_read.iter().map(|file| file.object.size).sum();
    progress.begin("mirror", Total { files: to_read.len() as u64, bytes });
    let stop = Stop::default();
    let files = stream::iter(listing.files)
        .map(|file| {
            let path = path(staging, dataset, &file);
            let held = existing.get(&path).copied();
            let rejects = path_of_rejects(staging, dataset, &file);
            let rejects = existing_rejects.get(&rejects).map(|size| (rejects.clone(), *size));
            let (stop, progress) = (&stop, Arc::clone(progress));
            async move {
                if let Some(size) = held
                    && let Some(note) = read_note(staging, &path, size).await?
                {
                    let rejects = rejects.filter(|_| has_rejects(&note));
                    return Ok(Mirrored { file, path, size, rejects, note });
                }
                mirror_file(source, staging, dataset, file, stop.flag(), progress).await
            }
        })
        .buffered(limits.files_at_once)
        .try_collect()
        .await;
    progress.end();
    let (range, ignored, findings) = (listing.range, listing.ignored, listing.findings);
    Ok(Mirror { range, files: files?, ignored, findings })
}

/// Tells the threads to stop when it is dropped, because nobody waits for their work any more.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

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

/// How often an object that is replaced while it is read is read again.
const REPLACED_ATTEMPTS: u32 = 3;

/// Mirrors a file; again where it is replaced meanwhile.
async fn mirror_file(
    source: &Store,
    staging: &Store,
    dataset: &Dataset,
    mut file: SourceFile,
    stop: Arc<AtomicBool>,
    progress: Listener,
) -> Result<Mirrored, Error> {
    use object_store::ObjectStoreExt;
    for attempt in 1.. {
        let (stop, progress) = (Arc::clone(&stop), Arc::clone(&progress));
        let told = Arc::clone(&progress);
        let result = mirror_once(source, staging, dataset, &file, stop, progress).await;
        let refusal = result.as_ref().err().and_then(Error::store_error);
        match refusal {
            Some(object_store::Error::PermissionDenied { .. })
                if source.is_archived(&file.object.location) =>
            {
                return Err(Error::Archived { file: file.name });
            }
            Some(object_store::Error::Precondition { .. }) if attempt < REPLACED_ATTEMPTS => {
                told.note(&format!("note: {} was replaced while it was read; again", file.name));
                let head = source.objects.head(&file.object.location).await;
                file.object = head.map_err(|error| unreadable(&file, error))?;
            }
            _ => return result,
        }
    }
    Err(Error::GivenUp { file: file.name })
}

fn unreadable(file: &SourceFile, source: object_store::Error) -> Error {
    let source = ReadError::Read { offset: 0, source: std::io::Error::other(source) };
    Error::Read { file: file.name.clone(), source }
}

async fn mirror_once(
    source: &Store,
    staging: &Store,
    dataset: &Dataset,
    file: &SourceFile,
    stop: Arc<AtomicBool>,
    progress: Listener,
) -> Result<Mirrored, Error> {
    failpoint::reach(failpoint::MIRROR_BEGUN);
    let told = Arc::clone(&progress);
    let on_bytes = move |bytes| told.advance(0, bytes, 0);
    let input = fetch::fetch(Arc::clone(&source.objects), &file.object, on_bytes);
    let job = Job {
        staging: staging.clone(),
        path: path(staging, dataset, file),
        rejects: path_of_rejects(staging, dataset, file),
        dialect: dataset.dialect.clone(),
        file_name: file.name.clone(),
        stop,
    };
    let (path, rejects) = (job.path.clone(), job.rejects.clone());
    let given_up = || Error::GivenUp { file: file.name.clone() };
    let note =
        tokio::task::spawn_blocking(move || job.run(input)).await.map_err(|_| given_up())??;
    failpoint::reach(failpoint::MIRROR_FILE_DONE);
    progress.advance(1, 0, note.summary.accepted);
    let size = size_of(staging, &path).await?;
    let rejects = match has_rejects(&note) {
        true => Some((rejects.clone(), size_of(staging, &rejects).await?)),
        false => None,
    };
    Ok(Mirrored { file: file.clone(), path, size, rejects, note })
}

fn has_rejects(note: &Note) -> bool {
    note.summary.rejected > 0
}

/// One file's work, for a thread that may block.
struct Job {
    staging: Store,
    path: Path,
    rejects: Path,
    dialect: Dialect,
    file_name: String,
    stop: Arc<AtomicBool>,
}

impl Job {
    fn run(self, input: impl Read + Send + 'static) -> Result<Note, Error> {
        let unreadable = |source| Error::Read { file: self.file_name.clone(), source };
        let (input, compression) = decompress(input)
            .map_err(|source| unreadable(ReadError::Read { offset: 0, source }))?;
        let mut reader = Reader::new(input, &self.file_name, &self.dialect).map_err(unreadable)?;
        let unwritable = |source| Error::Write { path: self.staging.key(&self.path), source };
        let objects = Arc::clone(&self.staging.objects);
        let mut writer = ParquetWriter::new(objects, &self.path, Arc::clone(reader.schema()));
        let mut rejects = RejectWriter::new(&self);
        while let Some(batch) = reader.next_batch().map_err(unreadable)? {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Error::GivenUp { file: self.file_name.clone() });
            }
            if let Some(rows) = &batch.rows {
                writer.write(rows).map_err(unwritable)?;
            }
            rejects.write(&batch.rejects)?;
            failpoint::reach(failpoint::MIRROR_BATCH);
        }
        let note = note(&reader, compression);
        rejects.finish(&note)?;
        failpoint::reach(failpoint::MIRROR_BEFORE_VISIBLE);
        writer.finish(&note).map_err(unwritable)?;
        Ok(note)
    }
}

fn note(reader: &Reader, compression: Compression) -> Note {
    Note { summary: reader.summary().clone(), compression: compression.name().to_owned() }
}

/// Writes the rejects of a file; writes nothing where there are none.
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
        let job = self.job;
        let unwritable = |source| Error::Write { path: job.staging.key(&job.rejects), source };
        let rows = reject::to_batch(&job.file_name, rejects)
            .map_err(|error| unwritable(ParquetError::ArrowError(error.to_string())))?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let objects = Arc::clone(&job.staging.objects);
                none.insert(ParquetWriter::new(objects, &job.rejects, rows.schema()))
            }
        };
        writer.write(&rows).map_err(unwritable)
    }

    fn finish(self, note: &Note) -> Result<(), Error> {
        let Some(writer) = self.writer else { return Ok(()) };
        let job = self.job;
        let path = || job.staging.key(&job.rejects);
        writer.finish(note).map_err(|source| Error::Write { path: path(), source })?;
        failpoint::reach(failpoint::MIRROR_REJECTS_WRITTEN);
        Ok(())
    }
}

/// Where the mirror of a source file lies.
fn path(staging: &Store, dataset: &Dataset, file: &SourceFile) -> Path {
    staging.path(&format!(
        "mirror/{}/_file_date={}/{}-{}.parquet",
        dataset.name,
        file.date,
        file.stem(),
        hash(dataset, file)
    ))
}

/// Where the rejects of a source file lie.
fn path_of_rejects(staging: &Store, dataset: &Dataset, file: &SourceFile) -> Path {
    staging.path(&format!(
        "rejects/{}/_file_date={}/{}-{}.parquet",
        dataset.name,
        file.date,
        file.stem(),
        hash(dataset, file)
    ))
}

/// Names one version of one object as one dialect and one reader see it.
fn hash(dataset: &Dataset, file: &SourceFile) -> String {
    let identity = file.identity();
    let version = match &identity.etag {
        Some(etag) => etag.clone(),
        None => identity.last_modified.timestamp().to_string(),
    };
    let dialect = serde_json::to_string(&dataset.dialect).unwrap_or_default();
    let parts = [
        READER_VERSION.to_string(),
        file.name.clone(),
        identity.size.to_string(),
        version,
        dialect,
    ];
    let digest = Sha256::digest(parts.join("\0"));
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn existing(
    staging: &Store,
    area: &str,
    dataset: &Dataset,
) -> Result<HashMap<Path, u64>, Error> {
    let key = format!("{area}/{}", dataset.name);
    parquet::sizes(&staging.objects, &staging.path(&key))
        .await
        .map_err(|source| Error::Staging { path: staging.display(&key), source })
}

async fn existing_rejects(staging: &Store, dataset: &Dataset) -> Result<HashMap<Path, u64>, Error> {
    existing(staging, "rejects", dataset).await
}

async fn read_note(staging: &Store, path: &Path, size: u64) -> Result<Option<Note>, Error> {
    parquet::read_note(&staging.objects, path, size)
        .await
        .map_err(|source| Error::Staging { path: staging.key(path), source })
}

async fn size_of(staging: &Store, path: &Path) -> Result<u64, Error> {
    use object_store::ObjectStoreExt;
    let head = staging.objects.head(path).await;
    head.map(|object| object.size)
        .map_err(|source| Error::Staging { path: staging.key(path), source })
}
