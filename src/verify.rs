//! To **verify** is to account for every record of every file: records = accepted + rejected;
//! accepted = staged + superseded + filtered; staged = inserted; inserted = what the target holds.
//!
//! What could not be checked is `UNVERIFIED`, never `OK`.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use crate::failpoint;
use crate::file_date::FileDate;
use crate::load::ledger::LoadedFile;
use crate::load::{self, Database, Loaded, Standing, Standings, Target};
use crate::mirror::Mirror;
use crate::plan::{Fate, Plan, PlannedFile};
use crate::stage::{Counts, Manifest};

/// The accounting of one dataset and range.
#[derive(Clone, Debug, Serialize)]
pub struct Accounting {
    /// The dataset.
    pub dataset: String,
    /// The target.
    pub target: String,
    /// One line a file, by file date, then key.
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
    /// The counts up to staging; nothing where the file was never read.
    pub counts: Option<Counts>,
    /// Rows that the target took.
    pub inserted: Option<u64>,
    /// Rows of the file in the target now.
    pub in_target: u64,
    /// Which run loaded it: this one, an earlier one, or another loader.
    pub loaded_by: LoadedBy,
    /// What the numbers say.
    pub verdict: Verdict,
}

/// Who loaded a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadedBy {
    /// This run.
    ThisRun,
    /// An earlier run, or one at the same time.
    AnotherRun,
    /// Another loader.
    AnotherLoader,
}

/// What the numbers of a file say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "why", rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every record is accounted for.
    Ok,
    /// It could not be checked.
    Unverified(String),
    /// Something does not add up.
    Wrong(String),
    /// The file is gone from the source, and its rows were taken out.
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
    /// Rows that the target took.
    pub inserted: u64,
    /// Rows in the target now.
    pub in_target: u64,
    /// Files that could not be checked.
    pub unverified: u64,
}

/// An accounting that does not add up, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files do not add up.
    #[error("{} file(s) of {dataset} do not add up: {}", wrong.len(), wrong.join("; "))]
    Wrong {
        /// The dataset.
        dataset: String,
        /// Each file and why.
        wrong: Vec<String>,
    },
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> String {
        "something else has written to the target, or deleted from it, or a trigger does; \
         `backfill run --reload` brings the rows of these files back to what their exports say"
            .to_owned()
    }
}

/// What verifying goes by.
pub struct Evidence<'a> {
    /// What the run set out to do.
    pub plan: &'a Plan,
    /// What the target had before.
    pub standings: &'a Standings,
    /// What was read; nothing where nothing was left to load.
    pub mirror: Option<&'a Mirror>,
    /// What was staged.
    pub manifest: Option<&'a Manifest>,
    /// What the target took.
    pub loaded: &'a [Loaded],
}

/// Counts the target and draws up the accounting.
///
/// # Errors
/// [`load::Error`] where the target cannot be counted. Whether it adds up is for
/// [`Accounting::refuse`] to say.
pub async fn verify(
    evidence: &Evidence<'_>,
    database: &Database,
    target: &Target,
) -> Result<Accounting, load::Error> {
    let names: Vec<String> =
        evidence.plan.everything().map(|file| file.file_name.clone()).collect();
    let connection = database.connect().await?;
    let counts = load::standing::count_rows(&connection.client, target, &names).await;
    connection.close().await;
    let accounting = draw_up(evidence, &counts?);
    failpoint::reach(failpoint::VERIFY_COUNTED);
    Ok(accounting)
}

/// The accounting of a range without files, of a target that does not exist yet.
pub fn empty(evidence: &Evidence<'_>) -> Accounting {
    draw_up(evidence, &HashMap::new())
}

