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

impl<'a> Reference<'a> {
    /// Of a file in this dialect.
    pub fn new(file: &'a [u8], dialect: &'a Dialect) -> Self {
        let delimiter = dialect.delimiter.expect("one is given") as u8;
        Self { file, delimiter, dialect, encoding: encoding(file, &dialect.encoding) }
    }

    fn at(&self, position: usize) -> Option<u8> {
        self.file.get(position).copied()
    }

    /// `None` where the header refuses the file.
    #[expect(clippy::too_many_lines, reason = "a reference is read from top to bottom")]
    pub fn read(&self) -> Option<Outcome> {
        let mut outcome = Outcome::default();
        let (mut position, mut line, mut row_id) = (0, 1, 0);
        while outcome.skipped_lines < self.dialect.skip_lines && position < self.file.len() {
            position = self.next_line(position);
            outcome.skipped_lines += 1;
        }
        while !self.dialect.header_names.is_empty() && !self.has_names(position) {
            if position == self.file.len() {
                return None;
            }
            position = self.next_line(position);
            outcome.skipped_lines += 1;
        }
        line += outcome.skipped_lines as i64;
        let mut header: Option<(Vec<Vec<u8>>, bool)> = None;
        while position < self.file.len() {
            if let Some(end) = self.line_end(position) {
                outcome.blank_lines += 1;
                (position, line) = (end, line + 1);
                continue;
            }
            if self.is_comment(position) {
                outcome.comment_lines += 1;
                (position, line) = (self.next_line(position), line + 1);
                continue;
            }
            let mut record = self.record(position);
            let Some((names, trailing)) = &header else {
                if record.fault.is_some() || record.fields.iter().flatten().any(|byte| *byte == 0) {
                    return None;
                }
                let trailing = record.fields.len() > 1 && record.fields.last()?.is_empty();
                record.fields.truncate(record.fields.len() - usize::from(trailing));
                header = Some((record.fields, trailing));
                (position, line) = (record.end, line + record.lines);
                continue;
            };
            if let Some((end, lines)) = self.skipped(position, &record) {
                outcome.skipped_records += 1;
                (position, line) = (end, line + lines);
                continue;
            }
            let raw = &self.file[position..record.content_end];
            let mut reason = self.fault(&record, raw, names, *trailing);
            if reason == Some(Reason::RepeatedHeader) {
                outcome.repeated_headers += 1;
                match self.dialect.repeated_header {
                    RepeatedHeader::Reject => {}
                    RepeatedHeader::Accept => reason = None,
                    RepeatedHeader::Skip => {
                        (position, line) = (record.end, line + record.lines);
                        continue;
                    }
                }
            }
            let Some(reason) = reason else {
                let is_empty = !raw.is_empty() && raw.iter().all(|byte| *byte == self.delimiter);
                outcome.empty_rows += u64::from(is_empty);
                outcome.records_with_nul += u64::from(raw.contains(&0));
                outcome.bare_quotes += record.bare_quotes;
                let fields = record.fields.iter().zip(&record.quoted).take(names.len());
                let values = fields.map(|(field, quoted)| self.value(field, *quoted));
                outcome.rows.push((row_id, line, values.collect()));
                (position, line, row_id) = (record.end, line + record.lines, row_id + 1);
                continue;
            };
            let (mut content_end, mut end) = (record.content_end, record.end);
            if let Some(sensible) = self.sensible_line(position, &record, names.len(), *trailing) {
                (content_end, end) = (sensible, sensible);
            }
            let raw = &self.file[position..content_end];
            let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
            outcome.rejects.push(Rejected {
                row_id,
                line,
                offset: position as i64,
                reason,
                found_fields: record.fields.len() as i64,
                raw: raw.strip_suffix(b"\r").unwrap_or(raw).to_vec(),
            });
            line += self.lines_in(position, end);
            (position, row_id) = (end, row_id + 1);
        }
        header.is_some().then_some(outcome)
    }

    fn is_comment(&self, position: usize) -> bool {
        let comment = self.dialect.comment.as_ref();
        comment.is_some_and(|comment| self.file[position..].starts_with(comment.as_bytes()))
    }

    /// Where the line behind the one at a position starts.
    fn next_line(&self, position: usize) -> usize {
        (position..self.file.len()).find_map(|at| self.line_end(at)).unwrap_or(self.file.len())
    }

