//! A **repeated header** is a record that is the header once more, as in files that were put together.

use crate::columns::Columns;
use crate::records::Span;

/// The names that a record is compared with.
#[derive(Debug)]
pub struct RepeatedHeader {
    /// As the header writes them; where there are several, without blanks around and in lower case: no
    /// record of several columns is data and has all their names by chance.
    names: Vec<String>,
    /// Whether case and blanks count.
    is_exact: bool,
    /// The first byte of a record that is the header, in lower case, if it is a letter or digit.
    first: Option<u8>,
    quote: Option<u8>,
}

impl RepeatedHeader {
    /// Of a header that writes these names, in a file with this quote.
    pub fn new(written: &[String], quote: Option<u8>) -> Self {
        let is_exact = written.len() < 2;
        let folded = |name: &String| if is_exact { name.clone() } else { fold(name) };
        let names: Vec<String> = written.iter().map(folded).collect();
        let first = names.first().and_then(|name| name.bytes().next());
        let first = first.filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
        Self { names, is_exact, first, quote }
    }

    /// Whether a record, whose fields are `spans` of `window`, is the header.
    pub fn is(&self, record: &[u8], window: &[u8], spans: &[Span], columns: &Columns) -> bool {
        self.may_be(record)
            && self.names.iter().zip(spans).enumerate().all(|(index, (name, span))| {
                let raw = &window[span.start..span.end];
                match index {
                    0 => self.is_name(self.without_mark(raw), span.escaped, name, columns),
                    _ => self.is_name(raw, span.escaped, name, columns),
                }
            })
    }

    /// A quick look at a record's first byte, before its fields are compared.
    fn may_be(&self, record: &[u8]) -> bool {
        let (Some(first), Some(&byte)) = (self.first, record.first()) else { return true };
        let is_cover = byte <= b' ' || !byte.is_ascii() || Some(byte) == self.quote;
        byte.to_ascii_lowercase() == first || is_cover
    }

    fn is_name(&self, raw: &[u8], escaped: bool, name: &str, columns: &Columns) -> bool {
        if raw.is_ascii() && !escaped {
            return match self.is_exact {
                true => raw == name.as_bytes(),
                false => raw.trim_ascii().eq_ignore_ascii_case(name.as_bytes()),
            };
        }
        let value = columns.clean(raw, escaped);
        std::str::from_utf8(&value).is_ok_and(|value| match self.is_exact {
            true => value == name,
            false => fold(value) == name,
        })
    }

    /// A first field without the byte order mark of UTF-8 before it, and without the quotes that the mark
    /// made text.
    fn without_mark<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        let Some(rest) = raw.strip_prefix(b"\xef\xbb\xbf") else { return raw };
        match (self.quote, rest) {
            (Some(quote), [first, inside @ .., last]) if [*first, *last] == [quote; 2] => inside,
            _ => rest,
        }
    }
}

/// A name without what does not tell it from another: blanks around it, and case.
fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}
