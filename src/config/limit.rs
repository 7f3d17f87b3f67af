//! Amounts as people write them: `"0.1%"` of the records, `"512 MiB"` of memory.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Unexpected, Visitor};

/// How many records may be rejected: a count, or a share of the records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RejectLimit {
    /// At most so many records.
    Count(u64),
    /// At most this share of the records, in percent.
    Percent(f64),
}

impl RejectLimit {
    /// Whether `rejected` of `records` is more than the limit allows.
    pub fn is_exceeded(&self, rejected: u64, records: u64) -> bool {
        match *self {
            Self::Count(count) => rejected > count,
            Self::Percent(percent) => rejected as f64 * 100.0 > percent * records as f64,
        }
    }
}

impl Default for RejectLimit {
    fn default() -> Self {
        Self::Percent(0.1)
    }
}

impl fmt::Display for RejectLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl<'de> Deserialize<'de> for RejectLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = RejectLimit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count such as 20, or a share of the records such as \"0.1%\"")
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<Self::Value, E> {
                u64::try_from(count)
                    .map(RejectLimit::Count)
                    .map_err(|_| E::invalid_value(Unexpected::Signed(count), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let percent = text.strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok());
                percent
                    .filter(|percent| (0.0..=100.0).contains(percent))
                    .map(RejectLimit::Percent)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Written)
    }
}

/// An amount of memory, written `"512 MiB"`, `"2 GiB"` or as a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The amount in bytes.
    pub bytes: u64,
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of memory such as \"512 MiB\" or \"2 GiB\"")
            }

            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Self::Value, E> {
                u64::try_from(bytes)
                    .map(|bytes| Size { bytes })
                    .map_err(|_| E::invalid_value(Unexpected::Signed(bytes), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
                let factor: Option<u64> = match text[split..].trim() {
                    "" | "B" => Some(1),
                    "KiB" => Some(1 << 10),
                    "MiB" => Some(1 << 20),
                    "GiB" => Some(1 << 30),
                    _ => None,
                };
                text[..split]
                    .parse::<u64>()
                    .ok()
                    .zip(factor)
                    .and_then(|(number, factor)| number.checked_mul(factor))
                    .map(|bytes| Size { bytes })
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Written)
    }
}
