//! The **manifest** says what staging holds: for each source file the Parquet object with its rows, and its counts.
//! It is written last.

use chrono::{DateTime, Utc};
use object_store::{ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::domain::{FileDate, Identity};
use crate::store::Store;

/// What staging holds for one dataset and range.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the manifest's own form.
    pub version: u32,
    /// The dataset.
    pub dataset: String,
    /// The fingerprint of inputs and SQL.
    pub fingerprint: String,
    /// The digest of the SQL.
    pub sql_hash: String,
    /// The digest of the program that made it.
    #[serde(default)]
    pub program: String,
    /// When it was written.
    pub written_at: DateTime<Utc>,
    /// The staged files, by file date, then key.
    pub files: Vec<StagedFile>,
}

/// One source file as it will be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedFile {
    /// The name by which rows refer to the source file.
    pub file_name: String,
    /// Its key.
    pub key: String,
    /// Its file date.
    pub date: FileDate,
    /// The version of the source object.
    pub identity: Identity,
    /// The staged object, relative to the staging URL.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The counts of its records.
    pub counts: Counts,
    /// The digest of the set of its surviving rows.
    pub survivors: String,
}

/// The accounting of one source file up to staging: `records = accepted + rejected` and
/// `accepted = staged + superseded + filtered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records in the file.
    pub records: u64,
    /// Records that became rows.
    pub accepted: u64,
    /// Records that could not be read.
    pub rejected: u64,
    /// Rows that another row of the same key replaces.
    pub superseded: u64,
    /// Survivors that `stage.sql` leaves out.
    pub filtered: u64,
    /// Rows to load.
    pub staged: u64,
}

impl Counts {
    /// Whether every record is accounted for.
    pub fn add_up(&self) -> bool {
        self.records == self.accepted + self.rejected
            && self.accepted == self.staged + self.superseded + self.filtered
    }
}

impl Manifest {
    /// The first and the last file date.
    pub fn days(&self) -> Option<(FileDate, FileDate)> {
        Some((self.files.first()?.date, self.files.last()?.date))
    }

    /// Writes the manifest to `key` of staging.
    ///
    /// # Errors
    /// [`Error::Manifest`].
    pub async fn write(&self, staging: &Store, key: &str) -> Result<(), Error> {
        let written = match self.to_json() {
            Ok(payload) => staging.objects.put(&staging.path(key), payload).await.map(|_| ()),
            Err(error) => Err(error),
        };
        written.map_err(|source| Error::Manifest { path: key.to_owned(), source })
    }

    fn to_json(&self) -> object_store::Result<PutPayload> {
        let text = serde_json::to_vec_pretty(self);
        text.map(PutPayload::from).map_err(|error| object_store::Error::Generic {
            store: "JSON",
            source: Box::new(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_only_if_every_record_is_accounted_for() {
        let counts =
            Counts { records: 10, accepted: 9, rejected: 1, superseded: 2, filtered: 1, staged: 6 };
        assert!(counts.add_up());
        assert!(!Counts { staged: 7, ..counts }.add_up());
        assert!(!Counts { records: 11, ..counts }.add_up());
    }
}
