//! The **survivors** of one file: what `stage.sql` reads as `source`, and what it is to give, each once.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, Int64Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{JoinType, LogicalPlan};
use datafusion::prelude::SessionContext;

use super::{Error, failed};
use crate::catalog::{self, Catalog, DatedFile, DatedFiles};
use crate::dedupe::RowSet;
use crate::mirror::Mirrored;
use crate::source::Store;

/// The survivors of one file as the table `source`.
pub async fn survivors_of(
    catalog: &Catalog,
    mirrored: &Mirrored,
    survivors: &RowSet,
    staging: &Store,
) -> Result<Arc<dyn TableProvider>, Error> {
    let schema = catalog.source_schema();
    let columns = schema.fields().len() - 1;
    let file_schema = Arc::new(Schema::new(schema.fields()[..columns].to_vec()));
    let file = DatedFile {
        path: mirrored.path.clone(),
        size: mirrored.size,
        date: mirrored.file.date,
        rows: mirrored.note.summary.accepted,
    };
    let table = Arc::new(DatedFiles::new(staging.url.clone(), file_schema, vec![file]));
    if survivors.count() == mirrored.note.summary.accepted {
        return Ok(table);
    }
    let filtered = || -> Result<LogicalPlan, DataFusionError> {
        let session = SessionContext::new();
        let rows = session.read_table(table)?;
        let keep = session.read_table(Arc::new(row_ids(survivors)?))?;
        let keep = keep.alias("keep")?;
        let joined = rows.join(keep, JoinType::LeftSemi, &["_row_id"], &["_row_id"], None)?;
        Ok(joined.into_unoptimized_plan())
    };
    let plan = filtered().map_err(|error| Error::Query {
        what: mirrored.file.name.clone(),
        source: catalog::Error::execution(error),
    })?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// A row set as a table of one column, `_row_id`.
fn row_ids(rows: &RowSet) -> Result<MemTable, DataFusionError> {
    let ids = Int64Array::from_iter_values(rows.iter().map(|record| record as i64));
    let schema = Arc::new(Schema::new(vec![Field::new("_row_id", DataType::Int64, false)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(ids)])?;
    MemTable::try_new(schema, vec![vec![batch]])
}

/// Makes sure that every staged row is a survivor of its file, once.
pub struct Seen<'a> {
    path: String,
    file: &'a str,
    left: RowSet,
    name_index: usize,
    id_index: usize,
}

impl<'a> Seen<'a> {
    /// Of one file; `schema` is what `stage.sql` gives.
    ///
    /// # Errors
    /// Where it lacks a column that says where a row came from.
    pub fn new(
        catalog: &Catalog,
        mirrored: &'a Mirrored,
        survivors: &RowSet,
        schema: &Schema,
    ) -> Result<Self, Error> {
        let path = &catalog.sql.stage.path;
        let index = |column: &'static str| {
            schema.index_of(column).map_err(|_| {
                failed(catalog, catalog::Error::MissingColumn { path: path.clone(), column })
            })
        };
        Ok(Self {
            path: path.display().to_string(),
            file: &mirrored.file.name,
            left: survivors.clone(),
            name_index: index("_file_name")?,
            id_index: index("_row_id")?,
        })
    }

    /// Takes rows that were staged.
    ///
    /// # Errors
    /// [`Error::ChangedProvenance`], [`Error::UnexpectedRow`].
    pub fn take(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let changed = |column| Error::ChangedProvenance { path: self.path.clone(), column };
        let names = cast(batch.column(self.name_index), &DataType::Utf8View);
        let names = names.map_err(|_| changed("_file_name"))?;
        let names = names.as_string_view();
        if names.null_count() > 0 || names.iter().flatten().any(|name| name != self.file) {
            return Err(changed("_file_name"));
        }
        let ids = cast(batch.column(self.id_index), &DataType::Int64);
        let ids = ids.map_err(|_| changed("_row_id"))?;
        let ids = ids.as_primitive::<Int64Type>();
        if ids.null_count() > 0 {
            return Err(changed("_row_id"));
        }
        for &row_id in ids.values() {
            if row_id < 0 || !self.left.remove(row_id as u64) {
                let (path, file) = (self.path.clone(), self.file.to_owned());
                return Err(Error::UnexpectedRow { path, file, row_id });
            }
        }
        Ok(())
    }
}
