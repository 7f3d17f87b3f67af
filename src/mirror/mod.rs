//! A **mirror** is a source file in columnar form: its columns by name, all as text, and for each row where it came
//! from. To mirror a file is to read its CSV once, and never again.
//!
//! The reader is a crate of its own, [`backfill_csv`]: its documentation says what it accepts, rejects,
//! normalises and counts.
//!
//! Mirrors and rejects lie in staging as [`layout`](crate::store::layout) says. The hash in their names
//! covers key, version of the object, dialect and reader, so that a changed object gets a new mirror and
//! an unchanged one is never read again. The rejects of a file are written before its mirror becomes
//! visible.

mod around;
mod earlier;
mod fetch;
mod oddities;
mod rejected;
mod step;
mod task;

use std::sync::Arc;

use backfill_csv::{InvalidHeader, ReadError, Reason, Summary};
use datafusion::parquet::errors::ParquetError;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use around::around;
pub use earlier::{EarlierRejects, earlier_rejects};
pub use fetch::RANGE_BYTES;
pub use oddities::oddities;
pub use rejected::{RejectReason, Rejected, by_reason, rejected};
pub use step::{kept, mirror};
pub use task::{Stop, Task};

use crate::domain::{DateRange, ErrorKind, Explain, Finding};
use crate::source::{Ignored, SourceFile};
use crate::store::{self, path_text};

/// Every source file of a range in columnar form.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// The range.
    pub range: DateRange,
    /// The files, by file date, then key.
    pub files: Vec<Arc<Mirrored>>,
    /// The keys that are not read.
    pub ignored: Vec<Ignored>,
    /// What listing found out.
    pub findings: Vec<Finding>,
}

impl Mirror {
    /// Returns the key and the columns of every file.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.files.iter().map(|file| (file.file.key.as_str(), file.note.summary.header.as_slice()))
    }
}

/// A source file in columnar form.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mirrored {
    /// The source file.
    pub file: SourceFile,
    /// Where the mirror lies in staging.
    #[serde(with = "path_text")]
    pub path: Path,
    /// Size of the mirror in bytes.
    pub size: u64,
    /// Its rejects, if there are any.
    pub rejects: Option<StagedObject>,
    /// What was read.
    pub note: Note,
}

/// An object of staging.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedObject {
    /// Where it lies.
    #[serde(with = "path_text")]
    pub path: Path,
    /// Size in bytes.
    pub size: u64,
}

/// The note that a mirror carries about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What was read of the file.
    pub summary: Summary,
    /// How the file is compressed.
    pub compression: String,
}

impl Note {
    /// Whether records were rejected.
    pub fn has_rejects(&self) -> bool {
        self.summary.rejected > 0
    }
}

impl Mirrored {
    /// Returns what identifies the mirror's content: the hash in its name.
    pub fn hash(&self) -> &str {
        let name = self.path.filename().unwrap_or_default();
        name.trim_end_matches(".parquet").rsplit('-').next().unwrap_or_default()
    }
}

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
    /// The dialect cannot be written down.
    #[error("the dialect of the dataset cannot be written as JSON")]
    Dialect(#[source] serde_json::Error),
    /// The work was cancelled before it was done.
    #[error("mirroring {file} was cancelled")]
    Cancelled {
        /// The source file.
        file: String,
    },
}

impl Error {
    /// Returns the store's error behind this one, if there is one.
    pub fn store_error(&self) -> Option<&object_store::Error> {
        match self {
            Self::Read { source, .. } => store::find_error(source),
            Self::Write { source, .. } | Self::Rejects { source, .. } => store::find_error(source),
            Self::Staging { source, .. } => Some(source),
            Self::Archived { .. } | Self::Dialect(_) | Self::Cancelled { .. } => None,
        }
    }

    /// Whether a source file is gone that was there when the files were listed.
    fn is_gone(&self) -> bool {
        matches!(self, Self::Read { .. })
            && matches!(self.store_error(), Some(object_store::Error::NotFound { .. }))
    }

