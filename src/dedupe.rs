//! To **dedupe** is to find out which row of each key survives, over the whole range.
//!
//! `dedupe.sql` returns `_file_name` and `_row_id` of the survivors. They are kept as one bit a
//! record, so that the whole range fits into memory whatever its rows weigh.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use futures::StreamExt;

use crate::domain::{ErrorKind, Explain, RowSet, provenance};
use crate::engine;
use crate::failpoint;
use crate::sql::row_dependence;
use crate::tables::Catalog;

/// The rows that survive, by file.
#[derive(Clone, Debug)]
pub struct Survivors {
    files: HashMap<String, RowSet>,
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
        source: engine::Error,
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

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Query { source, .. } => source.kind(),
            Self::Twice { .. } | Self::Unknown { .. } => ErrorKind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
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
            failed(engine::Error::MissingColumn { path: query.path.clone(), column })
        })
    };
    let (names, ids) = (position(provenance::FILE_NAME)?, position(provenance::ROW_ID)?);
    let mut survivors = Survivors::none(catalog);
    let mut rows =
        plan.execute_stream().await.map_err(|error| failed(engine::Error::execution(error)))?;
    while let Some(batch) = rows.next().await {
        match batch {
            Ok(batch) => survivors.add(&batch, names, ids, &query.path)?,
            Err(error) => {
                let error = engine::Error::execution(error);
                return Err(failed(catalog.explain(query, error).await));
            }
        }
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
    Ok(row_dependence(plan.logical_plan()).is_some())
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
        path: &Path,
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
                if ids.is_null(row) || row_id < 0 || row_id as u64 >= set.records() {
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
