//! The **rejects** of a range, compared with the dataset's limit `max_rejects`. The limit applies to each batch,
//! because a run loads or refuses a batch as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use backfill_csv::Advice;
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
    /// The batches with more rejects than `max_rejects` allows, which a run would refuse.
    pub refused: Vec<String>,
}

impl Rejects {
    /// Says in one line how many records are rejected.
    pub fn message(&self) -> String {
        let Self { records, rejected, max_rejects, .. } = self;
        format!("{rejected} of {records} records are rejected; max_rejects = {max_rejects}")
    }
}

/// Counts the rejects of a mirrored range, and compares each batch of `batch_days` days with the limit.
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

/// Returns why a run over a mirrored range would refuse some of its batches of `batch_days` days.
pub fn batches_over_limit(dataset: &Dataset, mirror: &Mirror, batch_days: u32) -> Vec<Error> {
    let range = mirror.range;
    mirror
        .files
        .chunk_by(|a, b| {
            range.batch_of(a.file.date, batch_days) == range.batch_of(b.file.date, batch_days)
        })
        .filter_map(|batch| refuse_rejects(&dataset.name, dataset.max_rejects, batch).err())
        .collect()
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
    let described = files.iter().flat_map(|file| {
        let first = file.note.summary.first_rejects.iter();
        first.map(|(line, reason)| format!("{}:{line} {reason}", file.file.name))
    });
    Err(Error::TooManyRejects {
        dataset: dataset.to_owned(),
        days: days(files),
        rejected,
        records,
        limit,
        first: described.take(LOCATIONS).collect(),
        advice: advice(files.iter().flat_map(|file| &file.note.summary.advice)).into(),
    })
}

/// Returns the first and the last day of some files, in words.
fn days(files: &[Arc<Mirrored>]) -> String {
    match (files.first(), files.last()) {
        (Some(first), Some(last)) => format!("{} to {}", first.file.date, last.file.date),
        _ => String::new(),
    }
}

/// Returns each advice once, in order.
pub fn advice<'a>(found: impl Iterator<Item = &'a Advice>) -> Vec<Advice> {
    let found: BTreeSet<Advice> = found.copied().collect();
    found.into_iter().collect()
}

/// Says what to do about rejects.
pub(super) fn hint(advice: &[Advice]) -> String {
    let settings = advice.iter().map(|advice| setting(*advice)).chain([
        "`backfill rejects` lists them with line and reason; if they may be left out, raise max_rejects of the \
         dataset",
    ]);
    settings.collect::<Vec<_>>().join("; ")
}

/// Names the setting that would read records, in the dataset's section.
fn setting(advice: Advice) -> &'static str {
    match advice {
        Advice::Encoding => {
            "some files seem to be in another encoding: name it with csv = { encoding = [\"utf-8\", \
             \"windows-1252\"] }, so that each file is read in the first encoding that fits it, or have them \
             exported as UTF-8"
        }
        Advice::MixedEncodings => {
            "some files have records in two encodings, but a file can only be read in one: have them exported again"
        }
        Advice::Escape => {
            "there are backslashes before quotes inside quoted fields: csv.escape = '\\' reads such records"
        }
        Advice::Quote => {
            "fields have apostrophes around them: csv.quote = \"'\" reads such records"
        }
        Advice::BlanksAfterDelimiter => {
            "there are blanks before quotes: csv.blanks_after_delimiter = \"skip\" reads such records"
        }
    }
}

fn sum(files: &[Arc<Mirrored>], value: fn(&Mirrored) -> u64) -> u64 {
    files.iter().map(|file| value(file)).sum()
}
