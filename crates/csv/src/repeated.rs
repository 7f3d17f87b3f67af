//! A **repeated header** is a record that is the header once more, because files were put together. A header of other
//! columns, or of the same columns in another order, is another header.

use std::collections::HashSet;

use crate::columns::Columns;
use crate::header::Header;
use crate::records::Span;

/// The names that a record is compared with.
#[derive(Debug)]
pub(crate) struct RepeatedHeader {
    /// The names as the header writes them. If there are several, they are compared in lower case and without blanks
    /// around them: a record of data does not have the names of several columns by chance.
    names: Vec<String>,
    /// Whether case and blanks count.
    is_exact: bool,
    /// The first byte of a record that is the header, in lower case, if it is a letter or digit.
    first: Option<u8>,
    /// The names.
    known: HashSet<String>,
    /// Whether a name starts with a byte.
    first_bytes: [bool; 256],
    quote: Option<u8>,
}

/// Whether a line below the header is a header, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It is not a header.
    No,
    /// It is the header once more.
    Same,
    /// It is a header of other columns, or of the same columns in another order.
    Other,
}

impl RepeatedHeader {
    /// For a header with these names, in a file with this quote.
    pub(crate) fn new(written: &[String], quote: Option<u8>) -> Self {
        let is_exact = written.len() < 2;
        let names: Vec<String> = match is_exact {
            true => written.to_vec(),
            false => written.iter().map(|name| fold(name)).collect(),
        };
        let first = names
            .first()
            .and_then(|name| name.bytes().next())
            .filter(u8::is_ascii_alphanumeric)
            .map(|byte| byte.to_ascii_lowercase());
        let known: HashSet<String> = names.iter().cloned().collect();
        let mut first_bytes = [false; 256];
        for byte in names.iter().filter_map(|name| name.bytes().next()) {
            first_bytes[usize::from(byte)] = true;
        }
        Self { names, is_exact, first, known, first_bytes, quote }
    }

    /// Whether a record, whose fields are `spans` of `window`, is a header.
    pub(crate) fn again(
        &self,
        record: &[u8],
        window: &[u8],
        spans: &[Span],
        columns: &Columns,
    ) -> Again {
        if self.is(record, window, spans, columns) {
            Again::Same
        } else if !self.is_exact && self.is_other(window, spans, columns) {
            Again::Other
        } else {
            Again::No
        }
    }

    /// Whether a record could be a header, starts with one of the names, and has more than half of its fields, at least
    /// two, in common with the header. A record of data is not like that by chance.
    fn is_other(&self, window: &[u8], spans: &[Span], columns: &Columns) -> bool {
        let Some(first) = spans.first() else { return false };
        let field = window[first.start..first.end].trim_ascii_start();
        let byte = field.first().map_or(0, u8::to_ascii_lowercase);
        if !self.first_bytes[usize::from(byte)] || self.known_name(window, first, columns).is_none()
        {
            return false;
        }
        let known = spans.iter().filter_map(|span| self.known_name(window, span, columns));
        let found: HashSet<&str> = known.collect();
        found.len() >= 2
            && found.len() * 2 > spans.len()
            && self.values(window, spans, columns).is_some_and(|names| Header::given(names).is_ok())
    }

    /// The fields as text; `None` if one is not text.
    fn values(&self, window: &[u8], spans: &[Span], columns: &Columns) -> Option<Vec<String>> {
        let values =
            spans.iter().map(|span| columns.clean(&window[span.start..span.end], span.escaped));
        values.map(|value| String::from_utf8(value.into_owned()).ok()).collect()
    }

    /// The name of the header that a field is, in lower case and without blanks around it.
    fn known_name(&self, window: &[u8], span: &Span, columns: &Columns) -> Option<&str> {
        let value = columns.clean(&window[span.start..span.end], span.escaped);
        let value = fold(std::str::from_utf8(&value).ok()?);
        self.known.get(&value).map(String::as_str)
    }

    /// Whether a record, whose fields are `spans` of `window`, is the header.
    fn is(&self, record: &[u8], window: &[u8], spans: &[Span], columns: &Columns) -> bool {
        self.may_be(record)
            && self.names.iter().zip(spans).enumerate().all(|(index, (name, span))| {
                let raw = &window[span.start..span.end];
                match index {
                    0 => self.is_name(self.without_mark(raw), span.escaped, name, columns),
                    _ => self.is_name(raw, span.escaped, name, columns),
                }
            })
    }

    /// Whether a record may be the header, by its first byte. It is cheap, and comes before its fields are compared.
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

    /// A first field without the byte order mark of UTF-8 before it, and without its quotes, which are text because of
    /// the mark.
    fn without_mark<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        let Some(rest) = raw.strip_prefix(b"\xef\xbb\xbf") else { return raw };
        match (self.quote, rest) {
            (Some(quote), [first, inside @ .., last]) if [*first, *last] == [quote; 2] => inside,
            _ => rest,
        }
    }
}

/// A name in the form in which names are compared: without blanks around it, and in lower case.
fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}
