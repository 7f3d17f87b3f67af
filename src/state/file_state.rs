//! The **state of a file** is everything that is known about it: what the source has, what the ledger
//! and the target say, what was read and staged, what a run does with it, and with which result.

use std::sync::Arc;

use crate::domain::{FileDate, Placed, Placement, ReplaceBy};
use crate::mirror::Mirrored;
use crate::source::SourceFile;
use crate::stage::Counts;

use super::files::Policy;
use super::{Action, Blocked, LedgerEntry, TargetRows};

/// Everything that is known about one file. A part is `None` until its step has run.
#[derive(Clone, Debug)]
pub struct FileState {
    /// The name by which rows refer to it: `bucket/prefix/key`.
    pub name: String,
    /// The key below the source URL.
    pub key: String,
    /// The file date.
    pub date: FileDate,
    /// The batch it falls into, counted from 1.
    pub batch: usize,
    /// The object; `None` if the file is gone from the source.
    pub source: Option<SourceFile>,
    /// Whether the source still has an object of this name, although its key is ignored.
    pub is_still_listed: bool,
    /// What the ledger knows about it; `None` if this program did not load it.
    pub ledger: Option<LedgerEntry>,
    /// Its rows in the target before the run; `None` if the target was not asked.
    pub rows: Option<TargetRows>,
    /// Its mirror.
    pub mirror: Option<Arc<Mirrored>>,
    /// Whether other rows of it survive now than were loaded.
    pub has_other_survivors: bool,
    /// What the run does with it.
    pub action: Action,
    /// The counts up to staging, of a file that this run staged.
    pub staged: Option<Counts>,
    /// How many of its rows this run placed.
    pub placed: Option<Placed>,
    /// Its rows in the target after the run; `None` if they were not counted again.
    pub rows_after: Option<u64>,
    /// Its rows that the target should hold after the run by the ledger; `None` if it was not asked again.
    pub held_after: Option<u64>,
}

/// How a file compares with what the target holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The target has no rows of it.
    New,
    /// We loaded it, from this object, with this SQL.
    Loaded,
    /// We loaded it, and something has changed since.
    Changed(Change),
    /// Another loader loaded it.
    LoadedElsewhere,
    /// We loaded it, and the source does not have it any more.
    Gone,
}

/// What changed since a file was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The object was replaced.
    Object,
    /// `stage.sql`, `dedupe.sql`, the settings of the dialect, the mode or the constants were edited.
    Sql,
    /// Other rows of it survive than were loaded, because of other files in the range.
    Survivors,
    /// Rows of it that were left out may have to be merged now, because newer rows are gone.
    Again,
    /// The target has fewer or more rows of the file than were loaded.
    Rows {
        /// How many were loaded.
        loaded: u64,
        /// How many there are.
        in_target: u64,
    },
}

impl Change {
    /// The change in words.
    pub fn describe(self) -> String {
        match self {
            Self::Object => "the object was replaced".to_owned(),
            Self::Sql => {
                "stage.sql, dedupe.sql, the csv settings, the mode or the constants were changed"
                    .to_owned()
            }
            Self::Survivors => {
                "with the files of this range, dedupe.sql keeps other rows of it than were loaded"
                    .to_owned()
            }
            Self::Again => {
                "newer rows that had replaced some of its rows were deleted from the target"
                    .to_owned()
            }
            Self::Rows { loaded, in_target } => {
                format!("{loaded} rows were loaded, {in_target} are in the target")
            }
        }
    }
}

impl FileState {
    /// Starts with a file of the source; nothing else is known about it yet.
    pub fn listed(source: SourceFile, batch: usize) -> Self {
        let (name, key) = (source.name.clone(), source.key.clone());
        Self { source: Some(source.clone()), ..Self::draft(name, key, source.date, batch) }
    }

    /// Starts with a file that the ledger knows and the source does not have any more.
    pub fn gone(entry: LedgerEntry, batch: usize) -> Self {
        let name = entry.file_name.clone();
        // A name consists of the bucket and the key.
        let key = name.split_once('/').map_or(name.as_str(), |(_, key)| key).to_owned();
        Self { ledger: Some(entry.clone()), ..Self::draft(name, key, entry.date, batch) }
    }

    fn draft(name: String, key: String, date: FileDate, batch: usize) -> Self {
        Self {
            name,
            key,
            date,
            batch,
            source: None,
            is_still_listed: false,
            ledger: None,
            rows: None,
            mirror: None,
            has_other_survivors: false,
            action: Action::Load,
            staged: None,
            placed: None,
            rows_after: None,
            held_after: None,
        }
    }

    /// Whether the source does not have it any more.
    pub fn is_gone(&self) -> bool {
        self.source.is_none()
    }

    /// Size of the object in bytes; of a gone file, its size when it was loaded.
    pub fn size(&self) -> u64 {
        match (&self.source, &self.ledger) {
            (Some(source), _) => source.identity.size,
            (None, Some(entry)) => entry.identity.size,
            (None, None) => 0,
        }
    }

    /// Its rows in the target before the run, as far as they are known.
    pub fn rows_before(&self) -> u64 {
        self.rows.map_or(0, |rows| rows.total)
    }

    /// Compares the file with what the target holds, given today's SQL.
    pub fn status(&self, policy: &Policy) -> Status {
        let Some(entry) = &self.ledger else {
            return if self.rows_before() == 0 { Status::New } else { Status::LoadedElsewhere };
        };
        let Some(source) = &self.source else { return Status::Gone };
        let in_target = self.rows_before();
        if !entry.identity.is_same_as(&source.identity) {
            Status::Changed(Change::Object)
        } else if entry.sql_hash != policy.sql_hash {
            Status::Changed(Change::Sql)
        } else if entry.held != in_target {
            Status::Changed(Change::Rows { loaded: entry.held, in_target })
        } else if entry.again {
            Status::Changed(Change::Again)
        } else if self.has_other_survivors && !policy.placement.merges() {
            Status::Changed(Change::Survivors)
        } else {
            Status::Loaded
        }
    }

