//! **Remarks** are what a person should look at in a new dataset: what is not read, and every guess with its reasons.
//! They are comments in the files, beside what they are about.

use std::collections::BTreeMap;

use super::columns::{Column, named};
use super::data_keys::archives;
use super::findings::{Findings, Seen};
use super::key::Guess;
use super::target::about_target;
use super::types::Types;
use crate::domain::Finding;
use crate::domain::dlt_name::column_name;
use crate::look::drift::Drift;
use crate::look::drift::calendar::Oddity;
use crate::mirror::Rejected;
use crate::printable::{few, grouped};
use crate::profile::FileProfile;

mod csv;

use csv::about_csv;

/// At most this many reasons are given why keys are not read, and as many why records are rejected.
const REASONS: usize = 5;

/// The remarks, by subject.
#[derive(Clone, Debug, Default)]
pub(super) struct Remarks {
    /// What is not read.
    pub unread: Vec<String>,
    /// The key pattern.
    pub key: Vec<String>,
    /// The `csv` settings, and how the files are written.
    pub csv: Vec<String>,
    /// The key of `dedupe.sql`.
    pub dedupe: Vec<String>,
    /// The columns that some files lack.
    pub optional: Vec<String>,
    /// The types.
    pub types: Vec<String>,
    /// Single columns.
    pub columns: Vec<String>,
    /// Columns that hold personal data.
    pub personal: Vec<String>,
    /// The target.
    pub target: Vec<String>,
}

impl Remarks {
    /// Collects the remarks about a new dataset with these columns; `headers` are all names that the files have.
    pub(super) fn about(
        findings: &Findings<'_>,
        columns: &[Column],
        renamed: &BTreeMap<String, Vec<String>>,
        headers: &[String],
    ) -> Self {
        let seen = findings.seen;
        Self {
            unread: about_unread(seen, findings.rejected),
            key: about_key_pattern(findings),
            csv: about_csv(findings),
            dedupe: vec![about_dedupe(findings)],
            optional: about_optional(columns),
            types: about_types(findings, columns),
            columns: about_columns(columns, renamed),
            personal: vec![about_personal(columns)],
            target: findings
                .target
                .map(|target| about_target(target, columns, headers))
                .unwrap_or_default(),
        }
    }

    /// All remarks, in the order in which they are shown.
    pub(super) fn all(self) -> Vec<String> {
        [
            self.unread,
            self.key,
            self.csv,
            self.dedupe,
            self.types,
            self.columns,
            self.optional,
            self.personal,
            self.target,
        ]
        .concat()
    }
}

fn about_unread(seen: &Seen, rejected: &[Rejected]) -> Vec<String> {
    let mut remarks: Vec<String> =
        seen.unread.iter().take(REASONS).map(ToString::to_string).collect();
    let others = seen.unread.iter().skip(REASONS).map(|unread| unread.keys.len()).sum::<usize>();
    if others > 0 {
        remarks
            .push(format!("not read: {} more key(s), for other reasons", grouped(others as u64)));
    }
    let unread: Vec<&str> =
        seen.unread.iter().flat_map(|unread| unread.keys.iter().map(String::as_str)).collect();
    let archives = archives(&unread);
    if !archives.is_empty() {
        remarks.push(format!(
            "{} of these key(s) are archives or spreadsheets, which are not read; unpack them and store the CSV \
             files: {}",
            grouped(archives.len() as u64),
            few(&archives)
        ));
    }
    let records = rejected.iter().take(REASONS).map(|rejected| {
        let Rejected { key, reason, records, first_line, .. } = rejected;
        format!("{records} record(s) of {key} are rejected, from line {first_line} on: {reason}")
    });
    remarks.extend(records);
    if rejected.len() > REASONS {
        remarks.push(format!(
            "more records are rejected, in {} more files or for other reasons: `backfill rejects` lists them",
            rejected.len() - REASONS
        ));
    }
    remarks
}

/// Keys that cannot be paths, and dates that are in the future or far from the others.
fn about_odd_keys(drift: &Drift) -> impl Iterator<Item = String> {
    drift.oddities.iter().filter_map(|oddity| match oddity {
        Oddity::Listed(
            finding @ (Finding::UnusableKeys { .. }
            | Finding::FutureDates { .. }
            | Finding::FarDates { .. }),
        ) => Some(finding.to_string()),
        _ => None,
    })
}

fn about_key_pattern(findings: &Findings<'_>) -> Vec<String> {
    let Seen { keys, dated, range, is_key_guessed, .. } = findings.seen;
    let patterns: Vec<String> = findings.dataset.key.iter().map(ToString::to_string).collect();
    let patterns = patterns.join(" and ");
    let (dated, keys) = (grouped(*dated as u64), grouped(*keys as u64));
    let days = range.to_string();
    let mut remarks = vec![match is_key_guessed {
        true => {
            format!(
                "key {patterns} is a guess: it finds a date in {dated} of {keys} key(s), {days}"
            )
        }
        false => format!("key {patterns}: it finds a date in {dated} of {keys} key(s), {days}"),
    }];
    remarks.extend(findings.seen.key_doubts.iter().cloned());
    if let Some((date, keys)) = &findings.seen.crowded
        && *is_key_guessed
    {
        let (files, dates) = (findings.seen.dated, findings.seen.days);
        remarks.push(format!(
            "it gives {} files only {} file date(s), and {date} to {} of them: if another part of the keys is the \
             day, give --key",
            grouped(files as u64),
            grouped(dates as u64),
            few(keys)
        ));
    }
    remarks.extend(about_odd_keys(findings.drift));
    remarks
}

