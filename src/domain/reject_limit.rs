//! A **reject limit** says how many records may be rejected: a count, or `"0.1%"` of the records.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Unexpected, Visitor};

/// How many records may be rejected: a count, or a share of the records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RejectLimit {
    /// At most this many records.
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
