//! A **dataset** is one prefix of exports with its SQL and its target table.

use std::collections::BTreeMap;
use std::path::PathBuf;

use backfill_csv::Dialect;
use serde::Deserialize;

use super::{Cadence, DriftKinds, KeyFault, KeyPattern, Placement, RejectLimit, TableName};

/// The tables that SQL sees of every dataset.
pub const DATASET_TABLES: [&str; 8] = [
    "source",
    "files",
    "formats",
    "file_columns",
    "column_shapes",
    "rejects",
    "contract",
    "staged",
];

/// One prefix of exports with its SQL and its target table.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The dataset's name: its SQL schema and the folder of its SQL.
    pub name: String,
    /// The prefix below the source URL, ending in `/` unless empty.
    pub prefix: String,
    /// Which keys under the prefix are exports, one pattern or several.
    pub key: Vec<KeyPattern>,
    /// How often a file arrives.
    pub every: Cadence,
    /// The target table.
    pub table: TableName,
    /// How rows get into the target.
    pub placement: Placement,
    /// Columns of the target that hold the same text in every row, by name.
    pub constants: BTreeMap<String, String>,
    /// The folder with `target.sql`, `stage.sql`, `dedupe.sql` and `checks/`.
    pub sql: PathBuf,
    /// How its files are written.
    pub dialect: Dialect,
    /// How many records of a batch may be rejected.
    pub max_rejects: RejectLimit,
    /// What a zero-byte object means.
    pub zero_byte_files: ZeroByteFiles,
    /// Columns that older files may lack; `source` has them even if no file in range does.
    pub optional_columns: Vec<String>,
    /// Columns that are left out on purpose and not reported as new; `billing_*` means all that start with `billing_`.
    pub ignored_columns: Vec<String>,
    /// The kinds of drift that a run and a check refuse.
    pub refuse_drift: DriftKinds,
    /// Columns of which only shapes are shown, never values; `billing_*` means all that start with `billing_`.
    pub personal_columns: Vec<String>,
}

/// Why a name that SQL accepts cannot be the name of a dataset; `None` if it can.
pub fn taken_name(name: &str) -> Option<&'static str> {
    match name {
        "information_schema" => Some("the database and the engine keep their own tables there"),
        "target" => Some("in queries, it is the name of the database"),
        name if name.starts_with("pg_") => {
            Some("PostgreSQL keeps the names that begin with pg_ for itself")
        }
        name if DATASET_TABLES.contains(&name) => Some("every dataset has a table of this name"),
        _ => None,
    }
}

impl Dataset {
    /// A dataset with a name, a prefix, a table and a folder of SQL, and with defaults for everything else; it has
    /// no key pattern yet.
    pub fn draft(name: &str, prefix: &str, table: TableName, sql: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            prefix: with_slash(prefix),
            key: Vec::new(),
            every: Cadence::default(),
            table,
            placement: Placement::default(),
            constants: BTreeMap::new(),
            sql,
            dialect: Dialect::default(),
            max_rejects: RejectLimit::default(),
            zero_byte_files: ZeroByteFiles::default(),
            optional_columns: Vec::new(),
            ignored_columns: Vec::new(),
            refuse_drift: DriftKinds::default(),
            personal_columns: Vec::new(),
        }
    }

    /// Whether files may have this column although no SQL reads it: it is left out on purpose, or optional.
    pub fn is_known_column(&self, column: &str) -> bool {
        self.is_ignored(column) || self.optional_columns.iter().any(|known| known == column)
    }

    /// Whether a column is left out on purpose.
    pub fn is_ignored(&self, column: &str) -> bool {
        self.ignored_columns.iter().any(|pattern| is_meant(pattern, column))
    }

    /// Whether a column's values are never shown.
    pub fn is_personal(&self, column: &str) -> bool {
        self.personal_columns.iter().any(|pattern| is_meant(pattern, column))
    }

    /// The entries of `personal_columns` that match none of these columns.
    pub fn unmatched_personal<'a>(&'a self, columns: &[&str]) -> Vec<&'a str> {
        let entries = self.personal_columns.iter().map(String::as_str);
        entries.filter(|entry| !columns.iter().any(|column| is_meant(entry, column))).collect()
    }
}

/// Whether an entry of `personal_columns` or `ignored_columns` matches a column.
fn is_meant(entry: &str, column: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(start) => column.starts_with(start),
        None => column == entry,
    }
}

/// What a zero-byte object means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroByteFiles {
    /// It is an export that failed: the run is refused.
    #[default]
    Refuse,
    /// It is a day without rows: reported, counted as zero records, and skipped.
    Skip,
}

/// Adds a slash to a prefix that has none, so that `orders-create` does not match `orders-create-old/`.
pub fn with_slash(prefix: &str) -> String {
    if prefix.is_empty() || prefix.ends_with('/') {
        prefix.to_owned()
    } else {
        format!("{prefix}/")
    }
}

/// Why the objects below a prefix could not be read by their keys.
pub fn prefix_fault(prefix: &str) -> Option<KeyFault> {
    let folder = prefix.strip_suffix('/').filter(|folder| !folder.is_empty());
    KeyFault::of(folder.unwrap_or(prefix))
}
