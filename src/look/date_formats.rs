//! The **formats of dates** in a column, by file date: files that write the month first until a day, and the day
//! first from then on, need a call for each, and a CASE that decides.

use std::collections::BTreeSet;

use crate::domain::FileDate;
use crate::profile::Profile;
use crate::values::{Kind, contradict, is_in_utc, reads_offset};

/// How precise the dates of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Precision {
    /// The day.
    Day,
    /// The day and the time, in an unknown time zone.
    Time,
    /// The time and its offset from UTC.
    Moment,
}

impl Precision {
    /// The precision of dates in a format.
    pub(super) fn of(format: &str) -> Self {
        match format {
            format if reads_offset(format) || is_in_utc(format) => Self::Moment,
            format if format.contains(':') => Self::Time,
            _ => Self::Day,
        }
    }

    /// The type of Postgres for such values.
    pub(super) fn data_type(self) -> &'static str {
        match self {
            Self::Day => "date",
            Self::Time => "timestamp",
            Self::Moment => "timestamptz",
        }
    }

    /// The SQL function that reads such values.
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::Day => "try_to_date",
            Self::Time => "try_to_timestamp",
            Self::Moment => "try_to_timestamptz",
        }
    }
}

/// The call that reads dates in these formats, with `{}` for the column.
pub(super) fn call(function: &str, formats: &[String]) -> String {
    let formats: String = formats.iter().map(|format| format!(", '{format}'")).collect();
    format!("{function}(null_like({{}}){formats})")
}

/// Files in a row whose formats do not contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    from: FileDate,
    to: FileDate,
    formats: BTreeSet<String>,
}

/// The formats of a column that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Contradiction {
    /// Files write one format up to some day and another from then on: the file date decides.
    Changing(Changing),
    /// Files of this day have both formats.
    Mixed(FileDate),
}

/// Formats that change with the file date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changing(Vec<Run>);

impl Contradiction {
    /// Finds the contradiction in a column of files, which are in the order of their dates; `None` if no formats
    /// contradict each other.
    pub(super) fn of<'a>(files: impl Iterator<Item = (FileDate, &'a Profile)>) -> Option<Self> {
        let mut runs: Vec<Run> = Vec::new();
        for (date, profile) in files {
            let formats = formats(profile);
            if formats.is_empty() {
                continue;
            }
            if any_contradict(&formats, &formats) {
                return Some(Self::Mixed(date));
            }
            match runs.last_mut() {
                Some(run) if !any_contradict(&run.formats, &formats) => {
                    run.to = date;
                    run.formats.extend(formats);
                }
                Some(run) if run.to == date => return Some(Self::Mixed(date)),
                _ => runs.push(Run { from: date, to: date, formats }),
            }
        }
        (runs.len() > 1).then_some(Self::Changing(Changing(runs)))
    }
}

impl Changing {
    /// The SQL that reads the column, with `{}` for it. It gives NULL for days between two formats, of which no file
    /// was looked at, so that a check finds these undecided values.
    pub(super) fn reading(&self, function: &str) -> String {
        let last = self.0.len().saturating_sub(1);
        let cases = self.0.iter().enumerate().map(|(place, Run { from, to, formats })| {
            let when = match place {
                0 => format!("_file_date <= DATE '{to}'"),
                place if place == last => format!("_file_date >= DATE '{from}'"),
                _ => format!("_file_date BETWEEN DATE '{from}' AND DATE '{to}'"),
            };
            let formats: Vec<String> = formats.iter().cloned().collect();
            format!(" WHEN {when} THEN {}", call(function, &formats))
        });
        format!("CASE{} END", cases.collect::<String>())
    }

    /// The days from which and up to which each format is written.
    pub(super) fn spans(&self) -> impl Iterator<Item = (FileDate, FileDate)> {
        self.0.iter().map(|run| (run.from, run.to))
    }

    /// The SQL function that reads all formats; `None` if their precision differs.
    pub(super) fn function(&self) -> Option<&'static str> {
        let mut all =
            self.0.iter().flat_map(|run| &run.formats).map(|format| Precision::of(format));
        let first = all.next()?;
        all.all(|other| other == first).then(|| first.function())
    }
}

impl std::fmt::Display for Changing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, Run { from, to, formats }) in self.0.iter().enumerate() {
            let formats: Vec<&str> = formats.iter().map(String::as_str).collect();
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{} in files of {from} to {to}", formats.join(" or "))?;
        }
        Ok(())
    }
}

/// The formats of a column in a file, without those that could have the month or the day first.
fn formats(profile: &Profile) -> BTreeSet<String> {
    let formats = profile.kinds.keys().filter_map(|kind| match kind {
        Kind::Date(format) => Some(format.clone()),
        _ => None,
    });
    formats.collect()
}

fn any_contradict(these: &BTreeSet<String>, those: &BTreeSet<String>) -> bool {
    these.iter().any(|one| those.iter().any(|other| contradict(one, other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: &str = "date %m/%d/%Y";
    const DAY: &str = "date %d/%m/%Y";
    const ISO: &str = "date %Y-%m-%d";

    fn date(day: u32) -> FileDate {
        FileDate(chrono::NaiveDate::from_ymd_opt(2025, 3, day).expect("a day"))
    }

    fn found(files: &[(u32, &[&str])]) -> Option<Contradiction> {
        let files: Vec<(FileDate, Profile)> = files
            .iter()
            .map(|(day, kinds)| {
                let kinds = kinds.iter().map(|kind| (Kind::from((*kind).to_owned()), 5)).collect();
                (date(*day), Profile { kinds, ..Profile::default() })
            })
            .collect();
        Contradiction::of(files.iter().map(|(date, profile)| (*date, profile)))
    }

    fn reading(files: &[(u32, &[&str])]) -> String {
        let Some(Contradiction::Changing(changing)) = found(files) else { return String::new() };
        changing.reading(changing.function().expect("one function"))
    }

    #[test]
    fn the_file_date_decides_between_formats_that_contradict() {
        assert_eq!(
            reading(&[(4, &[MONTH]), (20, &[DAY]), (21, &[DAY, ISO])]),
            "CASE WHEN _file_date <= DATE '2025-03-04' THEN try_to_date(null_like({}), '%m/%d/%Y') \
             WHEN _file_date >= DATE '2025-03-20' THEN \
             try_to_date(null_like({}), '%Y-%m-%d', '%d/%m/%Y') END"
        );
        assert!(
            reading(&[(1, &[MONTH]), (2, &[DAY]), (3, &["integer"]), (4, &[DAY]), (5, &[MONTH])])
                .contains("WHEN _file_date BETWEEN DATE '2025-03-02' AND DATE '2025-03-04' THEN")
        );
        assert_eq!(found(&[(1, &[MONTH]), (2, &[ISO]), (3, &["text"])]), None);
        assert_eq!(found(&[(1, &[MONTH, DAY])]), Some(Contradiction::Mixed(date(1))));
        assert_eq!(found(&[(2, &[MONTH]), (2, &[DAY])]), Some(Contradiction::Mixed(date(2))));
    }
}
