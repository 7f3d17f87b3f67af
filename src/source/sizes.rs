//! The **sizes** of a dataset's days, and which of them are unusual: far from what is usual on the same weekday,
//! or if too few of these are known, on the days around.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::domain::{DateRange, FileDate};

/// A day is unusual if it has so many times more or less than what is usual.
const TIMES: f64 = 3.0;
/// The days before and after that a day is compared with, and how many of them it takes.
const DAYS: usize = 7;
const FEWEST_DAYS: usize = 4;
/// The weeks before and after whose same weekday a day is compared with, and how many of them it takes.
const WEEKS: u64 = 4;
const FEWEST_WEEKS: usize = 3;

/// The bytes of every day of a dataset, by the ending of its files: those that are compressed have fewer bytes
/// than those that are not.
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

    /// The days of a range that are unusual.
    pub fn unusual_days(&self, range: DateRange) -> Vec<UnusualDay> {
        let mut found: Vec<UnusualDay> =
            self.0.values().flat_map(|days| unusual_days(days, range)).collect();
        found.sort_unstable();
        found
    }

    /// Whether any day of a range has so few others around it that nothing is known of it.
    pub fn are_too_few(&self, range: DateRange) -> bool {
        let is_too_short = |days: &BTreeMap<FileDate, u64>| {
            days.len() <= FEWEST_DAYS && days.keys().any(|date| range.contains(*date))
        };
        self.0.values().any(is_too_short)
    }
}

/// The days of a range whose number is far from the usual one.
pub fn unusual_days(days: &BTreeMap<FileDate, u64>, range: DateRange) -> Vec<UnusualDay> {
    let all: Vec<(FileDate, u64)> = days.iter().map(|(date, number)| (*date, *number)).collect();
    let usual = |index: usize, date: FileDate| {
        let weekdays = same_weekday(days, date).map(|usual| (usual, Beside::SameWeekday));
        weekdays.or_else(|| Some((around(&all, index)?, Beside::DaysAround)))
    };
    let in_range = all.iter().enumerate().filter(|(_, (date, _))| range.contains(*date));
    let found = in_range.filter_map(|(index, (date, number))| {
        let (usual, beside) = usual(index, *date)?;
        let times = *number as f64 / usual.max(1) as f64;
        let is_usual = (1.0 / TIMES..=TIMES).contains(&times);
        (!is_usual).then_some(UnusualDay { date: *date, number: *number, usual, beside })
    });
    found.collect()
}

/// The median of the same weekday in the weeks around; `None` if too few are known.
fn same_weekday(days: &BTreeMap<FileDate, u64>, date: FileDate) -> Option<u64> {
    let weeks =
        (1..=WEEKS).flat_map(|weeks| [date.minus_days(weeks * 7), date.plus_days(weeks * 7)]);
    median(weeks.filter_map(|day| days.get(&day).copied()).collect(), FEWEST_WEEKS)
}

/// The median of the days around; `None` if too few are known.
fn around(days: &[(FileDate, u64)], index: usize) -> Option<u64> {
    let near = index.saturating_sub(DAYS)..(index + DAYS + 1).min(days.len());
    let others = near.filter(|other| *other != index).map(|other| days[other].1);
    median(others.collect(), FEWEST_DAYS)
}

/// The median of numbers, if they are enough.
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

    /// The days from the first one on that are unusual, with what is usual.
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
        let size = |number: u64| if number % 7 > 4 { 100 } else { 1000 };
        let mut days: BTreeMap<FileDate, u64> =
            (0..28).map(|number| (day(number), size(number))).collect();
        assert_eq!(found(&days), []);
        days.insert(day(12), 1000);
        days.insert(day(15), 100);
        assert_eq!(found(&days), [(day(12), 100), (day(15), 1000)]);
        let mut few: BTreeMap<FileDate, u64> =
            (0..14).map(|number| (day(number), size(number))).collect();
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
