//! A **check** is a query for the bad rows; none means passed.
//!
//! All bad rows go to a Parquet file under the run's folder in staging. The screen shows how many there
//! are and where the first ones stand, never what is in them.

mod first_locations;
mod not_export;
mod one_read;
mod rejects;

use std::fmt;
use std::sync::Arc;

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
pub use rejects::{Rejects, batches_over_limit, refuse_rejects, rejects};

use crate::domain::{ErrorKind, Explain, RejectLimit};
use crate::engine;
use crate::failpoint;
use crate::sql::{Check, Severity};
use crate::store::object::{self, ObjectReader, ParquetWriter};
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
    /// Where the first bad rows stand.
    pub locations: Vec<Location>,
    /// Where all bad rows are, where there are any.
    pub rows_at: Option<String>,
    /// The same, below the staging URL.
    #[serde(skip)]
    pub rows_key: Option<String>,
}

/// Where a bad row stands: whatever of file, day, line and row the check returns.
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

    /// Whether it stops a load, or whatever else asks.
    pub fn stops(&self, warnings_stop: bool) -> bool {
        !self.has_passed() && (warnings_stop || self.severity == Severity::Error)
    }
}

/// What can go wrong while data is checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A check's query fails.
    #[error("the check {check} failed to run")]
    Query {
        /// The check.
        check: String,
        /// Why.
        #[source]
        source: engine::Error,
    },
    /// The mirrors cannot be read.
    #[error("the checks failed to run")]
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
    /// The bad rows cannot be read again.
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
        /// Whether those of severity warn stop as well.
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
        /// Each key, and why it is not one.
        files: Vec<String>,
    },
    /// Files differ in a way that is refused.
    #[error("{} instance(s) of drift in {dataset} are refused: {}", found.len(), first(found))]
    Drift {
        /// The dataset.
        dataset: String,
        /// Each with its kind, its days and its files.
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
        /// How many were rejected.
        rejected: u64,
        /// Of how many.
        records: u64,
        /// The limit.
        limit: RejectLimit,
        /// The first locations, with reasons.
        first: Vec<String>,
        /// Whether the first ones are all bytes that the encoding does not have.
        are_bytes: bool,
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
            Self::Write { .. } => "check that the staging area has room",
            Self::Refused { warnings_stop: true, .. } => {
                "`backfill check --csv FOLDER` writes every bad row to a file"
            }
            Self::Refused { .. } => {
                "`backfill check` writes every bad row to a file and says where; set \
                 `-- severity: warn` in a check that should not stop the load"
            }
            Self::NotExports { .. } => {
                "have these files exported again, or give the dataset a key pattern that leaves them \
                 out; if their columns have other names, say so under csv.aliases, and list columns \
                 that older files lack under optional_columns"
            }
            Self::Drift { .. } => {
                "`backfill drift` shows how the files differ; if it is right, change the SQL, or list the column \
                 under optional_columns or ignored_columns, or take the kind out of refuse_drift or --fail-on"
            }
            Self::TooManyRejects { are_bytes: true, .. } => {
                "some files seem to be written in another encoding: name it with \
                 csv = { encoding = [\"utf-8\", \"windows-1252\"] } in the dataset's section, where each file \
                 is read in the first that fits it, or have them exported as UTF-8"
            }
            Self::TooManyRejects { .. } => {
                "`backfill rejects` lists every one with line and reason; if they may be left out, \
                 raise max_rejects of the dataset"
            }
        };
        Some(hint.to_owned())
    }
}

/// Runs every check of the dataset; bad rows go to staging, under the folder of the run.
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
        let failed = |source| Error::Query { check: check.name.clone(), source };
        let plan = read.plan(catalog, &check.query).await.map_err(failed)?;
        let key = layout::bad_rows(run_id, &catalog.dataset.name, &check.name);
        let (check, staging) = (check.clone(), staging.clone());
        let task = tokio::spawn(async move { run(plan, &check, &staging, key).await });
        // A check is cancelled as soon as nobody waits for it any more.
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

/// Refuses where a check of severity error found bad rows, or also where one of severity warn did.
///
/// # Errors
/// [`Error::Refused`].
pub fn refuse(outcomes: &[Outcome], warnings_stop: bool) -> Result<(), Error> {
    let stops = |outcome: &&Outcome| outcome.stops(warnings_stop);
    let failed: Vec<String> = outcomes.iter().filter(stops).map(summary).collect();
    if failed.is_empty() { Ok(()) } else { Err(Error::Refused { failed, warnings_stop }) }
}

/// The bad rows that a check wrote; `None` if there are none.
///
/// # Errors
/// [`Error::Unreadable`].
pub async fn bad_rows(
    staging: &Store,
    outcome: &Outcome,
) -> Result<Option<ParquetRecordBatchStream<ObjectReader>>, Error> {
    let Some(key) = &outcome.rows_key else { return Ok(None) };
    let unreadable = |source| Error::Unreadable { check: outcome.name.clone(), source };
    let path = staging.path(key);
    let head = staging.objects.head(&path).await;
    let size = head.map_err(|error| unreadable(ParquetError::External(Box::new(error))))?.size;
    object::read(&staging.objects, &path, size).await.map(Some).map_err(unreadable)
}

/// Name, number of rows and first location of a failed check, in one line.
pub fn summary(outcome: &Outcome) -> String {
    let first = outcome.locations.first();
    let first = first.map(|location| format!(", first at {location}")).unwrap_or_default();
    format!("{} ({} row(s){first})", outcome.name, outcome.bad_rows)
}

async fn run(
    plan: DataFrame,
    check: &Check,
    staging: &Store,
    key: String,
) -> Result<Outcome, Error> {
    let failed = |source| Error::Query { check: check.name.clone(), source };
    let mut rows =
        plan.execute_stream().await.map_err(|error| failed(engine::Error::execution(error)))?;
    let unwritable =
        |source| Error::Write { check: check.name.clone(), path: staging.display(&key), source };
    let mut writer = None;
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
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|error| failed(engine::Error::execution(error)))?;
        if batch.num_rows() == 0 {
            continue;
        }
        outcome.bad_rows += batch.num_rows() as u64;
        first.add(&batch);
        let objects = Arc::clone(&staging.objects);
        let path = staging.path(&key);
        let given = writer.take();
        writer = tokio::task::spawn_blocking(move || {
            let mut writer = match given {
                Some(writer) => writer,
                None => ParquetWriter::new(objects, &path, batch.schema()),
            };
            writer.write(&batch).map(|()| Some(writer))
        })
        .await
        .unwrap_or_else(|join| Err(ParquetError::External(Box::new(join))))
        .map_err(unwritable)?;
    }
    if let Some(writer) = writer {
        let name = check.name.clone();
        tokio::task::spawn_blocking(move || writer.finish(&name))
            .await
            .unwrap_or_else(|join| Err(ParquetError::External(Box::new(join))))
            .map_err(unwritable)?;
        outcome.rows_at = Some(staging.display(&key));
        outcome.rows_key = Some(key);
    }
    outcome.locations = first.finish();
    Ok(outcome)
}
