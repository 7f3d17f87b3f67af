//! The **files** of a dataset over a range, each with its state.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::dedupe::Survivors;
use crate::domain::{Dataset, DateRange, Event, FileDate, Finding, Placement, ReplaceBy};
use crate::mirror::{Mirror, Mirrored};
use crate::source::{Ignored, Listing, SourceFile};
use crate::stage::Manifest;

use super::{
    Action, Allow, Blocked, Contested, Effects, Erased, FileState, Loaded, Refusal, Status,
    TargetRows, TargetState, UpdateCascade,
};

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

/// The files of a dataset over a range, and what was found out on the way.
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
    /// Every file, by file date, then key: those of the source, and those that are gone while the target
    /// has rows of them.
    pub files: Vec<FileState>,
    /// Every other key, with the reason why it is not read.
    pub ignored: Vec<Ignored>,
    /// What a person should know before loading.
    pub findings: Vec<Finding>,
    /// Whether the target was asked what it holds.
    pub is_target_known: bool,
    /// What writing to the target does to other tables and rows.
    pub effects: Effects,
    /// Rows of the files that the live loader has put into the target without saying that it has finished.
    pub unfinished: u64,
    /// Rows of files that are neither listed nor known to the ledger, by name, as far as they were counted.
    pub unlisted: HashMap<String, u64>,
    unnamed: u64,
    has_lost_files: bool,
    /// The first day of a file that others have loaded, whatever the range, as far as the target was asked.
    pub others_since: Option<FileDate>,
    policy: Policy,
}

