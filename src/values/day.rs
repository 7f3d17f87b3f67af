//! How exports write a **day**. Some days can be read in two ways: `01/02/2025` is a day of January if
//! the month comes first, and of February if the day comes first.

use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate, NaiveTime};

use super::number::is_digits;

/// Years that a day of an export can be in.
const YEARS: RangeInclusive<i32> = 1900..=2100;

/// A day as a value writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The day; if it can be read in two ways, with the month first.
    pub day: NaiveDate,
    /// Its format, followed by the format of the time if there is one.
    pub format: String,
    /// The other reading and its format, with the day first.
    pub other: Option<(NaiveDate, String)>,
}

/// Reads a value that is a day, with or without a time; `None` if it is neither.
pub fn written(value: &str) -> Option<Written> {
    let (day, separator, time) = parts(value.trim());
    let readings = readings(day)?;
    let time = match time {
        "" => String::new(),
        time => format!("{separator}{}", time_format(time)?),
    };
    let (day, format) = readings.first;
    let other = readings.other.map(|(day, format)| (day, format!("{format}{time}")));
    Some(Written { day, format: format!("{format}{time}"), other })
}

/// Reads the day that a value starts with; of two readings, takes the one nearer to `date`.
pub fn nearest(value: &str, date: NaiveDate) -> Option<NaiveDate> {
    let (day, _, time) = parts(value.trim());
    if !time.bytes().all(may_be_of_a_time) {
        return None;
    }
    let readings = readings(day)?;
    let days = std::iter::once(readings.first).chain(readings.other).map(|(day, _)| day);
    days.min_by_key(|day| (*day - date).num_days().abs())
}

fn may_be_of_a_time(byte: u8) -> bool {
    byte.is_ascii_digit() || b":.+-Z UTCAPMapm".contains(&byte)
}

