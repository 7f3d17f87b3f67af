//! A **refusal** to load: nothing is wrong with the program, but a person has to decide.

use crate::domain::{DateRange, ErrorKind, Explain, FileDate};
use crate::printable::bytes;

/// Why nothing is loaded.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Files or SQL changed since rows were loaded.
    #[error("{} file(s) of {table} changed since they were loaded: {}", changes.len(), changes.join("; "))]
    Changed {
        /// The target.
        table: String,
        /// Each file and what changed.
        changes: Vec<String>,
    },
    /// Rows would have to be deleted that are not ours.
    #[error(
        "rows of {} file(s) of {table} cannot be replaced, because other programs inserted or changed \
         some of them: {}",
        files.len(), files.join("; ")
    )]
    ForeignRows {
        /// The target.
        table: String,
        /// Each file and its rows.
        files: Vec<String>,
    },
    /// Something has changed since the plan was saved in a file.
    #[error("{dataset} has changed since it was planned: {}", differences.join("; "))]
    NotAsPlanned {
        /// The dataset.
        dataset: String,
        /// What is different.
        differences: Vec<String>,
    },
    /// Deleting rows of the target would change other tables.
    #[error(
        "rows of {} file(s) of {table} would have to be deleted, and that would change {}",
        files.len(), cascades.join(", ")
    )]
    Cascade {
        /// The target.
        table: String,
        /// Each file and what changed.
        files: Vec<String>,
        /// What would change, with its constraint.
        cascades: Vec<String>,
    },
    /// Triggers of the target would fire.
    #[error("loading into {table} fires its triggers or rules: {}", triggers.join(", "))]
    Triggers {
        /// The target.
        table: String,
        /// Each trigger and the event that fires it.
        triggers: Vec<String>,
    },
    /// The live loader has loaded such days, or will load them.
    #[error(
        "{} file(s) for {table} are from {since} or later, the first day that its live loader loaded: {}",
        files.len(), files.join("; ")
    )]
    LiveDays {
        /// The target.
        table: String,
        /// The first day that the live loader has loaded.
        since: FileDate,
        /// The range that was asked for.
        range: DateRange,
        /// Each file.
        files: Vec<String>,
    },
    /// Rows would come back that somebody deleted on purpose.
    #[error(
        "{} file(s) of {table} would be loaded again, but some of their rows were deleted on purpose: {}",
        files.len(), files.join("; ")
    )]
    DeletedOnPurpose {
        /// The target.
        table: String,
        /// Each file and what changed.
        files: Vec<String>,
    },
    /// The target has rows without a file name.
    #[error(
        "{table} has {rows} rows without _file_name, which may be duplicates of rows of the files"
    )]
    UnnamedRows {
        /// The target.
        table: String,
        /// How many.
        rows: u64,
    },
    /// Rows would be deleted of files that the source still has.
    #[error(
        "rows of {} file(s) of {table} would be deleted, but the source still has these objects; only their keys are \
         ignored now: {}",
        files.len(), files.join("; ")
    )]
    StillListed {
        /// The target.
        table: String,
        /// Each file.
        files: Vec<String>,
    },
    /// Files that were loaded are gone from the source, and others would be loaded beside their rows.
    #[error(
        "{} file(s) that were loaded into {table} no longer exist in the source: {}",
        files.len(), files.join("; ")
    )]
    Gone {
        /// The target.
        table: String,
        /// Each file and what is left of it.
        files: Vec<String>,
    },
    /// The target has other rows of the files than today's SQL gives, so that more cannot be added to them.
    #[error("{} file(s) of {table} cannot be replayed: {}", files.len(), files.join("; "))]
    Replay {
        /// The target.
        table: String,
        /// Each file and why.
        files: Vec<String>,
    },
    /// Files would be loaded without those of other days, although dedupe.sql compares their rows.
    #[error(
        "{} file(s) cannot be loaded from {range} alone, because dedupe.sql compares rows with those of the files \
         from {loaded_with}, which were loaded before: {}",
        files.len(), files.join("; ")
    )]
    NarrowRange {
        /// The keys.
        files: Vec<String>,
        /// The range that was asked for.
        range: DateRange,
        /// The range that covers all loaded files.
        loaded_with: DateRange,
    },
    /// The database would hold more than it may.
    #[error(
        "the database has {} and would grow by about {}, beyond its limit of {}",
        bytes(*database), bytes(*growth), bytes(*most)
    )]
    Quota {
        /// What it holds, in bytes.
        database: u64,
        /// By how much it would grow.
        growth: u64,
        /// The most that it may hold.
        most: u64,
    },
    /// The database would not fit onto its disk.
    #[error(
        "the database has {} and would grow by about {}, plus {} of write-ahead log, which does not fit onto its \
         disk of {}",
        bytes(*database), bytes(*growth), bytes(*wal), bytes(*disk)
    )]
    DiskFull {
        /// What it holds, in bytes.
        database: u64,
        /// By how much it would grow.
        growth: u64,
        /// The log that is written meanwhile.
        wal: u64,
        /// The size of the disk.
        disk: u64,
    },
    /// The database would grow by more than half of its disk at once.
    #[error(
        "the database would grow by about {}, plus {} of write-ahead log, which is more than half of its disk of {} \
         at once",
        bytes(*growth), bytes(*wal), bytes(*disk)
    )]
    Disk {
        /// By how much it would grow, in bytes.
        growth: u64,
        /// The log that is written meanwhile.
        wal: u64,
        /// The size of the disk.
        disk: u64,
    },
}

