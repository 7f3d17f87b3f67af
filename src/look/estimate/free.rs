//! What is **free** inside of the target: rows that come use first the room that deleted rows and part-filled pages
//! have left, as far as the server knows of it.

use super::told::{Number, Told};
use crate::printable;
use crate::target::sizes::{IndexedRow, Sizes, Weighed};

/// What a TOAST table takes that holds nothing.
pub const TOAST_AT_FIRST: u64 = 8192;
/// Fewer rows of the table tell nothing.
pub const FEW_ROWS: u64 = 100;

/// What is free inside of the table and its indexes, for the rows that come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Free {
    /// Bytes of the table.
    pub table: f64,
    /// Bytes of its indexes.
    pub indexes: f64,
}

impl Free {
    /// What is free inside of the table and its indexes, as far as the server finds it: what a vacuum has seen, without
    /// the rows that died since.
    pub fn of(sizes: &Sizes, weighed: Option<&Weighed>) -> Self {
        let Some(own) = sizes.own.filter(|_| sizes.is_vacuumed) else { return Self::default() };
        let rows = living_rows(sizes);
        let dead = rows * sizes.dead_share;
        let table = match sizes.toast > TOAST_AT_FIRST {
            true => 0.0,
            false => (sizes.table as f64 * own.free_share - dead * own.bytes).max(0.0),
        };
        let used = rows + dead;
        let gaps = weighed.map_or(0.0, |weighed| {
            let free = |index: &IndexedRow| index.held as f64 - used * index.bytes;
            let indexes = weighed.by_index.iter().filter(|index| index.fills_gaps);
            indexes.map(free).filter(|free| *free > 0.0).sum()
        });
        Self { table, indexes: gaps }
    }

    /// What is said of it.
    pub fn source(self, sizes: Option<&Sizes>) -> Told {
        let dead = sizes.map_or(0.0, |sizes| living_rows(sizes) * sizes.dead_share).round();
        let mut told = Told::default();
        if self.table + self.indexes >= MUCH_ROOM {
            told = Told::text(format!(
                "room that rows have left on the pages of the table ({}) and its indexes ({}) is used first, as a \
                 sample of pages shows",
                printable::bytes(self.table as u64),
                printable::bytes(self.indexes as u64)
            ));
        }
        if dead >= FEW_ROWS as f64 {
            let words = "the room of # dead rows is not counted, which a VACUUM would free";
            told = told.and(&Told::of(words, &[Number::Count(dead as u64)]));
        }
        told
    }
}

/// From how many bytes on free room is worth a word.
const MUCH_ROOM: f64 = 65_536.0;

/// How many rows the table has.
pub fn living_rows(sizes: &Sizes) -> f64 {
    let Some(own) = sizes.own else { return 0.0 };
    match sizes.live_rows {
        0 => ((living(sizes, sizes.table) + living(sizes, sizes.toast)) / own.bytes).max(1.0),
        rows => rows.max(own.rows) as f64,
    }
}

/// What lives of the table's bytes.
pub fn living(sizes: &Sizes, bytes: u64) -> f64 {
    bytes as f64 / (1.0 + sizes.dead_share)
}
