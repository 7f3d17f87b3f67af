//! A **date form** says how a date is written in a key: literals and directives, such as `%Y-%m-%d`. It reads one day,
//! a month, or a week.
//!
//! | directive | reads |
//! |---|---|
//! | `%Y`, `%y` | the year, with four digits, or with two: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068 |
//! | `%m`, `%-m` | the month, with two digits, or with one or two |
//! | `%b`, `%B` | the month by its English name, `Mar` or `March`, in any case |
//! | `%d`, `%-d` | the day, with two digits, or with one or two |
//! | `%j` | the day of the year, with three digits |
//! | `%G`, `%V` | the year and the number of an ISO week, with four and two digits |
//! | `%s` | seconds since 1970 in UTC, with ten digits |
//! | `%%` | a percent sign |

use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Weekday};
use regex::Captures;

use super::invalid_pattern::InvalidPattern;
use super::{DateRange, FileDate};

/// The years in which a file date is plausible: a number outside them is not a year.
pub const PLAUSIBLE_YEARS: std::ops::RangeInclusive<i32> = 1900..=2100;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// How a date is written in a key.
#[derive(Clone, Debug)]
pub(super) struct DateForm {
    /// The prefix of the names of the groups in its regular expression.
    role: &'static str,
    /// Its regular expression.
    pub regex: String,
    /// Whether it begins with a number of one or two digits.
    pub begins_unpadded: bool,
    /// Whether it ends with a number of one or two digits.
    pub ends_unpadded: bool,
    unit: Unit,
}

/// What a date form reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Day,
    DayOfYear,
    Month,
    Week,
    Second,
}

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Year,
    Month,
    Day,
    DayOfYear,
    IsoYear,
    IsoWeek,
    Second,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::DayOfYear => "day_of_year",
            Self::IsoYear => "iso_year",
            Self::IsoWeek => "iso_week",
            Self::Second => "second",
        }
    }
}

/// A piece of a format.
enum Piece {
    Literal(char),
    Part {
        part: Part,
        regex: &'static str,
        /// Whether it is a number of one or two digits.
        is_unpadded: bool,
    },
}

impl Piece {
    fn padded(part: Part, regex: &'static str) -> Self {
        Self::Part { part, regex, is_unpadded: false }
    }

    fn unpadded(part: Part) -> Self {
        Self::Part { part, regex: "[0-9]{1,2}", is_unpadded: true }
    }

    fn is_unpadded(&self) -> bool {
        matches!(self, Self::Part { is_unpadded: true, .. })
    }
}

/// Why the digits or words of a key are not a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateFault {
    /// No calendar has such a day.
    NoDay,
    /// The year is not from 1900 to 2100.
    FarYear,
}

impl DateForm {
    /// Reads a format; `role` is the prefix of the names of the groups in its regular expression.
    ///
    /// # Errors
    /// [`InvalidPattern`] if it lacks a part, has one twice, or can be read in two ways.
    pub(super) fn parse(format: &str, role: &'static str) -> Result<Self, InvalidPattern> {
        let pieces = pieces(format)?;
        let (mut regex, mut parts) = (String::new(), Vec::new());
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Literal(literal) => {
                    regex.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
                }
                Piece::Part { part, regex: digits, is_unpadded } => {
                    if *is_unpadded && pieces.get(index + 1).is_some_and(begins_with_digit) {
                        return Err(InvalidPattern::Unpadded);
                    }
                    if parts.contains(part) {
                        return Err(InvalidPattern::Twice { format: format.to_owned() });
                    }
                    parts.push(*part);
                    regex.push_str(&format!("(?<{role}_{}>{digits})", part.name()));
                }
            }
        }
        Ok(Self {
            role,
            regex,
            begins_unpadded: pieces.first().is_some_and(Piece::is_unpadded),
            ends_unpadded: pieces.last().is_some_and(Piece::is_unpadded),
            unit: unit(parts, format)?,
        })
    }

    /// Whether it reads a month or a week, not a day.
    pub(super) fn has_no_day(&self) -> bool {
        matches!(self.unit, Unit::Month | Unit::Week)
    }

    /// Returns the days that were found: one day, or those of the month or week.
    ///
    /// # Errors
    /// [`DateFault`].
    pub(super) fn read(&self, found: &Captures<'_>) -> Result<DateRange, DateFault> {
        let first = self.first_day(found).ok_or(DateFault::NoDay)?;
        if !PLAUSIBLE_YEARS.contains(&first.year()) {
            return Err(DateFault::FarYear);
        }
        let next = match self.unit {
            Unit::Day | Unit::DayOfYear | Unit::Second => first.checked_add_days(Days::new(1)),
            Unit::Month => first.checked_add_months(Months::new(1)),
            Unit::Week => first.checked_add_days(Days::new(7)),
        };
        let last = next.and_then(|day| day.pred_opt()).ok_or(DateFault::NoDay)?;
        Ok(DateRange::between(FileDate(first), FileDate(last)))
    }

    fn first_day(&self, found: &Captures<'_>) -> Option<NaiveDate> {
        match self.unit {
            Unit::Day => {
                let day = self.number(found, Part::Day)?;
                NaiveDate::from_ymd_opt(self.year(found)?, self.month(found)?, day)
            }
            Unit::Month => NaiveDate::from_ymd_opt(self.year(found)?, self.month(found)?, 1),
            Unit::DayOfYear => {
                NaiveDate::from_yo_opt(self.year(found)?, self.number(found, Part::DayOfYear)?)
            }
            Unit::Week => {
                let year = self.number(found, Part::IsoYear)?;
                let week = self.number(found, Part::IsoWeek)?;
                NaiveDate::from_isoywd_opt(year, week, Weekday::Mon)
            }
            Unit::Second => {
                let seconds = self.number(found, Part::Second)?;
                DateTime::from_timestamp(seconds, 0).map(|time| time.date_naive())
            }
        }
    }

    fn year(&self, found: &Captures<'_>) -> Option<i32> {
        self.text(found, Part::Year).and_then(year)
    }

    fn month(&self, found: &Captures<'_>) -> Option<u32> {
        self.text(found, Part::Month).and_then(month)
    }

    fn number<N: FromStr>(&self, found: &Captures<'_>, part: Part) -> Option<N> {
        self.text(found, part)?.parse().ok()
    }

    fn text<'a>(&self, found: &'a Captures<'_>, part: Part) -> Option<&'a str> {
        let group = format!("{}_{}", self.role, part.name());
        found.name(&group).map(|found| found.as_str())
    }
}

