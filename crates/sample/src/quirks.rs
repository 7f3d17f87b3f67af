//! **Quirks**: what is wrong with a file, on purpose.
//!
//! Real exports change their format and break, so a reader should be tested on such files. Each quirk is planted once
//! at a known place and reported to the caller, so that what a reader finds can be compared with it.

use std::fmt;

use crate::columns::APPENDED;
use crate::fault::Fault;

/// How many days a run must have for all quirks to be planted.
pub(super) const ALL_DAYS: u32 = 14;

/// The old and the new name of the column that [`Quirk::RenamedColumn`] renames.
pub(super) const RENAMED: (&str, &str) = ("billing_email", "billing_email_address");

/// Something wrong with a file, planted on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quirk {
    /// The last five columns are missing: the vendor appended them later.
    LacksLastColumns,
    /// The columns are in another order.
    ReorderedColumns,
    /// A column has another name.
    RenamedColumn,
    /// Some records cannot be read, or not as UTF-8.
    BadRecords {
        /// How many.
        count: u64,
    },
    /// Some cells hold accented letters in the encoding Windows-1252.
    Windows1252,
    /// The file is the second of its day, with rows of its own.
    SecondFileOfDay,
    /// The header is repeated in the middle. It is not counted as a row.
    RepeatedHeader,
    /// The file starts with a byte order mark, and its lines end in LF alone.
    LineFeedsAndByteOrderMark,
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LacksLastColumns => write!(f, "lacks the last {APPENDED} columns"),
            Self::ReorderedColumns => f.write_str("has its columns in another order"),
            Self::RenamedColumn => write!(f, "calls {} {}", RENAMED.0, RENAMED.1),
            Self::BadRecords { count } => write!(f, "has {count} bad records"),
            Self::Windows1252 => f.write_str("has letters in Windows-1252"),
            Self::SecondFileOfDay => f.write_str("is the second file of its day"),
            Self::RepeatedHeader => f.write_str("repeats its header in the middle"),
            Self::LineFeedsAndByteOrderMark => {
                f.write_str("starts with a byte order mark and ends its lines in LF")
            }
        }
    }
}

/// What is planted on one day of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DayQuirks {
    /// How many files the day has.
    pub(super) files: u32,
    /// The quirks of the first of them.
    pub(super) quirks: Vec<Quirk>,
}

impl DayQuirks {
    /// A day without quirks.
    pub(super) fn none() -> Self {
        Self { files: 1, quirks: Vec::new() }
    }

    /// Returns what is planted on the day number `day`, from 0, of a run of `days`.
    ///
    /// The oldest third of the days lacks the last columns. Every other quirk has a day of its own, at a fourteenth of
    /// the run; a run of fewer than fourteen days is the beginning of a run of fourteen.
    pub(super) fn planted(day: u32, days: u32) -> Self {
        let mut planted = Self::none();
        if day < days / 3 {
            planted.quirks.push(Quirk::LacksLastColumns);
        }
        // The renamed column comes first, because the oldest files have the old name. A missing last day would not
        // be a gap.
        match fourteenth(day, days) {
            Some(0) => planted.quirks.push(Quirk::RenamedColumn),
            Some(1) => planted.quirks.push(Quirk::Windows1252),
            Some(3) => planted.quirks.push(Quirk::ReorderedColumns),
            Some(5) => {
                let count = Fault::ALL.len() as u64;
                planted.quirks.push(Quirk::BadRecords { count });
            }
            Some(7) if day + 1 < days => planted.files = 0,
            Some(9) => planted.files = 2,
            Some(11) => planted.quirks.push(Quirk::RepeatedHeader),
            Some(12) => planted.quirks.push(Quirk::LineFeedsAndByteOrderMark),
            _ => {}
        }
        planted
    }
}

/// Returns which fourteenth of a run starts on a day, if one does.
fn fourteenth(day: u32, days: u32) -> Option<u64> {
    let scale = u64::from(days.max(ALL_DAYS));
    let parts = u64::from(ALL_DAYS);
    (0..parts).find(|place| u64::from(day) == scale * place / parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(days: u32) -> Vec<DayQuirks> {
        (0..days).map(|day| DayQuirks::planted(day, days)).collect()
    }

    /// Counts the days with a quirk other than missing columns.
    fn count(days: u32) -> usize {
        let mut run = run(days);
        for day in &mut run {
            day.quirks.retain(|quirk| *quirk != Quirk::LacksLastColumns);
        }
        run.iter().filter(|day| **day != DayQuirks::none()).count()
    }

    #[test]
    fn every_quirk_has_a_day_of_its_own_from_fourteen_days_on() {
        for days in ALL_DAYS..=120 {
            assert_eq!(count(days), 8, "{days} days");
            assert_eq!(run(days).iter().filter(|day| day.files == 0).count(), 1, "{days} days");
            assert_eq!(run(days).iter().filter(|day| day.files == 2).count(), 1, "{days} days");
        }
    }

    #[test]
    fn a_short_run_has_the_quirks_that_fit() {
        assert_eq!((count(0), count(1), count(7)), (0, 1, 4));
        assert!(run(8).iter().all(|day| day.files == 1));
        assert!(run(9).iter().any(|day| day.files == 0));
    }

    #[test]
    fn the_first_and_the_last_day_always_have_a_file() {
        for days in 1..=120 {
            let run = run(days);
            assert!(run[0].files > 0 && run[days as usize - 1].files > 0, "{days} days");
        }
    }

    #[test]
    fn the_oldest_third_of_the_days_lacks_the_last_columns() {
        let lacking: Vec<usize> = run(28)
            .iter()
            .enumerate()
            .filter(|(_, day)| day.quirks.contains(&Quirk::LacksLastColumns))
            .map(|(place, _)| place)
            .collect();
        assert_eq!(lacking, (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn a_quirk_reads_as_the_rest_of_a_sentence_about_its_file() {
        let quirk = Quirk::BadRecords { count: 5 };
        assert_eq!(quirk.to_string(), "has 5 bad records");
    }
}
