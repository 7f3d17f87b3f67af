//! The **reference**: a reader that is slow and obvious.

use backfill_csv::{
    BareQuotes, BlanksAfterDelimiter, Dialect, Encoding, Encodings, Nul, Reason, RepeatedHeader,
};

use super::{Outcome, Rejected};

/// Reads a whole file byte by byte, and looks at everything as often as it likes.
pub struct Reference<'a> {
    file: &'a [u8],
    delimiter: u8,
    dialect: &'a Dialect,
    encoding: Encoding,
}

/// A record as it stands in the file.
struct Record {
    fields: Vec<Vec<u8>>,
    /// Whether each field is quoted.
    quoted: Vec<bool>,
    content_end: usize,
    end: usize,
    /// Physical lines, at least 1.
    lines: i64,
    bare_quotes: u64,
    fault: Option<Reason>,
}

/// How far a file is read, and what was found.
#[derive(Default)]
struct Walk {
    position: usize,
    line: i64,
    row_id: i64,
    outcome: Outcome,
}

impl Walk {
    /// Goes to a position that is some lines further.
    fn go_to(&mut self, position: usize, lines: i64) {
        self.position = position;
        self.line += lines;
    }
}

/// The header of a file.
struct Header {
    names: Vec<Vec<u8>>,
    /// Whether it ends in a delimiter, so that records may too.
    has_trailing_delimiter: bool,
}

impl Header {
    /// Takes the first record as the header; `None` if it refuses the file.
    fn new(record: Record) -> Option<Self> {
        if record.fault.is_some() || record.fields.iter().flatten().any(|byte| *byte == 0) {
            return None;
        }
        let mut names = record.fields;
        let has_trailing_delimiter = names.len() > 1 && names.last()?.is_empty();
        names.truncate(names.len() - usize::from(has_trailing_delimiter));
        Some(Self { names, has_trailing_delimiter })
    }

    /// Whether a record has another width.
    fn width_fault(&self, record: &Record) -> Option<Reason> {
        let (width, found) = (self.names.len(), record.fields.len());
        let ends_empty = record.fields.last().is_some_and(Vec::is_empty);
        let may_be_wider = self.has_trailing_delimiter && found == width + 1 && ends_empty;
        if found < width {
            Some(Reason::TooFewFields)
        } else if found > width && !may_be_wider {
            Some(Reason::TooManyFields)
        } else {
            None
        }
    }
}

impl<'a> Reference<'a> {
    /// Of a file in this dialect.
    pub fn new(file: &'a [u8], dialect: &'a Dialect) -> Self {
        let delimiter = dialect.delimiter.expect("one is given") as u8;
        Self { file, delimiter, dialect, encoding: encoding(file, &dialect.encoding) }
    }

    fn at(&self, position: usize) -> Option<u8> {
        self.file.get(position).copied()
    }

    /// Reads the file; `None` if its header refuses it.
    pub fn read(&self) -> Option<Outcome> {
        let mut walk = Walk { line: 1, ..Walk::default() };
        self.pass_preamble(&mut walk)?;
        let mut header = None;
        while walk.position < self.file.len() {
            if let Some(end) = self.line_end(walk.position) {
                walk.outcome.blank_lines += 1;
                walk.go_to(end, 1);
            } else if self.is_comment(walk.position) {
                walk.outcome.comment_lines += 1;
                walk.go_to(self.next_line(walk.position), 1);
            } else {
                let record = self.record(walk.position);
                match &header {
                    None => {
                        walk.go_to(record.end, record.lines);
                        header = Some(Header::new(record)?);
                    }
                    Some(header) => self.take(&mut walk, &record, header),
                }
            }
        }
        header.is_some().then_some(walk.outcome)
    }

    /// Goes to the header; `None` if there is none.
    fn pass_preamble(&self, walk: &mut Walk) -> Option<()> {
        while walk.outcome.skipped_lines < self.dialect.skip_lines
            && walk.position < self.file.len()
        {
            walk.go_to(self.next_line(walk.position), 1);
            walk.outcome.skipped_lines += 1;
        }
        while !self.dialect.header_names.is_empty() && !self.has_names(walk.position) {
            if walk.position == self.file.len() {
                return None;
            }
            walk.go_to(self.next_line(walk.position), 1);
            walk.outcome.skipped_lines += 1;
        }
        Some(())
    }

