//! How the states of the files are **filled in**, step by step. Whenever something becomes known, what the run does
//! with each file is decided again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Files;
use crate::dedupe::Survivors;
use crate::domain::{FileDate, Placement, ReplaceBy};
use crate::mirror::{Mirror, Mirrored};
use crate::stage::Manifest;
use crate::state::{Action, Effects, FileState, Loaded, TargetRows, TargetState};

impl Files {
    /// Takes over what the target holds. Files that are gone from the source are added if the target
    /// still has rows of them.
    pub fn fill_target(&mut self, target: TargetState) {
        let mut entries: HashMap<String, _> =
            target.entries.into_iter().map(|entry| (entry.file_name.clone(), entry)).collect();
        for file in &mut self.files {
            let total = target.rows.get(&file.name).copied().unwrap_or(0);
            file.rows = Some(TargetRows { total, ours: None });
            file.ledger = entries.remove(&file.name);
        }
        for entry in target.others {
            let total = target.rows.get(&entry.file_name).copied().unwrap_or(0);
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

    /// Takes over how many rows the target has of every file, by name, and the first day that others have loaded.
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

    /// Takes over what writing to the target does to other tables, if that was not known yet: the target was
    /// created just now.
    pub fn fill_effects(&mut self, effects: Effects) {
        if self.effects == Effects::default() {
            self.effects = effects;
        }
    }

    /// Takes over how many rows of each contested file are ours, and what deleting them would change
    /// in other tables.
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

    /// Takes over the mirrors. If an object was replaced after it was listed, the mirror's version counts.
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

    /// Takes over which rows survive. A file has changed if other rows of it survive than were loaded.
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

    /// Reloads every file of a day if one of them is loaded, because the rows of the whole day are deleted.
    fn replace_whole_days(&mut self) {
        let days: BTreeSet<FileDate> = self.to_load().map(|file| file.date).collect();
        for file in &mut self.files {
            if days.contains(&file.date)
                && let Action::SkipLoaded { run_id } = &file.action
            {
                let because = "another file of its day is loaded".to_owned();
                file.action = Action::Reload { run_id: run_id.clone(), because };
            }
        }
    }
}
