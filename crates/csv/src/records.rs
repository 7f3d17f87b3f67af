//! **Records** from bytes: where the fields of one record lie, and where the next record starts.
//!
//! The scanner scans a window of the file from the start of a record. It knows quotes, escapes and
//! the three line endings (LF, CRLF, CR), and knows nothing of columns. If a record is malformed, the
//! scanner returns a fault and how far it reaches, and leaves the rest to the reader.

use memchr::{memchr, memchr2};

use crate::dialect::{BareQuotes, BlanksAfterDelimiter, Syntax};
use crate::reject::Reason;
use crate::stops::Stops;

/// The longest field that is read: 16 MiB. A longer one rejects its record.
pub const MAX_FIELD_BYTES: usize = 16 << 20;

/// The longest record that is read: 64 MiB. A longer one is rejected.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// The most columns that a file may have; fields beyond are counted and not kept.
pub const MAX_COLUMNS: usize = 32_768;

/// Where one field of a record lies in the window, quotes excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Whether the bytes are not yet the value: doubled quotes, escapes or CRLF inside quotes.
    pub escaped: bool,
    /// Whether quotes stand around them.
    pub quoted: bool,
}

/// What stands at the start of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// The window ends before the record does.
    Incomplete,
    /// An empty line, up to `end`.
    Blank {
        /// One past the line ending.
        end: usize,
    },
    /// A line that is a comment, up to `end`.
    Comment {
        /// One past the line ending.
        end: usize,
    },
    /// A record, up to `end`.
    Record(Extent),
}

/// How far a record reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// One past the record's last byte, the line ending excluded.
    pub content_end: usize,
    /// One past the line ending: where the next record starts.
    pub end: usize,
    /// How many physical lines the record spans, at least 1.
    pub lines: usize,
    /// How many unquoted fields hold a quote.
    pub bare_quotes: usize,
    /// What is wrong with the record's quotes.
    pub fault: Option<Reason>,
}

/// Finds records and their fields; holds no bytes of the file.
#[derive(Debug)]
pub(crate) struct Scanner {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    blanks: BlanksAfterDelimiter,
    /// What a comment starts with; empty if the file has no comments.
    comment: Vec<u8>,
    reject_bare_quotes: bool,
    stops: Stops,
    /// The fields of the record scanned last, as many as a file may have columns.
    pub spans: Vec<Span>,
    /// How many fields the record scanned last has.
    pub fields: usize,
}

/// How a quoted field ended.
enum Quoted {
    /// At the closing quote, at this position.
    Closed(usize),
    /// The window ended inside the field.
    Open,
    /// The field is longer than allowed.
    TooLong,
}

impl Scanner {
    /// A scanner for a file of this syntax, with this byte between its fields.
    pub(crate) fn new(syntax: Syntax, delimiter: u8, bare_quotes: BareQuotes) -> Self {
        Self {
            delimiter,
            quote: syntax.quote,
            escape: syntax.escape,
            blanks: syntax.blanks,
            comment: Vec::new(),
            reject_bare_quotes: bare_quotes == BareQuotes::Reject,
            stops: Stops::new(delimiter, syntax.quote.unwrap_or(delimiter)),
            spans: Vec::new(),
            fields: 0,
        }
    }

    /// The scanner of a file in which lines that start with `comment` are comments.
    pub(crate) fn with_comment(mut self, comment: Option<&str>) -> Self {
        self.comment = comment.unwrap_or_default().as_bytes().to_vec();
        self
    }

    /// Scans the record that starts at `start` of the window; `at_end` says that the window reaches the
    /// end of the file. The fields are in [`spans`](Self::spans) afterwards.
    pub(crate) fn scan(&mut self, window: &[u8], start: usize, at_end: bool) -> Scanned {
        let longest = start + MAX_RECORD_BYTES;
        let scanned = match self.blanks {
            BlanksAfterDelimiter::Keep => self.scan_record::<false>(window, start, at_end),
            BlanksAfterDelimiter::Skip => self.scan_record::<true>(window, start, at_end),
        };
        match scanned {
            Scanned::Incomplete if window.len() <= longest => Scanned::Incomplete,
            Scanned::Record(extent) if extent.end <= longest || extent.fault.is_some() => {
                Scanned::Record(extent)
            }
            Scanned::Blank { .. } | Scanned::Comment { .. } => scanned,
            _ => record(longest, longest, 1, 0, Some(Reason::RecordTooLong)),
        }
    }

