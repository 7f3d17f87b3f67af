//! **Dated files**: Parquet objects in staging as one table, partitioned by `_file_date`.
//!
//! The table names its objects one by one, instead of listing a folder, so that the mirror of a replaced object or a
//! file outside the range is never read by accident. For the engine it is an ordinary Parquet scan.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, AsArray, Date32Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::path::Path;

use crate::domain::{FileDate, saturating};

/// The partition column of every dated table.
pub(super) const FILE_DATE: &str = "_file_date";

/// One Parquet object of a dated table.
#[derive(Clone, Debug)]
pub struct DatedFile {
    /// Its path in staging.
    pub path: Path,
    /// Size in bytes.
    pub size: u64,
    /// Its file date.
    pub date: FileDate,
    /// How many rows it holds.
    pub rows: u64,
}

/// Parquet objects as one table.
#[derive(Debug)]
pub struct DatedFiles {
    store: ObjectStoreUrl,
    table: TableSchema,
    files: Vec<DatedFile>,
}

impl DatedFiles {
    /// Creates a table of `files` with the columns of `schema`, which are found by name, and `_file_date` as the last
    /// column. A column that a file lacks is NULL in its rows.
    pub fn new(store: ObjectStoreUrl, schema: SchemaRef, files: Vec<DatedFile>) -> Self {
        let nullable =
            schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(nullable.collect::<Vec<_>>()));
        let date = Arc::new(Field::new(FILE_DATE, DataType::Date32, false));
        let table = TableSchema::builder(schema).with_table_partition_cols(vec![date]).build();
        Self { store, table, files }
    }

    /// Returns the files whose date passes every filter on the date alone.
    fn prune(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<&DatedFile>> {
        let passed = passing(state, filters, self.files.iter().map(|file| file.date))?;
        Ok(self
            .files
            .iter()
            .zip(passed)
            .filter(|(_, passed)| *passed)
            .map(|(file, _)| file)
            .collect())
    }
}

/// Returns, for each date, whether it passes every filter on the date alone.
pub(super) fn passing(
    state: &dyn Session,
    filters: &[Expr],
    dates: impl Iterator<Item = FileDate>,
) -> Result<Vec<bool>> {
    let dates = Date32Array::from_iter_values(dates.map(FileDate::days_since_epoch));
    let mut passing = vec![true; dates.len()];
    let schema = Schema::new(vec![Field::new(FILE_DATE, DataType::Date32, false)]);
    let rows = RecordBatch::try_new(Arc::new(schema.clone()), vec![Arc::new(dates)])?;
    let names = DFSchema::try_from(schema)?;
    for filter in filters.iter().filter(|filter| is_about_dates(filter)) {
        let filter = state.create_physical_expr(filter.clone(), &names)?;
        let passed = filter.evaluate(&rows)?.into_array(rows.num_rows())?;
        let passed = passed.as_boolean();
        for (index, passing) in passing.iter_mut().enumerate() {
            *passing &= passed.is_valid(index) && passed.value(index);
        }
    }
    Ok(passing)
}

/// Whether a filter can be decided by the file date alone.
fn is_about_dates(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !filter.is_volatile()
        && !columns.is_empty()
        && columns.iter().all(|column| column.name == FILE_DATE)
}

#[async_trait]
impl TableProvider for DatedFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.table.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let supported = filters.iter().map(|filter| match is_about_dates(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        });
        Ok(supported.collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.prune(state, filters)?;
        if files.is_empty() {
            let schema = datafusion::physical_plan::project_schema(&self.schema(), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let rows: u64 = files.iter().map(|file| file.rows).sum();
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = Precision::Exact(saturating::index(rows));
        let groups = group(&files, state.config().target_partitions());
        let source = ParquetSource::new(self.table.clone())
            .with_table_parquet_options(state.table_options().parquet.clone())
            .with_metadata_size_hint(64 << 10);
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Spreads the files over the partitions of a scan, about the same number of bytes in each.
fn group(files: &[&DatedFile], partitions: usize) -> Vec<FileGroup> {
    let total: u64 = files.iter().map(|file| file.size).sum();
    let share = total.div_ceil(partitions.max(1) as u64).max(1);
    let mut groups: Vec<Vec<PartitionedFile>> = vec![Vec::new()];
    let mut filled = 0;
    for file in files {
        if filled >= share && groups.len() < partitions {
            groups.push(Vec::new());
            filled = 0;
        }
        let mut object = PartitionedFile::new(String::new(), file.size);
        object.object_meta.location = file.path.clone();
        let date = ScalarValue::Date32(Some(file.date.days_since_epoch()));
        object.partition_values = vec![date];
        filled += file.size;
        if let Some(group) = groups.last_mut() {
            group.push(object);
        }
    }
    groups.into_iter().map(FileGroup::new).collect()
}
