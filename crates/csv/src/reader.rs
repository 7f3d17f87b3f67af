//! The **reader**: from the bytes of one CSV file to record batches, rejects and a summary.
//!
//! It streams: the memory it takes is a window of the file, at least 1 MiB and at most one field's
//! limit, and one batch. It knows no store, no table and no network. What it accepts, rejects,
//! normalises and counts is stated in the documentation of the [module](super).

use std::io::Read;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::columns::Columns;
use crate::dialect::{Dialect, Nul};
use crate::encoding::{self, Encoding};
use crate::header::{Header, InvalidHeader};
use crate::records::{Extent, Scanned, Scanner, Span, count_line_ends, end_of_line};
use crate::reject::{Reason, Reject};
use crate::start;
use crate::window::Window;

/// How far a faulty record is searched for the line where sense begins again.
const RECOVERY_BYTES: usize = 1 << 20;

/// What was read of a file, complete once the reader has returned its last batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The names of the columns, in the file's order.
    pub header: Vec<String>,
    /// Columns that the file calls otherwise: the file's name, and ours.
    pub renamed: Vec<(String, String)>,
    /// Every record after the header, blank lines excluded.
    pub records: u64,
    /// The records that became rows.
    pub accepted: u64,
    /// The records that did not.
    pub rejected: u64,
    /// Lines of no bytes, which are no records.
    pub blank_lines: u64,
    /// Unquoted fields that hold a quote, in accepted records.
    pub bare_quotes: u64,
    /// Accepted records that held NUL bytes.
    pub records_with_nul: u64,
    /// Decompressed bytes read.
    pub bytes: u64,
    /// The character between fields.
    pub delimiter: String,
    /// How the header's line ends: `crlf`, `lf`, `cr`, or `none` at the end of the file.
    pub line_end: String,
    /// The encoding that was used.
    pub encoding: String,
    /// Whether the file starts with a byte order mark.
    pub byte_order_mark: bool,
    /// The first rejects, for messages: line and reason, no content.
    pub first_rejects: Vec<(i64, String)>,
}

