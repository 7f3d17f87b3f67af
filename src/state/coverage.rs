//! The **coverage** of a file says where it is: in the target, and by whom, or missing there. A **gap** is what
//! the source holds and the target does not: *historical* before the live loader's first day, *forward* from
//! that day on, which is the live loader's own work.

use serde::Serialize;

use super::{FileState, Files, Status};
use crate::domain::FileDate;

/// Where a file is. If a day has several files, the greatest value counts for the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coverage {
    /// No file is due for the day.
    NotDue,
    /// The source has no file for the day, and one is due.
    Missing,
    /// We loaded it.
    Loaded,
    /// The live loader, or another one, loaded it.
    Elsewhere,
    /// The source has it, and the target was not asked.
    Unknown,
    /// The source has it and the target does not, on a day of the live loader.
    Forward,
    /// The source has it and the target does not, before the live loader began.
    Historical,
    /// We loaded it, and it changed since, or it is gone from the source.
    Changed,
    /// It cannot be loaded.
    Refused,
}

impl Files {
    /// The first day of the live loader. If no live loader is known, it is the first day of a file that others
    /// loaded, in the whole target if that was asked, or else among these files.
    pub fn live_since(&self) -> Option<FileDate> {
        self.known_live_since()
            .or(self.others_since)
            .or_else(|| self.loaded_elsewhere().map(|file| file.date).min())
    }

    fn loaded_elsewhere(&self) -> impl Iterator<Item = &FileState> {
        self.files.iter().filter(|file| self.status(file) == Status::LoadedElsewhere)
    }

    /// Where a file is; `live_since` is the first day of the live loader.
    pub fn coverage(&self, file: &FileState, live_since: Option<FileDate>) -> Coverage {
        if !self.is_target_known {
            return Coverage::Unknown;
        }
        match self.status(file) {
            Status::Loaded => Coverage::Loaded,
            Status::LoadedElsewhere => Coverage::Elsewhere,
            Status::Changed(_) | Status::Gone => Coverage::Changed,
            Status::New if live_since.is_some_and(|since| since <= file.date) => Coverage::Forward,
            Status::New => Coverage::Historical,
        }
    }
}
