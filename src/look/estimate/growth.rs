//! By how much the target **grows** with each row: from its own rows, or from the sampled values and the types
//! of the columns.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, RecordBatch, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::MemTable;

use super::sample::{Sample, SampledFile};
use super::told::{Number, Told};
use crate::domain::{Dataset, DateRange, provenance};
use crate::engine;
use crate::mirror::Mirror;
use crate::project::Project;
use crate::sql::Sql;
use crate::tables::{self, Catalog};
use crate::target::Target;
use crate::target::sizes::{RowBytes, Shape, Sizes};

/// From which difference on between the table's rows and those of the files the files count.
const DIFFERENCE: f64 = 0.1;
/// From how many rows on an index tells by itself what a row takes in it.
const MANY_ROWS: f64 = 20_000.0;

/// What a row takes, and where that comes from.
#[derive(Clone, Debug)]
pub struct PerRow {
    /// The bytes; `None` if they are not known.
    pub bytes: Option<RowBytes>,
    /// Where they come from, or why they are not known.
    pub source: Told,
    /// The share of the sampled rows that `stage.sql` keeps.
    pub kept: f64,
    /// What a table takes that is created, whatever its rows.
    pub fixed: u64,
}

/// The rows that `stage.sql` makes of a sample.
pub struct Staged {
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// How many rows they are made of.
    pub read: usize,
}

/// Runs `stage.sql` over a sample.
///
/// # Errors
/// If it does not plan, or fails on a row.
pub async fn staged(
    project: &Project,
    dataset: &Dataset,
    sql: &Sql,
    sample: &Sample,
    range: DateRange,
) -> Result<Staged, engine::Error> {
    let mirror = Mirror { range, files: Vec::new(), ignored: Vec::new(), findings: Vec::new() };
    let mut dataset = dataset.clone();
    for file in sample.files.iter().rev() {
        for column in &file.columns {
            if !dataset.optional_columns.contains(column) {
                dataset.optional_columns.push(column.clone());
            }
        }
    }
    let catalog =
        tables::register(&project.engine, &dataset, sql.clone(), mirror, &project.progress).await?;
    let rows = source_of(&catalog, sample)?;
    let plan = catalog.plan_over(&catalog.sql.stage, rows).await?;
    let batches = plan.collect().await.map_err(engine::Error::execution)?;
    Ok(Staged { batches, read: sample.rows() })
}

/// The sample as the table `source`.
fn source_of(catalog: &Catalog, sample: &Sample) -> Result<Arc<MemTable>, engine::Error> {
    let schema = catalog.source_schema();
    let mut batches = Vec::new();
    for file in &sample.files {
        for rows in &file.rows {
            let batch = as_source(&schema, file, rows);
            batches.push(batch.map_err(|error| engine::Error::execution(error.into()))?);
        }
    }
    let table = MemTable::try_new(schema, vec![batches]).map_err(engine::Error::execution)?;
    Ok(Arc::new(table))
}

fn as_source(
    schema: &SchemaRef,
    file: &SampledFile,
    rows: &RecordBatch,
) -> Result<RecordBatch, datafusion::arrow::error::ArrowError> {
    let count = rows.num_rows();
    let arrays: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| match rows.column_by_name(field.name()) {
            Some(array) => cast(array, field.data_type()),
            None if field.name() == provenance::FILE_DATE => {
                let day = Date32Array::from(vec![file.date.days_since_epoch(); count]);
                Ok(Arc::new(day) as ArrayRef)
            }
            None => Ok(new_null_array(field.data_type(), count)),
        })
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), arrays)
}

