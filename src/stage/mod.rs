//! **Staging** is the Parquet result of the SQL: exactly the rows to load. Its paths are those of
//! [`layout`](crate::store::layout).
//!
//! A batch is loaded as soon as its manifest is written, while the next ones are staged; the manifest of the whole
//! range is written last. The folder's fingerprint covers everything that determines a value. So a run finds the files
//! that an earlier one has staged, and any Parquet tool that reads the folder reads exactly the rows to load.
//!
//! `stage.sql` is row-wise: names, casts, clean-up, and which rows to leave out. It is run for one source file at a
//! time, and a plan in which rows depend on each other is refused.

mod area;
mod kept;
mod locate;
mod manifest;
mod read;
mod step;
mod survivors;
mod task;

use datafusion::parquet::errors::ParquetError;

pub use area::{Area, is_of_today};
pub use kept::{Kept, KeptFile};
pub use manifest::{Counts, Manifest, StagedFile};
pub use read::{Rows, in_order, schema_of};
pub use step::{conclude, schema, stage, stage_rows, varying, varying_over};
pub use task::Task;

use crate::domain::{ErrorKind, Explain};
use crate::{engine, store};

/// What can go wrong while rows are staged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `stage.sql` does not plan, or fails.
    #[error("staging {what} failed")]
    Query {
        /// The dataset or the source file.
        what: String,
        /// Why.
        #[source]
        source: engine::Error,
    },
    /// `stage.sql` fails on a row.
    #[error("{path} fails on row {row_id} of {file}{}", in_column(column.as_deref()))]
    Row {
        /// The SQL file.
        path: String,
        /// The source file.
        file: String,
        /// The row.
        row_id: u64,
        /// The column that it gives; `None` if it fails in its WHERE.
        column: Option<String>,
        /// Why.
        #[source]
        source: Box<engine::Error>,
    },
    /// Rows depend on each other in `stage.sql`.
    #[error("{path} is not row-wise: it contains {what}")]
    NotRowWise {
        /// The SQL file.
        path: String,
        /// The part of the plan that is not row-wise.
        what: String,
    },
    /// `stage.sql` returns a row twice, or one that did not survive.
    #[error("{path} returns row {row_id} of {file} twice, or after dedupe.sql removed it")]
    UnexpectedRow {
        /// The SQL file.
        path: String,
        /// The source file.
        file: String,
        /// The row.
        row_id: i64,
    },
    /// `stage.sql` changes `_file_name` or `_row_id`.
    #[error("{path} changes {column}, which identifies the source of a row")]
    ChangedProvenance {
        /// The SQL file.
        path: String,
        /// The column.
        column: &'static str,
    },
    /// A staged file cannot be written.
    #[error("cannot write {path} to staging")]
    Write {
        /// The object.
        path: String,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// The manifest cannot be written.
    #[error("cannot write {path} to staging")]
    Manifest {
        /// The object.
        path: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// The work was cancelled before it was done.
    #[error("staging {file} was cancelled")]
    Cancelled {
        /// The source file.
        file: String,
    },
    /// Staging cannot be read.
    #[error("cannot read {path} in staging")]
    Staging {
        /// The object or prefix.
        path: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
}

fn in_column(column: Option<&str>) -> String {
    match column {
        Some(column) => format!(", in the column {column}"),
        None => ", in its WHERE".to_owned(),
    }
}

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Query { source, .. } => source.kind(),
            Self::Row { source, .. } => source.kind(),
            Self::NotRowWise { .. }
            | Self::UnexpectedRow { .. }
            | Self::ChangedProvenance { .. } => ErrorKind::Usage,
            Self::Write { source, .. } => store::kind_behind(source),
            Self::Manifest { source, .. } | Self::Staging { source, .. } => store::kind(source),
            Self::Cancelled { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Query { source, .. } => source.hint(),
            Self::Row { source, .. } => source.hint(),
            Self::NotRowWise { .. } => Some(
                "stage.sql is a SELECT of expressions FROM source with an optional WHERE; comparisons between rows \
                 belong in dedupe.sql or a check"
                    .to_owned(),
            ),
            Self::UnexpectedRow { .. } | Self::ChangedProvenance { .. } => {
                Some("select _file_name and _row_id unchanged, and each row once".to_owned())
            }
            Self::Write { source, .. } => Some(match store::find_error(source) {
                Some(error) if store::is_transient(error) => store::hint(error),
                _ => {
                    "check that the staging area has free space and is writable, and run again: complete files are \
                     kept"
                        .to_owned()
                }
            }),
            Self::Manifest { source, .. } | Self::Staging { source, .. } => {
                Some(store::hint(source))
            }
            Self::Cancelled { .. } => None,
        }
    }
}
