//! A **line** is one row in the text form of COPY: how each kind of value is written in it.

use std::fmt::LowerExp;
use std::io::Write;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

/// The field of a NULL.
pub(super) const NULL: &[u8] = b"\\N";
/// Separates two fields of a row.
pub(super) const DELIMITER: u8 = b'\t';
/// Ends a row.
pub(super) const LINE_ENDING: u8 = b'\n';

/// The longest text whose bytes are inside its view, in bytes.
const MAX_INLINE: usize = 12;

/// Whether lines hold no special characters besides the delimiters, the line endings and the backslashes of NULL: if
/// so, no text in them needs escaping.
pub(super) fn holds_only(lines: &[u8], rows: usize, columns: usize, nulls: usize) -> bool {
    count(DELIMITER, lines) == rows * columns.saturating_sub(1)
        && count(LINE_ENDING, lines) == rows
        && count(b'\\', lines) == nulls
        && memchr::memchr2(b'\r', 0, lines).is_none()
}

/// How often a byte occurs.
#[inline]
fn count(byte: u8, lines: &[u8]) -> usize {
    memchr::memchr_iter(byte, lines).count()
}

/// Puts a text as it is. A short one is inside its view: twelve bytes are copied at once, and those after its end
/// are removed again.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the length is in the low 32 bits of a view")]
pub(super) fn put_view<'a>(view: u128, text: impl Fn() -> &'a str, into: &mut Vec<u8>) {
    let length = view as u32 as usize;
    if length > MAX_INLINE {
        into.extend_from_slice(text().as_bytes());
    } else {
        let end = into.len() + length;
        into.extend_from_slice(&view.to_le_bytes()[4..]);
        into.truncate(end);
    }
}

/// Puts a text that holds no NUL.
pub(super) fn put_escaped(text: &str, into: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| b"\t\n\r\\".contains(byte)) {
        into.extend_from_slice(&rest[..at]);
        into.extend_from_slice(match rest[at] {
            b'\t' => b"\\t",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            _ => b"\\\\",
        });
        rest = &rest[at + 1..];
    }
    into.extend_from_slice(rest);
}

/// Puts a `boolean`.
pub(super) fn put_boolean(value: bool, into: &mut Vec<u8>) {
    into.push(if value { b't' } else { b'f' });
}

/// Puts a whole number.
pub(super) fn put_integer(number: i64, into: &mut Vec<u8>) {
    into.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Puts a floating-point number with as many digits as distinguish it from every other one.
pub(super) fn put_float(number: impl LowerExp, into: &mut Vec<u8>) {
    write_into(into, format_args!("{number:e}"));
}

/// Puts a `date`.
pub(super) fn put_date(day: NaiveDate, into: &mut Vec<u8>) {
    put_day(day, into);
    put_era(day, into);
}

/// Puts a `time`.
pub(super) fn put_time(time: NaiveTime, into: &mut Vec<u8>) {
    // A leap second is counted in the nanoseconds.
    let second = time.second() + time.nanosecond() / 1_000_000_000;
    write_into(into, format_args!("{:02}:{:02}:{second:02}", time.hour(), time.minute()));
    let microseconds = time.nanosecond() % 1_000_000_000 / 1000;
    if microseconds > 0 {
        write_into(into, format_args!(".{microseconds:06}"));
    }
}

/// Puts a `timestamp`, with the name of its zone.
pub(super) fn put_timestamp(time: NaiveDateTime, zone: &[u8], into: &mut Vec<u8>) {
    put_day(time.date(), into);
    into.push(b' ');
    put_time(time.time(), into);
    into.extend_from_slice(zone);
    put_era(time.date(), into);
}

/// Puts a `bytea`.
pub(super) fn put_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(b"\\\\x");
    for byte in bytes {
        write_into(into, format_args!("{byte:02x}"));
    }
}

/// Puts a date without its era. The year before 1 is 0 here, and 1 BC in Postgres.
fn put_day(day: NaiveDate, into: &mut Vec<u8>) {
    let year = if day.year() > 0 { day.year() } else { 1 - day.year() };
    write_into(into, format_args!("{year:04}-{:02}-{:02}", day.month(), day.day()));
}

fn put_era(day: NaiveDate, into: &mut Vec<u8>) {
    if day.year() <= 0 {
        into.extend_from_slice(b" BC");
    }
}

fn write_into(into: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing into memory does not fail.
    let _ = into.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = Vec::new();
        put(&mut bytes);
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn what_would_end_a_field_or_a_row_is_escaped() {
        assert_eq!(
            written(|into| put_escaped("a\tb\r\nc\\N\u{b}é", into)),
            "a\\tb\\r\\nc\\\\N\u{b}é"
        );
        assert_eq!(written(|into| put_escaped("\\.", into)), "\\\\.");
        assert_eq!(written(|into| put_bytes(&[0, 255], into)), "\\\\x00ff");
    }

    #[test]
    fn what_needs_escaping_is_seen_wherever_it_stands() {
        let lines = "ab\t\\N\té\n".repeat(20);
        assert!(holds_only(lines.as_bytes(), 20, 3, 20));
        for special in ["\0", "\t", "\n", "\r", "\\"] {
            for at in 0..=lines.len() {
                if lines.is_char_boundary(at) {
                    let mut lines = lines.clone();
                    lines.insert_str(at, special);
                    assert!(!holds_only(lines.as_bytes(), 20, 3, 20), "{special:?} at {at}");
                }
            }
        }
    }

    #[test]
    fn a_text_is_put_whole_whatever_its_length() {
        for length in 0..=14 {
            let text = &"abcdefghijklmn"[..length];
            let view = datafusion::arrow::array::StringViewArray::from(vec![text]).views()[0];
            assert_eq!(written(|into| put_view(view, || text, into)), text);
        }
    }

    fn day(year: i32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, 2, 3).expect("a day")
    }

    fn time(year: i32) -> NaiveDateTime {
        day(year).and_hms_micro_opt(4, 5, 6, 70).expect("a time")
    }

    #[test]
    fn times_are_written_as_postgres_reads_them_also_before_christ() {
        assert_eq!(written(|into| put_date(day(2025), into)), "2025-02-03");
        assert_eq!(written(|into| put_date(day(12_025), into)), "12025-02-03");
        assert_eq!(written(|into| put_date(day(0), into)), "0001-02-03 BC");
        assert_eq!(
            written(|into| put_timestamp(time(-43), b"+00", into)),
            "0044-02-03 04:05:06.000070+00 BC"
        );
    }

    #[test]
    fn floats_keep_every_digit_that_counts() {
        assert_eq!(written(|into| put_float(0.1_f64 + 0.2, into)), "3.0000000000000004e-1");
        assert_eq!(written(|into| put_float(f64::NAN, into)), "NaN");
        assert_eq!(written(|into| put_float(f64::NEG_INFINITY, into)), "-inf");
    }
}
