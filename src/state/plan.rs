//! A **plan** shows what a run would do with every key under a prefix, and why.

use serde::Serialize;

use crate::domain::{DateRange, FileDate, Finding, saturating};
use crate::source::Ignored;

use super::{Action, FileState, Files};

/// The size of a row in bytes that is assumed if no file can be read. It is that of Sticky.io's exports.
pub const USUAL_ROW_BYTES: f64 = 750.0;

/// What a run would do.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The dataset.
    pub dataset: String,
    /// The prefix.
    pub prefix: String,
    /// The target.
    pub target: String,
    /// First and last day.
    pub range: DateRange,
    /// Days per batch.
    pub batch_days: u32,
    /// The files in range, by file date, then key.
    pub files: Vec<PlannedFile>,
    /// Files in range that were loaded and are gone from the source, while the target has rows of
    /// them; by file date, then key.
    pub gone: Vec<PlannedFile>,
    /// Every other key, with the reason why it is not read.
    pub ignored: Vec<Ignored>,
    /// Findings that a person should know before loading.
    pub findings: Vec<Finding>,
    /// Sums over the files.
    pub totals: Totals,
}

/// What a run would do with one file.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedFile {
    /// The key.
    pub key: String,
    /// The name by which rows refer to it.
    pub file_name: String,
    /// The file date.
    pub date: FileDate,
    /// Size in bytes.
    pub size: u64,
    /// About how many rows it has.
    pub estimated_rows: u64,
    /// The batch it falls into, counted from 1.
    pub batch: usize,
    /// What the run does with it.
    #[serde(rename = "fate")]
    pub action: Action,
}

/// Sums over the files of a plan.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    /// Files in range.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files to load.
    pub files_to_load: usize,
    /// Their bytes.
    pub bytes_to_load: u64,
    /// About how many rows these have.
    pub estimated_rows_to_load: u64,
    /// Files whose rows are deleted, because they are gone from the source.
    pub files_to_remove: usize,
    /// The batches that these files fall into.
    pub batches: usize,
    /// Whether the target was asked what is loaded already.
    pub is_target_known: bool,
}

impl Files {
    /// Plans what a run would do with the files; a row is taken to have `row_bytes` bytes.
    pub fn plan(&self, row_bytes: f64) -> Plan {
        self.plan_by(|file| saturating::nearest(file.size() as f64 / row_bytes))
    }

    /// Plans what a run would do with the files; `rows_of` estimates the rows of a file.
    pub fn plan_by(&self, rows_of: impl Fn(&FileState) -> u64) -> Plan {
        let gone = self.files.iter().filter(|file| file.is_gone());
        Plan {
            dataset: self.dataset.clone(),
            prefix: self.prefix.clone(),
            target: self.target.clone(),
            range: self.range,
            batch_days: self.batch_days,
            files: self.in_source().map(|file| file.plan(&rows_of)).collect(),
            gone: gone.map(|file| file.plan(&rows_of)).collect(),
            ignored: self.ignored.clone(),
            findings: self.findings.clone(),
            totals: self.plan_totals(&rows_of),
        }
    }

    fn plan_totals(&self, rows_of: impl Fn(&FileState) -> u64) -> Totals {
        let mut totals = Totals {
            files_to_remove: self.to_remove().count(),
            batches: self.batches().len(),
            is_target_known: self.is_target_known,
            ..Totals::default()
        };
        for file in self.in_source() {
            totals.files += 1;
            totals.bytes += file.size();
            if file.action.is_load() {
                totals.files_to_load += 1;
                totals.bytes_to_load += file.size();
                totals.estimated_rows_to_load += file.estimated_rows(&rows_of);
            }
        }
        totals
    }
}

impl FileState {
    fn plan(&self, rows_of: impl Fn(&Self) -> u64) -> PlannedFile {
        PlannedFile {
            key: self.key.clone(),
            file_name: self.name.clone(),
            date: self.date,
            size: self.size(),
            estimated_rows: self.estimated_rows(rows_of),
            batch: self.batch,
            action: self.action.clone(),
        }
    }

    /// About how many rows it has; of a gone file, how many the target has.
    fn estimated_rows(&self, rows_of: impl Fn(&Self) -> u64) -> u64 {
        match &self.source {
            Some(_) => rows_of(self),
            None => self.rows_before(),
        }
    }
}

impl Plan {
    /// The files, and those that are gone.
    pub fn everything(&self) -> impl Iterator<Item = &PlannedFile> {
        self.files.iter().chain(&self.gone)
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.totals.files_to_load == 0 && self.totals.files_to_remove == 0
    }
}
