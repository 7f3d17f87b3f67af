//! A **mirror** is a source file in columnar form: its columns by name, all text, and where each
//! row came from. To mirror a file is to read its CSV once, and never again.
//!
//! # What the reader accepts, rejects, normalises and counts
//! - A record ends at LF, CRLF or CR, mixed as they come. A line of no bytes is no record: it is
//!   counted as blank and has no row id. Every other record has one, counted from 0, also when it
//!   is rejected.
//! - A field may be quoted; inside quotes a doubled quote stands for one, CRLF becomes LF, and
//!   delimiters and line ends are text. A quote inside an unquoted field is text and counted
//!   (`bare_quotes = "reject"` rejects the record).
//! - A record is accepted where it has exactly as many fields as the header has names. A header
//!   that ends in a delimiter allows one empty field more.
//! - A record is **rejected**, with line, byte offset, reason and raw bytes, for each
//!   [`Reason`]. A stray quote costs the lines up to the next line that is a whole record by
//!   itself, not the rest of the file.
//! - An empty field is the empty text; a column that a file lacks is NULL in the `source` table.
//! - NUL bytes are dropped and counted (`nul = "reject"` rejects the record).
//! - gzip, zstd and bzip2 are recognised by content. A byte order mark is skipped.
//! - A file is refused as a whole where its header gives no usable names: blank, duplicate or
//!   reserved ones, or numbers and dates where names should be.
//!
//! # Where mirrors lie
//! ```text
//! <staging>/mirror/<dataset>/_file_date=2025-09-22/<stem>-<hash>.parquet
//! <staging>/rejects/<dataset>/_file_date=2025-09-22/<stem>-<hash>.parquet
//! ```
//! The hash covers key, version of the object, dialect and reader, so that a changed object gets a
//! new mirror and an unchanged one is never read again. The rejects of a file are written before
//! its mirror becomes visible.

mod columns;
mod decompress;
mod dialect;
mod fetch;
mod header;
mod reader;
mod records;
pub mod reject;
mod stops;
mod window;
mod write;

pub use decompress::{Compression, decompress};
pub use dialect::{BareQuotes, Dialect, Encoding, InvalidDialect, Nul};
pub use header::InvalidHeader;
pub use reader::{Batch, Error as ReadError, Reader, Summary};
pub use records::MAX_FIELD_BYTES;
pub use reject::{Reason, Reject};
pub use write::{Mirror, Mirrored, Note, mirror};

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

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source: ReadError::Header(_), .. } => Some(
                "a file without usable column names cannot be loaded by name: have it exported \
                 again, or narrow the key pattern so that it is left out"
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
