//! The **ranges** of a command: one for each dataset, because each may have another last loaded day.

use std::collections::HashMap;

use super::day::Day;
use super::days::{Asked, Days};
use crate::config::Config;
use crate::domain::{Dataset, DateRange, FileDate};
use crate::error::{Error, Exit};
use crate::look;
use crate::project::Project;

/// The range of each dataset.
pub(super) struct Ranges {
    days: Days,
    by_dataset: HashMap<String, Option<DateRange>>,
}

impl Ranges {
    /// Returns what the typed days are for each dataset of a project.
    ///
    /// # Errors
    /// As [`Days::of`].
    pub(super) async fn of_project(
        days: Days,
        project: &Project,
        today: FileDate,
    ) -> Result<Self, Error> {
        let mut by_dataset = HashMap::new();
        let mut asked = Vec::new();
        for dataset in &project.config.datasets {
            let of_dataset = days.of(project, dataset, today).await?;
            let range = match of_dataset {
                Asked::Range(range) => Some(range),
                Asked::NothingNew | Asked::NoFile { .. } | Asked::NothingLoaded => None,
            };
            by_dataset.insert(dataset.name.clone(), range);
            asked.push(of_dataset);
        }
        refuse_nothing(&project.config, &asked)?;
        Ok(Self { days, by_dataset })
    }

    /// Creates ranges that are known, by the name of the dataset.
    pub(super) fn fixed(ranges: Vec<(String, DateRange)>) -> Self {
        let hull = ranges.iter().map(|(_, range)| *range).reduce(DateRange::hull);
        let hull = hull.unwrap_or_else(|| DateRange::of_day(FileDate::default()));
        let days = Days::new(Day::Date(hull.start()), Day::Date(hull.end()));
        let by_dataset = ranges.into_iter().map(|(name, range)| (name, Some(range))).collect();
        Self { days, by_dataset }
    }

    /// Returns the range of a dataset; `None` if no day in it can be new.
    pub(super) fn of(&self, dataset: &Dataset) -> Option<DateRange> {
        self.by_dataset.get(&dataset.name).copied().flatten()
    }

    /// Returns the smallest range that covers all of them.
    pub(super) fn hull(&self) -> Option<DateRange> {
        self.by_dataset.values().flatten().copied().reduce(DateRange::hull)
    }

    /// Whether a day depends on today's date or on what is loaded.
    pub(super) fn are_relative(&self) -> bool {
        self.days.is_relative()
    }

    /// Ends a command that has found no file: successfully if no day of its ranges can be new.
    ///
    /// # Errors
    /// [`Error::NoFiles`].
    pub(super) fn without_files(&self, config: &Config) -> Result<Exit, Error> {
        match self.hull() {
            Some(hull) => Err(no_files(config, Some(hull.start()), Some(hull.end()))),
            None => Ok(Exit::Done),
        }
    }

    /// Ends a run that has found no file: successfully if the days are relative and a dataset has loaded days, because
    /// then no new file has arrived.
    ///
    /// # Errors
    /// [`Error::NoFiles`], or why the database cannot be read.
    pub(super) async fn without_new_files(&self, project: &Project) -> Result<Exit, Error> {
        if self.are_relative() && project.database.is_some() {
            for dataset in &project.config.datasets {
                if look::last_day(project, dataset).await?.is_some() {
                    return Ok(Exit::Done);
                }
            }
        }
        self.without_files(&project.config)
    }
}

/// Refuses ranges that are all empty because nothing is loaded yet. One dataset that is loaded, or that has files, is
/// enough.
fn refuse_nothing(config: &Config, asked: &[Asked]) -> Result<(), Error> {
    if asked.iter().any(|asked| matches!(asked, Asked::Range(_) | Asked::NothingNew)) {
        return Ok(());
    }
    let end = asked.iter().find_map(|asked| match asked {
        Asked::NoFile { end } => Some(*end),
        Asked::Range(_) | Asked::NothingNew | Asked::NothingLoaded => None,
    });
    if let Some(end) = end {
        return Err(no_files(config, None, Some(end)));
    }
    let tables = config.datasets.iter().map(|dataset| dataset.table.to_string());
    Err(Error::NothingLoaded { tables: tables.collect() })
}

/// Returns the error that no dataset has a file on these days; an end that is not given is open.
pub(super) fn no_files(config: &Config, start: Option<FileDate>, end: Option<FileDate>) -> Error {
    let days = match (start, end) {
        (Some(start), Some(end)) => Some(format!("from {start} to {end}")),
        (Some(start), None) => Some(format!("from {start} on")),
        (None, Some(end)) => Some(format!("up to {end}")),
        (None, None) => None,
    };
    let prefixes: Vec<String> = config
        .datasets
        .iter()
        .map(|dataset| format!("{}/{}", config.source, dataset.prefix))
        .collect();
    Error::NoFiles { days, prefixes: prefixes.join(", ") }
}
