//! A **key pattern** says which keys under a prefix are exports, and where in them the file date is.
//!
//! `report_{date:%Y-%m-%d}T*.csv` reads: the literal `report_`, a date, a `T`, anything but a
//! slash, `.csv`. The whole key below the prefix must match. `*` stands for any run of characters
//! without a slash, `**` for any run, `?` for one character. How a date is written is a
//! [date form](super::date_form).
//!
//! The file date of a month is its first day, that of an ISO week its Monday. `{from:…}` is the first day of a
//! period that ends with the file date. The file covers all days of the month, week or period.

use std::fmt;
use std::str::FromStr;

use regex::{Captures, Regex};

use super::date_form::{DateFault, DateForm};
use super::invalid_pattern::InvalidPattern;
use super::{DateRange, FileDate};

/// Which keys are exports, and where in them the file date is.
///
/// Written `report_{date:%Y-%m-%d}T*.csv`: `*` stands for any run of characters without a slash,
/// `**` for any run, `?` for one character.
#[derive(Clone, Debug)]
pub struct KeyPattern {
    text: String,
    regex: Regex,
    date: DateForm,
    from: Option<DateForm>,
}

/// What a [`KeyPattern`] finds in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMatch {
    /// The key is an export of these days.
    Dated(KeyDates),
    /// The key has the pattern's shape, but its digits are not a calendar day.
    ImpossibleDate,
    /// The key has the pattern's shape, but the year in it is before 1900 or after 2100.
    FarYear,
    /// The key has the pattern's shape, but its period ends before it begins.
    BackwardPeriod,
    /// The key does not have the pattern's shape.
    Other,
}

/// The days of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyDates {
    /// Its file date.
    pub date: FileDate,
    /// The days that it covers.
    pub covered: DateRange,
}

impl KeyDates {
    /// The days of an export of one day.
    pub fn of_day(date: FileDate) -> Self {
        Self { date, covered: DateRange::of_day(date) }
    }
}

impl KeyMatch {
    /// The days of an export.
    pub fn dates(self) -> Option<KeyDates> {
        match self {
            Self::Dated(dates) => Some(dates),
            Self::ImpossibleDate | Self::FarYear | Self::BackwardPeriod | Self::Other => None,
        }
    }
}

impl KeyPattern {
    /// Reads a key, given without its prefix.
    pub fn read(&self, key: &str) -> KeyMatch {
        let Some(found) = self.regex.captures(key) else { return KeyMatch::Other };
        if is_cut(key, &found, DATE, &self.date) {
            return KeyMatch::Other;
        }
        let days = match self.date.read(&found) {
            Ok(days) => days,
            Err(fault) => return fault.into(),
        };
        let Some(from) = &self.from else {
            return KeyMatch::Dated(KeyDates { date: days.start(), covered: days });
        };
        if is_cut(key, &found, FROM, from) {
            return KeyMatch::Other;
        }
        match from.read(&found) {
            Err(fault) => fault.into(),
            Ok(first) => match DateRange::new(first.start(), days.end()) {
                Ok(covered) => KeyMatch::Dated(KeyDates { date: days.end(), covered }),
                Err(_) => KeyMatch::BackwardPeriod,
            },
        }
    }

    /// The file date in a key that matches.
    pub fn date_of(&self, key: &str) -> Option<FileDate> {
        self.read(key).dates().map(|dates| dates.date)
    }
}

impl From<DateFault> for KeyMatch {
    fn from(fault: DateFault) -> Self {
        match fault {
            DateFault::NoDay => Self::ImpossibleDate,
            DateFault::FarYear => Self::FarYear,
        }
    }
}

/// Whether a date ends with a number of one or two digits, and another digit follows it.
fn is_cut(key: &str, found: &Captures<'_>, role: &str, form: &DateForm) -> bool {
    let rest = found.name(role).map_or("", |found| &key[found.end()..]);
    form.ends_unpadded && rest.starts_with(|c: char| c.is_ascii_digit())
}

