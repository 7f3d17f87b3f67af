//! The **plan**: which files there will be, with which rows and quirks.
//!
//! The plan is small and made at once; each of its files can then be written independently, in any order, on any
//! thread. A day's own rows are numbered from 0. A row that is sent again has the day and number of its first time.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use chrono::{Datelike, Days, NaiveDate};

use crate::quirks::{DayQuirks, Quirk};
use crate::random::Random;
use crate::stream::{Position, Purpose, Stream};
use crate::{Error, Options};

/// A row is sent again up to this many days after its first time.
const RESEND_DAYS: u32 = 5;

/// The largest prime below 2^32. Steps of this size visit every row once before any row is repeated.
const STRIDE: u64 = 4_294_967_291;

/// The files to write.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) files: Vec<FilePlan>,
    /// The days without a file, with their prefix.
    pub(super) missing_days: Vec<(String, NaiveDate)>,
}

/// One file to write.
#[derive(Debug)]
pub(super) struct FilePlan {
    pub(super) path: PathBuf,
    pub(super) stream: Stream,
    pub(super) day: NaiveDate,
    /// The numbers of the rows that this file is the first to send.
    pub(super) own: Range<u32>,
    pub(super) resends: Resends,
    pub(super) quirks: Vec<Quirk>,
}

/// The rows that a file sends again.
#[derive(Debug, Default)]
pub(super) struct Resends {
    pub(super) count: u32,
    offset: u64,
    /// The days they come from: the day, how many days ago it was, its number of own rows.
    days: Vec<(NaiveDate, u32, u32)>,
}

impl FilePlan {
    /// The number of rows of the file, without bad records.
    pub(super) fn rows(&self) -> u32 {
        self.own.len() as u32 + self.resends.count
    }

    /// Returns the row at a place in the file. Rows that are sent again are spread evenly over the file.
    pub(super) fn position(&self, place: u32) -> Position {
        let (count, rows) = (u64::from(self.resends.count), u64::from(self.rows()));
        let before = u64::from(place) * count / rows;
        if (u64::from(place) + 1) * count / rows > before {
            return self.resends.position(before);
        }
        let index = self.own.start + (u64::from(place) - before) as u32;
        Position { day: self.day, index, revision: 0 }
    }
}

impl Resends {
    /// Chooses `count` rows of the last days of `own_rows`, if these have any.
    fn draw(count: u32, own_rows: &[(NaiveDate, u32)], random: &mut Random) -> Self {
        let days: Vec<_> = (1..=RESEND_DAYS)
            .zip(own_rows.iter().rev())
            .filter(|(_, (_, own))| *own > 0)
            .map(|(ago, (day, own))| (*day, ago, *own))
            .collect();
        let count = if days.is_empty() { 0 } else { count };
        Self { count, offset: random.next(), days }
    }

    fn position(&self, ordinal: u64) -> Position {
        let total: u64 = self.days.iter().map(|(_, _, own)| u64::from(*own)).sum();
        let mut row = (self.offset % total + ordinal * STRIDE % total) % total;
        for (day, revision, own) in &self.days {
            if row < u64::from(*own) {
                return Position { day: *day, index: row as u32, revision: *revision };
            }
            row -= u64::from(*own);
        }
        unreachable!("a remainder is smaller than its divisor")
    }
}

/// The last year that a key can hold, which has four digits for the year.
const LAST_YEAR: i32 = 9999;

/// Plans a run.
pub(super) fn plan(options: &Options) -> Result<Plan, Error> {
    let mut plan = Plan { files: Vec::new(), missing_days: Vec::new() };
    let mut seen = HashSet::new();
    for (number, prefix) in options.prefixes.iter().enumerate() {
        let folder = Path::new(prefix);
        let inside = folder.components().all(|part| matches!(part, Component::Normal(_)));
        if prefix.is_empty() || !inside || !seen.insert(folder) {
            return Err(Error::Prefix { path: folder.to_path_buf() });
        }
        let has_quirks = options.quirks && number == 0;
        let quirks = (0..options.days).map(|day| {
            if has_quirks { DayQuirks::planted(day, options.days) } else { DayQuirks::none() }
        });
        plan_prefix(options, prefix, quirks, &mut plan)?;
    }
    Ok(plan)
}

/// Plans the files of a prefix, oldest day first, because later files send older rows again.
fn plan_prefix(
    options: &Options,
    prefix: &str,
    quirks: impl Iterator<Item = DayQuirks>,
    plan: &mut Plan,
) -> Result<(), Error> {
    let mut own_rows = Vec::new();
    for (number, DayQuirks { files, quirks }) in quirks.enumerate() {
        let day = options
            .start
            .checked_add_days(Days::new(number as u64))
            .filter(|day| day.year() <= LAST_YEAR)
            .ok_or(Error::Calendar { start: options.start, days: options.days })?;
        if files == 0 {
            plan.missing_days.push((prefix.to_owned(), day));
            own_rows.push((day, 0));
            continue;
        }
        let mut first = first_file(options, prefix, day, &own_rows);
        first.quirks = quirks;
        let second = (files == 2).then(|| second_file(&first));
        own_rows.push((day, second.as_ref().unwrap_or(&first).own.end));
        plan.files.push(first);
        plan.files.extend(second);
    }
    Ok(())
}

