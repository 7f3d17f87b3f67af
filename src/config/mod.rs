//! The **configuration**: what `backfill.toml` says, turned into what it means.
//!
//! The file holds what belongs to a project (where the exports are, where staging goes, which
//! datasets there are); secrets stay in the environment. Everything that can be checked without
//! touching a store or a database is checked here, before any of them is touched.

use std::path::{Path, PathBuf};

mod error;
mod file;
mod size;

pub use error::Error;
pub use size::Size;

use crate::domain::{Dataset, Limits, with_slash};
use crate::store::Place;
use file::{File, syntax};

/// The name of the configuration file where none is given.
pub const FILE_NAME: &str = "backfill.toml";

/// Everything a run needs to know that does not depend on the command.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the source files are.
    pub source: Place,
    /// Where mirrors, rejects and staging go.
    pub staging: Place,
    /// The datasets, in the order in which they stand in the file, or of the prefixes that were asked for.
    pub datasets: Vec<Dataset>,
    /// How much memory and how many files at once.
    pub limits: Limits,
    /// How many days rows that a run replaced or deleted are kept for `undo`; 0: they are not kept.
    pub undo_days: u32,
}

impl Config {
    /// Reads the configuration file at `path`; relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`Error`], where the file is missing, is not understood, or holds an impossible value.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&read(path)?, path)
    }

    /// Reads the configuration file at `path`, which may have no dataset yet.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_draft(path: &Path) -> Result<Self, Error> {
        Self::parse_draft(&read(path)?, path)
    }

    /// Reads `text` as the content of the configuration file at `path`.
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

    /// Reads `text` as the content of a configuration file that may have no dataset yet.
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

    /// Keeps only the datasets of the given prefixes, in this order; all of them where none is given.
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
            self.datasets.retain(|dataset| wanted.contains(&dataset.prefix));
            self.datasets
                .sort_by_key(|dataset| wanted.iter().position(|prefix| *prefix == dataset.prefix));
        }
        Ok(self)
    }
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
