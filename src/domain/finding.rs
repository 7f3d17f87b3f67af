//! A **finding** of a listing is what a person should know about a range before loading it.

use std::fmt;

use chrono::Datelike;
use serde::Serialize;

use super::{Cadence, DateRange, FileDate};

/// What a person should know about a range before loading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// A run of days, weeks or months on which a file is due by the dataset's cadence, and that have none.
    MissingDays {
        /// First missing day.
        from: FileDate,
        /// Last missing day.
        to: FileDate,
        /// How often a file is due.
        every: Cadence,
    },
    /// A day with several files.
    SeveralFiles {
        /// The day.
        date: FileDate,
        /// The keys of its files in natural order: the last one is the newest by its name.
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
        /// The first few.
        examples: Vec<String>,
    },
    /// Objects that cannot be read because of their keys.
    UnusableKeys {
        /// How many.
        count: usize,
        /// The first few, each with what is wrong with it.
        examples: Vec<String>,
    },
    /// Files whose dates have not come yet.
    FutureDates {
        /// How many.
        count: usize,
        /// The first few, each with its date.
        examples: Vec<String>,
    },
    /// Files whose dates are years away from those of most files.
    FarDates {
        /// How many.
        count: usize,
        /// The first few, each with its date.
        examples: Vec<String>,
    },
}

/// How many keys a finding names.
pub const EXAMPLES: usize = 3;

impl Finding {
    /// The last day of each missing day, week or month.
    pub fn missing_days(&self) -> Vec<FileDate> {
        match self {
            Self::MissingDays { from, to, every } => {
                every.last_days(DateRange::from(*from).hull(DateRange::from(*to))).collect()
            }
            Self::SeveralFiles { .. }
            | Self::ZeroBytes { .. }
            | Self::KeysWithoutDate { .. }
            | Self::UnusableKeys { .. }
            | Self::FutureDates { .. }
            | Self::FarDates { .. } => Vec::new(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingDays { from, to, every } => missing(f, *from, *to, *every),
            Self::SeveralFiles { date, keys } => {
                write!(f, "{} files for {date}: {}", keys.len(), keys.join(", "))?;
                match keys.last() {
                    Some(last) => write!(f, "; by its name the newest is {last}"),
                    None => Ok(()),
                }
            }
            Self::ZeroBytes { key } => write!(f, "{key} is empty (zero bytes)"),
            Self::KeysWithoutDate { count: 1, examples } => {
                write!(
                    f,
                    "{} is ignored: its key does not match the key pattern",
                    examples.concat()
                )
            }
            Self::KeysWithoutDate { count, examples } => write!(
                f,
                "{count} keys are ignored: {}; they do not match the key pattern",
                some_of(*count, examples)
            ),
            Self::UnusableKeys { count: 1, examples } => {
                write!(f, "an object cannot be read: {}; rename it", examples.concat())
            }
            Self::UnusableKeys { count, examples } => write!(
                f,
                "{count} objects cannot be read: {}; rename them",
                some_of(*count, examples)
            ),
            Self::FutureDates { count, examples } => write!(
                f,
                "{count} file(s) have dates in the future: {}; check that these digits are dates, and in this order",
                some_of(*count, examples)
            ),
            Self::FarDates { count, examples } => write!(
                f,
                "{count} file(s) have dates that are years away from those of most files: {}; check that these \
                 digits are dates",
                some_of(*count, examples)
            ),
        }
    }
}

/// The first few of many, with `…` if there are more.
fn some_of(count: usize, examples: &[String]) -> String {
    let more = if count > examples.len() { " …" } else { "" };
    format!("{}{more}", examples.join(", "))
}

/// Says what is missing in the words of the cadence.
fn missing(
    f: &mut fmt::Formatter<'_>,
    from: FileDate,
    to: FileDate,
    every: Cadence,
) -> fmt::Result {
    let weekday = from.0.format("%A");
    let (first_month, last_month) = (month(from), month(to));
    match every {
        Cadence::Day if from == to => write!(f, "no file for {from}"),
        Cadence::Day => write!(f, "no files from {from} to {to}"),
        Cadence::Weekdays if from == to => write!(f, "no file for {from}, a {weekday}"),
        Cadence::Weekdays => write!(f, "no files from {from} to {to}, Monday to Friday"),
        Cadence::Week if from == to => {
            write!(f, "no file for {from}: one is expected every {weekday}")
        }
        Cadence::Week if from.0.weekday() == to.0.weekday() => {
            write!(f, "no files from {from} to {to}: one is expected every {weekday}")
        }
        Cadence::Week => write!(f, "no files from {from} to {to}: one is expected every week"),
        Cadence::Month if first_month == last_month => {
            write!(f, "no file in {first_month}: one is expected every month")
        }
        Cadence::Month => {
            write!(f, "no files from {first_month} to {last_month}: one is expected every month")
        }
    }
}

/// The month of a day, such as `2025-02`.
fn month(day: FileDate) -> String {
    day.0.format("%Y-%m").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(from: &str, to: &str, every: Cadence) -> String {
        let (from, to) = (from.parse().expect("a day"), to.parse().expect("a day"));
        Finding::MissingDays { from, to, every }.to_string()
    }

    #[test]
    fn what_is_missing_is_said_in_the_words_of_the_cadence() {
        let monday = "2025-09-22";
        assert_eq!(said(monday, monday, Cadence::Day), "no file for 2025-09-22");
        assert_eq!(said(monday, monday, Cadence::Weekdays), "no file for 2025-09-22, a Monday");
        assert_eq!(
            said(monday, monday, Cadence::Week),
            "no file for 2025-09-22: one is expected every Monday"
        );
        assert_eq!(
            said(monday, "2025-10-06", Cadence::Week),
            "no files from 2025-09-22 to 2025-10-06: one is expected every Monday"
        );
        assert_eq!(
            said(monday, "2025-09-28", Cadence::Week),
            "no files from 2025-09-22 to 2025-09-28: one is expected every week"
        );
        assert_eq!(
            said("2025-02-01", "2025-02-28", Cadence::Month),
            "no file in 2025-02: one is expected every month"
        );
        assert_eq!(
            said("2024-12-01", "2025-02-28", Cadence::Month),
            "no files from 2024-12 to 2025-02: one is expected every month"
        );
    }
}
