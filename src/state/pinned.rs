//! A **pinned plan** is a plan that is kept in a file: what a run will load, from which versions of which objects,
//! with which SQL, into which columns. A run of it does exactly that; if anything has changed, it is refused and the
//! changes are named.
//!
//! It is JSON with one line for each thing that can change, in a fixed order and without a time, so that two plans
//! can be compared in a review.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Action, Allow, FileState, Files, Options};
use crate::domain::{Dataset, DateRange, FileDate, Identity, RejectLimit, ZeroByteFiles, digest};
use crate::sql::Sql;

/// A plan that is kept in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedPlan {
    /// The version of this form.
    pub form: u32,
    /// Days per batch.
    pub batch_days: u32,
    /// What is allowed.
    pub allow: Allow,
    /// The datasets, in the order in which they are loaded.
    pub datasets: Vec<PinnedDataset>,
}

/// What is loaded of one dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedDataset {
    /// Its name.
    pub dataset: String,
    /// The first file date.
    pub start: FileDate,
    /// The last file date.
    pub end: FileDate,
    /// Where its files are.
    pub source: String,
    /// The target.
    pub target: String,
    /// The digest of everything that determines the rows: stage.sql, dedupe.sql, the csv settings, the mode and the
    /// constants.
    pub rows_by: String,
    /// The digest of each SQL file, by name.
    pub sql: BTreeMap<String, String>,
    /// Other settings that determine what is loaded.
    pub settings: BTreeMap<String, String>,
    /// Whether the target exists.
    pub target_exists: bool,
    /// Its columns, each with its type; those of target.sql if it does not exist.
    pub columns: Vec<PinnedColumn>,
    /// The files, by file date, then key.
    pub files: Vec<PinnedFile>,
}

/// A column of the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: String,
}

/// A file, and what is done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedFile {
    /// The file date.
    pub date: FileDate,
    /// The key.
    pub key: String,
    /// What is done with it.
    pub action: String,
    /// The batch.
    pub batch: usize,
    /// The version of the object; `None` if the file is gone from the source.
    pub object: Option<Identity>,
}

impl PinnedPlan {
    /// The current version of the file's form.
    pub const FORM: u32 = 1;

    /// Makes the plan of these datasets.
    pub fn of(options: &Options, datasets: Vec<PinnedDataset>) -> Self {
        let Options { batch_days, allow, .. } = *options;
        Self { form: Self::FORM, batch_days, allow, datasets }
    }

    /// Returns what is planned for a dataset.
    pub fn dataset(&self, name: &str) -> Option<&PinnedDataset> {
        self.datasets.iter().find(|dataset| dataset.dataset == name)
    }

    /// Returns the options of a run of this plan, for a dataset with this range.
    pub fn options(&self, range: DateRange, connections: usize) -> Options {
        Options { range, batch_days: self.batch_days, connections, allow: self.allow }
    }
}

impl PinnedDataset {
    /// Pins what a run would do with the files of a dataset; `target` is the columns of the target, if it exists.
    pub fn of(
        dataset: &Dataset,
        source: &str,
        sql: &Sql,
        target: Option<Vec<PinnedColumn>>,
        files: &Files,
    ) -> Self {
        let contract = sql.contract.columns.iter().map(|column| PinnedColumn {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
        });
        Self {
            dataset: dataset.name.clone(),
            start: files.range.start(),
            end: files.range.end(),
            source: format!("{source}/{}", dataset.prefix),
            target: dataset.table.to_string(),
            rows_by: sql.hash(),
            sql: sql.texts().map(|(name, text)| (name, digest::of([text]))).collect(),
            settings: settings(dataset),
            target_exists: target.is_some(),
            columns: target.unwrap_or_else(|| contract.collect()),
            files: files.files.iter().map(PinnedFile::of).collect(),
        }
    }

