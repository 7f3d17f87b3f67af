//! The **rejects** of a range beside the limit of its dataset, `max_rejects`. It counts for each batch, because
//! a batch is what a run loads or refuses as a whole.

use std::sync::Arc;

use backfill_csv::Reason;
use serde::Serialize;

use super::{Error, LOCATIONS};
use crate::domain::{Dataset, RejectLimit};
use crate::mirror::{self, Mirror, Mirrored, RejectReason};
use crate::store::Store;

/// The records of a range that could not be read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rejects {
    /// All records of the range.
    pub records: u64,
    /// Those that were rejected.
    pub rejected: u64,
    /// What `max_rejects` allows in each batch.
    pub max_rejects: String,
    /// The rejected records by reason.
    pub reasons: Vec<RejectReason>,
    /// The batches in which there are more than `max_rejects` allows, which a run would refuse.
    pub refused: Vec<String>,
}

impl Rejects {
    /// How many records are rejected, in a line.
    pub fn message(&self) -> String {
        let Self { records, rejected, max_rejects, .. } = self;
        format!("{rejected} of {records} records are rejected; max_rejects = {max_rejects}")
    }
}

/// Counts the rejects of a mirrored range, and compares each batch of so many days with the limit.
///
/// # Errors
/// [`mirror::Error`] if the rejects cannot be read.
pub async fn rejects(
    staging: &Store,
    dataset: &Dataset,
    mirror: &Mirror,
    batch_days: u32,
) -> Result<Rejects, mirror::Error> {
    let rejected = mirror::rejected(staging, mirror).await?;
    let over = batches_over_limit(dataset, mirror, batch_days);
    Ok(Rejects {
        records: sum(&mirror.files, |file| file.note.summary.records),
        rejected: sum(&mirror.files, |file| file.note.summary.rejected),
        max_rejects: dataset.max_rejects.to_string(),
        reasons: mirror::by_reason(&rejected),
        refused: over.iter().map(ToString::to_string).collect(),
    })
}

/// Why a run over a mirrored range, in batches of so many days, would refuse some of them.
pub fn batches_over_limit(dataset: &Dataset, mirror: &Mirror, batch_days: u32) -> Vec<Error> {
    let batch_of = |file: &Mirrored| mirror.range.batch_of(file.file.date, batch_days);
    let batches = mirror.files.chunk_by(|a, b| batch_of(a) == batch_of(b));
    let refused =
        batches.filter_map(|batch| refuse_rejects(&dataset.name, dataset.max_rejects, batch).err());
    refused.collect()
}

/// Refuses a batch in which more records were rejected than the dataset allows.
///
/// # Errors
/// [`Error::TooManyRejects`], with the first locations.
pub fn refuse_rejects(
    dataset: &str,
    limit: RejectLimit,
    files: &[Arc<Mirrored>],
) -> Result<(), Error> {
    let records = sum(files, |file| file.note.summary.records);
    let rejected = sum(files, |file| file.note.summary.rejected);
    if !limit.is_exceeded(rejected, records) {
        return Ok(());
    }
    let first = || {
        files.iter().flat_map(|file| {
            file.note.summary.first_rejects.iter().map(move |(line, reason)| (file, line, reason))
        })
    };
    let encoding = Reason::Encoding.to_string();
    let described =
        first().map(|(file, line, reason)| format!("{}:{line} {reason}", file.file.name));
    let day =
        |file: Option<&Arc<Mirrored>>| file.map(|f| f.file.date.to_string()).unwrap_or_default();
    Err(Error::TooManyRejects {
        dataset: dataset.to_owned(),
        days: format!("{} to {}", day(files.first()), day(files.last())),
        rejected,
        records,
        limit,
        first: described.take(LOCATIONS).collect(),
        are_bytes: first().all(|(_, _, reason)| *reason == encoding),
    })
}

fn sum(files: &[Arc<Mirrored>], value: fn(&Mirrored) -> u64) -> u64 {
    files.iter().map(|file| value(file)).sum()
}
