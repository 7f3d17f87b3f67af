//! The **configuration**: what `backfill.toml` says, turned into what it means.
//!
//! The file describes a project: where the exports are, where staging goes, which datasets there are. Secrets stay in
//! the environment. Everything that can be checked without a store or a database is checked here, before any of them
//! is used.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

mod error;
mod file;
mod reference;
mod size;

pub use error::Error;
pub use file::is_sql_name;
pub use reference::Reference;
pub use size::Size;

use crate::domain::{Dataset, Limits, with_slash};
use crate::store::Place;
use file::{File, syntax};

/// The default name of the configuration file.
pub const FILE_NAME: &str = "backfill.toml";

/// Everything that a run needs to know and that does not depend on the command.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the source files are.
    pub source: Place,
    /// Where mirrors, rejects and staging go.
    pub staging: Place,
    /// The datasets to work on, in the order of the file, or in that of the prefixes on the command line.
    pub datasets: Vec<Dataset>,
    /// The other datasets of the file: checks may query them.
    pub beside: Vec<Dataset>,
    /// Single files that are tables for checks and queries.
    pub references: Vec<Reference>,
    /// How much memory and how many files at once.
    pub limits: Limits,
    /// For how many days rows that a run replaced or deleted are kept for `undo`; 0 if they are not kept.
    pub undo_days: u32,
}

impl Config {
    /// Reads the configuration file at `path`; relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`Error`] if the file is missing, is not understood, or holds an invalid value.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&read_text(path)?, path)
    }

    /// Reads the configuration file at `path`, which may have no dataset yet.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_draft(path: &Path) -> Result<Self, Error> {
        Self::parse_draft(&read_text(path)?, path)
    }

    /// Parses `text` as the content of the configuration file at `path`.
    ///
    /// # Errors
    /// [`Error::Syntax`] or [`Error::Value`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let config = Self::parse_draft(text, path)?;
        if config.datasets.is_empty() {
            return Err(Error::Value {
                path: path.to_owned(),
                at: "datasets".to_owned(),
                reason: "at least one [datasets.NAME] is needed".to_owned(),
            });
        }
        Ok(config)
    }

    /// Parses `text` as the content of a configuration file that may have no dataset yet.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_draft(text: &str, path: &Path) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| syntax(text, path, &error))?;
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::new(),
        };
        file.resolve(&folder).map_err(|(at, reason)| Error::Value {
            path: path.to_owned(),
            at,
            reason,
        })
    }

    /// Keeps only the datasets of the given prefixes, in their order; all datasets if no prefix is given.
    ///
    /// # Errors
    /// [`Error::UnknownPrefix`].
    pub fn select(mut self, prefixes: &[String]) -> Result<Self, Error> {
        let wanted: Vec<String> = prefixes.iter().map(|prefix| with_slash(prefix)).collect();
        for (prefix, given) in wanted.iter().zip(prefixes) {
            if !self.datasets.iter().any(|dataset| dataset.prefix == *prefix) {
                let known = self.datasets.iter().map(|dataset| dataset.prefix.clone()).collect();
                return Err(Error::UnknownPrefix { prefix: given.clone(), known });
            }
        }
        if !wanted.is_empty() {
            self.keep(|dataset| wanted.contains(&dataset.prefix));
            self.datasets
                .sort_by_key(|dataset| wanted.iter().position(|prefix| *prefix == dataset.prefix));
        }
        Ok(self)
    }

    /// Keeps only some of the datasets to be worked on; checks can still query the others.
    pub fn keep(&mut self, is_kept: impl Fn(&Dataset) -> bool) {
        let (kept, others) = std::mem::take(&mut self.datasets).into_iter().partition(is_kept);
        self.datasets = kept;
        self.beside.extend::<Vec<Dataset>>(others);
    }

    /// Whether one of some tables, each with its schema if that is given, does not belong to a dataset: it is a
    /// reference, or a table of another dataset.
    pub fn is_beside(&self, dataset: &str, tables: &BTreeSet<Vec<String>>) -> bool {
        tables.iter().any(|parts| {
            let schema = parts.len().checked_sub(2).and_then(|place| parts.get(place));
            schema.is_some_and(|schema| schema != dataset && self.has_dataset(schema))
                || parts.last().is_some_and(|table| self.has_reference(table))
        })
    }

    fn has_dataset(&self, name: &str) -> bool {
        self.datasets.iter().chain(&self.beside).any(|dataset| dataset.name == name)
    }

    fn has_reference(&self, name: &str) -> bool {
        self.references.iter().any(|reference| reference.name == name)
    }
}

/// Reads the text of the configuration file.
///
/// # Errors
/// [`Error::Unreadable`].
pub fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
