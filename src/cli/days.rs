//! A range in one argument.

use std::str::FromStr;

use crate::domain::{DateRange, FileDate};

/// A range in one argument: `2025-12-01..2025-12-18`, or one day.
#[derive(Clone, Copy, Debug)]
pub struct Days(DateRange);

impl Days {
    /// The range.
    pub fn range(self) -> DateRange {
        self.0
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, end) = text.split_once("..").unwrap_or((text, text));
        let day = |text: &str| text.parse::<FileDate>().map_err(|error| error.to_string());
        DateRange::new(day(start)?, day(end)?).map(Self).map_err(|error| error.to_string())
    }
}