impl Files {
    /// The files of a listing; of the target nothing is known yet.
    pub fn listed(dataset: &Dataset, listing: &Listing, batch_days: u32, policy: Policy) -> Self {
        let batch = |date| listing.range.batch_of(date, batch_days) + 1;
        let state = |file: &SourceFile| FileState::listed(file.clone(), batch(file.date));
        Self {
            dataset: dataset.name.clone(),
            prefix: dataset.prefix.clone(),
            target: dataset.table.to_string(),
            range: listing.range,
            batch_days,
            files: listing.files.iter().map(state).collect(),
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

    /// Takes over what the target holds. Files that are gone from the source are added if the target
    /// still has rows of them.
    pub fn fill_target(&mut self, target: TargetState) {
        let rows = |name: &str| target.rows.get(name).copied().unwrap_or(0);
        let mut entries: HashMap<String, _> =
            target.entries.into_iter().map(|entry| (entry.file_name.clone(), entry)).collect();
        for file in &mut self.files {
            file.rows = Some(TargetRows { total: rows(&file.name), ours: None });
            file.ledger = entries.remove(&file.name);
        }
        for entry in target.others {
            let total = rows(&entry.file_name);
            if total > 0 {
                let batch = self.range.batch_of(entry.date, self.batch_days) + 1;
                let mut file = FileState::gone(entry, batch);
                file.is_still_listed = target.ignored.contains(&file.name);
                file.rows = Some(TargetRows { total, ours: None });
                self.files.push(file);
            }
        }
        self.files.sort_by(|a, b| (a.date, &a.key).cmp(&(b.date, &b.key)));
        self.is_target_known = true;
        self.unlisted = target.rows;
        self.leave_out_known();
        self.has_lost_files = target.has_lost_files;
        self.policy.cascades = !target.effects.cascades.is_empty();
        self.policy.live_since = target.live_since;
        self.policy.erased = target.erased;
        self.effects = target.effects;
        self.unnamed = target.unnamed;
        self.unfinished = target.unfinished;
        self.decide();
    }

    /// Takes over how many rows the target has of every file, by name, and the first day of those of others.
    pub fn fill_every_file(&mut self, rows: HashMap<String, u64>, others_since: Option<FileDate>) {
        self.unlisted = rows;
        self.others_since = others_since;
        self.leave_out_known();
    }

    fn leave_out_known(&mut self) {
        for file in &self.files {
            self.unlisted.remove(&file.name);
        }
    }

    /// Takes over what writing to the target does besides, of one that was created just now.
    pub fn fill_effects(&mut self, effects: Effects) {
        if self.effects == Effects::default() {
            self.effects = effects;
        }
    }

    /// The files whose rows a run might delete, unless it is known already whose these are.
    pub fn contested(&self) -> Vec<Contested> {
        let open = self.files.iter().filter(|file| file.is_contested(&self.policy));
        open.filter_map(|file| self.as_contested(file)).collect()
    }

    /// Takes over how many rows of each contested file are ours, and what deleting them would change
    /// elsewhere.
    pub fn fill_ours(&mut self, ours: &HashMap<String, u64>, cascades: Vec<String>) {
        if !cascades.is_empty() {
            self.effects.cascades = cascades;
        }
        for file in &mut self.files {
            if let (Some(rows), Some(count)) = (&mut file.rows, ours.get(&file.name)) {
                rows.ours = Some(*count);
            }
        }
        self.decide();
    }

    /// Takes over the mirrors. An object that was replaced after it was listed is another one now.
    pub fn fill_mirror(&mut self, mirror: &Mirror) {
        let mut mirrors: HashMap<&str, &Arc<Mirrored>> =
            mirror.files.iter().map(|mirrored| (mirrored.file.name.as_str(), mirrored)).collect();
        for file in &mut self.files {
            if let Some(mirrored) = mirrors.remove(file.name.as_str()) {
                file.mirror = Some(Arc::clone(mirrored));
                file.source = Some(mirrored.file.clone());
            }
        }
        self.decide();
    }

    /// Takes over which rows survive: a file of which other rows do than were loaded has changed.
    pub fn fill_survivors(&mut self, survivors: &Survivors) {
        for file in &mut self.files {
            if let (Some(entry), Some(rows)) = (&file.ledger, survivors.of(&file.name)) {
                file.has_other_survivors = entry.is_outdated(self.range, rows);
            }
        }
        self.decide();
    }

    /// Takes over what was staged, and what the target took of it.
    pub fn fill_placed(&mut self, manifest: &Manifest, loaded: &[Loaded]) {
        let staged: HashMap<&str, _> =
            manifest.files.iter().map(|file| (file.file_name.as_str(), file.counts)).collect();
        let placed: HashMap<&str, _> = loaded
            .iter()
            .flat_map(|batch| &batch.files)
            .map(|(name, placed)| (name.as_str(), *placed))
            .collect();
        for file in &mut self.files {
            file.staged = staged.get(file.name.as_str()).copied();
            file.placed = placed.get(file.name.as_str()).copied();
        }
    }

    /// Takes over what the target holds after the run, and what it should hold by the ledger.
    pub fn fill_counts(&mut self, rows: &HashMap<String, u64>, held: &HashMap<String, u64>) {
        for file in &mut self.files {
            file.rows_after = Some(rows.get(&file.name).copied().unwrap_or(0));
            file.held_after = held.get(&file.name).copied();
        }
    }

    fn decide(&mut self) {
        for file in &mut self.files {
            file.action = file.decide(&self.policy);
        }
        if self.policy.placement == Placement::ReplaceRange(ReplaceBy::Days) {
            self.replace_whole_days();
        }
    }

    /// Has every file of a day loaded if one of them is, because the rows of the whole day are deleted.
    fn replace_whole_days(&mut self) {
        let days: BTreeSet<FileDate> = self.to_load().map(|file| file.date).collect();
        for file in &mut self.files {
            if let (true, Action::SkipLoaded { run_id }) = (days.contains(&file.date), &file.action)
            {
                let because = "another file of its day is loaded".to_owned();
                file.action = Action::Reload { run_id: run_id.clone(), because };
            }
        }
    }

    /// The digest of the SQL that files are compared with.
    pub fn sql_hash(&self) -> &str {
        &self.policy.sql_hash
    }

    /// The first day that the live loader has loaded, if the target has one that is known.
    pub fn known_live_since(&self) -> Option<FileDate> {
        self.policy.live_since
    }

    /// Rows of the target that do not say which file they are from.
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

    /// The files of which another loader has put only a part of the rows into the target.
    pub fn in_part(&self) -> Vec<Event> {
        self.files.iter().filter_map(FileState::in_part).collect()
    }

    /// The files whose rows are replaced, by name.
    pub fn to_reload(&self) -> HashMap<String, Contested> {
        let reload = self.files.iter().filter(|file| matches!(file.action, Action::Reload { .. }));
        let reload = reload.filter_map(|file| self.as_contested(file));
        reload.map(|file| (file.file_name.clone(), file)).collect()
    }

    /// How many rows others have put into the target of files that are loaded beside them, by name.
    pub fn found_rows(&self) -> HashMap<String, u64> {
        if !self.policy.placement.merges() {
            return HashMap::new();
        }
        self.to_load().map(|file| (file.name.clone(), file.rows_found())).collect()
    }

    /// The files to delete rows of in one batch.
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
        let deletes = |file: &FileState| file.action.deletes() && file.rows_before() > 0;
        let replaces_days = self.policy.placement == Placement::ReplaceRange(ReplaceBy::Days);
        self.files.iter().any(deletes) || replaces_days && self.to_load().next().is_some()
    }

    /// Whether a run would change other tables through foreign keys, allowed or not.
    pub fn changes_other_tables(&self) -> bool {
        let is_blocked = !self.blocked(|blocked| blocked == Blocked::Cascade).is_empty();
        !self.effects.cascades.is_empty() && (is_blocked || self.deletes_rows())
    }

    /// The batches that hold work, in the order in which they are loaded. Those that delete the rows of
    /// files that are gone come first: a killed run must never leave rows beside those that replace
    /// them.
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

    /// Whether every file that is loaded was compared with the whole range when it was.
    pub fn has_seen_range(&self) -> bool {
        let mut entries = self.in_source().filter_map(|file| file.ledger.as_ref());
        // A merge compares with the target, whatever the range.
        self.policy.placement.merges()
            || !self.has_lost_files && entries.all(|entry| entry.has_seen(self.range))
    }

    /// Refuses files that changed since they were loaded, and, as soon as anything would be loaded
    /// beside their rows, files that are gone: their rows may be those that come again, by another name
    /// or from a file that they superseded.
    ///
    /// # Errors
    /// [`Refusal`], with the list.
    pub fn refuse(&self) -> Result<(), Refusal> {
        let table = || self.target.clone();
        let foreign = self.blocked(|blocked| matches!(blocked, Blocked::ForeignRows { .. }));
        if !foreign.is_empty() {
            return Err(Refusal::ForeignRows { table: table(), files: foreign });
        }
        let still_listed = self.blocked(|blocked| blocked == Blocked::StillListed);
        if !still_listed.is_empty() {
            return Err(Refusal::StillListed { table: table(), files: still_listed });
        }
        let live = self.blocked(|blocked| matches!(blocked, Blocked::LiveLoader { .. }));
        if let (false, Some(since)) = (live.is_empty(), self.policy.live_since) {
            return Err(Refusal::LiveDays {
                table: table(),
                since,
                range: self.range,
                files: live,
            });
        }
        let deleted = self.blocked(|blocked| matches!(blocked, Blocked::DeletedOnPurpose { .. }));
        if !deleted.is_empty() {
            return Err(Refusal::DeletedOnPurpose { table: table(), files: deleted });
        }
        let cascading = self.blocked(|blocked| blocked == Blocked::Cascade);
        if !cascading.is_empty() {
            let cascades = self.effects.cascades.clone();
            return Err(Refusal::Cascade { table: table(), files: cascading, cascades });
        }
        self.refuse_triggers()?;
        self.refuse_unnamed_rows()?;
        let changes = self.blocked(|blocked| blocked == Blocked::NotAsked);
        let gone: Vec<String> = self.kept_gone().map(FileState::describe).collect();
        if !gone.is_empty() && (!changes.is_empty() || self.to_load().next().is_some()) {
            return Err(Refusal::Gone { table: table(), files: gone });
        }
        if changes.is_empty() { Ok(()) } else { Err(Refusal::Changed { table: table(), changes }) }
    }

    /// The triggers and rules of the target that a run sets off, each with what sets it off.
    pub fn triggers(&self) -> Vec<String> {
        let loads = self.to_load().next().is_some();
        let (merges, deletes) = (loads && self.policy.placement.merges(), self.deletes_rows());
        let Effects { insert_triggers, update_triggers, delete_triggers, .. } = &self.effects;
        let mut triggers = Vec::new();
        for (is_set_off, names, event) in [
            (loads, insert_triggers, "INSERT"),
            (merges, update_triggers, "UPDATE"),
            (deletes, delete_triggers, "DELETE"),
        ] {
            let names = names.iter().filter(|_| is_set_off);
            triggers.extend(names.map(|name| format!("{name} (on {event})")));
        }
        triggers.extend(self.update_cascades());
        triggers
    }

    /// The foreign keys through which a merge would change other tables: those that refer to columns that it
    /// may change, and not only to its key.
    fn update_cascades(&self) -> Vec<String> {
        let Placement::Merge(rule) = &self.policy.placement else { return Vec::new() };
        if self.to_load().next().is_none() {
            return Vec::new();
        }
        let changes = |cascade: &&UpdateCascade| {
            cascade.columns.iter().any(|column| !rule.key.contains(column))
        };
        let cascades = self.effects.update_cascades.iter().filter(changes);
        cascades.map(|cascade| cascade.description.clone()).collect()
    }

    fn refuse_triggers(&self) -> Result<(), Refusal> {
        let triggers = self.triggers();
        if triggers.is_empty() || self.policy.allow.side_effects {
            return Ok(());
        }
        Err(Refusal::Triggers { table: self.target.clone(), triggers })
    }

    /// Refuses to add rows beside some that do not say which file they are from: they may be the same.
    fn refuse_unnamed_rows(&self) -> Result<(), Refusal> {
        let adds = self.to_load().next().is_some() && !self.policy.placement.merges();
        if self.unnamed == 0 || !adds || self.policy.allow.unnamed_rows {
            return Ok(());
        }
        Err(Refusal::UnnamedRows { table: self.target.clone(), rows: self.unnamed })
    }

    /// The files that are refused for a reason, each with what changed.
    fn blocked(&self, is_it: impl Fn(Blocked) -> bool) -> Vec<String> {
        self.files.iter().filter_map(|file| file.refused(&is_it)).collect()
    }
}

impl FileState {
    /// How many of its rows in the target stay beside those that are merged: others have put them there.
    fn rows_found(&self) -> u64 {
        match (&self.ledger, self.rows) {
            (None, _) => self.rows_before(),
            (Some(_), rows) => rows.map_or(0, TargetRows::foreign),
        }
    }

