//! The lines **around the table** of a file that the dialect does not describe yet: lines above the header, comments, a
//! line of units, totals at the end. They are found by their form and proposed as settings; the reader does not use
//! them.

use std::io::Read;

use regex::Regex;

use crate::Dialect;
use crate::closing::{LAST_RECORDS, Record, is_number};
use crate::dialect::{BareQuotes, DELIMITERS, Syntax};
use crate::encoding;
use crate::header::{Header, LastDelimiter};
use crate::records::{Scanned, Scanner, end_of_line};

/// How many bytes of a file are examined.
const LOOKED_AT: u64 = 1 << 20;
/// How many lines may stand above the header.
const LINES_ABOVE: usize = 100;
/// How many records are compared with the header.
const RECORDS: usize = 64;
/// How many names are proposed to find the header by.
const NAMES: usize = 3;

/// Settings of a dialect that keep the lines around a file's table out of its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// How many lines stand above the header.
    pub lines_above: usize,
    /// What the comments among them start with.
    pub comment: Option<String>,
    /// Names by which the header is found.
    pub header_names: Vec<String>,
    /// The pattern by which the header is found, if it is part of a comment.
    pub header_pattern: Option<String>,
    /// The names of the columns, if they stand in a comment with blanks between them.
    pub names: Vec<String>,
    /// The delimiter, if the reader cannot find it.
    pub delimiter: Option<char>,
    /// The line of units below the header, and its pattern.
    pub units: Option<Line>,
    /// The lines of totals, or the closing lines, at the file's end, and their patterns.
    pub last: Vec<Line>,
}

/// A line that is not a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub line: usize,
    /// The regular expression to skip it by.
    pub pattern: String,
}

impl Around {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The dialect with these settings.
    pub fn settle(&self, dialect: &Dialect) -> Dialect {
        let mut settled = dialect.clone();
        let patterns = self.units.iter().chain(&self.last);
        settled.skip_records.extend(patterns.map(|line| line.pattern.clone()));
        if self.comment.is_some() {
            settled.comment.clone_from(&self.comment);
        }
        if self.header_pattern.is_some() {
            settled.header_pattern.clone_from(&self.header_pattern);
        }
        if !self.header_names.is_empty() {
            settled.header_names.clone_from(&self.header_names);
        }
        if !self.names.is_empty() {
            settled.names = Some(self.names.clone());
        }
        settled.delimiter = settled.delimiter.or(self.delimiter);
        settled
    }
}

/// Looks at a file, decompressed, for lines around its table; `is_whole` says that `input` is all of it, and not only
/// its start. `None` if nothing is found that the dialect does not describe, if no table is found, or if the file
/// cannot be read.
pub fn around(input: Box<dyn Read + Send>, is_whole: bool, dialect: &Dialect) -> Option<Around> {
    let syntax = dialect.syntax().ok()?;
    let (start, rest) = encoding::start_of(input);
    let opened = encoding::open(start, rest, &dialect.encoding);
    let mut bytes = Vec::new();
    opened.input.take(LOOKED_AT).read_to_end(&mut bytes).ok()?;
    let text = match opened.given.decode(&bytes) {
        Some(text) => text,
        None => String::from_utf8_lossy(&bytes).into_owned(),
    };
    let is_whole = is_whole && (bytes.len() as u64) < LOOKED_AT;
    let lines = Lines::new(text.trim_start_matches('\u{feff}'), is_whole);
    let table = lines.table(syntax, dialect)?;
    let around = lines.around(&table, dialect);
    (!around.is_empty()).then_some(around)
}

/// The lines of a text.
struct Lines<'a> {
    text: &'a str,
    /// Where each line starts; a last line that is cut off is left out.
    starts: Vec<usize>,
    is_whole: bool,
}