    /// Returns what is different now, one line for each difference. What an earlier run of the same plan has done is
    /// not a difference.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        found.extend(difference("the source", &self.source, &now.source));
        found.extend(difference("the target", &self.target, &now.target));
        for (name, was) in &self.settings {
            let is = now.settings.get(name).map_or("not set", String::as_str);
            found.extend(difference(name, was, is));
        }
        found.extend(self.sql_differences(now));
        found.extend(self.column_differences(now));
        found.extend(self.file_differences(now));
        found
    }

    fn sql_differences(&self, now: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.sql.keys().chain(now.sql.keys()).collect();
        let mut found: Vec<String> = names
            .into_iter()
            .filter_map(|name| match (self.sql.get(name), now.sql.get(name)) {
                (Some(was), Some(is)) if was == is => None,
                (Some(_), Some(_)) => Some(format!("{name} was edited")),
                (Some(_), None) => Some(format!("{name} was deleted")),
                (None, _) => Some(format!("{name} is new")),
            })
            .collect();
        if found.is_empty() && self.rows_by != now.rows_by {
            found.push("the csv settings, the mode or the constants were changed".to_owned());
        }
        found
    }

    fn column_differences(&self, now: &Self) -> Vec<String> {
        let is_created = !self.target_exists && now.target_exists;
        let (was, is) = (self.column_types(), now.column_types());
        let mut found = Vec::new();
        if self.target_exists && !now.target_exists {
            found.push(format!("{} no longer exists", self.target));
        }
        for (name, planned) in &was {
            match is.get(name) {
                None => found.push(format!("column {name} was dropped")),
                // Postgres writes the types of a table that was created since in another way than target.sql.
                Some(_) if is_created => {}
                Some(data_type) => {
                    found.extend(difference(&format!("column {name}"), planned, data_type));
                }
            }
        }
        let new = is.keys().filter(|name| !was.contains_key(*name));
        found.extend(new.map(|name| format!("column {name} is new")));
        found
    }

    fn column_types(&self) -> BTreeMap<&str, &str> {
        self.columns.iter().map(|column| (&*column.name, &*column.data_type)).collect()
    }

    fn file_differences(&self, now: &Self) -> Vec<String> {
        let files: BTreeMap<&str, &PinnedFile> =
            now.files.iter().map(|file| (file.key.as_str(), file)).collect();
        let planned: BTreeSet<&str> = self.files.iter().map(|file| file.key.as_str()).collect();
        let mut found: Vec<String> = self
            .files
            .iter()
            .filter_map(|file| file.difference(files.get(file.key.as_str())))
            .collect();
        let new = now.files.iter().filter(|file| !planned.contains(file.key.as_str()));
        found.extend(new.map(|file| format!("{} is new ({})", file.key, file.action)));
        found
    }
}

/// Says that something was planned and is something else now, if it is.
fn difference(what: &str, was: &str, is: &str) -> Option<String> {
    (was != is).then(|| format!("{what}: {was} in the plan, {is} now"))
}

/// Returns the settings of a dataset that determine which files and records are loaded, besides those of
/// [`Sql::hash`].
fn settings(dataset: &Dataset) -> BTreeMap<String, String> {
    let max_rejects = match dataset.max_rejects {
        RejectLimit::Count(count) => count.to_string(),
        RejectLimit::Percent(percent) => format!("{percent}%"),
    };
    let zero_byte_files = match dataset.zero_byte_files {
        ZeroByteFiles::Refuse => "refuse",
        ZeroByteFiles::Skip => "skip",
    };
    let mut settings = BTreeMap::from([
        ("max_rejects".to_owned(), max_rejects),
        ("zero_byte_files".to_owned(), zero_byte_files.to_owned()),
        ("optional_columns".to_owned(), dataset.optional_columns.join(", ")),
    ]);
    // A plan that was kept before this setting existed does not have it.
    if !dataset.refuse_drift.is_empty() {
        settings.insert("refuse_drift".to_owned(), dataset.refuse_drift.to_string());
    }
    settings
}

impl PinnedFile {
    fn of(file: &FileState) -> Self {
        Self {
            date: file.date,
            key: file.key.clone(),
            action: name(&file.action).to_owned(),
            batch: file.batch,
            object: file.source.as_ref().map(|source| source.identity.clone()),
        }
    }

