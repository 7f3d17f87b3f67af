//! By how much the target **grows** with each row: from its own rows, or from the sampled values and the types
//! of the columns.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, RecordBatch, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::MemTable;

use super::free::{FEW_ROWS, Free, TOAST_AT_FIRST, living, living_rows};
use super::origin::{Number, Origin};
use super::sample::{Sample, SampledFile};
use super::{Figure, Growth};
use crate::domain::saturating::nearest;
use crate::domain::{Dataset, DateRange, provenance};
use crate::engine;
use crate::mirror::Mirror;
use crate::project::Project;
use crate::sql::Sql;
use crate::tables::{self, Catalog};
use crate::target::Target;
use crate::target::sizes::{Curve, RowBytes, Shape, Sizes, Trial, Weighed};

/// If the bytes of the table's rows and those of the files' rows differ by more than this share, the files count.
const DIFFERENCE: f64 = 0.1;
/// With at least this many rows, the bytes of an index show what a row takes in it.
const MANY_ROWS: f64 = 20_000.0;
/// How many bytes the log takes for the ledger's entry of a file.
const LOG_PER_FILE: u64 = 1000;
/// How many bytes a batch leaves free on the page on which it ends if two are loaded at the same time: few on
/// average, because the next batch goes on there. Measured over 175 batches of a few rows.
const FREE_PER_BATCH: u64 = 128;

/// What is loaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Rows that the target gets.
    pub rows: u64,
    /// The files that they come from.
    pub files: u64,
    /// The batches in which they are loaded.
    pub batches: u64,
}

/// What a row takes, and where that comes from.
#[derive(Clone, Debug)]
pub(super) struct PerRow {
    /// The bytes; `None` if they are not known.
    pub bytes: Option<RowBytes>,
    /// Where they come from, or why they are not known.
    pub source: Origin,
    /// The share of the sampled rows that `stage.sql` keeps.
    pub kept: f64,
    /// What a new table takes, whatever its rows.
    pub fixed: u64,
    /// The indexes that do not grow by the same bytes with each row.
    pub curves: Vec<Curve>,
    /// How many rows the table has.
    pub before: f64,
    /// What is free inside the table and its indexes.
    pub free: Free,
}

impl PerRow {
    /// Returns by how much the database grows.
    pub(super) fn growth(&self, load: Load) -> Figure<Growth> {
        let value = self.bytes.map(|bytes| self.growth_by(bytes, load));
        Figure { value, source: self.source.clone() }
    }

    fn growth_by(&self, bytes: RowBytes, load: Load) -> Growth {
        let rows = load.rows as f64;
        let new_table = if load.rows > 0 { self.fixed } else { 0 };
        let curves = self.curves.iter().map(|curve| curve.growth(self.before, rows));
        let others = nearest(curves.sum::<f64>());
        let at_page_ends = load.batches * FREE_PER_BATCH;
        // New rows first fill what is free.
        let table = (nearest(bytes.table * rows) + new_table + at_page_ends)
            .saturating_sub(nearest(self.free.table));
        let indexes =
            nearest(bytes.indexes * rows).saturating_sub(nearest(self.free.indexes)) + others;
        let toast = nearest(bytes.toast * rows);
        let wal = nearest(bytes.wal * rows) + others + load.files * LOG_PER_FILE;
        Growth { table, indexes, toast, total: table + indexes + toast, wal }
    }
}

/// The rows that `stage.sql` makes of a sample.
pub(super) struct Staged {
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// How many rows of the sample they are made of.
    pub read: usize,
}

/// Runs `stage.sql` over a sample.
///
/// # Errors
/// If it does not plan, or fails on a row.
pub(super) async fn staged(
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

/// Returns the sample as the table `source`.
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
pub(super) struct Known<'a> {
    /// What the target takes.
    pub sizes: Option<&'a Sizes>,
    /// The target, if it is there.
    pub target: Option<&'a Target>,
    /// How it stores new rows.
    pub shape: &'a Shape,
    /// What the sampled rows took in a copy of it.
    pub trial: Option<&'a Trial>,
}

