//! The arguments that name a range and its datasets, and cut it into batches.

use clap::Args;

use crate::config::Config;
use crate::domain::{DateRange, FileDate, USUAL_BATCH_DAYS};
use crate::error::Error;
use crate::state::{Allow, Options};

/// Which file dates, of which prefixes.
#[derive(Debug, Args)]
pub struct RangeArguments {
    /// First file date
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub start: FileDate,
    /// Last file date, inclusive
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub end: FileDate,
    /// Only the dataset of this prefix; may be given several times
    #[arg(long = "prefix", value_name = "PREFIX")]
    pub prefixes: Vec<String>,
}

impl RangeArguments {
    /// The range.
    ///
    /// # Errors
    /// [`Error::Usage`] where it ends before it starts.
    pub fn range(&self) -> Result<DateRange, Error> {
        DateRange::new(self.start, self.end).map_err(|error| Error::Usage(error.to_string()))
    }
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

/// No dataset has a file in the range.
pub fn no_files(config: &Config, range: DateRange) -> Error {
    let prefixes: Vec<String> = config
        .datasets
        .iter()
        .map(|dataset| format!("{}/{}", config.source, dataset.prefix))
        .collect();
    Error::NoFiles { range: range.to_string(), prefixes: prefixes.join(", ") }
}
