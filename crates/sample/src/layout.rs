//! A **layout**: how a file puts its cells into lines.
//!
//! It is CSV as in RFC 4180 with the fewest quotes possible. The file's quirks decide on the columns and line endings.

use crate::cells::Cells;
use crate::columns::{APPENDED, BILLING, COLUMNS, DELIVERY, position};
use crate::fault::{Fault, Raw};
use crate::quirks::{Quirk, RENAMED};

/// The columns of a file and its line ending.
#[derive(Debug)]
pub(super) struct Layout {
    /// Positions in [`COLUMNS`], in the file's order.
    columns: Vec<usize>,
    names: [&'static str; COLUMNS.len()],
    line_end: &'static [u8],
    mark: &'static [u8],
}

impl Layout {
    /// Makes the layout of a file with these quirks.
    pub(super) fn new(quirks: &[Quirk]) -> Self {
        let mut layout = Self {
            columns: (0..COLUMNS.len()).collect(),
            names: COLUMNS,
            line_end: b"\r\n",
            mark: b"",
        };
        for quirk in quirks {
            layout.change(*quirk);
        }
        layout
    }

    fn change(&mut self, quirk: Quirk) {
        match quirk {
            Quirk::LacksLastColumns => {
                self.columns.retain(|column| *column < COLUMNS.len() - APPENDED);
            }
            // Both addresses and two different columns change places: a reader that uses positions finds plausible
            // values in some columns, and nonsense in others.
            Quirk::ReorderedColumns => {
                self.columns[BILLING.start..DELIVERY.end].rotate_left(BILLING.len());
                self.columns.swap(position("order_date"), position("order_status"));
            }
            Quirk::RenamedColumn => self.names[position(RENAMED.0)] = RENAMED.1,
            Quirk::LineFeedsAndByteOrderMark => {
                self.line_end = b"\n";
                self.mark = b"\xef\xbb\xbf";
            }
            Quirk::BadRecords { .. }
            | Quirk::Windows1252
            | Quirk::SecondFileOfDay
            | Quirk::RepeatedHeader => {}
        }
    }

    /// Appends what comes before the first record.
    pub(super) fn start(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.mark);
        self.header(out);
    }

    /// Appends the header line.
    pub(super) fn header(&self, out: &mut Vec<u8>) {
        for (place, column) in self.columns.iter().enumerate() {
            separate(place, out);
            out.extend_from_slice(self.names[*column].as_bytes());
        }
        self.end(out);
    }

    /// Appends a record.
    pub(super) fn record(&self, cells: &Cells, raw: &[Raw], out: &mut Vec<u8>) {
        self.fields(cells, raw, self.columns.len(), out);
        self.end(out);
    }

    /// Appends a record with a fault.
    pub(super) fn faulty_record(&self, fault: Fault, cells: &Cells, out: &mut Vec<u8>) {
        let count = match fault {
            Fault::TooFewFields => 40,
            _ => usize::MAX,
        };
        self.fields(cells, fault.raw().as_slice(), count, out);
        if fault == Fault::TooManyFields {
            out.extend_from_slice(b",one,two");
        }
        self.end(out);
    }

    /// Appends the first `count` fields of a record, without a line ending.
    fn fields(&self, cells: &Cells, raw: &[Raw], count: usize, out: &mut Vec<u8>) {
        for (place, column) in self.columns.iter().take(count).enumerate() {
            separate(place, out);
            match raw.iter().find(|raw| raw.column == *column) {
                Some(raw) => out.extend_from_slice(raw.field),
                None => push_field(cells.get(*column), out),
            }
        }
    }

    /// Appends a line ending.
    fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.line_end);
    }
}

fn separate(place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
}

/// Appends a cell as a field, in quotes only if it needs them.
fn push_field(cell: &[u8], out: &mut Vec<u8>) {
    if !cell.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return out.extend_from_slice(cell);
    }
    out.push(b'"');
    for byte in cell {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::row;
    use crate::stream::{Position, Stream};

    fn field(cell: &str) -> String {
        let mut out = Vec::new();
        push_field(cell.as_bytes(), &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    fn header(quirks: &[Quirk]) -> String {
        let mut out = Vec::new();
        Layout::new(quirks).start(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn the_header_is_the_columns() {
        assert_eq!(header(&[]), COLUMNS.join(",") + "\r\n");
    }

    #[test]
    fn only_fields_that_need_quotes_have_them() {
        assert_eq!(field("Boston"), "Boston");
        assert_eq!(field(""), "");
        assert_eq!(field("Washington, DC"), "\"Washington, DC\"");
        assert_eq!(field("72\" x 24\""), "\"72\"\" x 24\"\"\"");
    }

    #[test]
    fn each_quirk_of_the_header_shows() {
        assert!(header(&[Quirk::LacksLastColumns]).ends_with(",fulfillment_number\r\n"));
        let renamed = header(&[Quirk::RenamedColumn]);
        assert!(renamed.contains(",billing_email_address,"));
        assert!(!renamed.contains(",billing_email,"));
        let marked = header(&[Quirk::LineFeedsAndByteOrderMark]);
        assert!(marked.starts_with("\u{feff}orders_id,") && marked.ends_with("ID\n"));
        assert!(!marked.contains('\r'));
    }

    #[test]
    fn reordered_columns_are_the_same_columns() {
        let reordered = header(&[Quirk::ReorderedColumns]);
        assert_ne!(reordered, header(&[]));
        let mut names: Vec<_> = reordered.trim_end().split(',').collect();
        let mut expected = COLUMNS.to_vec();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }

    fn faulty(fault: Fault) -> Vec<u8> {
        let (mut cells, mut out) = (Cells::default(), Vec::new());
        let day = NaiveDate::from_ymd_opt(2025, 9, 22).expect("a date");
        row::draw(&Stream::new(1, "a"), Position { day, index: 0, revision: 0 }, &mut cells);
        Layout::new(&[]).faulty_record(fault, &cells, &mut out);
        out
    }

    #[test]
    fn every_bad_record_is_one_line() {
        for fault in Fault::ALL {
            let record = faulty(fault);
            assert!(record.ends_with(b"\r\n"), "{fault:?}");
            assert_eq!(record.iter().filter(|byte| **byte == b'\n').count(), 1, "{fault:?}");
        }
    }

    #[test]
    fn the_number_of_fields_is_wrong_only_if_that_is_the_fault() {
        assert_eq!(fields(Fault::TooFewFields), 40);
        assert_eq!(fields(Fault::TooManyFields), COLUMNS.len() + 2);
        assert_eq!(fields(Fault::InvalidByte), COLUMNS.len());
    }

    /// Counts the fields of row 0, which has no comma inside quotes.
    fn fields(fault: Fault) -> usize {
        1 + faulty(fault).iter().filter(|byte| **byte == b',').count()
    }

    #[test]
    fn only_the_invalid_byte_is_not_utf_8() {
        for fault in Fault::ALL {
            let valid = std::str::from_utf8(&faulty(fault)).is_ok();
            assert_eq!(valid, fault != Fault::InvalidByte, "{fault:?}");
        }
    }
}
