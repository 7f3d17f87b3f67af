//! An **inventory** goes through the objects below a folder of a store, one after the other, and deletes those
//! that are chosen. Of a folder on this machine it also sees what killed writes have left, and it follows no
//! symbolic link.

use std::collections::BTreeSet;
use std::path::{Path as FilePath, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use futures::SinkExt;
use futures::channel::mpsc;
use futures::executor::block_on;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;

use super::Store;
use crate::domain::{ErrorKind, Explain};

/// Objects of a folder that are read ahead.
const AHEAD: usize = 1000;

/// What can go wrong while a store is gone through.
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
            // Of one object among many no store says whether its refusal may pass.
            Self::Delete { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Delete { .. } => {
                "check that objects in staging may be deleted (s3:DeleteObject, or its like), and \
                                    run again: what is deleted stays deleted"
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

/// The objects below a folder, in no order. There may be no such folder.
pub fn walk(store: &Store, folder: &str) -> BoxStream<'static, Result<Held, Error>> {
    let place = store.display(folder);
    let failed = move |source| Error::List { place: place.clone(), source };
    if let Some(root) = store.folder() {
        return files(root.join(folder)).map_err(failed).boxed();
    }
    let objects = store.objects.list(Some(&store.path(folder)));
    let held = |object: object_store::ObjectMeta| Held {
        location: object.location,
        size: object.size,
        modified: object.last_modified,
        file: None,
    };
    objects.map_ok(held).map_err(failed).boxed()
}

/// The names of the folders directly below a folder. There may be no such folder.
///
/// # Errors
/// [`Error::List`].
pub async fn folders(store: &Store, folder: &str) -> Result<Vec<String>, Error> {
    let failed = |source| Error::List { place: store.display(folder), source };
    let Some(root) = store.folder() else {
        let listed = store.objects.list_with_delimiter(Some(&store.path(folder))).await;
        let prefixes = listed.map_err(failed)?.common_prefixes;
        let name = |prefix: Path| prefix.filename().map(str::to_owned);
        return Ok(prefixes.into_iter().filter_map(name).collect());
    };
    let mut names = Vec::new();
    for entry in entries(&root.join(folder)).map_err(failed)? {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// Deletes objects. One that is not there any more is as good as deleted. Returns those that could not be
/// deleted, and why the first could not.
pub async fn delete(store: &Store, objects: &[Held]) -> (Vec<Path>, Option<object_store::Error>) {
    let mut left: BTreeSet<Path> = objects.iter().map(|object| object.location.clone()).collect();
    let mut first = None;
    let mut take = |deleted: Result<Path, object_store::Error>| match deleted {
        Ok(path) => drop(left.remove(&path)),
        Err(object_store::Error::NotFound { path, .. }) => {
            left.retain(|left| !path.ends_with(left.as_ref()));
        }
        Err(error) => first = first.take().or_else(|| Some(without_paths(error))),
    };
    if let Some(root) = store.folder() {
        let (root, objects) = (root.to_owned(), objects.to_vec());
        let deleted = tokio::task::spawn_blocking(move || remove(&root, objects));
        deleted.await.unwrap_or_default().into_iter().for_each(take);
    } else {
        let paths: Vec<_> = objects.iter().map(|object| Ok(object.location.clone())).collect();
        let mut deleted = store.objects.delete_stream(stream::iter(paths).boxed());
        while let Some(deleted) = deleted.next().await {
            take(deleted);
        }
    }
    // What was not found is only known by the answer about another object of the same request.
    if first.is_none() {
        left.clear();
    }
    (left.into_iter().collect(), first)
}

/// Every file below a folder, read by a thread that may block.
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

/// The files of one folder; the folders in it are added to those that wait.
fn found(folder: &FilePath, waiting: &mut Vec<PathBuf>) -> Vec<object_store::Result<Held>> {
    let entries = match entries(folder) {
        Ok(entries) => entries,
        Err(error) => return vec![Err(error)],
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.path();
        // This says of a link that it is one.
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

/// The entries of a folder; none if it does not exist, or is a link.
fn entries(folder: &FilePath) -> object_store::Result<Vec<std::fs::DirEntry>> {
    let read = || match std::fs::symlink_metadata(folder)?.is_dir() {
        true => std::fs::read_dir(folder)?.collect(),
        false => Ok(Vec::new()),
    };
    match read() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| failed(folder, error)),
    }
}

/// A file as an object; `None` if its name cannot be that of one.
fn held(file: PathBuf, metadata: &std::fs::Metadata) -> Option<object_store::Result<Held>> {
    let location = Path::from_absolute_path(&file).ok()?;
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH).into();
    Some(Ok(Held { location, size: metadata.len(), modified, file: Some(file) }))
}

/// Deletes files, and the folders that are empty without them, but for those directly below the root.
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
        let inside = |folder: &&FilePath| {
            folder.starts_with(root) && *folder != root && folder.parent() != Some(root)
        };
        let mut empty = Some(folder.as_path()).filter(inside);
        // One that holds something is left alone.
        while let Some(folder) = empty.filter(|folder| std::fs::remove_dir(folder).is_ok()) {
            empty = folder.parent().filter(inside);
        }
    }
    removed
}

/// A refusal of many objects without the paths of all of them.
fn without_paths(error: object_store::Error) -> object_store::Error {
    let first = |paths: String| paths.split(',').next().unwrap_or_default().to_owned();
    match error {
        object_store::Error::PermissionDenied { path, source } => {
            object_store::Error::PermissionDenied { path: first(path), source }
        }
        object_store::Error::Unauthenticated { path, source } => {
            object_store::Error::Unauthenticated { path: first(path), source }
        }
        other => other,
    }
}

fn failed(path: &FilePath, source: std::io::Error) -> object_store::Error {
    let path = path.display().to_string();
    match source.kind() {
        std::io::ErrorKind::PermissionDenied => {
            object_store::Error::PermissionDenied { path, source: Box::new(source) }
        }
        _ => object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(source) },
    }
}