    /// Whether a run might delete its rows, and it is not known yet whose these are.
    fn is_contested(&self, policy: &Policy) -> bool {
        let is_unknown = self.rows.is_some_and(|rows| rows.total > 0 && rows.ours.is_none());
        is_unknown && matches!(self.status(policy), Status::Changed(_) | Status::Gone)
    }

    /// A notice if another loader has put only a part of its rows into the target.
    fn in_part(&self) -> Option<Event> {
        let Action::SkipLoadedElsewhere { rows } = self.action else { return None };
        let accepted = self.mirror.as_ref()?.note.summary.accepted;
        let event = Event::LoadedInPart { file: self.key.clone(), rows, accepted };
        (rows < accepted).then_some(event)
    }

    /// The key and what changed, if the file is refused for such a reason.
    fn refused(&self, is_it: impl Fn(Blocked) -> bool) -> Option<String> {
        let Action::Refuse { because, blocked } = &self.action else { return None };
        let rows = match blocked {
            Blocked::ForeignRows { rows } => {
                format!("; {rows} of {} rows in the target are not ours", self.rows_before())
            }
            _ => String::new(),
        };
        is_it(*blocked).then(|| format!("{} ({because}{rows})", self.key))
    }

    /// The key and what the run does with the file.
    pub fn describe(&self) -> String {
        format!("{} ({})", self.key, self.action.describe())
    }
}
