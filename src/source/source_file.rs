//! A **source file** is an object under a dataset's prefix whose key has a file date.

use chrono::{DateTime, Utc};
use object_store::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::file_date::FileDate;

/// An object under a dataset's prefix, with the file date of its key.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The name by which rows refer to it: `bucket/prefix/key`, as the live loader writes it.
    pub name: String,
    /// The key below the source URL.
    pub key: String,
    /// The calendar day in the key.
    pub date: FileDate,
    /// Where and what it is in the store.
    pub object: ObjectMeta,
}

impl SourceFile {
    /// What tells this version of the object from another one under the same key.
    pub fn identity(&self) -> Identity {
        Identity {
            size: self.object.size,
            etag: self.object.e_tag.clone(),
            last_modified: self.object.last_modified,
        }
    }

    /// The key's last part, without its endings.
    pub fn stem(&self) -> &str {
        let name = self.key.rsplit('/').next().unwrap_or(&self.key);
        name.split('.').next().unwrap_or(name)
    }
}

/// What tells one version of an object from another under the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Size in bytes.
    pub size: u64,
    /// The store's tag of the content, where it gives one.
    pub etag: Option<String>,
    /// When the object was written.
    pub last_modified: DateTime<Utc>,
}

impl Identity {
    /// Whether both are the same version: by size and tag where both have a tag, else by size and
    /// time of writing, to the second (not every store keeps more).
    pub fn is_same_as(&self, other: &Self) -> bool {
        let same_version = match (&self.etag, &other.etag) {
            (Some(left), Some(right)) => left == right,
            _ => self.last_modified.timestamp() == other.last_modified.timestamp(),
        };
        self.size == other.size && same_version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(size: u64, etag: Option<&str>, seconds: i64) -> Identity {
        let last_modified = DateTime::from_timestamp(seconds, 5).expect("a time");
        Identity { size, etag: etag.map(str::to_owned), last_modified }
    }

    #[test]
    fn a_tag_decides_where_both_have_one() {
        assert!(identity(1, Some("a"), 1).is_same_as(&identity(1, Some("a"), 2)));
        assert!(!identity(1, Some("a"), 1).is_same_as(&identity(1, Some("b"), 1)));
        assert!(!identity(1, Some("a"), 1).is_same_as(&identity(2, Some("a"), 1)));
    }

    #[test]
    fn time_decides_where_a_tag_is_missing() {
        assert!(identity(1, None, 1).is_same_as(&identity(1, Some("b"), 1)));
        assert!(!identity(1, None, 1).is_same_as(&identity(1, None, 2)));
    }
}
