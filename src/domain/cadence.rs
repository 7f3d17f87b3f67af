//! The **cadence** of a dataset is how often a file arrives. A day, week or month that is due by the
//! cadence and has no file is **missing**.
//!
//! - `day`: one file for each day.
//! - `weekdays`: one file for each day from Monday to Friday.
//! - `week`: one file each week, due on the weekday of most files; a file up to six days later belongs to the
//!   same week. If no weekday has two files yet, one file in each week from Monday to Sunday.
//! - `month`: one file in each calendar month, on any day.
//!
//! Weeks without a known weekday, and months, are missing only if the range holds all their days. A period is
//! not missing if files cover all its days: the file of a month covers its days with every cadence.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

use super::{DateRange, FileDate, KeyDates};

/// How often a file arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cadence {
    /// One for each day.
    #[default]
    Day,
    /// One for each day from Monday to Friday.
    Weekdays,
    /// One each week.
    Week,
    /// One each month.
    Month,
}

impl Cadence {
    /// Returns what is due in `range` and has no file, one item for each missing file: the day on which it is
    /// due, or the week or the month. Files outside the range help to find the weekday on which files arrive, and
    /// may belong to a week or month that begins in the range.
    pub fn missing(
        self,
        files: &[KeyDates],
        range: DateRange,
    ) -> impl Iterator<Item = DateRange> + use<> {
        let covered = joined(files.iter().map(|file| file.covered).collect());
        let files: BTreeSet<FileDate> = files.iter().map(|file| file.date).collect();
        let schedule = self.schedule(&files);
        schedule.due(range).filter(move |period| {
            let last = schedule.last_day_of_file(*period);
            let mut its_files = files.range(period.start()..=last);
            its_files.next().is_none() && !is_covered(&covered, *period)
        })
    }

    /// Joins missing periods that follow each other into runs, from the first day of the first period to the last
    /// day of the last one.
    pub fn joined(self, missing: impl Iterator<Item = DateRange>) -> Vec<DateRange> {
        let mut runs: Vec<(DateRange, DateRange)> = Vec::new();
        for period in missing {
            match runs.last_mut() {
                Some((_, last)) if self.follows(*last, period) => *last = period,
                _ => runs.push((period, period)),
            }
        }
        runs.into_iter().map(|(first, last)| first.hull(last)).collect()
    }

    /// The last day of each missing period in a run of [`joined`](Self::joined): the day itself, or the end of the
    /// week or month.
    pub fn last_days(self, run: DateRange) -> impl Iterator<Item = FileDate> + use<> {
        let (first, last) = (run.start().0.weekday(), run.end().0.weekday());
        let schedule = match self {
            Self::Day => Schedule::Day,
            Self::Weekdays => Schedule::Weekdays,
            Self::Week if first == last => Schedule::On(first),
            Self::Week => Schedule::AnyDayOfWeek,
            Self::Month => Schedule::Month,
        };
        schedule.due(run).map(|period| period.end())
    }

    /// Whether nothing is due between two periods.
    fn follows(self, earlier: DateRange, later: DateRange) -> bool {
        let next = match self {
            Self::Day | Self::Month => earlier.end().plus_days(1),
            Self::Weekdays if earlier.end().0.weekday() == Weekday::Fri => {
                earlier.end().plus_days(3)
            }
            Self::Weekdays => earlier.end().plus_days(1),
            Self::Week => earlier.start().plus_days(7),
        };
        next == later.start()
    }

    fn schedule(self, files: &BTreeSet<FileDate>) -> Schedule {
        match self {
            Self::Day => Schedule::Day,
            Self::Weekdays => Schedule::Weekdays,
            Self::Week => usual_weekday(files).map_or(Schedule::AnyDayOfWeek, Schedule::On),
            Self::Month => Schedule::Month,
        }
    }
}

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Weekdays => "weekdays",
            Self::Week => "week",
            Self::Month => "month",
        })
    }
}

/// When files are due.
#[derive(Clone, Copy)]
enum Schedule {
    Day,
    Weekdays,
    On(Weekday),
    AnyDayOfWeek,
    Month,
}

impl Schedule {
    /// What is due in a range, in order.
    fn due(self, range: DateRange) -> impl Iterator<Item = DateRange> + use<> {
        let first = self.first(range.start());
        let periods = std::iter::successors(Some(first), move |start| self.after(*start));
        periods
            .map(move |start| self.period(start))
            .take_while(move |period| period.end() <= range.end())
    }

    /// The first day from `day` on that begins a period.
    fn first(self, day: FileDate) -> FileDate {
        match self {
            Self::Day => day,
            Self::Weekdays if is_weekend(day) => self.after(day).unwrap_or(day),
            Self::Weekdays => day,
            Self::On(weekday) => next(weekday, day),
            Self::AnyDayOfWeek => next(Weekday::Mon, day),
            Self::Month if day.0.day() == 1 => day,
            Self::Month => self.after(day).unwrap_or(day),
        }
    }

