//! An **estimate** says beforehand what loading some files will come to: rows, growth of the target, time and
//! cost. Every number says where it comes from, and what is not known is left open.
//!
//! | module | tells |
//! |---|---|
//! | `sample` | how many rows a file has, and what its values are like |
//! | `growth` | what a row takes in the target |
//! | `free` | what the target has left on its pages |
//! | `trial` | what sampled rows take in a copy of the target |
//! | `price` | what is paid, and what a disk can do |
//! | `room` | whether it fits into the database and onto the disk |
//! | `told` | where a number comes from |

mod free;
mod growth;
mod price;
mod room;
mod sample;
mod told;
mod trial;

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::SchemaRef;
use serde::Serialize;
use tokio_postgres::Client;

pub use price::{Compute, InvalidCompute, ReadingCost};
pub use room::Room;
pub use told::Told;

use crate::domain::Dataset;
use crate::error::Error;
use crate::mirror;
use crate::project::Project;
use crate::source::SourceFile;
use crate::sql::Sql;
use crate::state::{FileState, Files};
use crate::target::ledger::{self, Experience};
use crate::target::sizes::{self, RowBytes, Shape, Sizes};
use crate::target::{self, Target};
use growth::{Known, PerRow};
use sample::Sample;
use told::Number;

/// A number, and where it comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Figure<T> {
    /// The number; `None` if it is not known.
    pub value: Option<T>,
    /// Where it comes from, or why it is not known.
    pub source: Told,
}

/// By how much the database grows, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Growth {
    /// The table.
    pub table: u64,
    /// Its indexes.
    pub indexes: u64,
    /// Its TOAST table.
    pub toast: u64,
    /// All three.
    pub total: u64,
    /// The write-ahead log that is written meanwhile.
    pub wal: u64,
}

/// What loading some files will come to.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Rows that the target gets.
    pub rows: Figure<u64>,
    /// By how much the database grows.
    pub growth: Figure<Growth>,
    /// How long it takes, in seconds.
    pub seconds: Figure<f64>,
    /// What the growth costs a month, in dollars.
    pub month_dollars: Figure<f64>,
    /// What reading the files costs, once.
    pub reading: ReadingCost,
}

/// What estimates of a dataset are made from.
pub struct Basis {
    sample: Sample,
    per_row: PerRow,
    experience: Experience,
    database: Option<u64>,
    keys: u64,
    put_per_file: u64,
}

impl Basis {
    /// Reads the start of a few of the files that `is_wanted`, and asks the target, if a database is named, for
    /// its sizes and for the pace of earlier runs.
    ///
    /// # Errors
    /// [`Error`] if the database cannot be asked; files that cannot be read are no error.
    pub async fn of(
        project: &Project,
        dataset: &Dataset,
        sql: &Sql,
        files: &Files,
        target: Option<Target>,
        is_wanted: impl Fn(&FileState) -> bool,
    ) -> Result<Self, Error> {
        let wanted: Vec<&SourceFile> = files
            .files
            .iter()
            .filter(|file| is_wanted(file))
            .filter_map(|f| f.source.as_ref())
            .collect();
        let mut sample = Sample::of(&project.source, dataset, &wanted).await;
        let counted: Vec<&FileState> =
            files.files.iter().filter(|file| is_wanted(file) && file.source.is_some()).collect();
        sample.balance(&counted);
        let staged = growth::staged(project, dataset, sql, &sample, files.range).await;
        let schema = staged.as_ref().ok().and_then(|staged| staged.batches.first());
        let schema = schema.map(|batch| batch.schema());
        let asked = ask(project, dataset, target, schema).await?;
        let (sizes, target) = (asked.sizes, asked.target);
        let trial = trial::of(project, dataset, sql, target.as_ref(), staged.as_ref().ok()).await;
        let shape = match &trial {
            Some(trial) => {
                Shape::of_target(&trial.target, trial.indexes.clone(), trial.fill_percent)
                    .with_constants(&dataset.constants)
            }
            None => shape(sizes.as_ref(), target.as_ref(), sql, dataset),
        };
        let known = Known {
            sizes: sizes.as_ref(),
            target: target.as_ref(),
            shape: &shape,
            trial: trial.as_ref(),
        };
        Ok(Self {
            per_row: growth::per_row(&known, staged),
            sample,
            experience: asked.experience,
            database: sizes.map(|sizes| sizes.database),
            keys: (files.files.len() + files.ignored.len()) as u64,
            put_per_file: if project.staging.folder().is_some() { 0 } else { PUTS_PER_FILE },
        })
    }

