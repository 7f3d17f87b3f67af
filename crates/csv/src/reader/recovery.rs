//! **Recovery** from a record whose end is not certain: where reading goes on after a stray quote, and after a record
//! that is too long.

use super::{Fault, REJECT_BYTES, Reader, signed, strip_line_end};
use crate::error::Error;
use crate::records::{Extent, Scanned, end_of_line};
use crate::skip::Skip;

/// How many bytes of a line the window must hold before a line that does not end in them counts as faulty.
const RESYNC_BYTES: usize = 1 << 20;

/// The search for the line to go on from scans at most this many times the bytes of the faulty record,
/// and [`RESYNC_BYTES`] more, so that its time stays linear.
const RESYNC_PASSES: usize = 16;

impl Reader {
    /// Rejects a record whose quotes are not balanced. If a stray quote made it swallow lines that are records by
    /// themselves, only the part before these lines is rejected.
    pub(super) fn recover(&mut self, extent: Extent, fault: Fault) -> Result<(), Error> {
        match self.resync(extent) {
            Resync::At(line_start) => self.reject((line_start, line_start), fault),
            Resync::Nowhere => self.reject((extent.content_end, extent.end), fault),
            Resync::Unknown => return self.fill(),
        }
        Ok(())
    }

    /// Rejects a record that is too long, and skips it to its end.
    ///
    /// # Errors
    /// [`Error::Doubtful`] if it may be many records after a stray quote.
    pub(super) fn skip(&mut self, fault: Fault) -> Result<(), Error> {
        let offset = self.window.offset_of_start();
        let mut raw = Vec::new();
        let mut skip = Skip::new(self.syntax, self.delimiter);
        loop {
            let start = self.window.start();
            let bytes = &self.window.bytes()[start..];
            let passed = skip.pass(bytes);
            let kept = passed.min(REJECT_BYTES - raw.len());
            raw.extend_from_slice(&bytes[..kept]);
            self.window.advance(start + passed);
            if skip.has_ended() || self.window.is_at_end() {
                break;
            }
            self.fill()?;
        }
        self.summary.last_line_is_open = !skip.has_ended();
        if skip.is_doubtful(self.header.names.len()) {
            return Err(Error::Doubtful { line: self.line });
        }
        let kept = strip_line_end(&raw).len();
        raw.truncate(kept);
        self.push_reject(fault, offset, raw);
        self.line += signed(skip.lines());
        Ok(())
    }

    /// Finds the line inside a faulty record from which every further line is a whole record of the right width without
    /// a stray quote. After a line that is not, the search starts again.
    fn resync(&mut self, extent: Extent) -> Resync {
        let at_end = self.window.is_at_end();
        let start = self.window.start();
        let mut budget = RESYNC_BYTES + RESYNC_PASSES * (extent.end - start);
        let mut found = None;
        let mut position = self.next_line(start, extent.end);
        while position < extent.end {
            let scanned = self.scanner.scan(self.window.bytes(), position, at_end);
            let held = self.window.bytes().len() - position;
            let (is_sensible, scanned_bytes) = match scanned {
                Scanned::Blank { end } | Scanned::Comment { end } => {
                    position = end;
                    continue;
                }
                Scanned::Incomplete if !at_end && held < RESYNC_BYTES => return Resync::Unknown,
                Scanned::Incomplete => (false, held),
                Scanned::Record(inner) => (self.is_sensible(inner), inner.end - position),
            };
            let Some(left) = budget.checked_sub(scanned_bytes) else { return Resync::Nowhere };
            budget = left;
            if is_sensible {
                found.get_or_insert(position);
                position += scanned_bytes;
            } else {
                found = None;
                position = self.next_line(position, extent.end);
            }
        }
        found.map_or(Resync::Nowhere, Resync::At)
    }

    /// The start of the line after the one at `position`, at most `limit`.
    fn next_line(&self, position: usize, limit: usize) -> usize {
        let end = end_of_line(self.window.bytes(), position, self.window.is_at_end());
        end.map_or(limit, |(_, next)| next.min(limit))
    }

    /// Whether the record scanned last is whole, of the right width, and without a stray quote.
    fn is_sensible(&self, extent: Extent) -> bool {
        extent.fault.is_none() && extent.bare_quotes == 0 && self.width_fault().is_none()
    }
}

/// Where reading goes on after a faulty record.
enum Resync {
    /// At this position of the window.
    At(usize),
    /// The window ends too early to decide.
    Unknown,
    /// Nowhere within the record.
    Nowhere,
}