/// The pieces of a format, in order.
fn pieces(format: &str) -> Result<Vec<Piece>, InvalidPattern> {
    let mut pieces = Vec::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            pieces.push(Piece::Literal(character));
            continue;
        }
        let mut directive: String = characters.next().into_iter().collect();
        if directive == "-" {
            directive.extend(characters.next());
        }
        pieces.push(piece(&directive)?);
    }
    Ok(pieces)
}

fn piece(directive: &str) -> Result<Piece, InvalidPattern> {
    Ok(match directive {
        "Y" => Piece::padded(Part::Year, "[0-9]{4}"),
        "y" => Piece::padded(Part::Year, "[0-9]{2}"),
        "m" => Piece::padded(Part::Month, "[0-9]{2}"),
        "-m" => Piece::unpadded(Part::Month),
        "b" => Piece::padded(Part::Month, "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"),
        "B" => Piece::padded(
            Part::Month,
            "(?i:january|february|march|april|may|june|july|august|september|october|november|december)",
        ),
        "d" => Piece::padded(Part::Day, "[0-9]{2}"),
        "-d" => Piece::unpadded(Part::Day),
        "j" => Piece::padded(Part::DayOfYear, "[0-9]{3}"),
        "G" => Piece::padded(Part::IsoYear, "[0-9]{4}"),
        "V" => Piece::padded(Part::IsoWeek, "[0-9]{2}"),
        "s" => Piece::padded(Part::Second, "[0-9]{10}"),
        "%" => Piece::Literal('%'),
        other => return Err(InvalidPattern::Directive(other.to_owned())),
    })
}

/// Whether it may begin with a digit.
fn begins_with_digit(piece: &Piece) -> bool {
    match piece {
        Piece::Literal(literal) => literal.is_ascii_digit(),
        Piece::Part { regex, .. } => regex.starts_with("[0-9]"),
    }
}

/// What a form with these parts reads.
fn unit(mut parts: Vec<Part>, format: &str) -> Result<Unit, InvalidPattern> {
    parts.sort_unstable();
    match parts.as_slice() {
        [Part::Year, Part::Month, Part::Day] => Ok(Unit::Day),
        [Part::Year, Part::Month] => Ok(Unit::Month),
        [Part::Year, Part::DayOfYear] => Ok(Unit::DayOfYear),
        [Part::IsoYear, Part::IsoWeek] => Ok(Unit::Week),
        [Part::Second] => Ok(Unit::Second),
        _ => Err(InvalidPattern::Parts { format: format.to_owned() }),
    }
}

/// A year of four digits, or of two.
fn year(text: &str) -> Option<i32> {
    let number: i32 = text.parse().ok()?;
    Some(match (text.len(), number) {
        (2, 0..=68) => 2000 + number,
        (2, _) => 1900 + number,
        _ => number,
    })
}

/// A month by its number or its name.
fn month(text: &str) -> Option<u32> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let text = text.to_ascii_lowercase();
    let place = MONTHS.iter().position(|name| name.starts_with(&text))?;
    u32::try_from(place + 1).ok()
}
