//! The **start** of a file: its marks, its format and its header, before the first row is read.

use crate::columns::Cleaner;
use crate::dialect::{Dialect, Syntax};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::header::{Header, InvalidHeader, LastDelimiter, UnusableNames};
use crate::preamble::{self, Preamble};
use crate::records::{Extent, MAX_COLUMNS, MAX_FIELD_BYTES, Scanned, Scanner, Span};
use crate::reject::Reason;
use crate::summary::Summary;
use crate::window::Window;

/// How many records below a header decide what a delimiter at its end means.
const RECORDS: usize = 64;

/// Refuses a file that starts like HTML, XML or JSON: an error page or an API response is easily stored under the
/// name of an export.
///
/// # Errors
/// [`InvalidHeader::NotCsv`] and [`Error::Read`].
fn refuse_other_formats(window: &mut Window) -> Result<(), Error> {
    loop {
        let start = window.bytes()[window.start()..].trim_ascii_start();
        if start.len() >= 2 || window.is_at_end() || window.bytes().len() > MAX_FIELD_BYTES {
            return match other_format(start) {
                Some(what) => Err(InvalidHeader::NotCsv { what }.into()),
                None => Ok(()),
            };
        }
        window.fill()?;
    }
}

/// Moves the window to the header, past byte order marks and the lines above the header.
///
/// # Errors
/// As [`preamble::pass`] and [`refuse_other_formats`].
pub(crate) fn pass_preamble(
    window: &mut Window,
    dialect: &Dialect,
    syntax: Syntax,
    encoding: Encoding,
) -> Result<Preamble, Error> {
    skip_marks(window)?;
    if dialect.skip_lines == 0 && dialect.names.is_none() {
        refuse_other_formats(window)?;
    }
    let preamble = preamble::pass(window, dialect, syntax, encoding)?;
    if dialect.names.is_none() {
        refuse_other_formats(window)?;
    }
    Ok(preamble)
}

/// The format of a file that starts with these bytes, leading blanks left out; `None` if it may be CSV: a column can be
/// named `[id]`, `{x}` or `<5`.
fn other_format(start: &[u8]) -> Option<&'static str> {
    let next = start.get(1).copied();
    match start.first()? {
        b'<' => {
            let opens = next.is_some_and(|b| b.is_ascii_alphabetic() || b"!?/".contains(&b));
            opens.then_some("HTML or XML")
        }
        b'{' => {
            next.is_none_or(|b| b.is_ascii_whitespace() || b"\"}".contains(&b)).then_some("JSON")
        }
        b'[' => next
            .is_none_or(|b| b.is_ascii_whitespace() || b.is_ascii_digit() || b"\"{[]".contains(&b))
            .then_some("JSON"),
        _ => None,
    }
}

/// Skips further byte order marks: in a file that was marked twice, they are not part of a name.
///
/// # Errors
/// [`Error::Read`].
fn skip_marks(window: &mut Window) -> Result<(), Error> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    loop {
        let start = window.start();
        let bytes = &window.bytes()[start..];
        if bytes.starts_with(MARK) {
            window.advance(start + MARK.len());
        } else if bytes.len() >= MARK.len() || window.is_at_end() {
            return Ok(());
        } else {
            window.fill()?;
        }
    }
}

/// Scans the first record, past blank lines and comments; `None` if the file has none.
///
/// # Errors
/// [`Error::Read`].
pub(crate) fn first_record(
    window: &mut Window,
    scanner: &mut Scanner,
    line: &mut i64,
    summary: &mut Summary,
) -> Result<Option<Extent>, Error> {
    loop {
        match scanner.scan(window.bytes(), window.start(), window.is_at_end()) {
            Scanned::Incomplete if window.is_at_end() => return Ok(None),
            Scanned::Incomplete => window.fill()?,
            Scanned::Blank { end } => {
                *line += 1;
                summary.blank_lines += 1;
                window.advance(end);
            }
            Scanned::Comment { end } => {
                *line += 1;
                summary.comment_lines += 1;
                window.advance(end);
            }
            Scanned::Record(extent) => {
                summary.line_end = match window.bytes().get(extent.content_end..extent.end) {
                    Some(b"\r\n") => "crlf",
                    Some(b"\n") => "lf",
                    Some(b"\r") => "cr",
                    _ => "none",
                }
                .to_owned();
                return Ok(Some(extent));
            }
        }
    }
}