/// A day with its format.
type Reading = (NaiveDate, &'static str);

/// The one or two ways in which a text can be read as a day.
struct Readings {
    first: Reading,
    other: Option<Reading>,
}

impl Readings {
    fn only(first: Reading) -> Self {
        Self { first, other: None }
    }
}

/// Splits a value at the first space or `T`: (before, separator, after).
fn parts(value: &str) -> (&str, &str, &str) {
    match value.find([' ', 'T']) {
        Some(at) => (&value[..at], &value[at..=at], &value[at + 1..]),
        None => (value, "", ""),
    }
}

fn readings(text: &str) -> Option<Readings> {
    if !(8..=10).contains(&text.len()) || !text.is_ascii() {
        return None;
    }
    let Some(separator) = text.chars().find(|c| !c.is_ascii_digit()) else {
        if text.len() != 8 {
            return None;
        }
        return Some(Readings::only((date(&text[..4], &text[4..6], &text[6..])?, "%Y%m%d")));
    };
    let mut fields = text.split(separator);
    let (a, b, c) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let [year_first, month_first, day_first] = match separator {
        '-' => ["%Y-%m-%d", "%m-%d-%Y", "%d-%m-%Y"],
        '/' => ["%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y"],
        // With dots, the day always comes first.
        '.' => ["%Y.%m.%d", "", "%d.%m.%Y"],
        _ => return None,
    };
    if a.len() == 4 {
        return Some(Readings::only((date(a, b, c)?, year_first)));
    }
    let month_first =
        date(c, a, b).filter(|_| !month_first.is_empty()).map(|day| (day, month_first));
    let day_first = date(c, b, a).map(|day| (day, day_first));
    match month_first {
        Some(first) => Some(Readings { first, other: day_first }),
        None => Some(Readings::only(day_first?)),
    }
}

fn date(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    let year = i32::try_from(number(year, 4..=4)?).ok()?;
    let found = NaiveDate::from_ymd_opt(year, number(month, 1..=2)?, number(day, 1..=2)?)?;
    YEARS.contains(&found.year()).then_some(found)
}

/// Reads a number of this many digits, without a sign.
fn number(text: &str, digits: RangeInclusive<usize>) -> Option<u32> {
    if !digits.contains(&text.len()) || !is_digits(text) {
        return None;
    }
    text.parse().ok()
}

/// Returns the format in which a value is a time of day.
fn time_format(time: &str) -> Option<String> {
    let (time, zone) = match time.find([' ', 'Z', '+', '-']).map(|at| time.split_at(at)) {
        // There is a space before AM and PM, too.
        Some((clock, rest)) => match zone_format(rest) {
            Some(zone) => (clock, zone),
            None => (time, String::new()),
        },
        None => (time, String::new()),
    };
    let forms = ["%H:%M:%S", "%H:%M", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S%.f"];
    let form = forms.into_iter().find(|form| NaiveTime::parse_from_str(time, form).is_ok())?;
    Some(format!("{form}{zone}"))
}

/// Returns the format of the offset from UTC at the end of a time.
fn zone_format(text: &str) -> Option<String> {
    let (space, zone) = match text.strip_prefix(' ') {
        Some(zone) => (" ", zone),
        None => ("", text),
    };
    let digits = zone.strip_prefix(['+', '-']).unwrap_or_default().bytes();
    let shape: String =
        digits.map(|byte| if byte.is_ascii_digit() { '9' } else { char::from(byte) }).collect();
    let format = match (zone, shape.as_str()) {
        ("Z" | "UTC", _) => zone,
        (_, "99:99") => "%:z",
        (_, "9999") => "%z",
        (_, "99") => "%#z",
        _ => return None,
    };
    Some(format!("{space}{format}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_in_the_usual_formats() {
        for (value, format) in [
            ("2025-12-18", "%Y-%m-%d"),
            ("2025/12/18", "%Y/%m/%d"),
            ("20251218", "%Y%m%d"),
            ("12/18/2025", "%m/%d/%Y"),
            ("18/12/2025", "%d/%m/%Y"),
            ("12-18-2025", "%m-%d-%Y"),
            ("18-12-2025", "%d-%m-%Y"),
            ("18.12.2025", "%d.%m.%Y"),
            ("12/18/2025 12:43 AM", "%m/%d/%Y %I:%M %p"),
            ("2025-12-18T10:00:00Z", "%Y-%m-%dT%H:%M:%SZ"),
            ("2025-12-18 10:00:00.5+01:00", "%Y-%m-%d %H:%M:%S%.f%:z"),
            ("2025-12-18 10:00:00-05", "%Y-%m-%d %H:%M:%S%#z"),
            ("2025-12-18 10:00:00 -0500", "%Y-%m-%d %H:%M:%S %z"),
            ("2025-12-18 10:00:00.25 UTC", "%Y-%m-%d %H:%M:%S%.f UTC"),
        ] {
            let found = written(value).expect(value);
            assert_eq!((found.format.as_str(), found.other), (format, None), "{value}");
            assert_eq!(Some(found.day), NaiveDate::from_ymd_opt(2025, 12, 18), "{value}");
        }
        assert_eq!(written("1.2.2025").expect("a day").format, "%d.%m.%Y");
        for value in [
            "",
            "12345678",
            "2025-13-01",
            "order 2025-12-18",
            "0000-00-00",
            "12/18/25",
            "1/2-2025",
            "+1/+2/2025",
            "2025-12-18 soon",
            "2025-12-18 10:00 soon",
            "2025-12-18 10:00:00+1:00",
            "1/2/2025/",
        ] {
            assert_eq!(written(value), None, "{value}");
        }
    }

    #[test]
    fn a_day_of_two_readings_is_returned_with_both() {
        let found = written("10/05/2025 10:00").expect("a day");
        assert_eq!((found.day, found.format.as_str()), (day_of_2025(10, 5), "%m/%d/%Y %H:%M"));
        assert_eq!(found.other, Some((day_of_2025(5, 10), "%d/%m/%Y %H:%M".to_owned())));
        assert_eq!(nearest("10/05/2025", day_of_2025(10, 1)), Some(day_of_2025(10, 5)));
        assert_eq!(nearest("10/05/2025 1:2", day_of_2025(5, 1)), Some(day_of_2025(5, 10)));
        assert_eq!(nearest("10/05/2025 soon", day_of_2025(5, 1)), None);
    }

    fn day_of_2025(month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, month, day).expect("a day")
    }
}
