//! Days and times by their **formats**: those of `strftime`, and the counts of an [epoch](super::epoch).
//! Without a format, ISO 8601 is read.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};

use super::epoch::Unit;
use super::parse::{moment, moment_in_iso, reads_offset, usual_date};

/// The forms of ISO 8601 in which a time has no zone, also with a space for the `T`.
const ISO_TIMES: [&str; 2] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];

/// Reads a text as a day, by the first format that reads the whole text.
pub fn date(text: &str, formats: &[String]) -> Option<NaiveDate> {
    let text = text.trim();
    let parsed = match formats {
        [] => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
        formats => formats.iter().find_map(|format| date_in(text, format)),
    };
    parsed.filter(is_plausible)
}

/// Reads a text as a local time (a date and time without an offset), likewise.
pub fn local(text: &str, formats: &[String]) -> Option<NaiveDateTime> {
    let text = text.trim();
    let parsed = match formats {
        [] => ISO_TIMES.iter().find_map(|format| local_in(text, format)),
        formats => formats.iter().find_map(|format| local_in(text, format)),
    };
    parsed.filter(|time| is_plausible(&time.date()) && !is_leap_second(time.time()))
}

/// Reads a text as a moment, likewise: it states its offset from UTC, or counts from 1970.
pub fn moment_of(text: &str, formats: &[String]) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let parsed = match formats {
        [] => moment_in_iso(text),
        formats => formats.iter().find_map(|format| moment_in(text, format)),
    };
    parsed.filter(|time| is_plausible(&time.date_naive()) && !is_leap_second(time.time()))
}

fn date_in(text: &str, format: &str) -> Option<NaiveDate> {
    if let Some(day) = usual_date(text, format) {
        return Some(day);
    }
    if let Some(unit) = Unit::of(format) {
        return unit.moment(text).map(|moment| moment.date_naive());
    }
    let day = NaiveDate::parse_from_str(text, format).ok();
    day.or_else(|| NaiveDateTime::parse_from_str(text, format).ok().map(|time| time.date()))
}

/// Reads a text as a time in a format; a day becomes its start.
fn local_in(text: &str, format: &str) -> Option<NaiveDateTime> {
    if let Some(unit) = Unit::of(format) {
        return unit.moment(text).map(|moment| moment.naive_utc());
    }
    let time = NaiveDateTime::parse_from_str(text, format).ok();
    time.or_else(|| NaiveDate::parse_from_str(text, format).ok()?.and_hms_opt(0, 0, 0))
}

fn moment_in(text: &str, format: &str) -> Option<DateTime<Utc>> {
    match Unit::of(format) {
        Some(unit) => unit.moment(text),
        None => moment(text, format),
    }
}

/// Whether a format reads a count of time since 1970, in UTC.
pub fn counts_from_1970(format: &str) -> bool {
    Unit::of(format).is_some()
}

/// Whether two formats read the same text as different times, as `01/02/2025` is a day of January or of
/// February: the format that is tried first would decide.
pub fn contradict(one: &str, other: &str) -> bool {
    one != other && (misreads(one, other) || misreads(other, one))
}

/// Whether the format `reads` takes a text of the format `writes` for another time.
fn misreads(writes: &str, reads: &str) -> bool {
    let Some(text) = sample(writes) else { return false };
    match (time_in(&text, writes), time_in(&text, reads)) {
        (Some(meant), Some(read)) => meant != read,
        _ => false,
    }
}

/// Writes a time in a format. Any part of its date could be taken for any other.
fn sample(format: &str) -> Option<String> {
    let time = NaiveDate::from_ymd_opt(2003, 2, 1)?.and_hms_opt(4, 5, 6)?.and_utc();
    match Unit::of(format) {
        Some(Unit::Seconds) => Some(time.timestamp().to_string()),
        Some(Unit::Milliseconds) => Some(time.timestamp_millis().to_string()),
        Some(Unit::Microseconds) => Some(time.timestamp_micros().to_string()),
        None => {
            let mut text = String::new();
            // chrono reads this form of an offset and cannot write it.
            let format = format.replace("%#z", "%z");
            write!(text, "{}", time.format(&format)).ok().map(|()| text)
        }
    }
}

/// Reads a text as a time in a format, which may have an offset or not.
fn time_in(text: &str, format: &str) -> Option<NaiveDateTime> {
    let formats = [format.to_owned()];
    if reads_offset(format) {
        moment_of(text, &formats).map(|moment| moment.naive_utc())
    } else {
        local(text, &formats)
    }
}

/// Whether a time is a leap second, which would be moved into the next minute.
fn is_leap_second(time: NaiveTime) -> bool {
    time.nanosecond() >= 1_000_000_000
}

/// Whether the year has four digits: `%Y` also reads `25` as the year 25.
fn is_plausible(day: &NaiveDate) -> bool {
    (1000..=9999).contains(&day.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_contradict_if_a_text_has_two_readings() {
        for (one, other) in [
            ("%d/%m/%Y", "%m/%d/%Y"),
            ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"),
            ("%m/%d/%Y %I:%M %p", "%d/%m/%Y %I:%M %p"),
            ("%d.%m.%y", "%y.%m.%d"),
            ("%d-%b-%y", "%y-%b-%d"),
            ("%Y%m%d", "%Y%d%m"),
            ("epoch_s", "epoch_ms"),
            ("%Y-%m-%d %H:%M%#z", "%Y-%d-%m %H:%M%#z"),
        ] {
            assert!(contradict(one, other) && contradict(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("%d/%m/%Y", "%d/%m/%Y"),
            ("%d/%m/%Y", "%d/%m/%Y %H:%M"),
            ("%m/%d/%Y", "%Y-%m-%d"),
            ("%m/%d/%Y", "%-m/%-d/%Y"),
            ("%d.%m.%Y", "%d.%m.%y"),
            ("%m/%d/%Y", "%m/%d/%Y %I:%M %p"),
            ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%:z"),
            ("%H:%M", "%d/%m/%Y"),
            ("%d %b %Y", "%d %B %Y"),
        ] {
            assert!(!contradict(one, other), "{one} {other}");
        }
    }

    #[test]
    fn nine_decimals_are_read() {
        let expected = Some(1_735_689_600_020_643);
        for (text, formats) in [
            ("2025-01-01T00:00:00.020643808Z", &[][..]),
            ("2025-01-01T00:00:00.020643999Z", &["%Y-%m-%dT%H:%M:%S%.fZ"]),
            ("2025-01-01T00:00:00.020643808Z", &["%Y-%m-%dT%H:%M:%S%.9f%#z"]),
            ("2025-01-01T01:00:00.020643808+01", &[]),
        ] {
            assert_eq!(microseconds(text, formats), expected, "{text}");
        }
        // Digits beyond a microsecond are cut off: rounding would make it another second.
        assert_eq!(microseconds("1969-12-31T23:59:59.999999999Z", &[]), Some(-1));
        assert_eq!(microseconds("2025-12-31T23:59:60.5Z", &[]), None);
    }

    fn microseconds(text: &str, formats: &[&str]) -> Option<i64> {
        let formats: Vec<String> = formats.iter().map(|format| (*format).to_owned()).collect();
        moment_of(text, &formats).map(|moment| moment.timestamp_micros())
    }
}
