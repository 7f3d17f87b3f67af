//! The **source** is where the exports are. This module finds out which of them a run reads.
//!
//! [`list`] takes a dataset and a range and returns a [`Listing`]: the source files in the range, and every other
//! key under the prefix with the reason why it is left out.

mod findings;
mod list;
mod listing;
mod sizes;
mod source_file;

pub use list::{files, first_day, history, keys, list, survey, survey_between};
pub use listing::{Ignored, Listing, Reason};
pub use sizes::{Beside, Sizes, UnusualDay, unusual_days};
pub use source_file::SourceFile;

use crate::domain::{ErrorKind, Explain};
use crate::store;

/// What can go wrong while the source is read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::List { source, .. } => store::kind(source),
            Self::ZeroBytes { .. } => ErrorKind::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::List { source, .. } => store::hint(source),
            Self::ZeroBytes { .. } => {
                "an empty object is usually a failed export: have it exported again, or set zero_byte_files = \
                 \"skip\" for the dataset to skip it"
                    .to_owned()
            }
        })
    }
}
