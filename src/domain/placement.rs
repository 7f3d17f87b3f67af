//! A **placement** is how rows get into the target.

use serde::{Deserialize, Serialize};

/// How rows get into the target; in the configuration, `mode` and the keys that belong to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Rows are added; a file whose rows are there already is skipped as a whole.
    #[default]
    Append,
    /// A row replaces an older row with the same key, and is left out if the target has a newer one.
    Merge(MergeRule),
    /// The rows that the target has of the same files or days are deleted, whoever inserted them, and
    /// the new ones are inserted in the same transaction.
    ReplaceRange(ReplaceBy),
}

/// Which rows are the same, and which of them is newer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MergeRule {
    /// The columns of the target that make two rows the same.
    pub key: Vec<String>,
    /// The columns that decide which row is newer: the one with the greater value; NULL is older than any value. Of
    /// equal rows, the one from the later file by name is newer, then the one further down in the file.
    pub order: Vec<String>,
}

/// Which old rows are replaced by new ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplaceBy {
    /// Those of the same files, by `_file_name`.
    #[default]
    Files,
    /// Those of the same file dates, by `_file_date`.
    Days,
}

/// The name of a placement in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// [`Placement::Append`].
    #[default]
    Append,
    /// [`Placement::Merge`].
    Merge,
    /// [`Placement::ReplaceRange`].
    ReplaceRange,
}

impl Placement {
    /// Whether rows are compared with those that the target has, key by key.
    pub fn merges(&self) -> bool {
        matches!(self, Self::Merge(_))
    }

    /// The columns of the target that make two rows the same, if rows are compared.
    pub fn merge_key(&self) -> Option<&[String]> {
        match self {
            Self::Merge(rule) => Some(&rule.key),
            Self::Append | Self::ReplaceRange(_) => None,
        }
    }

    /// Whether rows of the same files or days are replaced without being asked.
    pub fn replaces(&self) -> bool {
        matches!(self, Self::ReplaceRange(_))
    }
}

/// What was placed of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// Rows that are new in the target.
    pub inserted: u64,
    /// Rows that replaced an older row of the same key.
    pub updated: u64,
    /// Rows that were left out because the target has a newer one of the same key.
    pub skipped_older: u64,
    /// Rows of the file that were deleted from the target to be replaced.
    pub deleted: u64,
}

impl Placed {
    /// Staged rows that are accounted for.
    pub fn accounted(self) -> u64 {
        self.inserted + self.updated + self.skipped_older
    }
}
