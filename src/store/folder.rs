//! The files below a **folder** of this machine, as the store's client lists them, and those that the client
//! hides or fails on because of their names. Symbolic links are followed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path as FilePath;
use std::time::SystemTime;

use object_store::ObjectMeta;
use object_store::path::Path;
use walkdir::{DirEntry, WalkDir};

use super::FOLDER;
use super::unusable::Unusable;
use crate::domain::KeyFault;
use crate::values::is_digits;

/// Lists every file below a folder, which may not exist: those that can be read, and those that cannot. Keys are
/// relative to the root.
pub(super) fn list(
    root: &FilePath,
    below: &FilePath,
) -> object_store::Result<(Vec<ObjectMeta>, Vec<Unusable>)> {
    let (mut objects, mut unusable) = (Vec::new(), Vec::new());
    for entry in WalkDir::new(below).min_depth(1).follow_links(true).sort_by_file_name() {
        let Some((entry, metadata)) = file(entry)? else { continue };
        let key = entry.path().strip_prefix(root).unwrap_or(entry.path());
        match fault(key) {
            Some(fault) => {
                let key = key.to_string_lossy().into_owned();
                unusable.push(Unusable { key, size: metadata.len(), fault });
            }
            None => objects.push(object(entry.path(), &metadata)?),
        }
    }
    Ok((objects, unusable))
}

/// Returns an entry with its metadata if it is a file. An entry that was deleted meanwhile is not a file, nor is a
/// broken link.
fn file(
    entry: Result<DirEntry, walkdir::Error>,
) -> object_store::Result<Option<(DirEntry, Metadata)>> {
    let found = entry.and_then(|entry| {
        let metadata = entry.metadata()?;
        Ok((entry, metadata))
    });
    match found {
        Ok((entry, metadata)) => Ok(metadata.is_file().then_some((entry, metadata))),
        Err(error) => match error.io_error().map(std::io::Error::kind) {
            Some(std::io::ErrorKind::NotFound) => Ok(None),
            Some(std::io::ErrorKind::PermissionDenied) => {
                let path = error.path().unwrap_or(FilePath::new("")).display().to_string();
                Err(object_store::Error::PermissionDenied { path, source: Box::new(error) })
            }
            _ => {
                let source = Box::new(error);
                Err(object_store::Error::Generic { store: FOLDER, source })
            }
        },
    }
}

/// Returns why a file cannot be read by its key, if it cannot.
fn fault(key: &FilePath) -> Option<KeyFault> {
    let Some(key) = key.to_str() else { return Some(KeyFault::NotText) };
    let name = key.rsplit('/').next().unwrap_or(key);
    match name.split_once('#') {
        Some((_, behind)) if is_digits(behind) => Some(KeyFault::UnfinishedWrite),
        _ => KeyFault::of(key),
    }
}

/// Describes a file as the store's client does.
fn object(file: &FilePath, metadata: &Metadata) -> object_store::Result<ObjectMeta> {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let since_1970 = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (inode, size) = (metadata.ino(), metadata.len());
    Ok(ObjectMeta {
        location: Path::from_absolute_path(file)?,
        last_modified: modified.into(),
        size,
        e_tag: Some(format!("{inode:x}-{:x}-{size:x}", since_1970.as_micros())),
        version: None,
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use futures::TryStreamExt;
    use object_store::ObjectStore;
    use object_store::local::LocalFileSystem;

    use super::*;

    fn write(folder: &FilePath, name: &str) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, name).expect("written");
    }

    #[tokio::test]
    async fn files_are_described_as_the_stores_client_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a folder");
        for name in ["x/a.csv", "x/b c%20é.csv", "x/y/c#d.csv", "x/.hidden", "z/a[1]{2}~.csv"] {
            write(&root, name);
        }
        symlink(root.join("z"), root.join("x/linked")).expect("a link");
        symlink(root.join("nowhere"), root.join("x/broken")).expect("a link");
        let below = Path::from_absolute_path(root.join("x")).expect("a path");
        let client = LocalFileSystem::new().list(Some(&below)).try_collect::<Vec<_>>();
        let mut expected = client.await.expect("listed");
        let (mut objects, unusable) = list(&root, &root.join("x")).expect("listed");
        expected.sort_by(|a, b| a.location.cmp(&b.location));
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        assert_eq!(objects, expected);
        assert_eq!((objects.len(), unusable.len()), (5, 0));
        assert!(list(&root, &root.join("nowhere")).expect("listed").0.is_empty());
    }

    #[test]
    fn files_with_unusable_names_are_set_aside_one_by_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for name in ["x/a.csv", "x/a\n.csv", "x/b.csv#12"] {
            write(root, name);
        }
        std::fs::write(root.join(OsStr::from_bytes(b"x/\xff.csv")), "1").expect("written");
        let (objects, unusable) = list(root, &root.join("x")).expect("listed");
        assert_eq!(objects.len(), 1);
        let found: Vec<_> = unusable.iter().map(|one| (one.key.as_str(), one.fault)).collect();
        assert_eq!(
            found,
            [
                ("x/a\n.csv", KeyFault::ControlCharacter),
                ("x/b.csv#12", KeyFault::UnfinishedWrite),
                ("x/\u{fffd}.csv", KeyFault::NotText),
            ]
        );
    }
}