impl Explain for Refusal {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Changed { .. }
            | Self::NotAsPlanned { .. }
            | Self::ForeignRows { .. }
            | Self::Cascade { .. }
            | Self::Triggers { .. }
            | Self::LiveDays { .. }
            | Self::DeletedOnPurpose { .. }
            | Self::UnnamedRows { .. }
            | Self::StillListed { .. }
            | Self::Gone { .. }
            | Self::Replay { .. }
            | Self::NarrowRange { .. }
            | Self::Quota { .. }
            | Self::DiskFull { .. }
            | Self::Disk { .. } => ErrorKind::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotAsPlanned { .. } => "nothing more was loaded; if the changes are right, save the plan again \
                                          with `backfill plan --save`, and have it reviewed"
                .to_owned(),
            Self::Changed { .. } => "nothing was loaded; --reload replaces the rows of these files, batch by batch, \
                                     in the transaction that loads the new ones; if rows were deleted from the \
                                     target on purpose, record that with `backfill accept`"
                .to_owned(),
            Self::ForeignRows { table, .. } => format!(
                "nothing was loaded, and no flag deletes these rows; if they may be deleted, delete the rows of \
                 these files from {table} by _file_name yourself and run the same command again, or leave \
                 their days out of the range"
            ),
            Self::Cascade { .. } => "nothing was loaded; make the constraint NO ACTION DEFERRABLE INITIALLY \
                                     DEFERRED, so that references to rows that are loaded again with the same key \
                                     stay valid, or use --allow-side-effects if the other tables may change"
                .to_owned(),
            Self::Triggers { .. } => "nothing was loaded; check what they do for each row, then use \
                                      --allow-side-effects, or disable them during the load"
                .to_owned(),
            Self::LiveDays { since, range, .. } if *since > range.start() => format!(
                "nothing was loaded; use --end {}, or --live-days if the live loader does not load these days, \
                 now or later",
                since.minus_days(1)
            ),
            Self::LiveDays { .. } => "nothing was loaded; use --live-days if the live loader does not load \
                                      these days, now or later"
                .to_owned(),
            Self::DeletedOnPurpose { .. } => "nothing was loaded; to bring these rows back, use --restore-deleted"
                .to_owned(),
            Self::UnnamedRows { .. } => "nothing was loaded; fill in _file_name if it is known, use mode = \"merge\" \
                                         with the columns that identify a row, or use --ignore-unnamed-rows if none \
                                         of these rows is in the files"
                .to_owned(),
            Self::StillListed { .. } => "nothing was deleted; `backfill plan` says why each key is \
                                         ignored: correct the dataset's key pattern or prefix, or move the \
                                         objects away if their rows should go"
                .to_owned(),
            Self::Gone { .. } => "nothing was loaded; put the files back, leave their days out of the range, or use \
                                  --remove-gone to delete their rows from the target in the transactions that load \
                                  the other files"
                .to_owned(),
            Self::Replay { .. } => "nothing was loaded: a replay adds records that could not be read before and must \
                                    not change other rows; `backfill run --reload` replaces all rows of these files"
                .to_owned(),
            Self::NarrowRange { loaded_with: range, .. } => format!(
                "nothing was loaded; use --start {} --end {}: files that are loaded and have not changed are \
                 skipped. To load new days every day, use mode = \"merge\", which compares with the rows in the \
                 target; --range-alone loads the range without comparing it with other days",
                range.start(),
                range.end()
            ),
            Self::Quota { .. } => "nothing was loaded; load fewer days (compare them with `backfill gaps --options \
                                   --from DAY`), choose a larger plan, or correct limits.database"
                .to_owned(),
            Self::DiskFull { .. } | Self::Disk { .. } => {
                "nothing was loaded; a disk grows by half at a time, and then not again for hours: load fewer days \
                 at a time, enlarge the disk first, or correct limits.disk"
                    .to_owned()
            }
        })
    }
}
