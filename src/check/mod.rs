//! A **check** is a query for bad rows; it has passed if there are none.
//!
//! All bad rows are written to a Parquet file under the run's folder in staging. The screen shows how many there
//! are and the locations of the first ones, never what is in them.

mod first_locations;
mod not_export;
mod one_read;
mod rejects;

use std::fmt;
use std::sync::Arc;

use backfill_csv::Advice;
use datafusion::arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::parquet::arrow::async_reader::ParquetRecordBatchStream;
use datafusion::parquet::errors::ParquetError;
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use object_store::ObjectStoreExt;
use serde::Serialize;
use tokio_util::task::AbortOnDropHandle;

use first_locations::FirstLocations;
use one_read::OneRead;

pub use not_export::refuse_not_exports;
pub use rejects::{Rejects, advice, batches_over_limit, refuse_rejects, rejects};

use crate::domain::{ErrorKind, Explain, RejectLimit};
use crate::engine;
use crate::failpoint;
use crate::sql::{Check, Severity};
use crate::store::object::{self, ObjectReader, ParquetWriter, blocking};
use crate::store::{self, Store, layout};
use crate::tables::Catalog;

/// How many locations of a failed check are reported.
const LOCATIONS: usize = 3;

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The check's name.
    pub name: String,
    /// What it looks for.
    pub description: String,
    /// Whether a fault stops the load.
    pub severity: Severity,
    /// How many bad rows there are.
    pub bad_rows: u64,
    /// The locations of the first bad rows.
    pub locations: Vec<Location>,
    /// The URL of the file with all bad rows, if there are any.
    pub rows_at: Option<String>,
    /// The same file, as its key below the staging URL.
    #[serde(skip)]
    pub rows_key: Option<String>,
}

/// The location of a bad row: those of file, day, line and row that the check returns.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// The source file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The file date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The physical line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The row id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, &self.date) {
            (Some(file), _) => f.write_str(file)?,
            (None, Some(date)) => f.write_str(date)?,
            (None, None) => f.write_str("(no location)")?,
        }
        match (&self.line, &self.row) {
            (Some(line), _) => write!(f, ":{line}"),
            (None, Some(row)) => write!(f, " row {row}"),
            (None, None) => Ok(()),
        }
    }
}

impl Outcome {
    /// Whether the check passed.
    pub fn has_passed(&self) -> bool {
        self.bad_rows == 0
    }

    /// Whether it stops a load; with `warnings_stop`, a check of severity warn does, too.
    pub fn stops(&self, warnings_stop: bool) -> bool {
        !self.has_passed() && (warnings_stop || self.severity == Severity::Error)
    }
}

/// What can go wrong while data is checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A check's query fails.
    #[error("the check {check} could not be run")]
    Query {
        /// The check.
        check: String,
        /// Why.
        #[source]
        source: engine::Error,
    },
    /// The mirrors cannot be read.
    #[error("the checks could not be run")]
    Read {
        /// Why.
        #[source]
        source: engine::Error,
    },
    /// The work was cancelled before it was done.
    #[error("a check was cancelled")]
    Cancelled,
    /// The bad rows cannot be written.
    #[error("cannot write the bad rows of {check} to {path}")]
    Write {
        /// The check.
        check: String,
        /// The object.
        path: String,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// The written bad rows cannot be read.
    #[error("cannot read the bad rows of {check}")]
    Unreadable {
        /// The check.
        check: String,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// Checks of severity error found bad rows.
    #[error("{} check(s) found bad rows: {}", failed.len(), failed.join("; "))]
    Refused {
        /// Name, number of rows and first location of each.
        failed: Vec<String>,
        /// Whether checks of severity warn stop, too.
        warnings_stop: bool,
    },
    /// Files under the prefix are not exports of the dataset.
    #[error(
        "{} file(s) are not exports of {dataset}: {}",
        files.len(), files.join("; ")
    )]
    NotExports {
        /// The dataset.
        dataset: String,
        /// Each key, and why it is not an export.
        files: Vec<String>,
    },
    /// Files differ in a way that is refused.
    #[error("{} instance(s) of drift in {dataset} are refused: {}", found.len(), first(found))]
    Drift {
        /// The dataset.
        dataset: String,
        /// Each instance with its kind, its days and its files.
        found: Vec<String>,
    },
    /// More records were rejected than the dataset allows.
    #[error(
        "{rejected} of {records} records of {dataset} from {days} were rejected, more than \
         max_rejects = {limit} allows: {}",
        first.join("; ")
    )]
    TooManyRejects {
        /// The dataset.
        dataset: String,
        /// The first and the last day of the batch.
        days: String,
        /// How many records were rejected.
        rejected: u64,
        /// All records of the batch.
        records: u64,
        /// The limit.
        limit: RejectLimit,
        /// The first locations, with reasons.
        first: Box<[String]>,
        /// The settings that would read the first of them.
        advice: Box<[Advice]>,
    },
}

