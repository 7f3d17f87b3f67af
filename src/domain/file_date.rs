//! A **file date** is the calendar day in a source file's key; a **range** is the file dates of a
//! run, start and end inclusive; a **batch** is some consecutive days of a range.
//!
//! Dates are plain calendar days without a time zone, because the exports have none.

use std::fmt;
use std::str::FromStr;

use crate::domain::saturating;
use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

/// The calendar day in a source file's key, written `YYYY-MM-DD`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FileDate(pub NaiveDate);

impl FileDate {
    /// Days since 1970-01-01, the value of an Arrow `Date32`.
    pub fn days_since_epoch(self) -> i32 {
        self.0.to_epoch_days()
    }

    /// The day `days` earlier; saturates at the first day that chrono knows.
    pub fn minus_days(self, days: u64) -> Self {
        Self(self.0.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN))
    }

    /// The day `days` later; saturates at the last day that chrono knows.
    pub fn plus_days(self, days: u64) -> Self {
        Self(self.0.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX))
    }
}

impl fmt::Display for FileDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

impl FromStr for FileDate {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Ok(date) if shaped => Ok(Self(date)),
            _ => Err(InvalidDate { text: text.to_owned() }),
        }
    }
}

/// A text that is not a calendar day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a calendar day written YYYY-MM-DD")]
pub struct InvalidDate {
    text: String,
}

/// The file dates of a run, start and end inclusive; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DateRange {
    start: FileDate,
    end: FileDate,
}

/// A range whose end lies before its start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the range ends on {end}, before it starts on {start}")]
pub struct BackwardRange {
    start: FileDate,
    end: FileDate,
}

impl DateRange {
    /// The range from `start` to `end`, both inclusive.
    ///
    /// # Errors
    /// [`BackwardRange`] if `end` lies before `start`.
    pub fn new(start: FileDate, end: FileDate) -> Result<Self, BackwardRange> {
        if end < start { Err(BackwardRange { start, end }) } else { Ok(Self { start, end }) }
    }

    /// One day.
    pub fn of_day(day: FileDate) -> Self {
        Self { start: day, end: day }
    }

    /// The range between two dates, in any order.
    pub fn between(one: FileDate, other: FileDate) -> Self {
        Self { start: one.min(other), end: one.max(other) }
    }

    /// The range from `start` to `end`. Without `start` it begins with the year 1, without `end` it ends with 9999.
    ///
    /// # Errors
    /// [`BackwardRange`] if `end` lies before `start`.
    pub fn open(start: Option<FileDate>, end: Option<FileDate>) -> Result<Self, BackwardRange> {
        let first = NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default();
        let last = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or_default();
        Self::new(start.unwrap_or(FileDate(first)), end.unwrap_or(FileDate(last)))
    }

    /// Whether every date of `other` is in it.
    pub fn covers(&self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest range that covers both.
    pub fn hull(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The first file date.
    pub fn start(&self) -> FileDate {
        self.start
    }

    /// The last file date.
    pub fn end(&self) -> FileDate {
        self.end
    }

    /// Whether `date` lies in the range.
    pub fn contains(&self, date: FileDate) -> bool {
        self.start <= date && date <= self.end
    }

    /// How many days the range spans.
    pub fn day_count(&self) -> u64 {
        (self.end.0 - self.start.0).num_days().unsigned_abs() + 1
    }

    /// Every day of the range, in order.
    pub fn days(&self) -> impl Iterator<Item = FileDate> + use<> {
        let end = self.end.0;
        self.start.0.iter_days().take_while(move |day| *day <= end).map(FileDate)
    }

    /// The zero-based number of the batch that `date` falls into, with batches of `batch_days` days
    /// counted from the start of the range.
    pub fn batch_of(&self, date: FileDate, batch_days: u32) -> usize {
        let days = saturating::index((date.0 - self.start.0).num_days().max(0));
        days / batch_days.max(1) as usize
    }
}

impl From<FileDate> for DateRange {
    /// One day.
    fn from(day: FileDate) -> Self {
        Self { start: day, end: day }
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> FileDate {
        text.parse().expect("a date")
    }

    #[test]
    fn a_date_is_exactly_four_two_two_digits() {
        assert_eq!(date("2025-09-22").to_string(), "2025-09-22");
        for wrong in ["2025-9-22", "2025-02-30", "22.09.2025", "+025-09-22", "2025-09-22 ", ""] {
            assert!(wrong.parse::<FileDate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_range_includes_both_ends_and_runs_forward() {
        let range = DateRange::new(date("2024-02-28"), date("2024-03-01")).expect("forward");
        let days: Vec<_> = range.days().map(|day| day.to_string()).collect();
        assert_eq!(days, ["2024-02-28", "2024-02-29", "2024-03-01"]);
        assert_eq!(range.day_count(), 3);
        assert!(DateRange::new(date("2024-03-01"), date("2024-02-28")).is_err());
    }

    #[test]
    fn batches_count_days_from_the_start_of_the_range() {
        let range = DateRange::new(date("2025-09-22"), date("2025-11-30")).expect("forward");
        assert_eq!(range.batch_of(date("2025-09-28"), 7), 0);
        assert_eq!(range.batch_of(date("2025-09-29"), 7), 1);
        assert_eq!(range.batch_of(date("2025-11-30"), 7), 9);
    }

    #[test]
    fn days_since_epoch_match_arrow() {
        assert_eq!(date("1970-01-02").days_since_epoch(), 1);
        assert_eq!(date("2025-09-22").days_since_epoch(), 20353);
    }
}
