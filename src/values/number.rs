//! How a **number** is read: `1,234.50`, or with a decimal comma `1.234,50`.

/// The decimal mark: what separates the whole part from the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// A point; commas separate thousands.
    Point,
    /// A comma; points or blanks separate thousands.
    Comma,
}

impl Mark {
    /// Returns the mark that SQL names so.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "." => Some(Self::Point),
            "," => Some(Self::Comma),
            _ => None,
        }
    }

    fn character(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }

    fn separates_thousands(self, character: char) -> bool {
        match self {
            Self::Point => character == ',',
            Self::Comma => ['.', ' ', '\u{a0}', '\u{202f}'].contains(&character),
        }
    }
}

/// The largest power of ten in an exponent; it is more than the digits of any number.
const LARGEST_POWER: i32 = 99;

/// Reads a number with `scale` decimals and returns it multiplied by `10^scale`. Returns `None` if the text is
/// not a number, has more than `precision` digits, or has decimals beyond `scale` that are not zero.
///
/// Accepts one sign, before or after the number, `$`, parentheses for negative numbers, thousands separators in
/// the right places, and a power of ten as in `1.5e3`. It does not accept a percent sign, because the value does
/// not say whether `12%` is 12 or 0.12.
pub fn decimal(text: &str, precision: u8, scale: i8, mark: Mark) -> Option<i128> {
    let (text, is_negative) = without_sign(text.trim())?;
    let (digits, power) = with_power(text)?;
    let (whole, decimals) = digits.split_once(mark.character()).unwrap_or((digits, ""));
    if whole.is_empty() && decimals.is_empty() {
        return None;
    }
    let whole = without_separators(whole, mark)?;
    let last_power = i32::try_from(decimals.len()).ok()?.checked_neg()?.checked_add(power)?;
    let shift = last_power.checked_add(i32::from(scale))?;
    let lost = usize::try_from(-shift.min(0)).ok()?;
    let kept = (whole.len() + decimals.len()).saturating_sub(lost);
    let mut value: i128 = 0;
    for (place, byte) in whole.bytes().chain(decimals.bytes()).enumerate() {
        if place < kept {
            let digit = char::from(byte).to_digit(10)?;
            value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
        } else if byte != b'0' {
            return None;
        }
    }
    if value != 0 {
        let padding = u32::try_from(shift.max(0)).ok()?;
        value = value.checked_mul(10_i128.checked_pow(padding)?)?;
    }
    let fits = value < 10_i128.checked_pow(u32::from(precision))?;
    fits.then_some(if is_negative { -value } else { value })
}

/// Whether a text is ASCII digits and nothing else.
pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Takes the sign and `$` off a number: (the rest, whether it is negative). `None` if there are several signs.
fn without_sign(text: &str) -> Option<(&str, bool)> {
    let (text, parenthesised) = match text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        Some(inner) => (inner.trim(), true),
        None => (text, false),
    };
    let (text, early) = sign(text);
    let (text, late) = sign(text.strip_prefix('$').map_or(text, str::trim_start));
    let (text, behind) = match text.strip_suffix('-') {
        Some(before) => (before.trim_end(), Some(true)),
        None => (text, None),
    };
    let signs = [parenthesised.then_some(true), early, late, behind];
    let mut signs = signs.into_iter().flatten();
    let is_negative = signs.next().unwrap_or_default();
    signs.next().is_none().then_some((text, is_negative))
}

/// Takes a leading sign off: (the rest, whether it is a minus).
fn sign(text: &str) -> (&str, Option<bool>) {
    match text.as_bytes().first() {
        Some(b'-') => (text[1..].trim_start(), Some(true)),
        Some(b'+') => (text[1..].trim_start(), Some(false)),
        _ => (text, None),
    }
}

/// Splits a number into the part before its exponent and the exponent, which is 0 if there is none.
fn with_power(text: &str) -> Option<(&str, i32)> {
    let Some((digits, power)) = text.split_once(['e', 'E']) else { return Some((text, 0)) };
    let unsigned = power.strip_prefix(['+', '-']).unwrap_or(power);
    if !is_digits(unsigned) {
        return None;
    }
    let power: i32 = power.parse().ok()?;
    (power.abs() <= LARGEST_POWER).then_some((digits, power))
}

