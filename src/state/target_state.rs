//! What the target and its ledger say about the files of a range, and what a run put there.

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
    /// What writing to the target does besides.
    pub effects: Effects,
    /// The first day that the live loader has loaded, if the target has one that is known.
    pub live_since: Option<FileDate>,
    /// Rows of the target that have no `_file_name`.
    pub unnamed: u64,
    /// Rows of the files that the live loader has put there without saying that it has finished.
    pub unfinished: u64,
    /// The last day of which rows were deleted from the target on purpose, and how many were of all days.
    pub erased: Option<Erased>,
}

/// Rows that were deleted from the target on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The last day of their files.
    pub until: FileDate,
    /// How many there were.
    pub rows: u64,
}

/// What writing to the target does to other tables and rows, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// What deleting rows would change elsewhere, such as `2 rows of public.note (constraint
    /// note_t_id_fkey, ON DELETE CASCADE)`.
    pub cascades: Vec<String>,
    /// The target's own triggers and rules that inserting rows sets off.
    pub insert_triggers: Vec<String>,
    /// Those that updating rows sets off.
    pub update_triggers: Vec<String>,
    /// Those that deleting rows sets off.
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
    /// Those that were inserted by the transaction in the ledger and never changed since; `None` as long
    /// as nobody had to know.
    pub ours: Option<u64>,
}

impl TargetRows {
    /// Rows that another program inserted or changed, as far as that is known.
    pub fn foreign(self) -> u64 {
        self.ours.map_or(0, |ours| self.total.saturating_sub(ours))
    }
}

/// A file whose rows a run might delete: whose they are has to be known first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contested {
    /// The name of the file.
    pub file_name: String,
    /// The run that loaded it.
    pub run_id: String,
    /// The transactions that inserted its rows; none if the ledger has lost them.
    pub xids: Vec<String>,
    /// Whether rows may go that do not come again: its object or its SQL is another one now.
    pub may_lose_rows: bool,
}

impl Contested {
    /// Each file with each of its transactions, as two lists of one length; a file without any comes once.
    pub fn pairs<'a>(
        files: impl IntoIterator<Item = &'a Self>,
    ) -> (Vec<&'a str>, Vec<Option<&'a str>>) {
        let mut pairs = Vec::new();
        for file in files {
            let name = file.file_name.as_str();
            match file.xids.is_empty() {
                true => pairs.push((name, None)),
                false => pairs.extend(file.xids.iter().map(|xid| (name, Some(xid.as_str())))),
            }
        }
        pairs.into_iter().unzip()
    }
}

/// What the target took of one batch.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The batch.
    pub number: usize,
    /// What was placed of each file, by name.
    pub files: Vec<(String, Placed)>,
    /// Files that another run or another loader has loaded or removed in the meantime.
    pub skipped: Vec<String>,
    /// Rows that were deleted although they are of none of these files.
    pub replaced: u64,
    /// How many other files have to be merged again.
    pub again: u64,
}