/// How many instances of drift an error names.
const INSTANCES: usize = 10;

fn first(found: &[String]) -> String {
    let named = found[..found.len().min(INSTANCES)].join("; ");
    let more = if found.len() > INSTANCES { "; …" } else { "" };
    format!("{named}{more}")
}

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Query { source, .. } | Self::Read { source } => source.kind(),
            Self::Write { source, .. } | Self::Unreadable { source, .. } => {
                store::kind_behind(source)
            }
            Self::Refused { .. }
            | Self::NotExports { .. }
            | Self::Drift { .. }
            | Self::TooManyRejects { .. } => ErrorKind::Refused,
            Self::Cancelled => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Query { source, .. } | Self::Read { source } => return source.hint(),
            Self::Cancelled => return None,
            Self::Unreadable { source, .. } | Self::Write { source, .. }
                if store::find_error(source).is_some_and(store::is_transient) =>
            {
                return store::find_error(source).map(store::hint);
            }
            Self::Unreadable { .. } => "check that the staging area can be read",
            Self::Write { .. } => "check that the staging area has free space",
            Self::Refused { warnings_stop: true, .. } => {
                "`backfill check --csv FOLDER` writes every bad row to a file"
            }
            Self::Refused { .. } => {
                "`backfill check` writes every bad row to a file and shows its path; set `-- severity: warn` in a \
                 check that should not stop the load"
            }
            Self::NotExports { .. } => {
                "have these files exported again, or give the dataset a key pattern that leaves them out; if their \
                 columns have other names, add these to csv.aliases, and list columns that older files lack under \
                 optional_columns"
            }
            Self::Drift { .. } => {
                "`backfill drift` shows how the files differ; if the files are right, change the SQL, list the \
                 column under optional_columns or ignored_columns, or remove the kind from refuse_drift or --fail-on"
            }
            Self::TooManyRejects { advice, .. } => return Some(rejects::hint(advice)),
        };
        Some(hint.to_owned())
    }
}

/// Runs every check of the dataset, and writes the bad rows to staging, under the folder of the run.
///
/// # Errors
/// [`Error::Query`] and [`Error::Write`]; a failed check is not an error here, see [`refuse`].
pub async fn check(
    catalog: &Catalog,
    staging: &Store,
    run_id: &str,
) -> Result<Vec<Outcome>, Error> {
    let mut read = OneRead::default();
    let mut running = Vec::new();
    for check in &catalog.sql.checks {
        let plan = read
            .plan(catalog, &check.query)
            .await
            .map_err(|source| Error::Query { check: check.name.clone(), source })?;
        let key = layout::bad_rows(run_id, &catalog.dataset.name, &check.name);
        let (check, staging) = (check.clone(), staging.clone());
        let task = tokio::spawn(async move { run(plan, &check, &staging, key).await });
        // Dropping the handle cancels the check.
        running.push(joined(AbortOnDropHandle::new(task)));
    }
    let (fed, ended) = tokio::join!(read.feed(catalog), futures::future::join_all(running));
    fed.map_err(|source| Error::Read { source })?;
    failpoint::reach(failpoint::CHECKED);
    let mut outcomes = Vec::new();
    for (check, outcome) in catalog.sql.checks.iter().zip(ended) {
        outcomes.push(match outcome {
            Err(Error::Query { check: name, source }) => Err(Error::Query {
                check: name,
                source: catalog.explain(&check.query, source).await,
            }),
            outcome => outcome,
        }?);
    }
    Ok(outcomes)
}

async fn joined(check: AbortOnDropHandle<Result<Outcome, Error>>) -> Result<Outcome, Error> {
    check.await.unwrap_or(Err(Error::Cancelled))
}

