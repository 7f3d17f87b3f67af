//! A **tuple** is a row as PostgreSQL stores it: a header, a bit for each column if one is NULL, and the
//! values, each aligned for its type. Above 2 KB the longest values are compressed, and then moved out of the row
//! into its TOAST table.

use super::pglz;
use super::stored::Datum;

/// The bytes of a page.
pub(super) const PAGE: usize = 8192;
/// The header of a page.
const PAGE_HEADER: usize = 24;
/// What points to a tuple on its page.
pub(super) const LINE_POINTER: usize = 4;
/// The header of a tuple, without the bits for NULL.
const TUPLE_HEADER: usize = 23;
/// The longest tuple, a quarter of a page; a longer one is made shorter.
const TOAST_TARGET: usize = 2032;
/// What remains in the row of a value that was moved out.
const TOAST_POINTER: usize = 18;
/// The bytes of a value in one row of the TOAST table.
const TOAST_CHUNK: usize = 1996;
/// What a row of the TOAST table adds to its bytes: header, id, number and length.
const TOAST_ROW: usize = 24 + 4 + 4 + 4;
/// The factor by which the last pieces of values waste space on its pages: they fit less well than whole ones.
const TOAST_WASTE: f64 = 1.08;
/// From this many whole pieces on, that waste is ignored.
const MANY_CHUNKS: usize = 8;
/// The bytes of a row in its index.
const TOAST_INDEX_ENTRY: f64 = 20.0 / 0.9;

/// Returns the next multiple of eight.
pub(super) fn aligned(length: usize) -> usize {
    length.next_multiple_of(8)
}

/// Returns the bytes of a page that rows can use, if it is filled to `fill_percent`.
pub(super) fn usable(fill_percent: usize) -> usize {
    PAGE - PAGE_HEADER - PAGE * (100 - fill_percent.clamp(10, 100)) / 100
}

/// A value and its text, which may be compressed.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    /// How it is stored.
    pub datum: Datum,
    /// Its text.
    pub text: &'a str,
}

/// The space that a row uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tuple {
    /// The tuple with its line pointer.
    pub heap: usize,
    /// Its part of the TOAST table and of that table's index.
    pub toast: f64,
}

/// A value of a tuple that is being made shorter.
#[derive(Clone, Copy)]
struct Part<'a> {
    value: Value<'a>,
    payload: usize,
    was_tried: bool,
    is_out: bool,
}

