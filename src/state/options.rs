//! The **options** of a run: what it is asked to do, and what it is allowed to do.

use serde::{Deserialize, Serialize};

use super::files::Policy;
use crate::domain::{Dataset, DateRange};
use crate::sql::Sql;

/// What a run is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The file dates.
    pub range: DateRange,
    /// Days per batch.
    pub batch_days: u32,
    /// How many batches are loaded at once.
    pub connections: usize,
    /// What is allowed.
    pub allow: Allow,
}

/// What a run is allowed to do that is refused otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// Load changed files again.
    pub reload: bool,
    /// Delete the rows of files that are gone from the source.
    pub remove_gone: bool,
    /// Fire triggers, and change other tables through foreign keys.
    pub side_effects: bool,
    /// Load days that the live loader has begun to load.
    pub live_days: bool,
    /// Bring rows back that somebody deleted on purpose.
    pub restore_deleted: bool,
    /// Load beside rows of the target that have no `_file_name`.
    pub unnamed_rows: bool,
    /// Load the range as if no other days had been loaded before.
    pub range_alone: bool,
}

impl Options {
    /// Returns what may be done with the files of a dataset, given today's SQL.
    pub fn policy(&self, dataset: &Dataset, sql: &Sql) -> Policy {
        Policy {
            allow: self.allow,
            placement: dataset.placement.clone(),
            sql_hash: sql.hash(),
            ..Policy::default()
        }
    }
}
