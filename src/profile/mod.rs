//! A **profile** says what the values of a column are like in one source file: how many there are, how
//! long, of which shapes and kinds. It is computed from the mirror, stored in staging where
//! [`layout`](crate::store::layout) says, and never computed twice.
//!
//! Its hash covers the mirror's hash, the profile's version and which columns are personal. Of a personal column only
//! shapes and counts are kept, and no value. Of other columns the quantiles of numbers are kept, and all values if
//! there are few.

mod column;
mod keep;
mod rows;
mod task;
mod unclear;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use keep::{Error, profiles};
pub use task::Task;
pub use unclear::settle;

use crate::values::Kind;

/// A column with more different values than this in a file has no list of them.
pub const FEW_VALUES: usize = 64;
/// Values longer than this (in characters) are never listed.
pub const SHORT_VALUE: usize = 40;
/// The most shapes counted individually per column; the rest are counted together.
pub const SHAPES: usize = 64;
/// The most shapes kept of values that are encoded twice.
pub const FEW_SHAPES: usize = 3;

/// The profile of a source file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileProfile {
    /// Its accepted rows.
    pub rows: u64,
    /// Its columns, in the order of its header.
    pub columns: Vec<Profile>,
    /// The digest of its rows: the same for two files that have the same columns and the same rows, whatever the
    /// order of either.
    pub digest: String,
}

/// The profile of a column in a source file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The column.
    pub name: String,
    /// Rows whose field is empty.
    pub empty: u64,
    /// Rows that say in another way that there is no value: `NA`, `None`, zero dates.
    pub null_like: u64,
    /// Rows with a value that is neither empty nor null-like. All fields below are about these.
    pub given: u64,
    /// About how many different values there are (HyperLogLog, a standard error of 1.6 %).
    pub distinct: u64,
    /// Characters of the shortest value.
    pub shortest: u64,
    /// Characters of the longest value.
    pub longest: u64,
    /// Rows per kind.
    pub kinds: BTreeMap<Kind, u64>,
    /// Rows per shape, for the first [`SHAPES`] shapes.
    pub shapes: BTreeMap<String, u64>,
    /// Rows of all other shapes.
    pub other_shapes: u64,
    /// Rows whose text seems to be encoded twice: `KÃ¶ln` for `Köln`.
    #[serde(default)]
    pub encoded_twice: u64,
    /// The first [`FEW_SHAPES`] shapes of such values.
    #[serde(default)]
    pub encoded_twice_shapes: BTreeSet<String>,
    /// The 0th, 1st … 100th percentile of the values that are numbers (t-digest); empty for a personal column.
    pub percentiles: Vec<f64>,
    /// Rows per value, if there are at most [`FEW_VALUES`], all short, and the column is not personal.
    pub values: Option<BTreeMap<String, u64>>,
}

impl Profile {
    /// Rows of the file.
    pub fn rows(&self) -> u64 {
        self.empty + self.null_like + self.given
    }

    /// Rows of a kind.
    pub fn of_kind(&self, kind: &Kind) -> u64 {
        self.kinds.get(kind).copied().unwrap_or_default()
    }

    /// Rows whose value is a number.
    pub fn numbers(&self) -> u64 {
        self.of_kind(&Kind::Integer) + self.of_kind(&Kind::Decimal)
    }

    /// Rows whose value is a date, in any format.
    pub fn dates(&self) -> u64 {
        self.date_kinds().map(|(_, rows)| rows).sum()
    }

    /// The format in which most dates are written; both formats if they are unclear.
    pub fn date_format(&self) -> Option<String> {
        self.date_kinds().max_by_key(|(_, rows)| *rows)?.0.date_format()
    }

    fn date_kinds(&self) -> impl Iterator<Item = (&Kind, u64)> {
        self.kinds.iter().filter(|(kind, _)| kind.is_date()).map(|(kind, rows)| (kind, *rows))
    }
}
