//! **Oddities** of files that were read: what no reject says, and a person should know.

use backfill_csv::{Dialect, RepeatedHeader, Summary};

use super::Mirror;
use crate::domain::Event;

impl Mirror {
    /// What is odd about the files, each kind once.
    pub fn oddities(&self, dialect: &Dialect) -> Vec<Event> {
        let cut_off = self.exception(ends_without_line_end);
        let cut_off = cut_off.map(|(files, of, first)| Event::LastLineOpen { files, of, first });
        let empty = self.having(|summary| summary.records == 0);
        let of = self.files.len();
        let empty = empty.map(|(files, first)| Event::HeaderOnly { files, of, first });
        let (lines, _) = self.count(|summary| summary.lines_like_records);
        let alike = self.having(|summary| summary.lines_like_records > 0);
        let alike = alike.map(|(files, first)| Event::LinesLikeRecords { lines, files, first });
        let all = [self.rejected(), self.repeated_headers(dialect), cut_off, empty, alike];
        all.into_iter().flatten().collect()
    }

    fn rejected(&self) -> Option<Event> {
        let (records, files) = self.count(|summary| summary.rejected);
        (records > 0).then_some(Event::RecordsRejected { records, files })
    }

    /// Headers in the middle of files that are rows, or left out; those that are rejected are told as rejects.
    fn repeated_headers(&self, dialect: &Dialect) -> Option<Event> {
        let (records, files) = self.count(|summary| summary.repeated_headers);
        let is_told = dialect.repeated_header == RepeatedHeader::Reject;
        (records > 0 && !is_told).then_some(Event::HeadersRepeated { records, files })
    }

    /// The sum over all files, and how many of them add to it.
    fn count(&self, count: fn(&Summary) -> u64) -> (u64, usize) {
        let counts = || self.files.iter().map(|file| count(&file.note.summary));
        (counts().sum(), counts().filter(|count| *count > 0).count())
    }

    /// How many files are so, and the first; `None` if none is.
    fn having(&self, is: fn(&Summary) -> bool) -> Option<(usize, String)> {
        let mut found = self.files.iter().filter(|file| is(&file.note.summary));
        let first = found.next().map(|file| file.file.key.clone())?;
        Some((found.count() + 1, first))
    }

    /// How many files are so, of how many, and the first, if most are not.
    fn exception(&self, is: fn(&Summary) -> bool) -> Option<(usize, usize, String)> {
        let (files, first) = self.having(is)?;
        let of = self.files.len();
        (files * 2 < of).then_some((files, of, first))
    }
}

/// Whether the last record has no line ending.
fn ends_without_line_end(summary: &Summary) -> bool {
    summary.last_line_is_open && summary.records > 0
}
