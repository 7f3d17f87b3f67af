//! **Remarks** are what a person should look at in a new dataset: what is not read, and every guess with what speaks
//! for it. They stand in the files as comments, beside what they are about.

use std::collections::BTreeMap;

use super::columns::Column;
use super::findings::{Findings, Seen};
use super::key::Guess;
use super::naming::ADDED;
use super::types::Types;
use crate::domain::Finding;
use crate::domain::dlt_name::column_name;
use crate::look::drift::calendar::Oddity;
use crate::look::drift::{self, Drift};
use crate::mirror::Rejected;
use crate::printable::{few, grouped};
use crate::profile::FileProfile;
use crate::target::{DLT_COLUMNS, Target};
use backfill_csv::{Around, Encodings, UnusableNames};

/// So many reasons, each, for what is not read.
const REASONS: usize = 5;

/// The remarks, by what they are about.
#[derive(Clone, Debug, Default)]
pub struct Remarks {
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
    /// Single columns; those of one stand in `stage.sql` beside it.
    pub columns: Vec<String>,
    /// Columns that hold personal data.
    pub personal: Vec<String>,
    /// The target.
    pub target: Vec<String>,
}

impl Remarks {
    /// About a new dataset with these columns; `headers` are all that the files have.
    pub fn about(
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

    /// All of them.
    pub fn all(self) -> Vec<String> {
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
    let records = rejected.iter().take(REASONS).map(|rejected| {
        let Rejected { key, reason, records, first_line, .. } = rejected;
        format!("{records} record(s) of {key} are rejected, from line {first_line} on: {reason}")
    });
    remarks.extend(records);
    if rejected.len() > REASONS {
        remarks.push(format!(
            "records of {} more files, or for other reasons, are rejected: `backfill rejects` lists them",
            rejected.len() - REASONS
        ));
    }
    remarks
}

/// Keys that cannot be paths, and dates that may be none.
fn about_odd_keys(drift: &Drift) -> impl Iterator<Item = String> {
    drift.oddities.iter().filter_map(|oddity| match oddity {
        Oddity::Listed(finding @ (Finding::UnusableKeys { .. } | Finding::FarDates { .. })) => {
            Some(finding.to_string())
        }
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
            format!("key {patterns} is a guess: {dated} of {keys} key(s) have a date by it, {days}")
        }
        false => format!("key {patterns}: {dated} of {keys} key(s) have a date by it, {days}"),
    }];
    let (files, dates) = (findings.seen.dated, findings.seen.days);
    if *is_key_guessed && files > 2 && dates * 2 < files {
        remarks.push(format!(
            "{files} files have {dates} file date(s) by it: if another part of the keys says the day, give --key"
        ));
    }
    remarks.extend(about_odd_keys(findings.drift));
    if *is_key_guessed && patterns.contains("{from:") {
        remarks.push(
            "the two dates of a key are taken for the first and the last day of a period: a guess"
                .to_owned(),
        );
    }
    if *is_key_guessed && patterns.contains("{date:%m") {
        remarks.push(
            "the month stands first in the dates of keys: a guess, if no day is above 12"
                .to_owned(),
        );
    }
    remarks
}

fn about_csv(findings: &Findings<'_>) -> Vec<String> {
    let (seen, dialect) = (findings.seen, &findings.dataset.dialect);
    let mut remarks = Vec::new();
    let mut delimiters: Vec<&str> =
        findings.drift.formats.iter().map(|format| format.delimiter.as_str()).collect();
    delimiters.sort_unstable();
    delimiters.dedup();
    let written: Vec<String> = delimiters.into_iter().map(|text| format!("{text:?}")).collect();
    let files = grouped(seen.readable as u64);
    remarks.push(format!(
        "delimiter {} in {files} file(s), as it splits header and first records alike",
        written.join(" or ")
    ));
    if dialect.encoding != Encodings::default() {
        let decoded = grouped(seen.decoded.len() as u64);
        remarks.push(format!(
            "csv.encoding: {decoded} of {files} file(s) are not UTF-8 and are read as windows-1252, which is a \
             guess: {}; the others are read as UTF-8",
            few(&seen.decoded)
        ));
    }
    remarks.extend(about_lines(findings));
    let unusable = grouped(seen.unusable_names.len() as u64);
    let of_names =
        format!("of {unusable} file(s) are blank or duplicate: {}", few(&seen.unusable_names));
    if dialect.unusable_names == UnusableNames::Suffix {
        remarks.push(format!(
            "csv.unusable_names = \"suffix\", because column names {of_names}; such columns are column_3 or name_2"
        ));
    } else if !seen.unusable_names.is_empty() {
        remarks.push(format!(
            "column names {of_names}; csv.unusable_names = \"suffix\" reads such files"
        ));
    }
    for (name, others) in &dialect.aliases {
        let otherwise = seen.written_otherwise.get(name).copied().unwrap_or_default();
        remarks.push(format!(
            "csv.aliases: {name} is one column with {}, as {} of {files} file(s) write it",
            few(others),
            grouped(otherwise as u64),
        ));
    }
    remarks
}

/// The settings for lines around the tables, and such lines in single files.
fn about_lines(findings: &Findings<'_>) -> Vec<String> {
    let (seen, dialect) = (findings.seen, &findings.dataset.dialect);
    let files = grouped((seen.readable + findings.drift.unreadable()) as u64);
    let with = |is_so: fn(&Around) -> bool| -> Vec<String> {
        let found = seen.around.iter().filter(|file| is_so(&file.around));
        found.map(|file| file.key.clone()).collect()
    };
    let guess = |settings: &str, what: &str, keys: Vec<String>| {
        let (count, keys) = (grouped(keys.len() as u64), few(&keys));
        format!("{settings}, which is a guess: {count} of {files} file(s) have {what}: {keys}")
    };
    let mut remarks = Vec::new();
    if !dialect.header_names.is_empty() || dialect.header_pattern.is_some() {
        let keys = with(|around| around.lines_above > 0);
        remarks.push(guess("csv says how the header is found", "lines above it", keys));
    } else if dialect.names.is_some() {
        let keys = with(|around| !around.names.is_empty());
        remarks.push(guess("csv.names and csv.comment", "the names in a comment", keys));
    } else if dialect.comment.is_some() {
        let keys = with(|around| around.comment.is_some());
        remarks.push(guess("csv.comment", "lines above the header that start alike", keys));
    }
    if !dialect.skip_records.is_empty() {
        let keys = with(|around| around.units.is_some() || !around.last.is_empty());
        let what = "a first or last line that is unlike all others, such as units or totals";
        remarks.push(guess("csv.skip_records", what, keys));
    }
    remarks.extend(findings.drift.oddities.iter().filter_map(|oddity| match oddity {
        Oddity::Seen(lines @ drift::calendar::Seen::LinesAround { .. }) => {
            Some(Oddity::Seen(lines.clone()).to_string())
        }
        _ => None,
    }));
    remarks
}

fn about_dedupe(findings: &Findings<'_>) -> String {
    match findings.target.is_some_and(|target| target.guest.dlt().is_some()) {
        true => "dlt keeps every row of its files, and so does dedupe.sql".to_owned(),
        false => about_the_key(&findings.guess),
    }
}

fn about_the_key(guess: &Guess) -> String {
    let (key, again, files) = (guess.columns.join(", "), percent(guess.again), guess.files);
    match (guess.columns.is_empty(), guess.is_trusted) {
        (true, _) if files == 0 => {
            "no file that was looked at has a row: dedupe.sql keeps every row".to_owned()
        }
        (true, _) => "no column or pair of columns is unique in every file that was looked at: \
                      dedupe.sql keeps every row"
            .to_owned(),
        (false, true) if files == 1 => format!(
            "dedupe.sql takes {key} as the key, which is a guess: unique in the one file with rows \
             that was looked at"
        ),
        (false, true) => format!(
            "dedupe.sql takes {key} as the key, which is a guess: unique in each of the {files} \
             file(s) with rows that were looked at; {again} of a file's keys come again in the next"
        ),
        (false, false) => format!(
            "{key}: unique in each of the {files} file(s) with rows that were looked at, and {again} of \
             a file's values come again in the next; whether the row is then the same one, no file \
             says: dedupe.sql keeps every row, and has the other way as a comment"
        ),
    }
}

/// A share for people.
pub fn percent(share: f64) -> String {
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
            "types are guesses, from all {rows} row(s) of {files} of {all} file(s); \
             checks/unreadable_value.sql finds what has another type"
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
                "{} and {name} are taken as one column: a guess, from their names, places and values",
                others.join(", ")
            )
        })
        .collect();
    if let Some(names) = named(columns, |column| column.is_unclear) {
        remarks.push(format!(
            "read with the month first, as 12/31, which is a guess: no value tells it from the day \
             in {names}"
        ));
    }
    remarks.extend(columns.iter().filter_map(|column| {
        let doubt = column.doubt.as_ref()?;
        Some(format!("{}: {doubt}", column.name))
    }));
    remarks
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
        None => "personal_columns: no name speaks of persons; list those that hold their data"
            .to_owned(),
    }
}