    /// Accepts, rejects or skips the record at the walk's position.
    fn take(&self, walk: &mut Walk, record: &Record, header: &Header) {
        if let Some((end, lines)) = self.skipped(walk.position, record) {
            walk.outcome.skipped_records += 1;
            return walk.go_to(end, lines);
        }
        let raw = &self.file[walk.position..record.content_end];
        let mut reason = self.fault(record, raw, header);
        if reason == Some(Reason::RepeatedHeader) {
            walk.outcome.repeated_headers += 1;
            match self.dialect.repeated_header {
                RepeatedHeader::Reject => {}
                RepeatedHeader::Accept => reason = None,
                RepeatedHeader::Skip => return walk.go_to(record.end, record.lines),
            }
        }
        match reason {
            None => self.accept(walk, record, raw, header),
            Some(reason) => self.reject(walk, record, header, reason),
        }
        walk.row_id += 1;
    }

    fn accept(&self, walk: &mut Walk, record: &Record, raw: &[u8], header: &Header) {
        let is_empty = !raw.is_empty() && raw.iter().all(|byte| *byte == self.delimiter);
        walk.outcome.empty_rows += u64::from(is_empty);
        walk.outcome.records_with_nul += u64::from(raw.contains(&0));
        walk.outcome.bare_quotes += record.bare_quotes;
        let fields = record.fields.iter().zip(&record.quoted).take(header.names.len());
        let values = fields.map(|(field, quoted)| self.value(field, *quoted));
        walk.outcome.rows.push((walk.row_id, walk.line, values.collect()));
        walk.go_to(record.end, record.lines);
    }

    fn reject(&self, walk: &mut Walk, record: &Record, header: &Header, reason: Reason) {
        let start = walk.position;
        let (content_end, end) = match self.sensible_line(start, record, header) {
            Some(sensible) => (sensible, sensible),
            None => (record.content_end, record.end),
        };
        walk.outcome.rejects.push(Rejected {
            row_id: walk.row_id,
            line: walk.line,
            offset: start as i64,
            reason,
            found_fields: record.fields.len() as i64,
            raw: without_line_end(&self.file[start..content_end]).to_vec(),
        });
        walk.go_to(end, self.lines_in(start, end));
    }

    fn is_comment(&self, position: usize) -> bool {
        let comment = self.dialect.comment.as_ref();
        comment.is_some_and(|comment| self.file[position..].starts_with(comment.as_bytes()))
    }

    /// The start of the line after the one at a position.
    fn next_line(&self, position: usize) -> usize {
        (position..self.file.len()).find_map(|at| self.line_end(at)).unwrap_or(self.file.len())
    }

    /// Whether the record at a position has a field `n0`, in any case and with any blanks around.
    fn has_names(&self, position: usize) -> bool {
        if position == self.file.len() || self.line_end(position).is_some() {
            return false;
        }
        let record = self.record(position);
        let mut names = record.fields.iter().map(|field| field.trim_ascii());
        record.fault.is_none() && names.any(|name| name.eq_ignore_ascii_case(b"n0"))
    }

    /// The end and the number of lines of a record that is `~` and any number of `t`.
    fn skipped(&self, position: usize, record: &Record) -> Option<(usize, i64)> {
        if self.dialect.skip_records.is_empty() {
            return None;
        }
        let unbalanced = [Some(Reason::UnterminatedQuote), Some(Reason::TextAfterQuote)];
        let (end, lines) = match unbalanced.contains(&record.fault) {
            true => (self.next_line(position), 1),
            false => (record.end, record.lines),
        };
        let text = without_line_end(&self.file[position..end]);
        let matches = text.first() == Some(&b'~') && text[1..].iter().all(|byte| *byte == b't');
        matches.then_some((end, lines))
    }

