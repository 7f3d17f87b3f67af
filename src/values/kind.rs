//! The **kind** of a value: what type it could be read as.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Mark, day, decimal, truth};

/// What type a value could be read as. Its text names the format of a date: `date %m/%d/%Y`, or both
/// formats: `date %m/%d/%Y or %d/%m/%Y`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Kind {
    /// A whole number. One with a leading zero is taken for a code, which is text.
    Integer,
    /// A number with decimals.
    Decimal,
    /// A number only if the comma is the decimal mark: `0,5`, `1.234,50`.
    CommaDecimal,
    /// Yes or no, in words.
    Boolean,
    /// A day, perhaps with a time, in this format.
    Date(String),
    /// A day, perhaps with a time, in one of two formats: `01/02/2025`.
    Unclear(String, String),
    /// Anything else.
    Text,
}

/// The most digits of a number; with more it is text.
const DIGITS: u8 = 38;
/// The most decimals of a number; with more it is text.
const DECIMALS: i8 = 12;

impl Kind {
    /// Returns the kind of a value, and the number if it is one.
    pub fn of(value: &str) -> (Self, Option<f64>) {
        let value = value.trim();
        let Some(first) = value.bytes().next() else { return (Self::Text, None) };
        if first.is_ascii_digit()
            && let Some(written) = day::written(value)
        {
            return (Self::from(written), None);
        }
        if first.is_ascii_digit() || b"+-$(.,".contains(&first) {
            // `1e5` and `12-` may also be codes.
            if is_code(value) || value.ends_with('-') || value.contains(['e', 'E']) {
                return (Self::Text, None);
            }
            return match decimal(value, DIGITS, DECIMALS, Mark::Point) {
                Some(number) => {
                    let number = number as f64 / 10_f64.powi(i32::from(DECIMALS));
                    let kind = if value.contains('.') { Self::Decimal } else { Self::Integer };
                    (kind, Some(number))
                }
                None if decimal(value, DIGITS, DECIMALS, Mark::Comma).is_some() => {
                    (Self::CommaDecimal, None)
                }
                None => (Self::Text, None),
            };
        }
        (if truth(value).is_some() { Self::Boolean } else { Self::Text }, None)
    }

    /// Whether it is a number, with either decimal mark.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Integer | Self::Decimal | Self::CommaDecimal)
    }

    /// Whether it is a day.
    pub fn is_date(&self) -> bool {
        matches!(self, Self::Date(_) | Self::Unclear(..))
    }

    /// How its days are written; both formats if it is one of two.
    pub fn date_format(&self) -> Option<String> {
        match self {
            Self::Date(format) => Some(format.clone()),
            Self::Unclear(one, other) => Some(format!("{one}{OR}{other}")),
            _ => None,
        }
    }
}

/// Separates the two formats of a day that is unclear.
const OR: &str = " or ";

impl From<day::Written> for Kind {
    fn from(written: day::Written) -> Self {
        match written.other {
            Some((_, other)) => Self::Unclear(written.format, other),
            None => Self::Date(written.format),
        }
    }
}

/// Whether a number starts with a zero that has no meaning, as in a postcode.
fn is_code(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.len() > 1 && bytes[0] == b'0' && bytes[1].is_ascii_digit()
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer => f.write_str("integer"),
            Self::Decimal => f.write_str("decimal"),
            Self::CommaDecimal => f.write_str("decimal comma"),
            Self::Boolean => f.write_str("boolean"),
            Self::Date(format) => write!(f, "date {format}"),
            Self::Unclear(format, other) => write!(f, "date {format}{OR}{other}"),
            Self::Text => f.write_str("text"),
        }
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.to_string()
    }
}

impl From<String> for Kind {
    fn from(text: String) -> Self {
        match text.as_str() {
            "integer" => Self::Integer,
            "decimal" => Self::Decimal,
            "decimal comma" => Self::CommaDecimal,
            "boolean" => Self::Boolean,
            text => match text.strip_prefix("date ").map(|date| (date, date.split_once(OR))) {
                Some((_, Some((one, other)))) => Self::Unclear(one.to_owned(), other.to_owned()),
                Some((format, None)) => Self::Date(format.to_owned()),
                None => Self::Text,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_kind_of_the_type_that_could_hold_it() {
        for (value, kind) in [
            ("95", "integer"),
            ("$1,234", "integer"),
            ("-0.25", "decimal"),
            (".5", "decimal"),
            ("00123", "text"),
            ("0", "integer"),
            ("0.5", "decimal"),
            ("No", "boolean"),
            ("12/18/2025", "date %m/%d/%Y"),
            ("12/11/2025", "date %m/%d/%Y or %d/%m/%Y"),
            ("2025-12-18 12:43 AM", "date %Y-%m-%d %I:%M %p"),
            ("20251218", "date %Y%m%d"),
            ("12.34.56", "text"),
            ("1e5", "text"),
            ("12-", "text"),
            ("12%", "text"),
            ("0,250", "decimal comma"),
            ("1.234,50", "decimal comma"),
            (",5", "decimal comma"),
            ("1,125", "integer"),
            ("1.200", "decimal"),
            ("00,5", "text"),
            ("1,23,4", "text"),
            ("NEW", "text"),
        ] {
            let found = Kind::of(value).0;
            assert_eq!(found.to_string(), kind, "{value}");
            assert_eq!(Kind::from(found.to_string()), found);
        }
        assert_eq!(Kind::of("(1,234.50)").1, Some(-1234.5));
    }
}