/// Returns the digits of `1,234,567`; `None` if a separator is in another place. The first group cannot start
/// with a zero: in `0,250` the comma is a decimal mark.
fn without_separators(whole: &str, mark: Mark) -> Option<String> {
    let Some(separator) = whole.chars().find(|c| mark.separates_thousands(*c)) else {
        return Some(whole.to_owned());
    };
    let groups: Vec<&str> = whole.split(separator).collect();
    let (first, others) = groups.split_first()?;
    let is_first = (1..=3).contains(&first.len()) && !first.starts_with('0');
    (is_first && others.iter().all(|group| group.len() == 3)).then(|| groups.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(text: &str) -> Option<i128> {
        decimal(text, 12, 2, Mark::Point)
    }

    #[test]
    fn money_is_read_as_exports_write_it() {
        for (text, expected) in [
            ("95", 9500),
            ("0.25", 25),
            ("$1,234.50", 123_450),
            ("-3.1", -310),
            ("(12.00)", -1200),
            ("(12)", -1200),
            ("12-", -1200),
            ("12.5 -", -1250),
            ("-$5", -500),
            ("$-5", -500),
            ("$5-", -500),
            ("1.500", 150),
            (".5", 50),
            ("7.", 700),
            (" 1 ", 100),
            ("007", 700),
            ("-0", 0),
        ] {
            assert_eq!(cents(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn thousands_are_groups_of_three_behind_one_to_three_digits() {
        for (text, expected) in [
            ("1,125", 112_500),
            ("12,125", 1_212_500),
            ("999,125.5", 99_912_550),
            ("1,234,567", 123_456_700),
        ] {
            assert_eq!(cents(text), Some(expected), "{text}");
        }
        for text in [
            "0,250",
            "01,234",
            "00,123",
            "000,123",
            "-0,250",
            "1234,567",
            "12,34",
            "1,2345",
            "1,23",
            ",123",
            "1,",
            "1,234,56",
            "1,,234",
            "1.234,5",
            "1 234",
            "1'234",
            "1.234.567",
        ] {
            assert_eq!(cents(text), None, "{text}");
        }
    }

    #[test]
    fn a_decimal_comma_is_read_if_the_sql_says_so() {
        for (text, expected) in [
            ("0,250", 250),
            ("1,125", 1125),
            ("1.234,50", 1_234_500),
            ("1.200", 1_200_000),
            ("750", 750_000),
            ("-1.234.567,8", -1_234_567_800),
            ("1 234,5", 1_234_500),
            ("1\u{a0}234,5", 1_234_500),
            (",5", 500),
            ("(1,5)", -1500),
            ("1,5e2", 150_000),
        ] {
            assert_eq!(decimal(text, 12, 3, Mark::Comma), Some(expected), "{text}");
        }
        for text in
            ["0.5", "1.5", "0.250", "1,234.50", "1,234,567", "1.23,5", "1.234 567", "1,2345"]
        {
            assert_eq!(decimal(text, 12, 3, Mark::Comma), None, "{text}");
        }
    }

    #[test]
    fn a_power_of_ten_is_read_if_no_digit_is_lost() {
        for (text, expected) in [
            ("1e3", 100_000),
            ("1E+3", 100_000),
            ("1.5e-1", 15),
            ("2.50e1", 2500),
            ("-1.2e2", -12_000),
            ("100e-2", 100),
            ("0e99", 0),
            ("0.00e-99", 0),
            ("1,234e1", 1_234_000),
        ] {
            assert_eq!(cents(text), Some(expected), "{text}");
        }
        for text in [
            "1e",
            "e3",
            "1e3.5",
            "1e-3",
            "1.239e0",
            "1e11",
            "1e99",
            "1e100",
            "1e+-3",
            "1e 3",
            "1e3e3",
            "1e99999999999",
        ] {
            assert_eq!(cents(text), None, "{text}");
        }
    }

    #[test]
    fn what_would_lose_a_digit_is_not_a_number() {
        for text in [
            "", ".", "$", "1.239", "--1", "(-1)", "-1-", "(1-)", "NaN", "1 2", "12%", "12 %",
            "1-2", "-", "5 $", "1.2.3", "\u{0661}",
        ] {
            assert_eq!(cents(text), None, "{text}");
        }
        assert_eq!(decimal("1000", 5, 2, Mark::Point), None);
        assert_eq!(decimal("999.99", 5, 2, Mark::Point), Some(99_999));
        assert_eq!(decimal(&"9".repeat(38), 38, 0, Mark::Point), Some(10_i128.pow(38) - 1));
        assert_eq!(decimal(&"9".repeat(39), 38, 0, Mark::Point), None);
    }
}
