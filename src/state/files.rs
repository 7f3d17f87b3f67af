//! The **files** of a dataset over a range, each with its state.

mod fill;
mod refuse;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::{Dataset, DateRange, Event, FileDate, Finding, Placement, ReplaceBy};
use crate::mirror::Mirrored;
use crate::source::{Ignored, Listing};

use super::{Action, Allow, Contested, Effects, Erased, FileState, Status, TargetRows};

/// What a run may do with each file.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// What is allowed.
    pub allow: Allow,
    /// How rows get into the target.
    pub placement: Placement,
    /// The digest of today's SQL.
    pub sql_hash: String,
    /// Whether deleting rows of the target would change other tables.
    pub cascades: bool,
    /// The first day that the live loader has loaded.
    pub live_since: Option<FileDate>,
    /// The rows that were deleted from the target on purpose.
    pub erased: Option<Erased>,
}

/// The files of a dataset over a range, and what is known about them so far.
#[derive(Clone, Debug)]
pub struct Files {
    /// The dataset.
    pub dataset: String,
    /// Its prefix.
    pub prefix: String,
    /// Its target.
    pub target: String,
    /// First and last day.
    pub range: DateRange,
    /// Days per batch.
    pub batch_days: u32,
    /// Every file, by file date, then key: those of the source, and those that are gone from it while the target
    /// still has rows of them.
    pub files: Vec<FileState>,
    /// Every other key, with the reason why it is not read.
    pub ignored: Vec<Ignored>,
    /// Findings that a person should know before loading.
    pub findings: Vec<Finding>,
    /// Whether the target was asked what it holds.
    pub is_target_known: bool,
    /// What writing to the target does to other tables and rows.
    pub effects: Effects,
    /// Rows of the files from loads of the live loader that it has not marked as finished.
    pub unfinished: u64,
    /// Rows of files that are neither listed nor in the ledger, by name, as far as they were counted.
    pub unlisted: HashMap<String, u64>,
    unnamed: u64,
    has_lost_files: bool,
    /// The first day of a file that others have loaded, in the whole target, as far as it was asked.
    pub others_since: Option<FileDate>,
    policy: Policy,
}

impl Files {
    /// Starts with the files of a listing; nothing is known about the target yet.
    pub fn listed(dataset: &Dataset, listing: &Listing, batch_days: u32, policy: Policy) -> Self {
        let files = listing.files.iter().map(|file| {
            let batch = listing.range.batch_of(file.date, batch_days) + 1;
            FileState::listed(file.clone(), batch)
        });
        Self {
            dataset: dataset.name.clone(),
            prefix: dataset.prefix.clone(),
            target: dataset.table.to_string(),
            range: listing.range,
            batch_days,
            files: files.collect(),
            ignored: listing.ignored.clone(),
            findings: listing.findings.clone(),
            is_target_known: false,
            effects: Effects::default(),
            unfinished: 0,
            unlisted: HashMap::new(),
            unnamed: 0,
            has_lost_files: false,
            others_since: None,
            policy,
        }
    }

    /// The files whose rows a run might delete, as long as it is not known whose rows these are.
    pub fn contested(&self) -> Vec<Contested> {
        let open = self.files.iter().filter(|file| file.is_contested(&self.policy));
        open.filter_map(|file| self.as_contested(file)).collect()
    }

    /// The digest of the SQL that files are compared with.
    pub fn sql_hash(&self) -> &str {
        &self.policy.sql_hash
    }

    /// The first day that a known live loader has loaded.
    pub fn known_live_since(&self) -> Option<FileDate> {
        self.policy.live_since
    }

    /// The number of rows of the target that do not say which file they are from.
    pub fn rows_without_file(&self) -> u64 {
        self.unnamed
    }

