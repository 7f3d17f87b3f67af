//! The **shape** of a value: what it looks like without what it says. `12/18/2025` has the shape
//! `99/99/9999`, `NY` has `AA`.

use chrono::{NaiveDate, NaiveTime};

/// A shape is cut after so many characters.
const LONGEST: usize = 24;
/// A longer run of letters is written `A+`.
const LETTERS: usize = 3;
/// A longer run of digits is written `9+`.
const DIGITS: usize = 16;

/// The shape of a value: `9` for a digit, `A` for a letter, other characters as they are; long runs as
/// one with a `+`, so that names of any length have one shape.
pub fn of(value: &str) -> String {
    let mut shape = String::with_capacity(LONGEST);
    let mut characters = value.chars().map(class).peekable();
    let mut length = 0;
    while let Some(class) = characters.next() {
        let mut run = 1;
        while matches!(class, 'A' | '9') && characters.next_if_eq(&class).is_some() {
            run += 1;
        }
        let most = if class == 'A' { LETTERS } else { DIGITS };
        if run > most {
            shape.extend([class, '+']);
            length += 2;
        } else {
            shape.extend(std::iter::repeat_n(class, run));
            length += run;
        }
        if length >= LONGEST && characters.peek().is_some() {
            shape.push('…');
            break;
        }
    }
    shape
}

fn class(character: char) -> char {
    match character {
        '0'..='9' => '9',
        c if c.is_alphabetic() => 'A',
        c if c.is_whitespace() => ' ',
        c if c.is_ascii() => c,
        _ => '?',
    }
}

/// The formats in which exports write days, the first in which a value can be read being meant.
pub const DATE_FORMATS: [&str; 6] =
    ["%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d"];

/// The day that a value starts with, in the first format that reads it, with or without a time after
/// it.
pub fn date(value: &str) -> Option<NaiveDate> {
    let (day, _, time) = parts(value.trim());
    let is_time = |byte: u8| byte.is_ascii_digit() || b":.+-Z APMapm".contains(&byte);
    if !time.bytes().all(is_time) {
        return None;
    }
    day_and_format(day).map(|(day, _)| day)
}

/// The format in which a value is a day, or a day and a time; `None` where it is neither.
pub fn date_format(value: &str) -> Option<String> {
    let (day, separator, time) = parts(value.trim());
    let (_, format) = day_and_format(day)?;
    match time {
        "" => Some(format.to_owned()),
        time => Some(format!("{format}{separator}{}", time_format(time)?)),
    }
}

/// What stands before, at and behind the first space or `T`.
fn parts(value: &str) -> (&str, &str, &str) {
    match value.find([' ', 'T']) {
        Some(at) => (&value[..at], &value[at..=at], &value[at + 1..]),
        None => (value, "", ""),
    }
}

fn day_and_format(day: &str) -> Option<(NaiveDate, &'static str)> {
    if !(8..=10).contains(&day.len()) || !day.is_ascii() {
        return None;
    }
    let read = |format: &'static str| {
        let whole = format != "%Y%m%d" || day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit());
        let parsed = NaiveDate::parse_from_str(day, format).ok().filter(|_| whole)?;
        use chrono::Datelike;
        (1900..=2100).contains(&parsed.year()).then_some((parsed, format))
    };
    DATE_FORMATS.into_iter().find_map(read)
}

/// The format in which a value is a time of day.
fn time_format(time: &str) -> Option<String> {
    let (time, zone) = match time.find(['Z', '+']).or_else(|| time.rfind('-')) {
        Some(at) if time[at..] == *"Z" => (&time[..at], "Z"),
        Some(at) => (&time[..at], "%:z"),
        None => (time, ""),
    };
    let forms = ["%H:%M:%S", "%H:%M", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S%.f"];
    let reads = |form: &&str| NaiveTime::parse_from_str(time, form).is_ok();
    let form = forms.into_iter().find(reads)?;
    Some(format!("{form}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_says_what_a_value_looks_like_and_not_what_it_says() {
        for (value, expected) in [
            ("12/18/2025", "99/99/9999"),
            ("NY", "AA"),
            ("411111******1111", "999999******9999"),
            ("Zoë Ångström", "AAA A+"),
            ("ann@example.com", "AAA@A+.AAA"),
            ("", ""),
            ("€ 5", "? 9"),
            ("12345678901234567890", "9+"),
        ] {
            assert_eq!(of(value), expected, "{value}");
        }
        assert_eq!(of(&"a-1 ".repeat(50)), "A-9 A-9 A-9 A-9 A-9 A-9 …");
    }

    #[test]
    fn days_are_read_in_the_usual_formats() {
        let day = NaiveDate::from_ymd_opt(2025, 12, 18);
        for value in ["2025-12-18", "12/18/2025", "18.12.2025", "20251218", "2025-12-18T10:00:00Z"]
        {
            assert_eq!(date(value), day, "{value}");
        }
        for (value, format) in [
            ("12/18/2025", "%m/%d/%Y"),
            ("18/12/2025", "%d/%m/%Y"),
            ("12/18/2025 12:43 AM", "%m/%d/%Y %I:%M %p"),
            ("2025-12-18T10:00:00Z", "%Y-%m-%dT%H:%M:%SZ"),
            ("2025-12-18 10:00:00.5+01:00", "%Y-%m-%d %H:%M:%S%.f%:z"),
        ] {
            assert_eq!(date_format(value).as_deref(), Some(format), "{value}");
        }
        assert_eq!(date_format("2025-12-18 soon"), None);
        for value in ["", "12345678", "2025-13-01", "order 2025-12-18", "0000-00-00", "12/18/25"] {
            assert_eq!(date(value), None, "{value}");
        }
    }
}
