//! The arguments that name a range and its datasets.

use clap::Args;

use crate::error::Error;
use crate::file_date::{DateRange, FileDate};

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