    /// Scans a record. It is compiled once for each meaning of blanks, so that skipping them costs
    /// nothing in files that keep them.
    fn scan_record<const SKIP_BLANKS: bool>(
        &mut self,
        window: &[u8],
        start: usize,
        at_end: bool,
    ) -> Scanned {
        self.spans.clear();
        self.fields = 0;
        if let Some(scanned) = self.scan_other(window, start, at_end) {
            return scanned;
        }
        let mut field_start = start;
        let (mut lines, mut bare_quotes) = (1, 0);
        // The quotes of the current unquoted field, and the unquoted fields with an odd number of quotes.
        let (mut quotes, mut odd_fields) = (0, 0);
        let mut stops = self.stops.from(window, start);
        loop {
            let mut stop = stops.next(window).unwrap_or(window.len());
            let is_quote = window.get(stop).is_some_and(|byte| Some(*byte) == self.quote);
            if is_quote && stop > field_start {
                quotes += 1;
                continue;
            }
            if is_quote {
                stop = match self.scan_quoted(window, stop + 1, at_end, &mut lines) {
                    Quoted::Closed(close) => close + 1,
                    Quoted::Open if !at_end => return Scanned::Incomplete,
                    Quoted::Open => {
                        let fault = Some(Reason::UnterminatedQuote);
                        return record(window.len(), window.len(), lines, bare_quotes, fault);
                    }
                    Quoted::TooLong => {
                        let end = (field_start + MAX_FIELD_BYTES).min(window.len());
                        return record(end, end, lines, bare_quotes, Some(Reason::FieldTooLong));
                    }
                };
                stops = self.stops.from(window, stop + 1);
            } else {
                if quotes > 0 {
                    bare_quotes += 1;
                    odd_fields += quotes % 2;
                    quotes = 0;
                }
                self.push(Span { start: field_start, end: stop, escaped: false, quoted: false });
                if stop - field_start > MAX_FIELD_BYTES {
                    let end = field_start + MAX_FIELD_BYTES;
                    return record(end, end, lines, bare_quotes, Some(Reason::FieldTooLong));
                }
            }
            match window.get(stop) {
                Some(&byte) if byte == self.delimiter => {
                    field_start = stop + 1;
                    if SKIP_BLANKS {
                        field_start += blanks(&window[field_start..]);
                    }
                }
                Some(b'\n' | b'\r') => {
                    let Some(end) = line_end(window, stop, at_end) else { break };
                    let fault = self.bare_fault(bare_quotes, odd_fields);
                    return record(stop, end, lines, bare_quotes, fault);
                }
                None if at_end => {
                    let fault = self.bare_fault(bare_quotes, odd_fields);
                    return record(stop, stop, lines, bare_quotes, fault);
                }
                None => break,
                Some(_) => return text_after_quote(window, stop, at_end, lines, bare_quotes),
            }
        }
        Scanned::Incomplete
    }

    /// Scans what is not a record: the end of the window, a blank line, a comment.
    fn scan_other(&self, window: &[u8], start: usize, at_end: bool) -> Option<Scanned> {
        match window.get(start) {
            None => Some(Scanned::Incomplete),
            Some(b'\n' | b'\r') => Some(match line_end(window, start, at_end) {
                Some(end) => Scanned::Blank { end },
                None => Scanned::Incomplete,
            }),
            Some(_) if self.comment.is_empty() => None,
            Some(_) => self.scan_comment(window, start, at_end),
        }
    }

    /// The comment that starts at `start`; `None` if a record starts there.
    fn scan_comment(&self, window: &[u8], start: usize, at_end: bool) -> Option<Scanned> {
        let held = &window[start..window.len().min(start + self.comment.len())];
        if !self.comment.starts_with(held) {
            return None;
        }
        if held.len() < self.comment.len() {
            return (!at_end).then_some(Scanned::Incomplete);
        }
        let line = end_of_line(window, start, at_end);
        Some(line.map_or(Scanned::Incomplete, |(_, end)| Scanned::Comment { end }))
    }

