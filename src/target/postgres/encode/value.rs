//! One **value** of a row: written as the column's type reads it, or refused if the type would round it, cut it or
//! take it for something else.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use serde::de::IgnoredAny;

use super::line;
use super::numeric::{Digits, Significant};
use crate::domain::saturating;
use crate::values::moment_in_iso;

/// What a value is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text {
        max_characters: Option<usize>,
    },
    Integer {
        bytes: usize,
    },
    Float {
        is_single: bool,
    },
    Numeric {
        limit: Option<(i32, i32)>,
    },
    Boolean,
    Date,
    Timestamp {
        with_zone: bool,
        decimals: u32,
    },
    Time {
        decimals: u32,
    },
    Uuid,
    Json {
        is_binary: bool,
    },
    Bytes,
    /// A text of a limited number of bytes.
    Short {
        max_bytes: usize,
    },
    /// A text that only the server can read as the column's type.
    Server,
}

/// The reason for a value that cannot be converted.
pub(super) fn unreadable() -> String {
    "it cannot be converted without loss".to_owned()
}

impl Form {
    /// Puts a text.
    ///
    /// # Errors
    /// The reason if the column cannot hold it; never the value.
    pub(crate) fn put_text(self, text: &str, into: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Self::Text { max_characters } => put_characters(text, max_characters, into),
            Self::Integer { .. } => self.put_integer(whole_number(text)?, into),
            Self::Float { is_single } => {
                let number: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
                self.refuse_rounding(number, Significant::parse(text).as_ref())?;
                // Read at once as what it becomes: by way of a double it would be rounded twice.
                if is_single {
                    line::put_float(text.parse::<f32>().map_err(|_| unreadable())?, into);
                } else {
                    line::put_float(number, into);
                }
                Ok(())
            }
            Self::Numeric { .. } => self.put_numeric(text, into),
            Self::Boolean => {
                let value = match text {
                    "t" | "true" | "TRUE" => true,
                    "f" | "false" | "FALSE" => false,
                    _ => return Err("it is neither true nor false; use try_to_bool".to_owned()),
                };
                line::put_boolean(value, into);
                Ok(())
            }
            Self::Date => {
                let day = NaiveDate::parse_from_str(text, "%Y-%m-%d")
                    .map_err(|_| "it is not a date written YYYY-MM-DD".to_owned())?;
                line::put_date(day, into);
                Ok(())
            }
            Self::Timestamp { with_zone, .. } => {
                let time = if with_zone {
                    moment_in_iso(text).map(|moment| moment.naive_utc())
                } else {
                    naive_time(text)
                };
                self.put_timestamp(time.ok_or_else(|| not_a_time(with_zone))?, into)
            }
            Self::Time { decimals } => {
                let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f")
                    .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M"))
                    .map_err(|_| "it is not a time written HH:MM:SS or HH:MM".to_owned())?;
                refuse_finer(time, decimals)?;
                line::put_time(time, into);
                Ok(())
            }
            Self::Uuid => put_uuid(text, into),
            Self::Json { is_binary } => put_json(text, is_binary, into),
            Self::Short { max_bytes } if text.len() > max_bytes => {
                Err(format!("it is longer than {max_bytes} byte(s), so that the type would cut it"))
            }
            Self::Short { .. } | Self::Server | Self::Bytes => put_characters(text, None, into),
        }
    }

    /// Puts a time; one with a zone is in UTC.
    ///
    /// # Errors
    /// The reason if the column keeps fewer decimals of a second.
    pub(crate) fn put_timestamp(
        self,
        time: NaiveDateTime,
        into: &mut Vec<u8>,
    ) -> Result<(), String> {
        let Self::Timestamp { with_zone, decimals } = self else { return Err(unreadable()) };
        refuse_finer(time.time(), decimals)?;
        line::put_timestamp(time, if with_zone { b"+00" } else { b"" }, into);
        Ok(())
    }

    /// Puts a whole number.
    ///
    /// # Errors
    /// The reason if the column is too small for it.
    pub(crate) fn put_integer(self, number: i64, into: &mut Vec<u8>) -> Result<(), String> {
        let Self::Integer { bytes } = self else { return Err(unreadable()) };
        let fits = match bytes {
            2 => i16::try_from(number).is_ok(),
            4 => i32::try_from(number).is_ok(),
            _ => true,
        };
        if !fits {
            return Err(format!("it does not fit into {bytes} bytes"));
        }
        line::put_integer(number, into);
        Ok(())
    }

    /// Puts a floating-point number.
    ///
    /// # Errors
    /// The reason if the column would round it.
    pub(crate) fn put_float(self, number: f64, into: &mut Vec<u8>) -> Result<(), String> {
        let Self::Float { is_single } = self else { return Err(unreadable()) };
        if !is_single {
            line::put_float(number, into);
            return Ok(());
        }
        let single = to_single(number);
        if number.is_finite() && f64::from(single) != number {
            self.refuse_rounding(number, Significant::parse(&format!("{number:e}")).as_ref())?;
        }
        line::put_float(single, into);
        Ok(())
    }

    /// Puts a decimal number.
    ///
    /// # Errors
    /// The reason if the column would round it, or is too small for it.
    pub(crate) fn put_numeric(self, text: &str, into: &mut Vec<u8>) -> Result<(), String> {
        let written_out = without_exponent(text);
        let plain = written_out.as_deref().unwrap_or(text);
        let digits = Digits::parse(plain).ok_or_else(|| "it is not a number".to_owned())?;
        if let Self::Numeric { limit: Some((precision, scale)) } = self
            && !digits.fits(precision, scale)
        {
            return Err(format!("numeric({precision},{scale}) would round it or is too small"));
        }
        into.extend_from_slice(plain.as_bytes());
        Ok(())
    }

    /// Refuses a number whose digits the column does not give back: 0.1 comes back as 0.1 from any
    /// of them, 16777217 from a `real` as 16777216.
    fn refuse_rounding(self, number: f64, meant: Option<&Significant>) -> Result<(), String> {
        let (kept, name) = match self {
            Self::Float { is_single: true } => (format!("{:e}", to_single(number)), "real"),
            _ => (format!("{number:e}"), "double precision"),
        };
        // Infinity and NaN have no digits.
        if meant.is_none() || meant == Significant::parse(&kept).as_ref() {
            return Ok(());
        }
        Err(format!("{name} would round it; CAST it in stage.sql if that is intended"))
    }
}