/// Finds what a row takes. The table's own rows count as long as those of the files are like them.
pub(super) fn per_row(known: &Known<'_>, staged: Result<Staged, engine::Error>) -> PerRow {
    let (weighed, kept, why) = weigh(known.shape, staged);
    let sampled = weighed.as_ref().map(|weighed| known.sampled(weighed.row));
    let own = known.sizes.and_then(|sizes| own_row(sizes, known.shape, sampled));
    let (bytes, source) = match (sampled, own) {
        _ if known.target.is_some_and(Target::is_view) => {
            (None, Origin::text("the target is a view: what takes its rows is not known"))
        }
        (None, None) => (None, Origin::text(why)),
        (None, Some((own, source))) => (Some(own), source.and(&Origin::text(why))),
        (Some(sampled), None) => {
            let (words, numbers) = known.source();
            (Some(sampled), Origin::of(&words, &numbers))
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

/// Weighs the staged rows by their types. Returns also the share of the sample that was kept, and if nothing can be
/// weighed, why.
fn weigh(shape: &Shape, staged: Result<Staged, engine::Error>) -> (Option<Weighed>, f64, String) {
    let staged = match staged {
        Ok(staged) => staged,
        Err(error) => {
            return (None, 1.0, format!("stage.sql fails on the sample ({error})"));
        }
    };
    let rows: usize = staged.batches.iter().map(RecordBatch::num_rows).sum();
    let kept = rows as f64 / staged.read.max(1) as f64;
    match shape.weigh(&staged.batches) {
        Ok(Some(weighed)) => (Some(weighed), kept, String::new()),
        Ok(None) => (None, 1.0, "stage.sql keeps no row of the sample".to_owned()),
        Err(_) => (None, 1.0, "the size of the staged rows cannot be computed".to_owned()),
    }
}

impl Known<'_> {
    /// Returns what a sampled row takes: in a copy of the table if there was a trial, else by its types.
    fn sampled(&self, weighed: RowBytes) -> RowBytes {
        self.trial.map_or(weighed, |trial| tried(weighed, trial))
    }

    /// Says where the bytes of a sampled row come from.
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

    /// Chooses between the bytes of a sampled row and those of the table's own rows.
    fn decide(
        &self,
        sampled: RowBytes,
        (own, source): (RowBytes, Origin),
    ) -> (Option<RowBytes>, Origin) {
        let (ours, theirs) = (sampled.table + sampled.toast, own.table + own.toast);
        let is_certain = self.shape.is_certain() || self.trial.is_some();
        if (ours / theirs - 1.0).abs() <= DIFFERENCE || !is_certain {
            return (Some(own), source);
        }
        let (from, mut numbers) = self.source();
        let words = format!("{from}: # bytes per row in the table, whose own rows have #");
        numbers.extend([ours, theirs].map(Number::measure));
        (Some(sampled), Origin::of(&words, &numbers))
    }
}

/// Returns what the sampled rows took in a copy of the table. For plain indexes over many rows, their keys give better
/// numbers.
fn tried(weighed: RowBytes, trial: &Trial) -> RowBytes {
    let (table, toast) = (trial.table, trial.toast);
    let more = table + toast - weighed.table - weighed.toast;
    RowBytes { table, toast, wal: (weighed.wal + more).max(0.0), ..weighed }
}

/// The indexes that are not plain: how they grow, and where that comes from.
struct Others {
    curves: Vec<Curve>,
    source: Origin,
}

fn others(known: &Known<'_>) -> Others {
    let names: Vec<&str> = known.shape.other_indexes().map(|index| index.name.as_str()).collect();
    let names = names.join(", ");
    let held = known.sizes.map_or(0.0, living_rows);
    match known.trial {
        _ if names.is_empty() => Others { curves: Vec::new(), source: Origin::default() },
        Some(trial) => Others {
            curves: trial.curves.clone(),
            source: Origin::text(format!(
                "the index(es) {names} as they grew with the sampled rows"
            )),
        },
        None if held >= FEW_ROWS as f64 => Others {
            curves: known
                .shape
                .other_indexes()
                .map(|index| Curve::Steady(index.bytes as f64 / held))
                .collect(),
            source: Origin::text(format!("the index(es) {names} by their own bytes per row")),
        },
        None => Others {
            curves: Vec::new(),
            source: Origin::text(format!("the growth of the index(es) {names} is not known")),
        },
    }
}

/// The bytes that a new table and its first index take besides the rows: a map of free space, and the first page of
/// the index.
const NEW_TABLE: u64 = 4 * 8192;

/// Returns what the table's own rows take; `None` if they are too few.
fn own_row(sizes: &Sizes, shape: &Shape, weighed: Option<RowBytes>) -> Option<(RowBytes, Origin)> {
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
        // The size of an index says nothing if it has few rows, or many dead ones.
        Some(weighed) if rows < MANY_ROWS || own_indexes > 1.5 * weighed.indexes => weighed.indexes,
        _ => own_indexes,
    };
    let wal = weighed.map_or(table + indexes + toast_row, |weighed| weighed.wal);
    let bytes = RowBytes { table, indexes, toast: toast_row, wal };
    let source = Origin::of(
        "from the table's own # bytes per row over # rows",
        &[Number::measure(table + toast_row), Number::Count(own.rows)],
    );
    (own.rows >= FEW_ROWS).then_some((bytes, source))
}

/// Returns what a row takes with the room that stays free at the end of pages: what the table shows, unless deleted
/// rows have left more.
fn packed(own: f64, shown: f64) -> f64 {
    if (own..own * MOST_WASTE).contains(&shown) { shown } else { own * USUAL_WASTE }
}

/// How many times the bytes of its row a table may take at most if no row was deleted.
const MOST_WASTE: f64 = 1.15;
/// How many times the bytes of its row a table usually takes.
const USUAL_WASTE: f64 = 1.04;
