//! What was **pruned**, or would be.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::store::inventory;
use crate::store::layout::Kind;

/// Why an object goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No run will use it: its source file is gone or changed, or the dialect, the SQL or the program did.
    Outdated,
    /// A write that was killed has left it.
    Leftover,
    /// It is older than was asked for.
    Old,
    /// It is among the oldest of what is too much.
    Surplus,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outdated => "no run will use again",
            Self::Leftover => "left by killed writes",
            Self::Old => "too old",
            Self::Surplus => "the oldest of too much",
        })
    }
}

/// How much there is.
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

/// The objects of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindTotals {
    /// The kind.
    pub kind: Kind,
    /// How much there was.
    pub held: Amount,
    /// When the oldest was written.
    pub oldest: Option<DateTime<Utc>>,
    /// How much of it goes.
    pub pruned: Amount,
}

/// How much goes for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct ReasonTotals {
    /// The reason.
    pub reason: Reason,
    /// How much.
    #[serde(flatten)]
    pub amount: Amount,
}

/// What was deleted of staging, or would be.
#[derive(Debug, Serialize)]
pub struct Pruned {
    /// The URL of staging.
    pub staging: String,
    /// Whether nothing was deleted, but only counted.
    pub is_dry_run: bool,
    /// By kind.
    pub kinds: Vec<KindTotals>,
    /// By reason.
    pub reasons: Vec<ReasonTotals>,
    /// How much there was.
    pub held: Amount,
    /// How much of it goes.
    pub pruned: Amount,
    /// How much is left.
    pub left: Amount,
    /// How many bytes were to be left at the most.
    pub keep_bytes: Option<u64>,
    /// Objects in the folders of staging that are not of this program, and are left alone.
    pub not_ours: u64,
    /// Keys of objects that could not be deleted, the first of them.
    pub failed: Vec<String>,
    /// That some could not be deleted.
    #[serde(skip)]
    pub failure: Option<inventory::Error>,
}
