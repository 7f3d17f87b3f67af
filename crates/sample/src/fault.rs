//! A fault: one way in which a record is bad.
//!
//! Every fault ends with its line: a reader that starts again after the line end has lost one
//! record and no more.

use crate::cells::Cells;
use crate::columns::position;
use crate::layout::{Layout, Raw};

/// How a bad record is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    TooFewFields,
    TooManyFields,
    TextAfterClosingQuote,
    QuoteInQuotedField,
    InvalidByte,
}

impl Fault {
    /// The bad records of a file, in their order.
    pub(super) const ALL: [Self; 5] = [
        Self::TooFewFields,
        Self::TooManyFields,
        Self::TextAfterClosingQuote,
        Self::QuoteInQuotedField,
        Self::InvalidByte,
    ];

    /// Appends a record with this fault.
    pub(super) fn record(self, layout: &Layout, cells: &Cells, out: &mut Vec<u8>) {
        let count = match self {
            Self::TooFewFields => 40,
            _ => usize::MAX,
        };
        layout.fields(cells, self.raw().as_slice(), count, out);
        if self == Self::TooManyFields {
            out.extend_from_slice(b",one,two");
        }
        layout.end(out);
    }

    /// The field that is bad, where it is one.
    fn raw(self) -> Option<Raw> {
        let (column, field): (_, &[u8]) = match self {
            Self::TooFewFields | Self::TooManyFields => return None,
            Self::TextAfterClosingQuote => ("billing_city", b"\"Springfield\" IL"),
            Self::QuoteInQuotedField => ("products_description", b"\"a\"b\""),
            // Invalid in UTF-8, and no letter of Windows-1252 either.
            Self::InvalidByte => ("billing_lname", b"Sam\x81ple"),
        };
        Some(Raw { column: position(column), field })
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::super::columns::COLUMNS;
    use super::super::row;
    use super::super::stream::{Position, Stream};
    use super::*;

    fn record(fault: Fault) -> Vec<u8> {
        let (mut cells, mut out) = (Cells::default(), Vec::new());
        let day = NaiveDate::from_ymd_opt(2025, 9, 22).expect("a date");
        row::draw(&Stream::new(1, "a"), Position { day, index: 0, revision: 0 }, &mut cells);
        fault.record(&Layout::new(&[]), &cells, &mut out);
        out
    }

    #[test]
    fn every_bad_record_is_one_line() {
        for fault in Fault::ALL {
            let record = record(fault);
            assert!(record.ends_with(b"\r\n"), "{fault:?}");
            assert_eq!(record.iter().filter(|byte| **byte == b'\n').count(), 1, "{fault:?}");
        }
    }

    #[test]
    fn the_number_of_fields_is_wrong_only_where_that_is_the_fault() {
        // Row 0 has no comma inside quotes, so that separators can be counted.
        let fields = |fault| 1 + record(fault).iter().filter(|byte| **byte == b',').count();
        assert_eq!(fields(Fault::TooFewFields), 40);
        assert_eq!(fields(Fault::TooManyFields), COLUMNS.len() + 2);
        assert_eq!(fields(Fault::InvalidByte), COLUMNS.len());
    }

    #[test]
    fn only_the_invalid_byte_is_not_utf_8() {
        for fault in Fault::ALL {
            let valid = std::str::from_utf8(&record(fault)).is_ok();
            assert_eq!(valid, fault != Fault::InvalidByte, "{fault:?}");
        }
    }
}
