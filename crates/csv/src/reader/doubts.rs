//! **Doubts** about a record: it may hold text in another encoding, other records, or quotes that are not text.

use super::{Reader, strip_line_end};
use crate::advice::advice;
use crate::encoding::Encoding;
use crate::error::Error;
use crate::glued;
use crate::records::{Extent, Span};
use crate::reject::Reason;

/// How many rejects of a file are tried with other settings.
const ADVISED: u64 = 16;
/// How web pages start, in upper or lower case.
const PAGES: [&str; 3] = ["<!doctype html", "<html", "<?xml"];
/// The longest record that is tried with other settings, in bytes.
const LONGEST_TRIED: usize = 64 << 10;

impl Reader {
    /// Refuses a file if the record scanned last is in another encoding.
    ///
    /// # Errors
    /// [`Error::OtherEncoding`].
    pub(super) fn refuse_glued(&self, extent: Extent) -> Result<(), Error> {
        let rest = &self.window.bytes()[self.window.start()..];
        let record = &rest[..extent.content_end - self.window.start()];
        let is_other = match self.is_wide {
            true => !record.is_ascii() && glued::is_narrow(record),
            false => glued::is_wide(record, rest),
        };
        if is_other { Err(Error::OtherEncoding { line: self.line }) } else { Ok(()) }
    }

    /// Refuses a file if a record that cannot be read is the start of a web page.
    ///
    /// # Errors
    /// [`Error::Page`].
    pub(super) fn refuse_page(&self, extent: Extent) -> Result<(), Error> {
        let record = &self.window.bytes()[self.window.start()..extent.content_end];
        if is_page(record) { Err(Error::Page { line: self.line }) } else { Ok(()) }
    }

    /// Examines an accepted record of a file in UTF-16 or UTF-32. Text with one byte per character that follows has no
    /// line ending and no delimiter there: it is the last record of its file, or in a file of one column any record.
    ///
    /// # Errors
    /// [`Error::OtherEncoding`].
    pub(super) fn refuse_glued_end(&self, extent: Extent) -> Result<(), Error> {
        if !self.is_wide {
            return Ok(());
        }
        let may_be_other = self.header.names.len() == 1 || extent.end == extent.content_end;
        if may_be_other { self.refuse_glued(extent) } else { Ok(()) }
    }

    /// Counts the lines inside the values of the record scanned last that look like records.
    pub(super) fn look_into_values(&mut self, extent: Extent) {
        let bytes = self.window.bytes();
        let record = &bytes[self.window.start()..extent.content_end];
        let mut lines = 0;
        for span in self.scanner.spans.iter().filter(|span| span.quoted) {
            lines += self.likeness.lines_in(&bytes[span.start..span.end]);
        }
        if let Some(quote) = self.syntax.quote {
            lines = lines.max(self.likeness.lines_of(record, quote));
        }
        self.summary.lines_in_values.add(lines, self.line);
    }

    /// Counts the values of the record scanned last that keep their quotes because of blanks before them.
    pub(super) fn look_behind_blanks(&mut self) {
        let count = self.scanner.spans.iter().filter(|span| self.keeps_quotes(span)).count();
        self.summary.quotes_behind_blanks.add(count as u64, self.line);
    }

    /// Whether a value keeps its quotes because of blanks before them.
    fn keeps_quotes(&self, span: &Span) -> bool {
        let value = &self.window.bytes()[span.start..span.end];
        let text = value.trim_ascii();
        !span.quoted
            && value.starts_with(b" ")
            && text.len() > 1
            && text.first().copied() == self.syntax.quote
            && text.last().copied() == self.syntax.quote
    }

    /// The fault of a record that starts with a byte order mark.
    pub(super) fn mark_fault(&self, record: &[u8]) -> Option<Reason> {
        let is_marked = self.encoding == Encoding::Utf8 && record.starts_with(b"\xef\xbb\xbf");
        is_marked.then_some(Reason::ByteOrderMark)
    }

    /// Notes the setting that would read a rejected record.
    pub(super) fn advise(&mut self, raw: &[u8], reason: Reason) {
        if self.summary.rejected >= ADVISED || raw.len() > LONGEST_TRIED {
            return;
        }
        let columns = self.header.names.len();
        let record = strip_line_end(raw);
        if let Some(found) = advice(record, reason, columns, &self.dialect, self.delimiter)
            && !self.summary.advice.contains(&found)
        {
            self.summary.advice.push(found);
        }
    }
}

/// Whether a record is the start of a web page.
fn is_page(record: &[u8]) -> bool {
    let text = record.trim_ascii_start();
    PAGES.iter().any(|page| {
        text.get(..page.len()).is_some_and(|start| start.eq_ignore_ascii_case(page.as_bytes()))
    })
}
