//! A **size** is an amount of memory or disk space as people write it: `"512 MiB"`, `"8 GB"`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{self, Deserializer, Unexpected, Visitor};

/// An amount, written `"512 MiB"`, `"8 GB"` or as a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The amount in bytes.
    pub bytes: u64,
}

/// A text is not a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give a size such as \"512 MiB\", \"20 GiB\" or \"1 TiB\"")]
pub struct InvalidSize;

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = (&text[..split], text[split..].trim());
        let factor: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            "kb" => 1000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            _ => return Err(InvalidSize),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let whole: u64 = whole.parse().map_err(|_| InvalidSize)?;
        let part = fraction(part, factor).ok_or(InvalidSize)?;
        let bytes = whole.checked_mul(factor).and_then(|bytes| bytes.checked_add(part));
        bytes.map(|bytes| Self { bytes }).ok_or(InvalidSize)
    }
}

/// Returns the digits after the decimal point as a part of a unit of `factor` bytes, in whole bytes.
fn fraction(digits: &str, factor: u64) -> Option<u64> {
    let places = u32::try_from(digits.len()).ok().filter(|places| (1..=9).contains(places))?;
    let value: u64 = digits.parse().ok()?;
    u64::try_from(u128::from(value) * u128::from(factor) / 10_u128.pow(places)).ok()
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount such as \"512 MiB\" or \"2 GB\"")
            }

            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Self::Value, E> {
                u64::try_from(bytes)
                    .map(|bytes| Size { bytes })
                    .map_err(|_| E::invalid_value(Unexpected::Signed(bytes), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Option<u64> {
        text.parse::<Size>().map(|size| size.bytes).ok()
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(bytes("50 KB"), Some(50_000));
        assert_eq!(bytes("50kB"), Some(50_000));
        assert_eq!(bytes("1.5GiB"), Some(1_610_612_736));
        assert_eq!(bytes("0.25 mb"), Some(250_000));
        assert_eq!(bytes("7"), Some(7));
        for wrong in ["", "GB", ".5 GB", "1. GB", "1.2.3 GB", "1 G", "-1 GB", "1e3", "20000000 TiB"]
        {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