/// Plans the evening file of a day; `own_rows` has the number of own rows of each earlier day.
fn first_file(
    options: &Options,
    prefix: &str,
    day: NaiveDate,
    own_rows: &[(NaiveDate, u32)],
) -> FilePlan {
    let stream = Stream::new(options.seed, prefix);
    let mut random = stream.report(Purpose::File, day, 0);
    let rows = row_count(options.rows, &mut random);
    let resends = Resends::draw(share(rows, options.resend), own_rows, &mut random);
    FilePlan {
        path: Path::new(prefix).join(file_name(day, 18, &mut random)),
        stream,
        day,
        own: 0..rows - resends.count,
        resends,
        quirks: Vec::new(),
    }
}

/// Plans the night file of the same day: it is a fifth as long, and all its rows are new.
fn second_file(first: &FilePlan) -> FilePlan {
    let mut random = first.stream.report(Purpose::File, first.day, 1);
    let start = first.own.end;
    FilePlan {
        path: first.path.with_file_name(file_name(first.day, 21, &mut random)),
        stream: first.stream,
        day: first.day,
        own: start..start.saturating_add(first.rows() / 5),
        resends: Resends::default(),
        quirks: vec![Quirk::SecondFileOfDay],
    }
}

/// Draws the number of rows of a day: within 5% of `rows`, or exactly `rows` if these are few.
fn row_count(rows: u32, random: &mut Random) -> u32 {
    let span = rows / 20;
    (rows - span).saturating_add(random.below(2 * span + 1))
}

/// Returns a share of a number of rows.
#[expect(clippy::cast_sign_loss, reason = "the share is not negative")]
fn share(rows: u32, share: f64) -> u32 {
    (f64::from(rows) * share.clamp(0.0, 1.0)).round() as u32
}

/// Draws a file's name, with a time within the three hours from `hour` on.
fn file_name(day: NaiveDate, hour: u32, random: &mut Random) -> String {
    let (hour, minute) = (hour + random.below(3), random.below(60));
    let suffix = random.next() >> 40;
    format!("report_{day}T{hour:02}{minute:02}_{suffix:06x}.csv")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(resend: f64) -> Vec<FilePlan> {
        let prefixes = vec!["orders-create".to_owned()];
        let options = Options { days: 12, rows: 200, resend, prefixes, ..Options::default() };
        plan(&options).expect("a plan").files
    }

    fn positions(file: &FilePlan) -> Vec<Position> {
        (0..file.rows()).map(|place| file.position(place)).collect()
    }

    #[test]
    fn a_file_sends_its_own_rows_once_and_in_order() {
        for file in planned(0.3) {
            let own: Vec<_> =
                positions(&file).into_iter().filter(|row| row.day == file.day).collect();
            assert!(own.iter().all(|row| row.revision == 0));
            let indices: Vec<_> = own.iter().map(|row| row.index).collect();
            assert_eq!(indices, file.own.clone().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_share_of_rows_sent_again_is_met_from_the_second_day_on() {
        let files = planned(0.3);
        assert_eq!(files[0].resends.count, 0);
        for file in &files[1..] {
            let share = f64::from(file.resends.count) / f64::from(file.rows());
            assert!((share - 0.3).abs() < 0.01, "{share}");
            let again = positions(file).iter().filter(|row| row.revision > 0).count();
            assert_eq!(again as u32, file.resends.count);
        }
    }

    #[test]
    fn a_row_sent_again_was_sent_by_a_file_one_to_five_days_older() {
        let files = planned(0.3);
        for file in &files {
            for row in positions(file).iter().filter(|row| row.revision > 0) {
                let days = (file.day - row.day).num_days();
                assert_eq!(days, i64::from(row.revision));
                assert!((1..=5).contains(&days));
                let first = files.iter().find(|first| first.day == row.day).expect("a file");
                assert!(first.own.contains(&row.index));
            }
        }
    }

    #[test]
    fn no_file_sends_a_row_twice_while_there_are_enough() {
        for file in planned(0.8) {
            let rows: HashSet<_> =
                positions(&file).iter().map(|row| (row.day, row.index)).collect();
            assert_eq!(rows.len(), file.rows() as usize);
        }
    }

    #[test]
    fn files_have_rows_even_if_all_are_sent_again() {
        assert!(planned(1.0).iter().all(|file| file.rows() >= 190));
    }

    #[test]
    fn the_number_of_rows_varies_by_five_percent() {
        let rows: HashSet<_> = planned(0.0).iter().map(FilePlan::rows).collect();
        assert!(rows.len() > 1);
        assert!(rows.iter().all(|rows| (190..=210).contains(rows)));
        assert_eq!(row_count(19, &mut Random::of(&[1])), 19);
    }

    #[test]
    fn a_prefix_outside_the_folder_or_named_twice_is_refused() {
        for prefixes in [vec!["../a"], vec!["/a"], vec![""], vec!["a", "a/"]] {
            let prefixes = prefixes.into_iter().map(str::to_owned).collect();
            let refused = plan(&Options { prefixes, ..Options::default() });
            assert!(matches!(refused, Err(Error::Prefix { .. })));
        }
    }

    #[test]
    fn a_run_past_the_end_of_the_calendar_is_refused() {
        let refused = plan(&Options { start: NaiveDate::MAX, days: 2, ..Options::default() });
        assert!(matches!(refused, Err(Error::Calendar { days: 2, .. })));
    }
}
