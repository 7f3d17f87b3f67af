//! **Oddities** are what a person should know of files that were read, besides their rejects.

use std::collections::BTreeMap;

use backfill_csv::{Dialect, Places, RepeatedHeader, Summary};

use super::{Error, Mirror, Note, around};
use crate::domain::{Dataset, Event, FileDate, Limits};
use crate::printable::bytes;
use crate::source::{Sizes, UnusualDay, unusual_days};
use crate::store::Store;

/// If fewer bytes than this are usual, a day may be smaller by chance.
const FEWEST_BYTES: u64 = 1 << 10;

/// Returns what is odd about files that were read, of a dataset whose days have these sizes. If the files and the
/// sizes are not enough to know, what staging has of other days is looked at, too.
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
    /// Returns what is odd about the files, each kind once. `around` are files of other days that were read before.
    fn oddities(&self, dialect: &Dialect, around: &[(FileDate, Note)]) -> Vec<Event> {
        let all = [
            self.rejected(),
            self.skipped(),
            self.repeated_headers(dialect),
            self.cut_off(around),
            self.empty(),
            self.closing_records(),
            self.lines_like_records(),
            self.lines_in_values(),
            self.quotes_behind_blanks(),
        ];
        all.into_iter().flatten().collect()
    }

    /// Whether any file ends without a line ending.
    fn has_open_end(&self) -> bool {
        self.files.iter().any(|file| ends_without_line_end(&file.note.summary))
    }

    /// Returns the days of the range that have an unusual number of bytes, decompressed, compared with files that
    /// were read before.
    fn far_smaller(&self, around: &[(FileDate, Note)]) -> Vec<UnusualDay> {
        let here = self.files.iter().map(|file| (file.file.date, file.note.summary.bytes));
        let others = around.iter().map(|(date, note)| (*date, note.summary.bytes));
        let mut days: BTreeMap<FileDate, u64> = BTreeMap::new();
        for (date, bytes) in here.chain(others) {
            *days.entry(date).or_default() += bytes;
        }
        unusual_days(&days, self.range)
    }

    /// Reports the unusual days that have far fewer bytes than is usual, as far as a file of them was read.
    fn unusual_sizes(&self, found: Vec<UnusualDay>) -> Vec<Event> {
        let small = found.into_iter().filter(|day| day.is_less() && day.usual >= FEWEST_BYTES);
        let read = small.filter(|day| self.files.iter().any(|file| file.file.date == day.date));
        read.map(|UnusualDay { date, number, usual, beside }| Event::UnusualSize {
            date,
            size: bytes(number),
            usual: bytes(usual),
            beside: beside.to_string(),
        })
        .collect()
    }

    /// Reports files without a record.
    fn empty(&self) -> Option<Event> {
        let (files, first) = self.having(|summary| summary.records == 0)?;
        Some(Event::HeaderOnly { files, of: self.files.len(), first })
    }

    fn closing_records(&self) -> Option<Event> {
        let (records, files, first) = self.places(|summary| summary.closing_records)?;
        Some(Event::ClosingRecords { records, files, first })
    }

    fn lines_like_records(&self) -> Option<Event> {
        let (lines, _) = self.count(|summary| summary.lines_like_records);
        let (files, first) = self.having(|summary| summary.lines_like_records > 0)?;
        Some(Event::LinesLikeRecords { lines, files, first })
    }

    fn lines_in_values(&self) -> Option<Event> {
        let (lines, files, first) = self.places(|summary| summary.lines_in_values)?;
        Some(Event::LinesInValues { lines, files, first })
    }

    fn quotes_behind_blanks(&self) -> Option<Event> {
        let (values, files, first) = self.places(|summary| summary.quotes_behind_blanks)?;
        Some(Event::QuotesBehindBlanks { values, files, first })
    }

    fn rejected(&self) -> Option<Event> {
        let (records, files) = self.count(|summary| summary.rejected);
        (records > 0).then_some(Event::RecordsRejected { records, files })
    }

    /// Counts the records that the configuration leaves out: a pattern may match more than was meant.
    fn skipped(&self) -> Option<Event> {
        let (records, files) = self.count(|summary| summary.skipped_records);
        let with_most = self.files.iter().max_by_key(|file| file.note.summary.skipped_records)?;
        let most = (with_most.note.summary.skipped_records, with_most.file.key.clone());
        (records > 0).then_some(Event::RecordsSkipped { records, files, most })
    }

    /// Counts the headers in the middle of files that are read as rows, or left out. Those that are rejected are
    /// reported as rejects.
    fn repeated_headers(&self, dialect: &Dialect) -> Option<Event> {
        let (records, files) = self.count(|summary| summary.repeated_headers);
        let are_rejects = dialect.repeated_header == RepeatedHeader::Reject;
        (records > 0 && !are_rejects).then_some(Event::HeadersRepeated { records, files })
    }

    /// Reports files whose last record has no line ending, unless most files are like that, those of other days
    /// included. A single file is always reported: there is nothing to compare it with.
    fn cut_off(&self, around: &[(FileDate, Note)]) -> Option<Event> {
        let (files, first) = self.having(ends_without_line_end)?;
        let others = around.iter().filter(|(_, note)| ends_without_line_end(&note.summary)).count();
        let of = self.files.len() + around.len();
        let is_alone = of == 1;
        let are_few = (files + others) * 2 <= of;
        (is_alone || are_few).then_some(Event::LastLineOpen { files, of, first })
    }

    /// Returns the sum over all files, and how many of them add to it.
    fn count(&self, count: fn(&Summary) -> u64) -> (u64, usize) {
        let counts: Vec<u64> = self.files.iter().map(|file| count(&file.note.summary)).collect();
        (counts.iter().sum(), counts.iter().filter(|count| **count > 0).count())
    }

    /// Returns how many places all files have, how many files have some, and the first place; `None` if there is
    /// none.
    fn places(&self, places: fn(&Summary) -> Places) -> Option<(u64, usize, String)> {
        let found = self.files.iter().map(|file| (file, places(&file.note.summary)));
        let found: Vec<_> = found.filter(|(_, places)| !places.is_none()).collect();
        let (first, at) = found.first()?;
        let count = found.iter().map(|(_, places)| places.count).sum();
        Some((count, found.len(), format!("{}:{}", first.file.key, at.first_line)))
    }

    /// Returns how many files meet a condition, and the first of them; `None` if none does.
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
