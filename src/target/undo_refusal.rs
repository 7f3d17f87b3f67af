//! Why a run is not **undone**.

use crate::domain::{ErrorKind, Explain};

/// Why a run is not undone; nothing of the batch in question is changed then.
#[derive(Debug, thiserror::Error)]
pub enum UndoRefusal {
    /// The ledger does not know the run.
    #[error("{}", unknown(run))]
    UnknownRun {
        /// What was asked for.
        run: String,
    },
    /// Later runs depend on it.
    #[error("run {run} loaded {table}, and later runs depend on that: {}", later.join(", "))]
    LaterRuns {
        /// The run.
        run: String,
        /// The target.
        table: String,
        /// Each later run, with the reason.
        later: Vec<String>,
    },
    /// Rows that it replaced or deleted are no longer kept.
    #[error(
        "run {run} replaced or deleted {replaced} rows of {table} in batch {batch}, but only {kept} of them are kept"
    )]
    NotKept {
        /// The run.
        run: String,
        /// The target.
        table: String,
        /// The batch.
        batch: usize,
        /// Rows that are gone.
        replaced: u64,
        /// Rows that could be brought back.
        kept: u64,
    },
    /// Others have changed rows that it wrote, or added some to its files.
    #[error("other programs inserted or changed rows of the run's files in {table} since: {}", files.join("; "))]
    ChangedRows {
        /// The target.
        table: String,
        /// Each file, with the number of rows.
        files: Vec<String>,
    },
    /// The target lacks columns that the rows had.
    #[error("the columns of {table} differ from those of the rows to restore: {}", columns.join(", "))]
    ColumnsGone {
        /// The target.
        table: String,
        /// Those that are gone, or have another type.
        columns: Vec<String>,
    },
    /// Others have inserted rows with the keys of rows that would come back.
    #[error(
        "{rows} rows from before run {run} cannot be restored, because other programs inserted rows with the same \
         keys ({}) into {table}",
        key.join(", ")
    )]
    KeysTaken {
        /// The run.
        run: String,
        /// The target.
        table: String,
        /// The key by which the run merged its rows.
        key: Vec<String>,
        /// How many rows would be duplicates.
        rows: u64,
    },
    /// The target does not exist, or is a view.
    #[error("the rows of run {run} cannot be recognised in {table}: {reason}")]
    NotATable {
        /// The run.
        run: String,
        /// The target.
        table: String,
        /// Why.
        reason: &'static str,
    },
    /// Undoing would change other tables or fire triggers.
    #[error("undoing the run would change other tables or fire triggers: {}", effects.join(", "))]
    SideEffects {
        /// What would change.
        effects: Vec<String>,
    },
    /// Rows would come back of files of which somebody deleted rows on purpose.
    #[error(
        "undoing run {run} restores rows of {table}, but {rows} rows of the same files were deleted since"
    )]
    DeletedOnPurpose {
        /// The run.
        run: String,
        /// The target.
        table: String,
        /// How many were deleted.
        rows: u64,
    },
}

fn unknown(run: &str) -> String {
    match run {
        "last" => "no run has loaded anything that can be undone".to_owned(),
        run => format!("the ledger has no run {run} that loaded anything"),
    }
}

impl Explain for UndoRefusal {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownRun { .. } => ErrorKind::Usage,
            Self::LaterRuns { .. }
            | Self::NotKept { .. }
            | Self::ChangedRows { .. }
            | Self::ColumnsGone { .. }
            | Self::KeysTaken { .. }
            | Self::NotATable { .. }
            | Self::SideEffects { .. }
            | Self::DeletedOnPurpose { .. } => ErrorKind::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownRun { .. } => "`backfill status` lists the runs",
            Self::LaterRuns { .. } => "first undo these runs, beginning with the latest",
            Self::NotKept { .. } => {
                "undo.keep_days in backfill.toml sets how long rows are kept; to make the table match the source \
                 files, use `backfill run --reload`"
            }
            Self::ChangedRows { .. } => {
                "rows of other programs are never deleted: find them by these values of _file_name, and delete them \
                 yourself if they are not needed. If an ALTER TABLE rewrote the table, or a dump was restored, every \
                 row looks changed"
            }
            Self::ColumnsGone { .. } => "restore these columns with the types that they had",
            Self::KeysTaken { .. } => {
                "each of these keys would have two rows: keep the newer rows and do not undo the run, or delete them \
                 yourself and then undo the run"
            }
            Self::NotATable { .. } => {
                "delete the rows yourself, by their _file_name, and record it with `backfill accept`"
            }
            Self::SideEffects { .. } => "--allow-side-effects allows it",
            Self::DeletedOnPurpose { .. } => {
                "the rows to restore may be older versions of the deleted ones; --restore-deleted restores them \
                 anyway"
            }
        };
        Some(hint.to_owned())
    }
}
