//! The **content** of files compared: how the values of each column in each file differ from those of
//! a **reference**, the days that are taken to be right.
//!
//! Compared are the profiles of the files. What a difference is must be more than chance makes of
//! samples of that size, and more than the days of the reference differ among themselves.

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
pub const MEASURE: &str = "A distribution counts as shifted where the population stability index against \
     the reference is above 0.25, above what chance makes of so many rows in all but one case in a \
     thousand million, and above three times what is usual between days of the reference. Where none was \
     named, a column that changes for good within the reference is compared with its files after the change.";

/// The fewest files of a reference that nobody named, where there are as many.
const REFERENCE_FILES: usize = 7;
/// The fewest files that tell a trend.
const TREND_FILES: usize = 5;
/// The rank correlation with the file date from which a column counts as a sequence.
const TREND: f64 = 0.8;
/// With fewer files, numbers that are nearly all different count as a sequence.
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
    /// How many of them the reference has as well as a file: those that could be compared.
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

/// A column of dates in which `03/04/2025` is one day in some files and another day in others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DateContradiction {
    /// The column.
    pub column: String,
    /// Which formats, and on which days.
    pub text: String,
    /// Day and key of the files that are not written as most are.
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

/// A file and how its columns differ from the reference.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The key.
    pub key: String,
    /// The file date.
    pub date: FileDate,
    /// The rows.
    pub rows: u64,
    /// The columns that differ, with how.
    pub differences: BTreeMap<String, Vec<Difference>>,
}

/// A difference and the days on which it is seen.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The column.
    pub column: String,
    /// The difference; of a shift, the largest.
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

/// The reference by default: the newest files that have the same columns, in whatever order and however they are
/// written, and as many before them as make a week of files.
pub fn default_reference(glimpses: &[&Glimpse]) -> Option<DateRange> {
    let newest = *glimpses.last()?;
    let columns = sorted(newest);
    let is_alike =
        |file: &&&Glimpse| Arc::ptr_eq(&file.names, &newest.names) || sorted(file) == columns;
    let alike = glimpses.iter().rev().take_while(is_alike).count();
    let first = glimpses.len().saturating_sub(alike.max(REFERENCE_FILES));
    DateRange::new(glimpses[first].file.date, newest.file.date).ok()
}

fn sorted(glimpse: &Glimpse) -> Vec<&String> {
    let mut names: Vec<&String> = glimpse.names.iter().collect();
    names.sort_unstable();
    names
}

/// Compares files with those of a reference, which may be among them. If nobody named
/// the reference, a column that changed within it is compared with the newest part.
pub fn compare_content(
    files: &[Profiled<'_>],
    reference: &[Profiled<'_>],
    is_named: bool,
    rejects: Vec<Rejected>,
) -> Option<Content> {
    let (first, last) = (reference.first()?, reference.last()?);
    let columns = columns(files.iter().chain(reference));
    let mut compared: Vec<Compared> = files.iter().map(|file| started(*file)).collect();
    let mut columns_compared = 0;
    for column in &columns {
        let (names, mut of_reference): (Vec<&str>, Vec<&Profile>) = reference
            .iter()
            .filter_map(|(file, profile)| Some((file.name.as_str(), find(profile, column)?)))
            .unzip();
        if of_reference.is_empty() {
            continue;
        }
        columns_compared +=
            usize::from(files.iter().any(|(_, profile)| find(profile, column).is_some()));
        let habits = habits(column, files, &of_reference);
        let since = if is_named { 0 } else { steady(&of_reference, habits) };
        of_reference.drain(..since);
        let baseline = Baseline::of(&of_reference, habits);
        let in_baseline: HashSet<&str> = names.into_iter().skip(since).collect();
        for ((file, profile), compared) in files.iter().zip(&mut compared) {
            let differences = match find(profile, column) {
                Some(profile) if in_baseline.contains(file.name.as_str()) => {
                    baseline.differences_to_others(profile)
                }
                Some(profile) => baseline.differences(profile),
                None => vec![Difference::Absent],
            };
            if !differences.is_empty() {
                compared.differences.insert(column.clone(), differences);
            }
        }
    }
    for ((_, profile), compared) in files.iter().zip(&mut compared) {
        add_encoded_twice(profile, compared);
    }
    let reference = Reference {
        from: first.0.date,
        to: last.0.date,
        files: reference.len(),
        rows: reference.iter().map(|(_, profile)| profile.rows).sum(),
    };
    let findings = findings(&columns, &compared);
    Some(Content {
        reference,
        measure: MEASURE,
        columns,
        columns_compared,
        files: compared,
        findings,
        contradictions: Vec::new(),
        rejects,
    })
}

/// Adds the columns with text that is encoded twice: that is wrong, whatever the reference has.
fn add_encoded_twice(profile: &FileProfile, compared: &mut Compared) {
    for column in profile.columns.iter().filter(|column| column.encoded_twice > 0) {
        let shapes = column.encoded_twice_shapes.iter().cloned().collect();
        let difference = Difference::EncodedTwice { values: column.encoded_twice, shapes };
        compared.differences.entry(column.name.clone()).or_default().push(difference);
    }
}

fn started((file, profile): Profiled<'_>) -> Compared {
    let (key, date, rows) = (file.key.clone(), file.date, profile.rows);
    Compared { key, date, rows, differences: BTreeMap::new() }
}

/// The names of all columns, in the newest file's order.
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

/// Whether a column follows the date, and whether its values are new every day.
fn habits(column: &str, files: &[Profiled<'_>], reference: &[&Profile]) -> Habits {
    let medians: Vec<f64> = files
        .iter()
        .filter_map(|(_, profile)| find(profile, column)?.percentiles.get(50).copied())
        .collect();
    let follows_the_date = if medians.len() >= TREND_FILES {
        trend(&medians).abs() >= TREND
    } else {
        let sum = |count: fn(&Profile) -> u64| -> u64 { reference.iter().map(|p| count(p)).sum() };
        sum(|p| p.distinct) as f64 > sum(|p| p.given) as f64 * MOSTLY_DIFFERENT
    };
    Habits { follows_the_date, has_new_values_daily: has_new_values_daily(reference) }
}

/// Whether more than half of the files have values that no other of them has.
fn has_new_values_daily(reference: &[&Profile]) -> bool {
    let mut having: BTreeMap<&str, usize> = BTreeMap::new();
    let values = |profile: &&Profile| profile.values.clone().unwrap_or_default();
    let lists: Vec<_> = reference.iter().map(values).collect();
    for value in lists.iter().flat_map(BTreeMap::keys) {
        *having.entry(value).or_default() += 1;
    }
    let has_own = |list: &&BTreeMap<String, u64>| list.keys().any(|v| having[v.as_str()] == 1);
    reference.len() > 1 && lists.iter().filter(has_own).count() * 2 > reference.len()
}

/// The differences of all files, each once, with its days.
fn findings(columns: &[String], files: &[Compared]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for column in columns {
        let start = findings.len();
        for file in files {
            for difference in file.differences.get(column).into_iter().flatten() {
                // What the headers tell needs no second word.
                if *difference == Difference::Absent {
                    continue;
                }
                let known = findings[start..].iter_mut().find(|f| f.difference.is_like(difference));
                match known {
                    Some(finding) => {
                        finding.to = file.date;
                        finding.files += 1;
                        finding.difference.merge(difference);
                    }
                    None => findings.push(Finding {
                        column: column.clone(),
                        difference: difference.clone(),
                        from: file.date,
                        to: file.date,
                        files: 1,
                    }),
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests;
