//! To compare **deep** is to read out every row that the target holds of some files, and to compare each of its
//! cells with the row that was staged. Nothing is written to the database: the transaction is read-only.
//!
//! Both sides come as lines of COPY, in the order of file and `_row_id`, so that a whole line is compared at once
//! if it has the bytes that the load sent. If PostgreSQL writes a type differently from the load (`95` as `95.00`),
//! the values are compared by their meaning, as far as that is certain; for the other types the server is asked, at
//! the end, how it writes what was sent. Rows that wait for its answer are kept in a temporary file, so that memory
//! is bounded.

mod cells;
mod expected;
mod form;
mod line;
mod pass;
mod server;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::Client;

use super::{ComparedColumn, Database, Encoder, Target};
use crate::engine::Engine;
use crate::progress::Listener;
use crate::stage::StagedFile;
use crate::target::Error;

/// What deep comparisons have in common.
pub struct DeepJob<'a> {
    /// The target database.
    pub database: &'a Database,
    /// The target.
    pub target: &'a Target,
    /// Encodes staged rows for it, as the load does.
    pub encoder: Arc<Encoder>,
    /// Reads staged files.
    pub engine: &'a Engine,
    /// Columns that are not compared.
    pub but: &'a [String],
    /// Is notified of every row that is compared.
    pub progress: &'a Listener,
}

/// A file whose rows are compared.
#[derive(Clone, Debug)]
pub struct DeepFile {
    /// What was staged of it.
    pub staged: StagedFile,
    /// The transactions that brought its rows, 64-bit ids in decimal; none if the ledger has lost them.
    pub xids: Vec<String>,
}

/// What a deep comparison found.
#[derive(Clone, Debug, Default)]
pub struct Deep {
    /// The counts of each file, in the order in which the files were given.
    pub files: Vec<DeepCounts>,
    /// The columns that differ, by name.
    pub columns: BTreeMap<String, ComparedColumn>,
    /// The first cells that differ, by file and row.
    pub places: Vec<Place>,
}

/// How the rows of one file compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeepCounts {
    /// Rows that are the same on both sides.
    pub equal: u64,
    /// Rows that are on both sides and differ.
    pub different: u64,
    /// Rows of the target that were not staged, or that repeat another row.
    pub extra: u64,
    /// Of these, rows that another transaction wrote than those of the load.
    pub extra_of_others: u64,
    /// Staged rows that the target does not hold.
    pub not_in_target: u64,
    /// Rows on both sides that another transaction wrote: somebody has updated them, or the table was restored.
    pub rewritten: u64,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The name of the file.
    pub file: String,
    /// The row.
    pub row_id: i64,
    /// The column.
    pub column: String,
}

/// How many cells are named.
const MAX_PLACES: usize = 20;

/// How many pairs of values of a column are looked at for their shapes.
const MAX_PAIRS: u64 = 1000;

/// Returns the names of the columns that are compared.
pub fn compared_columns(target: &Target, encoder: &Encoder, but: &[String]) -> Vec<String> {
    cells::cells(target, encoder, but).into_iter().map(|cell| cell.column.name).collect()
}

/// Compares every row that the target holds of some files.
///
/// # Errors
/// [`Error`].
pub async fn compare_deep(job: &DeepJob<'_>, files: &[DeepFile]) -> Result<Deep, Error> {
    job.database.session(async |client: &Client| pass::run(job, files, client).await).await
}

impl Deep {
    /// Adds what another comparison found; its files come after those that are there.
    pub fn add(&mut self, other: Self) {
        self.files.extend(other.files);
        for (name, column) in other.columns {
            let sum = self.columns.entry(name).or_default();
            sum.rows += column.rows;
            for (pair, rows) in column.shapes {
                *sum.shapes.entry(pair).or_default() += rows;
            }
        }
        self.places.extend(other.places);
        self.cut_places();
    }

    fn cut_places(&mut self) {
        self.places.sort();
        self.places.truncate(MAX_PLACES);
    }
}