/// A table in a text: its header, and some records.
struct Table {
    delimiter: u8,
    /// The line of the header, counted from 0; `None` if the line above the records is a comment that holds it.
    header: Option<usize>,
    names: Vec<String>,
    records: Vec<Record>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, is_whole: bool) -> Self {
        let mut starts = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let Some((_, end)) = end_of_line(text.as_bytes(), at, is_whole) else { break };
            starts.push(at);
            at = end;
        }
        Self { text, starts, is_whole }
    }

    fn line(&self, index: usize) -> &'a str {
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        self.text[self.starts[index]..end].trim_end_matches(['\r', '\n'])
    }

    /// The table that starts with the fewest lines above it.
    fn table(&self, syntax: Syntax, dialect: &Dialect) -> Option<Table> {
        let separator = self.separator();
        let delimiters = match syntax.delimiter.or(separator) {
            Some(given) => vec![given],
            None => DELIMITERS.to_vec(),
        };
        let lines = self.starts.len().min(LINES_ABOVE);
        let mut firsts =
            (usize::from(separator.is_some())..lines).filter(|index| !self.line(*index).is_empty());
        firsts.find_map(|first| {
            let tables = delimiters.iter().filter_map(|delimiter| {
                let scanner = Scanner::new(syntax, *delimiter, BareQuotes::Accept);
                self.table_at(first, scanner, *delimiter, dialect)
            });
            tables.max_by_key(|table| table.names.len())
        })
    }

    /// The delimiter that the first line names, as in `sep=;`.
    fn separator(&self) -> Option<u8> {
        let line = self.starts.first().map(|_| self.line(0))?.trim_matches('"').as_bytes();
        match line.split_at_checked(4) {
            Some((start, [named])) if start.eq_ignore_ascii_case(b"sep=") => Some(*named),
            _ => None,
        }
    }

    /// The table whose header is this line, or whose header is in the comment above it.
    fn table_at(
        &self,
        first: usize,
        mut scanner: Scanner,
        delimiter: u8,
        dialect: &Dialect,
    ) -> Option<Table> {
        let comment = self.comment_above(first);
        let records = self.records(first, &mut scanner, comment);
        let (header, below) = records.split_first()?;
        let width = header.fields.len();
        let names = Header::new(
            header.fields.clone(),
            dialect.unusable_names,
            &dialect.aliases,
            LastDelimiter::End,
        );
        let fitting = below.iter().filter(|record| record.fields.len() == width).count();
        if width < 2 || !are_nearly_all(fitting, below.len()) {
            return None;
        }
        if let Ok(header) = names {
            return Some(Table {
                delimiter,
                header: Some(first),
                names: header.names,
                records: records.into_iter().skip(1).collect(),
            });
        }
        let names = self.names_in_comment(first, comment?, delimiter, width)?;
        Some(Table { delimiter, header: None, names, records })
    }

    /// The records from a line on, comments left out.
    fn records(&self, first: usize, scanner: &mut Scanner, comment: Option<char>) -> Vec<Record> {
        let bytes = self.text.as_bytes();
        let mut position = self.starts[first];
        let mut records = Vec::new();
        while records.len() <= RECORDS {
            match scanner.scan(bytes, position, self.is_whole) {
                Scanned::Incomplete => break,
                Scanned::Blank { end } | Scanned::Comment { end } => position = end,
                Scanned::Record(extent) => {
                    let text = &self.text[position..extent.content_end];
                    if comment.is_none_or(|comment| !text.starts_with(comment)) {
                        records.push(self.record(position, text, scanner));
                    }
                    position = extent.end;
                }
            }
        }
        records
    }

    /// The record that starts at a position and was scanned last.
    fn record(&self, position: usize, text: &str, scanner: &Scanner) -> Record {
        let spans = scanner.spans.iter();
        Record {
            line: self.starts.partition_point(|start| *start <= position) - 1,
            text: text.to_owned(),
            fields: spans.map(|span| self.text[span.start..span.end].to_owned()).collect(),
        }
    }

    /// The character with which every line above this one starts, blank lines left out, if comments may start with
    /// it.
    fn comment_above(&self, first: usize) -> Option<char> {
        let mut above = (0..first).map(|index| self.line(index)).filter(|line| !line.is_empty());
        let start = above.next()?.chars().next()?;
        let is_comment =
            matches!(start, '#' | '%' | '!' | '*') && above.all(|line| line.starts_with(start));
        is_comment.then_some(start)
    }

    /// The names in the comment above a line, separated by the delimiter or by blanks, if there are `width` of them.
    fn names_in_comment(
        &self,
        first: usize,
        comment: char,
        delimiter: u8,
        width: usize,
    ) -> Option<Vec<String>> {
        let (_, names) = header_comment(self.line_above(first)?, comment)?;
        let delimited: Vec<&str> = names.split(char::from(delimiter)).collect();
        let apart: Vec<&str> = names.split_ascii_whitespace().collect();
        let found = [delimited, apart].into_iter().find(|names| names.len() == width)?;
        Some(found.into_iter().map(str::to_owned).collect())
    }

    /// The settings for the lines around a table that the dialect does not describe.
    fn around(&self, table: &Table, dialect: &Dialect) -> Around {
        let mut around = self.above(table, dialect);
        around.units = units(&table.records).filter(|line| !is_skipped(dialect, line));
        around.last = self.last(table);
        around.last.retain(|line| !is_skipped(dialect, line));
        around
    }

    /// The settings for the lines above a table, if the dialect has none for them.
    fn above(&self, table: &Table, dialect: &Dialect) -> Around {
        let above =
            table.header.unwrap_or_else(|| table.records.first().map_or(0, |record| record.line));
        if dialect.has_preamble() || !self.has_lines_above(above, dialect) {
            return Around::default();
        }
        let comment = self.comment_above(above).map(String::from);
        let mut around = Around { lines_above: above, ..Around::default() };
        match (&comment, table.header) {
            (Some(_), Some(_)) => {}
            (Some(comment), None) => {
                let delimiter = char::from(table.delimiter);
                let header = self.line_above(above);
                match header.is_some_and(|line| line.contains(delimiter)) {
                    true => around.header_pattern = self.pattern_of_comment(above, comment),
                    false => around.names.clone_from(&table.names),
                }
            }
            (None, _) => {
                around.header_names = table.names.iter().take(NAMES).cloned().collect();
            }
        }
        let is_comma = table.delimiter == DELIMITERS[0];
        if dialect.delimiter.is_none() && !is_comma && table.header.is_none() {
            around.delimiter = Some(char::from(table.delimiter));
        }
        Around { comment, ..around }
    }

    /// Whether a line above this one is neither blank, nor a comment of the dialect, nor `sep=;`.
    fn has_lines_above(&self, first: usize, dialect: &Dialect) -> bool {
        let is_separator = first == 1 && self.separator().is_some();
        let mut lines = (0..first).map(|index| self.line(index));
        !is_separator && lines.any(|line| !line.is_empty() && !is_comment(dialect, line))
    }

    /// The last line above another that is not empty.
    fn line_above(&self, first: usize) -> Option<&'a str> {
        (0..first).rev().map(|index| self.line(index)).find(|line| !line.is_empty())
    }

    fn pattern_of_comment(&self, first: usize, comment: &str) -> Option<String> {
        let (word, _) = header_comment(self.line_above(first)?, comment.chars().next()?)?;
        Some(format!("^{}(.*)", regex::escape(word)))
    }

    /// The last lines of the file that have another form than the records, if the whole file was examined.
    fn last(&self, table: &Table) -> Vec<Line> {
        if !self.is_whole || table.records.len() > RECORDS {
            return Vec::new();
        }
        let counts = 1..=LAST_RECORDS.min(table.records.len().saturating_sub(2));
        let ends = counts.rev().map(|count| table.records.split_at(table.records.len() - count));
        let mut found =
            ends.filter_map(|(others, last)| lines_of_their_own(last, others, table.names.len()));
        found.next().unwrap_or_default()
    }
}

