//! The **form** of a value: whether two texts of a type mean the same, as far as that is certain without the
//! server. The server is asked about the others.

use super::line::{NULL, unescaped};
use crate::target::postgres::Column;
use crate::target::postgres::encode::{Digits, Form, is_zero};

/// Whether two cells are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Same {
    /// They are.
    Yes,
    /// They are not.
    No,
    /// Only the server can say.
    AskServer,
}

/// Compares a field as the load sends it with the field that the target gives, whose bytes differ.
pub(super) fn same(column: &Column, form: Form, ours: &[u8], theirs: &[u8]) -> Same {
    if ours == NULL || theirs == NULL {
        return Same::No;
    }
    let (our_bytes, their_bytes) = (unescaped(ours), unescaped(theirs));
    if our_bytes == their_bytes {
        return Same::Yes;
    }
    let (Ok(ours), Ok(theirs)) = (str::from_utf8(&our_bytes), str::from_utf8(&their_bytes)) else {
        return Same::No;
    };
    let is_same = match form {
        Form::Text { .. } => match column.type_name.as_str() {
            // Blanks at the end do not count, and the server adds them.
            "bpchar" => ours.trim_end_matches(' ') == theirs.trim_end_matches(' '),
            "text" | "varchar" | "citext" => false,
            _ if column.category == 'E' => false,
            _ => return Same::AskServer,
        },
        Form::Integer { .. } | Form::Boolean | Form::Date | Form::Json { is_binary: false } => {
            false
        }
        Form::Float { is_single: true } => {
            same_bits(ours.parse::<f32>(), theirs.parse(), f32::to_bits)
        }
        Form::Float { is_single: false } => {
            same_bits(ours.parse::<f64>(), theirs.parse(), f64::to_bits)
        }
        Form::Numeric { limit: Some((_, scale)) } if scale < 0 => return Same::AskServer,
        Form::Numeric { limit } => match same_number(ours, theirs, limit.is_some()) {
            Some(is_same) => is_same,
            None => return Same::AskServer,
        },
        Form::Timestamp { .. } | Form::Time { .. } => same_time(ours, theirs),
        Form::Uuid => same_uuid(ours, theirs),
        Form::Json { is_binary: true } | Form::Bytes | Form::Short { .. } | Form::Server => {
            return Same::AskServer;
        }
    };
    if is_same { Same::Yes } else { Same::No }
}

fn same_bits<T: Copy, E, B: PartialEq>(
    ours: Result<T, E>,
    theirs: Result<T, E>,
    bits: impl Fn(T) -> B,
) -> bool {
    matches!((ours, theirs), (Ok(ours), Ok(theirs)) if bits(ours) == bits(theirs))
}

/// Whether two decimal numbers are the same; with a scale, the target has added or taken off zeros. `None` if one
/// of them is not written in digits.
fn same_number(ours: &str, theirs: &str, has_scale: bool) -> Option<bool> {
    let (ours_digits, theirs_digits) = (Digits::parse(ours)?, Digits::parse(theirs)?);
    let (a, b) = (ours_digits.decimals, theirs_digits.decimals);
    let common = a.len().min(b.len());
    let same_rest =
        if has_scale { is_zero(&a[common..]) && is_zero(&b[common..]) } else { a.len() == b.len() };
    let same_decimals = a[..common] == b[..common] && same_rest;
    let same_sign = is_negative(ours, &ours_digits) == is_negative(theirs, &theirs_digits);
    Some(same_sign && ours_digits.whole == theirs_digits.whole && same_decimals)
}

/// Whether a number is below zero; `-0` is not.
fn is_negative(text: &str, digits: &Digits<'_>) -> bool {
    text.starts_with('-') && !(digits.whole.is_empty() && is_zero(digits.decimals))
}

/// Whether two times are the same, apart from zeros at the end of their seconds, which the server leaves out.
fn same_time(ours: &str, theirs: &str) -> bool {
    parts_of_time(ours) == parts_of_time(theirs)
}

/// Splits a time into the text before the fraction of a second, the fraction without zeros at its end, and the rest.
fn parts_of_time(text: &str) -> (&str, &str, &str) {
    let Some((before, rest)) = text.split_once('.') else {
        let seconds = text.find(':').and_then(|hour| text.get(..hour + 6)).unwrap_or(text);
        return (seconds, "", &text[seconds.len()..]);
    };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (before, rest[..end].trim_end_matches('0'), &rest[end..])
}

