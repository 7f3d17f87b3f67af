//! A stream: the endless rows of one prefix, of which a file sends some.
//!
//! Who ordered what is drawn from the seed and the first word of the prefix, what became of it
//! from the whole prefix: `orders-update` tells of the same orders as `orders-create`.

use chrono::{Datelike, NaiveDate};

use crate::random::{Random, number_of};

/// The two sources of random numbers of one prefix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    orders: u64,
    reports: u64,
}

/// What random numbers are drawn for, so that no two draws are alike.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    File,
    Line,
    Order,
    Product,
    Progress,
    Second,
}

/// Which row of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The date of the file that sends the row first.
    pub(super) day: NaiveDate,
    /// The row's place among the rows first sent on that day.
    pub(super) index: u32,
    /// 0 when the row is first sent; higher, the later it is sent again.
    pub(super) revision: u32,
}

impl Stream {
    /// The stream of a prefix.
    pub(super) fn new(seed: u64, prefix: &str) -> Self {
        let family = prefix.rsplit_once('-').map_or(prefix, |(family, _)| family);
        Self {
            orders: Random::of(&[seed, number_of(family)]).next(),
            reports: Random::of(&[seed, number_of(prefix)]).next(),
        }
    }

    /// Random numbers about an order: the same under every prefix of its family.
    pub(super) fn at(&self, purpose: Purpose, day: NaiveDate, index: u32) -> Random {
        draws(self.orders, purpose, day, index)
    }

    /// Random numbers about what this prefix reports.
    pub(super) fn report(&self, purpose: Purpose, day: NaiveDate, index: u32) -> Random {
        draws(self.reports, purpose, day, index)
    }

    /// True for a row that is the second product of the order before it: about 8% of rows.
    fn is_second_product(&self, day: NaiveDate, index: u32) -> bool {
        // 8.8% are candidates; one after another candidate is not taken, so that no order has
        // three products and the answer needs no look further back.
        let candidate = |index| self.at(Purpose::Second, day, index).chance(88);
        index > 0 && candidate(index) && !candidate(index - 1)
    }

    /// The index of the first row of the order that a row belongs to.
    pub(super) fn order_index(&self, day: NaiveDate, index: u32) -> u32 {
        index - u32::from(self.is_second_product(day, index))
    }
}

fn draws(source: u64, purpose: Purpose, day: NaiveDate, index: u32) -> Random {
    let day = i64::from(day.num_days_from_ce()) as u64;
    Random::of(&[source, purpose as u64, day, u64::from(index)])
}
