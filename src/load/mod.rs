//! To **load** is to bring staging into the target: several batches at once, each one transaction.
//!
//! Only this module speaks to Postgres. What it promises: nothing of a batch is visible before it
//! commits; the ledger commits with it; a commit is verified; a file that is already there is
//! skipped and said so.

mod batch;
mod connect;
mod encode;
mod error;
pub mod ledger;
mod sqlstate;
pub mod standing;
mod table_name;
mod target;
mod tls;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};

use crate::file_date::DateRange;
use crate::progress::{Listener, Total};
use crate::source::Store;
use crate::stage::Manifest;

pub use batch::{Batch, Loaded};
pub use connect::{Connection, Database};
pub use encode::Encoder;
pub use error::Error;
pub use sqlstate::Meaning;
pub use standing::{Change, Standing};
pub use table_name::{InvalidTableName, TableName};
pub use target::{Column, Target};

/// What batches have in common.
pub struct Job<'a> {
    /// Where the target is.
    pub database: &'a Database,
    /// The target.
    pub target: &'a Target,
    /// Encodes staged rows for it.
    pub encoder: Arc<Encoder>,
    /// Where staging is.
    pub staging: &'a Store,
    /// The run.
    pub run_id: &'a str,
    /// The dataset.
    pub dataset: &'a str,
    /// The SQL.
    pub sql_hash: &'a str,
    /// The files whose rows are replaced, with the run that loaded them.
    pub reload: &'a HashMap<String, String>,
    /// How many batches at once.
    pub connections: usize,
    /// Told of every row that is sent.
    pub progress: &'a Listener,
}

/// The batches of a manifest, by the days of the range.
pub fn batches(manifest: &Manifest, range: DateRange, batch_days: u32) -> Vec<Batch> {
    let mut batches: BTreeMap<usize, Batch> = BTreeMap::new();
    for file in &manifest.files {
        let number = range.batch_of(file.date, batch_days) + 1;
        let batch = batches.entry(number).or_insert_with(|| Batch {
            number,
            days: (file.date, file.date),
            files: Vec::new(),
        });
        batch.days.1 = file.date;
        batch.files.push(file.clone());
    }
    batches.into_values().collect()
}

/// Loads the batches, several at once.
///
/// # Errors
/// The first [`Error`]. Batches that are committed by then stay; the others leave nothing.
pub async fn load(job: &Job<'_>, batches: &[Batch]) -> Result<Vec<Loaded>, Error> {
    let files = || batches.iter().flat_map(|batch| &batch.files);
    let total = Total { files: files().count() as u64, bytes: files().map(|file| file.size).sum() };
    job.progress.begin("load", total);
    let loaded = stream::iter(batches)
        .map(|batch| batch::load(job, batch))
        .buffer_unordered(job.connections)
        .try_collect()
        .await;
    job.progress.end();
    loaded
}