/// What a row takes: that of the table's own rows, as long as those of the files are like them.
pub fn per_row(
    sizes: Option<&Sizes>,
    target: Option<&Target>,
    shape: &Shape,
    staged: Result<Staged, engine::Error>,
) -> PerRow {
    let (weighed, kept, why) = match staged {
        Ok(staged) => {
            let rows: usize = staged.batches.iter().map(RecordBatch::num_rows).sum();
            let kept = rows as f64 / staged.read.max(1) as f64;
            match shape.weigh(&staged.batches) {
                Ok(weighed) => (weighed, kept, "stage.sql keeps no row of the sample".to_owned()),
                Err(_) => (None, kept, "the staged rows cannot be weighed".to_owned()),
            }
        }
        Err(error) => (None, 1.0, format!("stage.sql does not run over the sample ({error})")),
    };
    let kept = if weighed.is_some() { kept } else { 1.0 };
    let fixed = if target.is_some() { 0 } else { NEW_TABLE };
    let own = sizes.and_then(|sizes| own_row(sizes, weighed));
    let types = if target.is_some() { "the target's types" } else { "the types of target.sql" };
    let (bytes, source) = match (weighed, own) {
        _ if target.is_some_and(Target::is_view) => {
            (None, Told::text("the target is a view: what takes its rows is not known"))
        }
        (None, None) => (None, Told::text(why)),
        (None, Some((own, source))) => (Some(own), source.and(&Told::text(why))),
        (Some(weighed), None) => {
            (Some(weighed), Told::text(format!("from the sampled values and {types}")))
        }
        (Some(weighed), Some((own, source))) => {
            let (ours, theirs) = (weighed.table + weighed.toast, own.table + own.toast);
            match (ours / theirs - 1.0).abs() > DIFFERENCE && shape.is_certain() {
                true => {
                    let words = format!(
                        "from the sampled values and {types}: # bytes a row in the table, whose own rows have #"
                    );
                    let numbers = [ours, theirs].map(Number::measure);
                    (Some(weighed), Told::of(&words, &numbers))
                }
                false => (Some(own), source),
            }
        }
    };
    PerRow { bytes, source: source.and(&not_told(shape)), kept, fixed }
}

/// What an empty table and its first index take as soon as there are rows, beside those: a map of free
/// space, the first page of the index.
const NEW_TABLE: u64 = 4 * 8192;

/// What the table's own rows take; `None` if it has too few to tell.
fn own_row(sizes: &Sizes, weighed: Option<RowBytes>) -> Option<(RowBytes, Told)> {
    let own = sizes.own?;
    // What lives of the table's bytes, and so how many rows it has.
    let living = |bytes: u64| bytes as f64 / (1.0 + sizes.dead_share);
    let (table_bytes, toast_bytes) = (living(sizes.table), living(sizes.toast));
    let rows = match sizes.live_rows {
        0 => ((table_bytes + toast_bytes) / own.bytes).max(1.0),
        rows => rows.max(own.rows) as f64,
    };
    // Where values are moved out, the length of a row does not say where its bytes are.
    let (table, toast_row) = match sizes.toast > TOAST_AT_FIRST {
        true => (table_bytes / rows, toast_bytes / rows),
        false => (packed(own.bytes, table_bytes / rows), 0.0),
    };
    let index_bytes: u64 = sizes.indexes.iter().map(|index| index.bytes).sum();
    let own_indexes = index_bytes as f64 / rows;
    let indexes = match weighed {
        // Indexes of dead rows, or of a few, tell nothing.
        Some(weighed) if rows < MANY_ROWS || own_indexes > 1.5 * weighed.indexes => weighed.indexes,
        _ => own_indexes,
    };
    let wal = weighed.map_or(table + indexes + toast_row, |weighed| weighed.wal);
    let bytes = RowBytes { table, indexes, toast: toast_row, wal };
    let source = Told::of(
        "from the table's own # bytes a row over # rows",
        &[Number::measure(table + toast_row), Number::Count(own.rows)],
    );
    (own.rows >= FEW_ROWS).then_some((bytes, source))
}

/// What a row takes with the room that pages leave free because no further row fits: what the table shows, unless
/// rows that were deleted have left more.
fn packed(own: f64, shown: f64) -> f64 {
    if (own..own * MOST_WASTE).contains(&shown) { shown } else { own * USUAL_WASTE }
}

/// What pages may leave free if no row was deleted.
const MOST_WASTE: f64 = 1.15;
/// What they leave free as a rule.
const USUAL_WASTE: f64 = 1.04;
/// What a TOAST table takes that holds nothing.
const TOAST_AT_FIRST: u64 = 8192;
/// Fewer rows of the table tell nothing.
const FEW_ROWS: u64 = 100;

/// What is not known of some indexes.
fn not_told(shape: &Shape) -> Told {
    let names: Vec<&str> = shape.other_indexes().map(|index| index.name.as_str()).collect();
    match names.is_empty() {
        true => Told::default(),
        false => {
            Told::text(format!("the growth of the index(es) {} is not told", names.join(", ")))
        }
    }
}
