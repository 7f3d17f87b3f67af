//! Decimal numbers as **numeric** takes them, and whether it would round them.

use crate::domain::saturating;

/// A decimal number as its digits: `whole` and `decimals` hold only `0` to `9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digits<'a> {
    /// The digits before the point, without leading zeros.
    pub whole: &'a [u8],
    /// The digits after the point.
    pub decimals: &'a [u8],
}

impl<'a> Digits<'a> {
    /// Reads `-12.50`; `None` if the text is anything but a sign, digits and a point.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let signed = text.as_bytes();
        let bytes = signed.strip_prefix(b"-").or(signed.strip_prefix(b"+")).unwrap_or(signed);
        let (whole, decimals) = match bytes.iter().position(|byte| *byte == b'.') {
            Some(point) => (&bytes[..point], &bytes[point + 1..]),
            None => (bytes, &bytes[..0]),
        };
        let is_number = whole.iter().chain(decimals).all(u8::is_ascii_digit);
        let leading = whole.iter().take_while(|digit| **digit == b'0').count();
        let fits = decimals.len() <= 16_000 && whole.len() <= 130_000;
        (is_number && fits && !(whole.is_empty() && decimals.is_empty()))
            .then(|| Self { whole: &whole[leading..], decimals })
    }

    /// Whether a `numeric(precision, scale)` holds the number exactly. A negative scale rounds before
    /// the point; one above the precision leaves zeros after it.
    pub(crate) fn fits(&self, precision: i32, scale: i32) -> bool {
        if is_zero(self.whole) && is_zero(self.decimals) {
            return true;
        }
        let is_rounded = match usize::try_from(scale) {
            Ok(scale) => !is_zero(&self.decimals[self.decimals.len().min(scale)..]),
            Err(_) => {
                let before_point = saturating::index(scale.unsigned_abs());
                let kept = self.whole.len().saturating_sub(before_point);
                !is_zero(self.decimals) || !is_zero(&self.whole[kept..])
            }
        };
        let leading = self.decimals.iter().take_while(|digit| **digit == b'0').count();
        let magnitude = match self.whole.len() {
            0 => -saturating::bigint(leading),
            whole => saturating::bigint(whole),
        };
        !is_rounded && magnitude <= i64::from(precision) - i64::from(scale)
    }
}

/// Whether all digits are `0`.
pub(crate) fn is_zero(digits: &[u8]) -> bool {
    digits.iter().all(|digit| *digit == b'0')
}

/// A number as its significant digits and the place of its point, so that `0.10`, `1e-1` and `.1` are equal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Significant {
    is_negative: bool,
    /// Neither the first nor the last is `0`.
    digits: Vec<u8>,
    /// How many of the digits are before the point; if negative, how many zeros follow the point.
    magnitude: i64,
}

impl Significant {
    /// Reads `-12.50e3`; `None` if the text is anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let read = Digits::parse(number)?;
        let mut digits = [read.whole, read.decimals].concat();
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        digits.truncate(digits.iter().rposition(|digit| *digit != b'0').map_or(0, |at| at + 1));
        let magnitude = if digits.is_empty() {
            0
        } else {
            saturating::bigint(read.whole.len()) - saturating::bigint(leading) + i64::from(exponent)
        };
        let is_negative = number.starts_with('-') && !digits.is_empty();
        Some(Self { is_negative, digits, magnitude })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_texts_are_not_numbers() {
        for text in ["", ".", "-", "1e5", "NaN", "1,000", " 1", "--1"] {
            assert!(Digits::parse(text).is_none(), "{text}");
        }
    }

    fn fits(text: &str, precision: i32, scale: i32) -> bool {
        Digits::parse(text).expect("a number").fits(precision, scale)
    }

    fn is_same(a: &str, b: &str) -> bool {
        Significant::parse(a) == Significant::parse(b)
    }

    #[test]
    fn a_number_fits_or_would_be_rounded() {
        assert!(fits("999.99", 5, 2) && fits("1.500", 5, 2) && fits("0001", 3, 2));
        assert!(!fits("1000", 5, 2) && !fits("1.239", 5, 2));
        assert!(fits("1200", 4, -2) && fits("999900", 4, -2) && fits("0", 4, -2));
        assert!(!fits("1250", 4, -2) && !fits("1000000", 4, -2) && !fits("99", 4, -2));
        assert!(fits("0.0012", 2, 4) && fits("0.00", 2, 4) && fits(".0099", 2, 4));
        assert!(!fits("0.012", 2, 4) && !fits("0.00123", 2, 4) && !fits("1", 2, 4));
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        assert!(is_same("0.10", "1e-1") && is_same("1200", "1.2E+3") && is_same("-0", "0.0"));
        assert!(is_same("000123.4500", "1.2345e2"));
        assert!(!is_same("1", "-1") && !is_same("16777217", "16777216") && !is_same("1", "10"));
        assert!(Significant::parse("inf").is_none() && Significant::parse("1e").is_none());
    }
}
