//! What a run is asked to do.

use super::files::Policy;
use crate::domain::DateRange;
use crate::sql::Sql;

/// What a run is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The file dates.
    pub range: DateRange,
    /// Days per batch.
    pub batch_days: u32,
    /// How many batches at once.
    pub connections: usize,
    /// Whether changed files are loaded again.
    pub reload: bool,
    /// Whether rows of files that are gone from the source are deleted.
    pub remove_gone: bool,
}

impl Options {
    /// What may be done with files that were loaded before, given the SQL of today.
    pub fn policy(&self, sql: &Sql) -> Policy {
        Policy {
            reload: self.reload,
            remove_gone: self.remove_gone,
            sql_hash: sql.hash(),
            ..Policy::default()
        }
    }
}
