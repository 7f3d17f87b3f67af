//! The **gaps** of a dataset: what the source and the target hold, and what is missing in either of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Coverage, FileState, Files, Status};
use crate::domain::{Cadence, FileDate, Finding};
use crate::source::Reason;

/// What the source and the target hold of a dataset, and what is missing in either of them.
#[derive(Clone, Debug, Serialize)]
pub struct Gaps {
    /// The dataset.
    pub dataset: String,
    /// The prefix.
    pub prefix: String,
    /// The target.
    pub target: String,
    /// What the source holds.
    pub source: SourceHolding,
    /// What the target holds; `None` if no database was asked.
    pub held: Option<TargetHolding>,
    /// What the source holds and the target does not, by day.
    pub gaps: Vec<Gap>,
    /// Days, weeks or months for which a file is due and the source has none.
    pub missing: Vec<Missing>,
    /// What the target holds and the source does not, by day.
    pub only_in_target: Vec<OnlyInTarget>,
}

/// What the source holds under a prefix.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SourceHolding {
    /// Files.
    pub files: usize,
    /// Days that have one.
    pub days: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The first day.
    pub first: Option<FileDate>,
    /// The last day.
    pub last: Option<FileDate>,
    /// Keys without a date in them, which are not read.
    pub without_date: usize,
    /// Objects of zero bytes.
    pub empty: usize,
    /// Files outside the days that were asked for.
    pub out_of_range: usize,
    /// Objects that cannot be read by their keys.
    pub unusable: usize,
    /// Keys that are not read although they look like exports, and dates that may be something else.
    pub doubts: Vec<Finding>,
}

/// Whether a finding says that a key may have been misunderstood.
fn is_doubt(finding: &Finding) -> bool {
    match finding {
        Finding::KeysWithoutDate { .. }
        | Finding::UnusableKeys { .. }
        | Finding::FutureDates { .. }
        | Finding::FarDates { .. } => true,
        Finding::MissingDays { .. } | Finding::SeveralFiles { .. } | Finding::ZeroBytes { .. } => {
            false
        }
    }
}

/// What the target holds of a dataset.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TargetHolding {
    /// Whether the table exists.
    pub exists: bool,
    /// Files that we loaded.
    pub ours: Holding,
    /// Of these, files that changed since they were loaded.
    pub changed: usize,
    /// Files that the live loader, or another one, has loaded.
    pub live: Holding,
    /// The first day of the live loader.
    pub live_since: Option<FileDate>,
    /// Files that are not under this prefix.
    pub elsewhere: Holding,
    /// Rows that do not say which file they are from.
    pub rows_without_file: u64,
}

/// What one loader has loaded into the target.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Holding {
    /// Files.
    pub files: usize,
    /// Days that have one.
    pub days: usize,
    /// Rows.
    pub rows: u64,
    /// The first day.
    pub first: Option<FileDate>,
    /// The last day.
    pub last: Option<FileDate>,
}

/// Days, weeks or months in a row for which a file is due and the source has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The first day.
    pub from: FileDate,
    /// The last day.
    pub to: FileDate,
    /// How many days these are.
    pub days: u64,
    /// How often a file is due.
    pub every: Cadence,
    /// How many files are missing.
    pub files: usize,
}

/// Days of which the source has files that the target lacks. A gap ends at a day that the target has completely;
/// days without a file in the source do not end it.
#[derive(Clone, Debug, Serialize)]
pub struct Gap {
    /// Whose work it is to fill it.
    pub kind: GapKind,
    /// The first day.
    pub from: FileDate,
    /// The last day.
    pub to: FileDate,
    /// Days with such a file.
    pub days: usize,
    /// Files that the target lacks.
    pub files: usize,
    /// About how many rows they have.
    pub estimated_rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Days of which the target has another file.
    pub partly_loaded_days: usize,
}

/// Whose work it is to fill a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// Before the live loader began: the work of a backfill.
    Historical,
    /// From the first day of the live loader on: its own work.
    Forward,
}

