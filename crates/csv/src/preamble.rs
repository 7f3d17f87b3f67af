//! The **preamble** is what stands above a file's header: a title, the time of the extract, comments, or the line
//! `sep=;`, which names the delimiter for spreadsheet programs. The dialect says how the header is found. The lines
//! above it are counted, and they are not rows.

use regex::bytes::Regex;

use crate::dialect::{DELIMITERS, Dialect, InvalidDialect, Syntax};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::header::{InvalidHeader, fold};
use crate::records::{MAX_FIELD_BYTES, Scanned, Scanner, end_of_line};
use crate::repeated::Again;
use crate::skipped::text;
use crate::window::Window;

/// How many lines are searched for the header.
const SEARCHED_LINES: usize = 1000;

/// Lines above the header that are longer than this are not kept: they are not compared with records.
const LONGEST_KEPT: usize = 64 << 10;

/// How much of the file is held while a line is examined: a header that is searched must fit in.
const HELD_BYTES: usize = 1 << 20;

/// What was found above the header; the window now starts at the header.
#[derive(Debug, Default)]
pub(crate) struct Preamble {
    /// How many lines stand above the header.
    pub lines: u64,
    /// The first of these lines.
    pub passed: Vec<Vec<u8>>,
    /// The delimiter that the line `sep=` names.
    pub delimiter: Option<u8>,
    /// The header found by a pattern, which other lines must not contradict.
    pub mark: Option<HeaderMark>,
}

/// A header that was found by a pattern.
#[derive(Debug)]
pub(crate) struct HeaderMark {
    pattern: Regex,
    header: Vec<u8>,
}

/// How the header is found.
enum HeaderLine {
    /// It is the first record.
    First,
    /// It is the first line that holds these names, which are in lower case and without blanks around them.
    Names(Vec<String>),
    /// It is the first line that matches; it starts at the pattern's group.
    Pattern(Regex),
}

impl HeaderLine {
    /// Reads the settings of a dialect.
    ///
    /// # Errors
    /// [`InvalidDialect`]: an invalid pattern, or two ways to find the header.
    fn new(dialect: &Dialect) -> Result<Self, InvalidDialect> {
        match (&dialect.header_names[..], &dialect.header_pattern, &dialect.names) {
            ([], None, _) => Ok(Self::First),
            ([_, ..], Some(_), _) | (_, _, Some(_)) => Err(InvalidDialect::HeaderTwice),
            (names, pattern, None) if is_empty(names, pattern.as_deref()) => {
                Err(InvalidDialect::EmptyHeader)
            }
            ([], Some(pattern), None) => {
                let pattern = Regex::new(pattern)
                    .map_err(|error| InvalidDialect::pattern("header_pattern", &error))?;
                match pattern.captures_len() {
                    1 | 2 => Ok(Self::Pattern(pattern)),
                    _ => Err(InvalidDialect::SeveralGroups),
                }
            }
            (names, None, None) => Ok(Self::Names(names.iter().map(|name| fold(name)).collect())),
        }
    }
}

/// Whether a name or the pattern is empty.
fn is_empty(names: &[String], pattern: Option<&str>) -> bool {
    pattern == Some("") || names.iter().any(|name| name.trim().is_empty())
}

/// Checks the settings that say how the header is found.
///
/// # Errors
/// [`InvalidDialect`].
pub(crate) fn validate(dialect: &Dialect) -> Result<(), InvalidDialect> {
    HeaderLine::new(dialect).map(drop)
}

/// Moves the window to the header, past everything above it.
///
/// # Errors
/// [`InvalidHeader::NotFound`], [`InvalidHeader::OtherDelimiter`], [`InvalidHeader::SeveralSeparators`],
/// [`InvalidHeader::Endless`], [`Error::Dialect`]
/// and [`Error::Read`].
pub(crate) fn pass(
    window: &mut Window,
    dialect: &Dialect,
    syntax: Syntax,
    encoding: Encoding,
) -> Result<Preamble, Error> {
    let header = HeaderLine::new(dialect)?;
    let mut preamble = Preamble::default();
    pass_separator(window, dialect, syntax, &mut preamble)?;
    while preamble.lines < dialect.skip_lines {
        hold(window)?;
        let Some((content_end, end)) = line_at(window)? else { break };
        preamble.pass(window, content_end, end);
    }
    match header {
        HeaderLine::First => {}
        HeaderLine::Names(names) => {
            let delimiters = match syntax.delimiter.or(preamble.delimiter) {
                Some(delimiter) => vec![delimiter],
                None => DELIMITERS.to_vec(),
            };
            let mut scanners: Vec<Scanner> = delimiters
                .into_iter()
                .map(|delimiter| Scanner::new(syntax, delimiter, dialect.bare_quotes))
                .collect();
            search(window, &mut preamble, |window, _| {
                scanners.iter_mut().any(|scanner| has_names(window, scanner, &names, encoding))
            })?;
        }
        HeaderLine::Pattern(pattern) => {
            let mark = pass_to_match(window, &mut preamble, pattern, encoding)?;
            preamble.mark = Some(mark);
        }
    }
    Ok(preamble)
}

/// Moves the window to the header that matches a pattern.
///
/// # Errors
/// [`InvalidHeader::NotFound`], [`InvalidHeader::Endless`] and [`Error::Read`].
fn pass_to_match(
    window: &mut Window,
    preamble: &mut Preamble,
    pattern: Regex,
    encoding: Encoding,
) -> Result<HeaderMark, Error> {
    let mut start = 0;
    search(window, preamble, |window, content_end| {
        let line = &window.bytes()[window.start()..content_end];
        let found = group_start(&pattern, line, encoding);
        start = window.start() + found.unwrap_or_default();
        found.is_some()
    })?;
    window.advance(start);
    let header = line_at(window)?.map(|(end, _)| window.bytes()[start..end].to_vec());
    Ok(HeaderMark { pattern, header: header.unwrap_or_default() })
}

