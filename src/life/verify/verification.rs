//! A **verification** is the result of verifying loaded files: a line for each file, and their totals.

use serde::Serialize;

use crate::state::{Account, Verdict};

/// What was found of one dataset.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// The dataset.
    pub dataset: String,
    /// The target.
    pub target: String,
    /// Every file that the ledger or the target knows, by file date, then key.
    pub files: Vec<VerifiedFile>,
    /// Files of the source that are not loaded.
    pub not_loaded: usize,
    /// Whether the target exists.
    pub target_exists: bool,
    /// Rows of the target whose loader is not known.
    pub unclaimed: UnclaimedRows,
    /// The totals of the files.
    pub totals: VerificationTotals,
    /// What a deep verification found about columns and cells; `None` if only rows were counted.
    pub cells: Option<Cells>,
}

/// Rows of the target that belong neither to the ledger, nor to files of the source, nor to dlt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnclaimedRows {
    /// Rows without a `_file_name`, in the whole target.
    pub without_file: u64,
    /// Other files, of days in the range or of unknown days.
    pub files: usize,
    /// Their rows.
    pub rows: u64,
}

/// One file.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedFile {
    /// Its counts, and the verdict.
    #[serde(flatten)]
    pub account: Account,
    /// Whether the source does not have it any more.
    pub is_gone: bool,
    /// What has changed since it was loaded.
    pub changed: Option<ChangedSince>,
    /// How its rows compare, if they were compared.
    pub rows: Option<ComparedRows>,
}

/// What has changed since a file was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangedSince {
    /// The object in the source.
    Object,
    /// The SQL, the settings of the dialect, the mode or the constants.
    Sql,
}

impl ChangedSince {
    /// The change in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Object => "the object was replaced since",
            Self::Sql => "the SQL, the csv settings, the mode or constants were edited since",
        }
    }
}

/// How the rows of one file compare, cell by cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ComparedRows {
    /// Rows that are as they were loaded.
    pub equal: u64,
    /// Rows with a different cell.
    pub different: u64,
    /// Rows that the target should hold and does not.
    pub missing: u64,
    /// Rows of the target that were not loaded, or are there twice.
    pub extra: u64,
    /// Staged rows that the target need not hold: newer rows replaced them, or they were deleted on purpose.
    pub not_held: u64,
    /// Rows that were written again after the load: somebody has updated them, or the table was restored.
    pub rewritten: u64,
    /// Whether the rows were found in staging; otherwise they were staged again from the source.
    pub is_from_staging: bool,
}

/// How many files have which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerificationTotals {
    /// Files.
    pub files: usize,
    /// Files that are as they were loaded.
    pub ok: usize,
    /// Files that could not be verified.
    pub unverified: usize,
    /// Files that are not as they were loaded.
    pub wrong: usize,
    /// Rows in the target.
    pub rows: u64,
}

/// What a deep verification found about columns and cells.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cells {
    /// The columns that differ, those with most rows first.
    pub columns: Vec<ColumnCells>,
    /// The first cells that differ.
    pub first: Vec<DifferentCell>,
    /// Columns that are not compared: they depend on the load, or the server fills them in.
    pub not_compared: Vec<String>,
    /// Columns that are not compared because the load did not give them: they were added since, or `stage.sql` does
    /// not give them.
    pub not_given: Vec<String>,
    /// Columns that were loaded and that the target does not have any more.
    pub lost: Vec<String>,
}

/// How one column differs.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnCells {
    /// Its name.
    pub column: String,
    /// Rows in which it differs.
    pub rows: u64,
    /// What some of the values look like, most frequent first.
    pub shapes: Vec<ShapePair>,
}

/// What the two values of a cell look like.
#[derive(Clone, Debug, Serialize)]
pub struct ShapePair {
    /// As it was loaded.
    pub loaded: String,
    /// As it is in the target.
    pub target: String,
    /// In how many of the examined rows.
    pub rows: u64,
}

/// A cell that differs.
#[derive(Clone, Debug, Serialize)]
pub struct DifferentCell {
    /// The name of the file.
    pub file: String,
    /// The row.
    pub row_id: i64,
    /// The column.
    pub column: String,
}

impl Verification {
    /// Whether anything could not be verified.
    pub fn has_unverified(&self) -> bool {
        self.totals.unverified > 0 || self.unclaimed != UnclaimedRows::default()
    }

    /// Counts the verdicts.
    pub fn sum(&mut self) {
        let mut totals = VerificationTotals { files: self.files.len(), ..Default::default() };
        for file in &self.files {
            totals.rows += file.account.in_target;
            match file.account.verdict {
                Verdict::Ok => totals.ok += 1,
                Verdict::Unverified(_) => totals.unverified += 1,
                Verdict::Wrong(_) => totals.wrong += 1,
                Verdict::Removed => {}
            }
        }
        self.totals = totals;
    }
}