    /// The first day of the next period; `None` at the end of the calendar.
    fn after(self, start: FileDate) -> Option<FileDate> {
        let days = match self {
            Self::Day => 1,
            Self::Weekdays => match start.0.weekday() {
                Weekday::Fri => 3,
                Weekday::Sat => 2,
                _ => 1,
            },
            Self::On(_) | Self::AnyDayOfWeek => 7,
            Self::Month => return first_of_next_month(start).map(FileDate),
        };
        start.0.checked_add_days(Days::new(days)).map(FileDate)
    }

    /// The last day on which a file still belongs to a period: six days after it, if files have a usual weekday.
    fn last_day_of_file(self, period: DateRange) -> FileDate {
        match self {
            Self::On(_) => period.start().plus_days(6),
            Self::Day | Self::Weekdays | Self::AnyDayOfWeek | Self::Month => period.end(),
        }
    }

    /// The days of the period that begins with `start`; one day for a week whose weekday is known.
    fn period(self, start: FileDate) -> DateRange {
        let end = match self {
            Self::Day | Self::Weekdays | Self::On(_) => start,
            Self::AnyDayOfWeek => start.plus_days(6),
            Self::Month => {
                FileDate(first_of_next_month(start).unwrap_or(NaiveDate::MAX)).minus_days(1)
            }
        };
        DateRange::from(start).hull(DateRange::from(end))
    }
}

/// Sorts ranges, and joins those that overlap or follow each other.
fn joined(mut ranges: Vec<DateRange>) -> Vec<DateRange> {
    ranges.sort_by_key(DateRange::start);
    let mut joined: Vec<DateRange> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start() <= last.end().plus_days(1) => *last = last.hull(range),
            _ => joined.push(range),
        }
    }
    joined
}

/// Whether one of the joined ranges holds every day of a period.
fn is_covered(joined: &[DateRange], period: DateRange) -> bool {
    let behind = joined.partition_point(|range| range.start() <= period.start());
    behind > 0 && joined[behind - 1].covers(period)
}

fn is_weekend(day: FileDate) -> bool {
    matches!(day.0.weekday(), Weekday::Sat | Weekday::Sun)
}

/// The first day with this weekday from `day` on.
fn next(weekday: Weekday, day: FileDate) -> FileDate {
    day.plus_days(u64::from(weekday.days_since(day.0.weekday())))
}

fn first_of_next_month(day: FileDate) -> Option<NaiveDate> {
    day.0.with_day(1)?.checked_add_months(Months::new(1))
}