/// Whether enough records are as wide as the header to be its records: nine of ten, or all but a last line of another
/// form.
fn are_nearly_all(fitting: usize, records: usize) -> bool {
    let is_most = fitting > 0 && fitting * 10 >= records * 9;
    is_most || (records > 1 && fitting + 1 == records)
}

/// The last lines, if each is unlike all others.
fn lines_of_their_own(last: &[Record], others: &[Record], width: usize) -> Option<Vec<Line>> {
    last.iter().map(|record| line_of_its_own(record, others, width)).collect()
}

/// A last line that is unlike all others, with a pattern that only it matches.
fn line_of_its_own(last: &Record, others: &[Record], width: usize) -> Option<Line> {
    let is_other = last.fields.len() != width
        || last.stands_out(others)
        || last.is_label(others)
        || last.is_named();
    let pattern = leading_text(&last.text)?;
    let matcher = Regex::new(&pattern).ok()?;
    let is_only = !others.iter().any(|record| matcher.is_match(&record.text));
    (is_other && is_only).then_some(Line { line: last.line + 1, pattern })
}

/// The part of a comment before the names that it holds (`#Fields: `), and the names; `None` if it holds none.
fn header_comment(line: &str, comment: char) -> Option<(&str, &str)> {
    let rest = line.strip_prefix(comment)?;
    let names = match rest.split_once(':') {
        Some((word, names)) if word.trim().chars().all(char::is_alphanumeric) => names,
        _ => rest,
    };
    let names = names.trim_start_matches(' ');
    let word = &line[..line.len() - names.len()];
    (!names.is_empty()).then_some((word, names))
}

