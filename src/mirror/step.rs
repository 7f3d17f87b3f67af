//! To **mirror** the files of a listing: several at once, each only if it has no mirror yet.

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;

use super::task::{Paths, Stop, Task};
use super::{Error, Mirror, Mirrored, Note, StagedObject};
use crate::domain::{Dataset, Limits};
use crate::progress::{Listener, Total};
use crate::source::{Listing, SourceFile};
use crate::store::{Store, layout, object};

/// How many notes of existing mirrors are read at once, for each file that is mirrored at once.
const NOTES_PER_FILE: usize = 8;

/// The mirrors and rejects of a dataset that staging holds, with their sizes.
struct Existing {
    mirrors: HashMap<Path, u64>,
    rejects: HashMap<Path, u64>,
}

/// A file that has a mirror.
struct Held {
    task: Task,
    paths: Paths,
    /// Size of the mirror in bytes.
    size: u64,
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
    let existing = existing(staging, dataset).await?;
    let (held, mut missing) = existing.sort_out(staging, dataset, listing.files)?;
    let (mut files, damaged) = read_notes(staging, &existing, held, limits).await?;
    missing.extend(damaged);
    let bytes = missing.iter().map(|task| task.file.identity.size).sum();
    progress.begin("mirror", Total { files: missing.len() as u64, bytes });
    let stop = Stop::default();
    // In no particular order, so that a large file does not hold up those behind it.
    let mirrored: Result<Vec<Mirrored>, Error> = stream::iter(missing)
        .map(|task| task.run(source, staging, &stop, progress))
        .buffer_unordered(limits.files_at_once)
        .try_collect()
        .await;
    progress.end();
    files.extend(mirrored?.into_iter().map(Arc::new));
    files.sort_by(|a, b| (a.file.date, &a.file.key).cmp(&(b.file.date, &b.file.key)));
    let (range, ignored, findings) = (listing.range, listing.ignored, listing.findings);
    Ok(Mirror { range, files, ignored, findings })
}

/// Returns the mirrors of these files that exist already. Nothing is read from the source.
///
/// # Errors
/// [`Error`].
pub async fn kept(
    staging: &Store,
    dataset: &Dataset,
    files: Vec<SourceFile>,
    limits: Limits,
) -> Result<Vec<Arc<Mirrored>>, Error> {
    let existing = existing(staging, dataset).await?;
    let (held, _) = existing.sort_out(staging, dataset, files)?;
    Ok(read_notes(staging, &existing, held, limits).await?.0)
}

impl Existing {
    /// Splits files into those that have a mirror and the tasks of those that have none.
    fn sort_out(
        &self,
        staging: &Store,
        dataset: &Dataset,
        files: Vec<SourceFile>,
    ) -> Result<(Vec<Held>, Vec<Task>), Error> {
        let mut held = Vec::new();
        let mut missing = Vec::new();
        for file in files {
            let (name, dialect) = (dataset.name.clone(), dataset.dialect.clone());
            let task = Task { dataset: name, dialect, file };
            let paths = task.paths(staging)?;
            match self.mirrors.get(&paths.mirror) {
                Some(size) => held.push(Held { task, paths, size: *size }),
                None => missing.push(task),
            }
        }
        Ok((held, missing))
    }
}

/// Returns the existing mirrors, and the tasks of those that are damaged.
async fn read_notes(
    staging: &Store,
    existing: &Existing,
    held: Vec<Held>,
    limits: Limits,
) -> Result<(Vec<Arc<Mirrored>>, Vec<Task>), Error> {
    let read: Vec<Result<Mirrored, Task>> = stream::iter(held)
        .map(|held| read_existing(staging, existing, held))
        .buffer_unordered(limits.files_at_once * NOTES_PER_FILE)
        .try_collect()
        .await?;
    let mut files = Vec::with_capacity(read.len());
    let mut damaged = Vec::new();
    for mirrored in read {
        match mirrored {
            Ok(mirrored) => files.push(Arc::new(mirrored)),
            Err(task) => damaged.push(task),
        }
    }
    Ok((files, damaged))
}

/// Returns an existing mirror, or its task if it has no note or lacks its rejects.
async fn read_existing(
    staging: &Store,
    existing: &Existing,
    held: Held,
) -> Result<Result<Mirrored, Task>, Error> {
    let Held { task, paths, size } = held;
    let note: Option<Note> = match object::read_note(&staging.objects, &paths.mirror, size).await {
        // It was deleted since it was listed.
        Err(object_store::Error::NotFound { .. }) => None,
        note => {
            note.map_err(|source| Error::Staging { path: staging.key(&paths.mirror), source })?
        }
    };
    let Some(note) = note else { return Ok(Err(task)) };
    let rejects = match existing.rejects.get(&paths.rejects) {
        Some(size) if note.has_rejects() => Some(StagedObject { path: paths.rejects, size: *size }),
        // Somebody has deleted them: without them records would go unmentioned.
        None if note.has_rejects() => return Ok(Err(task)),
        _ => None,
    };
    Ok(Ok(Mirrored { file: task.file, path: paths.mirror, size, rejects, note }))
}

async fn existing(staging: &Store, dataset: &Dataset) -> Result<Existing, Error> {
    Ok(Existing {
        mirrors: sizes(staging, &layout::mirrors(&dataset.name)).await?,
        rejects: sizes(staging, &layout::rejects(&dataset.name)).await?,
    })
}

async fn sizes(staging: &Store, folder: &str) -> Result<HashMap<Path, u64>, Error> {
    object::sizes(&staging.objects, &staging.path(folder))
        .await
        .map_err(|source| Error::Staging { path: staging.display(folder), source })
}
