//! A **sample**: synthetic exports of the shape that the CRM Sticky.io writes to a bucket.
//!
//! ```text
//! <out>/
//!   orders-create/
//!     report_2025-09-22T1849_8f3a1c.csv     one file per day
//!     report_2025-09-23T2007_03be75.csv
//!   orders-update/
//!     report_2025-09-22T1815_c41d02.csv
//! ```
//!
//! The same [`Options`] give the same bytes on every machine. A file may send changed rows of earlier days again, as
//! the vendor does when the state of an order changes. The files of the first prefix may have quirks; each is planted
//! on purpose and reported ([`Quirk`]).
//!
//! No person in a sample is real, and nobody can be reached: telephone numbers, mail hosts, internet addresses and card
//! numbers are from the ranges that are reserved for examples and tests.

#![expect(
    clippy::cast_possible_truncation,
    reason = "rows, products and words are counted in 32 bits"
)]

mod cells;
mod columns;
mod fault;
mod file;
mod layout;
mod order;
mod person;
mod plan;
mod progress;
mod quirks;
mod random;
mod row;
mod stream;
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use chrono::NaiveDate;

pub use columns::COLUMNS;
pub use quirks::Quirk;

use plan::FilePlan;

/// What a sample should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The number of days under every prefix; each has a file.
    pub days: u32,
    /// The rows of a file. From 20 rows on, a file has up to 5% more or fewer.
    pub rows: u32,
    /// The first day.
    pub start: NaiveDate,
    /// Another seed gives other orders.
    pub seed: u64,
    /// The share, from 0 to 1, of a file's rows that were sent on one of the five days before: with the same
    /// `orders_id` and `products_id`, in a later state.
    ///
    /// The oldest file has nothing to send again. Above five sixths there are too few rows, and a file sends some of
    /// them twice.
    pub resend: f64,
    /// Whether the files of the first prefix have quirks.
    ///
    /// All quirks are planted from 14 days on; with fewer days, those that fit.
    pub quirks: bool,
    /// The folders, such as `orders-create`.
    pub prefixes: Vec<String>,
}

impl Default for Options {
    /// 28 days from 2025-09-22 of created and of updated orders, 1000 rows per file, without quirks.
    fn default() -> Self {
        Self {
            days: 28,
            rows: 1000,
            start: NaiveDate::from_ymd_opt(2025, 9, 22).unwrap_or_default(),
            seed: 1,
            resend: 0.0,
            quirks: false,
            prefixes: vec!["orders-create".to_owned(), "orders-update".to_owned()],
        }
    }
}

/// A file that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its path below the output folder: prefix and name.
    pub path: PathBuf,
    /// Its data records, including bad ones, without headers.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// What is wrong with it, on purpose.
    pub quirks: Vec<Quirk>,
}

/// What has been written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// The files, sorted by path.
    pub files: Vec<WrittenFile>,
    /// The days left out on purpose, with their prefix, sorted.
    pub missing_days: Vec<(String, NaiveDate)>,
}

/// A sample could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A prefix is empty, given twice, or not a folder below the output folder.
    #[error("the prefix {path:?} is empty, repeated or not a relative folder")]
    Prefix {
        /// The prefix as given.
        path: PathBuf,
    },
    /// The last day does not exist.
    #[error("{days} days from {start} are past the end of the calendar")]
    Calendar {
        /// The first day.
        start: NaiveDate,
        /// The number of days.
        days: u32,
    },
    /// A folder could not be made.
    #[error("cannot create the folder {}", path.display())]
    CreateFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written or renamed.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes a sample below the folder `out`, which is created if it does not exist.
///
/// Files are written in parallel, one thread per core, and replace files of the same name. `on_file` is called on the
/// caller's thread for each finished file, not always in the order of [`Summary::files`].
///
/// # Errors
/// The first failure. Other threads then finish the files that they are writing, and start no others.
pub fn write(
    out: &Path,
    options: &Options,
    on_file: &mut dyn FnMut(&WrittenFile),
) -> Result<Summary, Error> {
    let plan = plan::plan(options)?;
    for prefix in &options.prefixes {
        let path = out.join(prefix);
        std::fs::create_dir_all(&path).map_err(|source| Error::CreateFolder { path, source })?;
    }
    let mut files = write_files(out, &plan.files, on_file)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    let mut missing_days = plan.missing_days;
    missing_days.sort();
    Ok(Summary { files, missing_days })
}

fn write_files(
    out: &Path,
    plans: &[FilePlan],
    on_file: &mut dyn FnMut(&WrittenFile),
) -> Result<Vec<WrittenFile>, Error> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(plans.len());
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The receiver is gone once another file has failed.
                    if sender.send(file::write(out, plan)).is_err() {
                        break;
                    }
                }
            });
        }
        // Otherwise the loop below would also wait for this sender.
        drop(sender);
        let mut files = Vec::with_capacity(plans.len());
        for written in receiver {
            let file = written?;
            on_file(&file);
            files.push(file);
        }
        Ok(files)
    })
}

#[cfg(test)]
mod tests;