/// Whether two UUIDs are the same; ours has no hyphens, and may have other cases.
fn same_uuid(ours: &str, theirs: &str) -> bool {
    let digits = theirs.bytes().filter(|byte| *byte != b'-');
    digits
        .map(|byte| byte.to_ascii_lowercase())
        .eq(ours.bytes().map(|byte| byte.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(type_name: &str, modifier: i32, ours: &str, theirs: &str) -> Same {
        let category = if matches!(type_name, "text" | "varchar" | "bpchar") { 'S' } else { 'U' };
        let column =
            Column { type_name: type_name.to_owned(), category, modifier, ..Column::default() };
        same(&column, Form::of(&column), ours.as_bytes(), theirs.as_bytes())
    }

    #[test]
    fn a_value_is_the_same_however_the_server_writes_it() {
        let money = (12 << 16 | 2) + 4;
        for (type_name, modifier, ours, theirs) in [
            ("numeric", money, "95", "95.00"),
            ("numeric", money, "-0", "0.00"),
            ("numeric", money, "+007.5", "7.50"),
            ("numeric", -1, ".5", "0.5"),
            ("float8", -1, "9.5e1", "95"),
            ("float8", -1, "-inf", "-Infinity"),
            ("float8", -1, "1e300", "1e+300"),
            ("float4", -1, "1e-1", "0.1"),
            ("timestamp", -1, "2025-01-02 03:04:05.500000", "2025-01-02 03:04:05.5"),
            ("timestamptz", -1, "2025-01-02 03:04:05.000070+00", "2025-01-02 03:04:05.00007+00"),
            ("timestamptz", -1, "0044-02-03 04:05:06+00 BC", "0044-02-03 04:05:06+00 BC"),
            ("time", -1, "03:04:05.120000", "03:04:05.12"),
            (
                "uuid",
                -1,
                "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ),
            ("bpchar", 9, "ab", "ab   "),
            ("text", -1, "a\x0bb", "a\\vb"),
        ] {
            assert_eq!(of(type_name, modifier, ours, theirs), Same::Yes, "{type_name} {ours}");
        }
    }

    #[test]
    fn values_that_mean_something_else_differ() {
        let money = (12 << 16 | 2) + 4;
        for (type_name, modifier, ours, theirs) in [
            ("numeric", money, "95", "95.01"),
            ("numeric", money, "95", "-95.00"),
            ("numeric", money, "95", "950.00"),
            ("numeric", -1, "95", "95.0"),
            ("float8", -1, "9.5e1", "95.00000000000001"),
            ("float8", -1, "0e0", "-0"),
            ("timestamp", -1, "2025-01-02 03:04:05.500000", "2025-01-02 03:04:05.05"),
            ("timestamp", -1, "2025-01-02 03:04:05", "2025-01-02 03:04:05.000001"),
            ("timestamptz", -1, "2025-01-02 03:04:05+00", "2025-01-02 03:04:05+00 BC"),
            ("time", -1, "03:04:05", "03:04:06"),
            (
                "uuid",
                -1,
                "a0eebc999c0b4ef8bb6d6bb9bd380a11",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
            ),
            ("bpchar", 9, "ab", "b    "),
            ("text", -1, "ab", "ab "),
            ("text", -1, "", "\\N"),
            ("int4", -1, "1", "2"),
            ("bool", -1, "t", "f"),
            ("date", -1, "2025-01-02", "infinity"),
        ] {
            assert_eq!(of(type_name, modifier, ours, theirs), Same::No, "{type_name} {ours}");
        }
    }

    #[test]
    fn the_server_is_asked_about_types_that_only_it_reads() {
        for (type_name, ours, theirs) in [
            ("inet", "1.2.3.4/32", "1.2.3.4"),
            ("jsonb", "{\"a\":1}", "{\"a\": 1}"),
            ("numeric", "NaN", "1"),
            ("bytea", "\\\\xAB", "\\\\xab"),
        ] {
            assert_eq!(of(type_name, -1, ours, theirs), Same::AskServer, "{type_name}");
        }
    }
}