fn draw_up(evidence: &Evidence<'_>, in_target: &HashMap<String, u64>) -> Accounting {
    let inserted: HashMap<&str, u64> = evidence
        .loaded
        .iter()
        .flat_map(|batch| &batch.files)
        .map(|(name, rows)| (name.as_str(), *rows))
        .collect();
    let staged: HashMap<&str, Counts> = evidence
        .manifest
        .iter()
        .flat_map(|manifest| &manifest.files)
        .map(|file| (file.file_name.as_str(), file.counts))
        .collect();
    let mut files = Vec::new();
    for (index, file) in evidence.plan.files.iter().enumerate() {
        let name = file.file_name.as_str();
        let standing = evidence.standings.files.get(index);
        let (counts, inserted, loaded_by) = match (inserted.get(name), standing) {
            (Some(rows), _) => (staged.get(name).copied(), Some(*rows), LoadedBy::ThisRun),
            (None, Some(Standing::Loaded(loaded) | Standing::Changed { loaded, .. })) => {
                (Some(loaded.counts), Some(loaded.inserted), LoadedBy::AnotherRun)
            }
            (None, Some(Standing::LoadedElsewhere { .. })) => {
                (read_counts(evidence.mirror, name), None, LoadedBy::AnotherLoader)
            }
            (None, _) => (staged.get(name).copied(), None, LoadedBy::AnotherRun),
        };
        let in_target = in_target.get(name).copied().unwrap_or(0);
        let mut account = Account {
            key: file.key.clone(),
            date: file.date,
            counts,
            inserted,
            in_target,
            loaded_by,
            verdict: Verdict::Ok,
        };
        account.verdict = verdict(&account);
        files.push(account);
    }
    let plan = evidence.plan;
    for (file, gone) in plan.gone.iter().zip(&evidence.standings.gone) {
        let in_target = in_target.get(&file.file_name).copied().unwrap_or(0);
        files.push(account_for_gone(file, &gone.loaded, in_target));
    }
    files.sort_by(|a, b| (a.date, &a.key).cmp(&(b.date, &b.key)));
    let totals = sum(&files);
    Accounting { dataset: plan.dataset.clone(), target: plan.target.clone(), files, totals }
}

/// The line of a file that is gone from the source.
fn account_for_gone(file: &PlannedFile, loaded: &LoadedFile, in_target: u64) -> Account {
    let is_removed = matches!(file.fate, Fate::Remove { .. });
    let verdict = match (is_removed, in_target) {
        (true, 0) => Verdict::Removed,
        (true, rows) => Verdict::Wrong(format!(
            "it is gone from the source, and {rows} rows of it are still in the target"
        )),
        (false, rows) => Verdict::Unverified(format!(
            "it is gone from the source, {rows} rows of it are in the target"
        )),
    };
    Account {
        key: file.key.clone(),
        date: file.date,
        counts: (!is_removed).then_some(loaded.counts),
        inserted: (!is_removed).then_some(loaded.inserted),
        in_target,
        loaded_by: LoadedBy::AnotherRun,
        verdict,
    }
}

/// What was read of a file that was not staged.
fn read_counts(mirror: Option<&Mirror>, name: &str) -> Option<Counts> {
    let mirrored = mirror?.files.iter().find(|mirrored| mirrored.file.name == name)?;
    let summary = &mirrored.note.summary;
    Some(Counts {
        records: summary.records,
        accepted: summary.accepted,
        rejected: summary.rejected,
        ..Counts::default()
    })
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
        Some(counts) if counts.staged != inserted => {
            Verdict::Wrong(format!("{} rows were staged, {inserted} inserted", counts.staged))
        }
        Some(_) if in_target != inserted => {
            Verdict::Wrong(format!("{inserted} rows were inserted, {in_target} are in the target"))
        }
        Some(_) => Verdict::Ok,
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
        sums.in_target += file.in_target;
        sums.unverified += u64::from(matches!(file.verdict, Verdict::Unverified(_)));
    }
    sums
}

impl Accounting {
    /// Refuses an accounting that does not add up.
    ///
    /// # Errors
    /// [`Error::Wrong`], with the files.
    pub fn refuse(&self) -> Result<(), Error> {
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
        Err(Error::Wrong { dataset: self.dataset.clone(), wrong })
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
