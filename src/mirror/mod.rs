//! A **mirror** is a source file in columnar form: its columns by name, all text, and where each
//! row came from. To mirror a file is to read its CSV once, and never again.
//!
//! The reader is a crate of its own, [`backfill_csv`]: its documentation says what it accepts, rejects,
//! normalises and counts.
//!
//! # Where mirrors lie
//! ```text
//! <staging>/mirror/<dataset>/_file_date=2025-09-22/<stem>-<hash>.parquet
//! <staging>/rejects/<dataset>/_file_date=2025-09-22/<stem>-<hash>.parquet
//! ```
//! The hash covers key, version of the object, dialect and reader, so that a changed object gets a
//! new mirror and an unchanged one is never read again. The rejects of a file are written before
//! its mirror becomes visible.

mod fetch;
mod rejected;
mod write;

pub use rejected::{Rejected, rejected};
pub use write::{Mirror, Mirrored, Note, mirror};

use backfill_csv::{InvalidHeader, ReadError, Reason};
use datafusion::parquet::errors::ParquetError;

/// What can go wrong while files are mirrored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A source file cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// The source file.
        file: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// A source file lies in an archive.
    #[error("cannot read {file}: it is archived")]
    Archived {
        /// The source file.
        file: String,
    },
    /// A mirror or its rejects cannot be written.
    #[error("cannot write {path} to staging")]
    Write {
        /// The object.
        path: String,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// Staging cannot be looked at.
    #[error("cannot read {path} in staging")]
    Staging {
        /// The object or prefix.
        path: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// The rejects of a file cannot be read.
    #[error("cannot read {path} in staging")]
    Rejects {
        /// The object.
        path: String,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// The work was given up before it was done.
    #[error("mirroring {file} was given up")]
    GivenUp {
        /// The source file.
        file: String,
    },
}

impl Error {
    /// The store's refusal behind the error, where there is one.
    pub fn store_error(&self) -> Option<&object_store::Error> {
        match self {
            Self::Read { source: ReadError::Read { source, .. }, .. } => find_store_error(source),
            Self::Write { source: ParquetError::External(source), .. } => {
                find_store_error(&**source)
            }
            Self::Staging { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Whether a source file is gone that was there when the files were listed.
    pub fn is_gone(&self) -> bool {
        let is_gone = |error| matches!(error, &object_store::Error::NotFound { .. });
        matches!(self, Self::Read { .. }) && self.store_error().is_some_and(is_gone)
    }

    /// Whether the header is no text in the encoding that the dataset says.
    pub fn is_about_the_encoding(&self) -> bool {
        let header = InvalidHeader::Unreadable(Reason::Encoding);
        matches!(self, Self::Read { source: ReadError::Header(found), .. } if *found == header)
    }

    /// Whether the store fails, and not the file.
    pub fn is_about_the_store(&self) -> bool {
        self.store_error()
            .is_some_and(|error| !matches!(error, object_store::Error::Precondition { .. }))
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source: ReadError::Header(_), .. } => Some(
                "a file without usable column names cannot be loaded by name: have it exported \
                 again, or narrow the key pattern so that it is left out"
                    .to_owned(),
            ),
            Self::Read { .. } if self.is_gone() => Some(
                "it was there when the files were listed, and is gone; run again to see what is \
                 there now"
                    .to_owned(),
            ),
            Self::Archived { .. } => Some(
                "restore the object from Glacier or Deep Archive (aws s3api restore-object) and run \
                 again when it is back, or leave its day out of the range"
                    .to_owned(),
            ),
            Self::Write { .. } => Some(
                "check that the staging area has room and may be written; run again: the mirrors \
                 that are whole are kept"
                    .to_owned(),
            ),
            _ => self.store_error().map(crate::source::store_hint),
        }
    }
}

/// The store's error somewhere in a chain of causes, also inside wrapped I/O errors.
fn find_store_error<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a object_store::Error> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<object_store::Error>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        current = match inner {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    None
}