impl Preamble {
    /// Moves the window past a line.
    fn pass(&mut self, window: &mut Window, content_end: usize, end: usize) {
        if self.passed.len() < SEARCHED_LINES && content_end - window.start() < LONGEST_KEPT {
            self.passed.push(window.bytes()[window.start()..content_end].to_vec());
        }
        self.lines += 1;
        window.advance(end);
    }
}

impl HeaderMark {
    /// Whether a line or record, given without its line ending, is a header by the pattern.
    pub(crate) fn again(&self, line: &[u8], encoding: Encoding) -> Again {
        match group_start(&self.pattern, line, encoding) {
            None => Again::No,
            Some(start) if line[start..] == self.header => Again::Same,
            Some(_) => Again::Other,
        }
    }
}

/// Where in a line the header starts: at the pattern's group, or at the start of the line if it has no group.
fn group_start(pattern: &Regex, line: &[u8], encoding: Encoding) -> Option<usize> {
    let decoded = text(line, encoding);
    let captures = pattern.captures(&decoded)?;
    let start = captures.get(1).map_or(0, |group| group.start());
    // If bytes were decoded, each was one character.
    let before = &decoded[..start];
    Some(if decoded.len() == line.len() { start } else { count_characters(before) })
}

fn count_characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// Takes the line `sep=;`, with or without quotes around, if the file starts with it.
fn pass_separator(
    window: &mut Window,
    dialect: &Dialect,
    syntax: Syntax,
    preamble: &mut Preamble,
) -> Result<(), Error> {
    hold(window)?;
    let Some((content_end, end)) = end_of_line(window.bytes(), window.start(), window.is_at_end())
    else {
        return Ok(());
    };
    let line = &window.bytes()[window.start()..content_end];
    let line = line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(line);
    let Some(separator) = strip_ignoring_case(line, b"sep=") else { return Ok(()) };
    let &[named] = separator else {
        let is_passed = dialect.has_preamble() || dialect.names.is_some();
        return match !is_passed && are_separators(separator) {
            true => Err(InvalidHeader::SeveralSeparators.into()),
            false => Ok(()),
        };
    };
    if !syntax.may_be_delimiter(named) {
        return Ok(());
    }
    if let Some(given) = syntax.delimiter.filter(|given| *given != named) {
        let (named, given) = (char::from(named), char::from(given));
        return Err(InvalidHeader::OtherDelimiter { named, given }.into());
    }
    window.advance(end);
    if contradicts(window, named) {
        return Err(InvalidHeader::UncertainDelimiter.into());
    }
    preamble.delimiter = Some(named);
    preamble.lines = 1;
    Ok(())
}

/// Whether a text is several characters that may stand between fields, such as `||` or `\t`.
fn are_separators(text: &[u8]) -> bool {
    const LONGEST: usize = 8;
    (2..=LONGEST).contains(&text.len()) && !text[0].is_ascii_alphanumeric()
}

/// Whether the line at the window's start has another delimiter, and not this one.
fn contradicts(window: &Window, named: u8) -> bool {
    let rest = &window.bytes()[window.start()..];
    let end = rest.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(rest.len());
    !rest[..end].contains(&named) && DELIMITERS.iter().any(|other| rest[..end].contains(other))
}

fn strip_ignoring_case<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Moves the window to the first line for which `is_header` is true; it gets the window and the end of the line's
/// content.
///
/// # Errors
/// [`InvalidHeader::NotFound`].
fn search(
    window: &mut Window,
    preamble: &mut Preamble,
    mut is_header: impl FnMut(&Window, usize) -> bool,
) -> Result<(), Error> {
    for _ in 0..SEARCHED_LINES {
        hold(window)?;
        let Some((content_end, end)) = line_at(window)? else { break };
        if is_header(window, content_end) {
            return Ok(());
        }
        preamble.pass(window, content_end, end);
    }
    Err(InvalidHeader::NotFound.into())
}

/// Whether the record at the window's start has a field for each of the names.
fn has_names(window: &Window, scanner: &mut Scanner, names: &[String], encoding: Encoding) -> bool {
    let bytes = window.bytes();
    let Scanned::Record(extent) = scanner.scan(bytes, window.start(), window.is_at_end()) else {
        return false;
    };
    if extent.fault.is_some() {
        return false;
    }
    let fields = scanner.spans.iter().map(|span| {
        let value = text(&bytes[span.start..span.end], encoding);
        fold(&String::from_utf8_lossy(&value))
    });
    let found: Vec<String> = fields.collect();
    names.iter().all(|name| found.contains(name))
}

/// Fills the window with as much of the file as a header may need.
fn hold(window: &mut Window) -> Result<(), Error> {
    while window.bytes().len() - window.start() < HELD_BYTES && !window.is_at_end() {
        window.fill()?;
    }
    Ok(())
}

/// The end of the line at the window's start, without and with its line ending; `None` at the file's end.
///
/// # Errors
/// [`InvalidHeader::Endless`] for a line that is longer than a field may be.
fn line_at(window: &mut Window) -> Result<Option<(usize, usize)>, Error> {
    loop {
        let start = window.start();
        if window.is_at_end() && start == window.bytes().len() {
            return Ok(None);
        }
        if let Some(line) = end_of_line(window.bytes(), start, window.is_at_end()) {
            return Ok(Some(line));
        }
        if window.bytes().len() - start > MAX_FIELD_BYTES {
            return Err(InvalidHeader::Endless.into());
        }
        window.fill()?;
    }
}
