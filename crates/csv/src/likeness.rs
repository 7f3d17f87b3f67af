//! The **likeness** of a line to a record: a line above the header, a comment or a line of a quoted value may have the
//! form of a record. It is not read as one, but it is counted, so that records that a setting or a stray quote hides
//! are reported.

use memchr::memchr_iter;

use crate::dialect::{BareQuotes, Syntax};
use crate::header::looks_like_data;
use crate::records::{Scanned, Scanner};

/// Recognises lines that look like records of a file.
#[derive(Debug)]
pub(crate) struct Likeness {
    scanner: Scanner,
    delimiter: u8,
    columns: usize,
}

/// From this many columns on, one line of a value that looks like a record is hardly chance; with fewer columns, only
/// several such lines count.
const TELLING_COLUMNS: usize = 5;

impl Likeness {
    /// For a file with this many columns.
    pub(crate) fn new(
        syntax: Syntax,
        delimiter: u8,
        bare_quotes: BareQuotes,
        columns: usize,
    ) -> Self {
        Self { scanner: Scanner::new(syntax, delimiter, bare_quotes), delimiter, columns }
    }

    /// Whether a line, without its line ending, is as wide as the header, of two columns at least, and one of its
    /// fields is a number, a date or an address.
    pub(crate) fn is(&mut self, line: &[u8]) -> bool {
        let Scanned::Record(extent) = self.scanner.scan(line, 0, true) else { return false };
        if extent.fault.is_some() || self.columns < 2 || self.scanner.fields != self.columns {
            return false;
        }
        let mut fields = self.scanner.spans.iter().map(|span| &line[span.start..span.end]);
        fields.any(|field| std::str::from_utf8(field).is_ok_and(looks_like_data))
    }

    /// Counts the lines, without the first one, of a record of several lines that are records by themselves if its
    /// quotes are left out. Returns 0 unless all lines are, and if it may be chance.
    pub(crate) fn lines_of(&mut self, record: &[u8], quote: u8) -> u64 {
        let mut lines = record.split(|byte| matches!(byte, b'\r' | b'\n')).peekable();
        let first_width = lines.peek().map_or(1, |line| self.width(line));
        if first_width != self.columns {
            return 0;
        }
        let mut count = 0;
        for line in lines.filter(|line| !line.is_empty()) {
            let bare: Vec<u8> = line.iter().copied().filter(|byte| *byte != quote).collect();
            if !self.is(&bare) {
                return 0;
            }
            count += 1;
        }
        if count > 2 || self.columns > 2 { count - 1 } else { 0 }
    }

    /// Counts the lines, without the first one, of a quoted value that look like records. Returns 0 if it may be chance.
    pub(crate) fn lines_in(&mut self, value: &[u8]) -> u64 {
        let lines = value.split(|byte| matches!(byte, b'\r' | b'\n')).skip(1);
        let found = lines.filter(|line| self.width(line) >= self.columns && self.is(line)).count();
        if found > 1 || self.columns >= TELLING_COLUMNS { found as u64 } else { 0 }
    }

    /// How many fields a line has if its quotes are ignored.
    fn width(&self, line: &[u8]) -> usize {
        memchr_iter(self.delimiter, line).count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    fn likeness(columns: usize) -> Likeness {
        let syntax = Dialect::default().syntax().expect("a dialect");
        Likeness::new(syntax, b',', BareQuotes::Accept, columns)
    }

    fn lines_in(value: &str, columns: usize) -> u64 {
        likeness(columns).lines_in(value.as_bytes())
    }

    fn lines_of(record: &str, columns: usize) -> u64 {
        likeness(columns).lines_of(record.as_bytes(), b'"')
    }

    #[test]
    fn a_line_as_wide_as_the_header_with_a_number_may_be_a_record() {
        let mut likeness = likeness(3);
        for line in ["28,Old,1.0", "#1099,Cy,3", "\"a,b\",x,2025-03-01", "x,,1"] {
            assert!(likeness.is(line.as_bytes()), "{line}");
        }
        for line in ["", "Report", "# a, b", "a,b,c", "#,,", "1,2", "1,2,3,4", "\"1,2,3"] {
            assert!(!likeness.is(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn several_lines_of_a_value_may_be_records() {
        assert_eq!(lines_in("abc\n2,def\n3,gh", 2), 2);
        assert_eq!(lines_in("abc\r\n2,def\r\n3,gh", 2), 2);
        assert_eq!(lines_in("1 Main St\nRome, 10115", 2), 0, "one may be chance");
        assert_eq!(lines_in("x\n2,b,c,d,e", 5), 1, "with many columns it is not");
        assert_eq!(lines_in("2,b,c,d,e\nx", 5), 0, "the first belongs to the record");
        assert_eq!(lines_in("a\nb\nc", 1), 0);
    }

    #[test]
    fn all_lines_of_a_record_may_be_records() {
        assert_eq!(lines_of("a,\"Rome,1\nb,Oslo\",2", 3), 1);
        assert_eq!(lines_of("a,\"Rome,1\r\nb,Oslo,3\r\nc,Kiel\",2", 3), 2);
        assert_eq!(lines_of("1,\"Main St\nRome, 10115\"", 2), 0, "two may be chance");
        assert_eq!(lines_of("1,\"Ann\nLee\",x", 3), 0);
        assert_eq!(lines_of("a,\"Rome,1\nb\",2", 3), 0, "the second is not a record");
    }
}
