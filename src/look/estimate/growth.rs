//! By how much the target **grows** with each row: from its own rows, or from the sampled values and the types
//! of the columns.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, RecordBatch, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::MemTable;

use super::free::{FEW_ROWS, Free, TOAST_AT_FIRST, living, living_rows};
use super::sample::{Sample, SampledFile};
use super::told::{Number, Told};
use crate::domain::{Dataset, DateRange, provenance};
use crate::engine;
use crate::mirror::Mirror;
use crate::project::Project;
use crate::sql::Sql;
use crate::tables::{self, Catalog};
use crate::target::Target;
use crate::target::sizes::{Curve, RowBytes, Shape, Sizes, Trial, Weighed};

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
    /// The indexes that do not grow with each row alike.
    pub curves: Vec<Curve>,
    /// How many rows there are already.
    pub before: f64,
    /// What is free inside of what is there.
    pub free: Free,
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

/// What is known of the rows of a target.
pub struct Known<'a> {
    /// What the target takes.
    pub sizes: Option<&'a Sizes>,
    /// The target, if it is there.
    pub target: Option<&'a Target>,
    /// What it looks like to rows that come.
    pub shape: &'a Shape,
    /// What the sampled rows took in a copy of it.
    pub trial: Option<&'a Trial>,
}

/// What a row takes: that of the table's own rows, as long as those of the files are like them.
pub fn per_row(known: &Known<'_>, staged: Result<Staged, engine::Error>) -> PerRow {
    let (weighed, kept, why) = weigh(known.shape, staged);
    let sampled = weighed.as_ref().map(|weighed| known.sampled(weighed.row));
    let own = known.sizes.and_then(|sizes| own_row(sizes, known.shape, sampled));
    let (bytes, source) = match (sampled, own) {
        _ if known.target.is_some_and(Target::is_view) => {
            (None, Told::text("the target is a view: what takes its rows is not known"))
        }
        (None, None) => (None, Told::text(why)),
        (None, Some((own, source))) => (Some(own), source.and(&Told::text(why))),
        (Some(sampled), None) => {
            let (words, numbers) = known.source();
            (Some(sampled), Told::of(&words, &numbers))
        }
        (Some(sampled), Some(own)) => known.decide(sampled, own),
    };
    let others = others(known);
    let free = known.sizes.map_or(Free::default(), |sizes| Free::of(sizes, weighed.as_ref()));
    PerRow {
        bytes,
        source: source.and(&others.source).and(&free.source(known.sizes)),
        kept,
        fixed: if known.target.is_some() { 0 } else { NEW_TABLE },
        curves: others.curves,
        before: known.sizes.map_or(0.0, living_rows),
        free,
    }
}

/// Weighs the rows by their types; with the share of the sample that they are, and why there are none.
fn weigh(shape: &Shape, staged: Result<Staged, engine::Error>) -> (Option<Weighed>, f64, String) {
    let staged = match staged {
        Ok(staged) => staged,
        Err(error) => {
            return (None, 1.0, format!("stage.sql does not run over the sample ({error})"));
        }
    };
    let rows: usize = staged.batches.iter().map(RecordBatch::num_rows).sum();
    let kept = rows as f64 / staged.read.max(1) as f64;
    match shape.weigh(&staged.batches) {
        Ok(Some(weighed)) => (Some(weighed), kept, String::new()),
        Ok(None) => (None, 1.0, "stage.sql keeps no row of the sample".to_owned()),
        Err(_) => (None, 1.0, "the staged rows cannot be weighed".to_owned()),
    }
}

impl Known<'_> {
    /// What a sampled row takes: in a copy of the table if it was tried there, else by its types.
    fn sampled(&self, weighed: RowBytes) -> RowBytes {
        self.trial.map_or(weighed, |trial| tried(weighed, trial))
    }

    /// Where that is from.
    fn source(&self) -> (String, Vec<Number>) {
        let types =
            if self.target.is_some() { "the target's types" } else { "the types of target.sql" };
        match self.trial {
            Some(trial) => (
                "from # sampled rows in a copy of the table, which was rolled back".to_owned(),
                vec![Number::Count(trial.rows)],
            ),
            None => (format!("from the sampled values and {types}"), Vec::new()),
        }
    }

    /// What a row takes if both its own rows and those of the files tell.
    fn decide(
        &self,
        sampled: RowBytes,
        (own, source): (RowBytes, Told),
    ) -> (Option<RowBytes>, Told) {
        let (ours, theirs) = (sampled.table + sampled.toast, own.table + own.toast);
        let is_certain = self.shape.is_certain() || self.trial.is_some();
        if (ours / theirs - 1.0).abs() <= DIFFERENCE || !is_certain {
            return (Some(own), source);
        }
        let (from, mut numbers) = self.source();
        let words = format!("{from}: # bytes a row in the table, whose own rows have #");
        numbers.extend([ours, theirs].map(Number::measure));
        (Some(sampled), Told::of(&words, &numbers))
    }
}

/// What the sampled rows took in a copy of the table: plain indexes over many rows are known better from their keys.
fn tried(weighed: RowBytes, trial: &Trial) -> RowBytes {
    let (table, toast) = (trial.table, trial.toast);
    let more = table + toast - weighed.table - weighed.toast;
    RowBytes { table, toast, wal: (weighed.wal + more).max(0.0), ..weighed }
}

/// Indexes that are not plain: how they grow, and where that is from.
struct Others {
    curves: Vec<Curve>,
    source: Told,
}

fn others(known: &Known<'_>) -> Others {
    let names: Vec<&str> = known.shape.other_indexes().map(|index| index.name.as_str()).collect();
    let names = names.join(", ");
    let held = known.sizes.map_or(0.0, living_rows);
    match known.trial {
        _ if names.is_empty() => Others { curves: Vec::new(), source: Told::default() },
        Some(trial) => Others {
            curves: trial.curves.clone(),
            source: Told::text(format!("the index(es) {names} as they grew with the sampled rows")),
        },
        None if held >= FEW_ROWS as f64 => Others {
            curves: known
                .shape
                .other_indexes()
                .map(|index| Curve::Steady(index.bytes as f64 / held))
                .collect(),
            source: Told::text(format!("the index(es) {names} by their own bytes a row")),
        },
        None => Others {
            curves: Vec::new(),
            source: Told::text(format!("the growth of the index(es) {names} is not known")),
        },
    }
}

/// What an empty table and its first index take as soon as there are rows, beside those: a map of free
/// space, the first page of the index.
const NEW_TABLE: u64 = 4 * 8192;

/// What the table's own rows take; `None` if it has too few to tell.
fn own_row(sizes: &Sizes, shape: &Shape, weighed: Option<RowBytes>) -> Option<(RowBytes, Told)> {
    let own = sizes.own?;
    let (table_bytes, toast_bytes) = (living(sizes, sizes.table), living(sizes, sizes.toast));
    let rows = living_rows(sizes);
    // Where values are moved out, the length of a row does not say where its bytes are.
    let (table, toast_row) = match sizes.toast > TOAST_AT_FIRST {
        true => (table_bytes / rows, toast_bytes / rows),
        false => (packed(own.bytes, table_bytes / rows), 0.0),
    };
    let own_indexes = shape.plain_index_bytes() as f64 / rows;
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