    /// Returns what is different about the file now, if anything is.
    fn difference(&self, found: Option<&&Self>) -> Option<String> {
        let key = &self.key;
        let Some(now) = found else {
            // A file that was gone is not listed any more once its rows are deleted.
            return (self.action != REMOVE).then(|| format!("{key} no longer exists"));
        };
        match (&self.object, &now.object) {
            (Some(was), Some(is)) if !was.is_same_as(is) => {
                return Some(format!(
                    "{key} was replaced: {} bytes of {} were planned, now it has {} bytes of {}",
                    was.size, was.last_modified, is.size, is.last_modified
                ));
            }
            (Some(_), None) => return Some(format!("{key} no longer exists in the source")),
            (None, Some(_)) => return Some(format!("{key} is in the source again")),
            _ => {}
        }
        let is_done = [LOAD, RELOAD, REPLACE].contains(&self.action.as_str()) && now.action == SKIP;
        if self.action != now.action && !is_done {
            return difference(key, &self.action, &now.action);
        }
        let is_moved = self.batch != now.batch;
        is_moved
            .then(|| format!("{key}: batch {} in the plan, batch {} now", self.batch, now.batch))
    }
}

const LOAD: &str = "load";
const RELOAD: &str = "reload";
const SKIP: &str = "skip";
const REPLACE: &str = "replace";
const REMOVE: &str = "remove";

/// The name of an action in a file.
fn name(action: &Action) -> &'static str {
    match action {
        Action::Load => LOAD,
        Action::Reload { .. } => RELOAD,
        Action::SkipLoaded { .. } => SKIP,
        Action::SkipLoadedElsewhere { .. } => "skip-loaded-elsewhere",
        Action::Replace { .. } => REPLACE,
        Action::Refuse { .. } => "refuse",
        Action::KeepGone { .. } => "keep-gone",
        Action::Remove { .. } => REMOVE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(key: &str, action: &str, size: u64) -> PinnedFile {
        let last_modified = "2025-01-01T00:00:00Z".parse().expect("a time");
        PinnedFile {
            date: "2025-09-22".parse().expect("a date"),
            key: key.to_owned(),
            action: action.to_owned(),
            batch: 1,
            object: Some(Identity { size, etag: None, last_modified }),
        }
    }

    fn dataset(files: Vec<PinnedFile>) -> PinnedDataset {
        let columns = [("id", "text"), ("amount", "numeric")].map(|(name, data_type)| {
            PinnedColumn { name: name.to_owned(), data_type: data_type.to_owned() }
        });
        PinnedDataset {
            dataset: "orders".to_owned(),
            start: "2025-09-22".parse().expect("a date"),
            end: "2025-09-22".parse().expect("a date"),
            source: "s3://exports/orders/".to_owned(),
            target: "public.orders".to_owned(),
            rows_by: "1".to_owned(),
            sql: BTreeMap::from([("stage.sql".to_owned(), "a".to_owned())]),
            settings: BTreeMap::new(),
            target_exists: true,
            columns: columns.to_vec(),
            files,
        }
    }

    #[test]
    fn everything_that_changed_is_named() {
        let planned =
            dataset(vec![file("a", "load", 1), file("b", "load", 1), file("c", "skip", 1)]);
        assert!(planned.differences(&planned.clone()).is_empty());
        let mut now =
            dataset(vec![file("a", "load", 2), file("c", "load", 1), file("d", "load", 1)]);
        now.sql.insert("stage.sql".to_owned(), "b".to_owned());
        now.sql.insert("checks/new.sql".to_owned(), "b".to_owned());
        now.columns[1].data_type = "text".to_owned();
        now.columns.remove(0);
        let found = planned.differences(&now);
        for expected in [
            "checks/new.sql is new",
            "stage.sql was edited",
            "column amount: numeric in the plan, text now",
            "column id was dropped",
            "a was replaced",
            "b no longer exists",
            "c: skip in the plan, load now",
            "d is new (load)",
        ] {
            assert!(found.iter().any(|line| line.contains(expected)), "{expected}: {found:?}");
        }
        assert_eq!(found.len(), 8, "{found:?}");
    }

    #[test]
    fn what_an_earlier_run_of_the_plan_has_done_is_not_a_difference() {
        let mut planned = dataset(vec![file("a", "load", 1), file("b", "reload", 1)]);
        planned.target_exists = false;
        planned.columns[1].data_type = "NUMERIC(12, 2)".to_owned();
        let now = dataset(vec![file("a", "skip", 1), file("b", "skip", 1)]);
        assert!(planned.differences(&now).is_empty());
    }
}
