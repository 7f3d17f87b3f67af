//! A **check** is a query for the bad rows; none means passed.
//!
//! All bad rows go to a Parquet file under the run's folder in staging. What is told of them on
//! the screen is how many there are and where the first ones stand, never what is in them.

mod one_read;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::parquet::arrow::async_reader::ParquetRecordBatchStream;
use datafusion::parquet::errors::ParquetError;
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use serde::Serialize;

use one_read::OneRead;

use crate::catalog::{self, Catalog};
use crate::config::RejectLimit;
use crate::failpoint;
use crate::mirror::Mirrored;
use crate::parquet::{self, ParquetWriter};
use crate::source::Store;
use crate::sql::{Check, Severity};

/// How many locations are told of a failed check.
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
        source: catalog::Error,
    },
    /// The mirrors cannot be read.
    #[error("the checks failed to run")]
    Read {
        /// Why.
        #[source]
        source: catalog::Error,
    },
    /// The work was given up before it was done.
    #[error("a check was given up")]
    GivenUp,
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
    },
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Query { source, .. } | Self::Read { source } => source.hint(),
            Self::GivenUp => None,
            Self::Unreadable { .. } => Some("check that the staging area can be read".to_owned()),
            Self::Write { .. } => Some("check that the staging area has room".to_owned()),
            Self::Refused { warnings_stop: true, .. } => {
                Some("`backfill check --csv FOLDER` writes every bad row to a file".to_owned())
            }
            Self::Refused { .. } => Some(
                "`backfill check` writes every bad row to a file and says where; set \
                 `-- severity: warn` in a check that should not stop the load"
                    .to_owned(),
            ),
            Self::TooManyRejects { .. } => Some(
                "`backfill rejects` lists every one with line and reason; if they may be left \
                 out, raise max_rejects of the dataset"
                    .to_owned(),
            ),
        }
    }
}

/// Runs every check of the dataset; bad rows go to `<folder>/<check>.parquet` in staging.
///
/// # Errors
/// [`Error::Query`] and [`Error::Write`]; a failed check is no error here, see [`refuse`].
pub async fn check(
    catalog: &Catalog,
    staging: &Store,
    folder: &str,
) -> Result<Vec<Outcome>, Error> {
    let mut read = OneRead::default();
    let mut running = Vec::new();
    for check in &catalog.sql.checks {
        let failed = |source| Error::Query { check: check.name.clone(), source };
        let plan = read.plan(catalog, &check.query).await.map_err(failed)?;
        let (check, staging, folder) = (check.clone(), staging.clone(), folder.to_owned());
        running
            .push(Running(tokio::spawn(async move { run(plan, &check, &staging, &folder).await })));
    }
    let (fed, outcomes) = tokio::join!(read.feed(catalog), futures::future::join_all(running));
    fed.map_err(|source| Error::Read { source })?;
    failpoint::reach(failpoint::CHECKED);
    outcomes.into_iter().collect()
}

/// A check under way, given up when nobody waits for it any more.
struct Running(tokio::task::JoinHandle<Result<Outcome, Error>>);

impl Future for Running {
    type Output = Result<Outcome, Error>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context).map(|joined| match joined {
            Ok(result) => result,
            Err(_) => Err(Error::GivenUp),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
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

/// The bad rows that a check wrote; nothing where there are none.
///
/// # Errors
/// [`Error::Unreadable`].
pub async fn bad_rows(
    staging: &Store,
    outcome: &Outcome,
) -> Result<Option<ParquetRecordBatchStream<parquet::ObjectReader>>, Error> {
    use object_store::ObjectStoreExt;
    let Some(key) = &outcome.rows_key else { return Ok(None) };
    let unreadable = |source| Error::Unreadable { check: outcome.name.clone(), source };
    let path = staging.path(key);
    let head = staging.objects.head(&path).await;
    let size = head.map_err(|error| unreadable(ParquetError::External(Box::new(error))))?.size;
    parquet::read(&staging.objects, &path, size).await.map(Some).map_err(unreadable)
}

/// Name, number of rows and first location of a failed check, in one line.
pub fn summary(outcome: &Outcome) -> String {
    let first = outcome.locations.first();
    let first = first.map(|location| format!(", first at {location}")).unwrap_or_default();
    format!("{} ({} row(s){first})", outcome.name, outcome.bad_rows)
}

/// Refuses a batch in which more records were rejected than the dataset allows.
///
/// # Errors
/// [`Error::TooManyRejects`], with the first locations.
pub fn refuse_rejects(dataset: &str, limit: RejectLimit, files: &[&Mirrored]) -> Result<(), Error> {
    let sum = |value: fn(&Mirrored) -> u64| files.iter().map(|file| value(file)).sum::<u64>();
    let records = sum(|file| file.note.summary.records);
    let rejected = sum(|file| file.note.summary.rejected);
    if !limit.is_exceeded(rejected, records) {
        return Ok(());
    }
    let first = files.iter().flat_map(|file| {
        let rejects = &file.note.summary.first_rejects;
        rejects.iter().map(|(line, reason)| format!("{}:{line} {reason}", file.file.name))
    });
    let day = |file: Option<&&Mirrored>| file.map(|f| f.file.date.to_string()).unwrap_or_default();
    Err(Error::TooManyRejects {
        dataset: dataset.to_owned(),
        days: format!("{} to {}", day(files.first()), day(files.last())),
        rejected,
        records,
        limit,
        first: first.take(LOCATIONS).collect(),
    })
}

async fn run(
    plan: DataFrame,
    check: &Check,
    staging: &Store,
    folder: &str,
) -> Result<Outcome, Error> {
    let failed = |source| Error::Query { check: check.name.clone(), source };
    let mut rows =
        plan.execute_stream().await.map_err(|error| failed(catalog::Error::execution(error)))?;
    let key = format!("{folder}/{}.parquet", check.name);
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
        let batch = batch.map_err(|error| failed(catalog::Error::execution(error)))?;
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
    outcome.locations = first.locations;
    Ok(outcome)
}

/// The first locations in order of file and line, whatever order rows come in.
#[derive(Default)]
struct FirstLocations {
    locations: Vec<Location>,
}

impl FirstLocations {
    fn add(&mut self, batch: &RecordBatch) {
        let column = |name: &str| {
            batch.column_by_name(name).and_then(|column| cast(column, &DataType::Utf8).ok())
        };
        let columns: BTreeMap<&str, _> = ["_file_name", "_file_date", "_line", "_row_id"]
            .into_iter()
            .filter_map(|name| Some((name, column(name)?)))
            .collect();
        let value = |name: &str, row: usize| {
            let column = columns.get(name)?;
            column.is_valid(row).then(|| column.as_string::<i32>().value(row).to_owned())
        };
        let batch_locations = (0..batch.num_rows()).map(|row| Location {
            file: value("_file_name", row),
            date: value("_file_date", row),
            line: value("_line", row),
            row: value("_row_id", row),
        });
        self.locations.extend(batch_locations);
        let number = |text: &Option<String>| text.as_deref().and_then(|t| t.parse::<i64>().ok());
        self.locations.sort_by(|a, b| {
            let key =
                |l: &Location| (l.file.clone(), l.date.clone(), number(&l.line), number(&l.row));
            key(a).cmp(&key(b))
        });
        self.locations.truncate(LOCATIONS);
    }
}
