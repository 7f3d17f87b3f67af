//! To **dedupe** is to find out which row of each key survives, over the whole range.
//!
//! `dedupe.sql` returns `_file_name` and `_row_id` of the survivors. They are kept as one bit a
//! record, so that the whole range fits into memory whatever its rows weigh.

use std::collections::HashMap;
use std::path::PathBuf;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use futures::StreamExt;
use sha2::{Digest, Sha256};

use crate::catalog::{self, Catalog};
use crate::failpoint;

/// The rows that survive, by file.
#[derive(Clone, Debug)]
pub struct Survivors {
    files: HashMap<String, RowSet>,
}

/// Some of the records of one file: one bit a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    records: u64,
    count: u64,
}

/// What can go wrong while rows are deduplicated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The query fails.
    #[error("deduplicating {dataset} failed")]
    Query {
        /// The dataset.
        dataset: String,
        /// Why.
        #[source]
        source: catalog::Error,
    },
    /// The query returns a row twice.
    #[error("{} returns the same row twice: {file}, row {row_id}", path.display())]
    Twice {
        /// The SQL file.
        path: PathBuf,
        /// The source file of the row.
        file: String,
        /// The row.
        row_id: i64,
    },
    /// The query returns a row that is not in `source`.
    #[error("{} returns a row that is not in source", path.display())]
    Unknown {
        /// The SQL file.
        path: PathBuf,
    },
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Query { source, .. } => source.hint(),
            Self::Twice { .. } | Self::Unknown { .. } => Some(
                "dedupe.sql returns _file_name and _row_id of source as they are, each survivor \
                 once: SELECT _file_name, _row_id FROM source QUALIFY row_number() OVER (…) = 1"
                    .to_owned(),
            ),
        }
    }
}

/// Runs `dedupe.sql` over the whole range.
///
/// # Errors
/// [`Error`].
pub async fn dedupe(catalog: &Catalog) -> Result<Survivors, Error> {
    let failed = |source| Error::Query { dataset: catalog.dataset.name.clone(), source };
    let query = &catalog.sql.dedupe;
    let plan = catalog.plan(query).await.map_err(failed)?;
    let position = |column: &'static str| {
        plan.schema().index_of_column_by_name(None, column).ok_or_else(|| {
            failed(catalog::Error::MissingColumn { path: query.path.clone(), column })
        })
    };
    let (names, ids) = (position("_file_name")?, position("_row_id")?);
    let mut survivors = Survivors::none(catalog);
    let mut rows =
        plan.execute_stream().await.map_err(|error| failed(catalog::Error::execution(error)))?;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|error| failed(catalog::Error::execution(error)))?;
        survivors.add(&batch, names, ids, &query.path)?;
    }
    failpoint::reach(failpoint::DEDUPED);
    Ok(survivors)
}

/// Whether `dedupe.sql` holds rows against each other, so that which of a file survive depends on what
/// other files there are.
///
/// # Errors
/// [`Error::Query`].
pub async fn compares_rows(catalog: &Catalog) -> Result<bool, Error> {
    let failed = |source| Error::Query { dataset: catalog.dataset.name.clone(), source };
    let plan = catalog.plan(&catalog.sql.dedupe).await.map_err(failed)?;
    Ok(catalog::row_dependence(plan.logical_plan()).is_some())
}

impl Survivors {
    fn none(catalog: &Catalog) -> Self {
        let files = catalog.mirror.files.iter().map(|mirrored| {
            (mirrored.file.name.clone(), RowSet::none(mirrored.note.summary.records))
        });
        Self { files: files.collect() }
    }

    /// The survivors of a file.
    pub fn of(&self, file_name: &str) -> Option<&RowSet> {
        self.files.get(file_name)
    }

    fn add(
        &mut self,
        batch: &RecordBatch,
        names: usize,
        ids: usize,
        path: &std::path::Path,
    ) -> Result<(), Error> {
        let unknown = || Error::Unknown { path: path.to_owned() };
        let names = cast(batch.column(names), &DataType::Utf8View).map_err(|_| unknown())?;
        let ids = cast(batch.column(ids), &DataType::Int64).map_err(|_| unknown())?;
        let (names, ids) = (names.as_string_view(), ids.as_primitive::<Int64Type>());
        let mut row = 0;
        while row < batch.num_rows() {
            if names.is_null(row) {
                return Err(unknown());
            }
            let name = names.value(row);
            let set = self.files.get_mut(name).ok_or_else(unknown)?;
            // Rows of one file come together more often than not.
            while row < batch.num_rows() && names.is_valid(row) && names.value(row) == name {
                let row_id = ids.value(row);
                if ids.is_null(row) || row_id < 0 || row_id as u64 >= set.records {
                    return Err(unknown());
                }
                if !set.insert(row_id as u64) {
                    let (path, file) = (path.to_owned(), name.to_owned());
                    return Err(Error::Twice { path, file, row_id });
                }
                row += 1;
            }
        }
        Ok(())
    }
}

impl RowSet {
    /// None of a file's records.
    pub fn none(records: u64) -> Self {
        Self { words: vec![0; records.div_ceil(64) as usize], records, count: 0 }
    }

    /// Adds a record; `false` where it was there already.
    pub fn insert(&mut self, record: u64) -> bool {
        let (word, bit) = ((record / 64) as usize, 1 << (record % 64));
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u64::from(is_new);
        is_new
    }

    /// Takes a record out; `false` where it was not there.
    pub fn remove(&mut self, record: u64) -> bool {
        let (word, bit) = ((record / 64) as usize, 1 << (record % 64));
        let was_there = record < self.records && self.words[word] & bit != 0;
        if was_there {
            self.words[word] &= !bit;
            self.count -= 1;
        }
        was_there
    }

    /// Whether a record is in the set.
    pub fn contains(&self, record: u64) -> bool {
        record < self.records && self.words[(record / 64) as usize] >> (record % 64) & 1 == 1
    }

    /// The records in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.records).filter(|record| self.contains(*record))
    }

    /// How many records are in the set.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Names the set.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.records.to_le_bytes());
        self.words.iter().for_each(|word| hash.update(word.to_le_bytes()));
        hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_set_is_a_set() {
        let mut set = RowSet::none(130);
        assert!(set.insert(0) && set.insert(129) && !set.insert(129));
        assert!(set.contains(129) && !set.contains(128) && !set.contains(1000));
        assert_eq!(set.count(), 2);
        let before = set.digest();
        assert!(set.remove(0) && !set.remove(0) && !set.remove(1000));
        assert_eq!(set.count(), 1);
        assert_ne!(set.digest(), before);
    }
}
