//! The tables that come from **profiles**: `file_columns` and `column_shapes`. Profiles are computed when a query first
//! reads them, and kept beside the mirrors.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::{MemTable, TableType};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use tokio::sync::OnceCell;

use crate::domain::{Carried, Dataset, FILE_DATE, Limits, provenance, saturating};
use crate::mirror::{Mirror, Mirrored};
use crate::profile;
use crate::profile::{FileProfile, Profile};
use crate::progress::Listener;
use crate::store::Store;
use crate::values::Kind;

/// How many columns of `file_columns` come from the headers alone, without a profile.
const HEADER_COLUMNS: usize = 5;

/// The profiles of a dataset's files, computed when they are first read.
pub(super) struct Profiles {
    pub staging: Store,
    pub dataset: Dataset,
    pub mirror: Mirror,
    pub limits: Limits,
    pub progress: Listener,
    pub drawn: OnceCell<Vec<FileProfile>>,
}

impl Profiles {
    async fn get(&self) -> Result<&[FileProfile]> {
        let drawn = self.drawn.get_or_try_init(|| self.draw()).await;
        drawn.map(Vec::as_slice).map_err(|error| DataFusionError::External(Carried::boxed(error)))
    }

    async fn draw(&self) -> Result<Vec<FileProfile>, profile::Error> {
        let (dataset, mirror) = (&self.dataset, &self.mirror);
        profile::profiles(&self.staging, dataset, mirror, self.limits, &self.progress).await
    }

    /// Returns every column of every file, with its file.
    fn columns<'a>(&'a self, files: &'a [FileProfile]) -> Vec<(&'a Mirrored, &'a Profile)> {
        let pairs = self.mirror.files.iter().zip(files);
        pairs.flat_map(|(file, found)| found.columns.iter().map(move |c| (&**file, c))).collect()
    }
}

/// The table `file_columns`: one row per source file and column.
pub(super) struct FileColumns(pub Arc<Profiles>);

/// The table `column_shapes`: one row per source file, column and shape of its values.
pub(super) struct ColumnShapes(pub Arc<Profiles>);

impl std::fmt::Debug for FileColumns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileColumns")
    }
}

impl std::fmt::Debug for ColumnShapes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ColumnShapes")
    }
}

/// A column of `file_columns` and the number of a profile that it holds.
type Number = (&'static str, fn(&Profile) -> u64);

const NUMBERS: [Number; 11] = [
    ("empty", |p| p.empty),
    ("null_like", |p| p.null_like),
    ("given", |p| p.given),
    ("distinct_values", |p| p.distinct),
    ("shortest", |p| p.shortest),
    ("longest", |p| p.longest),
    ("integers", |p| p.of_kind(&Kind::Integer)),
    ("decimals", |p| p.of_kind(&Kind::Decimal)),
    ("booleans", |p| p.of_kind(&Kind::Boolean)),
    ("dates", Profile::dates),
    ("texts", |p| p.of_kind(&Kind::Text)),
];

const PERCENTILES: [(&str, usize); 5] =
    [("minimum", 0), ("p05", 5), ("median", 50), ("p95", 95), ("maximum", 100)];

impl FileColumns {
    fn header_rows(&self) -> Vec<(&Mirrored, usize, &String)> {
        let mut rows = Vec::new();
        for file in &self.0.mirror.files {
            let names = file.note.summary.header.iter().enumerate();
            rows.extend(names.map(|(index, name)| (&**file, index + 1, name)));
        }
        rows
    }

    fn header_columns(&self) -> Vec<ArrayRef> {
        let rows = self.header_rows();
        let written = rows.iter().map(|(file, _, name)| {
            let renamed = file.note.summary.renamed.iter().find(|(_, ours)| ours == *name);
            renamed.map_or(name.as_str(), |(written, _)| written.as_str())
        });
        vec![
            text(rows.iter().map(|(file, ..)| file.file.name.as_str())),
            dates(rows.iter().map(|(file, ..)| *file)),
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|(_, at, _)| saturating::bigint(*at)),
            )),
            text(rows.iter().map(|(_, _, name)| name.as_str())),
            text(written),
        ]
    }

    fn profile_columns(&self, files: &[FileProfile]) -> Vec<ArrayRef> {
        let columns = self.0.columns(files);
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (_, value) in NUMBERS {
            let values = columns.iter().map(|(_, profile)| saturating::bigint(value(profile)));
            arrays.push(Arc::new(Int64Array::from_iter_values(values)));
        }
        let formats = columns.iter().map(|(_, profile)| profile.date_format());
        arrays.push(Arc::new(formats.collect::<StringArray>()));
        for (_, percent) in PERCENTILES {
            let values = columns.iter().map(|(_, found)| found.percentiles.get(percent).copied());
            arrays.push(Arc::new(values.collect::<Float64Array>()));
        }
        arrays
    }
}

