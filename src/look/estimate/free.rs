//! The **free** room inside the target: new rows first fill the room that deleted rows and partly filled pages have
//! left, as far as the server knows of it.

use super::origin::{Number, Origin};
use crate::domain::saturating::nearest;
use crate::printable;
use crate::target::sizes::{IndexedRow, Sizes, Weighed};

/// The bytes of an empty TOAST table.
pub(super) const TOAST_AT_FIRST: u64 = 8192;
/// With fewer rows than this, the table does not show what a row takes.
pub(super) const FEW_ROWS: u64 = 100;

/// The bytes that are free inside the table and its indexes, for new rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Free {
    /// Bytes of the table.
    pub table: f64,
    /// Bytes of its indexes.
    pub indexes: f64,
}

impl Free {
    /// Finds what is free inside the table and its indexes, as far as the server knows it: what a vacuum has seen,
    /// without the rows that died since.
    pub(super) fn of(sizes: &Sizes, weighed: Option<&Weighed>) -> Self {
        let Some(own) = sizes.own.filter(|_| sizes.is_vacuumed) else { return Self::default() };
        let rows = living_rows(sizes);
        let dead = rows * sizes.dead_share;
        let table = match sizes.toast > TOAST_AT_FIRST {
            true => 0.0,
            false => (sizes.table as f64 * own.free_share - dead * own.bytes).max(0.0),
        };
        let used = rows + dead;
        let indexes = weighed.map_or(0.0, |weighed| free_in_indexes(&weighed.by_index, used));
        Self { table, indexes }
    }

    /// Says where the numbers come from, and what they leave out.
    pub(super) fn source(self, sizes: Option<&Sizes>) -> Origin {
        let dead = sizes.map_or(0.0, |sizes| living_rows(sizes) * sizes.dead_share).round();
        let mut origin = Origin::default();
        if self.table + self.indexes >= MUCH_ROOM {
            origin = Origin::text(format!(
                "room that rows have left on the pages of the table ({}) and its indexes ({}) is used first, as a \
                 sample of pages shows",
                printable::bytes(nearest(self.table)),
                printable::bytes(nearest(self.indexes))
            ));
        }
        if dead >= FEW_ROWS as f64 {
            let words = "the room of # dead rows is not counted, which a VACUUM would free";
            origin = origin.and(&Origin::of(words, &[Number::Count(nearest(dead))]));
        }
        origin
    }
}

/// Returns the bytes that are free in indexes whose pages hold this many rows.
fn free_in_indexes(indexes: &[IndexedRow], rows: f64) -> f64 {
    let filled = indexes.iter().filter(|index| index.fills_gaps);
    filled.map(|index| (index.held as f64 - rows * index.bytes).max(0.0)).sum()
}

/// The fewest bytes of free room that are reported.
const MUCH_ROOM: f64 = 65_536.0;

/// Returns how many rows the table has.
pub(super) fn living_rows(sizes: &Sizes) -> f64 {
    let Some(own) = sizes.own else { return 0.0 };
    match sizes.live_rows {
        0 => ((living(sizes, sizes.table) + living(sizes, sizes.toast)) / own.bytes).max(1.0),
        rows => rows.max(own.rows) as f64,
    }
}

/// Returns the part of the table's bytes that belongs to rows that are not dead.
pub(super) fn living(sizes: &Sizes, bytes: u64) -> f64 {
    bytes as f64 / (1.0 + sizes.dead_share)
}
