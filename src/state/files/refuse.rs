//! When the files of a range are **refused**: what keeps a run from loading or deleting their rows.

use super::Files;
use crate::domain::Placement;
use crate::state::{Action, Blocked, Effects, FileState, Refusal};

impl Files {
    /// Whether a run would change other tables through foreign keys, allowed or not.
    pub fn changes_other_tables(&self) -> bool {
        let is_blocked = !self.blocked(|blocked| blocked == Blocked::Cascade).is_empty();
        !self.effects.cascades.is_empty() && (is_blocked || self.deletes_rows())
    }

    /// Refuses files that changed since they were loaded, and files that are gone if anything would be loaded
    /// beside their rows: the same rows may come again, by another name or from a file that they superseded.
    ///
    /// # Errors
    /// [`Refusal`], with the list.
    pub fn refuse(&self) -> Result<(), Refusal> {
        self.refuse_blocked()?;
        self.refuse_triggers()?;
        self.refuse_unnamed_rows()?;
        self.refuse_changed()
    }

    /// Refuses to delete rows that no run may delete, or only with a flag of their own.
    fn refuse_blocked(&self) -> Result<(), Refusal> {
        let table = &self.target;
        let foreign = self.blocked(|blocked| matches!(blocked, Blocked::ForeignRows { .. }));
        if !foreign.is_empty() {
            return Err(Refusal::ForeignRows { table: table.clone(), files: foreign });
        }
        let still_listed = self.blocked(|blocked| blocked == Blocked::StillListed);
        if !still_listed.is_empty() {
            return Err(Refusal::StillListed { table: table.clone(), files: still_listed });
        }
        let live = self.blocked(|blocked| matches!(blocked, Blocked::LiveLoader { .. }));
        if let Some(since) = self.policy.live_since
            && !live.is_empty()
        {
            let (table, range) = (table.clone(), self.range);
            return Err(Refusal::LiveDays { table, since, range, files: live });
        }
        let deleted = self.blocked(|blocked| matches!(blocked, Blocked::DeletedOnPurpose { .. }));
        if !deleted.is_empty() {
            return Err(Refusal::DeletedOnPurpose { table: table.clone(), files: deleted });
        }
        let cascading = self.blocked(|blocked| blocked == Blocked::Cascade);
        if !cascading.is_empty() {
            let cascades = self.effects.cascades.clone();
            return Err(Refusal::Cascade { table: table.clone(), files: cascading, cascades });
        }
        Ok(())
    }

    /// Refuses files that changed, and files that are gone if anything would be loaded beside their rows.
    fn refuse_changed(&self) -> Result<(), Refusal> {
        let table = self.target.clone();
        let changes = self.blocked(|blocked| blocked == Blocked::NotAsked);
        let gone: Vec<String> = self.kept_gone().map(FileState::describe).collect();
        if !gone.is_empty() && (!changes.is_empty() || self.to_load().next().is_some()) {
            return Err(Refusal::Gone { table, files: gone });
        }
        if changes.is_empty() { Ok(()) } else { Err(Refusal::Changed { table, changes }) }
    }

    /// The triggers and rules of the target that a run fires, each with the event that fires it.
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
            if is_set_off {
                triggers.extend(names.iter().map(|name| format!("{name} (on {event})")));
            }
        }
        triggers.extend(self.update_cascades());
        triggers
    }

    /// The foreign keys through which a merge would change other tables: those that refer to a column that it
    /// may change, which is any column outside its key.
    fn update_cascades(&self) -> Vec<String> {
        let Placement::Merge(rule) = &self.policy.placement else { return Vec::new() };
        if self.to_load().next().is_none() {
            return Vec::new();
        }
        self.effects
            .update_cascades
            .iter()
            .filter(|cascade| cascade.columns.iter().any(|column| !rule.key.contains(column)))
            .map(|cascade| cascade.description.clone())
            .collect()
    }

    fn refuse_triggers(&self) -> Result<(), Refusal> {
        let triggers = self.triggers();
        if triggers.is_empty() || self.policy.allow.side_effects {
            return Ok(());
        }
        Err(Refusal::Triggers { table: self.target.clone(), triggers })
    }

    /// Refuses to add rows to a target that has rows without a file name: they may be the same rows.
    fn refuse_unnamed_rows(&self) -> Result<(), Refusal> {
        let adds = self.to_load().next().is_some() && !self.policy.placement.merges();
        if self.unnamed == 0 || !adds || self.policy.allow.unnamed_rows {
            return Ok(());
        }
        Err(Refusal::UnnamedRows { table: self.target.clone(), rows: self.unnamed })
    }

    /// The files that are blocked for this reason, each with what changed.
    fn blocked(&self, is_it: impl Fn(Blocked) -> bool) -> Vec<String> {
        self.files.iter().filter_map(|file| file.refused(&is_it)).collect()
    }
}

impl FileState {
    /// Returns the key and what changed, if the file is blocked for this reason.
    fn refused(&self, is_it: impl Fn(Blocked) -> bool) -> Option<String> {
        let Action::Refuse { because, blocked } = &self.action else { return None };
        let rows = match blocked {
            Blocked::ForeignRows { rows } => {
                format!(
                    "; {rows} of {} rows in the target are from other programs",
                    self.rows_before()
                )
            }
            _ => String::new(),
        };
        is_it(*blocked).then(|| format!("{} ({because}{rows})", self.key))
    }
}
