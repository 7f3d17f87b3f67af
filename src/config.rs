//! The **configuration**: what `backfill.toml` says, turned into what it means.
//!
//! The file holds what belongs to a project (where the exports are, where staging goes, which
//! datasets there are); secrets stay in the environment. Everything that can be checked without
//! touching a store or a database is checked here, before any of them is touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::load::TableName;
use crate::source::{KeyPattern, Place};
use backfill_csv::Dialect;

mod limit;

pub use limit::{RejectLimit, Size};

/// The name of the configuration file where none is given.
pub const FILE_NAME: &str = "backfill.toml";

/// The environment as it was when the program started: secrets and endpoints come from here.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Takes over pairs of name and value.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The value of `name`, where it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Sets `name` to `value`.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Every pair whose name starts with `prefix`.
    pub fn starting_with<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        let matching = self.0.iter().filter(move |(name, _)| name.starts_with(prefix));
        matching.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Everything a run needs to know that does not depend on the command.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the source files are.
    pub source: Place,
    /// Where mirrors, rejects and staging go.
    pub staging: Place,
    /// The datasets, in the order of their names.
    pub datasets: Vec<Dataset>,
    /// How much memory and how many files at once.
    pub limits: Limits,
}

/// One prefix of exports with its SQL and its target table.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The dataset's name: its SQL schema and the folder of its SQL.
    pub name: String,
    /// The prefix below the source URL, ending in `/` unless empty.
    pub prefix: String,
    /// Which keys under the prefix are exports, one pattern or several.
    pub key: Vec<KeyPattern>,
    /// The target table.
    pub table: TableName,
    /// How rows come into the target.
    pub mode: LoadMode,
    /// The folder with `target.sql`, `stage.sql`, `dedupe.sql` and `checks/`.
    pub sql: PathBuf,
    /// How its files are written.
    pub dialect: Dialect,
    /// How many records of a batch may be rejected.
    pub max_rejects: RejectLimit,
    /// What a zero-byte object means.
    pub zero_byte_files: ZeroByteFiles,
    /// Columns that older files may lack; `source` has them also where no file in range does.
    pub optional_columns: Vec<String>,
    /// Columns whose values are shown nowhere, only their shapes; `billing_*` means all that start so.
    pub personal_columns: Vec<String>,
}

impl Dataset {
    /// A dataset of which nothing is known but its name, its prefix, its table and the folder of its SQL;
    /// it has no key pattern yet.
    pub fn started(name: &str, prefix: &str, table: TableName, sql: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            prefix: with_slash(prefix),
            key: Vec::new(),
            table,
            mode: LoadMode::default(),
            sql,
            dialect: Dialect::default(),
            max_rejects: RejectLimit::default(),
            zero_byte_files: ZeroByteFiles::default(),
            optional_columns: Vec::new(),
            personal_columns: Vec::new(),
        }
    }

    /// Whether a column's values are shown nowhere.
    pub fn is_personal(&self, column: &str) -> bool {
        self.personal_columns.iter().any(|pattern| is_meant(pattern, column))
    }

    /// The entries of `personal_columns` that mean none of these columns.
    pub fn unmatched_personal<'a>(&'a self, columns: &[&str]) -> Vec<&'a str> {
        let is_unmatched = |entry: &&String| !columns.iter().any(|column| is_meant(entry, column));
        self.personal_columns.iter().filter(is_unmatched).map(String::as_str).collect()
    }
}

/// Whether an entry of `personal_columns` means a column.
fn is_meant(entry: &str, column: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(start) => column.starts_with(start),
        None => column == entry,
    }
}

/// How rows come into the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadMode {
    /// Rows are added; a file that is already there is skipped whole.
    #[default]
    Append,
}

/// What a zero-byte object means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroByteFiles {
    /// An export that failed: the run is refused until it is dealt with.
    #[default]
    Refuse,
    /// A day without rows: reported, counted as zero records, and passed over.
    Skip,
}

/// Bounds that do not grow with the input.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory for the SQL engine, in bytes; what does not fit spills to disk.
    pub sql_memory: u64,
    /// How many files are mirrored or staged at once.
    pub files_at_once: usize,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, or has a key that is not known.
    #[error("line {line}, column {column} of the configuration {} is not understood: {reason}",
            path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What is wrong. Names keys, but no value and no line of the file: a secret may have been
        /// written where none belongs.
        reason: String,
    },
    /// A value is of the right type and yet impossible.
    #[error("{} in the configuration {}: {reason}", at, path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key, with its table: `datasets.orders_create.prefix`.
        at: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// `--prefix` names a prefix that no dataset has.
    #[error("no dataset has the prefix `{prefix}`; the configured ones are {}", known.join(", "))]
    UnknownPrefix {
        /// What was asked for.
        prefix: String,
        /// What there is.
        known: Vec<String>,
    },
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { .. } => Some(
                "give its path with --config, or start from the example in the README".to_owned(),
            ),
            Self::Syntax { .. } | Self::Value { .. } => {
                Some("the README lists every key of backfill.toml".to_owned())
            }
            Self::UnknownPrefix { .. } => None,
        }
    }
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
    pub fn read_started(path: &Path) -> Result<Self, Error> {
        Self::parse_started(&read(path)?, path)
    }

    /// Reads `text` as the content of the configuration file at `path`.
    ///
    /// # Errors
    /// [`Error::Syntax`] or [`Error::Value`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let config = Self::parse_started(text, path)?;
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
    pub fn parse_started(text: &str, path: &Path) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| syntax(text, path, &error))?;
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::new(),
        };
        file.mean(&folder).map_err(|(at, reason)| Error::Value {
            path: path.to_owned(),
            at,
            reason,
        })
    }

    /// Keeps only the datasets of the given prefixes; all of them where none is given.
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
        }
        Ok(self)
    }
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

