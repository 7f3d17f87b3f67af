//! An **estimate** says what loading some files will need: rows, growth of the target, time and cost. Every number
//! comes with its origin. What is not known is left out.
//!
//! | module | holds |
//! |---|---|
//! | `sample` | how many rows a file has, and what its values are like |
//! | `growth` | what a row takes in the target |
//! | `free` | the free room on the pages of the target |
//! | `trial` | what sampled rows take in a copy of the target |
//! | `price` | prices, and the throughput of disks |
//! | `room` | whether the rows fit into the database and onto the disk |
//! | `origin` | where a number comes from |

mod free;
mod growth;
mod origin;
mod price;
mod room;
mod sample;

mod trial;

use std::collections::BTreeSet;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use serde::Serialize;
use tokio_postgres::Client;

pub use origin::Origin;
pub use price::{Compute, InvalidCompute, ReadingCost};
pub use room::Room;

use crate::domain::Dataset;
use crate::domain::saturating::nearest;
use crate::error::Error;
use crate::mirror;
use crate::project::Project;
use crate::source::SourceFile;
use crate::sql::Sql;
use crate::state::{FileState, Files};
use crate::target::ledger::{self, Experience};
use crate::target::sizes::{self, Shape, Sizes};
use crate::target::{self, Target};
use growth::{Known, Load, PerRow};
use origin::Number;
use price::Traffic;
use sample::Sample;

/// A number, and where it comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Figure<T> {
    /// The number; `None` if it is not known.
    pub value: Option<T>,
    /// Where it comes from, or why it is not known.
    pub source: Origin,
}

/// How much the database grows, in bytes.
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
    /// The write-ahead log that is written while rows are loaded.
    pub wal: u64,
}

/// What loading some files will need.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Rows that the target gets.
    pub rows: Figure<u64>,
    /// How much the database grows.
    pub growth: Figure<Growth>,
    /// How long it takes, in seconds.
    pub seconds: Figure<f64>,
    /// What the growth costs, in dollars per month.
    pub month_dollars: Figure<f64>,
    /// What reading the files costs, once.
    pub reading: ReadingCost,
}

/// What the estimates of a dataset are made from.
pub struct Basis {
    sample: Sample,
    per_row: PerRow,
    experience: Experience,
    database: Option<u64>,
    keys: u64,
    put_per_file: u64,
}

impl Basis {
    /// Reads the start of a few of the files that `is_wanted` accepts. If a database is named, also asks it for the
    /// sizes of the target and for the pace of earlier runs.
    ///
    /// # Errors
    /// [`Error`] if the database cannot be asked. Files that cannot be read are not an error.
    pub async fn of(
        project: &Project,
        dataset: &Dataset,
        sql: &Sql,
        files: &Files,
        target: Option<Target>,
        is_wanted: impl Fn(&FileState) -> bool,
    ) -> Result<Self, Error> {
        let in_source = files.files.iter().filter(|file| is_wanted(file) && file.source.is_some());
        let wanted: Vec<&FileState> = in_source.collect();
        let sources: Vec<&SourceFile> =
            wanted.iter().filter_map(|file| file.source.as_ref()).collect();
        let mut sample = Sample::of(&project.source, dataset, &sources).await;
        sample.balance(&wanted);
        let staged = growth::staged(project, dataset, sql, &sample, files.range).await;
        let first = staged.as_ref().ok().and_then(|staged| staged.batches.first());
        let asked = ask(project, dataset, target, first.map(RecordBatch::schema)).await?;
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

    /// Returns about how many rows a file has.
    pub fn rows_of(&self, file: &FileState) -> u64 {
        self.sample.rows_of(file)
    }

    /// Returns the size of the whole database, if it is known.
    pub fn database_bytes(&self) -> Option<u64> {
        self.database
    }

    /// Estimates what loading these files will need, on a server of this compute size if it is given.
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
        let growth = self.per_row.growth(Load {
            rows: rows.value.unwrap_or(0),
            files: files.len() as u64,
            batches: batches.len() as u64,
        });
        let total = growth.value.map(|growth| growth.total);
        let traffic = Traffic {
            keys: self.keys,
            get_requests: files.iter().map(|file| file.size().div_ceil(mirror::RANGE_BYTES)).sum(),
            put_requests: self.put_per_file * files.len() as u64,
            bytes,
        };
        Estimate {
            files: files.len(),
            bytes,
            seconds: self.seconds(rows.value.unwrap_or(0), growth.value, compute),
            month_dollars: Figure {
                value: total.map(|total| price::month_dollars(self.database, total)),
                source: price::month_source(self.database),
            },
            reading: ReadingCost::of(traffic),
            rows,
            growth,
        }
    }

