//! The **layout** of staging says where everything in it is stored. Every path is built here.
//!
//! ```text
//! <staging>/
//!   mirror/<dataset>/_file_date=2025-09-22/<stem>-<hash>.parquet      a source file in columnar form
//!   rejects/<dataset>/_file_date=2025-09-22/<stem>-<hash>.parquet     its records that could not be read
//!   profiles/<dataset>/_file_date=2025-09-22/<stem>-<hash>.json       what its values are like
//!   staged/<dataset>/<fingerprint>/
//!     _file_date=2025-09-22/<stem>-<hash>.parquet                     its rows to load
//!     manifest_2025-09-22_2025-09-28.json                             what a batch holds
//!     manifest.json                                                   what the whole range holds
//!   runs/<run>/<dataset>/
//!     checks/<check>.parquet                                          the bad rows of a check
//!     replayed/_file_date=2025-09-22/<stem>-<hash>.parquet            the rows of rejects that were replayed
//!     accounting.json                                                 where each record went
//!   trials/<name>                                                     written to test the access, and deleted
//! ```

mod key;

pub use key::{Key, Kind};

use crate::domain::{FILE_DATE, FileDate};

/// The folders of staging in which a run writes.
pub const FOLDERS: [&str; 5] = [
    Kind::Mirrors.folder(),
    Kind::Rejects.folder(),
    Kind::Profiles.folder(),
    Kind::Staged.folder(),
    Kind::Runs.folder(),
];

/// Returns the folder of a dataset's mirrors.
pub fn mirrors(dataset: &str) -> String {
    format!("{}/{dataset}", Kind::Mirrors.folder())
}

/// Returns the path of the mirror of a source file; `name` is its stem with a hash.
pub fn mirror(dataset: &str, date: FileDate, name: &str) -> String {
    format!("{}/{FILE_DATE}={date}/{name}.parquet", mirrors(dataset))
}

/// Returns the folder of a dataset's rejects.
pub fn rejects(dataset: &str) -> String {
    format!("{}/{dataset}", Kind::Rejects.folder())
}

/// Returns the path of the rejects of a source file; `name` is that of its mirror.
pub fn rejects_of(dataset: &str, date: FileDate, name: &str) -> String {
    format!("{}/{FILE_DATE}={date}/{name}.parquet", rejects(dataset))
}

/// Returns the folder of a dataset's profiles.
pub fn profiles(dataset: &str) -> String {
    format!("{}/{dataset}", Kind::Profiles.folder())
}

/// Returns the path of the profile of a source file; `name` is its stem with a hash.
pub fn profile(dataset: &str, date: FileDate, name: &str) -> String {
    format!("{}/{FILE_DATE}={date}/{name}.json", profiles(dataset))
}

/// Returns the folder of everything that was staged for a dataset.
pub fn staged_of(dataset: &str) -> String {
    format!("{}/{dataset}", Kind::Staged.folder())
}

/// Returns the folder of the rows that were staged with one fingerprint of SQL and mirrors.
pub fn staged(dataset: &str, fingerprint: &str) -> String {
    format!("{}/{fingerprint}", staged_of(dataset))
}

/// Returns the path of the staged rows of a source file; `file` is the file name of its mirror.
pub fn staged_file(dataset: &str, fingerprint: &str, date: FileDate, file: &str) -> String {
    format!("{}/{FILE_DATE}={date}/{file}", staged(dataset, fingerprint))
}

/// Returns the path of the manifest of a batch.
pub fn batch_manifest(dataset: &str, fingerprint: &str, days: (FileDate, FileDate)) -> String {
    let (first, last) = days;
    format!("{}/manifest_{first}_{last}.json", staged(dataset, fingerprint))
}

/// Returns the path of the manifest of a whole range.
pub fn manifest(dataset: &str, fingerprint: &str) -> String {
    format!("{}/manifest.json", staged(dataset, fingerprint))
}

/// Returns the folder of what a run found in a dataset.
fn found_by(run_id: &str, dataset: &str) -> String {
    format!("{}/{run_id}/{dataset}", Kind::Runs.folder())
}

/// Returns the path of the bad rows of a check in a run.
pub fn bad_rows(run_id: &str, dataset: &str, check: &str) -> String {
    format!("{}/checks/{check}.parquet", found_by(run_id, dataset))
}

/// Returns the path of the rows of a source file that a replay loads; `file` is the file name of its mirror.
pub fn replayed(run_id: &str, dataset: &str, date: FileDate, file: &str) -> String {
    format!("{}/replayed/{FILE_DATE}={date}/{file}", found_by(run_id, dataset))
}

/// Returns the path of an object that is written to test the access, and deleted at once.
pub fn trial(name: &str) -> String {
    format!("trials/{name}")
}

/// Returns the path of the accounting of a dataset in a run.
pub fn accounting(run_id: &str, dataset: &str) -> String {
    format!("{}/accounting.json", found_by(run_id, dataset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_place_of_its_own() {
        let day: FileDate = "2025-09-22".parse().expect("a day");
        assert_eq!(mirror("people", day, "x-1"), "mirror/people/_file_date=2025-09-22/x-1.parquet");
        assert_eq!(
            staged_file("people", "f0", day, "x-1.parquet"),
            "staged/people/f0/_file_date=2025-09-22/x-1.parquet"
        );
        assert_eq!(
            batch_manifest("people", "f0", (day, day.plus_days(6))),
            "staged/people/f0/manifest_2025-09-22_2025-09-28.json"
        );
        assert_eq!(bad_rows("r", "people", "c"), "runs/r/people/checks/c.parquet");
    }
}