    /// What a file is, compared with what the target holds.
    pub fn status(&self, file: &FileState) -> Status {
        file.status(&self.policy)
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.name.clone()).collect()
    }

    /// The files that the source has.
    pub fn in_source(&self) -> impl Iterator<Item = &FileState> {
        self.files.iter().filter(|file| !file.is_gone())
    }

    /// The files to load.
    pub fn to_load(&self) -> impl Iterator<Item = &FileState> {
        self.files.iter().filter(|file| file.action.is_load())
    }

    /// The files that are gone, whose rows stay.
    pub fn kept_gone(&self) -> impl Iterator<Item = &FileState> {
        self.files.iter().filter(|file| matches!(file.action, Action::KeepGone { .. }))
    }

    /// The files that are gone, whose rows are deleted.
    pub fn to_remove(&self) -> impl Iterator<Item = &FileState> {
        self.files.iter().filter(|file| matches!(file.action, Action::Remove { .. }))
    }

    /// Notices about files of which another loader has loaded only a part of the rows.
    pub fn in_part(&self) -> Vec<Event> {
        self.files.iter().filter_map(FileState::in_part).collect()
    }

    /// The files whose rows are replaced, by name.
    pub fn to_reload(&self) -> HashMap<String, Contested> {
        self.files
            .iter()
            .filter(|file| matches!(file.action, Action::Reload { .. }))
            .filter_map(|file| Some((file.name.clone(), self.as_contested(file)?)))
            .collect()
    }

    /// How many rows others have already loaded of the files that are merged, by name.
    pub fn found_rows(&self) -> HashMap<String, u64> {
        if !self.policy.placement.merges() {
            return HashMap::new();
        }
        self.to_load().map(|file| (file.name.clone(), file.rows_found())).collect()
    }

    /// The files whose rows are deleted in one batch.
    pub fn removed_in(&self, batch: usize) -> Vec<(FileDate, Contested)> {
        let in_batch = self.to_remove().filter(|file| file.batch == batch);
        in_batch.filter_map(|file| Some((file.date, self.as_contested(file)?))).collect()
    }

    fn as_contested(&self, file: &FileState) -> Option<Contested> {
        let entry = file.ledger.as_ref()?;
        Some(Contested {
            file_name: file.name.clone(),
            run_id: entry.run_id.clone(),
            xids: entry.xids.clone(),
            may_lose_rows: file.may_lose_rows(&self.policy),
        })
    }

    /// Whether rows of the target are deleted.
    pub fn deletes_rows(&self) -> bool {
        let replaces_days = self.policy.placement == Placement::ReplaceRange(ReplaceBy::Days);
        self.files.iter().any(|file| file.action.deletes() && file.rows_before() > 0)
            || replaces_days && self.to_load().next().is_some()
    }

    /// The batches that have work, in the order in which they are loaded. Batches that delete the rows of
    /// gone files come first: a killed run must never leave rows beside the rows that replace them.
    pub fn batches(&self) -> Vec<usize> {
        let removing: BTreeSet<usize> = self.to_remove().map(|file| file.batch).collect();
        let loading: BTreeSet<usize> = self.to_load().map(|file| file.batch).collect();
        removing.iter().copied().chain(loading.difference(&removing).copied()).collect()
    }

    /// The mirrors to load, by batch.
    pub fn mirrors_to_load(&self) -> BTreeMap<usize, Vec<Arc<Mirrored>>> {
        let mut batches: BTreeMap<usize, Vec<Arc<Mirrored>>> = BTreeMap::new();
        for file in self.to_load() {
            if let Some(mirrored) = &file.mirror {
                batches.entry(file.batch).or_default().push(Arc::clone(mirrored));
            }
        }
        batches
    }

    /// Whether nothing is left to load or to delete.
    pub fn is_done(&self) -> bool {
        self.to_load().next().is_none() && self.to_remove().next().is_none()
    }

    /// Whether every loaded file was compared with the whole range when it was loaded.
    pub fn has_seen_range(&self) -> bool {
        let mut entries = self.in_source().filter_map(|file| file.ledger.as_ref());
        // A merge compares rows with the target, so the range does not matter.
        self.policy.placement.merges()
            || !self.has_lost_files && entries.all(|entry| entry.has_seen(self.range))
    }
}

impl FileState {
    /// How many of its rows in the target were loaded by others, so that a merge keeps them.
    fn rows_found(&self) -> u64 {
        match (&self.ledger, self.rows) {
            (None, _) => self.rows_before(),
            (Some(_), rows) => rows.map_or(0, TargetRows::foreign),
        }
    }

    /// Whether a run might delete its rows while it is not known whose rows these are.
    fn is_contested(&self, policy: &Policy) -> bool {
        let is_unknown = self.rows.is_some_and(|rows| rows.total > 0 && rows.ours.is_none());
        is_unknown && matches!(self.status(policy), Status::Changed(_) | Status::Gone)
    }

    /// Returns a notice if another loader has loaded only a part of its rows.
    fn in_part(&self) -> Option<Event> {
        let Action::SkipLoadedElsewhere { rows } = self.action else { return None };
        let accepted = self.mirror.as_ref()?.note.summary.accepted;
        let event = Event::LoadedInPart { file: self.key.clone(), rows, accepted };
        (rows < accepted).then_some(event)
    }

    /// The key and what the run does with the file.
    pub fn describe(&self) -> String {
        format!("{} ({})", self.key, self.action.describe())
    }
}