    fn fault(&self, record: &Record, raw: &[u8], header: &Header) -> Option<Reason> {
        let is_utf8 = self.encoding != Encoding::Utf8 || std::str::from_utf8(raw).is_ok();
        let shape = record.fault.or(header.width_fault(record));
        if shape.is_some() {
            shape
        } else if !is_utf8 {
            Some(Reason::Encoding)
        } else if record.fields.iter().any(|field| self.is_of_other_encoding(field)) {
            Some(Reason::OtherEncoding)
        } else if self.dialect.nul == Nul::Reject && raw.contains(&0) {
            Some(Reason::Nul)
        } else if is_header(&record.fields, &header.names) {
            Some(Reason::RepeatedHeader)
        } else if self.encoding == Encoding::Utf8 && raw.starts_with(b"\xef\xbb\xbf") {
            Some(Reason::ByteOrderMark)
        } else {
            None
        }
    }

    /// Whether a field is UTF-8 beyond ASCII, in a file of another encoding.
    fn is_of_other_encoding(&self, field: &[u8]) -> bool {
        self.encoding != Encoding::Utf8 && !field.is_ascii() && std::str::from_utf8(field).is_ok()
    }

    /// The line inside a record of unbalanced quotes from which all lines are records by themselves,
    /// none with a quote in an unquoted field; after a line that is not, the search starts again.
    fn sensible_line(&self, start: usize, record: &Record, header: &Header) -> Option<usize> {
        let unbalanced = [Some(Reason::UnterminatedQuote), Some(Reason::TextAfterQuote)];
        if !unbalanced.contains(&record.fault) {
            return None;
        }
        let mut position = start;
        while let Some(line) = (position + 1..record.end).find(|at| self.starts_line(*at)) {
            let (mut at, mut found) = (line, None);
            while at < record.end {
                if let Some(end) = self.line_end(at) {
                    at = end;
                    continue;
                }
                if self.is_comment(at) {
                    at = self.next_line(at);
                    continue;
                }
                let inner = self.record(at);
                let is_whole = inner.fault.is_none()
                    && inner.bare_quotes == 0
                    && header.width_fault(&inner).is_none();
                if !is_whole {
                    break;
                }
                found = found.or(Some(at));
                at = inner.end;
            }
            if at >= record.end {
                return found;
            }
            position = at;
        }
        None
    }

    /// Whether a line ending stands before a position, and the position does not stand inside it.
    fn starts_line(&self, position: usize) -> bool {
        match self.at(position - 1) {
            Some(b'\n') => true,
            Some(b'\r') => self.at(position) != Some(b'\n'),
            _ => false,
        }
    }

    /// How many lines end between two positions; a CRLF that is cut ends one, too.
    fn lines_in(&self, start: usize, end: usize) -> i64 {
        let mut lines = 0;
        for at in start..end {
            let is_crlf = at + 1 < end && self.at(at + 1) == Some(b'\n');
            lines += match self.at(at) {
                Some(b'\n') => 1,
                Some(b'\r') if !is_crlf => 1,
                _ => 0,
            };
        }
        lines
    }

    /// One past the line ending at a position, if there is one.
    fn line_end(&self, position: usize) -> Option<usize> {
        match (self.at(position)?, self.at(position + 1)) {
            (b'\r', Some(b'\n')) => Some(position + 2),
            (b'\r' | b'\n', _) => Some(position + 1),
            _ => None,
        }
    }

