//! A **listing** is every key under a dataset's prefix: those that a run reads, and the others with the reason why
//! it does not.

use std::fmt;

use serde::Serialize;

use super::{Sizes, SourceFile};
use crate::domain::{DateRange, Event, Finding, KeyFault};

/// Every key under a dataset's prefix: what a run reads, and what it does not and why.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The requested range.
    pub range: DateRange,
    /// The source files in range, by file date, then key.
    pub files: Vec<SourceFile>,
    /// Every other key, in the store's order.
    pub ignored: Vec<Ignored>,
    /// What a person should know about the range before loading it.
    pub findings: Vec<Finding>,
    /// The files just before and just after the range, to compare with: seven files on each side.
    pub around: Vec<SourceFile>,
    /// The sizes of all days that have files, inside and outside the range.
    pub sizes: Sizes,
}

/// A key that is not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// The key below the source URL.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// Why it is not read.
    pub reason: Reason,
}

/// Why a key is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The file date lies before or after the range.
    OutOfRange,
    /// The key does not have the shape of the dataset's key pattern, so it has no file date.
    NoDate,
    /// The key has the pattern's shape, but its digits are not a calendar day.
    ImpossibleDate,
    /// The key has the pattern's shape, but the year in it is before 1900 or after 2100.
    FarYear,
    /// The key has the pattern's shape, but its period ends before it begins.
    BackwardPeriod,
    /// The object has no bytes, and the configuration says to pass over such objects.
    ZeroBytes,
    /// The key cannot be read as it is.
    #[serde(untagged)]
    UnusableKey(KeyFault),
}

impl Reason {
    /// Whether the key has no date by the dataset's pattern.
    pub fn is_undated(self) -> bool {
        match self {
            Self::NoDate | Self::ImpossibleDate | Self::FarYear | Self::BackwardPeriod => true,
            Self::OutOfRange | Self::ZeroBytes | Self::UnusableKey(_) => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "outside the range",
            Self::NoDate => "the key does not match the key pattern",
            Self::ImpossibleDate => "the date in the key is not a calendar day",
            Self::FarYear => "the year in the key is before 1900 or after 2100",
            Self::BackwardPeriod => "the period in the key ends before it begins",
            Self::ZeroBytes => "zero bytes",
            Self::UnusableKey(fault) => return fault.fmt(f),
        })
    }
}

impl Listing {
    /// Makes a listing of known files, without other keys and without findings.
    pub fn of_files(range: DateRange, files: Vec<SourceFile>) -> Self {
        let (ignored, findings, around, sizes) = Default::default();
        Self { range, files, ignored, findings, around, sizes }
    }

    /// Reports the days whose newest file is another one if names are compared as plain text.
    pub fn days_in_plain_order(&self) -> Vec<Event> {
        self.findings.iter().filter_map(plain_name_order).collect()
    }
}

/// Returns what to report of a day with several files if plain text order makes another file the newest.
fn plain_name_order(finding: &Finding) -> Option<Event> {
    let Finding::SeveralFiles { date, keys } = finding else { return None };
    let (natural, plain) = (keys.last()?, keys.iter().max()?);
    (natural != plain).then(|| Event::PlainNameOrder {
        date: *date,
        plain: plain.clone(),
        natural: natural.clone(),
    })
}
