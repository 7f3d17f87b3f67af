//! A **store** is a place that was opened: its objects, and what they are called.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::store::refusal::{Answer, Refusals};
use crate::store::uploads::Uploads;

/// A place that was opened.
#[derive(Clone, Debug)]
pub struct Store {
    /// The store's objects; every path in it starts with the URL's own prefix.
    pub objects: Arc<dyn ObjectStore>,
    /// The URL under which a SQL session knows the store.
    pub url: ObjectStoreUrl,
    pub(super) base: Path,
    pub(super) name: String,
    pub(super) display: String,
    pub(super) folder: Option<PathBuf>,
    pub(super) refusals: Refusals,
    /// Lists the unfinished uploads, if the store can.
    pub uploads: Option<Arc<Uploads>>,
}

impl Store {
    /// Returns the path of `key` in the store.
    pub fn path(&self, key: &str) -> Path {
        key.split('/').filter(|part| !part.is_empty()).fold(self.base.clone(), |path, part| {
            // A legal path part is kept as it is, with its percent signs.
            match Path::parse(part) {
                Ok(legal) => Path::from_iter(path.parts().chain(legal.parts())),
                Err(_) => path.join(part),
            }
        })
    }

    /// Returns the key of the object at `path`, without the store's own prefix.
    pub fn key(&self, path: &Path) -> String {
        self.key_below(path.as_ref())
    }

    /// Returns a whole key without the store's own prefix.
    pub(in crate::store) fn key_below(&self, key: &str) -> String {
        let base = self.base.as_ref();
        let below = key.strip_prefix(base).and_then(|rest| rest.strip_prefix('/'));
        below.filter(|_| !base.is_empty()).unwrap_or(key).to_owned()
    }

    /// Returns the name by which rows refer to the object `key`: `bucket/prefix/key`.
    pub fn file_name(&self, key: &str) -> String {
        format!("{}/{key}", self.name)
    }

    /// Returns the URL of `key`, for people.
    pub fn display(&self, key: &str) -> String {
        format!("{}/{key}", self.display.trim_end_matches('/'))
    }

    /// Whether the store has refused to give out an object because it is archived.
    pub fn is_archived(&self, object: &Path) -> bool {
        self.refusals.is_archived(object)
    }

    /// Returns what the store's last answer said besides its content.
    pub fn last_answer(&self) -> Answer {
        self.refusals.answer()
    }

    /// Turns a listing's error into the one that the store's last answer means.
    pub fn explain(&self, error: object_store::Error, key: &str) -> object_store::Error {
        self.refusals.explain(error, key)
    }

    /// Whether it is a bucket of S3, or of a store that speaks its protocol.
    pub fn is_s3(&self) -> bool {
        self.uploads.is_some()
    }

    /// Returns the folder on this machine, if the store is one.
    pub fn folder(&self) -> Option<&FilePath> {
        self.folder.as_deref()
    }
}