    /// About how many rows a file has.
    pub fn rows_of(&self, file: &FileState) -> u64 {
        self.sample.rows_of(file)
    }

    /// The size of the whole database, if it is known.
    pub fn database_bytes(&self) -> Option<u64> {
        self.database
    }

    /// What loading these files will come to, on a server of this compute size if it is given.
    pub fn estimate<'a>(
        &self,
        files: impl IntoIterator<Item = &'a FileState>,
        compute: Option<Compute>,
    ) -> Estimate {
        let files: Vec<&FileState> = files.into_iter().collect();
        if files.is_empty() {
            return Estimate::nothing();
        }
        let bytes: u64 = files.iter().map(|file| file.size()).sum();
        let records: u64 = files.iter().map(|file| self.rows_of(file)).sum();
        let rows = self.rows(records);
        let batches: BTreeSet<usize> = files.iter().map(|file| file.batch).collect();
        let growth = self.growth(rows.value.unwrap_or(0), files.len(), batches.len());
        let total = growth.value.map(|growth| growth.total);
        let requests = files.iter().map(|file| file.size().div_ceil(mirror::RANGE_BYTES)).sum();
        let puts = self.put_per_file * files.len() as u64;
        Estimate {
            files: files.len(),
            bytes,
            seconds: self.seconds(rows.value.unwrap_or(0), growth.value, compute),
            month_dollars: Figure {
                value: total.map(|total| price::month_dollars(self.database, total)),
                source: price::month_source(self.database),
            },
            reading: ReadingCost::of(self.keys, requests, puts, bytes),
            rows,
            growth,
        }
    }

    fn rows(&self, records: u64) -> Figure<u64> {
        let source = self.sample.source();
        let (share, of) = match self.experience.staged_share {
            Some(share) => (share, "of the records loaded before became rows"),
            None => (self.per_row.kept, "of the sampled rows are kept by stage.sql"),
        };
        let value = Some((records as f64 * share).round() as u64);
        if share > 0.999 {
            return Figure { value, source };
        }
        let share = Number::Span(share * 100.0, share * 100.0, 1);
        Figure { value, source: source.and(&Told::of(&format!("# % {of}"), &[share])) }
    }

    fn growth(&self, rows: u64, files: usize, batches: usize) -> Figure<Growth> {
        let growth = |bytes: RowBytes| {
            let of = |row: f64| (row * rows as f64).round() as u64;
            let new_table = if rows > 0 { self.per_row.fixed } else { 0 };
            let fixed = new_table + batches as u64 * FREE_PER_BATCH;
            let (rows, before) = (rows as f64, self.per_row.before);
            let curves = self.per_row.curves.iter().map(|curve| curve.growth(before, rows));
            let others = curves.sum::<f64>().round() as u64;
            // Rows that come use first what is free.
            let (free, toast) = (self.per_row.free, of(bytes.toast));
            let table = (of(bytes.table) + fixed).saturating_sub(free.table as u64);
            let indexes = of(bytes.indexes).saturating_sub(free.indexes as u64) + others;
            let wal = of(bytes.wal) + others + files as u64 * LOG_PER_FILE;
            Growth { table, indexes, toast, total: table + indexes + toast, wal }
        };
        Figure { value: self.per_row.bytes.map(growth), source: self.per_row.source.clone() }
    }

    fn seconds(&self, rows: u64, growth: Option<Growth>, compute: Option<Compute>) -> Figure<f64> {
        if let Some(pace) = &self.experience.pace {
            let speed = pace.rows_per_second();
            let words = format!("pace of run {}: # rows/s", pace.run_id);
            let source = Told::of(&words, &[Number::measure(speed)]);
            return Figure { value: Some(rows as f64 / speed), source };
        }
        match (compute, growth) {
            (Some(compute), Some(growth)) => {
                let written = (growth.total + growth.wal) as f64;
                let source = format!(
                    "table, indexes and log at the {} Mbit/s that the disk of {compute} sustains; short \
                     bursts are faster",
                    compute.megabits()
                );
                let seconds = written * 8.0 / (compute.megabits() * 1e6);
                Figure { value: Some(seconds), source: Told::text(source) }
            }
            (None, _) => {
                unknown("no earlier run of 10,000 rows tells a pace, and --compute is not given")
            }
            (Some(_), None) => unknown("the growth is not known"),
        }
    }
}

