//! An **identity** distinguishes the versions of an object under the same key.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What distinguishes the versions of an object under the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Size in bytes.
    pub size: u64,
    /// The store's tag of the content, if it has one.
    pub etag: Option<String>,
    /// When the object was written.
    pub last_modified: DateTime<Utc>,
}

impl From<&object_store::ObjectMeta> for Identity {
    fn from(object: &object_store::ObjectMeta) -> Self {
        Self { size: object.size, etag: object.e_tag.clone(), last_modified: object.last_modified }
    }
}

impl Identity {
    /// Whether both are the same version: by size and tag if both have a tag, otherwise by size and
    /// time of writing, to the second (some stores keep no fractions).
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
    fn a_tag_decides_if_both_have_one() {
        assert!(identity(1, Some("a"), 1).is_same_as(&identity(1, Some("a"), 2)));
        assert!(!identity(1, Some("a"), 1).is_same_as(&identity(1, Some("b"), 1)));
        assert!(!identity(1, Some("a"), 1).is_same_as(&identity(2, Some("a"), 1)));
    }

    #[test]
    fn time_decides_if_a_tag_is_missing() {
        assert!(identity(1, None, 1).is_same_as(&identity(1, Some("b"), 1)));
        assert!(!identity(1, None, 1).is_same_as(&identity(1, None, 2)));
    }
}