/// What the parser says, without the line of the file that it would show.
fn syntax(text: &str, path: &Path, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Error::Syntax { path: path.to_owned(), line, column, reason: without_texts(error.message()) }
}

/// A message with `"…"` for what stands between its first and its last quotation mark.
fn without_texts(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}\"…\"{}", &message[..first], &message[last + 1..])
        }
        _ => message.to_owned(),
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    source: SourceTable,
    staging: StagingTable,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    datasets: BTreeMap<String, DatasetTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    url: String,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StagingTable {
    url: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    sql_memory: Option<Size>,
    files_at_once: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatasetTable {
    prefix: String,
    key: OneOrMany,
    table: String,
    #[serde(default)]
    mode: LoadMode,
    sql: Option<PathBuf>,
    #[serde(default)]
    csv: Dialect,
    #[serde(default)]
    max_rejects: RejectLimit,
    #[serde(default)]
    zero_byte_files: ZeroByteFiles,
    #[serde(default)]
    optional_columns: Vec<String>,
    #[serde(default)]
    personal_columns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A key of the file and what is wrong with its value.
type Complaint = (String, String);

impl File {
    fn mean(self, folder: &Path) -> Result<Config, Complaint> {
        let place = |at: &str, url: &str, name: Option<String>| {
            Place::parse(url, folder, name).map_err(|error| (at.to_owned(), error.to_string()))
        };
        let source = place("source.url", &self.source.url, self.source.name)?;
        let staging = place("staging.url", &self.staging.url, None)?;
        let datasets: Vec<Dataset> = self
            .datasets
            .into_iter()
            .map(|(name, table)| table.mean(name, folder))
            .collect::<Result<_, _>>()?;
        Ok(Config { source, staging, datasets, limits: self.limits.mean()? })
    }
}

impl LimitsTable {
    fn mean(self) -> Result<Limits, Complaint> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let files_at_once = self.files_at_once.unwrap_or(cores);
        let sql_memory = self.sql_memory.map_or(512 << 20, |size| size.bytes);
        let complaint = |at: &str, reason: &str| Err((at.to_owned(), reason.to_owned()));
        if files_at_once == 0 {
            return complaint("limits.files_at_once", "must be 1 or more");
        }
        if sql_memory < 32 << 20 {
            return complaint("limits.sql_memory", "must be 32 MiB or more");
        }
        Ok(Limits { sql_memory, files_at_once })
    }
}

impl DatasetTable {
    fn mean(self, name: String, folder: &Path) -> Result<Dataset, Complaint> {
        let at = |key: &str| format!("datasets.{name}.{key}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
            let reason =
                "a dataset's name is a SQL name: a-z, 0-9 and _, not starting with a digit";
            return Err((format!("datasets.{name}"), reason.to_owned()));
        }
        // The engine keeps its own tables under this name.
        if name == "information_schema" {
            return Err((format!("datasets.{name}"), "the name is taken".to_owned()));
        }
        let is_pattern = |entry: &str| {
            !entry.is_empty() && !entry.strip_suffix('*').unwrap_or(entry).contains('*')
        };
        if let Some(entry) = self.personal_columns.iter().find(|entry| !is_pattern(entry)) {
            let reason = format!("`{entry}` is no column: a * stands at the end, as in billing_*");
            return Err((at("personal_columns"), reason));
        }
        if self.prefix.starts_with('/') || self.prefix.contains("//") {
            let reason = "a prefix is written without a leading or a double slash";
            return Err((at("prefix"), reason.to_owned()));
        }
        let patterns = match self.key {
            OneOrMany::One(pattern) => vec![pattern],
            OneOrMany::Many(patterns) => patterns,
        };
        let key: Vec<KeyPattern> = patterns
            .iter()
            .map(|pattern| pattern.parse())
            .collect::<Result<_, _>>()
            .map_err(|error: crate::source::InvalidPattern| (at("key"), error.to_string()))?;
        if key.is_empty() {
            return Err((at("key"), "at least one pattern is needed".to_owned()));
        }
        let table = self
            .table
            .parse()
            .map_err(|error: crate::load::InvalidTableName| (at("table"), error.to_string()))?;
        self.csv.validate().map_err(|error| (at("csv"), error.to_string()))?;
        let sql = folder.join(self.sql.unwrap_or_else(|| Path::new("sql").join(&name)));
        Ok(Dataset {
            prefix: with_slash(&self.prefix),
            key,
            table,
            mode: self.mode,
            sql,
            dialect: self.csv,
            max_rejects: self.max_rejects,
            zero_byte_files: self.zero_byte_files,
            optional_columns: self.optional_columns,
            personal_columns: self.personal_columns,
            name,
        })
    }
}

/// A prefix ends in a slash, so that `orders-create/` is not `orders-create-old/`.
fn with_slash(prefix: &str) -> String {
    if prefix.is_empty() || prefix.ends_with('/') {
        prefix.to_owned()
    } else {
        format!("{prefix}/")
    }
}

#[cfg(test)]
mod tests;