    fn record(&self, start: usize) -> Record {
        let quote = self.dialect.quote.map(|quote| quote as u8);
        let skips = self.dialect.blanks_after_delimiter == BlanksAfterDelimiter::Skip;
        let (mut fields, mut lines, mut bare_quotes, mut position) = (Vec::new(), 1, 0, start);
        let mut quoted = Vec::new();
        let mut odd_fields = 0;
        loop {
            let mut fault = None;
            quoted.push(quote.is_some() && self.at(position) == quote);
            if quote.is_some() && self.at(position) == quote {
                let Some((value, end)) = self.quoted(position + 1) else {
                    let end = self.file.len();
                    let fault = Some(Reason::UnterminatedQuote);
                    return Record {
                        fields,
                        quoted,
                        content_end: end,
                        end,
                        lines,
                        bare_quotes,
                        fault,
                    };
                };
                lines += self.lines_in(position + 1, end);
                fields.push(value);
                position = end + 1;
                let ends = self.at(position).is_none_or(|byte| byte == self.delimiter);
                if !ends && self.line_end(position).is_none() {
                    fault = Some(Reason::TextAfterQuote);
                    while self.at(position).is_some() && self.line_end(position).is_none() {
                        position += 1;
                    }
                }
            } else {
                let from = position;
                while self.at(position).is_some_and(|byte| byte != self.delimiter)
                    && self.line_end(position).is_none()
                {
                    position += 1;
                }
                let value = self.file[from..position].to_vec();
                let quotes = value.iter().filter(|byte| Some(**byte) == quote).count();
                bare_quotes += u64::from(quotes > 0);
                odd_fields += quotes % 2;
                fields.push(value);
            }
            if fault.is_none() && self.at(position) == Some(self.delimiter) {
                position += 1;
                while skips && self.at(position) == Some(b' ') {
                    position += 1;
                }
                continue;
            }
            let rejects_bare = self.dialect.bare_quotes == BareQuotes::Reject && bare_quotes > 0;
            fault = fault.or(rejects_bare.then_some(Reason::BareQuote));
            fault = fault.or((odd_fields > 1).then_some(Reason::LostDelimiter));
            let end = self.line_end(position).unwrap_or(position);
            return Record {
                fields,
                quoted,
                content_end: position,
                end,
                lines,
                bare_quotes,
                fault,
            };
        }
    }

    /// The value of a quoted field and the position of its closing quote.
    fn quoted(&self, start: usize) -> Option<(Vec<u8>, usize)> {
        let quote = self.dialect.quote? as u8;
        let escape = self.dialect.escape.map(|escape| escape as u8).filter(|byte| *byte != quote);
        let (mut value, mut position) = (Vec::new(), start);
        loop {
            let byte = self.at(position)?;
            let next = self.at(position + 1);
            if Some(byte) == escape || (byte == quote && next == Some(quote)) {
                value.push(next?);
                position += 2;
            } else if byte == quote {
                return Some((value, position));
            } else {
                if !(byte == b'\r' && next == Some(b'\n')) {
                    value.push(byte);
                }
                position += 1;
            }
        }
    }

    /// The value of a field; `None` if it stands for NULL.
    fn value(&self, field: &[u8], quoted: bool) -> Option<String> {
        let text = self.text(field);
        let is_null = !quoted && self.dialect.null_values.contains(&text);
        (!is_null).then_some(text)
    }

    fn text(&self, field: &[u8]) -> String {
        let bytes = field.iter().copied().filter(|byte| *byte != 0);
        match self.encoding {
            // The only byte beyond ASCII in other files than UTF-8 is the é, or both bytes of it as UTF-8.
            Encoding::Windows1252 | Encoding::Latin1 => bytes.map(char::from).collect(),
            _ => String::from_utf8(bytes.collect()).expect("the record is UTF-8"),
        }
    }
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// Whether fields are the header's names, as written or, if there are several, nearly so.
fn is_header(fields: &[Vec<u8>], names: &[Vec<u8>]) -> bool {
    let is_exact = names.len() < 2;
    let mut pairs = fields.iter().zip(names);
    pairs.all(|(field, name)| {
        let found = folded(field, is_exact);
        found.is_some() && found == folded(name, is_exact)
    })
}

/// A name as it is compared: without byte order marks, and unless it `is_exact`, without blanks around it and in lower
/// case. `None` for bytes that are not text.
fn folded(name: &[u8], is_exact: bool) -> Option<String> {
    let text = std::str::from_utf8(name).ok()?.trim_start_matches('\u{feff}');
    Some(if is_exact { text.to_owned() } else { text.trim().to_lowercase() })
}

/// The encoding of a file of less than 64 KiB: UTF-8 if half of the lines beyond ASCII are.
fn encoding(file: &[u8], encodings: &Encodings) -> Encoding {
    let lines = file.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_ascii());
    let (utf8, other): (Vec<&[u8]>, Vec<&[u8]>) =
        lines.partition(|line| std::str::from_utf8(line).is_ok());
    let narrow = encodings.list().iter().find(|encoding| **encoding != Encoding::Utf8);
    match narrow {
        Some(narrow) if other.len() > utf8.len() => *narrow,
        _ => Encoding::Utf8,
    }
}
