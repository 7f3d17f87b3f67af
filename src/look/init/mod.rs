//! To **init** a dataset is to write its section of the configuration and its SQL, from what its files
//! are like and, if it exists, from the target table. Files that are not read are named, and each guess is
//! reported with its reasons.

mod candidate;
mod columns;
mod data_keys;
mod day_part;
mod doubts;
mod files;
mod findings;
mod fits;
mod forms;
mod key;
mod lines;
mod naming;
mod numbers;
mod pattern;
mod remarks;
mod settings;
mod strangers;
mod target;
mod types;
mod unread;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

pub use crate::domain::dlt_name::column_name;
pub use data_keys::{Keyed, archives, patterns};
pub use findings::{Findings, Seen};
pub use key::{Guess, likely};
pub use lines::settled;
pub use pattern::Undecided;
pub use settings::aliases;
pub use strangers::strangers;
pub use types::Types;
pub use unread::unread;

use crate::domain::FileDate;
use crate::look::drift::{Change, Drift};
use crate::mirror::Mirrored;
use crate::profile::FileProfile;
use columns::Column;
use remarks::Remarks;

/// A new dataset: what is written, and what a person should look at.
#[derive(Clone, Debug, Serialize)]
pub struct Scaffold {
    /// Its name.
    pub dataset: String,
    /// Its section of the configuration.
    pub section: String,
    /// Its SQL files, by their path below the dataset's folder.
    pub files: Vec<(PathBuf, String)>,
    /// The columns that are guessed to be its key; empty if there is no such guess.
    pub key: Vec<String>,
    /// What a person should look at.
    pub remarks: Vec<String>,
}

/// Writes the files of a new dataset; nothing is on disk yet.
pub fn scaffold(findings: &Findings<'_>) -> Scaffold {
    let Findings { dataset, drift, types, .. } = findings;
    let renamed = renamed(drift, &dataset.dialect.aliases);
    let headers = headers(drift);
    let columns =
        columns::columns(&headers, &renamed, &lacking(drift), &by_date(findings.profiled), *types);
    let guess = guess_for_target(findings);
    let guessed = columns_of_key(&columns, &guess);
    let key: &[&Column] = if guess.is_trusted { &guessed } else { &[] };
    let remarks = Remarks::about(findings, &columns, &renamed, &headers);
    let mut files = vec![
        (
            PathBuf::from("target.sql"),
            files::target(dataset, &columns, findings.definition, &remarks),
        ),
        (PathBuf::from("stage.sql"), files::stage(&columns, findings.target, &remarks)),
        (PathBuf::from("dedupe.sql"), files::dedupe(&guessed, &guess)),
    ];
    let checks = files::checks(&columns, key).into_iter();
    files.extend(checks.map(|(name, text)| (PathBuf::from(format!("checks/{name}.sql")), text)));
    Scaffold {
        dataset: dataset.name.clone(),
        section: files::section(dataset, &columns, &remarks),
        files,
        key: key.iter().map(|column| column.name.clone()).collect(),
        remarks: remarks.all(),
    }
}

/// The profiles of files by file date, the oldest first.
fn by_date<'a>(profiled: &[(&Mirrored, &'a FileProfile)]) -> Vec<(FileDate, &'a FileProfile)> {
    let mut dated: Vec<(FileDate, &FileProfile)> =
        profiled.iter().map(|(mirrored, profile)| (mirrored.file.date, *profile)).collect();
    dated.sort_by_key(|(date, _)| *date);
    dated
}

/// The guess of the key. For a table of dlt it is not trusted: dlt keeps every row of its files, and so must we.
fn guess_for_target(findings: &Findings<'_>) -> Guess {
    let is_of_dlt = findings.target.is_some_and(|target| target.guest.dlt().is_some());
    Guess { is_trusted: findings.guess.is_trusted && !is_of_dlt, ..findings.guess.clone() }
}

/// The columns that the guess names by a header.
fn columns_of_key<'a>(columns: &'a [Column], guess: &Guess) -> Vec<&'a Column> {
    let columns = columns.iter();
    columns.filter(|column| column.headers.iter().any(|h| guess.columns.contains(h))).collect()
}

/// All names of columns, in the newest epoch's order, then those that only older ones have.
fn headers(drift: &Drift) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let names = drift.epochs.iter().rev().flat_map(|epoch| epoch.names.iter());
    names.filter(|name| seen.insert(name.as_str())).cloned().collect()
}

/// The names that some epochs lack.
fn lacking(drift: &Drift) -> BTreeSet<String> {
    let mut names = headers(drift);
    names.retain(|name| drift.epochs.iter().any(|epoch| !epoch.names.contains(name)));
    names.into_iter().collect()
}

/// The newest name of each renamed column, with its older names. A name belongs to one column only.
fn renamed(
    drift: &Drift,
    aliases: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, Vec<String>> {
    let mut renamed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for change in drift.epochs.iter().flat_map(|epoch| &epoch.changes) {
        let Change::Renamed { from, to, .. } = change else { continue };
        let (from, to) = (kept_name(from, aliases).clone(), kept_name(to, aliases).clone());
        if from == to {
            continue;
        }
        let mut older = renamed.remove(&from).unwrap_or_default();
        older.push(from);
        let known = renamed.entry(to.clone()).or_default();
        for name in older {
            if name != to && !known.contains(&name) {
                known.push(name);
            }
        }
    }
    renamed
}

/// The name under which the aliases keep a column that a file writes as `written`.
fn kept_name<'a>(written: &'a String, aliases: &'a BTreeMap<String, Vec<String>>) -> &'a String {
    let kept = aliases.iter().find(|(_, others)| others.contains(written));
    kept.map_or(written, |(name, _)| name)
}
