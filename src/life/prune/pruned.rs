//! What was **pruned**, or would be pruned.

use std::fmt;
use std::iter::Sum;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::store::inventory;
use crate::store::layout::Kind;

/// Why an object is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No run will use it: its source file is gone, or the file, the dialect, the SQL or the program changed.
    Outdated,
    /// A killed write has left it.
    Leftover,
    /// It is older than the rule allows.
    Old,
    /// It is among the oldest, and there are more bytes than the rule allows.
    Surplus,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outdated => "no run will use again",
            Self::Leftover => "left over from killed writes",
            Self::Old => "too old",
            Self::Surplus => "the oldest, beyond --keep-bytes",
        })
    }
}

/// A number of files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Amount {
    /// Adds a file.
    pub fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |sum, amount| Self {
            files: sum.files + amount.files,
            bytes: sum.bytes + amount.bytes,
        })
    }
}

/// The objects of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindTotals {
    /// The kind.
    pub kind: Kind,
    /// All of them.
    pub held: Amount,
    /// When the oldest was written.
    pub oldest: Option<DateTime<Utc>>,
    /// Those that are deleted.
    pub pruned: Amount,
}

/// The objects that are deleted for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct ReasonTotals {
    /// The reason.
    pub reason: Reason,
    /// How many.
    #[serde(flatten)]
    pub amount: Amount,
}

/// What was deleted from staging, or would be deleted.
#[derive(Debug, Serialize)]
pub struct Pruned {
    /// The URL of staging.
    pub staging: String,
    /// Whether objects were only counted, and not deleted.
    pub is_dry_run: bool,
    /// By kind.
    pub kinds: Vec<KindTotals>,
    /// By reason.
    pub reasons: Vec<ReasonTotals>,
    /// All objects.
    pub held: Amount,
    /// Those that are deleted.
    pub pruned: Amount,
    /// Those that are left.
    pub left: Amount,
    /// The most bytes that should be left.
    pub keep_bytes: Option<u64>,
    /// Objects in the folders of staging that are not of this program, and are left alone.
    pub not_ours: u64,
    /// The first keys of objects that could not be deleted.
    pub failed: Vec<String>,
    /// The error, if some could not be deleted.
    #[serde(skip)]
    pub failure: Option<inventory::Error>,
}
