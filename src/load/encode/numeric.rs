//! **numeric** in binary: groups of four decimal digits, the weight of the first group, a sign and
//! the number of decimals.

use bytes::{BufMut, BytesMut};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// A decimal number as its digits: `whole` and `decimals` hold nothing but `0` to `9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits<'a> {
    /// Whether it is below zero.
    pub negative: bool,
    /// The digits before the point, without leading zeros.
    pub whole: &'a [u8],
    /// The digits after the point.
    pub decimals: &'a [u8],
}

impl<'a> Digits<'a> {
    /// Reads `-12.50`; `None` where the text is anything but a sign, digits and a point.
    pub fn parse(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes.first() {
            Some(b'-') => (true, &bytes[1..]),
            Some(b'+') => (false, &bytes[1..]),
            _ => (false, bytes),
        };
        let (whole, decimals) = match bytes.iter().position(|byte| *byte == b'.') {
            Some(point) => (&bytes[..point], &bytes[point + 1..]),
            None => (bytes, &bytes[..0]),
        };
        let is_number = whole.iter().chain(decimals).all(u8::is_ascii_digit);
        let leading = whole.iter().take_while(|digit| **digit == b'0').count();
        let fits = decimals.len() <= 16_000 && whole.len() <= 130_000;
        (is_number && fits && !(whole.is_empty() && decimals.is_empty())).then(|| Self {
            negative,
            whole: &whole[leading..],
            decimals,
        })
    }

    /// Puts the number as `numeric`.
    pub fn put(self, into: &mut BytesMut) {
        let group = |digits: &[u8]| {
            digits.iter().fold(0_i16, |value, digit| value * 10 + i16::from(digit - b'0'))
        };
        let mut groups: Vec<i16> = Vec::with_capacity(self.whole.len() / 4 + 4);
        let first = self.whole.len() % 4;
        if first > 0 {
            groups.push(group(&self.whole[..first]));
        }
        groups.extend(self.whole[first..].chunks(4).map(group));
        let mut weight = groups.len() as i16 - 1;
        for chunk in self.decimals.chunks(4) {
            let mut padded = [b'0'; 4];
            padded[..chunk.len()].copy_from_slice(chunk);
            groups.push(group(&padded));
        }
        while groups.last() == Some(&0) {
            groups.pop();
        }
        let leading = groups.iter().take_while(|group| **group == 0).count();
        groups.drain(..leading);
        weight -= leading as i16;
        let sign = if self.negative && !groups.is_empty() { NEGATIVE } else { POSITIVE };
        into.put_i16(groups.len() as i16);
        into.put_i16(if groups.is_empty() { 0 } else { weight });
        into.put_u16(sign);
        into.put_i16(self.decimals.len() as i16);
        groups.into_iter().for_each(|group| into.put_i16(group));
    }

    /// Whether a `numeric(precision, scale)` holds the number exactly.
    pub fn fits(&self, precision: usize, scale: usize) -> bool {
        let lost = self.decimals.get(scale..).unwrap_or_default();
        lost.iter().all(|digit| *digit == b'0') && self.whole.len() + scale <= precision
    }

    /// The same number with at most `scale` decimals, where those beyond are zero.
    pub fn with_scale(self, scale: usize) -> Self {
        Self { decimals: &self.decimals[..scale.min(self.decimals.len())], ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(text: &str) -> Vec<i16> {
        let mut bytes = BytesMut::new();
        Digits::parse(text).expect("a number").put(&mut bytes);
        bytes.chunks(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    #[test]
    fn groups_are_counted_from_the_point() {
        assert_eq!(put("0"), [0, 0, 0, 0]);
        assert_eq!(put("12345.678"), [3, 1, 0, 3, 1, 2345, 6780]);
        assert_eq!(put("-0.0001"), [1, -1, 0x4000, 4, 1]);
        assert_eq!(put("0.00000001"), [1, -2, 0, 8, 1]);
        assert_eq!(put("10000"), [1, 1, 0, 0, 1]);
        assert_eq!(put("-0.00"), [0, 0, 0, 2]);
    }

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
