//! **Days** are a range as it is typed: two days, in one argument or in two.

use std::str::FromStr;

use super::day::Day;
use crate::domain::{Dataset, DateRange, Event, FileDate};
use crate::error::Error;
use crate::look;
use crate::project::Project;

/// A range as it is typed: in one argument `2025-12-01..2025-12-18`, `7d..yesterday`, or one day.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    start: Day,
    end: Day,
}

impl Days {
    /// The days from `start` to `end`, both inclusive.
    pub fn new(start: Day, end: Day) -> Self {
        Self { start, end }
    }

    /// Whether it is another range tomorrow, or after the next load.
    pub fn is_relative(self) -> bool {
        self.start.is_relative() || self.end.is_relative()
    }

    /// Whether it depends on what is loaded.
    pub fn needs_last(self) -> bool {
        [self.start, self.end].contains(&Day::Last)
    }

    /// The range, if it does not depend on what is loaded.
    ///
    /// # Errors
    /// [`Error::Usage`] if it does, or if it ends before it starts.
    pub fn range(self, today: FileDate) -> Result<DateRange, Error> {
        let (Some(start), Some(end)) = (self.start.date(today, None), self.end.date(today, None))
        else {
            return Err(Error::Usage("`last` cannot be used here: give a date".to_owned()));
        };
        DateRange::new(start, end).map_err(|error| Error::Usage(error.to_string()))
    }

    /// The range for one dataset; nothing if it would end before it starts because of what is loaded: then no
    /// day in it can be new, and that is said.
    ///
    /// # Errors
    /// [`Error::Usage`] if it ends before it starts, [`Error::NothingLoaded`] if it begins or ends with the
    /// last day that is loaded, and none is.
    pub async fn of(
        self,
        project: &Project,
        dataset: &Dataset,
        today: FileDate,
    ) -> Result<Option<DateRange>, Error> {
        if !self.needs_last() {
            return self.range(today).map(Some);
        }
        let nothing_loaded = || Error::NothingLoaded {
            dataset: dataset.name.clone(),
            table: dataset.table.to_string(),
        };
        let last = look::last_day(project, dataset).await?.ok_or_else(nothing_loaded)?;
        let date = |day: Day| day.date(today, Some(last)).unwrap_or(last);
        let range = DateRange::new(date(self.start), date(self.end)).ok();
        if range.is_none() {
            let (start, end) = (date(self.start), date(self.end));
            project.notice(dataset, Event::NothingNew { last, start, end });
        }
        Ok(range)
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, end) = text.split_once("..").unwrap_or((text, text));
        let day = |text: &str| text.parse::<Day>().map_err(|error| error.to_string());
        let days = Self::new(day(start)?, day(end)?);
        if let (Day::Date(start), Day::Date(end)) = (days.start, days.end) {
            DateRange::new(start, end).map_err(|error| error.to_string())?;
        }
        Ok(days)
    }
}