/// The header of a file: the names that the dialect gives, or the first record; the window then moves past it.
///
/// # Errors
/// [`InvalidHeader`].
pub(crate) fn header(
    window: &mut Window,
    first: Option<Extent>,
    scanner: &mut Scanner,
    cleaner: &Cleaner,
    dialect: &Dialect,
) -> Result<Header, InvalidHeader> {
    if let Some(names) = &dialect.names {
        return Header::given(names.clone());
    }
    let extent = first.ok_or(InvalidHeader::Missing)?;
    let header = scanned_header(window, extent, scanner, cleaner, dialect)?;
    window.advance(extent.end);
    Ok(Header { lines: extent.lines, ..header })
}

/// Takes the record scanned last as the header.
///
/// # Errors
/// [`InvalidHeader`].
fn scanned_header(
    window: &Window,
    extent: Extent,
    scanner: &mut Scanner,
    cleaner: &Cleaner,
    dialect: &Dialect,
) -> Result<Header, InvalidHeader> {
    match extent.fault {
        Some(Reason::FieldTooLong | Reason::RecordTooLong) => return Err(InvalidHeader::Endless),
        Some(fault) => return Err(InvalidHeader::Unreadable(fault)),
        None if scanner.fields > MAX_COLUMNS => return Err(InvalidHeader::TooManyColumns),
        None => {}
    }
    let names = names(window, &scanner.spans, cleaner, dialect)?;
    let last = match dialect.unusable_names {
        UnusableNames::Suffix => last_delimiter(window, extent, scanner),
        UnusableNames::Refuse => LastDelimiter::End,
    };
    let header = Header::new(names, dialect.unusable_names, &dialect.aliases, last)?;
    Ok(header.with_trimmed(&dialect.header_names))
}

/// The fields of the header as text.
///
/// # Errors
/// [`InvalidHeader`]: control characters, or bytes that are not text in the file's encoding.
fn names(
    window: &Window,
    spans: &[Span],
    cleaner: &Cleaner,
    dialect: &Dialect,
) -> Result<Vec<String>, InvalidHeader> {
    let mut names = Vec::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        let raw = &window.bytes()[span.start..span.end];
        if raw.iter().any(is_control_character) {
            return Err(InvalidHeader::ControlCharacter { position: index + 1 });
        }
        if cleaner.is_other_encoding(raw) {
            return Err(InvalidHeader::Unreadable(Reason::OtherEncoding));
        }
        let value = cleaner.clean(raw, span.escaped).into_owned();
        let name = String::from_utf8(value);
        names.push(name.map_err(|_| InvalidHeader::Unreadable(why_not_text(dialect)))?);
    }
    // A program that adds a byte order mark to a file that has one already leaves a second one.
    if let Some(first) = names.first_mut() {
        *first = first.trim_start_matches('\u{feff}').to_owned();
    }
    Ok(names)
}

/// Says why a header is not text: if the dialect names encodings besides UTF-8, most lines below it are UTF-8.
fn why_not_text(dialect: &Dialect) -> Reason {
    match dialect.encoding.has_other_than_utf8() {
        true => Reason::OtherEncoding,
        false => Reason::Encoding,
    }
}

/// Decides by the first records what a delimiter at the end of the header scanned last means: if one of them is as wide
/// and ends in a value, a column follows it.
fn last_delimiter(window: &Window, header: Extent, scanner: &mut Scanner) -> LastDelimiter {
    let columns = scanner.fields;
    let mut position = header.end;
    for _ in 0..RECORDS {
        match scanner.scan(window.bytes(), position, window.is_at_end()) {
            Scanned::Incomplete => break,
            Scanned::Blank { end } | Scanned::Comment { end } => position = end,
            Scanned::Record(extent) => {
                let has_value = scanner.spans.last().is_some_and(|span| span.start < span.end);
                if extent.fault.is_none() && scanner.fields == columns && has_value {
                    return LastDelimiter::Between;
                }
                position = extent.end;
            }
        }
    }
    LastDelimiter::End
}

/// Whether a byte is a control character that is not allowed in a name.
fn is_control_character(byte: &u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn is_refused(text: &str) -> bool {
        let mut window = Window::new(Box::new(Cursor::new(text.to_owned().into_bytes())), 0);
        refuse_other_formats(&mut window).is_err()
    }

    #[test]
    fn what_is_not_csv_is_refused_by_its_first_bytes() {
        for text in [
            "<html><body>503</body></html>",
            "\n <!DOCTYPE html>",
            "<?xml version=\"1.0\"?>",
            "<p>\n<b>\n",
            "{\"error\":\"rate limited\"}\n",
            "{\n  \"a\": 1}",
            "[{\"a\":1}]",
            "[]",
            "[1,2]",
        ] {
            assert!(is_refused(text), "{text}");
        }
        for text in ["a,b\n", "", "\n\n", "[id],[name]\n", "{x},y\n", "<5,>5\n", "\"<p>\",b\n"] {
            assert!(!is_refused(text), "{text}");
        }
    }
}
