//! To **dedupe** is to find out which row of each key survives, over the whole range.
//!
//! `dedupe.sql` returns `_file_name` and `_row_id` of the survivors. They are kept as one bit per
//! record, so that the whole range fits into memory, however large its rows are.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::prelude::DataFrame;
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
                "dedupe.sql must return _file_name and _row_id of source unchanged, and each row to keep once: \
                 SELECT _file_name, _row_id FROM source QUALIFY row_number() OVER (…) = 1"
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
    let query = &catalog.sql.dedupe;
    let plan = catalog.plan(query).await.map_err(|source| failed(catalog, source))?;
    let names = position(catalog, &plan, provenance::FILE_NAME)?;
    let ids = position(catalog, &plan, provenance::ROW_ID)?;
    let mut survivors = Survivors::none(catalog);
    let mut rows = plan
        .execute_stream()
        .await
        .map_err(|error| failed(catalog, engine::Error::execution(error)))?;
    while let Some(next) = rows.next().await {
        match next {
            Ok(batch) => survivors.add(&batch, names, ids, &query.path)?,
            Err(error) => {
                let error = catalog.explain(query, engine::Error::execution(error)).await;
                return Err(failed(catalog, error));
            }
        }
    }
    failpoint::reach(failpoint::DEDUPED);
    Ok(survivors)
}

/// Whether `dedupe.sql` compares rows with each other, so that the survivors of a file depend on which other files
/// there are.
///
/// # Errors
/// [`Error::Query`].
pub async fn compares_rows(catalog: &Catalog) -> Result<bool, Error> {
    let plan = catalog.plan(&catalog.sql.dedupe).await.map_err(|source| failed(catalog, source))?;
    Ok(row_dependence(plan.logical_plan()).is_some())
}

fn failed(catalog: &Catalog, source: engine::Error) -> Error {
    Error::Query { dataset: catalog.dataset.name.clone(), source }
}

/// Returns the position of a column in the result of `dedupe.sql`.
fn position(catalog: &Catalog, plan: &DataFrame, column: &'static str) -> Result<usize, Error> {
    plan.schema().index_of_column_by_name(None, column).ok_or_else(|| {
        let path = catalog.sql.dedupe.path.clone();
        failed(catalog, engine::Error::MissingColumn { path, column })
    })
}

fn unknown(path: &Path) -> Error {
    Error::Unknown { path: path.to_owned() }
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
        let name_column =
            cast(batch.column(names), &DataType::Utf8View).map_err(|_| unknown(path))?;
        let id_column = cast(batch.column(ids), &DataType::Int64).map_err(|_| unknown(path))?;
        let file_names = name_column.as_string_view();
        let row_ids = id_column.as_primitive::<Int64Type>();
        let mut row = 0;
        while row < batch.num_rows() {
            if file_names.is_null(row) {
                return Err(unknown(path));
            }
            let name = file_names.value(row);
            let set = self.files.get_mut(name).ok_or_else(|| unknown(path))?;
            // Rows of one file usually come together.
            while row < batch.num_rows()
                && file_names.is_valid(row)
                && file_names.value(row) == name
            {
                let row_id = row_ids.value(row);
                let record = u64::try_from(row_id).ok().filter(|record| *record < set.records());
                let Some(record) = record.filter(|_| row_ids.is_valid(row)) else {
                    return Err(unknown(path));
                };
                if !set.insert(record) {
                    let (path, file) = (path.to_owned(), name.to_owned());
                    return Err(Error::Twice { path, file, row_id });
                }
                row += 1;
            }
        }
        Ok(())
    }
}
