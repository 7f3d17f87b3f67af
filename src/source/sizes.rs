//! The **sizes** of a dataset's days, and which of them are unusual. A day is compared with the same weekday of
//! the weeks around it; if too few of these are known, with the days around it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::domain::{DateRange, FileDate};

/// A day is unusual if it has this many times more or less than what is usual.
const TIMES: f64 = 3.0;
/// How many days before a day, and how many after it, it is compared with.
const DAYS: usize = 7;
/// The fewest such days that show what is usual.
const FEWEST_DAYS: usize = 4;
/// In how many weeks before a day, and in how many after it, it is compared with the same weekday.
const WEEKS: u64 = 4;
/// The fewest such weeks that show what is usual.
const FEWEST_WEEKS: usize = 3;

/// The bytes of every day of a dataset, by the ending of its files: compressed files have fewer bytes than others.
#[derive(Clone, Debug, Default)]
pub struct Sizes(BTreeMap<Option<String>, BTreeMap<FileDate, u64>>);

/// An unusual day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnusualDay {
    /// The day.
    pub date: FileDate,
    /// What it has: bytes or rows.
    pub number: u64,
    /// The median of what it is compared with.
    pub usual: u64,
    /// What it is compared with.
    pub beside: Beside,
}

/// What a day is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beside {
    /// The days around it.
    DaysAround,
    /// The same weekday of the weeks around it.
    SameWeekday,
}

impl fmt::Display for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DaysAround => "the days around it",
            Self::SameWeekday => "the same weekday of the weeks around it",
        })
    }
}

impl UnusualDay {
    /// Whether the day has less than is usual.
    pub fn is_less(&self) -> bool {
        self.number < self.usual
    }
}

impl Sizes {
    /// Adds a file.
    pub fn add(&mut self, key: &str, date: FileDate, bytes: u64) {
        let ending = key.rsplit_once('.').map(|(_, ending)| ending.to_owned());
        *self.0.entry(ending).or_default().entry(date).or_default() += bytes;
    }

    /// Returns the days of a range that are unusual.
    pub fn unusual_days(&self, range: DateRange) -> Vec<UnusualDay> {
        let mut found: Vec<UnusualDay> =
            self.0.values().flat_map(|days| unusual_days(days, range)).collect();
        found.sort_unstable();
        found
    }

    /// Whether any day of a range has too few others around it to show whether it is unusual.
    pub fn are_too_few(&self, range: DateRange) -> bool {
        let mut few = self.0.values().filter(|days| days.len() <= FEWEST_DAYS);
        few.any(|days| days.keys().any(|date| range.contains(*date)))
    }
}

/// Returns the days of a range whose number is far from the usual one.
pub fn unusual_days(days: &BTreeMap<FileDate, u64>, range: DateRange) -> Vec<UnusualDay> {
    let in_range = days.iter().filter(|(date, _)| range.contains(**date));
    in_range.filter_map(|(date, number)| unusual_day(days, *date, *number)).collect()
}

fn unusual_day(days: &BTreeMap<FileDate, u64>, date: FileDate, number: u64) -> Option<UnusualDay> {
    let (usual, beside) = match same_weekday(days, date) {
        Some(usual) => (usual, Beside::SameWeekday),
        None => (around(days, date)?, Beside::DaysAround),
    };
    let times = number as f64 / usual.max(1) as f64;
    let is_usual = (1.0 / TIMES..=TIMES).contains(&times);
    (!is_usual).then_some(UnusualDay { date, number, usual, beside })
}

/// Returns the median of the same weekday in the weeks around; `None` if too few are known.
fn same_weekday(days: &BTreeMap<FileDate, u64>, date: FileDate) -> Option<u64> {
    let weeks =
        (1..=WEEKS).flat_map(|weeks| [date.minus_days(weeks * 7), date.plus_days(weeks * 7)]);
    median(weeks.filter_map(|day| days.get(&day).copied()).collect(), FEWEST_WEEKS)
}

/// Returns the median of the nearest days that are known; `None` if they are too few.
fn around(days: &BTreeMap<FileDate, u64>, date: FileDate) -> Option<u64> {
    let before = days.range(..date).rev().take(DAYS);
    let after = days.range(date..).filter(|(other, _)| **other != date).take(DAYS);
    median(before.chain(after).map(|(_, number)| *number).collect(), FEWEST_DAYS)
}

/// Returns the median of numbers, if there are enough of them.
fn median(mut numbers: Vec<u64>, fewest: usize) -> Option<u64> {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().filter(|_| numbers.len() >= fewest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u64) -> FileDate {
        FileDate::default().plus_days(number)
    }

    /// The days of some weeks, each with five large days and two small ones.
    fn weeks(count: u64) -> BTreeMap<FileDate, u64> {
        let days = 0..count * 7;
        days.map(|number| (day(number), if number % 7 > 4 { 100 } else { 1000 })).collect()
    }

    /// The unusual days among the first hundred, with what is usual.
    fn found(days: &BTreeMap<FileDate, u64>) -> Vec<(FileDate, u64)> {
        let range = DateRange::between(day(0), day(100));
        unusual_days(days, range).into_iter().map(|found| (found.date, found.usual)).collect()
    }

    #[test]
    fn a_day_is_unusual_if_it_is_far_from_those_around_it() {
        let mut days: BTreeMap<FileDate, u64> = (0..10).map(|number| (day(number), 200)).collect();
        assert_eq!(found(&days), []);
        days.insert(day(4), 3);
        days.insert(day(9), 601);
        assert_eq!(found(&days), [(day(4), 200), (day(9), 200)]);
        days.retain(|date, _| *date < day(5) && *date > day(0));
        assert_eq!(found(&days), [], "three days around it prove nothing");
    }

    #[test]
    fn a_weekday_is_compared_with_its_like() {
        let mut days = weeks(4);
        assert_eq!(found(&days), []);
        days.insert(day(12), 1000);
        days.insert(day(15), 100);
        assert_eq!(found(&days), [(day(12), 100), (day(15), 1000)]);
        let mut few = weeks(2);
        few.insert(day(1), 10);
        assert!(found(&few).contains(&(day(1), 1000)), "two weeks are compared day by day");
    }

    #[test]
    fn files_of_another_ending_are_others() {
        let mut sizes = Sizes::default();
        for number in 0..10 {
            sizes.add("x/a.csv", day(number), 1000);
            sizes.add("x/a.csv.gz", day(number), 100);
        }
        let range = DateRange::of_day(day(4));
        assert_eq!(sizes.unusual_days(range), []);
        sizes.add("x/b.csv", day(4), 9000);
        assert_eq!(sizes.unusual_days(range).len(), 1);
        assert_eq!(sizes.unusual_days(DateRange::of_day(day(5))), []);
        assert!(!sizes.are_too_few(range));
    }
}
