//! The **survivors** of one file: the rows that `stage.sql` reads as `source`, and that it must give exactly once.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, Int64Array, RecordBatch};
use datafusion::arrow::buffer::ScalarBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::JoinType;
use datafusion::prelude::SessionContext;

use super::Error;
use crate::domain::{RowSet, provenance, saturating};
use crate::engine::{self, Engine};
use crate::mirror::Mirrored;
use crate::tables::{dated, source_of};

/// Returns the survivors of one file as the table `source`, with the columns of the whole range.
///
/// # Errors
/// If the engine cannot make the table.
pub(super) fn survivors_of(
    engine: &Engine,
    columns: &[String],
    mirrored: &Mirrored,
    survivors: &RowSet,
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let table = Arc::new(source_of(&engine.staging, columns, vec![dated(mirrored)]));
    if survivors.count() == mirrored.note.summary.accepted {
        return Ok(table);
    }
    let session = SessionContext::new();
    let rows = session.read_table(table)?;
    let keep = session.read_table(Arc::new(row_ids(survivors)?))?.alias("keep")?;
    let key = [provenance::ROW_ID];
    let joined = rows.join(keep, JoinType::LeftSemi, &key, &key, None)?;
    Ok(Arc::new(ViewTable::new(joined.into_unoptimized_plan(), None)))
}

/// Returns a row set as a table with one column, `_row_id`.
fn row_ids(rows: &RowSet) -> Result<MemTable, DataFusionError> {
    let ids = Int64Array::from_iter_values(rows.iter().map(saturating::bigint));
    let schema =
        Arc::new(Schema::new(vec![Field::new(provenance::ROW_ID, DataType::Int64, false)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(ids)])?;
    MemTable::try_new(schema, vec![vec![batch]])
}

/// Makes sure that every staged row is a survivor of its file, and is staged only once.
pub(super) struct Seen<'a> {
    path: String,
    file: &'a str,
    left: RowSet,
    name_index: usize,
    id_index: usize,
}

impl<'a> Seen<'a> {
    /// Starts with the survivors of one file; `schema` is what the `stage.sql` at `path` gives.
    ///
    /// # Errors
    /// If it lacks a column that says where a row came from.
    pub(super) fn new(
        path: &Path,
        file: &'a str,
        survivors: &RowSet,
        schema: &Schema,
    ) -> Result<Self, engine::Error> {
        Ok(Self {
            path: path.display().to_string(),
            file,
            left: survivors.clone(),
            name_index: index_of(provenance::FILE_NAME, schema, path)?,
            id_index: index_of(provenance::ROW_ID, schema, path)?,
        })
    }

    /// Takes rows that were staged.
    ///
    /// # Errors
    /// [`Error::ChangedProvenance`], [`Error::UnexpectedRow`].
    pub(super) fn take(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.refuse_other_names(batch)?;
        for &row_id in &self.row_ids(batch)? {
            if !u64::try_from(row_id).is_ok_and(|record| self.left.remove(record)) {
                let (path, file) = (self.path.clone(), self.file.to_owned());
                return Err(Error::UnexpectedRow { path, file, row_id });
            }
        }
        Ok(())
    }

    fn refuse_other_names(&self, batch: &RecordBatch) -> Result<(), Error> {
        let column = cast(batch.column(self.name_index), &DataType::Utf8View)
            .map_err(|_| self.changed(provenance::FILE_NAME))?;
        let names = column.as_string_view();
        if names.null_count() > 0 || names.iter().flatten().any(|name| name != self.file) {
            return Err(self.changed(provenance::FILE_NAME));
        }
        Ok(())
    }

    fn row_ids(&self, batch: &RecordBatch) -> Result<ScalarBuffer<i64>, Error> {
        let column = cast(batch.column(self.id_index), &DataType::Int64)
            .map_err(|_| self.changed(provenance::ROW_ID))?;
        if column.null_count() > 0 {
            return Err(self.changed(provenance::ROW_ID));
        }
        Ok(column.as_primitive::<Int64Type>().values().clone())
    }

    fn changed(&self, column: &'static str) -> Error {
        Error::ChangedProvenance { path: self.path.clone(), column }
    }
}

fn index_of(column: &'static str, schema: &Schema, path: &Path) -> Result<usize, engine::Error> {
    schema
        .index_of(column)
        .map_err(|_| engine::Error::MissingColumn { path: path.to_owned(), column })
}
