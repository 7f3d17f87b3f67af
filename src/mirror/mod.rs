//! A **mirror** is a source file in columnar form: its columns by name, all text, and where each
//! row came from. To mirror a file is to read its CSV once, and never again.
//!
//! # What the reader accepts, rejects, normalises and counts
//! **Bytes.** gzip (all members), zstd (all frames) and bzip2 (all streams) are recognised by content,
//! whatever the name; a stream that is cut short or corrupt fails the file, and nothing of it is used.
//! A byte order mark says the encoding (UTF-8, UTF-16 of either order) and is skipped; without one it
//! is the [`Dialect`]'s. Bytes that are no text in it reject their record; none is ever replaced.
//!
//! **Records.** A record ends at LF, CRLF or CR, mixed as they come. A line of no bytes is no record:
//! it is counted as blank and has no row id. Every other record has one, counted from 0, also when it
//! is rejected. Records of up to [`MAX_RECORD_BYTES`] with up to [`MAX_COLUMNS`] fields of up to
//! [`MAX_FIELD_BYTES`] are read.
//!
//! **Fields.** The delimiter is the dialect's; where it says none, each file's header does: the comma
//! if it holds one, or else the only one that it holds of `;`, tab and `|`. A field may be quoted;
//! inside quotes a doubled quote stands for one, an escape character (where the dialect has one) makes
//! the next character text, CRLF becomes LF, and delimiters and line ends are text. A quote inside an
//! unquoted field is text and counted. NUL bytes are dropped and their records counted.
//!
//! **Headers.** A column is found by its name, and where the file lacks that, by one of the dialect's
//! aliases. A header that ends in a delimiter allows rows one empty field more. A file is refused as a
//! whole where its header gives no usable names: blank or duplicate ones (the dialect may have them
//! suffixed), reserved ones, two names of one column, or numbers and dates where names should be. The
//! dialect may give names for files that have no header.
//!
//! **Rejects.** A record is accepted where it has exactly as many fields as the header has names, and
//! rejected, with line, byte offset (in the decompressed file, UTF-16 counted as UTF-8), field counts
//! and raw bytes, for each [`Reason`]:
//!
//! | reason | the record |
//! |---|---|
//! | `too few fields`, `too many fields` | is not as wide as the header |
//! | `text after a closing quote` | goes on between a closing quote and the next delimiter |
//! | `unterminated quote` | opens a quote that is never closed |
//! | `quote in an unquoted field` | holds one, and the dialect says `bare_quotes = "reject"` |
//! | `invalid encoding` | holds bytes that are no text |
//! | `field too long`, `record too long` | exceeds a limit |
//! | `repeated header` | is the header once more |
//! | `NUL byte` | holds one, and the dialect says `nul = "reject"` |
//!
//! A faulty record that spans several lines costs the lines up to the next one that is a whole record
//! by itself, looked for within 1 MiB, so that a stray quote does not swallow the file.
//!
//! **Values.** All are text as they stand in the file, unquoted. An empty field is the empty text; a
//! column that a file lacks is NULL in the `source` table.
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
mod encoding;
mod fetch;
mod header;
mod reader;
mod records;
pub mod reject;
mod rejected;
mod start;
mod stops;
mod window;
mod write;

pub use decompress::{Compression, decompress};
pub use dialect::{BareQuotes, Dialect, InvalidDialect, Nul, UnusableNames};
pub use encoding::Encoding;
pub use header::{InvalidHeader, PROVENANCE};
pub use reader::{Batch, Error as ReadError, Reader, Summary};
pub use records::{MAX_COLUMNS, MAX_FIELD_BYTES, MAX_RECORD_BYTES};
pub use reject::{Reason, Reject};
pub use rejected::{Rejected, rejected};
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
