//! **Oddities** of files that were read: what no reject says, and a person should know.

use std::collections::BTreeMap;

use backfill_csv::{Dialect, Places, RepeatedHeader, Summary};

use super::{Error, Mirror, Note, around};
use crate::domain::{Dataset, Event, FileDate, Limits};
use crate::printable::bytes;
use crate::source::{Sizes, UnusualDay, unusual_days};
use crate::store::Store;

/// A day of fewer bytes than this is usual may be small by chance.
const FEWEST_BYTES: u64 = 1 << 10;

/// What is odd about files that were read, of a dataset whose days have these sizes. What staging knows of other days
/// is looked at if the files and the sizes do not tell by themselves.
///
/// # Errors
/// [`Error::Staging`].
pub async fn oddities(
    staging: &Store,
    dataset: &Dataset,
    mirror: &Mirror,
    sizes: &Sizes,
    limits: Limits,
) -> Result<Vec<Event>, Error> {
    let are_too_few = sizes.are_too_few(mirror.range);
    let others = match are_too_few || mirror.has_open_end() {
        true => around(staging, dataset, mirror.range, limits).await?,
        false => Vec::new(),
    };
    let found = match are_too_few {
        true => mirror.far_smaller(&others),
        false => sizes.unusual_days(mirror.range),
    };
    let mut oddities = mirror.oddities(&dataset.dialect, &others);
    oddities.extend(mirror.unusual_sizes(found));
    Ok(oddities)
}

impl Mirror {
    /// What is odd about the files, each kind once. `around` are files of other days that were read before.
    fn oddities(&self, dialect: &Dialect, around: &[(FileDate, Note)]) -> Vec<Event> {
        let empty = self.having(|summary| summary.records == 0);
        let of = self.files.len();
        let empty = empty.map(|(files, first)| Event::HeaderOnly { files, of, first });
        let (lines, _) = self.count(|summary| summary.lines_like_records);
        let alike = self.having(|summary| summary.lines_like_records > 0);
        let alike = alike.map(|(files, first)| Event::LinesLikeRecords { lines, files, first });
        let hidden = self.places(|summary| summary.lines_in_values);
        let hidden =
            hidden.map(|(lines, files, first)| Event::LinesInValues { lines, files, first });
        let behind = self.places(|summary| summary.quotes_behind_blanks);
        let behind =
            behind.map(|(values, files, first)| Event::QuotesBehindBlanks { values, files, first });
        let cut_off = self.cut_off(around);
        let repeated = self.repeated_headers(dialect);
        let all =
            [self.rejected(), self.skipped(), repeated, cut_off, empty, alike, hidden, behind];
        all.into_iter().flatten().collect()
    }

    /// Whether any file ends without a line ending.
    fn has_open_end(&self) -> bool {
        self.files.iter().any(|file| ends_without_line_end(&file.note.summary))
    }

    /// The days of the range that have far fewer bytes than is usual, decompressed, by files that were read before.
    fn far_smaller(&self, around: &[(FileDate, Note)]) -> Vec<UnusualDay> {
        let here = self.files.iter().map(|file| (file.file.date, file.note.summary.bytes));
        let others = around.iter().map(|(date, note)| (*date, note.summary.bytes));
        let mut days: BTreeMap<FileDate, u64> = BTreeMap::new();
        for (date, bytes) in here.chain(others) {
            *days.entry(date).or_default() += bytes;
        }
        unusual_days(&days, self.range)
    }

    /// What days that are unusual come to: those of files that were read and have far fewer bytes than is usual.
    fn unusual_sizes(&self, found: Vec<UnusualDay>) -> Vec<Event> {
        let is_read = |date| self.files.iter().any(|file| file.file.date == date);
        let found = found
            .into_iter()
            .filter(|found| found.is_less() && found.usual >= FEWEST_BYTES && is_read(found.date));
        let event = |UnusualDay { date, number, usual, beside }| {
            let beside = beside.to_string();
            Event::UnusualSize { date, size: bytes(number), usual: bytes(usual), beside }
        };
        found.map(event).collect()
    }

    fn rejected(&self) -> Option<Event> {
        let (records, files) = self.count(|summary| summary.rejected);
        (records > 0).then_some(Event::RecordsRejected { records, files })
    }

    /// Counts the records that the configuration leaves out: a pattern may match more than was meant.
    fn skipped(&self) -> Option<Event> {
        let (records, files) = self.count(|summary| summary.skipped_records);
        let most = self.files.iter().max_by_key(|file| file.note.summary.skipped_records)?;
        let most = (most.note.summary.skipped_records, most.file.key.clone());
        (records > 0).then_some(Event::RecordsSkipped { records, files, most })
    }

    /// Headers in the middle of files that are rows, or left out; those that are rejected are told as rejects.
    fn repeated_headers(&self, dialect: &Dialect) -> Option<Event> {
        let (records, files) = self.count(|summary| summary.repeated_headers);
        let is_told = dialect.repeated_header == RepeatedHeader::Reject;
        (records > 0 && !is_told).then_some(Event::HeadersRepeated { records, files })
    }

    /// Files whose last record has no line ending, unless most files are like that, those of other days included. If
    /// a file comes alone, nobody can tell.
    fn cut_off(&self, around: &[(FileDate, Note)]) -> Option<Event> {
        let (files, first) = self.having(ends_without_line_end)?;
        let others = around.iter().filter(|(_, note)| ends_without_line_end(&note.summary)).count();
        let of = self.files.len() + around.len();
        let is_alone = of == 1;
        let are_few = (files + others) * 2 <= of;
        (is_alone || are_few).then_some(Event::LastLineOpen { files, of, first })
    }

    /// The sum over all files, and how many of them add to it.
    fn count(&self, count: fn(&Summary) -> u64) -> (u64, usize) {
        let counts = || self.files.iter().map(|file| count(&file.note.summary));
        (counts().sum(), counts().filter(|count| *count > 0).count())
    }

    /// How many places all files have, how many files have some, and the first place; `None` if there is none.
    fn places(&self, places: fn(&Summary) -> Places) -> Option<(u64, usize, String)> {
        let found = self.files.iter().map(|file| (file, places(&file.note.summary)));
        let found: Vec<_> = found.filter(|(_, places)| !places.is_none()).collect();
        let (first, at) = found.first()?;
        let count = found.iter().map(|(_, places)| places.count).sum();
        Some((count, found.len(), format!("{}:{}", first.file.key, at.first_line)))
    }

    /// How many files are so, and the first; `None` if none is.
    fn having(&self, is: fn(&Summary) -> bool) -> Option<(usize, String)> {
        let mut found = self.files.iter().filter(|file| is(&file.note.summary));
        let first = found.next().map(|file| file.file.key.clone())?;
        Some((found.count() + 1, first))
    }
}

/// Whether the last record has no line ending.
fn ends_without_line_end(summary: &Summary) -> bool {
    summary.last_line_is_open && summary.records > 0
}
