//! **Columns** from records: the accepted rows of a file as Arrow record batches of text.
//!
//! Each column keeps its values in one buffer with offsets, so that a value costs one copy and the
//! whole column is checked as UTF-8 at once. Some records are collected first and then copied column
//! by column: the ends of many columns would not fit in the cache together.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::dialect::Syntax;
use crate::encoding::Encoding;
use crate::header::{Header, PROVENANCE};
use crate::records::Span;

/// The rows of a batch at most.
pub(crate) const BATCH_ROWS: usize = 2048;
/// The text of a batch at most, in bytes; one record may exceed it.
const BATCH_BYTES: usize = 4 << 20;

/// How many records are collected before they are copied.
const PENDING_ROWS: usize = 64;
/// The length up to which a value is short, in bytes.
const SHORT: usize = 16;

/// Collects accepted rows until they make a batch.
#[derive(Debug)]
pub(crate) struct Columns {
    schema: SchemaRef,
    file_name: String,
    text: Vec<Text>,
    row_ids: Vec<i64>,
    lines: Vec<i64>,
    bytes: usize,
    cleaner: Cleaner,
    /// The texts that stand for NULL.
    null_values: Vec<String>,
    pending: Pending,
}

/// Records that lie in the window, still to be copied.
#[derive(Debug, Default)]
struct Pending {
    /// One span for every column, record after record.
    spans: Vec<Span>,
    /// Whether each record is dirty.
    dirty: Vec<bool>,
}

/// The values of one column, end to end, and where each one ends.
#[derive(Debug)]
struct Text {
    values: Vec<u8>,
    offsets: Vec<i32>,
    /// Whether each value is not NULL; empty if no text stands for NULL.
    valid: Vec<bool>,
}

impl Columns {
    /// Columns for the rows of `file_name`; unquoted fields that are one of `null_values` are NULL.
    pub(crate) fn new(
        header: &Header,
        file_name: &str,
        cleaner: Cleaner,
        null_values: Vec<String>,
    ) -> Self {
        let names = header.names.iter().map(String::as_str);
        let has_nulls = !null_values.is_empty();
        let mut fields: Vec<Field> =
            names.map(|name| Field::new(name, DataType::Utf8, has_nulls)).collect();
        fields.push(Field::new(PROVENANCE[0], DataType::Utf8, false));
        fields.push(Field::new(PROVENANCE[1], DataType::Int64, false));
        fields.push(Field::new(PROVENANCE[2], DataType::Int64, false));
        Self {
            schema: Arc::new(Schema::new(fields)),
            file_name: file_name.to_owned(),
            text: header.names.iter().map(|_| Text::new()).collect(),
            row_ids: Vec::new(),
            lines: Vec::new(),
            bytes: 0,
            cleaner,
            null_values,
            pending: Pending::default(),
        }
    }

    /// The schema of every batch: the header's names, all text, then where each row came from.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Turns the bytes of fields into values.
    pub(crate) fn cleaner(&self) -> &Cleaner {
        &self.cleaner
    }

    /// Sets the encoding of all records that follow.
    pub(crate) fn set_encoding(&mut self, encoding: Encoding) {
        self.cleaner.encoding = encoding;
    }

    /// Adds a row; `spans` has at least one span for every column. A dirty record holds NUL bytes
    /// or needs decoding. The window must be [settled](Self::settle) before its bytes move.
    pub(crate) fn push(
        &mut self,
        window: &[u8],
        spans: &[Span],
        row_id: i64,
        line: i64,
        dirty: bool,
    ) {
        let spans = &spans[..self.text.len()];
        if let (Some(first), Some(last)) = (spans.first(), spans.last()) {
            self.bytes += last.end - first.start;
        }
        self.pending.spans.extend_from_slice(spans);
        self.pending.dirty.push(dirty);
        self.row_ids.push(row_id);
        self.lines.push(line);
        if self.pending.dirty.len() == PENDING_ROWS {
            self.settle(window);
        }
    }

    /// Copies what is still to be copied out of the window.
    pub(crate) fn settle(&mut self, window: &[u8]) {
        match self.null_values.is_empty() {
            true => self.settle_values(window),
            false => self.settle_with_nulls(window),
        }
        self.pending.spans.clear();
        self.pending.dirty.clear();
    }

    fn settle_values(&mut self, window: &[u8]) {
        let width = self.text.len();
        for (index, column) in self.text.iter_mut().enumerate() {
            let spans = self.pending.spans.iter().skip(index).step_by(width);
            for (span, &dirty) in spans.zip(&self.pending.dirty) {
                if span.escaped || dirty {
                    let raw = &window[span.start..span.end];
                    column.push(&self.cleaner.clean(raw, span.escaped));
                } else {
                    column.push_from(window, span);
                }
            }
        }
    }

    fn settle_with_nulls(&mut self, window: &[u8]) {
        let width = self.text.len();
        for (index, column) in self.text.iter_mut().enumerate() {
            for span in self.pending.spans.iter().skip(index).step_by(width) {
                let value = self.cleaner.clean(&window[span.start..span.end], span.escaped);
                let is_null = !span.quoted
                    && self.null_values.iter().any(|null| null.as_bytes() == value.as_ref());
                column.push(if is_null { b"" } else { &value });
                column.valid.push(!is_null);
            }
        }
    }

