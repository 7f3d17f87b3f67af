//! To **init** a dataset is to write its section of the configuration and its SQL, from what its files
//! are like and, where it exists, from the target table. What is not read is named, and what is a guess is
//! reported with what speaks for it.

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
use std::path::{Path, PathBuf};

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
    /// The columns that are guessed to be its key; none where there is no such guess.
    pub key: Vec<String>,
    /// What a person should look at.
    pub remarks: Vec<String>,
}

/// Writes the files of a new dataset; nothing is on disk yet.
pub fn scaffold(findings: &Findings<'_>) -> Scaffold {
    let Findings { dataset, drift, profiled, target, definition, types, .. } = findings;
    let renamed = renamed(drift, &dataset.dialect.aliases);
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
    let remarks = Remarks::about(findings, &columns, &renamed, &headers);
    let file = |name: &str, text: String| (Path::new(name).to_owned(), text);
    let mut files = vec![
        file("target.sql", files::target(dataset, &columns, *definition, &remarks)),
        file("stage.sql", files::stage(&columns, *target, &remarks)),
        file("dedupe.sql", files::dedupe(&guessed, guess)),
    ];
    let checks = files::checks(&columns, &key).into_iter();
    files.extend(checks.map(|(name, text)| file(&format!("checks/{name}.sql"), text)));
    Scaffold {
        dataset: dataset.name.clone(),
        section: files::section(dataset, &columns, &remarks),
        files,
        key: key.iter().map(|column| column.name.clone()).collect(),
        remarks: remarks.all(),
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

/// The newest name of each renamed column, with its older ones; names of one column are none of another.
fn renamed(
    drift: &Drift,
    aliases: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, Vec<String>> {
    let own = |written: &String| {
        let kept = aliases.iter().find(|(_, others)| others.contains(written));
        kept.map_or(written, |(name, _)| name).clone()
    };
    let mut renamed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for change in drift.epochs.iter().flat_map(|epoch| &epoch.changes) {
        let Change::Renamed { from, to, .. } = change else { continue };
        let (from, to) = (own(from), own(to));
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