/// Calculates the space of a row of these values; `None` is NULL.
pub(super) fn tuple(values: &[Option<Value<'_>>]) -> Tuple {
    let mut parts: Vec<Option<Part<'_>>> = values.iter().map(|value| value.map(Part::of)).collect();
    let mut toast = 0.0;
    while length(&parts) > TOAST_TARGET {
        let Some(longest) = longest(&mut parts, |part| !part.was_tried) else { break };
        longest.compress();
        if longest.payload > TOAST_TARGET - TUPLE_HEADER {
            toast += longest.move_out();
        }
    }
    while length(&parts) > TOAST_TARGET {
        let Some(longest) = longest(&mut parts, |part| !part.is_out) else { break };
        toast += longest.move_out();
    }
    Tuple { heap: length(&parts) + LINE_POINTER, toast }
}

/// Finds the longest value that may be made shorter.
fn longest<'p, 'a>(
    parts: &'p mut [Option<Part<'a>>],
    is_candidate: impl Fn(&Part<'a>) -> bool,
) -> Option<&'p mut Part<'a>> {
    let movable = parts.iter_mut().flatten().filter(|part| part.is_movable() && is_candidate(part));
    movable.max_by_key(|part| part.payload)
}

/// The bytes of a tuple.
fn length(parts: &[Option<Part<'_>>]) -> usize {
    let has_null = parts.iter().any(Option::is_none);
    let bits = if has_null { parts.len().div_ceil(8) } else { 0 };
    aligned(data_end(aligned(TUPLE_HEADER + bits), parts.iter().flatten().map(Part::datum)))
}

/// Returns where values end that follow each other from `start` on.
pub(super) fn data_end(start: usize, values: impl Iterator<Item = Datum>) -> usize {
    values.fold(start, |at, value| match value {
        Datum::Fixed(length, align) => at.next_multiple_of(align) + length,
        // One byte says how long a short value is; it is not aligned.
        Datum::Variable { payload, .. } if payload <= 126 => at + 1 + payload,
        Datum::Variable { payload, .. } => at.next_multiple_of(4) + 4 + payload,
    })
}

impl<'a> Part<'a> {
    fn of(value: Value<'a>) -> Self {
        let payload = match value.datum {
            Datum::Fixed(length, _) => length,
            Datum::Variable { payload, .. } => payload,
        };
        Self { value, payload, was_tried: false, is_out: false }
    }

    fn is_movable(&self) -> bool {
        let movable = matches!(self.value.datum, Datum::Variable { movable: true, .. });
        movable && !self.is_out && self.payload > aligned(TOAST_POINTER)
    }

    fn datum(&self) -> Datum {
        match self.value.datum {
            Datum::Variable { movable, .. } if self.is_out => {
                Datum::Variable { payload: TOAST_POINTER - 1, movable }
            }
            Datum::Variable { movable, .. } => Datum::Variable { payload: self.payload, movable },
            fixed @ Datum::Fixed(..) => fixed,
        }
    }

    fn compress(&mut self) {
        self.was_tried = true;
        if let Some(size) = pglz::compressed(self.value.text.as_bytes()) {
            self.payload = size + 4;
        }
    }

    /// Moves it out; returns the bytes that it uses in the TOAST table.
    fn move_out(&mut self) -> f64 {
        self.is_out = true;
        let (whole, rest) = (self.payload / TOAST_CHUNK, self.payload % TOAST_CHUNK);
        let rest_row = if rest > 0 { toast_row(rest) } else { 0 };
        let rows = whole + usize::from(rest > 0);
        let bytes = (whole * toast_row(TOAST_CHUNK) + rest_row) as f64;
        let usable = (PAGE - PAGE_HEADER) as f64 / PAGE as f64;
        let waste = if whole < MANY_CHUNKS { TOAST_WASTE } else { 1.0 };
        bytes / usable * waste + rows as f64 * TOAST_INDEX_ENTRY
    }
}

/// The bytes of a row of the TOAST table, with its line pointer.
fn toast_row(bytes: usize) -> usize {
    aligned(TOAST_ROW + bytes) + LINE_POINTER
}

/// The pages of a table while rows are added, one after the other.
#[derive(Debug)]
pub(super) struct Pages {
    usable: usize,
    free: usize,
    count: u64,
    rows: u64,
}

impl Pages {
    /// Begins without a page; each page is filled to `fill_percent`.
    pub(super) fn new(fill_percent: usize) -> Self {
        Self { usable: usable(fill_percent), free: 0, count: 0, rows: 0 }
    }

    /// Adds a tuple.
    pub(super) fn add(&mut self, tuple: usize) {
        if tuple > self.free {
            self.count += 1;
            self.free = self.usable.max(tuple);
        }
        self.free -= tuple;
        self.rows += 1;
    }

    /// Returns the bytes of pages per row.
    pub(super) fn bytes_per_row(&self) -> f64 {
        // The last page is not full yet.
        let last = self.free as f64 / self.usable as f64;
        (self.count as f64 - last) * PAGE as f64 / self.rows.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::postgres::sizes::stored::Stored;

    fn of(texts: &[Option<&str>], stored: Stored) -> Tuple {
        let values: Vec<_> = texts
            .iter()
            .map(|text| text.map(|text| Value { datum: stored.datum(text), text }))
            .collect();
        tuple(&values)
    }

    #[test]
    fn short_texts_have_one_byte_more_and_nulls_a_bit() {
        // 24 + 2 + 4 = 30, at a multiple of eight 32, and 4 for the line pointer.
        assert_eq!(of(&[Some("a"), Some("bcd")], Stored::Text).heap, 36);
        // Also with a NULL the header ends at 24, up to eight columns.
        assert_eq!(of(&[Some("a"), None], Stored::Text).heap, 36);
        let fixed = Stored::Fixed { length: 8, align: 8 };
        assert_eq!(of(&[Some(""), Some("")], fixed).heap, 44);
    }

    #[test]
    fn a_long_text_is_compressed_or_moved_out() {
        let repeated = "again and ".repeat(1000);
        let compressed = of(&[Some(&repeated)], Stored::Text);
        assert!(compressed.heap < 400 && compressed.toast == 0.0, "{compressed:?}");
        let mut state = 1_u64;
        let random: String = (0..5000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'!' + (state >> 57) as u8 % 90)
            })
            .collect();
        let moved = of(&[Some(&random)], Stored::Text);
        assert_eq!(moved.heap, 48 + 4);
        assert!((5000.0..5800.0).contains(&moved.toast), "{moved:?}");
    }

    #[test]
    fn pages_hold_whole_rows() {
        let mut pages = Pages::new(100);
        (0..700).for_each(|_| pages.add(1000));
        // Eight to a page.
        assert!((pages.bytes_per_row() - 1024.0).abs() < 10.0, "{}", pages.bytes_per_row());
    }
}