/// Refuses to load if a check of severity error found bad rows; with `warnings_stop`, also if one of severity warn did.
///
/// # Errors
/// [`Error::Refused`].
pub fn refuse(outcomes: &[Outcome], warnings_stop: bool) -> Result<(), Error> {
    let failed: Vec<String> =
        outcomes.iter().filter(|outcome| outcome.stops(warnings_stop)).map(summary).collect();
    if failed.is_empty() { Ok(()) } else { Err(Error::Refused { failed, warnings_stop }) }
}

/// Reads the bad rows that a check wrote; `None` if there are none.
///
/// # Errors
/// [`Error::Unreadable`].
pub async fn bad_rows(
    staging: &Store,
    outcome: &Outcome,
) -> Result<Option<ParquetRecordBatchStream<ObjectReader>>, Error> {
    let Some(key) = &outcome.rows_key else { return Ok(None) };
    match read(staging, key).await {
        Ok(rows) => Ok(Some(rows)),
        Err(source) => Err(Error::Unreadable { check: outcome.name.clone(), source }),
    }
}

async fn read(
    staging: &Store,
    key: &str,
) -> Result<ParquetRecordBatchStream<ObjectReader>, ParquetError> {
    let path = staging.path(key);
    let head = staging.objects.head(&path).await;
    let size = head.map_err(|error| ParquetError::External(Box::new(error)))?.size;
    object::read(&staging.objects, &path, size).await
}

/// Returns name, number of rows and first location of a failed check, in one line.
pub fn summary(outcome: &Outcome) -> String {
    let first = outcome.locations.first();
    let location = first.map(|location| format!(", first at {location}")).unwrap_or_default();
    format!("{} ({} row(s){location})", outcome.name, outcome.bad_rows)
}

async fn run(
    plan: DataFrame,
    check: &Check,
    staging: &Store,
    key: String,
) -> Result<Outcome, Error> {
    let mut bad_rows = BadRows { check, staging, key, writer: None };
    let mut outcome = Outcome {
        name: check.name.clone(),
        description: check.description.clone(),
        severity: check.severity,
        bad_rows: 0,
        locations: Vec::new(),
        rows_at: None,
        rows_key: None,
    };
    let mut first = FirstLocations::default();
    let mut batches = plan.execute_stream().await.map_err(|error| failed(check, error))?;
    while let Some(next) = batches.next().await {
        let batch = next.map_err(|error| failed(check, error))?;
        if batch.num_rows() > 0 {
            outcome.bad_rows += batch.num_rows() as u64;
            first.add(&batch);
            bad_rows.write(batch).await?;
        }
    }
    outcome.rows_key = bad_rows.finish().await?;
    outcome.rows_at = outcome.rows_key.as_ref().map(|key| staging.display(key));
    outcome.locations = first.finish();
    Ok(outcome)
}

fn failed(check: &Check, error: DataFusionError) -> Error {
    Error::Query { check: check.name.clone(), source: engine::Error::execution(error) }
}

/// The file with the bad rows of a check; it is started with the first of them.
struct BadRows<'a> {
    check: &'a Check,
    staging: &'a Store,
    key: String,
    writer: Option<ParquetWriter>,
}

impl BadRows<'_> {
    async fn write(&mut self, rows: RecordBatch) -> Result<(), Error> {
        let (objects, path) = (Arc::clone(&self.staging.objects), self.staging.path(&self.key));
        let started = self.writer.take();
        let written = blocking(move || {
            let mut writer =
                started.unwrap_or_else(|| ParquetWriter::new(objects, &path, rows.schema()));
            writer.write(&rows).map(|()| writer)
        });
        let writer = written.await.map_err(|source| self.unwritable(source))?;
        self.writer = Some(writer);
        Ok(())
    }

    /// Makes the file visible and returns its key, if there is one.
    async fn finish(mut self) -> Result<Option<String>, Error> {
        let Some(writer) = self.writer.take() else { return Ok(None) };
        let note = self.check.name.clone();
        let finished = blocking(move || writer.finish(&note)).await;
        finished.map_err(|source| self.unwritable(source))?;
        Ok(Some(self.key))
    }

    fn unwritable(&self, source: ParquetError) -> Error {
        let path = self.staging.display(&self.key);
        Error::Write { check: self.check.name.clone(), path, source }
    }
}
