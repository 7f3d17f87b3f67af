//! The **likeness** of a line to a record: a line above the header, or a comment, may be one by its form. It is not
//! read as one, but counted, so that nobody loses records by a setting without a word.

use crate::dialect::{BareQuotes, Syntax};
use crate::header::looks_like_data;
use crate::records::{Scanned, Scanner};

/// Tells lines that look like records of a file.
#[derive(Debug)]
pub struct Likeness {
    scanner: Scanner,
    columns: usize,
}

impl Likeness {
    /// Of a file with so many columns.
    pub fn new(syntax: Syntax, delimiter: u8, bare_quotes: BareQuotes, columns: usize) -> Self {
        Self { scanner: Scanner::new(syntax, delimiter, bare_quotes), columns }
    }

    /// Whether a line, without its line ending, is as wide as the header, of two columns at least, and one of its
    /// fields is a number, a date or an address.
    pub fn is(&mut self, line: &[u8]) -> bool {
        let Scanned::Record(extent) = self.scanner.scan(line, 0, true) else { return false };
        if extent.fault.is_some() || self.columns < 2 || self.scanner.fields != self.columns {
            return false;
        }
        let mut fields = self.scanner.spans.iter().map(|span| &line[span.start..span.end]);
        fields.any(|field| std::str::from_utf8(field).is_ok_and(looks_like_data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    #[test]
    fn a_line_as_wide_as_the_header_with_a_number_may_be_a_record() {
        let syntax = Dialect::default().syntax().expect("a dialect");
        let mut likeness = Likeness::new(syntax, b',', BareQuotes::Accept, 3);
        for line in ["28,Old,1.0", "#1099,Cy,3", "\"a,b\",x,2025-03-01", "x,,1"] {
            assert!(likeness.is(line.as_bytes()), "{line}");
        }
        for line in ["", "Report", "# a, b", "a,b,c", "#,,", "1,2", "1,2,3,4", "\"1,2,3"] {
            assert!(!likeness.is(line.as_bytes()), "{line}");
        }
    }
}