    /// Whether the header is not text in the encoding of the dataset.
    pub fn is_about_the_encoding(&self) -> bool {
        let header = InvalidHeader::Unreadable(Reason::Encoding);
        matches!(self, Self::Read { source: ReadError::Header(found), .. } if *found == header)
    }

    /// Whether a column has no name, or the name of another column; a setting allows either.
    pub fn is_about_unusable_names(&self) -> bool {
        let Self::Read { source: ReadError::Header(header), .. } = self else { return false };
        matches!(header, InvalidHeader::BlankName { .. } | InvalidHeader::DuplicateName { .. })
    }

    /// Whether a file is in another format, so that reading more of it changes nothing.
    pub fn is_about_the_format(&self) -> bool {
        let Self::Read { source: ReadError::Header(header), .. } = self else { return false };
        matches!(header, InvalidHeader::OtherFormat { .. } | InvalidHeader::NotCsv { .. })
    }

    /// Whether the compressed bytes of a file are damaged or cut short.
    fn is_about_compression(&self) -> bool {
        use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        let Self::Read { source: ReadError::Read { source, .. }, .. } = self else { return false };
        let is_damaged = matches!(source.kind(), InvalidData | InvalidInput | UnexpectedEof);
        is_damaged && self.store_error().is_none()
    }

    /// Says what is wrong with the compressed bytes of a file, if they are damaged or cut short.
    pub fn damage(&self) -> Option<String> {
        let Self::Read { source: ReadError::Read { source, .. }, .. } = self else { return None };
        self.is_about_compression().then(|| match source.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                "its compressed data ends too early: the file is incomplete".to_owned()
            }
            _ => format!("its compressed data is damaged: {source}"),
        })
    }

    /// Whether the store fails, and not the file.
    pub fn is_about_the_store(&self) -> bool {
        self.store_error()
            .is_some_and(|error| !matches!(error, object_store::Error::Precondition { .. }))
    }
}

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        if self.is_gone() {
            return ErrorKind::Transient;
        }
        match self {
            Self::Read {
                source:
                    ReadError::Header(_)
                    | ReadError::Doubtful { .. }
                    | ReadError::OtherHeader { .. }
                    | ReadError::OtherEncoding { .. }
                    | ReadError::Page { .. },
                ..
            } => ErrorKind::Refused,
            Self::Read { .. } if self.is_about_compression() => ErrorKind::Refused,
            Self::Read { source: ReadError::Dialect(_), .. } => ErrorKind::Usage,
            Self::Read {
                source: source @ (ReadError::Read { .. } | ReadError::Arrow(_)), ..
            } => store::kind_behind(source),
            Self::Write { source, .. } | Self::Rejects { source, .. } => store::kind_behind(source),
            Self::Staging { source, .. } => store::kind(source),
            Self::Archived { .. } | Self::Dialect(_) | Self::Cancelled { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { source: ReadError::Header(header), .. } => header_hint(header),
            Self::Read { source: ReadError::Doubtful { .. }, .. } => {
                "nothing of the file is used; repair the quote in the file, set csv.quote or csv.escape to the right \
                 character, or leave its day out of the range"
            }
            Self::Read { source: ReadError::OtherHeader { .. }, .. } => {
                "nothing of the file is used; have it exported again, or split it there; if that line is a row of \
                 data, set csv.repeated_header = \"accept\", and if csv.header_pattern matches it by accident, \
                 make the pattern narrower"
            }
            Self::Read { source: ReadError::Page { .. }, .. } => {
                "nothing of the file is used; have it exported again: it ends with an error message"
            }
            Self::Read { source: ReadError::OtherEncoding { .. }, .. } => {
                "nothing of the file is used; have it exported again in one encoding, or split it there"
            }
            Self::Read { .. } if self.is_about_compression() => {
                "nothing of the file is used; it is compressed, and incomplete or damaged: upload it again, or leave \
                 its day out of the range"
            }
            Self::Read { .. } if self.is_gone() => {
                "it existed when the files were listed and has been deleted since; run again to list the files again"
            }
            Self::Archived { .. } => {
                "restore the object from Glacier or Deep Archive (aws s3api restore-object) and run again once it is \
                 restored, or leave its day out of the range"
            }
            Self::Write { .. }
                if self.store_error().is_none_or(|error| !store::is_transient(error)) =>
            {
                "check that the staging area has free space and is writable, and run again: complete mirrors are kept"
            }
            Self::Dialect(_) | Self::Cancelled { .. } => return None,
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Staging { .. }
            | Self::Rejects { .. } => {
                return self.store_error().map(store::hint);
            }
        };
        Some(hint.to_owned())
    }
}