    /// The run that loaded it; empty if it is not in the ledger.
    fn run_id(&self) -> String {
        self.ledger.as_ref().map(|entry| entry.run_id.clone()).unwrap_or_default()
    }

    /// Decides what a run does with the file.
    pub fn decide(&self, policy: &Policy) -> Action {
        let rows = self.rows_before();
        let status = self.status(policy);
        let refused = self.refuse_live_day(status, policy);
        if let Some(refused) = refused.or_else(|| self.refuse_erased(status, policy)) {
            return refused;
        }
        let replaces = policy.placement.replaces();
        let (because, is_asked) = match status {
            Status::New if self.replaces_day(policy) => {
                return Action::Refuse {
                    because: "the rows of its day are replaced".to_owned(),
                    blocked: Blocked::Cascade,
                };
            }
            Status::New => return Action::Load,
            Status::Loaded => return Action::SkipLoaded { run_id: self.run_id() },
            Status::LoadedElsewhere if policy.placement.merges() => return Action::Load,
            Status::LoadedElsewhere if replaces => {
                ("another loader has loaded rows of it".to_owned(), true)
            }
            Status::LoadedElsewhere => return Action::SkipLoadedElsewhere { rows },
            Status::Gone if !policy.allow.remove_gone => {
                return Action::KeepGone { run_id: self.run_id(), rows };
            }
            Status::Gone => ("no longer among the files of the range".to_owned(), true),
            Status::Changed(Change::Again) => (Change::Again.describe(), true),
            // Somebody has deleted rows: they are only loaded again if that is asked for.
            Status::Changed(change @ Change::Rows { loaded, in_target }) if in_target < loaded => {
                (change.describe(), policy.allow.reload)
            }
            Status::Changed(change) => (change.describe(), policy.allow.reload || replaces),
        };
        match self.blocked(is_asked, policy) {
            Some(blocked) => Action::Refuse { because, blocked },
            None if self.is_gone() => Action::Remove { run_id: self.run_id(), rows },
            None if self.ledger.is_none() => Action::Replace { rows },
            None => Action::Reload { run_id: self.run_id(), because },
        }
    }

    /// Refuses to load a file of a day that the live loader has loaded or will load.
    fn refuse_live_day(&self, status: Status, policy: &Policy) -> Option<Action> {
        let since = policy.live_since.filter(|since| *since <= self.date)?;
        let would_load = match status {
            Status::New => true,
            Status::LoadedElsewhere => policy.placement.merges() || policy.placement.replaces(),
            Status::Loaded | Status::Changed(_) | Status::Gone => false,
        };
        (would_load && !policy.allow.live_days).then(|| Action::Refuse {
            because: "a day of the live loader".to_owned(),
            blocked: Blocked::LiveLoader { since },
        })
    }

    /// Refuses to merge a file that may hold older versions of rows that were deleted on purpose: the target
    /// does not have the newer versions any more that would keep them out.
    fn refuse_erased(&self, status: Status, policy: &Policy) -> Option<Action> {
        let erased = policy.erased.filter(|erased| self.date <= erased.until)?;
        let would_load = match status {
            Status::New | Status::LoadedElsewhere => true,
            Status::Changed(Change::Rows { .. }) => false,
            Status::Changed(_) => policy.allow.reload,
            Status::Loaded | Status::Gone => false,
        };
        let is_refused = would_load && policy.placement.merges() && !policy.allow.restore_deleted;
        is_refused.then(|| Action::Refuse {
            because: "it may hold older versions of them".to_owned(),
            blocked: Blocked::DeletedOnPurpose { rows: erased.rows },
        })
    }

    /// Whether loading it deletes other rows of its day, which would change other tables.
    fn replaces_day(&self, policy: &Policy) -> bool {
        let is_by_days = policy.placement == Placement::ReplaceRange(ReplaceBy::Days);
        is_by_days && policy.cascades && !policy.allow.side_effects
    }

    /// Returns why the file's rows must not be deleted, if they must not.
    fn blocked(&self, is_asked: bool, policy: &Policy) -> Option<Blocked> {
        if self.is_still_listed {
            return Some(Blocked::StillListed);
        }
        let foreign = match policy.placement {
            Placement::Append => self.rows.map_or(0, TargetRows::foreign),
            // In these modes it does not matter who inserted the rows.
            Placement::Merge(_) | Placement::ReplaceRange(_) => 0,
        };
        if foreign > 0 {
            return Some(Blocked::ForeignRows { rows: foreign });
        }
        if !is_asked {
            return Some(Blocked::NotAsked);
        }
        let deleted = self.ledger.as_ref().map_or(0, |entry| entry.deleted_on_purpose);
        if deleted > 0 && !self.is_gone() && !policy.allow.restore_deleted {
            return Some(Blocked::DeletedOnPurpose { rows: deleted });
        }
        let cascades = policy.cascades && !policy.allow.side_effects;
        (self.rows_before() > 0 && cascades).then_some(Blocked::Cascade)
    }

    /// Whether loading it again may leave out rows that the target has of it.
    pub fn may_lose_rows(&self, policy: &Policy) -> bool {
        let status = self.status(policy);
        matches!(status, Status::Changed(Change::Object | Change::Sql) | Status::Gone)
    }
}
