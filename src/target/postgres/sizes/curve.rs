//! The **curve** of an index says how its size depends on the number of rows: not every kind grows by the same
//! number of bytes per row.
//!
//! Source: PostgreSQL documentation, "Hash Indexes" and "GIN Indexes", sections "Implementation".

use super::tuple::PAGE;
use crate::domain::saturating;

/// How many rows a bucket of a hash index holds before another one is added.
const ROWS_PER_BUCKET: f64 = 307.0;
/// Up to this many buckets a hash index doubles at once; above, it doubles in four steps.
const DOUBLES_UP_TO: u64 = 512;
/// The pages of a hash index that hold no rows.
const HASH_PAGES: u64 = 2;

/// How an index grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// By this many bytes per row.
    Steady(f64),
    /// In steps, as buckets are added.
    Hash,
    /// Rows wait in a list; when it is full, they are sorted in, and the pages of the list are reused.
    Inverted {
        /// The bytes of a row while it waits.
        waiting: f64,
        /// The bytes of a row that is sorted in.
        sorted: f64,
        /// How long the list may be, in bytes.
        list: f64,
    },
}

impl Curve {
    /// Returns by how many bytes it grows if rows are added to those that are there.
    pub fn growth(self, before: f64, rows: f64) -> f64 {
        (self.size(before + rows) - self.size(before)).max(0.0)
    }

    fn size(self, rows: f64) -> f64 {
        match self {
            Self::Steady(bytes) => bytes * rows,
            Self::Hash => hash_pages(rows) as f64 * PAGE as f64,
            Self::Inverted { waiting, sorted, list } => {
                let at_once = list / waiting.max(1.0);
                list.min(waiting * rows) + sorted * (rows / at_once).floor() * at_once
            }
        }
    }
}

/// Returns the number of pages of a hash index.
fn hash_pages(rows: f64) -> u64 {
    let buckets = saturating::nearest((rows / ROWS_PER_BUCKET).ceil().max(2.0));
    let doubled = buckets.next_power_of_two();
    let allotted = if doubled <= DOUBLES_UP_TO {
        doubled
    } else {
        let half = doubled / 2;
        half + (buckets - half).next_multiple_of(half / 4)
    };
    allotted + HASH_PAGES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_double_and_later_come_by_quarters() {
        assert_eq!(hash_pages(0.0), 4);
        assert_eq!(hash_pages(307.0 * 33.0), 66);
        assert_eq!(hash_pages(307.0 * 520.0), 640 + 2);
        assert_eq!(Curve::Hash.growth(307.0 * 33.0, 307.0 * 30.0), 0.0);
    }

    #[test]
    fn what_waits_in_a_list_is_sorted_in_when_it_is_full() {
        let curve = Curve::Inverted { waiting: 100.0, sorted: 20.0, list: 10_000.0 };
        assert_eq!(curve.growth(0.0, 50.0), 5_000.0);
        assert_eq!(curve.growth(0.0, 1_050.0), 30_000.0);
        assert_eq!(curve.growth(1_050.0, 1_000.0), 20_000.0);
    }
}
