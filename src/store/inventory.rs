//! An **inventory** goes through the objects below a folder of a store, one after the other, and deletes those
//! that are chosen. In a folder on this machine it also finds what killed writes have left, and it follows no
//! symbolic link.

use std::collections::BTreeSet;
use std::path::{Path as FilePath, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use futures::SinkExt;
use futures::channel::mpsc;
use futures::executor::block_on;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::{FOLDER, Store};
use crate::domain::{ErrorKind, Explain};

/// The number of objects of a folder that are read ahead.
const AHEAD: usize = 1000;

/// What can go wrong while a store is listed or cleaned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The objects below a folder cannot be listed.
    #[error("cannot list {place}")]
    List {
        /// The URL of the folder.
        place: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// Some objects cannot be deleted.
    #[error("{failed} object(s) in staging could not be deleted, such as {first}")]
    Delete {
        /// How many.
        failed: u64,
        /// The key of the first.
        first: String,
        /// Why it could not be deleted.
        #[source]
        source: object_store::Error,
    },
}

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::List { source, .. } => super::kind(source),
            // For one object among many, no store says whether its refusal is temporary.
            Self::Delete { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Delete { .. } => {
                "check that you have the right to delete objects in staging (s3:DeleteObject on S3), and run again: \
                 the rest is deleted then"
                    .to_owned()
            }
            Self::List { source, .. } => super::hint(source),
        })
    }
}

/// An object that is there.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its path in the store.
    pub location: Path,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written.
    pub modified: DateTime<Utc>,
    /// The file, if the store is a folder on this machine.
    file: Option<PathBuf>,
}

impl From<ObjectMeta> for Held {
    fn from(object: ObjectMeta) -> Self {
        Self {
            location: object.location,
            size: object.size,
            modified: object.last_modified,
            file: None,
        }
    }
}

/// Returns the objects below a folder, in no particular order. The folder may not exist.
pub fn walk(store: &Store, folder: &str) -> BoxStream<'static, Result<Held, Error>> {
    let place = store.display(folder);
    let objects = match store.folder() {
        Some(root) => files(root.join(folder)),
        None => store.objects.list(Some(&store.path(folder))).map_ok(Held::from).boxed(),
    };
    objects.map_err(move |source| Error::List { place: place.clone(), source }).boxed()
}

/// Returns the names of the folders directly below a folder, which may not exist.
///
/// # Errors
/// [`Error::List`].
pub async fn folders(store: &Store, folder: &str) -> Result<Vec<String>, Error> {
    let names = match store.folder() {
        Some(root) => folders_on_disk(&root.join(folder)),
        None => common_prefixes(store, &store.path(folder)).await,
    };
    names.map_err(|source| Error::List { place: store.display(folder), source })
}

async fn common_prefixes(store: &Store, folder: &Path) -> object_store::Result<Vec<String>> {
    let prefixes = store.objects.list_with_delimiter(Some(folder)).await?.common_prefixes;
    Ok(prefixes.iter().filter_map(Path::filename).map(str::to_owned).collect())
}

fn folders_on_disk(folder: &FilePath) -> object_store::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in entries(folder)? {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// Deletes objects. An object that does not exist any more counts as deleted. Returns those that could not be
/// deleted, and why the first could not.
pub async fn delete(store: &Store, objects: &[Held]) -> (Vec<Path>, Option<object_store::Error>) {
    let mut deletion = Deletion::of(objects);
    if let Some(root) = store.folder() {
        let (root, objects) = (root.to_owned(), objects.to_vec());
        let removing = tokio::task::spawn_blocking(move || remove(&root, objects));
        for answer in removing.await.unwrap_or_default() {
            deletion.take(answer);
        }
    } else {
        let paths: Vec<_> = objects.iter().map(|object| Ok(object.location.clone())).collect();
        let mut answers = store.objects.delete_stream(stream::iter(paths).boxed());
        while let Some(answer) = answers.next().await {
            deletion.take(answer);
        }
    }
    deletion.end()
}

/// A deletion of many objects, by the answers so far.
struct Deletion {
    left: BTreeSet<Path>,
    first_error: Option<object_store::Error>,
}

impl Deletion {
    fn of(objects: &[Held]) -> Self {
        let left = objects.iter().map(|object| object.location.clone()).collect();
        Self { left, first_error: None }
    }

    fn take(&mut self, answer: object_store::Result<Path>) {
        match answer {
            Ok(path) => drop(self.left.remove(&path)),
            Err(object_store::Error::NotFound { path, .. }) => {
                self.left.retain(|left| !path.ends_with(left.as_ref()));
            }
            Err(error) if self.first_error.is_none() => {
                self.first_error = Some(without_paths(error));
            }
            Err(_) => {}
        }
    }

    /// Returns the objects that are left, and the first error. Without an error nothing is left: a store may not
    /// answer for an object that it did not find.
    fn end(self) -> (Vec<Path>, Option<object_store::Error>) {
        match self.first_error {
            Some(error) => (self.left.into_iter().collect(), Some(error)),
            None => (Vec::new(), None),
        }
    }
}

/// Returns every file below a folder, read by a thread that may block.
fn files(folder: PathBuf) -> BoxStream<'static, object_store::Result<Held>> {
    let (mut sender, files) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut waiting = vec![folder];
        while let Some(folder) = waiting.pop() {
            for found in found(&folder, &mut waiting) {
                if block_on(sender.send(found)).is_err() {
                    return;
                }
            }
        }
    });
    files.boxed()
}

