//! The arguments that name a range and its datasets, and cut it into batches.

use clap::Args;

use super::day::Day;
use super::days::Days;
use super::ranges::Ranges;
use crate::domain::{DateRange, FileDate, USUAL_BATCH_DAYS};
use crate::error::Error;
use crate::project::Project;
use crate::state::{Allow, Options};

/// Which file dates, of which prefixes.
#[derive(Debug, Args)]
pub struct RangeArguments {
    /// First file date: YYYY-MM-DD, today, yesterday, 7d or 2w ago, or last (the last that is loaded; the first
    /// file's if none is)
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
    /// The range, if it does not depend on what is loaded.
    ///
    /// # Errors
    /// [`Error::Usage`] if it does, or if it ends before it starts.
    pub fn range(&self) -> Result<DateRange, Error> {
        self.days().range(today())
    }

    /// Refuses days that end before they start, whatever is loaded.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub fn refuse_backward(&self) -> Result<(), Error> {
        match self.days().needs_last() {
            true => Ok(()),
            false => self.range().map(|_| ()),
        }
    }

    /// The range of each dataset of a project.
    ///
    /// # Errors
    /// As [`Days::of`].
    pub async fn ranges(&self, project: &Project) -> Result<Ranges, Error> {
        Ranges::of_project(self.days(), project, today()).await
    }

    fn days(&self) -> Days {
        Days::new(self.start, self.end)
    }
}

/// The calendar day on this machine: in the zone that `TZ` names, or else in the machine's own.
pub fn today() -> FileDate {
    FileDate(chrono::Local::now().date_naive())
}

/// How a range is cut, and what is done about changes.
#[derive(Clone, Copy, Debug, Args)]
pub struct BatchArguments {
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
    /// Set off triggers of the target, and change other tables through its foreign keys
    #[arg(long)]
    allow_side_effects: bool,
    /// Load days that the live loader of the target has begun to load
    #[arg(long)]
    live_days: bool,
    /// Bring back rows that `backfill accept` recorded as deleted on purpose
    #[arg(long)]
    restore_deleted: bool,
    /// Load although the target has rows without _file_name, which may be the same
    #[arg(long)]
    ignore_unnamed_rows: bool,
    /// Do not compare with days outside the range that were loaded before
    #[arg(long)]
    range_alone: bool,
}

impl BatchArguments {
    /// What a run is asked to do.
    pub fn options(self, range: DateRange, connections: usize) -> Options {
        let allow = Allow {
            reload: self.reload,
            remove_gone: self.remove_gone,
            side_effects: self.allow_side_effects,
            live_days: self.live_days,
            restore_deleted: self.restore_deleted,
            unnamed_rows: self.ignore_unnamed_rows,
            range_alone: self.range_alone,
        };
        Options { range, batch_days: self.batch_size, connections, allow }
    }
}
