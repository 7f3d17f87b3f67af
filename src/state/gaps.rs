//! The **gaps** of a dataset: what the source holds, what the target holds, and what is missing where.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Coverage, FileState, Files, Status};
use crate::domain::{Cadence, FileDate, Finding};
use crate::source::Reason;

/// What source and target hold of a dataset, and what is missing where.
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
    /// Objects of no bytes.
    pub empty: usize,
    /// Files outside the days that were asked for.
    pub out_of_range: usize,
    /// Objects that cannot be read by their keys.
    pub unusable: usize,
    /// What is not read although it looks like an export, and dates that may be none.
    pub doubts: Vec<Finding>,
}

/// Whether a finding says that a key may be understood wrongly.
fn is_doubt(finding: &Finding) -> bool {
    match finding {
        Finding::KeysWithoutDate { .. }
        | Finding::UnusableKeys { .. }
        | Finding::FarDates { .. } => true,
        Finding::MissingDays { .. } | Finding::SeveralFiles { .. } | Finding::ZeroBytes { .. } => {
            false
        }
    }
}

/// What the target holds of a dataset.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TargetHolding {
    /// Whether there is such a table.
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

/// What one loader has put into the target.
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

/// Days of which the source has files that the target lacks. Days without a file in the source do not
/// end it; days that are whole in the target do.
#[derive(Clone, Debug, Serialize)]
pub struct Gap {
    /// Whose work it is.
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

/// Whose work a gap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// Before the live loader began: that of a backfill.
    Historical,
    /// From the first day of the live loader on: its own.
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
    /// Whether its name begins as those of the dataset do.
    pub is_under_prefix: bool,
}

impl Files {
    /// What is missing where. `target` is, if there is one, the files that only it knows; `rows_of` says about
    /// how many rows a file has.
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
        let ignored = |is_it: &dyn Fn(Reason) -> bool| {
            self.ignored.iter().filter(|key| is_it(key.reason)).count()
        };
        let days: BTreeSet<FileDate> = self.in_source().map(|file| file.date).collect();
        SourceHolding {
            files: self.in_source().count(),
            days: days.len(),
            bytes: self.in_source().map(FileState::size).sum(),
            first: days.first().copied(),
            last: days.last().copied(),
            without_date: ignored(&Reason::is_undated),
            empty: ignored(&|reason| reason == Reason::ZeroBytes),
            out_of_range: ignored(&|reason| reason == Reason::OutOfRange),
            unusable: ignored(&|reason| matches!(reason, Reason::UnusableKey(_))),
            doubts: self.findings.iter().filter(|finding| is_doubt(finding)).cloned().collect(),
        }
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
        let mut days: BTreeMap<FileDate, (Vec<&FileState>, usize)> = BTreeMap::new();
        for file in self.in_source() {
            let day = days.entry(file.date).or_default();
            match self.coverage(file, live_since) {
                Coverage::Historical | Coverage::Forward => day.0.push(file),
                _ => day.1 += 1,
            }
        }
        let mut gaps: Vec<Gap> = Vec::new();
        let mut is_open = false;
        for (date, (lacking, others)) in days {
            let is_next = is_open;
            is_open = !lacking.is_empty();
            if lacking.is_empty() {
                continue;
            }
            let is_forward = live_since.is_some_and(|since| since <= date);
            let kind = if is_forward { GapKind::Forward } else { GapKind::Historical };
            match gaps.last_mut() {
                Some(last) if is_next && last.kind == kind => {
                    last.add(date, &lacking, others, &rows_of);
                }
                _ => {
                    let mut gap = Gap::starting(kind, date);
                    gap.add(date, &lacking, others, &rows_of);
                    gaps.push(gap);
                }
            }
        }
        gaps
    }

    fn missing_in_source(&self) -> Vec<Missing> {
        let missing = |finding: &Finding| match finding {
            Finding::MissingDays { from, to, every } => {
                let days = (to.0 - from.0).num_days().unsigned_abs() + 1;
                let files = finding.missing_days().len();
                Some(Missing { from: *from, to: *to, days, every: *every, files })
            }
            _ => None,
        };
        self.findings.iter().filter_map(missing).collect()
    }

    /// Files of which only the target has something, those of consecutive days together.
    fn only_in_target(&self, strays: &[Stray]) -> Vec<OnlyInTarget> {
        let gone = self.files.iter().filter(|file| file.is_gone() && !file.is_still_listed);
        let gone = gone.map(|file| (true, Some(file.date), file.rows_before()));
        let strays = strays.iter().filter(|stray| stray.is_under_prefix);
        let strays = strays.map(|stray| (false, stray.date, stray.rows));
        let mut files: Vec<_> = gone.chain(strays).collect();
        files.sort_unstable();
        let mut groups: Vec<OnlyInTarget> = Vec::new();
        for (is_ours, date, rows) in files {
            let is_next = |group: &OnlyInTarget| {
                let is_near = match (group.to, date) {
                    (Some(to), Some(date)) => date <= to.plus_days(1),
                    (None, None) => true,
                    _ => false,
                };
                group.is_ours == is_ours && is_near
            };
            match groups.last_mut() {
                Some(group) if is_next(group) => {
                    group.to = date;
                    group.files += 1;
                    group.rows += rows;
                }
                _ => groups.push(OnlyInTarget { is_ours, from: date, to: date, files: 1, rows }),
            }
        }
        groups
    }
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

    /// Adds a day, the files that are lacking, and how many others of the day are not.
    fn add(
        &mut self,
        date: FileDate,
        lacking: &[&FileState],
        others: usize,
        rows_of: impl Fn(&FileState) -> u64,
    ) {
        self.to = date;
        self.days += 1;
        self.partly_loaded_days += usize::from(others > 0);
        self.files += lacking.len();
        self.bytes += lacking.iter().map(|file| file.size()).sum::<u64>();
        self.estimated_rows += lacking.iter().map(|file| rows_of(file)).sum::<u64>();
    }
}

/// What adds up to a holding.
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
