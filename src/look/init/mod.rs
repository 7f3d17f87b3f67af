//! To **init** a dataset is to write its section of the configuration and its SQL, from what its files
//! are like and, where it exists, from the target table. What is a guess is told as one.

mod columns;
mod files;
mod key;
mod naming;
mod numbers;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use crate::domain::dlt_name::column_name;
pub use columns::Types;
pub use key::{Guess, likely};
pub use pattern::guess;

use crate::domain::{Dataset, FileDate};
use crate::look::drift::{Change, Drift};
use crate::mirror::{Mirrored, Rejected};
use crate::profile::FileProfile;
use crate::target::{DLT_COLUMNS, Definition, Target};
use backfill_csv::Encodings;
use columns::Column;

/// So many reasons for rejects are told.
const REJECTS: usize = 5;

/// A new dataset: what is written, and what a person should look at.
#[derive(Clone, Debug, Serialize)]
pub struct Scaffold {
    /// Its name.
    pub dataset: String,
    /// Its section of the configuration.
    pub section: String,
    /// Its SQL files, by their path below the dataset's folder.
    pub files: Vec<(PathBuf, String)>,
    /// The columns that are guessed to be its key; none where there is no such guess.
    pub key: Vec<String>,
    /// What a person should look at.
    pub remarks: Vec<String>,
}

/// What a new dataset is made from.
pub struct Findings<'a> {
    /// The dataset as far as it is known: name, prefix, key pattern, table.
    pub dataset: &'a Dataset,
    /// Its formats.
    pub drift: &'a Drift,
    /// Some files of each epoch, with their profiles.
    pub profiled: &'a [(&'a Mirrored, &'a FileProfile)],
    /// Its likely key, as headers.
    pub guess: Guess,
    /// The records of these files that cannot be read.
    pub rejected: &'a [Rejected],
    /// The target, where it is there.
    pub target: Option<&'a Target>,
    /// How the target is declared, where it is there.
    pub definition: Option<&'a Definition>,
    /// Whether all columns are text.
    pub types: Types<'a>,
}

/// Writes the files of a new dataset; nothing is on disk yet.
pub fn scaffold(findings: &Findings<'_>) -> Scaffold {
    let Findings { dataset, drift, profiled, target, definition, types, .. } = findings;
    let renamed = renamed(drift);
    let headers = headers(drift);
    let mut dated: Vec<(FileDate, &FileProfile)> =
        profiled.iter().map(|(mirrored, profile)| (mirrored.file.date, *profile)).collect();
    dated.sort_by_key(|(date, _)| *date);
    let columns = columns::columns(&headers, &renamed, &lacking(drift), &dated, *types);
    // The live loader keeps every row.
    let is_of_dlt = target.is_some_and(|target| target.guest.dlt().is_some());
    let guess =
        &Guess { is_trusted: findings.guess.is_trusted && !is_of_dlt, ..findings.guess.clone() };
    let of_key = |column: &&Column| column.headers.iter().any(|h| guess.columns.contains(h));
    let guessed: Vec<&Column> = columns.iter().filter(of_key).collect();
    let key = if guess.is_trusted { guessed.clone() } else { Vec::new() };
    let file = |name: &str, text: String| (Path::new(name).to_owned(), text);
    let mut files = vec![
        file("target.sql", files::target(dataset, &columns, *definition)),
        file("stage.sql", files::stage(&columns, *target)),
        file("dedupe.sql", files::dedupe(&guessed, guess)),
    ];
    let checks = files::checks(&columns, &key).into_iter();
    files.extend(checks.map(|(name, text)| file(&format!("checks/{name}.sql"), text)));
    Scaffold {
        dataset: dataset.name.clone(),
        section: files::section(dataset, &columns),
        files,
        key: key.iter().map(|column| column.name.clone()).collect(),
        remarks: remarks(findings, &columns, &renamed, &headers),
    }
}

/// All names of columns, in the newest epoch's order, then those that only older ones have.
fn headers(drift: &Drift) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let names = drift.epochs.iter().rev().flat_map(|epoch| epoch.names.iter());
    names.filter(|name| seen.insert(name.as_str())).cloned().collect()
}

/// The names that some epochs lack.
fn lacking(drift: &Drift) -> BTreeSet<String> {
    let lacks = |name: &String| drift.epochs.iter().any(|epoch| !epoch.names.contains(name));
    headers(drift).into_iter().filter(lacks).collect()
}

