//! A **finding** of a listing is what a person should know about a range before loading it.

use std::fmt;

use serde::Serialize;

use super::FileDate;

/// What a person should know about a range before loading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// Days without a file, as runs of consecutive days.
    MissingDays {
        /// First missing day.
        from: FileDate,
        /// Last missing day.
        to: FileDate,
    },
    /// A day with several files.
    SeveralFiles {
        /// The day.
        date: FileDate,
        /// The keys of its files.
        keys: Vec<String>,
    },
    /// An object of no bytes in the range.
    ZeroBytes {
        /// Its key.
        key: String,
    },
    /// Keys that look like exports but have no file date.
    KeysWithoutDate {
        /// How many.
        count: usize,
        /// One of them.
        example: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingDays { from, to } if from == to => write!(f, "no file for {from}"),
            Self::MissingDays { from, to } => write!(f, "no files from {from} to {to}"),
            Self::SeveralFiles { date, keys } => {
                write!(f, "{} files for {date}: {}", keys.len(), keys.join(", "))
            }
            Self::ZeroBytes { key } => write!(f, "{key} has no bytes"),
            Self::KeysWithoutDate { count: 1, example } => {
                write!(f, "{example} is ignored: its key does not match the key pattern")
            }
            Self::KeysWithoutDate { count, example } => write!(
                f,
                "{count} keys are ignored, such as {example}: they do not match the key pattern"
            ),
        }
    }
}
