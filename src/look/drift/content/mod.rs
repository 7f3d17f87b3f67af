//! The **content** of files is compared by their profiles: how the values of each column in each file differ from
//! those of a **reference**, the days that are taken to be right.
//!
//! A difference counts only if it is larger than chance makes it in samples of that size, and larger than the
//! differences among the days of the reference.

mod baseline;
mod compare;
mod measure;
mod pool;
mod steady;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

use baseline::Baseline;
use compare::Habits;
pub use compare::{Difference, Measured};
use measure::trend;
use steady::steady;

use super::glimpse::Glimpse;
use crate::domain::{DateRange, FileDate};
use crate::mirror::Rejected;
use crate::profile::{FileProfile, Profile};
use crate::source::SourceFile;

/// How differences are measured, for people.
pub const MEASURE: &str = "A distribution counts as shifted if its population stability index (PSI) against the \
                           reference is above 0.25, above three times what is usual between days of the reference, \
                           and so high that chance alone would reach it with this many rows only once in a thousand \
                           million cases. Without --reference, a column that changes permanently within the \
                           reference is compared with its files after the change.";

/// The fewest files of a reference that was not named, if there are that many.
const REFERENCE_FILES: usize = 7;
/// The fewest files that show a trend.
const TREND_FILES: usize = 5;
/// The smallest rank correlation with the file date of a column that counts as a sequence.
const TREND: f64 = 0.8;
/// With fewer files than for a trend, a column counts as a sequence if more than this share of its values differ.
const MOSTLY_DIFFERENT: f64 = 0.5;

/// How the content of files differs from that of the reference.
#[derive(Clone, Debug, Serialize)]
pub struct Content {
    /// The reference.
    pub reference: Reference,
    /// How differences are measured.
    pub measure: &'static str,
    /// The columns of all files, in the newest file's order.
    pub columns: Vec<String>,
    /// How many of them are both in the reference and in a file, so that they could be compared.
    pub columns_compared: usize,
    /// The files that were compared, by file date, then key.
    pub files: Vec<Compared>,
    /// The differences, each with the days on which it is seen.
    pub findings: Vec<Finding>,
    /// Columns whose dates are written in formats that contradict each other.
    pub contradictions: Vec<DateContradiction>,
    /// The records that could not be read.
    pub rejects: Vec<Rejected>,
}

impl Content {
    /// Whether values differ from those of the reference, or formats of dates contradict each other.
    pub fn has_changed(&self) -> bool {
        !self.findings.is_empty() || !self.contradictions.is_empty()
    }
}

/// A column of dates in which `03/04/2025` is one day in some files and another day in others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DateContradiction {
    /// The column.
    pub column: String,
    /// Which formats, and on which days.
    pub text: String,
    /// Day and key of the files that are not in the format of most files.
    #[serde(skip)]
    pub files: Vec<(FileDate, String)>,
}

/// The days that are taken to be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// The first.
    pub from: FileDate,
    /// The last.
    pub to: FileDate,
    /// Their files.
    pub files: usize,
    /// Their rows.
    pub rows: u64,
}

/// A file, with the differences between its columns and the reference.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The key.
    pub key: String,
    /// The file date.
    pub date: FileDate,
    /// The rows.
    pub rows: u64,
    /// The differences of each column that has any.
    pub differences: BTreeMap<String, Vec<Difference>>,
}

/// A difference and the days on which it is seen.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The column.
    pub column: String,
    /// The difference. Of several shifts, it is the largest one.
    pub difference: Difference,
    /// The first day.
    pub from: FileDate,
    /// The last day.
    pub to: FileDate,
    /// How many files.
    pub files: usize,
}

/// A source file with its profile.
pub type Profiled<'a> = (&'a SourceFile, &'a FileProfile);

/// Returns the default reference: the newest files that have the same columns, in any order and dialect. If these are
/// fewer than a week of files, the files before them are added.
pub fn default_reference(glimpses: &[&Glimpse]) -> Option<DateRange> {
    let newest = *glimpses.last()?;
    let columns = sorted(newest);
    let alike = glimpses
        .iter()
        .rev()
        .take_while(|file| Arc::ptr_eq(&file.names, &newest.names) || sorted(file) == columns)
        .count();
    let first = glimpses.len().saturating_sub(alike.max(REFERENCE_FILES));
    DateRange::new(glimpses[first].file.date, newest.file.date).ok()
}

fn sorted(glimpse: &Glimpse) -> Vec<&String> {
    let mut names: Vec<&String> = glimpse.names.iter().collect();
    names.sort_unstable();
    names
}