/// The newest name of each renamed column, with its older ones.
fn renamed(drift: &Drift) -> BTreeMap<String, Vec<String>> {
    let mut renamed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for change in drift.epochs.iter().flat_map(|epoch| &epoch.changes) {
        let Change::Renamed { from, to, .. } = change else { continue };
        let mut older = renamed.remove(from).unwrap_or_default();
        older.push(from.clone());
        let known = renamed.entry(to.clone()).or_default();
        for name in older {
            if name != *to && !known.contains(&name) {
                known.push(name);
            }
        }
    }
    renamed
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
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn remarks(
    findings: &Findings<'_>,
    columns: &[Column],
    renamed: &BTreeMap<String, Vec<String>>,
    headers: &[String],
) -> Vec<String> {
    let is_of_dlt = findings.target.is_some_and(|target| target.guest.dlt().is_some());
    let mut remarks = vec![match is_of_dlt {
        true => "dlt keeps every row of its files, and so does dedupe.sql".to_owned(),
        false => about_the_key(&findings.guess),
    }];
    if findings.dataset.key.iter().any(|pattern| pattern.to_string().contains("{date:%m")) {
        remarks.push(
            "the month stands first in the dates of keys: a guess, if no day is above 12"
                .to_owned(),
        );
    }
    if findings.dataset.dialect.encoding != Encodings::default() {
        remarks.push(
            "csv.encoding has windows-1252 for files that are not UTF-8, which is a guess"
                .to_owned(),
        );
    }
    for Rejected { key, reason, records, first_line, .. } in findings.rejected.iter().take(REJECTS)
    {
        remarks.push(format!(
            "{records} record(s) of {key} are rejected, from line {first_line} on: {reason}"
        ));
    }
    let optional = columns.iter().filter(|column| column.is_optional).count();
    if optional > 0 {
        remarks.push(format!(
            "{optional} of {} column(s) are in optional_columns, because some files lack them: \
             `backfill drift` shows which",
            columns.len()
        ));
    }
    for (name, others) in renamed {
        remarks.push(format!("{} and {name} are taken as one column: a guess", others.join(", ")));
    }
    let named = |test: fn(&Column) -> bool| {
        let named: Vec<&str> =
            columns.iter().filter(|c| test(c)).map(|c| c.name.as_str()).collect();
        (!named.is_empty()).then(|| named.join(", "))
    };
    if let Some(names) = named(|column| column.is_unclear) {
        remarks.push(format!(
            "read with the month first, as 12/31, which is a guess: no value tells it from the day \
             in {names}"
        ));
    }
    remarks.extend(columns.iter().filter_map(|column| {
        let doubt = column.doubt.as_ref()?;
        Some(format!("{}: {doubt}", column.name))
    }));
    remarks.push(match named(|column| column.is_personal) {
        Some(names) => {
            format!("personal_columns, from their names and values: {names}; complete the list")
        }
        None => "personal_columns: no name speaks of persons; list those that hold their data"
            .to_owned(),
    });
    if let Some(target) = findings.target {
        let kept: Vec<&String> = columns.iter().flat_map(|column| &column.headers).collect();
        let is_computed = |name: &str| {
            target.column(&column_name(name)).is_some_and(|column| column.is_generated)
        };
        let left: Vec<&str> = headers
            .iter()
            .filter(|name| !kept.contains(name) && !is_computed(name))
            .map(String::as_str)
            .collect();
        if !left.is_empty() {
            let table = &target.table;
            remarks.push(format!("{table} has no column for {}: not loaded", left.join(", ")));
        }
        let computed: Vec<&str> =
            target.columns.iter().filter(|c| c.is_generated).map(|c| c.name.as_str()).collect();
        if !computed.is_empty() {
            remarks.push(format!(
                "computed by {}, and left to it: {}",
                target.table,
                computed.join(", ")
            ));
        }
        let lacks = |name: &&str| target.column(name).is_none();
        let needed: Vec<&str> = ["_file_name", "_row_id"].into_iter().filter(lacks).collect();
        if !needed.is_empty() {
            let (table, needed) = (&target.table, needed.join(" and "));
            remarks.push(format!(
                "{table} has no {needed}, which say where a row came from: a run will refuse until \
                 it has (text and bigint)"
            ));
        }
        let is_given = |name: &str| {
            let is_of_dlt = target.guest.dlt().is_some() && DLT_COLUMNS.contains(&name);
            is_of_dlt
                || columns.iter().any(|column| column.name == name)
                || naming::ADDED.contains(&name)
        };
        let is_zoned = |column: &Column| {
            column.reading.as_ref().is_some_and(|reading| reading.ends_with("AS timestamptz)"))
        };
        if let Some(names) = named(is_zoned) {
            remarks.push(format!("taken as UTC, because no file says a zone: {names}"));
        }
        let needed = target
            .columns
            .iter()
            .filter(|column| column.not_null && !column.has_default && !is_given(&column.name));
        for column in needed {
            remarks.push(format!(
                "{} of {} may not be NULL and no file has it: a run will refuse",
                column.name, target.table
            ));
        }
    }
    remarks
}