fn put_characters(text: &str, max: Option<usize>, into: &mut Vec<u8>) -> Result<(), String> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err("it has a NUL character, which Postgres cannot store".to_owned());
    }
    if let Some(max) = max
        && text.len() > max
        && text.chars().count() > max
    {
        return Err(format!("it is longer than {max} characters"));
    }
    line::put_escaped(text, into);
    Ok(())
}

/// Reads a whole number; the error distinguishes one that is too large.
fn whole_number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        match error.kind() {
            PosOverflow | NegOverflow => "it does not fit into 8 bytes".to_owned(),
            _ => "it is not a whole number".to_owned(),
        }
    })
}

/// Returns a number without its exponent, `8.401E+10` as `84010000000`; `None` if it has none, or one above
/// [`MAX_ZEROS`].
fn without_exponent(text: &str) -> Option<String> {
    let (number, power) = text.split_once(['e', 'E'])?;
    let exponent: i64 = power.parse().ok()?;
    Digits::parse(number)?;
    if exponent.abs() > MAX_ZEROS {
        return None;
    }
    let (sign, unsigned) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut digits = format!("{whole}{decimals}");
    let moved = saturating::bigint(whole.len()) + exponent;
    if moved < 0 {
        digits.insert_str(0, &"0".repeat(saturating::index(moved.unsigned_abs())));
    }
    let point = saturating::index(moved.max(0));
    if point > digits.len() {
        digits.push_str(&"0".repeat(point - digits.len()));
    }
    let (before, after) = digits.split_at(point);
    let before = if before.is_empty() { "0" } else { before };
    Some(if after.is_empty() {
        format!("{sign}{before}")
    } else {
        format!("{sign}{before}.{after}")
    })
}

/// The largest exponent, positive or negative, of a number that is written out.
const MAX_ZEROS: i64 = 1000;

fn put_json(text: &str, is_binary: bool, into: &mut Vec<u8>) -> Result<(), String> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| "it is not JSON".to_owned())?;
    if is_binary && has_escaped_nul(text) {
        return Err(r"it has \u0000, which jsonb cannot store: remove it in stage.sql, such as with replace(x, '\u0000', '')".to_owned());
    }
    line::put_escaped(text, into);
    Ok(())
}

/// Whether a JSON text holds the character NUL in its escaped form.
fn has_escaped_nul(text: &str) -> bool {
    memchr::memmem::find_iter(text.as_bytes(), br"\u0000").any(|at| {
        let before = text.as_bytes()[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        before.is_multiple_of(2)
    })
}

fn not_a_time(with_zone: bool) -> String {
    let form = if with_zone { "time with its offset from UTC" } else { "time without a zone" };
    format!("it is not an ISO 8601 {form}")
}

fn naive_time(text: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

/// Refuses a time that has more than `decimals` of a second, and leap seconds, which would become the next minute.
fn refuse_finer(time: NaiveTime, decimals: u32) -> Result<(), String> {
    let nanoseconds = time.nanosecond();
    if nanoseconds >= 1_000_000_000 {
        return Err("it is a leap second, which Postgres cannot store".to_owned());
    }
    if !nanoseconds.is_multiple_of(10_u32.pow(9 - decimals.min(9))) {
        return Err(format!(
            "it has more than {decimals} decimals of a second; cut it with date_trunc or left in \
             stage.sql if that is intended"
        ));
    }
    Ok(())
}

fn put_uuid(text: &str, into: &mut Vec<u8>) -> Result<(), String> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err("it is not a UUID".to_owned());
    }
    into.extend_from_slice(&digits);
    Ok(())
}
/// Returns the nearest number of single precision.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the caller compares the result with the number"
)]
fn to_single(number: f64) -> f32 {
    number as f32
}
