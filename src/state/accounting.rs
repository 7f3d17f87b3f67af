//! The **accounting** of a range, file by file: records = accepted + rejected; accepted = staged +
//! superseded + filtered; staged = inserted + updated + skipped as older; and what the target holds.
//!
//! What could not be checked is `UNVERIFIED`, never `OK`.

use std::fmt;

use serde::Serialize;

use crate::domain::{ErrorKind, Explain, FileDate, Placed};
use crate::stage::Counts;

use super::{Action, FileState, Files, Status};

/// The accounting of one dataset and range.
#[derive(Clone, Debug, Serialize)]
pub struct Accounting {
    /// The dataset.
    pub dataset: String,
    /// The target.
    pub target: String,
    /// One line per file, by file date, then key.
    pub files: Vec<Account>,
    /// Sums over the files.
    pub totals: Sums,
}

/// One file's line.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// The key.
    pub key: String,
    /// The file date.
    pub date: FileDate,
    /// The counts up to staging; `None` if the file was never read.
    pub counts: Option<Counts>,
    /// Rows that were inserted.
    pub inserted: Option<u64>,
    /// Rows that replaced older ones of the target.
    pub updated: u64,
    /// Rows that were left out because the target has newer ones.
    pub skipped_older: u64,
    /// Rows of the file that the target should hold by the ledger; `None` if the ledger does not know the file.
    pub held: Option<u64>,
    /// Rows that somebody deleted on purpose.
    pub deleted_on_purpose: u64,
    /// Rows of the file in the target now.
    pub in_target: u64,
    /// Who loaded it.
    pub loaded_by: LoadedBy,
    /// Whether the numbers add up.
    pub verdict: Verdict,
}

/// Who loaded a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadedBy {
    /// This run.
    ThisRun,
    /// An earlier run, or a run at the same time.
    AnotherRun,
    /// Another loader.
    AnotherLoader,
}

/// Whether the numbers of a file add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "why", rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every record is accounted for.
    Ok,
    /// It could not be checked.
    Unverified(String),
    /// Something does not add up.
    Wrong(String),
    /// The file is gone from the source, and its rows were deleted.
    Removed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("OK"),
            Self::Unverified(why) => write!(f, "UNVERIFIED: {why}"),
            Self::Wrong(why) => write!(f, "WRONG: {why}"),
            Self::Removed => f.write_str("REMOVED"),
        }
    }
}

/// Sums over the files of an accounting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Files.
    pub files: u64,
    /// The counts up to staging.
    #[serde(flatten)]
    pub counts: Counts,
    /// Rows that were inserted.
    pub inserted: u64,
    /// Rows that replaced older ones of the target.
    pub updated: u64,
    /// Rows that were left out because the target has newer ones.
    pub skipped_older: u64,
    /// Rows in the target now.
    pub in_target: u64,
    /// Files that could not be checked.
    pub unverified: u64,
}

/// An accounting that does not add up.
#[derive(Debug, thiserror::Error)]
pub enum Unbalanced {
    /// Files do not add up.
    #[error("{} file(s) of {dataset} do not add up: {}", wrong.len(), wrong.join("; "))]
    Wrong {
        /// The dataset.
        dataset: String,
        /// Each file and why.
        wrong: Vec<String>,
    },
}

impl Explain for Unbalanced {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Wrong { .. } => ErrorKind::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(
            "another program or a trigger has inserted or deleted rows in the target; `backfill run --reload` makes \
             the rows of these files match their exports again"
                .to_owned(),
        )
    }
}

impl Files {
    /// The accounting of every file, as far as it is known.
    pub fn accounting(&self) -> Accounting {
        self.account(|_| true)
    }

    /// The accounting of the files of which the target has rows, or had rows.
    pub fn accounting_of_loaded(&self) -> Accounting {
        self.account(|file| self.status(file) != Status::New)
    }

    fn account(&self, is_included: impl Fn(&FileState) -> bool) -> Accounting {
        let included = self.files.iter().filter(|file| is_included(file));
        let files: Vec<Account> = included.map(FileState::account).collect();
        let totals = sum(&files);
        Accounting { dataset: self.dataset.clone(), target: self.target.clone(), files, totals }
    }
}