/// Accepted rows, and the records that were rejected on the way to them.
#[derive(Debug)]
pub struct Batch {
    /// Rows; `None` where everything read was rejected.
    pub rows: Option<RecordBatch>,
    /// Rejects, in file order.
    pub rejects: Vec<Reject>,
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The header gives no usable names.
    #[error(transparent)]
    Header(#[from] InvalidHeader),
    /// The bytes stopped coming.
    #[error("reading stopped after {offset} bytes")]
    Read {
        /// How many bytes had been read.
        offset: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Arrow refused a batch.
    #[error("the rows read do not make a batch")]
    Arrow(#[source] ArrowError),
}

/// Reads one CSV file.
pub struct Reader {
    window: Window,
    scanner: Scanner,
    dialect: Dialect,
    header: Header,
    columns: Columns,
    rejects: Vec<Reject>,
    reject_bytes: usize,
    line: i64,
    summary: Summary,
}

impl Reader {
    /// Starts to read `input`, the file that rows will call `file_name`; reads its header.
    ///
    /// # Errors
    /// [`Error::Header`] and [`Error::Read`].
    pub fn new(
        input: Box<dyn Read + Send>,
        file_name: &str,
        dialect: &Dialect,
    ) -> Result<Self, Error> {
        let opened = encoding::open(input, dialect.encoding)
            .map_err(|source| Error::Read { offset: 0, source })?;
        let mut window = Window::new(opened.input, opened.mark as u64);
        let dialect = Dialect { encoding: opened.given, ..dialect.clone() };
        let delimiter = match dialect.delimiter {
            Some(given) => given as u8,
            None => start::find_delimiter(&mut window, dialect.quote)?,
        };
        let mut summary = Summary {
            encoding: opened.encoding.name().to_owned(),
            byte_order_mark: opened.mark > 0,
            delimiter: char::from(delimiter).to_string(),
            ..Summary::default()
        };
        let mut scanner = Scanner::new(&dialect, delimiter);
        let mut line = 1;
        let first = start::first_record(&mut window, &mut scanner, &mut line, &mut summary)?;
        let header = match &dialect.names {
            Some(names) => Header::given(names.clone())?,
            None => {
                let extent = first.ok_or(InvalidHeader::Missing)?;
                let header = start::header(window.bytes(), extent, &scanner, &dialect)?;
                line += extent.lines as i64;
                window.advance(extent.end);
                header
            }
        };
        summary.header.clone_from(&header.names);
        let renamed = header.written.iter().zip(&header.names).filter(|(from, to)| from != to);
        summary.renamed = renamed.map(|(from, to)| (from.clone(), to.clone())).collect();
        let columns = Columns::new(&header, file_name, &dialect);
        Ok(Self {
            window,
            scanner,
            dialect,
            header,
            columns,
            rejects: Vec::new(),
            reject_bytes: 0,
            line,
            summary,
        })
    }

    /// The schema of every batch.
    pub fn schema(&self) -> &SchemaRef {
        self.columns.schema()
    }

    /// What was read so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Reads until a batch is full or the file ends; `None` after the last batch.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Arrow`].
    pub fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        while !self.columns.is_full() && self.reject_bytes < RECOVERY_BYTES {
            let start = self.window.start();
            let scanned = self.scanner.scan(self.window.bytes(), start, self.window.is_at_end());
            match scanned {
                Scanned::Incomplete if self.window.is_at_end() => break,
                Scanned::Incomplete => self.fill()?,
                Scanned::Blank { end } => {
                    self.summary.blank_lines += 1;
                    self.line += 1;
                    self.window.advance(end);
                }
                Scanned::Record(extent) => self.take_record(extent)?,
            }
        }
        self.summary.bytes = self.window.offset_of_start();
        self.columns.settle(self.window.bytes());
        let rows = self.columns.take().map_err(Error::Arrow)?;
        let rejects = std::mem::take(&mut self.rejects);
        self.reject_bytes = 0;
        if rows.is_none() && rejects.is_empty() {
            return Ok(None);
        }
        Ok(Some(Batch { rows, rejects }))
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.columns.settle(self.window.bytes());
        self.window.fill()
    }

    /// Accepts or rejects the record that was scanned last.
    fn take_record(&mut self, extent: Extent) -> Result<(), Error> {
        let start = self.window.start();
        let record = &self.window.bytes()[start..extent.content_end];
        let fault = match extent.fault.or_else(|| self.width_fault()) {
            Some(fault) => Some(fault),
            None => self.content_fault(record),
        };
        let Some(reason) = fault else {
            let dirty = self.is_dirty(record);
            if dirty && memchr::memchr(0, record).is_some() {
                self.summary.records_with_nul += 1;
            }
            let row_id = self.summary.records as i64;
            let spans: &[Span] = &self.scanner.spans;
            self.columns.push(self.window.bytes(), spans, row_id, self.line, dirty);
            self.summary.records += 1;
            self.summary.accepted += 1;
            self.summary.bare_quotes += extent.bare_quotes as u64;
            self.line += extent.lines as i64;
            self.window.advance(extent.end);
            return Ok(());
        };
        self.recover(extent, reason)
    }

    /// Rejects a faulty record. Where a stray quote has made it swallow lines that make sense by
    /// themselves, only what lies before the first such line is rejected.
    fn recover(&mut self, extent: Extent, reason: Reason) -> Result<(), Error> {
        let found_fields = self.scanner.fields as i64;
        let start = self.window.start();
        let spans_lines = extent.lines > 1
            || matches!(extent.fault, Some(Reason::UnterminatedQuote))
            || is_too_long(extent);
        let mut end = (extent.content_end, extent.end);
        if spans_lines {
            match self.next_sensible_line(start, extent) {
                Footing::At(line_start) => end = (line_start, line_start),
                Footing::Unknown => return self.fill(),
                Footing::None if is_too_long(extent) => {
                    // The record goes on beyond the window: its first line is rejected, and what
                    // follows is looked at line by line.
                    let bytes = self.window.bytes();
                    end = end_of_line(bytes, start, self.window.is_at_end())
                        .unwrap_or((extent.content_end, extent.end));
                }
                Footing::None => {}
            }
        }
        self.reject(end, reason, found_fields);
        Ok(())
    }

    /// Rejects everything from the window's start up to `end` (content, with its line end).
    fn reject(&mut self, end: (usize, usize), reason: Reason, found_fields: i64) {
        let start = self.window.start();
        let (content_end, end) = end;
        let bytes = self.window.bytes();
        let raw = strip_line_end(&bytes[start..content_end]).to_vec();
        let lines = count_line_ends(&bytes[start..end]);
        self.reject_bytes += raw.len() + 64;
        if self.summary.first_rejects.len() < 3 {
            self.summary.first_rejects.push((self.line, reason.name().to_owned()));
        }
        self.rejects.push(Reject {
            row_id: self.summary.records as i64,
            line: self.line,
            offset: self.window.offset_of_start() as i64,
            reason,
            expected_fields: self.header.names.len() as i64,
            found_fields,
            raw,
        });
        self.summary.records += 1;
        self.summary.rejected += 1;
        self.line += lines as i64;
        self.window.advance(end);
    }

    /// Looks inside a faulty record for the first line that is a whole record of the right width.
    fn next_sensible_line(&mut self, start: usize, extent: Extent) -> Footing {
        let at_end = self.window.is_at_end();
        let limit = extent.end.min(start + RECOVERY_BYTES);
        let mut line_start = start;
        while let Some((_, next)) = end_of_line(self.window.bytes(), line_start, at_end) {
            if next >= limit || next <= line_start {
                break;
            }
            line_start = next;
            match self.scanner.scan(self.window.bytes(), line_start, at_end) {
                Scanned::Record(found) if found.fault.is_none() && self.width_fault().is_none() => {
                    return Footing::At(line_start);
                }
                Scanned::Incomplete
                    if !at_end && self.window.bytes().len() - line_start < RECOVERY_BYTES =>
                {
                    return Footing::Unknown;
                }
                _ => {}
            }
        }
        Footing::None
    }

    /// Whether the record scanned last has another width than the header.
    fn width_fault(&self) -> Option<Reason> {
        let (expected, found) = (self.header.names.len(), self.scanner.fields);
        let trailing = self.header.trailing_delimiter && found == expected + 1;
        if found < expected {
            Some(Reason::TooFewFields)
        } else if found > expected {
            let last_is_empty =
                self.scanner.spans.last().is_some_and(|span| span.start == span.end);
            (!(trailing && last_is_empty)).then_some(Reason::TooManyFields)
        } else {
            None
        }
    }

    /// Whether the content of a record of the right shape rejects it.
    fn content_fault(&self, record: &[u8]) -> Option<Reason> {
        let is_utf8 = simdutf8::basic::from_utf8(record).is_ok();
        if self.dialect.encoding == Encoding::Utf8 && !is_utf8 {
            return Some(Reason::Encoding);
        }
        if self.dialect.nul == Nul::Reject && memchr::memchr(0, record).is_some() {
            return Some(Reason::Nul);
        }
        self.is_header_again(record).then_some(Reason::RepeatedHeader)
    }

    /// Whether values need more than a copy.
    fn is_dirty(&self, record: &[u8]) -> bool {
        let decodes = self.dialect.encoding != Encoding::Utf8 && !record.is_ascii();
        decodes || memchr::memchr(0, record).is_some()
    }

    fn is_header_again(&self, record: &[u8]) -> bool {
        let bytes = self.window.bytes();
        let names = self.header.written.iter().zip(&self.scanner.spans);
        self.header.written.first().is_some_and(|first| contains_at_start(record, first))
            && names.into_iter().all(|(name, span)| {
                let raw = &bytes[span.start..span.end];
                raw == name.as_bytes()
            })
    }
}

/// Where sense begins again after a faulty record.
enum Footing {
    /// At this position of the window.
    At(usize),
    /// The window ends too early to tell.
    Unknown,
    /// Nowhere within the record.
    None,
}

/// Whether a record, or a field of it, goes on beyond what is read of one.
fn is_too_long(extent: Extent) -> bool {
    matches!(extent.fault, Some(Reason::FieldTooLong | Reason::RecordTooLong))
}

/// A quick look before a whole record is compared with the header.
fn contains_at_start(record: &[u8], first: &str) -> bool {
    let unquoted = record.strip_prefix(b"\"").unwrap_or(record);
    unquoted.starts_with(first.as_bytes())
}

fn strip_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

#[cfg(test)]
mod tests;