/// Days of which the target has files that the source lacks.
#[derive(Clone, Debug, Serialize)]
pub struct OnlyInTarget {
    /// Whether we loaded them.
    pub is_ours: bool,
    /// The first day; `None` if the names of the files hold none.
    pub from: Option<FileDate>,
    /// The last day.
    pub to: Option<FileDate>,
    /// Files.
    pub files: usize,
    /// Rows.
    pub rows: u64,
}

/// A file of which the target has rows, and which is neither in the source nor in our ledger.
#[derive(Clone, Debug)]
pub struct Stray {
    /// The day in its name.
    pub date: Option<FileDate>,
    /// Its rows.
    pub rows: u64,
    /// Whether its name is under the prefix of the dataset.
    pub is_under_prefix: bool,
}

impl Files {
    /// Finds what is missing. `target` is the files that only the target has, `None` if the table does not exist;
    /// `rows_of` estimates the rows of a file.
    pub fn gaps(&self, target: Option<&[Stray]>, rows_of: impl Fn(&FileState) -> u64) -> Gaps {
        let strays = target.unwrap_or_default();
        Gaps {
            dataset: self.dataset.clone(),
            prefix: self.prefix.clone(),
            target: self.target.clone(),
            source: self.source_holding(),
            held: self.is_target_known.then(|| self.target_holding(target)),
            gaps: self.missing_in_target(rows_of),
            missing: self.missing_in_source(),
            only_in_target: self.only_in_target(strays),
        }
    }

    fn source_holding(&self) -> SourceHolding {
        let days: BTreeSet<FileDate> = self.in_source().map(|file| file.date).collect();
        SourceHolding {
            files: self.in_source().count(),
            days: days.len(),
            bytes: self.in_source().map(FileState::size).sum(),
            first: days.first().copied(),
            last: days.last().copied(),
            without_date: self.count_ignored(Reason::is_undated),
            empty: self.count_ignored(|reason| reason == Reason::ZeroBytes),
            out_of_range: self.count_ignored(|reason| reason == Reason::OutOfRange),
            unusable: self.count_ignored(|reason| matches!(reason, Reason::UnusableKey(_))),
            doubts: self.findings.iter().filter(|finding| is_doubt(finding)).cloned().collect(),
        }
    }

    fn count_ignored(&self, is_counted: impl Fn(Reason) -> bool) -> usize {
        self.ignored.iter().filter(|key| is_counted(key.reason)).count()
    }

    fn target_holding(&self, target: Option<&[Stray]>) -> TargetHolding {
        let (mut ours, mut live, mut elsewhere) = (Sum::default(), Sum::default(), Sum::default());
        let mut changed = 0;
        for file in &self.files {
            match self.status(file) {
                Status::New => {}
                Status::LoadedElsewhere => live.add(Some(file.date), file.rows_before()),
                status => {
                    changed += usize::from(matches!(status, Status::Changed(_)));
                    ours.add(Some(file.date), file.rows_before());
                }
            }
        }
        for stray in target.unwrap_or_default() {
            let sum = if stray.is_under_prefix { &mut live } else { &mut elsewhere };
            sum.add(stray.date, stray.rows);
        }
        TargetHolding {
            exists: target.is_some(),
            ours: ours.holding(),
            changed,
            live: live.holding(),
            live_since: self.live_since(),
            elsewhere: elsewhere.holding(),
            rows_without_file: self.rows_without_file(),
        }
    }

    fn missing_in_target(&self, rows_of: impl Fn(&FileState) -> u64) -> Vec<Gap> {
        if !self.is_target_known {
            return Vec::new();
        }
        let live_since = self.live_since();
        let mut gaps: Vec<Gap> = Vec::new();
        let mut is_open = false;
        for (date, day) in self.days_in_source(live_since) {
            let follows_gap = is_open;
            is_open = !day.lacking.is_empty();
            if day.lacking.is_empty() {
                continue;
            }
            let is_forward = live_since.is_some_and(|since| since <= date);
            let kind = if is_forward { GapKind::Forward } else { GapKind::Historical };
            match gaps.last_mut() {
                Some(last) if follows_gap && last.kind == kind => last.add(date, &day, &rows_of),
                _ => {
                    let mut gap = Gap::starting(kind, date);
                    gap.add(date, &day, &rows_of);
                    gaps.push(gap);
                }
            }
        }
        gaps
    }