/// The weekday of most files, if at least two files have it; of several, that of the newest file.
fn usual_weekday(files: &BTreeSet<FileDate>) -> Option<Weekday> {
    let mut counts = [0_usize; 7];
    for file in files {
        counts[file.0.weekday().num_days_from_monday() as usize] += 1;
    }
    let most = counts.into_iter().max().filter(|most| *most >= 2)?;
    let mut newest_first = files.iter().rev().map(|file| file.0.weekday());
    newest_first.find(|weekday| counts[weekday.num_days_from_monday() as usize] == most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(texts: &[&str]) -> Vec<FileDate> {
        texts.iter().map(|text| text.parse().expect("a day")).collect()
    }

    fn files(texts: &[&str]) -> Vec<KeyDates> {
        days(texts).into_iter().map(KeyDates::of_day).collect()
    }

    /// A file that covers the days from `from` to `date`.
    fn period(from: &str, date: &str) -> KeyDates {
        let ends = days(&[from, date]);
        KeyDates { date: ends[1], covered: DateRange::between(ends[0], ends[1]) }
    }

    /// What is missing, joined into runs.
    fn missing(cadence: Cadence, dates: &[&str], start: &str, end: &str) -> Vec<String> {
        missing_of(cadence, &files(dates), start, end)
    }

    fn missing_of(cadence: Cadence, files: &[KeyDates], start: &str, end: &str) -> Vec<String> {
        let ends = days(&[start, end]);
        let range = DateRange::new(ends[0], ends[1]).expect("forward");
        let missing = cadence.missing(files, range);
        cadence.joined(missing).iter().map(DateRange::to_string).collect()
    }

    /// The last day of everything that is missing if there is no file.
    fn last_days(cadence: Cadence, start: &str, end: &str) -> Vec<String> {
        let ends = days(&[start, end]);
        let range = DateRange::new(ends[0], ends[1]).expect("forward");
        let runs = cadence.joined(cadence.missing(&[], range));
        assert!(runs.len() <= 1, "{runs:?}");
        let last: Vec<FileDate> = runs.into_iter().flat_map(|run| cadence.last_days(run)).collect();
        assert_eq!(last.len(), cadence.missing(&[], range).count());
        last.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_day_without_a_file_is_missing_from_a_daily_cadence() {
        let files = ["2025-09-22", "2025-09-25", "2025-09-27", "2025-10-01"];
        assert_eq!(
            missing(Cadence::Day, &files, "2025-09-22", "2025-09-28"),
            ["2025-09-23 to 2025-09-24", "2025-09-26 to 2025-09-26", "2025-09-28 to 2025-09-28"]
        );
    }

    #[test]
    fn saturdays_and_sundays_are_not_missing_from_weekdays() {
        let files = ["2025-09-22", "2025-09-23", "2025-09-24", "2025-09-30"];
        assert_eq!(
            missing(Cadence::Weekdays, &files, "2025-09-20", "2025-10-01"),
            ["2025-09-25 to 2025-09-29", "2025-10-01 to 2025-10-01"],
            "Thursday, Friday and Monday are one run"
        );
        assert!(missing(Cadence::Weekdays, &[], "2025-09-20", "2025-09-21").is_empty());
    }

    #[test]
    fn of_six_mondays_the_one_without_a_file_is_missing() {
        let files = ["2025-09-01", "2025-09-08", "2025-09-15", "2025-09-29", "2025-10-06"];
        assert_eq!(
            missing(Cadence::Week, &files, "2025-09-01", "2025-10-06"),
            ["2025-09-22 to 2025-09-22"]
        );
    }

    #[test]
    fn a_weekly_file_may_come_late_and_files_outside_the_range_show_the_weekday() {
        let files = ["2025-09-01", "2025-09-08", "2025-09-17", "2025-09-22"];
        assert!(missing(Cadence::Week, &files, "2025-09-10", "2025-09-28").is_empty());
        assert_eq!(
            missing(Cadence::Week, &files, "2025-09-23", "2025-10-07"),
            ["2025-09-29 to 2025-10-06"]
        );
    }

    #[test]
    fn without_a_usual_weekday_whole_weeks_are_missing() {
        let files = ["2025-09-02", "2025-09-10"];
        assert_eq!(
            missing(Cadence::Week, &files, "2025-09-01", "2025-09-30"),
            ["2025-09-15 to 2025-09-28"],
            "the last week is not over"
        );
    }

    #[test]
    fn a_month_without_a_file_is_missing_if_the_range_holds_all_of_it() {
        let files = ["2024-11-30", "2025-01-02"];
        assert_eq!(
            missing(Cadence::Month, &files, "2024-10-02", "2025-03-30"),
            ["2024-12-01 to 2024-12-31", "2025-02-01 to 2025-02-28"]
        );
        assert_eq!(
            missing(Cadence::Month, &files, "2025-02-01", "2025-04-30"),
            ["2025-02-01 to 2025-04-30"]
        );
    }

    #[test]
    fn what_files_of_longer_periods_cover_is_not_missing() {
        let files = [
            period("2025-06-01", "2025-06-09"),
            period("2025-06-01", "2025-06-15"),
            period("2025-06-20", "2025-06-30"),
        ];
        assert_eq!(
            missing_of(Cadence::Day, &files, "2025-06-01", "2025-07-01"),
            ["2025-06-16 to 2025-06-19", "2025-07-01 to 2025-07-01"]
        );
        assert_eq!(
            missing_of(Cadence::Weekdays, &files, "2025-06-01", "2025-06-30"),
            ["2025-06-16 to 2025-06-19"]
        );
        let weeks = [period("2025-09-01", "2025-09-07"), period("2025-09-15", "2025-09-21")];
        assert_eq!(
            missing_of(Cadence::Week, &weeks, "2025-09-01", "2025-09-21"),
            ["2025-09-14 to 2025-09-14"],
            "a week is due on the day on which the others end, and no later one covers it"
        );
        let quarter = [period("2025-01-01", "2025-03-31"), period("2025-04-01", "2025-06-30")];
        assert!(missing_of(Cadence::Month, &quarter, "2025-01-01", "2025-06-30").is_empty());
        assert!(missing_of(Cadence::Day, &quarter, "2025-01-01", "2025-06-30").is_empty());
    }

    #[test]
    fn a_run_says_how_many_files_are_missing() {
        for (cadence, start, end, expected) in [
            (Cadence::Day, "2025-09-22", "2025-09-23", ["2025-09-22", "2025-09-23"]),
            (Cadence::Weekdays, "2025-09-26", "2025-09-29", ["2025-09-26", "2025-09-29"]),
            (Cadence::Week, "2025-09-22", "2025-10-05", ["2025-09-28", "2025-10-05"]),
            (Cadence::Month, "2025-02-01", "2025-04-01", ["2025-02-28", "2025-03-31"]),
        ] {
            assert_eq!(last_days(cadence, start, end), expected, "{cadence}");
        }
        let mondays = days(&["2025-09-22", "2025-10-06"]);
        let run = DateRange::new(mondays[0], mondays[1]).expect("forward");
        assert_eq!(Cadence::Week.last_days(run).count(), 3);
    }

    #[test]
    fn the_end_of_the_calendar_ends_everything() {
        for cadence in [Cadence::Day, Cadence::Weekdays, Cadence::Week, Cadence::Month] {
            let last = FileDate(NaiveDate::MAX);
            let range = DateRange::new(last.minus_days(3), last).expect("forward");
            assert!(cadence.missing(&[], range).count() <= 4);
        }
    }
}