impl FileState {
    /// The file's line of the accounting.
    pub fn account(&self) -> Account {
        let in_target = self.rows_after.unwrap_or_else(|| self.rows_before());
        let is_removed = matches!(self.action, Action::Remove { .. });
        let mut account = Account {
            key: self.key.clone(),
            date: self.date,
            counts: None,
            inserted: None,
            updated: 0,
            skipped_older: 0,
            held: self.held_after.or_else(|| self.ledger.as_ref().map(|entry| entry.held)),
            deleted_on_purpose: self.ledger.as_ref().map_or(0, |entry| entry.deleted_on_purpose),
            in_target,
            loaded_by: LoadedBy::AnotherRun,
            verdict: Verdict::Ok,
        };
        match (self.placed, &self.ledger) {
            (Some(Placed { inserted, updated, skipped_older, .. }), _) => {
                account.counts = self.staged;
                account.inserted = Some(inserted);
                account.updated = updated;
                account.skipped_older = skipped_older;
                account.loaded_by = LoadedBy::ThisRun;
                account.held = self.held_after.or(Some(inserted + updated));
                account.deleted_on_purpose = 0;
            }
            (None, Some(entry)) if !is_removed => {
                account.counts = Some(entry.counts);
                account.inserted = Some(entry.inserted);
                account.updated = entry.updated;
                account.skipped_older = entry.skipped_older;
            }
            (None, Some(_)) => {}
            (None, None) if self.rows_before() > 0 => {
                account.counts = self.counts_read();
                account.loaded_by = LoadedBy::AnotherLoader;
            }
            (None, None) => account.counts = self.staged,
        }
        account.verdict = match (&self.source, in_target) {
            (Some(_), _) => verdict(&account),
            (None, 0) if is_removed => Verdict::Removed,
            (None, rows) if is_removed => Verdict::Wrong(format!(
                "it no longer exists in the source, but {rows} of its rows are still in the target"
            )),
            (None, rows) => Verdict::Unverified(format!(
                "it no longer exists in the source, {rows} of its rows are in the target"
            )),
        };
        account
    }

    /// The file's line by the ledger alone, whether the source still has the file or not.
    pub fn account_by_ledger(&self) -> Account {
        let mut account = self.account();
        if self.ledger.is_some() {
            account.verdict = verdict(&account);
        }
        account
    }

    /// The counts of a file that was read and not staged.
    fn counts_read(&self) -> Option<Counts> {
        let summary = &self.mirror.as_ref()?.note.summary;
        Some(Counts {
            records: summary.records,
            accepted: summary.accepted,
            rejected: summary.rejected,
            ..Counts::default()
        })
    }
}

fn verdict(account: &Account) -> Verdict {
    let in_target = account.in_target;
    let Some(inserted) = account.inserted else {
        let who = match account.loaded_by {
            LoadedBy::AnotherLoader => "another loader",
            _ => "another run",
        };
        return Verdict::Unverified(format!("loaded by {who}, {in_target} rows in the target"));
    };
    match account.counts {
        None => Verdict::Unverified("its counts are not known".to_owned()),
        Some(counts) if !counts.add_up() => {
            Verdict::Wrong("its records are not all accounted for".to_owned())
        }
        Some(counts) if counts.staged != inserted + account.updated + account.skipped_older => {
            Verdict::Wrong(format!("{} rows were staged, {inserted} inserted", counts.staged))
        }
        Some(_) => match account.held.unwrap_or(inserted) {
            held if held != in_target => {
                Verdict::Wrong(format!("{held} rows were loaded, {in_target} are in the target"))
            }
            _ => Verdict::Ok,
        },
    }
}

fn sum(files: &[Account]) -> Sums {
    let mut sums = Sums { files: files.len() as u64, ..Sums::default() };
    for file in files {
        let counts = file.counts.unwrap_or_default();
        sums.counts.records += counts.records;
        sums.counts.accepted += counts.accepted;
        sums.counts.rejected += counts.rejected;
        sums.counts.superseded += counts.superseded;
        sums.counts.filtered += counts.filtered;
        sums.counts.staged += counts.staged;
        sums.inserted += file.inserted.unwrap_or(0);
        sums.updated += file.updated;
        sums.skipped_older += file.skipped_older;
        sums.in_target += file.in_target;
        sums.unverified += u64::from(matches!(file.verdict, Verdict::Unverified(_)));
    }
    sums
}

impl Accounting {
    /// Refuses an accounting that does not add up.
    ///
    /// # Errors
    /// [`Unbalanced::Wrong`], with the files.
    pub fn refuse(&self) -> Result<(), Unbalanced> {
        let wrong: Vec<String> = self
            .files
            .iter()
            .filter_map(|file| match &file.verdict {
                Verdict::Wrong(why) => Some(format!("{} ({why})", file.key)),
                _ => None,
            })
            .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Unbalanced::Wrong { dataset: self.dataset.clone(), wrong })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(inserted: Option<u64>, in_target: u64, staged: u64) -> Verdict {
        let counts = Counts {
            records: 10,
            accepted: 9,
            rejected: 1,
            superseded: 9 - staged,
            filtered: 0,
            staged,
        };
        verdict(&Account {
            key: "k".to_owned(),
            date: "2025-09-22".parse().expect("a date"),
            counts: Some(counts),
            inserted,
            updated: 0,
            skipped_older: 0,
            held: inserted,
            deleted_on_purpose: 0,
            in_target,
            loaded_by: LoadedBy::ThisRun,
            verdict: Verdict::Ok,
        })
    }

    #[test]
    fn only_numbers_that_add_up_are_ok() {
        assert_eq!(account(Some(8), 8, 8), Verdict::Ok);
        assert!(matches!(account(Some(8), 7, 8), Verdict::Wrong(_)));
        assert!(matches!(account(Some(7), 7, 8), Verdict::Wrong(_)));
        assert!(matches!(account(None, 8, 8), Verdict::Unverified(_)));
    }
}
