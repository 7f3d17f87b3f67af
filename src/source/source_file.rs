//! A **source file** is an object under a dataset's prefix whose key has a file date.

use object_store::ObjectMeta;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::domain::{FileDate, Identity};
use crate::store::path_text;

/// An object under a dataset's prefix, with the file date of its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// The name by which rows refer to it: `bucket/prefix/key`, as the live loader writes it.
    pub name: String,
    /// The key below the source URL.
    pub key: String,
    /// The calendar day in the key.
    pub date: FileDate,
    /// Where it is in the store.
    #[serde(with = "path_text")]
    pub location: Path,
    /// Which version of the object it is.
    pub identity: Identity,
}

impl SourceFile {
    /// Returns the object as the store describes it.
    pub fn object(&self) -> ObjectMeta {
        ObjectMeta {
            location: self.location.clone(),
            last_modified: self.identity.last_modified,
            size: self.identity.size,
            e_tag: self.identity.etag.clone(),
            version: None,
        }
    }

    /// Returns the key's last part, without its endings.
    pub fn stem(&self) -> &str {
        let name = self.key.rsplit('/').next().unwrap_or(&self.key);
        name.split('.').next().unwrap_or(name)
    }
}