fn about_dedupe(findings: &Findings<'_>) -> String {
    match findings.target.is_some_and(|target| target.guest.dlt().is_some()) {
        true => "dedupe.sql keeps every row, because dlt keeps every row, too".to_owned(),
        false => about_the_key(&findings.guess),
    }
}

fn about_the_key(guess: &Guess) -> String {
    let (key, again, files) = (guess.columns.join(", "), percent(guess.again), guess.files);
    match (guess.columns.is_empty(), guess.is_trusted) {
        (true, _) if files == 0 => {
            "dedupe.sql keeps every row, because no file that was read has rows".to_owned()
        }
        (true, _) => "dedupe.sql keeps every row, because no column or pair of columns is unique in every file that \
                      was read"
            .to_owned(),
        (false, true) if files == 1 => format!(
            "dedupe.sql uses {key} as the key, which is a guess: unique in the only file with rows that was read"
        ),
        (false, true) => format!(
            "dedupe.sql uses {key} as the key, which is a guess: unique in each of the {files} file(s) with rows \
             that were read; {again} of a file's keys appear again in the next file"
        ),
        (false, false) => format!(
            "dedupe.sql keeps every row, although {key} is unique in each of the {files} file(s) with rows that were \
             read: {again} of a file's values appear again in the next file, and nothing shows whether those are the \
             same rows; a comment in dedupe.sql keeps only the newest"
        ),
    }
}

/// A share for people.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn about_types(findings: &Findings<'_>, columns: &[Column]) -> Vec<String> {
    let files = findings.profiled.len();
    let rows: u64 =
        findings.profiled.iter().map(|(_, profile): &(_, &FileProfile)| profile.rows).sum();
    let (rows, all) = (grouped(rows), grouped(findings.seen.readable as u64));
    let mut remarks = vec![match findings.types {
        Types::Of(target) => format!("types are those of {}", target.table),
        Types::Text => "every column is kept as text".to_owned(),
        Types::Guessed => format!(
            "types are guesses, from all {rows} row(s) of {files} of {all} file(s); checks/unreadable_value.sql \
             finds values that do not fit"
        ),
    }];
    let dates: Vec<String> = columns.iter().filter_map(Column::dates).collect();
    if !dates.is_empty() {
        remarks.push(format!("dates: {}", few(&dates)));
    }
    let commas: Vec<&str> =
        columns.iter().filter(|c| c.has_decimal_comma()).map(|c| c.name.as_str()).collect();
    if !commas.is_empty() {
        remarks.push(format!("decimal commas, from their values: {}", few(&commas)));
    }
    remarks
}

fn about_columns(columns: &[Column], renamed: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut remarks: Vec<String> = renamed
        .iter()
        .map(|(name, others)| {
            format!(
                "{} and {name} are read as the same column, which is a guess from their names, positions and values",
                others.join(", ")
            )
        })
        .collect();
    let other: Vec<String> = columns.iter().filter_map(renamed_column).collect();
    if !other.is_empty() {
        remarks.push(format!(
            "named differently in the table, because the name is taken by another column or not allowed: {}",
            other.join(", ")
        ));
    }
    if let Some(names) = named(columns, |column| column.is_unclear) {
        remarks.push(format!(
            "read with the month first, as 12/31, which is a guess: no value shows whether the month or the day \
             comes first in {names}"
        ));
    }
    remarks.extend(columns.iter().filter_map(|column| {
        let doubt = column.doubt.as_ref()?;
        Some(format!("{}: {doubt}", column.name))
    }));
    remarks
}

/// A column whose name in the table does not follow from its header, such as the second of two columns with the
/// same name.
fn renamed_column(column: &Column) -> Option<String> {
    let header = column.headers.first()?;
    let is_alike =
        [header.to_lowercase(), column_name(header)].contains(&column.name.to_lowercase());
    (!is_alike).then(|| format!("{header:?} is {}", column.name))
}

fn about_optional(columns: &[Column]) -> Vec<String> {
    let optional = columns.iter().filter(|column| column.is_optional);
    let optional: Vec<&str> = optional.map(|column| column.name.as_str()).collect();
    match optional.as_slice() {
        [] => Vec::new(),
        optional => vec![format!(
            "{} of {} column(s) are in optional_columns, because some files lack them, which `backfill drift` \
             shows: {}",
            optional.len(),
            columns.len(),
            few(optional)
        )],
    }
}

fn about_personal(columns: &[Column]) -> String {
    match named(columns, |column| column.is_personal) {
        Some(names) => {
            format!("personal_columns, from their names and values: {names}; complete the list")
        }
        None => "personal_columns: no column name looks personal; list the columns that have personal data"
            .to_owned(),
    }
}
