//! A **reject** is a record that could not be read: where it stands, why, and its raw bytes.

use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::header::PROVENANCE;

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The number of the record in its file, counted from 0.
    pub row_id: i64,
    /// The physical line where the record starts, 1 for the header's.
    pub line: i64,
    /// The byte where the record starts, in the decompressed file.
    pub offset: i64,
    /// Why it could not be read.
    pub reason: Reason,
    /// How many names the header has.
    pub expected_fields: i64,
    /// How many fields were found, as far as the record could be read.
    pub found_fields: i64,
    /// The record's bytes, without the line ending.
    pub raw: Vec<u8>,
}

/// Why a record could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Fewer fields than the header has names.
    TooFewFields,
    /// More fields than the header has names.
    TooManyFields,
    /// Text between a closing quote and the next delimiter.
    TextAfterQuote,
    /// A quote that is never closed.
    UnterminatedQuote,
    /// A quote inside an unquoted field, if the dialect rejects it.
    BareQuote,
    /// Two unquoted fields with an odd number of quotes each: `1"x,y"`.
    LostDelimiter,
    /// Bytes that are not text in the file's encoding.
    Encoding,
    /// A field longer than [`MAX_FIELD_BYTES`](crate::MAX_FIELD_BYTES).
    FieldTooLong,
    /// A record longer than [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES).
    RecordTooLong,
    /// The header once more.
    RepeatedHeader,
    /// A byte order mark at the start of a record: files were put together.
    ByteOrderMark,
    /// A NUL byte, if the dialect rejects it.
    Nul,
    /// A field that is UTF-8 beyond ASCII, in a file of another encoding.
    OtherEncoding,
}

impl Reason {
    /// The reason's name in the `rejects` table.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooFewFields => "too few fields",
            Self::TooManyFields => "too many fields",
            Self::TextAfterQuote => "text after a closing quote",
            Self::UnterminatedQuote => "unterminated quote",
            Self::BareQuote => "quote in an unquoted field",
            Self::LostDelimiter => "lost delimiter before a quote",
            Self::Encoding => "invalid encoding",
            Self::FieldTooLong => "field too long",
            Self::RecordTooLong => "record too long",
            Self::RepeatedHeader => "repeated header",
            Self::ByteOrderMark => "byte order mark inside the file",
            Self::Nul => "NUL byte",
            Self::OtherEncoding => "text in another encoding",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The columns of the rejects of one file; the `rejects` table also has `_file_date`.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        field(PROVENANCE[0], DataType::Utf8),
        field(PROVENANCE[1], DataType::Int64),
        field(PROVENANCE[2], DataType::Int64),
        field("byte_offset", DataType::Int64),
        field("reason", DataType::Utf8),
        field("expected_fields", DataType::Int64),
        field("found_fields", DataType::Int64),
        field("raw", DataType::Binary),
    ]))
}

/// A column that is never NULL.
fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

/// The rejects of one file as rows of [`schema`].
pub fn to_batch(file_name: &str, rejects: &[Reject]) -> Result<RecordBatch, ArrowError> {
    let mut names = StringBuilder::new();
    let mut reasons = StringBuilder::new();
    let mut raw = BinaryBuilder::new();
    for reject in rejects {
        names.append_value(file_name);
        reasons.append_value(reject.reason.name());
        raw.append_value(&reject.raw);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(names.finish()),
        numbers(rejects, |reject| reject.row_id),
        numbers(rejects, |reject| reject.line),
        numbers(rejects, |reject| reject.offset),
        Arc::new(reasons.finish()),
        numbers(rejects, |reject| reject.expected_fields),
        numbers(rejects, |reject| reject.found_fields),
        Arc::new(raw.finish()),
    ];
    RecordBatch::try_new(schema(), columns)
}

/// One number of each reject as a column.
fn numbers(rejects: &[Reject], number: fn(&Reject) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rejects.iter().map(number)))
}