    fn rows(&self, records: u64) -> Figure<u64> {
        let source = self.sample.source();
        let (share, words) = match self.experience.staged_share {
            Some(share) => (share, "# % of the records loaded before became rows"),
            None => (self.per_row.kept, "# % of the sampled rows are kept by stage.sql"),
        };
        let value = Some(nearest(records as f64 * share));
        if share > NEARLY_ALL {
            return Figure { value, source };
        }
        let percent = Number::Span(share * 100.0, share * 100.0, 1);
        Figure { value, source: source.and(&Origin::of(words, &[percent])) }
    }

    fn seconds(&self, rows: u64, growth: Option<Growth>, compute: Option<Compute>) -> Figure<f64> {
        if let Some(pace) = &self.experience.pace {
            let speed = pace.rows_per_second();
            let words = format!("pace of run {}: # rows/s", pace.run_id);
            let source = Origin::of(&words, &[Number::measure(speed)]);
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
                Figure { value: Some(seconds), source: Origin::text(source) }
            }
            (None, _) => unknown(
                "there is no earlier run of at least 10,000 rows, and --compute is not given",
            ),
            (Some(_), None) => unknown("the growth is not known"),
        }
    }
}

/// The largest share of records that become rows that is reported.
const NEARLY_ALL: f64 = 0.999;

/// What is known from the database.
#[derive(Default)]
struct Asked {
    sizes: Option<Sizes>,
    experience: Experience,
    /// The target, with what its loader fills in.
    target: Option<Target>,
}

/// Asks the database, if one is named. `schema` is that of the rows of `stage.sql`.
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

/// How many objects are written to staging for each file: its mirror and its staged rows.
const PUTS_PER_FILE: u64 = 2;

fn unknown<T>(why: &str) -> Figure<T> {
    Figure { value: None, source: Origin::text(why) }
}

fn nothing_loaded<T: Default>() -> Figure<T> {
    Figure { value: Some(T::default()), source: Origin::text("there is nothing to load") }
}

fn shape(sizes: Option<&Sizes>, target: Option<&Target>, sql: &Sql, dataset: &Dataset) -> Shape {
    let nothing = Sizes { fill_percent: 100, ..Sizes::default() };
    sizes.unwrap_or(&nothing).shape(target, &sql.contract, &dataset.constants)
}

impl Estimate {
    /// Returns the estimate for no file.
    fn nothing() -> Self {
        Self {
            files: 0,
            bytes: 0,
            rows: nothing_loaded(),
            growth: nothing_loaded(),
            seconds: nothing_loaded(),
            month_dollars: nothing_loaded(),
            reading: ReadingCost::default(),
        }
    }

    /// Adds the estimates of several datasets; `None` if there are none.
    pub fn sum(estimates: &[Self]) -> Option<Self> {
        let mut with_files = estimates.iter().filter(|estimate| estimate.files > 0);
        let mut sum = with_files.next().or(estimates.first())?.clone();
        for other in with_files {
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
    /// Adds another growth.
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
    /// Adds another figure. If one of the two is not known, the sum is not.
    fn add(&mut self, other: &Self, plus: impl Fn(T, T) -> T) {
        self.value = self.value.zip(other.value).map(|(a, b)| plus(a, b));
        self.source = std::mem::take(&mut self.source).and(&other.source);
    }
}
