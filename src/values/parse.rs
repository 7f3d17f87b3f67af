//! How **single values** are read; `None`, which becomes NULL, stands for what cannot be read.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// Reads a day in one of the two usual formats, with leading zeros. It is a fast path: `None` means that the
/// slower reader of any format has to decide.
pub fn usual_date(text: &str, format: &str) -> Option<NaiveDate> {
    let (year, month, day, separator) = match format {
        "%m/%d/%Y" => (6..10, 0..2, 3..5, (b'/', [2, 5])),
        "%Y-%m-%d" => (0..4, 5..7, 8..10, (b'-', [4, 7])),
        _ => return None,
    };
    let bytes = text.as_bytes();
    let (separator, places) = separator;
    if bytes.len() != 10 || places.iter().any(|place| bytes[*place] != separator) {
        return None;
    }
    NaiveDate::from_ymd_opt(
        i32::try_from(number(&bytes[year])?).ok()?,
        number(&bytes[month])?,
        number(&bytes[day])?,
    )
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
    })
}

/// The parts of a format that read an offset from UTC.
const OFFSETS: [&str; 4] = ["%#z", "%z", "%:z", "%+"];

/// The endings of a format whose times are in UTC.
const IN_UTC: [&str; 2] = ["Z", "UTC"];

/// The forms of ISO 8601 in which a time has an offset; also with a space instead of the `T`, as databases
/// write it.
const ISO_MOMENTS: [&str; 4] = [
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f UTC",
    "%Y-%m-%d %H:%M:%S%.f UTC",
];

/// Reads a moment in any form of ISO 8601 that states the offset from UTC.
pub fn moment_in_iso(text: &str) -> Option<DateTime<Utc>> {
    ISO_MOMENTS.iter().find_map(|format| moment(text, format))
}

/// Reads a moment in a format that [reads the offset](reads_offset) or ends with UTC.
pub(super) fn moment(text: &str, format: &str) -> Option<DateTime<Utc>> {
    if reads_offset(format) {
        return DateTime::parse_from_str(text, format).ok().map(|moment| moment.to_utc());
    }
    NaiveDateTime::parse_from_str(text, format).ok().map(|time| time.and_utc())
}

/// Whether a format reads the offset from UTC.
pub fn reads_offset(format: &str) -> bool {
    OFFSETS.iter().any(|offset| format.contains(offset))
}

/// Whether a format says that its times are in UTC.
pub fn is_in_utc(format: &str) -> bool {
    IN_UTC.iter().any(|utc| format.strip_suffix(utc).is_some_and(|before| !before.ends_with('%')))
}

/// Reads a yes or a no.
pub fn truth(text: &str) -> Option<bool> {
    let text = text.trim();
    if is_one_of(text, &["true", "t", "yes", "y", "1", "on"]) {
        Some(true)
    } else if is_one_of(text, &["false", "f", "no", "n", "0", "off"]) {
        Some(false)
    } else {
        None
    }
}

/// Whether `text` is one of the ways in which exports write that there is no value.
pub fn is_null_like(text: &str) -> bool {
    let text = text.trim();
    let zero_dates = ["0000-00-00", "0000-00-00 00:00:00", "00/00/0000"];
    is_one_of(text, &["", "na", "n/a", "none", "null", "\\n"]) || zero_dates.contains(&text)
}

/// Whether a text is one of these words, in upper or lower case.
fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_with_its_offset() {
        for text in [
            "2025-01-01T08:00:00Z",
            "2025-01-01 10:00:00+02",
            "2025-01-01 10:00:00+0200",
            "2025-01-01T10:00:00+02:00",
            "2025-01-01 03:00:00 -0500",
            "2025-01-01 08:00:00 UTC",
        ] {
            let moment = moment_in_iso(text).map(|moment| moment.naive_utc().to_string());
            assert_eq!(moment.as_deref(), Some("2025-01-01 08:00:00"), "{text}");
        }
        for text in ["2025-01-01 10:00:00", "2025-01-01", "2025-01-01 10:00:00+2", "now"] {
            assert_eq!(moment_in_iso(text), None, "{text}");
        }
        assert!(["%d.%m.%Y %H:%M %z", "%+", "%H:%M%#z"].into_iter().all(reads_offset));
        assert!(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M UTC"].into_iter().all(is_in_utc));
        for format in ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M %Z", ""] {
            assert!(!reads_offset(format) && !is_in_utc(format), "{format}");
        }
    }

    #[test]
    fn the_usual_dates_are_read_as_the_slower_reader_reads_them() {
        for (text, format) in [
            ("12/18/2025", "%m/%d/%Y"),
            ("2025-12-18", "%Y-%m-%d"),
            ("02/30/2025", "%m/%d/%Y"),
            ("12-18-2025", "%m/%d/%Y"),
            ("1a/18/2025", "%m/%d/%Y"),
        ] {
            assert_eq!(usual_date(text, format), NaiveDate::parse_from_str(text, format).ok());
        }
        assert_eq!(usual_date("1/2/2025", "%m/%d/%Y"), None);
    }

    #[test]
    fn truth_and_absence_have_many_spellings() {
        assert_eq!(
            (truth("YES"), truth("No"), truth("maybe"), truth("")),
            (Some(true), Some(false), None, None)
        );
        assert!(
            ["", "NA", "n/a", "None", "NULL", "\\N", "0000-00-00"]
                .map(is_null_like)
                .iter()
                .all(|x| *x)
        );
        assert!(!is_null_like("0"));
    }
}