/// What a batch leaves free of the page on which it ends, where two are loaded beside each other: on average little,
/// because the next one goes on there. Measured over 175 batches of a few rows.
const FREE_PER_BATCH: u64 = 128;
/// What the log takes for what the ledger keeps of a file.
const LOG_PER_FILE: u64 = 1000;
/// What the database told.
#[derive(Default)]
struct Asked {
    sizes: Option<Sizes>,
    experience: Experience,
    /// The target, with what its loader fills in.
    target: Option<Target>,
}

/// Asks the database, if one is named; `schema` is what `stage.sql` gives.
async fn ask(
    project: &Project,
    dataset: &Dataset,
    target: Option<Target>,
    schema: Option<SchemaRef>,
) -> Result<Asked, Error> {
    let Some(database) = &project.database else { return Ok(Asked { target, ..Asked::default() }) };
    let (constants, table) = (&dataset.constants, &dataset.table);
    let asked = database.session(async |client: &Client| {
        let target = match (target.clone(), &schema) {
            (Some(target), Some(schema)) => {
                Some(target.with_single_values(client, schema, constants).await?)
            }
            (target, _) => target,
        };
        let sizes = Some(sizes::measure(client, target.as_ref()).await?);
        let experience = ledger::experience(client, table).await?;
        Ok::<_, target::Error>(Asked { sizes, experience, target })
    });
    Ok(asked.await?)
}

/// Objects that are written to staging for each file: its mirror and its staged rows.
const PUTS_PER_FILE: u64 = 2;

fn unknown<T>(why: &str) -> Figure<T> {
    Figure { value: None, source: Told::text(why) }
}

fn shape(sizes: Option<&Sizes>, target: Option<&Target>, sql: &Sql, dataset: &Dataset) -> Shape {
    let nothing = Sizes { fill_percent: 100, ..Sizes::default() };
    sizes.unwrap_or(&nothing).shape(target, &sql.contract, &dataset.constants)
}

impl Estimate {
    /// That of loading nothing.
    fn nothing() -> Self {
        fn zero<T: Default>() -> Figure<T> {
            Figure { value: Some(T::default()), source: Told::text("nothing is loaded") }
        }
        Self {
            files: 0,
            bytes: 0,
            rows: zero(),
            growth: zero(),
            seconds: zero(),
            month_dollars: zero(),
            reading: ReadingCost::default(),
        }
    }

    /// Several datasets together; `None` of none.
    pub fn sum(estimates: &[Self]) -> Option<Self> {
        let mut some = estimates.iter().filter(|estimate| estimate.files > 0);
        let mut sum = some.next().or(estimates.first())?.clone();
        for other in some {
            sum.files += other.files;
            sum.bytes += other.bytes;
            sum.rows.add(&other.rows, |a, b| a + b);
            sum.growth.add(&other.growth, Growth::plus);
            sum.seconds.add(&other.seconds, |a, b| a + b);
            sum.month_dollars.add(&other.month_dollars, |a, b| a + b);
            sum.reading = sum.reading.plus(other.reading);
        }
        Some(sum)
    }
}

impl Growth {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            table: self.table + other.table,
            indexes: self.indexes + other.indexes,
            toast: self.toast + other.toast,
            total: self.total + other.total,
            wal: self.wal + other.wal,
        }
    }
}

impl<T: Copy> Figure<T> {
    /// Adds another one. What is unknown of a part is unknown of the whole.
    fn add(&mut self, other: &Self, plus: impl Fn(T, T) -> T) {
        self.value = self.value.zip(other.value).map(|(a, b)| plus(a, b));
        self.source = std::mem::take(&mut self.source).and(&other.source);
    }
}
