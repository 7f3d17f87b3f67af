//! The space of a row in an **index**: its entry in a B-tree. How full the pages are depends on the order of the
//! keys, and equal keys are kept once.
//!
//! Source: PostgreSQL documentation, "B-Tree Indexes", section "Implementation".

use std::collections::HashSet;

use super::stored::Datum;
use super::tuple::{LINE_POINTER, PAGE, aligned, data_end};

/// The header of an entry.
const ENTRY_HEADER: usize = 8;
/// The bytes of a page that hold entries.
const USABLE: f64 = 8152.0;
/// How full pages are if keys come in order.
const FILL_IN_ORDER: f64 = 0.90;
/// How full pages are if keys come in any order: between half and full, and on average ln 2.
const FILL_IN_ANY_ORDER: f64 = 0.69;
/// The pages in total per leaf, which adds those above the leaves.
const UPPER_PAGES: f64 = 1.01;
/// The bytes of a row whose key other rows have too.
const DUPLICATE: f64 = 6.0;
/// The largest number of rows that share one entry.
const ROWS_PER_ENTRY: f64 = 210.0;
/// From this many rows per key on, keys are taken to be shared.
const SHARED: f64 = 1.5;
/// From this share of neighbours in order on, keys are taken to come in order.
const IN_ORDER: f64 = 0.95;

/// An index over columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name, for people.
    pub name: String,
    /// The columns of its keys.
    pub columns: Vec<String>,
    /// The other columns that it holds.
    pub included: Vec<String>,
    /// Whether keys are unique.
    pub is_unique: bool,
    /// Whether it is a B-tree over plain columns of every row, of which the size is known.
    pub is_plain: bool,
    /// Its current size in bytes.
    pub bytes: u64,
}

/// The keys of sampled rows.
#[derive(Debug, Default)]
pub(super) struct Keys {
    rows: usize,
    bytes: usize,
    seen: HashSet<String>,
    last: Option<String>,
    in_order: usize,
}

impl Keys {
    /// Adds the key of a row: its values as they are stored, and their texts.
    pub(super) fn add(&mut self, key: &[Option<(Datum, &str)>]) {
        let has_null = key.iter().any(Option::is_none);
        let header = if has_null { 2 * ENTRY_HEADER } else { ENTRY_HEADER };
        let end = data_end(header, key.iter().flatten().map(|(datum, _)| *datum));
        self.bytes += aligned(end) + LINE_POINTER;
        let texts: Vec<&str> =
            key.iter().map(|part| part.map_or("\u{0}", |(_, text)| text)).collect();
        let first = texts.first().copied().unwrap_or_default();
        let is_next = self.last.as_deref().is_none_or(|last| is_in_order(last, first));
        self.in_order += usize::from(is_next);
        self.last = Some(first.to_owned());
        self.seen.insert(texts.join("\u{1}"));
        self.rows += 1;
    }

    /// Returns the bytes of a row in the index.
    pub(super) fn bytes_per_row(&self, index: &Index) -> f64 {
        let rows = self.rows.max(1) as f64;
        let entry = self.bytes as f64 / rows;
        let fill = if self.is_in_order() { FILL_IN_ORDER } else { FILL_IN_ANY_ORDER };
        let bytes = if self.is_shared(index) { DUPLICATE + entry / ROWS_PER_ENTRY } else { entry };
        bytes / (USABLE / PAGE as f64) / fill * UPPER_PAGES
    }

    /// Whether rows share entries. An index that holds other columns keeps every entry.
    fn is_shared(&self, index: &Index) -> bool {
        let can_be = !index.is_unique && index.included.is_empty();
        can_be && self.rows.max(1) as f64 / self.seen.len().max(1) as f64 > SHARED
    }

    fn is_in_order(&self) -> bool {
        self.in_order as f64 / self.rows.max(1) as f64 >= IN_ORDER
    }

    /// Whether entries of new rows go between the existing ones, so that they use the free space on their pages.
    pub(super) fn fills_gaps(&self, index: &Index) -> bool {
        !self.is_in_order() && !self.is_shared(index)
    }

    /// Returns the bytes of an entry, without the free space of its page.
    pub(super) fn entry_bytes(&self) -> f64 {
        self.bytes as f64 / self.rows.max(1) as f64
    }
}

/// Whether one key may come before another: compared as numbers if both are numbers, else as texts.
fn is_in_order(before: &str, after: &str) -> bool {
    match (before.parse::<f64>(), after.parse::<f64>()) {
        (Ok(before), Ok(after)) => before <= after,
        _ => before <= after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<(Datum, &str)> {
        Some((Datum::Variable { payload: text.len(), movable: true }, text))
    }

    fn index(is_unique: bool) -> Index {
        Index {
            name: "of_key".to_owned(),
            columns: vec!["key".to_owned()],
            included: Vec::new(),
            is_unique,
            is_plain: true,
            bytes: 0,
        }
    }

    #[test]
    fn equal_keys_are_kept_once() {
        let mut keys = Keys::default();
        (0..1000).for_each(|_| keys.add(&[text("exports/orders-create/report_2025-09-22.csv")]));
        let bytes = keys.bytes_per_row(&index(false));
        assert!((6.0..8.0).contains(&bytes), "{bytes}");
    }

    #[test]
    fn keys_in_any_order_leave_pages_less_full() {
        let (mut ordered, mut random) = (Keys::default(), Keys::default());
        for number in 0..1000_u64 {
            let in_order = format!("{number:014}");
            let any = format!("{:014}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20);
            ordered.add(&[text(&in_order)]);
            random.add(&[text(&any)]);
        }
        let unique = index(true);
        assert!(ordered.bytes_per_row(&unique) < random.bytes_per_row(&unique) * 0.8);
        assert!(random.fills_gaps(&unique) && !ordered.fills_gaps(&unique));
        // 8 + 15 = 23, at a multiple of eight 24, and 4.
        assert!((ordered.entry_bytes() - 28.0).abs() < 0.1);
    }
}