/// Returns the files of one folder, and adds the folders in it to those that wait.
fn found(folder: &FilePath, waiting: &mut Vec<PathBuf>) -> Vec<object_store::Result<Held>> {
    let entries = match entries(folder) {
        Ok(entries) => entries,
        Err(error) => return vec![Err(error)],
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.path();
        // The metadata is that of the entry itself: a link is neither a folder nor a file.
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => waiting.push(path),
            Ok(metadata) if metadata.is_file() => found.extend(held(path, &metadata)),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => found.push(Err(failed(&path, error))),
        }
    }
    found
}

/// Returns the entries of a folder; none if it does not exist, or is a link.
fn entries(folder: &FilePath) -> object_store::Result<Vec<std::fs::DirEntry>> {
    match read_entries(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| failed(folder, error)),
    }
}

fn read_entries(folder: &FilePath) -> std::io::Result<Vec<std::fs::DirEntry>> {
    if !std::fs::symlink_metadata(folder)?.is_dir() {
        return Ok(Vec::new());
    }
    std::fs::read_dir(folder)?.collect()
}

/// Returns a file as an object; `None` if its name cannot be the name of an object.
fn held(file: PathBuf, metadata: &std::fs::Metadata) -> Option<object_store::Result<Held>> {
    let location = Path::from_absolute_path(&file).ok()?;
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH).into();
    Some(Ok(Held { location, size: metadata.len(), modified, file: Some(file) }))
}

/// Deletes files, and then the folders that are empty, except those directly below the root.
fn remove(root: &FilePath, objects: Vec<Held>) -> Vec<object_store::Result<Path>> {
    let mut folders = BTreeSet::new();
    let mut removed = Vec::with_capacity(objects.len());
    for object in objects {
        let Some(file) = object.file else { continue };
        removed.push(match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&file, error)),
            _ => Ok(object.location),
        });
        folders.extend(file.parent().map(FilePath::to_owned));
    }
    for folder in folders {
        remove_empty(root, &folder);
    }
    removed
}

/// Deletes a folder and those above it, as long as they are empty and deeper than directly below the root.
fn remove_empty(root: &FilePath, folder: &FilePath) {
    for folder in folder.ancestors() {
        let is_deep = folder.starts_with(root) && folder != root && folder.parent() != Some(root);
        // The system refuses to delete a folder that is not empty.
        if !is_deep || std::fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

/// Shortens the paths in a refusal of many objects to the first one.
fn without_paths(error: object_store::Error) -> object_store::Error {
    match error {
        object_store::Error::PermissionDenied { path, source } => {
            object_store::Error::PermissionDenied { path: first_of(&path), source }
        }
        object_store::Error::Unauthenticated { path, source } => {
            object_store::Error::Unauthenticated { path: first_of(&path), source }
        }
        other => other,
    }
}

fn first_of(paths: &str) -> String {
    paths.split(',').next().unwrap_or_default().to_owned()
}

fn failed(path: &FilePath, source: std::io::Error) -> object_store::Error {
    let path = path.display().to_string();
    match source.kind() {
        std::io::ErrorKind::PermissionDenied => {
            object_store::Error::PermissionDenied { path, source: Box::new(source) }
        }
        _ => object_store::Error::Generic { store: FOLDER, source: Box::new(source) },
    }
}