/// The line of units below the header: it has text in columns of numbers.
fn units(records: &[Record]) -> Option<Line> {
    let (first, others) = records.split_first()?;
    if others.len() < 2 || !first.stands_out(others) {
        return None;
    }
    let is_unlike = others.iter().all(|record| record.text != first.text);
    let has_number = first.fields.iter().any(|field| is_number(field));
    let pattern = format!("^{}$", regex::escape(&first.text));
    (is_unlike && !has_number).then_some(Line { line: first.line + 1, pattern })
}

/// Makes a pattern for lines that start with the same text, up to the first digit or delimiter. The pattern includes this
/// digit or delimiter, and the delimiters of empty fields after it, so that a longer word does not match: `^Sum,` does not
/// match `Summers,`. `None` if the text has fewer than three characters.
fn leading_text(line: &str) -> Option<String> {
    let end = line.find(|c: char| c.is_ascii_digit() || is_delimiter(c));
    let (text, rest) = line.split_at(end.unwrap_or(line.len()));
    if text.chars().filter(|c| !matches!(c, '"' | ' ')).count() < 3 {
        return None;
    }
    let text = regex::escape(text);
    Some(match rest.chars().next() {
        None => format!("^{text}$"),
        Some(digit) if digit.is_ascii_digit() => format!(r"^{text}\d"),
        Some(delimiter) => {
            let empty = rest.chars().take_while(|c| *c == delimiter).count();
            let delimiter = regex::escape(&delimiter.to_string());
            format!("^{text}{}", delimiter.repeat(empty))
        }
    })
}

fn is_delimiter(c: char) -> bool {
    u8::try_from(c).is_ok_and(|byte| DELIMITERS.contains(&byte))
}

/// Whether a line starts as the dialect's comments do.
fn is_comment(dialect: &Dialect, line: &str) -> bool {
    dialect.comment.as_deref().is_some_and(|start| line.starts_with(start))
}

fn is_skipped(dialect: &Dialect, line: &Line) -> bool {
    dialect.skip_records.contains(&line.pattern)
}

#[cfg(test)]
mod tests;
