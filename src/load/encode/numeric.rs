//! Decimal numbers as **numeric** takes them, and whether it would take them unrounded.

/// A decimal number as its digits: `whole` and `decimals` hold nothing but `0` to `9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits<'a> {
    /// The digits before the point, without leading zeros.
    pub whole: &'a [u8],
    /// The digits after the point.
    pub decimals: &'a [u8],
}

impl<'a> Digits<'a> {
    /// Reads `-12.50`; `None` where the text is anything but a sign, digits and a point.
    pub fn parse(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let bytes = bytes.strip_prefix(b"-").or(bytes.strip_prefix(b"+")).unwrap_or(bytes);
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

    /// Whether a `numeric(precision, scale)` holds the number exactly.
    pub fn fits(&self, precision: usize, scale: usize) -> bool {
        let lost = self.decimals.get(scale..).unwrap_or_default();
        lost.iter().all(|digit| *digit == b'0') && self.whole.len() + scale <= precision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_texts_are_no_numbers() {
        for text in ["", ".", "-", "1e5", "NaN", "1,000", " 1", "--1"] {
            assert!(Digits::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_number_fits_or_would_be_rounded() {
        let fits =
            |text, precision, scale| Digits::parse(text).expect("a number").fits(precision, scale);
        assert!(fits("999.99", 5, 2) && fits("1.500", 5, 2) && fits("0001", 3, 2));
        assert!(!fits("1000", 5, 2) && !fits("1.239", 5, 2));
    }
}
