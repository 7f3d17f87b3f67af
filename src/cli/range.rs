//! The arguments for a **range** of days, its datasets, and how a run loads it.

use clap::Args;

use super::day::Day;
use super::days::Days;
use super::ranges::Ranges;
use crate::domain::{DateRange, FileDate, USUAL_BATCH_DAYS};
use crate::error::Error;
use crate::project::Project;
use crate::state::{Allow, Options};

/// The file dates and the datasets that a command works on.
#[derive(Debug, Args)]
pub(super) struct RangeArguments {
    /// First file date: YYYY-MM-DD, today, yesterday, 7d or 2w ago, or last (the last loaded day; if nothing is
    /// loaded, the day of the first file)
    #[arg(long, value_name = "DAY")]
    pub start: Day,
    /// Last file date, inclusive, in the same forms
    #[arg(long, value_name = "DAY")]
    pub end: Day,
    /// Only the dataset of this prefix; may be given several times
    #[arg(long = "prefix", value_name = "PREFIX")]
    pub prefixes: Vec<String>,
}

impl RangeArguments {
    /// Returns the range, if it does not depend on what is loaded.
    ///
    /// # Errors
    /// [`Error::Usage`] if it does, or if it ends before it starts.
    pub(super) fn range(&self) -> Result<DateRange, Error> {
        self.days().range(today())
    }

    /// Refuses days that end before they start, whatever is loaded.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub(super) fn refuse_backward(&self) -> Result<(), Error> {
        match self.days().needs_last() {
            true => Ok(()),
            false => self.range().map(|_| ()),
        }
    }

    /// Returns the range of each dataset of a project.
    ///
    /// # Errors
    /// As [`Days::of`].
    pub(super) async fn ranges(&self, project: &Project) -> Result<Ranges, Error> {
        Ranges::of_project(self.days(), project, today()).await
    }

    fn days(&self) -> Days {
        Days::new(self.start, self.end)
    }
}

/// Returns the calendar day on this machine, in the time zone of `TZ` or else in that of the machine.
pub(super) fn today() -> FileDate {
    FileDate(chrono::Local::now().date_naive())
}

/// How a range is cut into batches, and what a run may do that is refused otherwise.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct BatchArguments {
    /// Days per batch; each batch is one transaction
    #[arg(long, value_name = "DAYS", default_value_t = USUAL_BATCH_DAYS,
          value_parser = clap::value_parser!(u32).range(1..=36_500))]
    batch_size: u32,
    /// Reload files that changed, or whose SQL changed, since they were loaded
    #[arg(long)]
    reload: bool,
    /// Delete the rows of loaded files that no longer exist in the source
    #[arg(long)]
    remove_gone: bool,
    /// Fire triggers of the target, and change other tables through its foreign keys
    #[arg(long)]
    allow_side_effects: bool,
    /// Load days that the live loader of the target has begun to load
    #[arg(long)]
    live_days: bool,
    /// Bring back rows that `backfill accept` recorded as deleted on purpose
    #[arg(long)]
    restore_deleted: bool,
    /// Load although the target has rows without _file_name, which may be duplicates of the loaded ones
    #[arg(long)]
    ignore_unnamed_rows: bool,
    /// Do not compare with loaded days outside the range
    #[arg(long)]
    range_alone: bool,
}

impl BatchArguments {
    /// Returns what a run with this many connections is asked to do.
    pub(super) fn options(self, connections: usize) -> RunOptions {
        let allow = Allow {
            reload: self.reload,
            remove_gone: self.remove_gone,
            side_effects: self.allow_side_effects,
            live_days: self.live_days,
            restore_deleted: self.restore_deleted,
            unnamed_rows: self.ignore_unnamed_rows,
            range_alone: self.range_alone,
        };
        RunOptions { batch_days: self.batch_size, connections, allow }
    }
}

/// What a run is asked to do, without its range: each dataset has its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunOptions {
    /// Days per batch.
    pub batch_days: u32,
    /// How many batches are loaded at once.
    pub connections: usize,
    /// What is allowed.
    pub allow: Allow,
}

impl RunOptions {
    /// Returns the options of a run over this range.
    pub(super) fn over(self, range: DateRange) -> Options {
        let Self { batch_days, connections, allow } = self;
        Options { range, batch_days, connections, allow }
    }
}