    /// Scans a quoted field whose first byte is at `start`; pushes its span if it is closed.
    fn scan_quoted(
        &mut self,
        window: &[u8],
        start: usize,
        at_end: bool,
        lines: &mut usize,
    ) -> Quoted {
        let mut position = start;
        let mut escaped = false;
        let Some(quote) = self.quote else { return Quoted::Open };
        loop {
            let rest = &window[position.min(window.len())..];
            let found = match self.escape {
                Some(escape) => memchr2(quote, escape, rest),
                None => memchr(quote, rest),
            };
            let Some(found) = found else {
                let too_long = window.len() - start > MAX_FIELD_BYTES;
                return if too_long { Quoted::TooLong } else { Quoted::Open };
            };
            let at = position + found;
            if at - start > MAX_FIELD_BYTES {
                return Quoted::TooLong;
            }
            let next = window.get(at + 1);
            if next.is_none() && !at_end {
                return Quoted::Open;
            }
            let is_escape = window[at] != quote;
            let doubled = !is_escape && next == Some(&quote);
            if is_escape || doubled {
                escaped = true;
                position = at + 2;
                continue;
            }
            let inside = &window[start..at];
            let line_ends = count_line_ends(inside);
            *lines += line_ends;
            escaped |= line_ends > 0 && memchr(b'\r', inside).is_some();
            self.push(Span { start, end: at, escaped, quoted: true });
            return Quoted::Closed(at);
        }
    }

    fn push(&mut self, span: Span) {
        self.fields += 1;
        if self.spans.len() < MAX_COLUMNS {
            self.spans.push(span);
        }
    }

    /// The fault of a record with quotes in unquoted fields. If two of these fields hold an odd number of quotes
    /// each, a quoted field most likely lost the delimiter before it and was split at a delimiter inside it.
    fn bare_fault(&self, bare_quotes: usize, odd_fields: usize) -> Option<Reason> {
        if self.reject_bare_quotes && bare_quotes > 0 {
            return Some(Reason::BareQuote);
        }
        (odd_fields > 1).then_some(Reason::LostDelimiter)
    }
}

/// How many blanks stand at the start of `text`.
fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b' ').count()
}

/// A record with text after a closing quote: the fault reaches to the end of its line.
fn text_after_quote(
    window: &[u8],
    stop: usize,
    at_end: bool,
    lines: usize,
    bare_quotes: usize,
) -> Scanned {
    match end_of_line(window, stop, at_end) {
        Some((content_end, end)) => {
            record(content_end, end, lines, bare_quotes, Some(Reason::TextAfterQuote))
        }
        None => Scanned::Incomplete,
    }
}

fn record(
    content_end: usize,
    end: usize,
    lines: usize,
    bare_quotes: usize,
    fault: Option<Reason>,
) -> Scanned {
    Scanned::Record(Extent { content_end, end, lines, bare_quotes, fault })
}

/// One past the line ending at `at`; `None` if a CR is the window's last byte and a LF may follow.
fn line_end(window: &[u8], at: usize, at_end: bool) -> Option<usize> {
    if window[at] == b'\n' {
        return Some(at + 1);
    }
    match window.get(at + 1) {
        Some(b'\n') => Some(at + 2),
        Some(_) => Some(at + 1),
        None => at_end.then_some(at + 1),
    }
}

/// The end of the line that `from` lies in, without and with its line ending.
pub(crate) fn end_of_line(window: &[u8], from: usize, at_end: bool) -> Option<(usize, usize)> {
    match memchr2(b'\n', b'\r', &window[from..]) {
        Some(found) => line_end(window, from + found, at_end).map(|end| (from + found, end)),
        None => at_end.then_some((window.len(), window.len())),
    }
}