/// The first valid date written `YYYY-MM-DD` anywhere in a text.
pub fn first_date(text: &str) -> Option<FileDate> {
    let starts = 0..text.len().saturating_sub(9);
    starts.filter_map(|start| text.get(start..start + 10)).find_map(|part| part.parse().ok())
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The groups of the regular expression that hold the file date, and the first day of a period.
const DATE: &str = "date";
const FROM: &str = "from";

/// A piece of a key pattern.
enum Piece {
    Literal(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `**`
    ManyWithSlashes,
    Date(&'static str, DateForm),
}

impl FromStr for KeyPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pieces = pieces(text)?;
        let date = form(&pieces, DATE)?.ok_or(InvalidPattern::DateCount)?;
        let from = form(&pieces, FROM)?;
        if from.as_ref().is_some_and(|from| from.has_no_day() || date.has_no_day()) {
            return Err(InvalidPattern::PeriodWithoutDay);
        }
        let regex = Regex::new(&regex_of(&pieces)?).map_err(|_| InvalidPattern::Brace)?;
        Ok(Self { text: text.to_owned(), regex, date, from })
    }
}

/// The date form of a role; `None` if the pattern has none.
///
/// # Errors
/// [`InvalidPattern::DateCount`] if it has several.
fn form(pieces: &[Piece], wanted: &str) -> Result<Option<DateForm>, InvalidPattern> {
    let mut forms = pieces.iter().filter_map(|piece| match piece {
        Piece::Date(role, form) if *role == wanted => Some(form),
        _ => None,
    });
    match (forms.next(), forms.next()) {
        (_, Some(_)) => Err(InvalidPattern::DateCount),
        (form, None) => Ok(form.cloned()),
    }
}

/// The pieces of a pattern, in order.
fn pieces(text: &str) -> Result<Vec<Piece>, InvalidPattern> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let role = [DATE, FROM].into_iter().find_map(|role| {
            let after = rest.strip_prefix('{')?.strip_prefix(role)?.strip_prefix(':')?;
            Some((role, after))
        });
        if let Some((role, after)) = role {
            let (format, after) = after.split_once('}').ok_or(InvalidPattern::Brace)?;
            pieces.push(Piece::Date(role, DateForm::parse(format, role)?));
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            pieces.push(Piece::ManyWithSlashes);
            rest = after;
        } else {
            pieces.push(match first {
                '*' => Piece::Many,
                '?' => Piece::One,
                '{' => return Err(InvalidPattern::Brace),
                literal => Piece::Literal(literal),
            });
            rest = &rest[first.len_utf8()..];
        }
    }
    Ok(pieces)
}

/// The regular expression of a pattern. A wildcard before a date that begins with a number of one or two digits does
/// not match its digits.
fn regex_of(pieces: &[Piece]) -> Result<String, InvalidPattern> {
    let mut regex = String::from("^");
    for (index, piece) in pieces.iter().enumerate() {
        let next = pieces.get(index + 1);
        let keeps_digits = matches!(next, Some(Piece::Date(_, form)) if form.begins_unpadded);
        match piece {
            Piece::Literal(literal) => {
                regex.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
            }
            Piece::One if keeps_digits => regex.push_str("[^/0-9]"),
            Piece::One => regex.push_str("[^/]"),
            Piece::Many if keeps_digits => regex.push_str("(?:[^/]*[^/0-9])?"),
            Piece::Many => regex.push_str("[^/]*"),
            Piece::ManyWithSlashes if keeps_digits => regex.push_str("(?:.*[^0-9])?"),
            Piece::ManyWithSlashes => regex.push_str(".*"),
            Piece::Date(role, form) => {
                if form.ends_unpadded && next.is_some_and(begins_with_digit) {
                    return Err(InvalidPattern::Unpadded);
                }
                regex.push_str(&format!("(?<{role}>{})", form.regex));
            }
        }
    }
    regex.push('$');
    Ok(regex)
}

