//! A **stream**: the endless rows of one prefix; each file sends some of them.
//!
//! Orders are drawn from the seed and the first word of the prefix, their progress from the whole prefix:
//! `orders-update` has the same orders as `orders-create`.

use chrono::{Datelike, NaiveDate};

use crate::random::{Random, number_of};

/// The two sources of random numbers of one prefix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    orders: u64,
    reports: u64,
}

/// What random numbers are drawn for; different purposes give different numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    File,
    Line,
    Order,
    Product,
    Progress,
    Second,
}

/// The position of a row in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The date of the file that sends the row first.
    pub(super) day: NaiveDate,
    /// The row's place among the rows first sent on that day.
    pub(super) index: u32,
    /// How many days later the row is sent again; 0 the first time.
    pub(super) revision: u32,
}

impl Stream {
    /// Makes the stream of a prefix.
    pub(super) fn new(seed: u64, prefix: &str) -> Self {
        let family = prefix.rsplit_once('-').map_or(prefix, |(family, _)| family);
        Self {
            orders: Random::of(&[seed, number_of(family)]).next(),
            reports: Random::of(&[seed, number_of(prefix)]).next(),
        }
    }

    /// Returns random numbers about an order; they are the same under every prefix of its family.
    pub(super) fn at(&self, purpose: Purpose, day: NaiveDate, index: u32) -> Random {
        draws(self.orders, purpose, day, index)
    }

    /// Returns random numbers about what this prefix reports.
    pub(super) fn report(&self, purpose: Purpose, day: NaiveDate, index: u32) -> Random {
        draws(self.reports, purpose, day, index)
    }

    /// Whether a row is the second product of the order before it, as about 8% of rows are.
    ///
    /// A candidate that follows another candidate is not taken, so that no order has three products and only one row
    /// before must be examined.
    fn is_second_product(&self, day: NaiveDate, index: u32) -> bool {
        index > 0 && self.is_candidate(day, index) && !self.is_candidate(day, index - 1)
    }

    /// Whether a row is a candidate for a second product, as 8.8% of rows are.
    fn is_candidate(&self, day: NaiveDate, index: u32) -> bool {
        self.at(Purpose::Second, day, index).chance(88)
    }

    /// Returns the index of the first row of the order that a row belongs to.
    pub(super) fn order_index(&self, day: NaiveDate, index: u32) -> u32 {
        index - u32::from(self.is_second_product(day, index))
    }
}

fn draws(source: u64, purpose: Purpose, day: NaiveDate, index: u32) -> Random {
    let day = i64::from(day.num_days_from_ce()).cast_unsigned();
    Random::of(&[source, purpose as u64, day, u64::from(index)])
}
