//! A **fault**: one way in which a record is bad.
//!
//! Every fault is limited to its line: a reader that resumes after the line ending loses one record and no more.

use crate::columns::position;

/// A field that is written unchanged instead of the cell of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw {
    pub(super) column: usize,
    pub(super) field: &'static [u8],
}

/// What is wrong with a bad record.
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

    /// Returns the bad field, if the fault is in a single field.
    pub(super) fn raw(self) -> Option<Raw> {
        let (column, field): (_, &[u8]) = match self {
            Self::TooFewFields | Self::TooManyFields => return None,
            Self::TextAfterClosingQuote => ("billing_city", b"\"Springfield\" IL"),
            Self::QuoteInQuotedField => ("products_description", b"\"a\"b\""),
            // Invalid in UTF-8, and not a letter of Windows-1252 either.
            Self::InvalidByte => ("billing_lname", b"Sam\x81ple"),
        };
        Some(Raw { column: position(column), field })
    }
}
