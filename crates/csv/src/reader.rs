//! The **reader**: from the bytes of one CSV file to record batches, rejects and a summary.
//!
//! It streams: the memory it takes is the last three batches and a window of the file, at least 1 MiB and at most a
//! record's limit with the step in which it is read (96 MiB). What it accepts, rejects, normalises and
//! counts is stated in the documentation of the [crate].

mod doubts;
mod recovery;
/// Returns a number of lines or fields as one that can be subtracted.
#[inline]
fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

use std::io::Read;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::closing::LastRows;
use crate::columns::{Cleaner, Columns};
use crate::delimiter::{self, Known};
use crate::dialect::{self, Dialect, Nul, Syntax};
use crate::encoding::{self, Encoding};
use crate::error::Error;
use crate::format;
use crate::header::{Header, InvalidHeader};
use crate::likeness::Likeness;
use crate::preamble::HeaderMark;
use crate::records::{Extent, Scanned, Scanner, count_line_ends, end_of_line};
use crate::reject::{Reason, Reject};
use crate::repeated::{Again, RepeatedHeader};
use crate::skipped::Skipped;
use crate::start;
use crate::summary::Summary;
use crate::window::Window;

/// The most bytes of rejects in a batch, and of the raw bytes of one record that is too long.
const REJECT_BYTES: usize = 1 << 20;

/// Accepted rows, and the records that were rejected on the way to them.
#[derive(Debug)]
pub struct Batch {
    /// Rows; `None` if every record was rejected.
    pub rows: Option<RecordBatch>,
    /// Rejects, in file order.
    pub rejects: Vec<Reject>,
}

/// Reads one CSV file.
pub struct Reader {
    window: Window,
    syntax: Syntax,
    delimiter: u8,
    scanner: Scanner,
    dialect: Dialect,
    encoding: Encoding,
    /// Whether the file is UTF-16 or UTF-32, which the window holds as UTF-8.
    is_wide: bool,
    /// Whether every byte was ASCII so far, so that another encoding is still possible.
    is_open: bool,
    header: Header,
    /// The header that a pattern found; `None` if the dialect has no pattern.
    header_mark: Option<HeaderMark>,
    likeness: Likeness,
    repeated: RepeatedHeader,
    skipped: Skipped,
    columns: Columns,
    last_rows: LastRows,
    rejects: Vec<Reject>,
    reject_bytes: usize,
    line: i64,
    summary: Summary,
}