    /// The days that have a file in the source.
    fn days_in_source(&self, live_since: Option<FileDate>) -> BTreeMap<FileDate, Day<'_>> {
        let mut days: BTreeMap<FileDate, Day> = BTreeMap::new();
        for file in self.in_source() {
            let day = days.entry(file.date).or_default();
            match self.coverage(file, live_since) {
                Coverage::Historical | Coverage::Forward => day.lacking.push(file),
                _ => day.others += 1,
            }
        }
        days
    }

    fn missing_in_source(&self) -> Vec<Missing> {
        self.findings.iter().filter_map(Missing::found).collect()
    }

    /// Files that only the target has; those of consecutive days are counted together.
    fn only_in_target(&self, strays: &[Stray]) -> Vec<OnlyInTarget> {
        let gone = self.files.iter().filter(|file| file.is_gone() && !file.is_still_listed);
        let other_strays = strays.iter().filter(|stray| stray.is_under_prefix);
        let mut files: Vec<OnlyInTarget> = gone
            .map(|file| OnlyInTarget::file(true, Some(file.date), file.rows_before()))
            .chain(other_strays.map(|stray| OnlyInTarget::file(false, stray.date, stray.rows)))
            .collect();
        files.sort_unstable_by_key(|file| (file.is_ours, file.from));
        let mut groups: Vec<OnlyInTarget> = Vec::new();
        for file in files {
            match groups.last_mut() {
                Some(group) if group.is_followed_by(&file) => group.add(&file),
                _ => groups.push(file),
            }
        }
        groups
    }
}

impl Missing {
    fn found(finding: &Finding) -> Option<Self> {
        let Finding::MissingDays { from, to, every } = finding else { return None };
        let days = (to.0 - from.0).num_days().unsigned_abs() + 1;
        let files = finding.missing_days().len();
        Some(Self { from: *from, to: *to, days, every: *every, files })
    }
}

impl OnlyInTarget {
    fn file(is_ours: bool, date: Option<FileDate>, rows: u64) -> Self {
        Self { is_ours, from: date, to: date, files: 1, rows }
    }

    /// Whether a file is of the same loader and of the same or the next day.
    fn is_followed_by(&self, file: &Self) -> bool {
        let is_near = match (self.to, file.from) {
            (Some(to), Some(date)) => date <= to.plus_days(1),
            (None, None) => true,
            _ => false,
        };
        self.is_ours == file.is_ours && is_near
    }

    fn add(&mut self, file: &Self) {
        self.to = file.to;
        self.files += file.files;
        self.rows += file.rows;
    }
}

/// The files of one day in the source.
#[derive(Default)]
struct Day<'a> {
    /// Those that the target lacks.
    lacking: Vec<&'a FileState>,
    /// How many others there are.
    others: usize,
}

impl Gap {
    fn starting(kind: GapKind, from: FileDate) -> Self {
        Self {
            kind,
            from,
            to: from,
            days: 0,
            files: 0,
            estimated_rows: 0,
            bytes: 0,
            partly_loaded_days: 0,
        }
    }

    fn add(&mut self, date: FileDate, day: &Day, rows_of: impl Fn(&FileState) -> u64) {
        self.to = date;
        self.days += 1;
        self.partly_loaded_days += usize::from(day.others > 0);
        self.files += day.lacking.len();
        self.bytes += day.lacking.iter().map(|file| file.size()).sum::<u64>();
        self.estimated_rows += day.lacking.iter().map(|file| rows_of(file)).sum::<u64>();
    }
}

/// A holding while it is summed up.
#[derive(Default)]
struct Sum {
    files: usize,
    rows: u64,
    days: BTreeSet<FileDate>,
}

impl Sum {
    fn add(&mut self, date: Option<FileDate>, rows: u64) {
        self.files += 1;
        self.rows += rows;
        self.days.extend(date);
    }

    fn holding(self) -> Holding {
        Holding {
            files: self.files,
            days: self.days.len(),
            rows: self.rows,
            first: self.days.first().copied(),
            last: self.days.last().copied(),
        }
    }
}