#[async_trait]
impl TableProvider for FileColumns {
    fn schema(&self) -> SchemaRef {
        let mut fields = vec![
            field(provenance::FILE_NAME, DataType::Utf8),
            field(FILE_DATE, DataType::Date32),
            field("position", DataType::Int64),
            field("name", DataType::Utf8),
            field("written_name", DataType::Utf8),
        ];
        fields.extend(NUMBERS.iter().map(|(name, _)| field(name, DataType::Int64)));
        fields.push(field("date_format", DataType::Utf8));
        fields.extend(PERCENTILES.iter().map(|(name, _)| field(name, DataType::Float64)));
        Arc::new(Schema::new(fields))
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut columns = self.header_columns();
        if projection.is_none_or(|columns| columns.iter().any(|at| *at >= HEADER_COLUMNS)) {
            columns.extend(self.profile_columns(self.0.get().await?));
        } else {
            let rows = self.header_rows().len();
            let schema = self.schema();
            let rest = &schema.fields()[HEADER_COLUMNS..];
            columns.extend(rest.iter().map(|field| new_null_array(field.data_type(), rows)));
        }
        table(self.schema(), columns)?.scan(state, projection, filters, limit).await
    }
}

#[async_trait]
impl TableProvider for ColumnShapes {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![
            field(provenance::FILE_NAME, DataType::Utf8),
            field(FILE_DATE, DataType::Date32),
            field("name", DataType::Utf8),
            field("shape", DataType::Utf8),
            field("rows", DataType::Int64),
            field("share", DataType::Float64),
        ]))
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = shape_rows(self.0.columns(self.0.get().await?));
        let counts = rows.iter().map(|row| saturating::bigint(row.count));
        let arrays: Vec<ArrayRef> = vec![
            text(rows.iter().map(|row| row.file.file.name.as_str())),
            dates(rows.iter().map(|row| row.file)),
            text(rows.iter().map(|row| row.column.name.as_str())),
            Arc::new(rows.iter().map(|row| row.shape).collect::<StringArray>()),
            Arc::new(Int64Array::from_iter_values(counts)),
            Arc::new(Float64Array::from_iter_values(rows.iter().map(ShapeRow::share))),
        ];
        table(self.schema(), arrays)?.scan(state, projection, filters, limit).await
    }
}

/// A row of `column_shapes`.
struct ShapeRow<'a> {
    file: &'a Mirrored,
    column: &'a Profile,
    /// `None` for the values whose shapes were not counted one by one.
    shape: Option<&'a str>,
    count: u64,
}

impl ShapeRow<'_> {
    /// Returns the share of the column's values that have the shape.
    fn share(&self) -> f64 {
        self.count as f64 / self.column.given as f64
    }
}

/// Returns the rows of `column_shapes` for some columns.
fn shape_rows<'a>(columns: Vec<(&'a Mirrored, &'a Profile)>) -> Vec<ShapeRow<'a>> {
    let mut rows = Vec::new();
    for (file, column) in columns {
        for (shape, count) in &column.shapes {
            rows.push(ShapeRow { file, column, shape: Some(shape), count: *count });
        }
        if column.other_shapes > 0 {
            rows.push(ShapeRow { file, column, shape: None, count: column.other_shapes });
        }
    }
    rows
}

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn text<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn dates<'a>(files: impl Iterator<Item = &'a Mirrored>) -> ArrayRef {
    let days = files.map(|file| file.file.date.days_since_epoch());
    Arc::new(Date32Array::from_iter_values(days))
}

fn table(schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<MemTable> {
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    MemTable::try_new(schema, vec![vec![rows]])
}