/// Whether it always begins with a digit.
fn begins_with_digit(piece: &Piece) -> bool {
    match piece {
        Piece::Literal(literal) => literal.is_ascii_digit(),
        Piece::Date(..) => true,
        Piece::One | Piece::Many | Piece::ManyWithSlashes => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, key: &str) -> KeyMatch {
        pattern.parse::<KeyPattern>().expect("a pattern").read(key)
    }

    fn day(text: &str) -> KeyMatch {
        KeyMatch::Dated(KeyDates::of_day(file_date(text)))
    }

    fn days(date: &str, from: &str, to: &str) -> KeyMatch {
        let covered = DateRange::between(file_date(from), file_date(to));
        KeyMatch::Dated(KeyDates { date: file_date(date), covered })
    }

    fn file_date(text: &str) -> FileDate {
        text.parse().expect("a date")
    }

    /// Why a pattern is refused.
    fn fault(text: &str) -> InvalidPattern {
        text.parse::<KeyPattern>().map(|_| ()).expect_err(text)
    }

    #[test]
    fn the_shapes_that_vendors_use_are_read() {
        let first = day("2025-12-01");
        for (pattern, key) in [
            ("report_{date:%Y-%m-%d}T*.csv", "report_2025-12-01T1849_8f3a.csv"),
            ("orders-{date:%Y-%m-%d}.csv", "orders-2025-12-01.csv"),
            ("orders-{date:%Y-%m-%d}.csv*", "orders-2025-12-01.csv.gz"),
            ("{date:%Y/%m/%d}/*.csv", "2025/12/01/x.csv"),
            ("dt={date:%Y-%m-%d}/*.csv", "dt=2025-12-01/x.csv"),
            ("**{date:%Y%m%d}*.csv", "some/where/x20251201-2.csv"),
            ("x{date:%Y-%m-%d}.CSV", "x2025-12-01.CSV"),
            ("year={date:%Y/month=%-m/day=%-d}/*.csv", "year=2025/month=12/day=1/p-0.csv"),
            ("year={date:%Y/month=%-m/day=%-d}/*.csv", "year=2025/month=12/day=01/p-0.csv"),
            ("{date:%d-%b-%Y}.csv", "01-Dec-2025.csv"),
            ("{date:%d-%b-%Y}.csv", "01-DEC-2025.csv"),
            ("{date:%-d %B %Y}.csv", "1 december 2025.csv"),
            ("{date:%y%m%d}.csv", "251201.csv"),
            ("{date:%Y.%j}.csv", "2025.335.csv"),
            ("export_{date:%s}.csv", "export_1764547200.csv"),
            ("export_{date:%s}.csv", "export_1764633599.csv"),
            ("100%{date:%%%Y%%%m%%%d}.csv", "100%%2025%12%01.csv"),
        ] {
            assert_eq!(read(pattern, key), first, "{pattern} on {key}");
        }
    }

    #[test]
    fn months_weeks_and_periods_cover_their_days() {
        for (pattern, key, expected) in [
            (
                "bat_{date:%Y-%m}.csv",
                "bat_2024-02.csv",
                days("2024-02-01", "2024-02-01", "2024-02-29"),
            ),
            ("{date:%B%y}.csv", "December99.csv", days("1999-12-01", "1999-12-01", "1999-12-31")),
            ("{date:%G-W%V}.csv", "2026-W01.csv", days("2025-12-29", "2025-12-29", "2026-01-04")),
            (
                "{from:%Y%m%d}-{date:%Y%m%d}/*.csv",
                "20250601-20250615/part0.csv",
                days("2025-06-15", "2025-06-01", "2025-06-15"),
            ),
            (
                "to_{date:%Y-%j}_from_{from:%-d.%-m.%Y}.csv",
                "to_2025-032_from_1.2.2025.csv",
                day("2025-02-01"),
            ),
        ] {
            assert_eq!(read(pattern, key), expected, "{pattern} on {key}");
        }
    }

    #[test]
    fn numbers_without_padding_take_all_their_digits() {
        for (pattern, key, expected) in [
            ("*{date:%-d.%-m.%Y}.csv", "x15.1.2025.csv", day("2025-01-15")),
            ("**{date:%-d.%-m.%Y}.csv", "a/15.1.2025.csv", day("2025-01-15")),
            ("*?{date:%-d.%-m.%Y}.csv", "x15.1.2025.csv", day("2025-01-15")),
            ("{date:%Y-%-m-%-d}*", "2025-1-15_2.csv", day("2025-01-15")),
            ("{date:%Y-%-m-%-d}*", "2025-1-153.csv", KeyMatch::Other),
            ("{date:%Y-%-m-%-d}?csv", "2025-1-15csv", KeyMatch::Other),
        ] {
            assert_eq!(read(pattern, key), expected, "{pattern} on {key}");
        }
    }

    #[test]
    fn other_keys_differ_from_impossible_dates() {
        let pattern = "report_{date:%Y-%m-%d}T*.csv";
        assert_eq!(read(pattern, "_SUCCESS"), KeyMatch::Other);
        assert_eq!(read(pattern, "old/report_2025-12-01T1.csv"), KeyMatch::Other);
        assert_eq!(read(pattern, "report_2025-12-01T1.csv.bak"), KeyMatch::Other);
        assert_eq!(read(pattern, "report_2025-02-30T1.csv"), KeyMatch::ImpossibleDate);
        assert_eq!(read("a.b{date:%Y-%m-%d}", "axb2025-12-01"), KeyMatch::Other);
        for (pattern, key, expected) in [
            ("export_{date:%Y%m%d}*", "export_1733011200.csv", KeyMatch::FarYear),
            ("acct_{date:%Y%m%d}_*", "acct_10231204_20250301.csv", KeyMatch::FarYear),
            ("{date:%s}.csv", "9999999999.csv", KeyMatch::FarYear),
            ("{date:%Y-%j}.csv", "2025-366.csv", KeyMatch::ImpossibleDate),
            ("{date:%G-%V}.csv", "2025-53.csv", KeyMatch::ImpossibleDate),
            ("{date:%G-%V}.csv", "2025-00.csv", KeyMatch::ImpossibleDate),
            ("{date:%Y-%m}.csv", "2025-13.csv", KeyMatch::ImpossibleDate),
            ("{date:%d%b%Y}.csv", "05Mrz2025.csv", KeyMatch::Other),
            ("{from:%Y%m%d}-{date:%Y%m%d}", "20250602-20250601", KeyMatch::BackwardPeriod),
            ("{from:%Y%m%d}-{date:%Y%m%d}", "20250230-20250601", KeyMatch::ImpossibleDate),
        ] {
            assert_eq!(read(pattern, key), expected, "{pattern} on {key}");
        }
    }

    #[test]
    fn patterns_without_one_whole_date_are_refused() {
        for text in
            ["*.csv", "{date:%s}{date:%s}", "{from:%Y%m%d}.csv", "{date:%s}{from:%s}{from:%s}"]
        {
            assert_eq!(fault(text), InvalidPattern::DateCount, "{text}");
        }
        for format in ["%Y", "%m-%d", "%Y-%V", "%G-%m", "%Y-%m-%j", "%s-%Y", "%Y-%d", ""] {
            let expected = InvalidPattern::Parts { format: format.to_owned() };
            assert_eq!(fault(&format!("{{date:{format}}}.csv")), expected);
        }
        for format in ["%Y-%m-%d-%d", "%Y-%y-%m-%d", "%Y-%m-%b-%d", "%s-%s"] {
            let expected = InvalidPattern::Twice { format: format.to_owned() };
            assert_eq!(fault(&format!("{{date:{format}}}.csv")), expected);
        }
        for text in [
            "{date:%Y%-m%-d}.csv",
            "{date:%Y%-m%d}.csv",
            "{date:%Y-%-m-%-d}5.csv",
            "{date:%-d%b%Y-%-m}",
        ] {
            let refused = fault(text);
            let is_right =
                matches!(refused, InvalidPattern::Unpadded | InvalidPattern::Twice { .. });
            assert!(is_right, "{text}: {refused}");
        }
        assert_eq!(fault("{from:%Y%m}-{date:%Y%m%d}"), InvalidPattern::PeriodWithoutDay);
        assert_eq!(fault("{from:%Y%m%d}-{date:%G%V}"), InvalidPattern::PeriodWithoutDay);
        assert_eq!(fault("{date:%Y-%m-%d.csv"), InvalidPattern::Brace);
        assert_eq!(fault("{day:%Y-%m-%d}.csv"), InvalidPattern::Brace);
    }

    #[test]
    fn unknown_directives_are_refused() {
        for (pattern, directive) in [
            ("{date:%Y-%U}.csv", "U"),
            ("{date:%Y-%m-%dT%H}.csv", "H"),
            ("{date:%Y-%-j}.csv", "-j"),
            ("{date:%Y-%m-%}.csv", ""),
        ] {
            let expected = InvalidPattern::Directive(directive.to_owned());
            assert_eq!(fault(pattern), expected, "{pattern}");
        }
    }
}
