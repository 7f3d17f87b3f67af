//! A **refusal** to load: the files stand in each other's way, and the person has to decide.

use crate::domain::{DateRange, ErrorKind, Explain};

/// Why nothing is loaded.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Files or SQL changed since rows were loaded.
    #[error("{} file(s) of {table} changed since they were loaded: {}", changes.len(), changes.join("; "))]
    Changed {
        /// The target.
        table: String,
        /// Each file and what changed.
        changes: Vec<String>,
    },
    /// Rows would have to be deleted that are not ours.
    #[error(
        "rows of {} file(s) of {table} cannot be replaced, because other programs inserted or changed \
         some of them: {}",
        files.len(), files.join("; ")
    )]
    ForeignRows {
        /// The target.
        table: String,
        /// Each file and its rows.
        files: Vec<String>,
    },
    /// Deleting rows of the target would change other tables.
    #[error(
        "rows of {} file(s) of {table} would have to be deleted, and that would change {}",
        files.len(), cascades.join(", ")
    )]
    Cascade {
        /// The target.
        table: String,
        /// Each file and what changed.
        files: Vec<String>,
        /// What would change, with its constraint.
        cascades: Vec<String>,
    },
    /// Rows of files would have to be deleted whose objects are still there.
    #[error(
        "rows of {} file(s) of {table} would be deleted, but the source still has these objects, and their \
         keys are ignored: {}",
        files.len(), files.join("; ")
    )]
    StillListed {
        /// The target.
        table: String,
        /// Each file.
        files: Vec<String>,
    },
    /// Files that were loaded are gone from the source, and others would be loaded beside their rows.
    #[error(
        "{} file(s) that were loaded into {table} are gone from the source: {}",
        files.len(), files.join("; ")
    )]
    Gone {
        /// The target.
        table: String,
        /// Each file and what is left of it.
        files: Vec<String>,
    },
    /// Files would be loaded into the middle of a larger range, without those around them.
    #[error(
        "{} file(s) cannot be loaded from {range} alone: files from {loaded_with} were loaded in a \
         range with their days, and may supersede their rows: {}",
        files.len(), files.join("; ")
    )]
    NarrowRange {
        /// The keys.
        files: Vec<String>,
        /// The range that was asked for.
        range: DateRange,
        /// The range that has all files.
        loaded_with: DateRange,
    },
}

impl Explain for Refusal {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Changed { .. }
            | Self::ForeignRows { .. }
            | Self::Cascade { .. }
            | Self::StillListed { .. }
            | Self::Gone { .. }
            | Self::NarrowRange { .. } => ErrorKind::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Changed { .. } => "nothing was loaded; --reload replaces the rows of these files, \
                                     batch by batch, in the transaction that brings the new ones"
                .to_owned(),
            Self::ForeignRows { table, .. } => format!(
                "nothing was loaded, and no flag deletes these rows; if they may go, delete the rows of \
                 these files from {table} by _file_name yourself and run the same command again, or leave \
                 their days out of the range"
            ),
            Self::Cascade { .. } => "nothing was loaded, and no flag does this; make the constraint NO \
                                     ACTION DEFERRABLE INITIALLY DEFERRED, so that rows that come back \
                                     with the same key keep what refers to them, and run again"
                .to_owned(),
            Self::StillListed { .. } => "nothing was deleted; `backfill plan` says why each key is \
                                         ignored: mend the dataset's key pattern or prefix, or move the \
                                         objects away if their rows are to go"
                .to_owned(),
            Self::Gone { .. } => "nothing was loaded; put the files back, or leave their days out of the \
                                  range, or let --remove-gone delete their rows from the target, in the \
                                  transactions that bring the others"
                .to_owned(),
            Self::NarrowRange { loaded_with: range, .. } => format!(
                "nothing was loaded; say --start {} --end {}: what is loaded and did not change is \
                 skipped",
                range.start(),
                range.end()
            ),
        })
    }
}
