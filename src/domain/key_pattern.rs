//! A **key pattern** says which keys under a prefix are exports and where their file date stands.
//!
//! `report_{date:%Y-%m-%d}T*.csv` reads: the literal `report_`, a date, a `T`, anything but a
//! slash, `.csv`. The whole key below the prefix must match. `*` stands for any run of characters
//! without a slash, `**` for any run, `?` for one character. The date is written with `%Y` (four
//! digits), `%m` and `%d` (two digits each), every one of them once, with literals between.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use regex::Regex;

use super::FileDate;

/// Which keys are exports, and where their file date stands.
///
/// Written `report_{date:%Y-%m-%d}T*.csv`: `*` stands for any run of characters without a slash,
/// `**` for any run, `?` for one character; the date has `%Y`, `%m` and `%d`, each once.
#[derive(Clone, Debug)]
pub struct KeyPattern {
    text: String,
    regex: Regex,
}

/// What a [`KeyPattern`] says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMatch {
    /// The key is an export of this day.
    Date(FileDate),
    /// The key has the pattern's shape, but its digits are no calendar day.
    ImpossibleDate,
    /// The key does not have the pattern's shape.
    Other,
}

/// A pattern that cannot find a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// The pattern has no `{date:…}`, or more than one.
    #[error("a key pattern needs exactly one {{date:…}}, such as report_{{date:%Y-%m-%d}}T*.csv")]
    DateCount,
    /// The date lacks one of its three parts, or has one twice.
    #[error("the date of a key pattern needs %Y, %m and %d, each once")]
    DateParts,
    /// The date holds a directive other than `%Y`, `%m` and `%d`.
    #[error("%{0} is not understood in the date of a key pattern; use %Y, %m and %d")]
    Directive(char),
    /// A brace is not closed.
    #[error("a brace in the key pattern is not closed")]
    Brace,
}

impl KeyPattern {
    /// Reads a key, given without its prefix.
    pub fn read(&self, key: &str) -> KeyMatch {
        let Some(found) = self.regex.captures(key) else { return KeyMatch::Other };
        let number = |name| found.name(name).and_then(|part| part.as_str().parse::<u32>().ok());
        let date = match (number("year"), number("month"), number("day")) {
            (Some(year), Some(month), Some(day)) => {
                NaiveDate::from_ymd_opt(year as i32, month, day)
            }
            _ => None,
        };
        date.map_or(KeyMatch::ImpossibleDate, |date| KeyMatch::Date(FileDate(date)))
    }

    /// The file date in a key that matches.
    pub fn date_of(&self, key: &str) -> Option<FileDate> {
        match self.read(key) {
            KeyMatch::Date(date) => Some(date),
            KeyMatch::ImpossibleDate | KeyMatch::Other => None,
        }
    }
}

/// The first date written `YYYY-MM-DD` in a text that is one, whatever stands around it.
pub fn first_date(text: &str) -> Option<FileDate> {
    let starts = 0..text.len().saturating_sub(9);
    starts.filter_map(|start| text.get(start..start + 10)).find_map(|part| part.parse().ok())
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for KeyPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut regex = String::from("^");
        let mut dates = 0;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{date:") {
                let (format, after) = after.split_once('}').ok_or(InvalidPattern::Brace)?;
                regex.push_str(&date_regex(format)?);
                dates += 1;
                rest = after;
            } else if let Some(after) = rest.strip_prefix("**") {
                regex.push_str(".*");
                rest = after;
            } else {
                match first {
                    '*' => regex.push_str("[^/]*"),
                    '?' => regex.push_str("[^/]"),
                    '{' => return Err(InvalidPattern::Brace),
                    literal => regex.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4]))),
                }
                rest = &rest[first.len_utf8()..];
            }
        }
        if dates != 1 {
            return Err(InvalidPattern::DateCount);
        }
        regex.push('$');
        let regex = Regex::new(&regex).map_err(|_| InvalidPattern::Brace)?;
        Ok(Self { text: text.to_owned(), regex })
    }
}

/// The regular expression of a date format such as `%Y-%m-%d`.
fn date_regex(format: &str) -> Result<String, InvalidPattern> {
    let mut regex = String::new();
    let mut parts = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            regex.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
            continue;
        }
        let directive = characters.next().unwrap_or('%');
        regex.push_str(match directive {
            'Y' => "(?<year>[0-9]{4})",
            'm' => "(?<month>[0-9]{2})",
            'd' => "(?<day>[0-9]{2})",
            other => return Err(InvalidPattern::Directive(other)),
        });
        if parts.contains(directive) {
            return Err(InvalidPattern::DateParts);
        }
        parts.push(directive);
    }
    if parts.len() == 3 { Ok(regex) } else { Err(InvalidPattern::DateParts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, key: &str) -> KeyMatch {
        pattern.parse::<KeyPattern>().expect("a pattern").read(key)
    }

    fn day(text: &str) -> KeyMatch {
        KeyMatch::Date(text.parse().expect("a date"))
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
        ] {
            assert_eq!(read(pattern, key), first, "{pattern} on {key}");
        }
    }

    #[test]
    fn other_keys_and_impossible_dates_are_told_apart() {
        let pattern = "report_{date:%Y-%m-%d}T*.csv";
        assert_eq!(read(pattern, "_SUCCESS"), KeyMatch::Other);
        assert_eq!(read(pattern, "old/report_2025-12-01T1.csv"), KeyMatch::Other);
        assert_eq!(read(pattern, "report_2025-12-01T1.csv.bak"), KeyMatch::Other);
        assert_eq!(read(pattern, "report_2025-02-30T1.csv"), KeyMatch::ImpossibleDate);
        assert_eq!(read("a.b{date:%Y-%m-%d}", "axb2025-12-01"), KeyMatch::Other);
    }

    #[test]
    fn patterns_without_one_whole_date_are_refused() {
        let parse = |text: &str| text.parse::<KeyPattern>().map(|_| ()).expect_err(text);
        assert_eq!(parse("*.csv"), InvalidPattern::DateCount);
        assert_eq!(parse("{date:%Y-%m}.csv"), InvalidPattern::DateParts);
        assert_eq!(parse("{date:%Y-%m-%d-%d}.csv"), InvalidPattern::DateParts);
        assert_eq!(parse("{date:%Y-%j}.csv"), InvalidPattern::Directive('j'));
        assert_eq!(parse("{date:%Y-%m-%d.csv"), InvalidPattern::Brace);
    }
}