    /// Whether the record at a position has a field `n0`, in any case and with any blanks around.
    fn has_names(&self, position: usize) -> bool {
        if position == self.file.len() || self.line_end(position).is_some() {
            return false;
        }
        let record = self.record(position);
        let is_name = |field: &Vec<u8>| field.trim_ascii().eq_ignore_ascii_case(b"n0");
        record.fault.is_none() && record.fields.iter().any(is_name)
    }

    /// Where a record that is `~` and any number of `t` ends, and how many lines it has.
    fn skipped(&self, position: usize, record: &Record) -> Option<(usize, i64)> {
        if self.dialect.skip_records.is_empty() {
            return None;
        }
        let unbalanced = [Some(Reason::UnterminatedQuote), Some(Reason::TextAfterQuote)];
        let (end, lines) = match unbalanced.contains(&record.fault) {
            true => (self.next_line(position), 1),
            false => (record.end, record.lines),
        };
        let text =
            self.file[position..end].strip_suffix(b"\n").unwrap_or(&self.file[position..end]);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let matches = text.first() == Some(&b'~') && text[1..].iter().all(|byte| *byte == b't');
        matches.then_some((end, lines))
    }

    fn fault(
        &self,
        record: &Record,
        raw: &[u8],
        names: &[Vec<u8>],
        trailing: bool,
    ) -> Option<Reason> {
        let is_utf8 = self.encoding != Encoding::Utf8 || std::str::from_utf8(raw).is_ok();
        let is_other = |field: &Vec<u8>| {
            self.encoding != Encoding::Utf8
                && !field.is_ascii()
                && std::str::from_utf8(field).is_ok()
        };
        let is_header = self.is_header(&record.fields, names);
        record.fault.or(self.width_fault(record, names.len(), trailing)).or(if !is_utf8 {
            Some(Reason::Encoding)
        } else if record.fields.iter().any(is_other) {
            Some(Reason::OtherEncoding)
        } else if self.dialect.nul == Nul::Reject && raw.contains(&0) {
            Some(Reason::Nul)
        } else if is_header {
            Some(Reason::RepeatedHeader)
        } else if self.encoding == Encoding::Utf8 && raw.starts_with(b"\xef\xbb\xbf") {
            Some(Reason::ByteOrderMark)
        } else {
            None
        })
    }

    /// Whether fields are the header's names, as written or, where there are several, nearly so.
    fn is_header(&self, fields: &[Vec<u8>], names: &[Vec<u8>]) -> bool {
        let folded = |field: &Vec<u8>| {
            let text = std::str::from_utf8(field).ok()?;
            let text = text.trim_start_matches('\u{feff}');
            Some(if names.len() > 1 { text.trim().to_lowercase() } else { text.to_owned() })
        };
        let fields = fields.iter().take(names.len());
        fields
            .zip(names)
            .all(|(field, name)| folded(field).is_some_and(|f| Some(f) == folded(name)))
    }

    fn width_fault(&self, record: &Record, width: usize, trailing: bool) -> Option<Reason> {
        let found = record.fields.len();
        let ends_empty = record.fields.last().is_some_and(Vec::is_empty);
        if found < width {
            Some(Reason::TooFewFields)
        } else if found > width && !(trailing && found == width + 1 && ends_empty) {
            Some(Reason::TooManyFields)
        } else {
            None
        }
    }

    /// The line inside a record of unbalanced quotes from which all lines are records by themselves,
    /// none with a quote in an unquoted field; after a line that is not, the search starts again.
    fn sensible_line(
        &self,
        start: usize,
        record: &Record,
        width: usize,
        trailing: bool,
    ) -> Option<usize> {
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
                    && self.width_fault(&inner, width, trailing).is_none();
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

    fn lines_in(&self, start: usize, end: usize) -> i64 {
        let ends = |at: &usize| match self.at(*at) {
            Some(b'\n') => true,
            Some(b'\r') => *at + 1 == end || self.at(*at + 1) != Some(b'\n'),
            _ => false,
        };
        (start..end).filter(ends).count() as i64
    }

    /// One past the line ending at a position, where one is.
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

    /// The value of a field; `None` where it stands for NULL.
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
