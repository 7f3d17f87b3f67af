//! A **ledger entry** is what the ledger knows about a file that was loaded.

use crate::domain::{DateRange, FileDate, Identity, RowSet};
use crate::stage::Counts;

/// A file as the ledger knows it.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    /// The name by which rows refer to the file.
    pub file_name: String,
    /// Its file date when it was loaded.
    pub date: FileDate,
    /// Which version of the object was loaded.
    pub identity: Identity,
    /// The SQL that staged it.
    pub sql_hash: String,
    /// The counts up to staging.
    pub counts: Counts,
    /// Rows that were inserted.
    pub inserted: u64,
    /// Rows that replaced older ones of the target.
    pub updated: u64,
    /// Rows that were left out because the target had newer ones.
    pub skipped_older: u64,
    /// Rows that the target should hold of the file: those that were inserted or updated, without those that
    /// newer rows of other files have replaced since.
    pub held: u64,
    /// Rows that somebody deleted from the target on purpose.
    pub deleted_on_purpose: u64,
    /// Whether the file has to be merged again, because rows that were left out may belong in the target now.
    pub again: bool,
    /// The digest of the set of its surviving rows.
    pub survivors: String,
    /// The run that loaded it.
    pub run_id: String,
    /// Its batch in that run.
    pub batch: usize,
    /// The transactions that inserted its rows, as decimal 64-bit ids: that of its batch, and those that brought
    /// some of its rows back. Empty if the ledger has lost them.
    pub xids: Vec<String>,
    /// The range of that run; its rows were compared with the files of this range.
    pub range: DateRange,
}

impl LedgerEntry {
    /// Whether its rows were compared with those of every file date of `range`.
    pub fn has_seen(&self, range: DateRange) -> bool {
        self.range.covers(range)
    }

    /// Whether other rows of it survive in `range` than were loaded. If the range lacks dates that the run
    /// had, more of its rows may survive only for that reason, so that more rows do not count as a change.
    pub fn is_outdated(&self, range: DateRange, survivors: &RowSet) -> bool {
        if range.covers(self.range) {
            survivors.digest() != self.survivors
        } else {
            survivors.count() + self.counts.superseded < self.counts.accepted
        }
    }
}
