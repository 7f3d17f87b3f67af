//! **Prices**, and the throughput of disks: the constants from which costs and times are estimated.
//!
//! Supabase: "Compute and Disk" and "Pricing" of its documentation, as of February 2026. Amazon S3: its price
//! list for us-east-1, storage class Standard, as of February 2026.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::origin::{Number, Origin};

/// Dollars for a thousand requests that read an object.
const GET_THOUSAND: f64 = 0.0004;
/// Dollars for a thousand requests that list or write objects.
const LIST_OR_PUT_THOUSAND: f64 = 0.005;
/// Dollars for a gigabyte that leaves the cloud for the internet; within the region it is free.
const INTERNET_GIGABYTE: f64 = 0.09;
/// Dollars a month for a gigabyte of a database above what is included.
const DATABASE_GIGABYTE: f64 = 0.125;
/// Gigabytes of a database that are included in a paid plan.
const INCLUDED_GIGABYTES: f64 = 8.0;
/// The most that the database of a free plan may hold, in bytes.
const FREE_BYTES: u64 = 500_000_000;
/// A gigabyte of a bill, in bytes.
const GIGABYTE: f64 = 1e9;

/// Keys in one answer to a list request of S3.
const KEYS_PER_LIST: u64 = 1000;

/// A compute size of Supabase; `free` is the free plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "they are Supabase's own names")]
pub enum Compute {
    Free,
    Nano,
    Micro,
    Small,
    Medium,
    Large,
    Xl,
    #[serde(rename = "2xl")]
    Xl2,
    #[serde(rename = "4xl")]
    Xl4,
    #[serde(rename = "8xl")]
    Xl8,
    #[serde(rename = "12xl")]
    Xl12,
    #[serde(rename = "16xl")]
    Xl16,
}

/// Every size, with its name and the sustained throughput of its disk in megabits per second.
const SIZES: [(Compute, &str, f64); 12] = [
    (Compute::Free, "free", 43.0),
    (Compute::Nano, "nano", 43.0),
    (Compute::Micro, "micro", 87.0),
    (Compute::Small, "small", 174.0),
    (Compute::Medium, "medium", 347.0),
    (Compute::Large, "large", 630.0),
    (Compute::Xl, "xl", 1188.0),
    (Compute::Xl2, "2xl", 2375.0),
    (Compute::Xl4, "4xl", 4750.0),
    (Compute::Xl8, "8xl", 9500.0),
    (Compute::Xl12, "12xl", 14_250.0),
    (Compute::Xl16, "16xl", 19_000.0),
];

impl Compute {
    /// Returns the sustained throughput of its disk in megabits per second.
    pub fn megabits(self) -> f64 {
        SIZES.iter().find(|(size, _, _)| *size == self).map_or(43.0, |(_, _, megabits)| *megabits)
    }

    /// Returns how many bytes the whole database may hold, if the plan has a limit.
    pub fn most_bytes(self) -> Option<u64> {
        (self == Self::Free).then_some(FREE_BYTES)
    }
}

impl fmt::Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = SIZES.iter().find(|(size, _, _)| size == self).map_or("", |(_, name, _)| name);
        f.write_str(name)
    }
}

/// A text that is not the name of a compute size.
#[derive(Debug, thiserror::Error)]
#[error("a compute size is one of {}", SIZES.map(|(_, name, _)| name).join(", "))]
pub struct InvalidCompute;

impl FromStr for Compute {
    type Err = InvalidCompute;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.to_lowercase();
        let found = SIZES.iter().find(|(_, name, _)| *name == text);
        found.map(|(size, _, _)| *size).ok_or(InvalidCompute)
    }
}

/// What is requested of the store, and read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Keys that are listed.
    pub keys: u64,
    /// Requests that read files.
    pub get_requests: u64,
    /// Requests that write mirrors and staged files.
    pub put_requests: u64,
    /// Bytes that are read.
    pub bytes: u64,
}

