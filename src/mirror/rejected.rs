//! The rejects of a mirror, counted by reason.

use std::collections::BTreeMap;
use std::fmt;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::parquet::errors::ParquetError;
use futures::TryStreamExt;
use object_store::path::Path;
use serde::Serialize;

use super::{Error, Mirror, Mirrored, StagedObject};
use crate::domain::{FileDate, provenance};
use crate::store::{Store, object};

/// Records of a file that could not be read for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// The key.
    pub key: String,
    /// The file date.
    pub date: FileDate,
    /// Why.
    pub reason: String,
    /// How many records.
    pub records: u64,
    /// The physical line of the first.
    pub first_line: i64,
}

/// Reads the rejects of every file of a mirror, by file, then reason.
///
/// # Errors
/// [`Error`] if they cannot be read.
pub async fn rejected(staging: &Store, mirror: &Mirror) -> Result<Vec<Rejected>, Error> {
    let mut all = Vec::new();
    for file in &mirror.files {
        let Some(StagedObject { path, size }) = &file.rejects else { continue };
        let reasons = reasons_in(staging, path, *size)
            .await
            .map_err(|source| Error::Rejects { path: staging.key(path), source })?;
        all.extend(of_file(file, reasons));
    }
    Ok(all)
}

/// The rejected records of a range with one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectReason {
    /// Why.
    pub reason: String,
    /// How many records.
    pub records: u64,
    /// In how many files.
    pub files: usize,
    /// Key and physical line of the first.
    pub first: String,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, records, files, first } = self;
        write!(f, "{records} {reason} in {files} file(s), first at {first}")
    }
}

/// Sums up the rejects of some files by reason, in the order in which the reasons are first seen.
pub fn by_reason(rejected: &[Rejected]) -> Vec<RejectReason> {
    let mut reasons: Vec<RejectReason> = Vec::new();
    for of_file in rejected {
        match reasons.iter_mut().find(|known| known.reason == of_file.reason) {
            Some(known) => {
                known.records += of_file.records;
                known.files += 1;
            }
            None => reasons.push(RejectReason {
                reason: of_file.reason.clone(),
                records: of_file.records,
                files: 1,
                first: format!("{}:{}", of_file.key, of_file.first_line),
            }),
        }
    }
    reasons
}

/// How many records have a reason, and the line of the first.
type Reasons = BTreeMap<String, (u64, i64)>;

fn of_file(file: &Mirrored, reasons: Reasons) -> impl Iterator<Item = Rejected> {
    let (key, date) = (file.file.key.clone(), file.file.date);
    reasons.into_iter().map(move |(reason, (records, first_line))| Rejected {
        key: key.clone(),
        date,
        reason,
        records,
        first_line,
    })
}

async fn reasons_in(staging: &Store, path: &Path, size: u64) -> Result<Reasons, ParquetError> {
    let mut reasons = Reasons::new();
    let mut batches = object::read(&staging.objects, path, size).await?;
    while let Some(batch) = batches.try_next().await? {
        let reason =
            batch.column_by_name("reason").and_then(|column| column.as_string_opt::<i32>());
        let line = batch
            .column_by_name(provenance::LINE)
            .and_then(|column| column.as_primitive_opt::<Int64Type>());
        let (Some(reason), Some(line)) = (reason, line) else { continue };
        for (reason, line) in reason.iter().zip(line).filter_map(|(r, l)| Some((r?, l?))) {
            let (records, first) = reasons.entry(reason.to_owned()).or_insert((0, line));
            *records += 1;
            *first = line.min(*first);
        }
    }
    Ok(reasons)
}