/// The names of some columns, if there are any.
fn named(columns: &[Column], test: fn(&Column) -> bool) -> Option<String> {
    let named: Vec<&str> = columns.iter().filter(|c| test(c)).map(|c| c.name.as_str()).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

fn about_target(target: &Target, columns: &[Column], headers: &[String]) -> Vec<String> {
    let table = &target.table;
    let mut remarks = Vec::new();
    let kept: Vec<&String> = columns.iter().flat_map(|column| &column.headers).collect();
    let is_computed =
        |name: &str| target.column(&column_name(name)).is_some_and(|column| column.is_generated);
    let left: Vec<&str> = headers
        .iter()
        .filter(|name| !kept.contains(name) && !is_computed(name))
        .map(String::as_str)
        .collect();
    if !left.is_empty() {
        remarks.push(format!("{table} has no column for {}: not loaded", left.join(", ")));
    }
    let computed: Vec<&str> =
        target.columns.iter().filter(|c| c.is_generated).map(|c| c.name.as_str()).collect();
    if !computed.is_empty() {
        remarks.push(format!("computed by {table}, and left to it: {}", computed.join(", ")));
    }
    let lacks = |name: &&str| target.column(name).is_none();
    let needed: Vec<&str> = ["_file_name", "_row_id"].into_iter().filter(lacks).collect();
    if !needed.is_empty() {
        let needed = needed.join(" and ");
        remarks.push(format!(
            "{table} has no {needed}, which say where a row came from: a run will refuse until \
             it has (text and bigint)"
        ));
    }
    let is_zoned = |column: &Column| {
        column.reading.as_ref().is_some_and(|reading| reading.ends_with("AS timestamptz)"))
    };
    if let Some(names) = named(columns, is_zoned) {
        remarks.push(format!("taken as UTC, because no file says a zone: {names}"));
    }
    remarks.extend(about_needed(target, columns));
    remarks
}

/// Of columns of the target that need a value and get none.
fn about_needed(target: &Target, columns: &[Column]) -> Vec<String> {
    let is_given = |name: &str| {
        let is_of_dlt = target.guest.dlt().is_some() && DLT_COLUMNS.contains(&name);
        is_of_dlt || columns.iter().any(|column| column.name == name) || ADDED.contains(&name)
    };
    let is_needed = |column: &&crate::target::Column| {
        column.not_null && !column.has_default && !is_given(&column.name)
    };
    let needed = target.columns.iter().filter(is_needed);
    let remark = |column: &crate::target::Column| {
        format!(
            "{} of {} may not be NULL and no file has it: a run will refuse",
            column.name, target.table
        )
    };
    needed.map(remark).collect()
}
