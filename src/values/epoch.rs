//! An **epoch time** counts from 1 January 1970 in UTC: in seconds, milliseconds or microseconds.

use chrono::{DateTime, Utc};

use super::number::is_digits;

/// The most decimals of a count of seconds that a moment can hold.
const DECIMALS: usize = 9;

/// The unit of the count. It is a format of its own: it cannot be part of a longer format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// `epoch_s`, and `%s` as `strftime` has it.
    Seconds,
    /// `epoch_ms`.
    Milliseconds,
    /// `epoch_us`.
    Microseconds,
}

impl Unit {
    /// Returns the unit that a format names.
    pub(super) fn of(format: &str) -> Option<Self> {
        match format {
            "epoch_s" | "%s" => Some(Self::Seconds),
            "epoch_ms" => Some(Self::Milliseconds),
            "epoch_us" => Some(Self::Microseconds),
            _ => None,
        }
    }

    fn nanoseconds(self) -> i128 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Milliseconds => 1_000_000,
            Self::Microseconds => 1000,
        }
    }

    /// Returns the moment of a count, which may have decimals.
    pub(super) fn moment(self, text: &str) -> Option<DateTime<Utc>> {
        let (digits, is_negative) = match text.strip_prefix('-') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        if !is_digits(whole) || !is_digits(decimals) || decimals.len() > DECIMALS {
            return None;
        }
        let one = self.nanoseconds();
        let scaled = decimals.parse::<i128>().ok()?.checked_mul(one)?;
        let fraction = scaled / 10_i128.checked_pow(u32::try_from(decimals.len()).ok()?)?;
        let size = whole.parse::<i128>().ok()?.checked_mul(one)?.checked_add(fraction)?;
        let nanoseconds = if is_negative { -size } else { size };
        DateTime::from_timestamp(
            i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?,
            u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_1970_are_moments() {
        for (format, text, expected) in [
            ("epoch_s", "1735689600", "2025-01-01 00:00:00"),
            ("%s", "1735689600", "2025-01-01 00:00:00"),
            ("epoch_s", "1735689600.25", "2025-01-01 00:00:00.250"),
            ("epoch_ms", "1735689600123", "2025-01-01 00:00:00.123"),
            ("epoch_ms", "1735689600123.5", "2025-01-01 00:00:00.123500"),
            ("epoch_us", "1735689600123456", "2025-01-01 00:00:00.123456"),
            ("epoch_s", "0", "1970-01-01 00:00:00"),
            ("epoch_ms", "-1", "1969-12-31 23:59:59.999"),
        ] {
            assert_eq!(read(format, text).as_deref(), Some(expected), "{format} {text}");
        }
        for text in ["", "-", ".5", "5.", "1e9", "+1", "1,5", " 1", "--1", "99999999999999999999"] {
            assert_eq!(read("epoch_s", text), None, "{text}");
        }
        assert_eq!(Unit::of("epoch"), None);
    }

    fn read(format: &str, text: &str) -> Option<String> {
        let moment = Unit::of(format).expect(format).moment(text);
        moment.map(|moment| moment.naive_utc().to_string())
    }
}