/// Compares files with those of a reference, which may be among them. If the reference `is_named`, all of it counts;
/// otherwise a column that changed permanently within it is compared with the files after the change.
pub fn compare_content(
    files: &[Profiled<'_>],
    reference: &[Profiled<'_>],
    is_named: bool,
    rejects: Vec<Rejected>,
) -> Option<Content> {
    let (first, last) = (reference.first()?, reference.last()?);
    let columns = columns(files.iter().chain(reference));
    let mut compared: Vec<Compared> = files.iter().map(|file| uncompared(*file)).collect();
    let mut columns_compared = 0;
    for column in &columns {
        let Some(standard) = Standard::of(column, files, reference, is_named) else { continue };
        columns_compared +=
            usize::from(files.iter().any(|(_, profile)| find(profile, column).is_some()));
        for (file, compared) in files.iter().zip(&mut compared) {
            let differences = standard.differences(*file);
            if !differences.is_empty() {
                compared.differences.insert(column.clone(), differences);
            }
        }
    }
    for ((_, profile), compared) in files.iter().zip(&mut compared) {
        add_encoded_twice(profile, compared);
    }
    Some(Content {
        reference: Reference {
            from: first.0.date,
            to: last.0.date,
            files: reference.len(),
            rows: reference.iter().map(|(_, profile)| profile.rows).sum(),
        },
        measure: MEASURE,
        findings: findings(&columns, &compared),
        columns,
        columns_compared,
        files: compared,
        contradictions: Vec::new(),
        rejects,
    })
}

/// What a column of a file is compared with.
struct Standard<'a> {
    column: &'a str,
    baseline: Baseline,
    /// The names of the files in the baseline.
    names: HashSet<&'a str>,
}

impl<'a> Standard<'a> {
    /// Takes a column of the reference; `None` if the reference does not have it.
    fn of(
        column: &'a str,
        files: &[Profiled<'_>],
        reference: &[Profiled<'a>],
        is_named: bool,
    ) -> Option<Self> {
        let (names, profiles): (Vec<&str>, Vec<&Profile>) = reference
            .iter()
            .filter_map(|(file, profile)| Some((file.name.as_str(), find(profile, column)?)))
            .unzip();
        if profiles.is_empty() {
            return None;
        }
        let habits = habits(column, files, &profiles);
        let since = if is_named { 0 } else { steady(&profiles, habits) };
        Some(Self {
            column,
            baseline: Baseline::of(&profiles[since..], habits),
            names: names.into_iter().skip(since).collect(),
        })
    }

    /// Compares a file. One that is in the baseline is compared with the others.
    fn differences(&self, (file, profile): Profiled<'_>) -> Vec<Difference> {
        match find(profile, self.column) {
            Some(profile) if self.names.contains(file.name.as_str()) => {
                self.baseline.differences_to_others(profile)
            }
            Some(profile) => self.baseline.differences(profile),
            None => vec![Difference::Absent],
        }
    }
}

/// Adds the columns with text that is encoded twice. It is wrong, also if the reference has it.
fn add_encoded_twice(profile: &FileProfile, compared: &mut Compared) {
    for column in profile.columns.iter().filter(|column| column.encoded_twice > 0) {
        let shapes = column.encoded_twice_shapes.iter().cloned().collect();
        let difference = Difference::EncodedTwice { values: column.encoded_twice, shapes };
        compared.differences.entry(column.name.clone()).or_default().push(difference);
    }
}

/// Returns a file without differences yet.
fn uncompared((file, profile): Profiled<'_>) -> Compared {
    let (key, date, rows) = (file.key.clone(), file.date, profile.rows);
    Compared { key, date, rows, differences: BTreeMap::new() }
}

/// Returns the names of all columns, in the newest file's order.
fn columns<'a>(files: impl DoubleEndedIterator<Item = &'a Profiled<'a>>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for profile in files.rev().flat_map(|(_, profile)| &profile.columns) {
        if seen.insert(profile.name.as_str()) {
            names.push(profile.name.clone());
        }
    }
    names
}

fn find<'a>(profile: &'a FileProfile, column: &str) -> Option<&'a Profile> {
    profile.columns.iter().find(|profile| profile.name == column)
}

/// Finds out whether a column follows the date, and whether its values are new every day.
fn habits(column: &str, files: &[Profiled<'_>], reference: &[&Profile]) -> Habits {
    let medians: Vec<f64> = files
        .iter()
        .filter_map(|(_, profile)| find(profile, column)?.percentiles.get(50).copied())
        .collect();
    let follows_the_date = if medians.len() >= TREND_FILES {
        trend(&medians).abs() >= TREND
    } else {
        are_mostly_different(reference)
    };
    Habits { follows_the_date, has_new_values_daily: has_new_values_daily(reference) }
}

/// Whether most values of files are different, within each file.
fn are_mostly_different(files: &[&Profile]) -> bool {
    let distinct: u64 = files.iter().map(|profile| profile.distinct).sum();
    let given: u64 = files.iter().map(|profile| profile.given).sum();
    distinct as f64 > given as f64 * MOSTLY_DIFFERENT
}

/// Whether more than half of the files have values that no other of them has.
fn has_new_values_daily(reference: &[&Profile]) -> bool {
    let mut files_having: BTreeMap<&str, usize> = BTreeMap::new();
    for value in reference.iter().flat_map(|profile| values_of(profile)) {
        *files_having.entry(value).or_default() += 1;
    }
    let with_own =
        reference.iter().filter(|profile| values_of(profile).any(|value| files_having[value] == 1));
    reference.len() > 1 && with_own.count() * 2 > reference.len()
}

fn values_of(profile: &Profile) -> impl Iterator<Item = &str> {
    profile.values.iter().flat_map(BTreeMap::keys).map(String::as_str)
}

/// Returns the differences of all files, each once, with its days.
fn findings(columns: &[String], files: &[Compared]) -> Vec<Finding> {
    columns.iter().flat_map(|column| findings_of_column(column, files)).collect()
}

fn findings_of_column(column: &str, files: &[Compared]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for file in files {
        for difference in file.differences.get(column).into_iter().flatten() {
            // An absent column is already reported by the comparison of the headers.
            if *difference == Difference::Absent {
                continue;
            }
            match findings.iter_mut().find(|known| known.difference.is_like(difference)) {
                Some(known) => {
                    known.to = file.date;
                    known.files += 1;
                    known.difference.merge(difference);
                }
                None => findings.push(Finding {
                    column: column.to_owned(),
                    difference: difference.clone(),
                    from: file.date,
                    to: file.date,
                    files: 1,
                }),
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests;
