//! The **state of the target**: what it and its ledger hold of the files of a range, and what a run loaded.

use std::collections::{HashMap, HashSet};

use crate::domain::{FileDate, Placed};

use super::LedgerEntry;

/// What the target holds of a dataset's files in a range.
#[derive(Clone, Debug, Default)]
pub struct TargetState {
    /// What the ledger knows about the files of the listing.
    pub entries: Vec<LedgerEntry>,
    /// What the ledger knows about files of the dataset that the listing does not have.
    pub others: Vec<LedgerEntry>,
    /// The names of objects that the source has and that are not read.
    pub ignored: HashSet<String>,
    /// Rows in the target, by file name.
    pub rows: HashMap<String, u64>,
    /// Whether files were removed since others were loaded, so that other rows may survive.
    pub has_lost_files: bool,
    /// What writing to the target does to other tables and rows.
    pub effects: Effects,
    /// The first day that a known live loader has loaded.
    pub live_since: Option<FileDate>,
    /// Rows of the target that have no `_file_name`.
    pub unnamed: u64,
    /// Rows of the files from loads of the live loader that it has not marked as finished.
    pub unfinished: u64,
    /// The rows of the dataset that were deleted from the target on purpose.
    pub erased: Option<Erased>,
}

/// Rows that were deleted from the target on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The last day of their files.
    pub until: FileDate,
    /// How many rows they were, over all days.
    pub rows: u64,
}

/// What writing to the target does to other tables and rows, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// What deleting rows would change elsewhere, such as `2 rows of public.note (constraint
    /// note_t_id_fkey, ON DELETE CASCADE)`.
    pub cascades: Vec<String>,
    /// The target's own triggers and rules that fire when rows are inserted.
    pub insert_triggers: Vec<String>,
    /// Those that fire when rows are updated.
    pub update_triggers: Vec<String>,
    /// Those that fire when rows are deleted.
    pub delete_triggers: Vec<String>,
    /// Foreign keys that change other rows if a column of the target changes.
    pub update_cascades: Vec<UpdateCascade>,
}

/// A foreign key that changes the rows that refer to a row of the target when its columns change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateCascade {
    /// The columns of the target that it refers to.
    pub columns: Vec<String>,
    /// What it does, in words.
    pub description: String,
}

/// Rows of one file in the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetRows {
    /// All of them.
    pub total: u64,
    /// Those that were inserted by a transaction of the ledger and never changed since; `None` if they were not
    /// counted.
    pub ours: Option<u64>,
}

impl TargetRows {
    /// Rows that another program inserted or changed, as far as that is known.
    pub fn foreign(self) -> u64 {
        self.ours.map_or(0, |ours| self.total.saturating_sub(ours))
    }
}

/// A file whose rows a run might delete. It must be known first whose rows these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contested {
    /// The name of the file.
    pub file_name: String,
    /// The run that loaded it.
    pub run_id: String,
    /// The transactions that inserted its rows; empty if the ledger has lost them.
    pub xids: Vec<String>,
    /// Whether rows may be deleted that are not loaded again, because its object or the SQL has changed.
    pub may_lose_rows: bool,
}

impl Contested {
    /// Returns each file with each of its transactions, as two lists of the same length. A file without
    /// transactions appears once.
    pub fn pairs<'a>(
        files: impl IntoIterator<Item = &'a Self>,
    ) -> (Vec<&'a str>, Vec<Option<&'a str>>) {
        let mut pairs = Vec::new();
        for file in files {
            let name = file.file_name.as_str();
            if file.xids.is_empty() {
                pairs.push((name, None));
            }
            pairs.extend(file.xids.iter().map(|xid| (name, Some(xid.as_str()))));
        }
        pairs.into_iter().unzip()
    }
}

/// What was loaded of one batch.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The batch.
    pub number: usize,
    /// What was placed of each file, by name.
    pub files: Vec<(String, Placed)>,
    /// Files that another run or another loader has loaded or removed in the meantime.
    pub skipped: Vec<String>,
    /// Rows of other files that were deleted.
    pub replaced: u64,
    /// How many other files have to be merged again.
    pub again: u64,
}
