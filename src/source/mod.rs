//! The **source**: where the exports are, and which of them a run reads.
//!
//! [`list`] takes a dataset and a range and returns a [`Listing`]: the source files in range, and
//! every other key with the reason why it is left out. Nothing under the prefix goes unmentioned.

mod key_pattern;
mod list;
mod place;
mod refusal;
mod source_file;

pub use key_pattern::{InvalidPattern, KeyMatch, KeyPattern};
pub use list::{Finding, Ignored, Listing, Reason, keys, list, survey};
pub use place::{InvalidPlace, Place, Store};
pub use source_file::{Identity, SourceFile};

/// What can go wrong while the source is read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A URL cannot be opened: a store's options contradict each other, a folder does not exist.
    #[error("cannot open {place}")]
    Open {
        /// The URL.
        place: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// The keys under a prefix cannot be listed.
    #[error("cannot list {place}")]
    List {
        /// The URL with the prefix.
        place: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// The prefix holds zero-byte objects in the range, and the configuration refuses them.
    #[error("{} zero-byte object(s) in the range: {}", keys.len(), keys.join(", "))]
    ZeroBytes {
        /// Their keys.
        keys: Vec<String>,
    },
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open { source, .. } | Self::List { source, .. } => Some(store_hint(source)),
            Self::ZeroBytes { .. } => Some(
                "an export of no bytes is an export that failed: ask for it again, or set \
                 zero_byte_files = \"skip\" for the dataset to pass over it"
                    .to_owned(),
            ),
        }
    }
}

/// What to do about an object store's refusal.
pub(crate) fn store_hint(error: &object_store::Error) -> String {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => "check the bucket, the prefix and AWS_ENDPOINT_URL",
        E::Unauthenticated { .. } | E::PermissionDenied { .. } => {
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and that they \
             may list the bucket and read (for staging: write) the prefix"
        }
        E::InvalidPath { .. } => {
            "a key there holds what no key may hold here, such as a line break; rename that object, \
             or give the dataset a narrower prefix"
        }
        E::Generic { store: "LocalFileSystem", .. } => {
            "check that the folder exists, may be read (for staging: written) and has room; run \
             again: what is done is kept"
        }
        E::Precondition { .. } => "the object was replaced while it was read; run again",
        _ => "check AWS_ENDPOINT_URL, AWS_REGION and the network; run again: what is done is kept",
    }
    .to_owned()
}

/// Whether running again may help.
pub(crate) fn is_transient(error: &object_store::Error) -> bool {
    matches!(
        error,
        object_store::Error::Generic { store: "S3", .. } | object_store::Error::Precondition { .. }
    )
}