/// What reading the files costs, once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ReadingCost {
    /// Requests that list keys.
    pub list_requests: u64,
    /// Requests that read files.
    pub get_requests: u64,
    /// Requests that write mirrors and staged files, if staging is in a bucket.
    pub put_requests: u64,
    /// Bytes that are read.
    pub bytes: u64,
    /// What the requests cost.
    pub request_dollars: f64,
    /// What the bytes cost if they leave the region for the internet; within it, nothing.
    pub internet_dollars: f64,
}

impl ReadingCost {
    /// Returns the cost of what is requested and read.
    pub fn of(traffic: Traffic) -> Self {
        let Traffic { keys, get_requests, put_requests, bytes } = traffic;
        let list_requests = keys.div_ceil(KEYS_PER_LIST).max(1);
        let requests = (list_requests + put_requests) as f64 * LIST_OR_PUT_THOUSAND
            + get_requests as f64 * GET_THOUSAND;
        Self {
            list_requests,
            get_requests,
            put_requests,
            bytes,
            request_dollars: requests / 1000.0,
            internet_dollars: bytes as f64 / GIGABYTE * INTERNET_GIGABYTE,
        }
    }

    /// Adds another cost.
    pub fn plus(self, other: Self) -> Self {
        Self {
            list_requests: self.list_requests + other.list_requests,
            get_requests: self.get_requests + other.get_requests,
            put_requests: self.put_requests + other.put_requests,
            bytes: self.bytes + other.bytes,
            request_dollars: self.request_dollars + other.request_dollars,
            internet_dollars: self.internet_dollars + other.internet_dollars,
        }
    }
}

/// Returns what the growth of a database costs, in dollars per month. `database` is its size now, if it is known.
pub(super) fn month_dollars(database: Option<u64>, growth: u64) -> f64 {
    let gigabytes = match database {
        Some(database) => paid_gigabytes(database + growth) - paid_gigabytes(database),
        None => growth as f64 / GIGABYTE,
    };
    gigabytes * DATABASE_GIGABYTE
}

/// Returns the gigabytes of a database above the included ones.
fn paid_gigabytes(bytes: u64) -> f64 {
    (bytes as f64 / GIGABYTE - INCLUDED_GIGABYTES).max(0.0)
}

/// Says where the dollars per month come from.
pub(super) fn month_source(database: Option<u64>) -> Origin {
    let price = format!("${DATABASE_GIGABYTE} per GB above {INCLUDED_GIGABYTES} GB");
    match database {
        Some(bytes) => Origin::of(&format!("{price}; the database has #"), &[Number::Size(bytes)]),
        None => Origin::text(format!(
            "{price}, which are taken to be used up: the size of the database is not known"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gigabytes(count: u64) -> u64 {
        count * 1_000_000_000
    }

    #[test]
    fn only_what_is_above_the_included_part_is_paid() {
        assert_eq!(month_dollars(Some(gigabytes(2)), gigabytes(3)), 0.0);
        assert!((month_dollars(Some(gigabytes(7)), gigabytes(3)) - 0.25).abs() < 1e-9);
        assert!((month_dollars(None, gigabytes(2)) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn requests_are_paid_by_the_thousand() {
        let cost = ReadingCost::of(Traffic {
            keys: 2500,
            get_requests: 10_000,
            put_requests: 0,
            bytes: gigabytes(10),
        });
        assert_eq!(cost.list_requests, 3);
        assert!((cost.request_dollars - 0.004_015).abs() < 1e-9);
        assert!((cost.internet_dollars - 0.9).abs() < 1e-9);
    }

    #[test]
    fn a_size_is_found_by_its_name() {
        assert_eq!("Micro".parse::<Compute>().expect("a size").megabits(), 87.0);
        assert_eq!("2xl".parse::<Compute>().expect("a size").to_string(), "2xl");
        assert!("huge".parse::<Compute>().is_err());
        assert_eq!(Compute::Free.most_bytes(), Some(500_000_000));
    }
}
