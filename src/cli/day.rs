//! A **day** as it is typed: a date, a day counted back from today, or the last loaded day.

use std::fmt;
use std::str::FromStr;

use crate::domain::FileDate;

/// A day as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    /// `2025-09-22`.
    Date(FileDate),
    /// This many days before today: `today`, `yesterday`, `7d`, `2w`.
    Ago(u64),
    /// `last`: the last loaded file date of a dataset.
    Last,
}

/// The most days ago that can be typed: a hundred years.
const MOST_DAYS: u64 = 36_525;

impl Day {
    /// Whether it is another day tomorrow, or after the next load.
    pub(super) fn is_relative(self) -> bool {
        !matches!(self, Self::Date(_))
    }

    /// Returns the date, given today's date and the last loaded day; `None` if it is the last loaded day and nothing is
    /// loaded.
    pub(super) fn date(self, today: FileDate, last: Option<FileDate>) -> Option<FileDate> {
        match self {
            Self::Date(date) => Some(date),
            Self::Ago(days) => Some(today.minus_days(days)),
            Self::Last => last,
        }
    }

    /// Returns the date, given today's date and the last loaded day.
    pub(super) fn date_with_last(self, today: FileDate, last: FileDate) -> FileDate {
        self.date(today, Some(last)).unwrap_or(last)
    }
}

/// A text is not a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("give a date as YYYY-MM-DD, today, yesterday, 7d (7 days ago), 2w (2 weeks ago), or last")]
pub(super) struct InvalidDay;

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "today" => Ok(Self::Ago(0)),
            "yesterday" => Ok(Self::Ago(1)),
            "last" => Ok(Self::Last),
            _ => days(text)
                .map(Self::Ago)
                .or_else(|| text.parse().ok().map(Self::Date))
                .ok_or(InvalidDay),
        }
    }
}

/// Returns how many days `7d` or `2w` are, up to a hundred years.
pub(super) fn days(text: &str) -> Option<u64> {
    let (number, factor) = match text.strip_suffix('d') {
        Some(number) => (number, 1),
        None => (text.strip_suffix('w')?, 7),
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let days = number.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(factor)?;
    (days <= MOST_DAYS).then_some(days)
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => date.fmt(f),
            Self::Ago(0) => f.write_str("today"),
            Self::Ago(1) => f.write_str("yesterday"),
            Self::Ago(days) => write!(f, "{days}d"),
            Self::Last => f.write_str("last"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> FileDate {
        text.parse().expect("a date")
    }

    #[test]
    fn days_are_counted_back_from_today_over_the_ends_of_months() {
        for (text, today, expected) in [
            ("today", "2024-03-01", "2024-03-01"),
            ("yesterday", "2024-03-01", "2024-02-29"),
            ("7d", "2026-01-03", "2025-12-27"),
            ("2w", "2026-01-03", "2025-12-20"),
            ("0d", "2026-01-03", "2026-01-03"),
            ("2025-09-22", "2026-01-03", "2025-09-22"),
        ] {
            let day: Day = text.parse().expect("a day");
            assert_eq!(day.date(date(today), None), Some(date(expected)), "{text}");
        }
    }

    #[test]
    fn the_last_day_is_the_one_that_is_loaded() {
        let today = date("2026-01-03");
        assert_eq!(Day::Last.date(today, Some(date("2025-12-31"))), Some(date("2025-12-31")));
        assert_eq!(Day::Last.date(today, None), None);
    }

    #[test]
    fn what_is_not_a_day_is_refused() {
        for wrong in [
            "",
            "d",
            "w",
            "7",
            "-7d",
            "+7d",
            "7 d",
            "7D",
            "1.5d",
            "Today",
            "tomorrow",
            "36526d",
            "99999999999999999999d",
            "5218w",
            "2025-02-30",
            "22.09.2025",
            "last ",
        ] {
            assert_eq!(wrong.parse::<Day>(), Err(InvalidDay), "{wrong}");
        }
    }

    #[test]
    fn a_day_is_shown_as_it_may_be_typed() {
        for text in ["today", "yesterday", "7d", "last", "2025-09-22"] {
            assert_eq!(text.parse::<Day>().expect("a day").to_string(), text);
        }
    }
}
