//! To **skip** is to find the end of a record that is too long to be held in memory: its quotes are followed
//! piece by piece, and none of its bytes are kept here.

use memchr::{memchr2, memchr3};

use crate::dialect::{BlanksAfterDelimiter, Syntax};

/// The position in a record, between two pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a field: a quote opens a quoted field.
    FieldStart,
    /// In a field without quotes: a quote is text.
    Unquoted,
    /// Inside quotes.
    Quoted,
    /// After an escape character inside quotes: the next byte is text.
    Escaped,
    /// After a quote inside quotes: it closes them, unless another one follows.
    QuoteSeen,
    /// After text that follows a closing quote: the record ends with the line.
    RestOfLine,
    /// After a carriage return that ended the record: a line feed may follow.
    ReturnSeen,
    /// After the record's line ending.
    Ended,
}

/// A record that is being skipped.
#[derive(Debug)]
pub(crate) struct Skip {
    state: State,
    delimiter: u8,
    syntax: Syntax,
    lines: usize,
    /// How many delimiters stand outside of quotes.
    delimiters: usize,
    has_quoted_field: bool,
    has_text_after_quote: bool,
    /// Whether the last byte was a carriage return that is not counted yet.
    ends_in_return: bool,
}

impl Skip {
    /// At the start of a record.
    pub(crate) fn new(syntax: Syntax, delimiter: u8) -> Self {
        Self {
            state: State::FieldStart,
            delimiter,
            syntax,
            lines: 0,
            delimiters: 0,
            has_quoted_field: false,
            has_text_after_quote: false,
            ends_in_return: false,
        }
    }

    /// Skips the next bytes; returns how many of them belong to the record.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Ended {
            at = self.step(bytes, at);
        }
        self.count_lines(&bytes[..at]);
        at
    }

    /// Whether the line ending of the record was found.
    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Whether it is uncertain what was skipped: one long value, or many records after a stray quote.
    /// `width` is how many fields a record of the file has.
    pub(crate) fn is_doubtful(&self, width: usize) -> bool {
        let is_open = matches!(self.state, State::Quoted | State::Escaped);
        let has_other_width = self.delimiters + 1 != width;
        self.has_quoted_field && (is_open || self.has_text_after_quote || has_other_width)
    }

    /// How many line endings the record holds, its own included.
    pub(crate) fn lines(&self) -> usize {
        self.lines + usize::from(self.ends_in_return)
    }

    /// Takes one step from `at`; returns the next position, which is past the record only if it has ended.
    fn step(&mut self, bytes: &[u8], at: usize) -> usize {
        let byte = bytes[at];
        let rest = &bytes[at..];
        match self.state {
            State::FieldStart if byte == b' ' && self.skips_blanks() => at + 1,
            State::FieldStart if Some(byte) == self.syntax.quote => {
                self.state = State::Quoted;
                self.has_quoted_field = true;
                at + 1
            }
            State::FieldStart | State::Unquoted => {
                let Some(found) = memchr3(self.delimiter, b'\n', b'\r', rest) else {
                    self.state = State::Unquoted;
                    return bytes.len();
                };
                self.after(bytes[at + found], State::Unquoted);
                at + found + 1
            }
            State::Quoted => {
                let Some(quote) = self.syntax.quote else { return bytes.len() };
                let escape = self.syntax.escape.unwrap_or(quote);
                let Some(found) = memchr2(quote, escape, rest) else {
                    return bytes.len();
                };
                let is_quote = rest[found] == quote;
                self.state = if is_quote { State::QuoteSeen } else { State::Escaped };
                at + found + 1
            }
            State::Escaped => {
                self.state = State::Quoted;
                at + 1
            }
            State::QuoteSeen if Some(byte) == self.syntax.quote => {
                self.state = State::Quoted;
                at + 1
            }
            State::QuoteSeen => {
                self.after(byte, State::RestOfLine);
                at + 1
            }
            State::RestOfLine => {
                let Some(found) = memchr2(b'\n', b'\r', rest) else { return bytes.len() };
                self.after(rest[found], State::RestOfLine);
                at + found + 1
            }
            State::ReturnSeen => {
                self.state = State::Ended;
                at + usize::from(byte == b'\n')
            }
            State::Ended => at,
        }
    }

    /// Whether blanks at the start of this field belong to the delimiter before it.
    fn skips_blanks(&self) -> bool {
        self.delimiters > 0 && self.syntax.blanks == BlanksAfterDelimiter::Skip
    }

    /// Takes the byte after a field: a delimiter or a line ending. Any other byte leads to the state `otherwise`.
    fn after(&mut self, byte: u8, otherwise: State) {
        self.state = match byte {
            b'\n' => State::Ended,
            b'\r' => State::ReturnSeen,
            byte if byte == self.delimiter && self.state != State::RestOfLine => {
                self.delimiters += 1;
                State::FieldStart
            }
            _ => otherwise,
        };
        self.has_text_after_quote |= self.state == State::RestOfLine;
    }

    fn count_lines(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.lines += usize::from(self.ends_in_return && byte != b'\n');
            self.lines += usize::from(byte == b'\n');
            self.ends_in_return = byte == b'\r';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    /// How many bytes and lines of a text are skipped, in pieces of `size` bytes.
    fn skipped(text: &str, size: usize, dialect: &Dialect) -> (usize, usize) {
        let mut skip = Skip::new(dialect.syntax().expect("a dialect"), b',');
        let mut passed = 0;
        for piece in text.as_bytes().chunks(size) {
            let used = skip.pass(piece);
            passed += used;
            if used < piece.len() || skip.has_ended() {
                break;
            }
        }
        (passed, skip.lines())
    }

    #[test]
    fn a_record_ends_where_its_quotes_say() {
        let escaping = Dialect { escape: Some('\\'), ..Dialect::default() };
        let skips = BlanksAfterDelimiter::Skip;
        let skipping = Dialect { blanks_after_delimiter: skips, ..Dialect::default() };
        let unquoted = Dialect { quote: None, ..Dialect::default() };
        for (record, lines, dialect) in [
            ("ab,c\r\n", 1, Dialect::default()),
            ("\"a\nb\"\"\n\",c\n", 3, Dialect::default()),
            ("\"a\"b\",\"c\r", 1, Dialect::default()),
            ("5\" pipe,\"\r\nx\"\n", 2, Dialect::default()),
            ("\"a\\\"\n\",c\n", 2, escaping),
            ("a,  \"b\n\",c\n", 2, skipping),
            ("\"a,b\n", 1, unquoted),
            ("\"never closed\nnext\n", 2, Dialect::default()),
        ] {
            let rest = if record.starts_with("\"never") { "" } else { "next,1\n" };
            let text = format!("{record}{rest}");
            for size in 1..=text.len() {
                assert_eq!(
                    skipped(&text, size, &dialect),
                    (record.len(), lines),
                    "{record:?}, {size}"
                );
            }
        }
    }

    #[test]
    fn a_record_of_another_form_than_the_others_is_doubtful() {
        for (record, is_doubtful) in [
            ("\"a\nb\",c\n", false),
            ("a,b,c\n", false),
            ("\"a\nb\"\n", true),
            ("\"a\nb\",c,d\n", true),
            ("x,\"12 inch\n1,\"y\",z\n", true),
            ("x,\"12 inch\n1,2\n", true),
        ] {
            let mut skip = Skip::new(Dialect::default().syntax().expect("a dialect"), b',');
            skip.pass(record.as_bytes());
            assert_eq!(skip.is_doubtful(2), is_doubtful, "{record:?}");
        }
    }
}