    /// The value of a field whose bytes are these.
    pub(crate) fn clean<'a>(&self, raw: &'a [u8], escaped: bool) -> Cow<'a, [u8]> {
        self.cleaner.clean(raw, escaped)
    }

    /// Whether enough rows are collected for a batch.
    pub(crate) fn is_full(&self) -> bool {
        self.row_ids.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// Takes the collected rows, [settled](Self::settle), as a batch; `None` if there are none.
    ///
    /// # Errors
    /// If a value is not UTF-8; the reader makes sure that it is.
    pub(crate) fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.row_ids.is_empty() {
            return Ok(None);
        }
        let rows = self.row_ids.len();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for column in &mut self.text {
            arrays.push(Arc::new(column.take()?));
        }
        let file_name = self.file_name.as_str();
        arrays.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(file_name, rows))));
        arrays.push(Arc::new(Int64Array::from(std::mem::take(&mut self.row_ids))));
        arrays.push(Arc::new(Int64Array::from(std::mem::take(&mut self.lines))));
        self.bytes = 0;
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map(Some)
    }
}

impl Text {
    fn new() -> Self {
        Self { values: Vec::new(), offsets: vec![0], valid: Vec::new() }
    }

    /// Ends a value at `end` bytes. A batch holds 4 MiB and one record at most, far below the limit of an offset.
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "see above")]
    fn end_value(&mut self, end: usize) {
        self.offsets.push(end as i32);
    }

    fn push(&mut self, value: &[u8]) {
        self.values.extend_from_slice(value);
        self.end_value(self.values.len());
    }

    /// Adds the value at `span`. Of a short value, [`SHORT`] bytes of the window are copied and then
    /// truncated: a copy of constant length compiles to moves instead of a memcpy call.
    fn push_from(&mut self, window: &[u8], span: &Span) {
        let length = span.end - span.start;
        match window.get(span.start..span.start + SHORT) {
            Some(bytes) if length <= SHORT => {
                let end = self.values.len() + length;
                self.values.extend_from_slice(bytes);
                self.values.truncate(end);
                self.end_value(end);
            }
            _ => self.push(&window[span.start..span.end]),
        }
    }

    fn take(&mut self) -> Result<StringArray, ArrowError> {
        let next = Self {
            values: Vec::with_capacity(self.values.len()),
            offsets: Vec::with_capacity(self.offsets.len()),
            valid: Vec::with_capacity(self.valid.len()),
        };
        let full = std::mem::replace(self, next);
        self.offsets.push(0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(full.offsets));
        let nulls = (!full.valid.is_empty()).then(|| NullBuffer::from(full.valid));
        StringArray::try_new(offsets, Buffer::from_vec(full.values), nulls)
    }
}

/// Turns the bytes of a field into its value.
#[derive(Debug)]
pub(crate) struct Cleaner {
    syntax: Syntax,
    encoding: Encoding,
}

impl Cleaner {
    /// For files of this syntax, whose text is in this encoding.
    pub(crate) fn new(syntax: Syntax, encoding: Encoding) -> Self {
        Self { syntax, encoding }
    }

    /// Whether a field is UTF-8 beyond ASCII although the file's encoding is another.
    pub(crate) fn is_other_encoding(&self, raw: &[u8]) -> bool {
        self.encoding != Encoding::Utf8 && !raw.is_ascii() && std::str::from_utf8(raw).is_ok()
    }

    /// The value of a field: quotes and escapes are undone, CRLF inside quotes becomes LF, NUL bytes are
    /// dropped, and other encodings are decoded.
    pub(crate) fn clean<'a>(&self, raw: &'a [u8], escaped: bool) -> Cow<'a, [u8]> {
        let has_nul = memchr::memchr(0, raw).is_some();
        let mut value = Cow::Borrowed(raw);
        if escaped || has_nul {
            value = Cow::Owned(self.unescape(raw, escaped));
        }
        match self.encoding.decode(&value) {
            Some(text) => Cow::Owned(text.into_bytes()),
            None => value,
        }
    }

    fn unescape(&self, raw: &[u8], escaped: bool) -> Vec<u8> {
        let mut value = Vec::with_capacity(raw.len());
        let mut bytes = raw.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            let next = bytes.peek().copied();
            if escaped
                && (Some(byte) == self.syntax.escape
                    || (Some(byte) == self.syntax.quote && next == Some(byte)))
            {
                value.extend(bytes.next().filter(|&next| next != 0));
            } else if byte == 0 || (escaped && byte == b'\r' && next == Some(b'\n')) {
                continue;
            } else {
                value.push(byte);
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    fn clean(raw: &[u8], escaped: bool, dialect: &Dialect) -> String {
        let encoding = dialect.encoding.list()[0];
        let value = Cleaner::new(dialect.syntax().expect("a dialect"), encoding)
            .clean(raw, escaped)
            .into_owned();
        String::from_utf8(value).expect("text")
    }

    #[test]
    fn values_look_as_the_live_loader_writes_them() {
        let plain = Dialect::default();
        assert_eq!(clean(b"say \"\"hi\"\"", true, &plain), "say \"hi\"");
        assert_eq!(clean(b"a\r\nb\nc\rd", true, &plain), "a\nb\nc\rd");
        assert_eq!(clean(b"a\0b", false, &plain), "ab");
        let escaping = Dialect { escape: Some('\\'), ..Dialect::default() };
        assert_eq!(clean(b"a\\\"b\\\\c\"\"d", true, &escaping), "a\"b\\c\"d");
    }

    #[test]
    fn windows_1252_becomes_utf_8() {
        let windows = Dialect { encoding: Encoding::Windows1252.into(), ..Dialect::default() };
        assert_eq!(clean(b"Jos\xe9 \x92", false, &windows), "Jos\u{e9} \u{2019}");
    }
}
