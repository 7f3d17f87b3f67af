//! A **placement** is how rows get into the target.

use serde::{Deserialize, Serialize};

/// How rows get into the target; in the configuration, `mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Rows are added; a file whose rows are there already is skipped as a whole.
    #[default]
    Append,
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
    /// Rows of the file that were deleted to make place.
    pub deleted: u64,
}

impl Placed {
    /// Staged rows that are accounted for.
    pub fn accounted(self) -> u64 {
        self.inserted + self.updated + self.skipped_older
    }
}
