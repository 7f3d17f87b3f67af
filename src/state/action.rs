//! An **action** is what a run does with one file.

use serde::Serialize;

use crate::domain::FileDate;

/// What a run does with one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// It is loaded.
    Load,
    /// It is loaded again in place of the rows of an earlier run.
    Reload {
        /// The run that loaded it.
        run_id: String,
        /// What changed.
        because: String,
    },
    /// It is skipped, because we loaded it before.
    SkipLoaded {
        /// The run that loaded it.
        run_id: String,
    },
    /// It is skipped, because another loader has loaded it.
    SkipLoadedElsewhere {
        /// Its rows in the target.
        rows: u64,
    },
    /// It is loaded in place of the rows of another loader.
    Replace {
        /// Its rows in the target.
        rows: u64,
    },
    /// It would have to be loaded again or removed, and that is not allowed.
    Refuse {
        /// What changed.
        because: String,
        /// Why the run does not do it.
        blocked: Blocked,
    },
    /// It is gone from the source, and its rows stay.
    KeepGone {
        /// The run that loaded it.
        run_id: String,
        /// Its rows in the target.
        rows: u64,
    },
    /// It is gone from the source, and its rows are deleted from the target.
    Remove {
        /// The run that loaded it.
        run_id: String,
        /// Its rows in the target.
        rows: u64,
    },
}

/// Why the rows of a file are not replaced or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blocked {
    /// It was not asked for: `--reload` would do it.
    NotAsked,
    /// Rows of it are not ours; no flag deletes them.
    ForeignRows {
        /// How many.
        rows: u64,
    },
    /// Deleting its rows would change other tables: `--allow-side-effects` would do it.
    Cascade,
    /// The live loader has begun to load such days: `--live-days` would do it.
    LiveLoader {
        /// Its first day.
        since: FileDate,
    },
    /// Somebody deleted rows of it on purpose: `--restore-deleted` would bring them back.
    DeletedOnPurpose {
        /// How many.
        rows: u64,
    },
    /// The source still has an object of this name, which the configuration leaves out.
    StillListed,
}

impl Action {
    /// The action in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Load => "load".to_owned(),
            Self::Reload { because, .. } => format!("reload: {because}"),
            Self::SkipLoaded { run_id } => format!("skip: loaded by run {run_id}"),
            Self::SkipLoadedElsewhere { rows } => {
                format!("skip: another loader has loaded {rows} of its rows")
            }
            Self::Replace { rows } => {
                format!("replace {rows} of its rows that another loader has loaded")
            }
            Self::Refuse { because, blocked } => format!("refuse: {because}{}", blocked.describe()),
            Self::KeepGone { run_id, rows } => {
                format!(
                    "no longer in the source: {rows} of its rows are in the target, loaded by run {run_id}"
                )
            }
            Self::Remove { run_id, rows } => {
                format!(
                    "remove: no longer in the source; {rows} of its rows are in the target, loaded by run \
                         {run_id}"
                )
            }
        }
    }

    /// Whether rows of the file are loaded.
    pub fn is_load(&self) -> bool {
        matches!(self, Self::Load | Self::Reload { .. } | Self::Replace { .. })
    }

    /// Whether rows of the file are deleted from the target.
    pub fn deletes(&self) -> bool {
        matches!(self, Self::Reload { .. } | Self::Replace { .. } | Self::Remove { .. })
    }
}

impl Blocked {
    fn describe(self) -> String {
        match self {
            Self::NotAsked => String::new(),
            Self::ForeignRows { rows } => {
                format!("; other programs inserted or changed {rows} of its rows in the target")
            }
            Self::Cascade => "; deleting its rows would change other tables".to_owned(),
            Self::LiveLoader { since } => {
                format!(
                    "; the live loader has loaded days since {since}, and may load this one too"
                )
            }
            Self::DeletedOnPurpose { rows } => {
                format!("; {rows} of its rows were deleted from the target on purpose")
            }
            Self::StillListed => "; the source still has it, but its key is ignored".to_owned(),
        }
    }
}
