//! **Days** are a range as it is typed: two days, in one argument or in two.

use std::str::FromStr;

use super::day::Day;
use crate::domain::{Dataset, DateRange, Event, FileDate};
use crate::error::Error;
use crate::look;
use crate::project::Project;
use crate::source;

/// A range as it is typed: in one argument `2025-12-01..2025-12-18`, `7d..yesterday`, or one day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Days {
    start: Day,
    end: Day,
}

impl Days {
    /// The days from `start` to `end`, both inclusive.
    pub(super) fn new(start: Day, end: Day) -> Self {
        Self { start, end }
    }

    /// Whether the range depends on today's date or on what is loaded.
    pub(super) fn is_relative(self) -> bool {
        self.start.is_relative() || self.end.is_relative()
    }

    /// Whether the range depends on what is loaded.
    pub(super) fn needs_last(self) -> bool {
        [self.start, self.end].contains(&Day::Last)
    }

    /// Returns the range, if it does not depend on what is loaded.
    ///
    /// # Errors
    /// [`Error::Usage`] if it does, or if it ends before it starts.
    pub(super) fn range(self, today: FileDate) -> Result<DateRange, Error> {
        let (Some(start), Some(end)) = (self.start.date(today, None), self.end.date(today, None))
        else {
            return Err(Error::Usage("`last` cannot be used here: give a date".to_owned()));
        };
        DateRange::new(start, end).map_err(|error| Error::Usage(error.to_string()))
    }

    /// Returns the range for one dataset. Reports a notice if no day can be new, or if nothing is loaded.
    ///
    /// # Errors
    /// [`Error::Usage`] if it ends before it starts, whatever is loaded.
    pub(super) async fn of(
        self,
        project: &Project,
        dataset: &Dataset,
        today: FileDate,
    ) -> Result<Asked, Error> {
        if !self.needs_last() {
            return self.range(today).map(Asked::Range);
        }
        let Some(last) = look::last_day(project, dataset).await? else {
            return self.since_first_file(project, dataset, today).await;
        };
        let start = self.start.date_with_last(today, last);
        let end = self.end.date_with_last(today, last);
        match DateRange::new(start, end) {
            Ok(range) => Ok(Asked::Range(range)),
            Err(_) => {
                project.notice(dataset, Event::NothingNew { last, start, end });
                Ok(Asked::NothingNew)
            }
        }
    }

    /// Returns the range for a dataset of which nothing is loaded: it begins with the first file.
    async fn since_first_file(
        self,
        project: &Project,
        dataset: &Dataset,
        today: FileDate,
    ) -> Result<Asked, Error> {
        let table = dataset.table.to_string();
        let Some(end) = self.end.date(today, None) else {
            let instead = "the dataset is left out".to_owned();
            project.notice(dataset, Event::NothingLoaded { table, instead });
            return Ok(Asked::NothingLoaded);
        };
        let first = source::first_day(&project.source, dataset).await?;
        let range = first.and_then(|first| DateRange::new(first, end).ok());
        let instead = match (range, first) {
            (Some(range), _) => format!("the range begins with its first file, {}", range.start()),
            (None, Some(first)) => {
                format!("the dataset is left out, because its first file is of {first}")
            }
            (None, None) => "the dataset is left out, because it has no file".to_owned(),
        };
        project.notice(dataset, Event::NothingLoaded { table, instead });
        Ok(range.map_or(Asked::NoFile { end }, Asked::Range))
    }
}

/// What a range is for one dataset.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// These days.
    Range(DateRange),
    /// The range would end before the last loaded day, so that no day in it can be new.
    NothingNew,
    /// The range would begin with the first file, but there is no file up to its end.
    NoFile {
        /// The last day.
        end: FileDate,
    },
    /// The range would end with the last loaded day, but nothing is loaded.
    NothingLoaded,
}

impl Asked {
    /// Returns the days; `None` if none of them can be new.
    ///
    /// # Errors
    /// [`Error::NothingLoaded`] if the range is empty because nothing is loaded.
    pub(super) fn range(self, dataset: &Dataset) -> Result<Option<DateRange>, Error> {
        match self {
            Self::Range(range) => Ok(Some(range)),
            Self::NothingNew => Ok(None),
            Self::NoFile { .. } | Self::NothingLoaded => {
                Err(Error::NothingLoaded { tables: vec![dataset.table.to_string()] })
            }
        }
    }
}

/// A range as it is typed, each end of which may be left open.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenDays {
    start: Option<Day>,
    end: Option<Day>,
}

impl OpenDays {
    /// The days from `start` to `end`, both inclusive, each as far as it is given.
    pub(super) fn new(start: Option<Day>, end: Option<Day>) -> Self {
        Self { start, end }
    }

    /// Returns the first and the last day. An end that depends on what is loaded is left open.
    ///
    /// # Errors
    /// [`Error::Usage`] if it ends before it starts.
    pub(super) fn ends(
        self,
        today: FileDate,
    ) -> Result<(Option<FileDate>, Option<FileDate>), Error> {
        self.ends_with(today, None)
    }

    /// Returns the first and the last day for one dataset; `None` if no day between them can be new. If nothing is
    /// loaded, an end that depends on it is left open, and a notice says so.
    ///
    /// # Errors
    /// [`Error::Usage`] if it ends before it starts, whatever is loaded.
    pub(super) async fn of(
        self,
        project: &Project,
        dataset: &Dataset,
        today: FileDate,
    ) -> Result<Option<(Option<FileDate>, Option<FileDate>)>, Error> {
        if ![self.start, self.end].contains(&Some(Day::Last)) {
            return self.ends(today).map(Some);
        }
        let last = look::last_day(project, dataset).await?;
        let Some(last) = last else {
            let table = dataset.table.to_string();
            let instead = "all days that have files are used".to_owned();
            project.notice(dataset, Event::NothingLoaded { table, instead });
            return self.ends(today).map(Some);
        };
        let ends = self.ends_with(today, Some(last)).ok();
        if let (None, Some(start), Some(end)) = (ends, self.start, self.end) {
            let start = start.date_with_last(today, last);
            let end = end.date_with_last(today, last);
            project.notice(dataset, Event::NothingNew { last, start, end });
        }
        Ok(ends)
    }

    fn ends_with(
        self,
        today: FileDate,
        last: Option<FileDate>,
    ) -> Result<(Option<FileDate>, Option<FileDate>), Error> {
        let start = self.start.and_then(|day| day.date(today, last));
        let end = self.end.and_then(|day| day.date(today, last));
        if let (Some(start), Some(end)) = (start, end) {
            DateRange::new(start, end).map_err(|error| Error::Usage(error.to_string()))?;
        }
        Ok((start, end))
    }
}

fn parse_day(text: &str) -> Result<Day, String> {
    text.parse::<Day>().map_err(|error| error.to_string())
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, end) = text.split_once("..").unwrap_or((text, text));
        let days = Self::new(parse_day(start)?, parse_day(end)?);
        if let (Day::Date(start), Day::Date(end)) = (days.start, days.end) {
            DateRange::new(start, end).map_err(|error| error.to_string())?;
        }
        Ok(days)
    }
}
