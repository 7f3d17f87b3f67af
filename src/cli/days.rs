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

    /// The range for one dataset. What follows from what is loaded, or from nothing being loaded, is said.
    ///
    /// # Errors
    /// [`Error::Usage`] if it ends before it starts, whatever is loaded.
    pub async fn of(
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
        let date = |day: Day| day.date(today, Some(last)).unwrap_or(last);
        let (start, end) = (date(self.start), date(self.end));
        match DateRange::new(start, end) {
            Ok(range) => Ok(Asked::Range(range)),
            Err(_) => {
                project.notice(dataset, Event::NothingNew { last, start, end });
                Ok(Asked::NothingNew)
            }
        }
    }

    /// The range for a dataset of which nothing is loaded: what would begin with the last day that is, begins with
    /// the first file.
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
            (Some(range), _) => format!("begins at its first file, of {}", range.start()),
            (None, Some(first)) => format!("left out, because its first file is of {first}"),
            (None, None) => "left out, because it has no file".to_owned(),
        };
        project.notice(dataset, Event::NothingLoaded { table, instead });
        Ok(range.map_or(Asked::NoFile { end }, Asked::Range))
    }
}

/// What a range is for one dataset.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// These days.
    Range(DateRange),
    /// It would end before it starts because of what is loaded: no day in it can be new.
    NothingNew,
    /// It would begin with the first file, and there is none up to its end.
    NoFile {
        /// The last day.
        end: FileDate,
    },
    /// It would end with the last day that is loaded, and none is.
    NothingLoaded,
}

impl Asked {
    /// The days, if any of them can be new.
    ///
    /// # Errors
    /// [`Error::NothingLoaded`] if there are none because nothing is loaded.
    pub fn range(self, dataset: &Dataset) -> Result<Option<DateRange>, Error> {
        match self {
            Self::Range(range) => Ok(Some(range)),
            Self::NothingNew => Ok(None),
            Self::NoFile { .. } | Self::NothingLoaded => {
                Err(Error::NothingLoaded { tables: vec![dataset.table.to_string()] })
            }
        }
    }
}

/// A range as it is typed, of which each end may be left open.
#[derive(Clone, Copy, Debug)]
pub struct OpenDays {
    start: Option<Day>,
    end: Option<Day>,
}

impl OpenDays {
    /// The days from `start` to `end`, as far as these are given, both inclusive.
    pub fn new(start: Option<Day>, end: Option<Day>) -> Self {
        Self { start, end }
    }

    /// The first and the last day, those that depend on what is loaded left open.
    ///
    /// # Errors
    /// [`Error::Usage`] if it ends before it starts.
    pub fn ends(self, today: FileDate) -> Result<(Option<FileDate>, Option<FileDate>), Error> {
        self.ends_with(today, None)
    }

    /// The first and the last day for one dataset; nothing if no day between them can be new. An end that depends
    /// on what is loaded is left open if nothing is, and that is said.
    ///
    /// # Errors
    /// [`Error::Usage`] if it ends before it starts, whatever is loaded.
    pub async fn of(
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
            let instead = "all days of its files count".to_owned();
            project.notice(dataset, Event::NothingLoaded { table, instead });
            return self.ends(today).map(Some);
        };
        let ends = self.ends_with(today, Some(last)).ok();
        if let (None, Some(start), Some(end)) = (ends, self.start, self.end) {
            let date = |day: Day| day.date(today, Some(last)).unwrap_or(last);
            let (start, end) = (date(start), date(end));
            project.notice(dataset, Event::NothingNew { last, start, end });
        }
        Ok(ends)
    }

    fn ends_with(
        self,
        today: FileDate,
        last: Option<FileDate>,
    ) -> Result<(Option<FileDate>, Option<FileDate>), Error> {
        let date = |day: Option<Day>| day.and_then(|day| day.date(today, last));
        let (start, end) = (date(self.start), date(self.end));
        if let (Some(start), Some(end)) = (start, end) {
            DateRange::new(start, end).map_err(|error| Error::Usage(error.to_string()))?;
        }
        Ok((start, end))
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