/// How many lines end in `text`: LF, CRLF and CR each end one.
pub(crate) fn count_line_ends(text: &[u8]) -> usize {
    let feeds = memchr::memchr_iter(b'\n', text).count();
    let returns = memchr::memchr_iter(b'\r', text);
    feeds + returns.filter(|at| text.get(at + 1) != Some(&b'\n')).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    fn scanner() -> Scanner {
        let syntax = Dialect::default().syntax().expect("a dialect");
        Scanner::new(syntax, b',', BareQuotes::Accept)
    }

    fn fields(text: &str) -> Vec<String> {
        let mut scanner = scanner();
        scanner.scan(text.as_bytes(), 0, true);
        scanner.spans.iter().map(|span| text[span.start..span.end].to_owned()).collect()
    }

    fn extent(text: &str) -> Extent {
        match scanner().scan(text.as_bytes(), 0, true) {
            Scanned::Record(extent) => extent,
            other => panic!("no record: {other:?}"),
        }
    }

    #[test]
    fn fields_end_at_delimiters_and_line_ends() {
        assert_eq!(fields("a,b,\r\nx"), ["a", "b", ""]);
        assert_eq!(fields("a"), ["a"]);
        assert_eq!(fields(",\n"), ["", ""]);
        assert_eq!(extent("a,b\rx").end, 4);
        assert_eq!(extent("a,b\r\nx").end, 5);
    }

    #[test]
    fn quotes_hold_delimiters_quotes_and_line_ends() {
        assert_eq!(
            fields("\"Washington, DC\",\"say \"\"hi\"\"\"\n"),
            ["Washington, DC", "say \"\"hi\"\""]
        );
        let extent = extent("\"a\r\nb\nc\rd\",x\n");
        assert_eq!((extent.lines, extent.fault), (4, None));
    }

    #[test]
    fn text_after_a_closing_quote_is_a_fault_to_the_end_of_its_line() {
        let extent = extent("\"a\"b,c\nnext");
        assert_eq!(
            (extent.fault, extent.content_end, extent.end),
            (Some(Reason::TextAfterQuote), 6, 7)
        );
    }

    #[test]
    fn a_quote_inside_an_unquoted_field_is_counted() {
        let extent = extent("5\" pipe,x\n");
        assert_eq!((extent.fault, extent.bare_quotes), (None, 1));
    }

    #[test]
    fn a_lost_delimiter_leaves_two_fields_with_an_odd_number_of_quotes() {
        for lost in ["1\"x,y\"\n", "1\"x,y,z\"\n", "a\"x,y\"\"z\",\"q\"\n", "1\"x,y\"2"] {
            assert_eq!(extent(lost).fault, Some(Reason::LostDelimiter), "{lost}");
        }
        for kept in ["5\" pipe,x\n", "a\"b\",c\"d\"\n", "5\" pipe,\"6\"\" x\"\n", "a\"b\",c\"\n"] {
            assert_eq!(extent(kept).fault, None, "{kept}");
        }
    }

    #[test]
    fn without_a_quote_character_quotes_are_text() {
        let dialect = Dialect { quote: None, ..Dialect::default() };
        let mut scanner =
            Scanner::new(dialect.syntax().expect("a dialect"), b',', BareQuotes::Reject);
        let text = "\"a,b\"\",c\n";
        let Scanned::Record(extent) = scanner.scan(text.as_bytes(), 0, true) else {
            panic!("no record")
        };
        assert_eq!((extent.fault, extent.bare_quotes, scanner.fields), (None, 0, 3));
        assert_eq!(&text[scanner.spans[1].start..scanner.spans[1].end], "b\"\"");
    }

    #[test]
    fn blanks_after_a_delimiter_are_skipped_if_the_dialect_says_so() {
        let skips = BlanksAfterDelimiter::Skip;
        let dialect = Dialect { blanks_after_delimiter: skips, ..Dialect::default() };
        let mut scanner =
            Scanner::new(dialect.syntax().expect("a dialect"), b',', BareQuotes::Accept);
        let text = " 1, \"x, y\",  a b ,\"z\",  \n";
        let scanned = scanner.scan(text.as_bytes(), 0, true);
        assert!(matches!(scanned, Scanned::Record(Extent { fault: None, .. })), "{scanned:?}");
        let values: Vec<&str> =
            scanner.spans.iter().map(|span| &text[span.start..span.end]).collect();
        assert_eq!(values, [" 1", "x, y", "a b ", "z", ""]);
        for cut in 0..text.len() {
            let scanned = scanner.scan(&text.as_bytes()[..cut], 0, false);
            assert_eq!(scanned, Scanned::Incomplete, "cut at {cut}");
        }
    }

    #[test]
    fn the_window_may_end_anywhere() {
        let text = "\"a\"\"b\r\nc\",d\r\n";
        for cut in 0..text.len() {
            let mut scanner = scanner();
            let scanned = scanner.scan(&text.as_bytes()[..cut], 0, false);
            assert_eq!(scanned, Scanned::Incomplete, "cut at {cut}");
        }
    }
}