/// Says what to do about a header that cannot be used.
fn header_hint(header: &InvalidHeader) -> &'static str {
    match header {
        InvalidHeader::BlankName { .. } | InvalidHeader::DuplicateName { .. } => {
            "set csv.unusable_names = \"suffix\" for the dataset to give such columns distinct names, have the file \
             exported again, or narrow the key pattern so that it is left out"
        }
        InvalidHeader::AmbiguousAlias { .. } => {
            "keep only one of the two names under csv.aliases of the dataset"
        }
        InvalidHeader::UncertainDelimiter => {
            "set csv.delimiter for the dataset (for files with one column, to a character that does not occur in \
             them); if there are lines above the header, set csv.skip_lines, csv.header_names or csv.comment"
        }
        InvalidHeader::LooksLikeData { .. } => {
            "if the files have no header, name their columns with csv.names; if there are lines above it, set \
             csv.skip_lines, csv.header_names or csv.comment; otherwise have the file exported again, or narrow the \
             key pattern so that it is left out"
        }
        InvalidHeader::Unreadable(Reason::Encoding) => {
            "name the encodings of the files, such as csv = { encoding = [\"utf-8\", \"windows-1252\"] }: each file \
             is read in the first encoding that fits it; or narrow the key pattern so that the file is left out"
        }
        InvalidHeader::Unreadable(Reason::OtherEncoding) => {
            "the header is in another encoding than most lines below it, as if two files had been concatenated; have \
             it exported again, or narrow the key pattern so that it is left out"
        }
        InvalidHeader::OtherFormat { .. } => {
            "only CSV is read, plain or compressed once with gzip, zstd or bzip2: take the CSV files out of an \
             archive, save a workbook as CSV, or narrow the key pattern so that the file is left out"
        }
        InvalidHeader::OtherDelimiter { .. } => {
            "remove csv.delimiter for the dataset, so that the first line of each file decides"
        }
        InvalidHeader::NotFound => {
            "look at the first lines of the file, and set csv.header_names to names that its header has, or narrow \
             the key pattern so that the file is left out"
        }
        InvalidHeader::SeveralSeparators => {
            "fields must be separated by one character, csv.delimiter: have the file exported that way, or narrow the \
             key pattern so that it is left out"
        }
        InvalidHeader::Unreadable(
            Reason::TextAfterQuote | Reason::UnterminatedQuote | Reason::LostDelimiter,
        ) => {
            "look at the quotes in the header: if there are backslashes before them, set csv.escape; if there are \
             blanks before them, set csv.blanks_after_delimiter = \"skip\"; if fields have other quotes or none, set \
             csv.quote; otherwise have the file exported again"
        }
        InvalidHeader::NotCsv { .. }
        | InvalidHeader::ControlCharacter { .. }
        | InvalidHeader::Missing
        | InvalidHeader::Unreadable(_)
        | InvalidHeader::Endless
        | InvalidHeader::TooManyColumns
        | InvalidHeader::ReservedName { .. } => {
            "the columns of a file are found by their names, and this file has no usable names: have it exported \
             again, or narrow the key pattern so that it is left out"
        }
    }
}