impl Reader {
    /// Reads the header of `input`; rows will name the file `file_name`.
    ///
    /// # Errors
    /// [`Error::Dialect`], [`Error::Header`] and [`Error::Read`].
    pub fn new(
        input: Box<dyn Read + Send>,
        file_name: &str,
        dialect: &Dialect,
    ) -> Result<Self, Error> {
        let syntax = dialect.syntax()?;
        let (start, input) = encoding::start_of(input);
        if let Some(what) = format::recognised(&start) {
            return Err(InvalidHeader::OtherFormat { what }.into());
        }
        let opened = encoding::open(start, input, &dialect.encoding);
        let mut window = Window::new(opened.input, opened.mark as u64);
        let skipped = Skipped::new(&dialect.skip_records)?;
        let preamble = start::pass_preamble(&mut window, dialect, syntax, opened.given)?;
        let delimiter = match syntax.delimiter.or(preamble.delimiter) {
            Some(given) => given,
            None => {
                let encoding = opened.given;
                let known = Known { dialect, syntax, skipped: &skipped, encoding };
                delimiter::find(&mut window, &known)?
            }
        };
        let mut summary = Summary {
            encoding: opened.encoding.name().to_owned(),
            byte_order_mark: opened.mark > 0,
            delimiter: char::from(delimiter).to_string(),
            skipped_lines: preamble.lines,
            ..Summary::default()
        };
        let cleaner = Cleaner::new(syntax, opened.given);
        let mut scanner = Scanner::new(syntax, delimiter, dialect.bare_quotes)
            .with_comment(dialect.comment.as_deref());
        let mut line = 1 + preamble.lines.cast_signed();
        let first = start::first_record(&mut window, &mut scanner, &mut line, &mut summary)?;
        let header = start::header(&mut window, first, &mut scanner, &cleaner, dialect)?;
        line += signed(header.lines);
        let mut likeness =
            Likeness::new(syntax, delimiter, dialect.bare_quotes, header.names.len());
        let passed = preamble.passed.iter().filter(|line| likeness.is(line));
        summary.lines_like_records = passed.count() as u64;
        summary.header.clone_from(&header.names);
        summary.renamed = header.renamed();
        let repeated = RepeatedHeader::new(&header.written, syntax.quote);
        let columns = Columns::new(&header, file_name, cleaner, dialect.null_values.clone());
        Ok(Self {
            window,
            syntax,
            delimiter,
            scanner,
            dialect: dialect.clone(),
            encoding: opened.given,
            is_wide: opened.encoding.is_wide(),
            is_open: opened.is_open,
            header,
            header_mark: preamble.mark,
            likeness,
            repeated,
            skipped,
            columns,
            last_rows: LastRows::default(),
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
    /// [`Error::Doubtful`], [`Error::OtherHeader`], [`Error::OtherEncoding`], [`Error::Page`], [`Error::Read`] and [`Error::Arrow`].
    pub fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        while !self.columns.is_full() && self.reject_bytes < REJECT_BYTES {
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
                Scanned::Comment { end } => self.take_comment(end)?,
                Scanned::Record(extent) => {
                    if self.is_open {
                        self.settle_encoding(extent);
                    }
                    self.take_record(extent)?;
                }
            }
        }
        self.summary.bytes = self.window.offset_of_start();
        self.columns.settle(self.window.bytes());
        let rows = self.columns.take().map_err(Error::Arrow)?;
        let rejects = std::mem::take(&mut self.rejects);
        self.reject_bytes = 0;
        if rows.is_none() && rejects.is_empty() {
            self.summary.closing_records = self.last_rows.closing_records();
            return Ok(None);
        }
        if let Some(rows) = &rows {
            self.last_rows.add(rows);
        }
        Ok(Some(Batch { rows, rejects }))
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.columns.settle(self.window.bytes());
        self.window.fill()
    }

    /// Decides the encoding by the record scanned last and the rest of the window, if that record is the first one
    /// that is not ASCII.
    fn settle_encoding(&mut self, extent: Extent) {
        let rest = &self.window.bytes()[self.window.start()..];
        let record = &self.window.bytes()[self.window.start()..extent.end];
        if record.is_ascii() {
            return;
        }
        let found = self.dialect.encoding.narrow_of(rest, self.window.is_at_end());
        self.encoding = found.unwrap_or_default();
        self.is_open = false;
        self.columns.set_encoding(self.encoding);
        self.summary.encoding = self.encoding.name().to_owned();
    }

    /// Skips a comment that ends at `end`.
    ///
    /// # Errors
    /// [`Error::OtherHeader`].
    fn take_comment(&mut self, end: usize) -> Result<(), Error> {
        let comment = strip_line_end(&self.window.bytes()[self.window.start()..end]);
        if self.again_by_pattern(comment) == Again::Other {
            return Err(Error::OtherHeader { line: self.line });
        }
        self.summary.comment_lines += 1;
        self.summary.lines_like_records += u64::from(self.likeness.is(comment));
        self.line += 1;
        self.window.advance(end);
        Ok(())
    }

    /// Whether a line below the header is a header by the pattern that found the first one.
    fn again_by_pattern(&self, line: &[u8]) -> Again {
        self.header_mark.as_ref().map_or(Again::No, |mark| mark.again(line, self.encoding))
    }

    /// The end and the number of lines of the record scanned last, if it is one to skip. If its quotes are not
    /// balanced, only its first line is examined.
    fn skipped_extent(&self, extent: Extent) -> Option<(usize, usize)> {
        if self.skipped.is_empty() {
            return None;
        }
        let start = self.window.start();
        let (content_end, end, lines) = match extent.fault {
            Some(Reason::FieldTooLong | Reason::RecordTooLong) => return None,
            Some(Reason::UnterminatedQuote | Reason::TextAfterQuote) => {
                let bytes = self.window.bytes();
                let (content_end, end) = end_of_line(bytes, start, self.window.is_at_end())?;
                (content_end, end, 1)
            }
            _ => (extent.content_end, extent.end, extent.lines),
        };
        let record = &self.window.bytes()[start..content_end];
        self.skipped.is(record, self.encoding).then_some((end, lines))
    }

    /// Accepts, rejects or skips the record scanned last.
    fn take_record(&mut self, extent: Extent) -> Result<(), Error> {
        self.summary.last_line_is_open = extent.end == extent.content_end;
        if let Some((end, lines)) = self.skipped_extent(extent) {
            self.summary.skipped_records += 1;
            self.line += signed(lines);
            self.window.advance(end);
            return Ok(());
        }
        let record = &self.window.bytes()[self.window.start()..extent.content_end];
        let fault = match extent.fault.or_else(|| self.width_fault()) {
            Some(fault) => Some(fault),
            None => self.fault_inside(record, extent)?,
        };
        let Some(reason) = fault else { return self.accept(extent) };
        self.refuse_glued(extent)?;
        self.refuse_page(extent)?;
        let fault = Fault { reason, found_fields: self.scanner.fields };
        match reason {
            Reason::FieldTooLong | Reason::RecordTooLong => return self.skip(fault),
            Reason::UnterminatedQuote | Reason::TextAfterQuote => {
                return self.recover(extent, fault);
            }
            Reason::RepeatedHeader => return self.take_repeated_header(extent, fault),
            // The quotes are balanced: the record's end is known, and nothing inside it is a record.
            _ => self.reject((extent.content_end, extent.end), fault),
        }
        Ok(())
    }

    /// Adds the record scanned last to the rows.
    ///
    /// # Errors
    /// [`Error::OtherEncoding`].
    fn accept(&mut self, extent: Extent) -> Result<(), Error> {
        self.refuse_glued_end(extent)?;
        let bytes = self.window.bytes();
        let record = &bytes[self.window.start()..extent.content_end];
        let dirty = self.is_dirty(record);
        if dirty && memchr::memchr(0, record).is_some() {
            self.refuse_glued(extent)?;
            self.summary.records_with_nul += 1;
        }
        // A record of nothing but delimiters has one byte less than it has fields.
        self.summary.empty_rows += u64::from(record.len() < self.scanner.fields);
        let row_id = self.summary.records.cast_signed();
        self.columns.push(bytes, &self.scanner.spans, row_id, self.line, dirty);
        self.summary.records += 1;
        self.summary.accepted += 1;
        if extent.bare_quotes > 0 {
            self.summary.bare_quotes += extent.bare_quotes as u64;
            self.look_behind_blanks();
        }
        if extent.lines > 1 {
            self.look_into_values(extent);
        }
        self.line += signed(extent.lines);
        self.window.advance(extent.end);
        Ok(())
    }

    /// Counts a record that is the header once more, and rejects, accepts or skips it as the dialect says.
    ///
    /// # Errors
    /// [`Error::OtherEncoding`].
    fn take_repeated_header(&mut self, extent: Extent, fault: Fault) -> Result<(), Error> {
        self.summary.repeated_headers += 1;
        match self.dialect.repeated_header {
            dialect::RepeatedHeader::Reject => {
                self.reject((extent.content_end, extent.end), fault);
            }
            dialect::RepeatedHeader::Accept => return self.accept(extent),
            dialect::RepeatedHeader::Skip => {
                self.line += signed(extent.lines);
                self.window.advance(extent.end);
            }
        }
        Ok(())
    }

    /// Rejects everything from the window's start up to `content_end`; `end` is after its line ending.
    fn reject(&mut self, (content_end, end): (usize, usize), fault: Fault) {
        let start = self.window.start();
        let bytes = self.window.bytes();
        let raw = strip_line_end(&bytes[start..content_end]).to_vec();
        let lines = count_line_ends(&bytes[start..end]);
        let offset = self.window.offset_of_start();
        self.push_reject(fault, offset, raw);
        self.line += signed(lines);
        self.window.advance(end);
    }

    /// Adds a record, which starts at `offset` of the file, to the rejects.
    fn push_reject(&mut self, fault: Fault, offset: u64, raw: Vec<u8>) {
        self.advise(&raw, fault.reason);
        self.reject_bytes += raw.len() + 64;
        if self.summary.first_rejects.len() < 3 {
            self.summary.first_rejects.push((self.line, fault.reason.name().to_owned()));
        }
        self.rejects.push(Reject {
            row_id: self.summary.records.cast_signed(),
            line: self.line,
            offset: offset.cast_signed(),
            reason: fault.reason,
            expected_fields: signed(self.header.names.len()),
            found_fields: signed(fault.found_fields),
            raw,
        });
        self.summary.records += 1;
        self.summary.rejected += 1;
    }

    /// The fault of the record scanned last if it is not as wide as the header.
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

    /// What rejects a record of the right shape.
    ///
    /// # Errors
    /// [`Error::OtherHeader`], or [`Error::OtherEncoding`] if it only looks like another header because the rest of
    /// the file is in another encoding.
    #[inline]
    fn fault_inside(&self, record: &[u8], extent: Extent) -> Result<Option<Reason>, Error> {
        let content = self.content_fault(record);
        let header = match self.header_fault(record) {
            Ok(fault) => fault,
            Err(other) => {
                self.refuse_glued(extent)?;
                return Err(other);
            }
        };
        Ok(content.or(header).or_else(|| self.mark_fault(record)))
    }

    /// What rejects a record of the right shape by its bytes.
    fn content_fault(&self, record: &[u8]) -> Option<Reason> {
        let is_utf8 = simdutf8::basic::from_utf8(record).is_ok();
        if self.encoding == Encoding::Utf8 {
            if !is_utf8 {
                return Some(Reason::Encoding);
            }
        } else if self.has_other_encoding(record) {
            return Some(Reason::OtherEncoding);
        }
        if self.dialect.nul == Nul::Reject && memchr::memchr(0, record).is_some() {
            return Some(Reason::Nul);
        }
        None
    }

    /// The fault of a record that is the header once more.
    ///
    /// # Errors
    /// [`Error::OtherHeader`] if it is a header of other columns, or of the same columns in another order.
    fn header_fault(&self, record: &[u8]) -> Result<Option<Reason>, Error> {
        let again = match self.again_by_pattern(record) {
            Again::No => {
                let bytes = self.window.bytes();
                self.repeated.again(record, bytes, &self.scanner.spans, &self.columns)
            }
            again => again,
        };
        match again {
            Again::No => Ok(None),
            Again::Same => Ok(Some(Reason::RepeatedHeader)),
            Again::Other if self.dialect.repeated_header == dialect::RepeatedHeader::Accept => {
                Ok(Some(Reason::RepeatedHeader))
            }
            Again::Other => Err(Error::OtherHeader { line: self.line }),
        }
    }

    /// Whether a field of the record scanned last is UTF-8 in a file of another encoding.
    fn has_other_encoding(&self, record: &[u8]) -> bool {
        let (bytes, cleaner) = (self.window.bytes(), self.columns.cleaner());
        let mut fields = self.scanner.spans.iter().map(|span| &bytes[span.start..span.end]);
        !record.is_ascii() && fields.any(|field| cleaner.is_other_encoding(field))
    }

    /// Whether values need decoding, or hold NUL bytes to drop.
    fn is_dirty(&self, record: &[u8]) -> bool {
        let decodes = self.encoding != Encoding::Utf8 && !record.is_ascii();
        decodes || memchr::memchr(0, record).is_some()
    }
}

/// Why a record is rejected.
#[derive(Clone, Copy)]
struct Fault {
    reason: Reason,
    /// How many fields were found, as far as the record could be read.
    found_fields: usize,
}

fn strip_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}
