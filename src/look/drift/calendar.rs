//! The **calendar** of a range shows which days and sizes are odd, before any content is compared.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::around::Where;
use super::content::Profiled;
use super::glimpse::Glimpse;
use super::same;
use crate::domain::{DateRange, FileDate, Finding};
use crate::printable::bytes;
use crate::source::{Beside, Listing, UnusualDay, unusual_days};

/// If a day and the days around it have fewer rows than this, they may differ by chance.
const FEWEST_ROWS: u64 = 30;
/// A file's dates are far away if their distance to the file date is more days than this from the usual distance.
const FAR_DAYS: i64 = 7;
/// A column follows the file date if its distance is at most this many days from the usual one in most files.
const STEADY_DAYS: i64 = 2;
/// The smallest percentage of such files in which a column follows the file date. So of fewer than five files, none is
/// far away.
const STEADY_PERCENT: usize = 80;

/// Something odd about a day or a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Oddity {
    /// Found in the listing: missing days, several files, zero bytes, keys without a date.
    Listed(Finding),
    /// Seen in the sizes and the rows of files.
    Seen(Seen),
}

/// Something odd that is seen in the sizes and the rows of files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Seen {
    /// A day with far more or fewer bytes than is usual.
    UnusualSize {
        /// The day.
        date: FileDate,
        /// Its bytes.
        bytes: u64,
        /// The median of what it is compared with.
        usual: u64,
        /// What that is.
        beside: Beside,
    },
    /// A day with far more or fewer rows than is usual.
    UnusualRows {
        /// The day.
        date: FileDate,
        /// Its rows.
        rows: u64,
        /// The median of what it is compared with.
        usual: u64,
        /// What that is.
        beside: Beside,
    },
    /// A file with the content of an earlier one.
    SameContent {
        /// The file.
        key: String,
        /// Its day.
        date: FileDate,
        /// The earlier file.
        other: String,
        /// Whether all bytes or rows are known to be the same, or only the size and the first bytes.
        is_certain: bool,
    },
    /// A file whose dates are far from the day in its key, unlike those of the other files.
    DatesFarAway {
        /// The file.
        key: String,
        /// The column that holds the dates.
        column: String,
        /// Days from the file date to the dates in the file.
        days: i64,
        /// The usual number of such days.
        usual: i64,
    },
    /// A file whose records have another width than its header, from a line on.
    OtherWidth {
        /// The file.
        key: String,
        /// The physical line of the first such record.
        line: i64,
        /// The columns of the header.
        columns: usize,
        /// The fields of the records.
        fields: usize,
        /// How many such records were seen.
        records: u64,
        /// How many records before them are as wide as the header.
        accepted_before: u64,
        /// A file whose header is as wide as the records, if there is one, and the columns that only it has.
        like: Option<(String, Vec<String>)>,
    },
    /// Lines around the tables of files that the settings do not mention.
    LinesAround {
        /// Where they are.
        place: Where,
        /// How many files have such lines.
        files: usize,
        /// How many files there are.
        of: usize,
        /// The first file with such lines.
        key: String,
        /// The first such line in it.
        line: usize,
        /// The setting that would leave them out.
        setting: String,
    },
    /// A file that cannot be read.
    Unreadable {
        /// The file.
        key: String,
        /// Why.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(finding) => finding.fmt(f),
            Self::Seen(seen) => seen.fmt(f),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnusualSize { date, bytes: size, usual, beside } => {
                write!(f, "{date} has {}, {beside} {}", bytes(*size), bytes(*usual))
            }
            Self::UnusualRows { date, rows, usual, beside } => {
                write!(f, "{date} has {rows} rows, {beside} {usual}")
            }
            Self::SameContent { key, other, is_certain: true, .. } => {
                write!(f, "{key} has the same content as {other}")
            }
            Self::SameContent { key, other, is_certain: false, .. } => {
                write!(
                    f,
                    "{key} is as long as {other} and starts with the same bytes (--deep compares all)"
                )
            }
            Self::DatesFarAway { key, column, days, usual } => write!(
                f,
                "{key} has dates in {column} that are {days:+} days from its file date, other files {usual:+}"
            ),
            Self::OtherWidth { key, line, columns, fields, accepted_before, like, .. } => {
                write!(
                    f,
                    "{key}:{line}: from here on, records have {fields} fields, but the header has {columns}: "
                )?;
                f.write_str(match accepted_before {
                    0 => "the header may be another line, or have other columns",
                    _ => "the columns may have changed while the file was written",
                })?;
                match like {
                    Some((other, added)) if added.is_empty() => {
                        write!(f, "; {other} has a header of {fields}")
                    }
                    Some((other, added)) => {
                        write!(f, "; {other} has a header of {fields}, with {}", added.join(", "))
                    }
                    None => Ok(()),
                }
            }
            Self::LinesAround { place, files, of, key, line, setting } => write!(
                f,
                "{files} of {of} file(s) have {place}, the first in {key}:{line}: {setting} leaves such lines out"
            ),
            Self::Unreadable { key, reason, .. } => {
                write!(f, "{key} cannot be read: {reason}")
            }
        }
    }
}

/// Finds what is odd about the days of a listing, and about its files.
pub fn oddities(listing: &Listing, glimpses: &[Glimpse]) -> Vec<Oddity> {
    let listed = listing.findings.iter().cloned().map(Oddity::Listed);
    let seen = sizes(listing).into_iter().chain(dates_far_away(glimpses)).chain(widths(glimpses));
    let seen = seen.chain(same::by_first_bytes(glimpses));
    listed.chain(seen.map(Oddity::Seen)).collect()
}

/// Finds files in which records have another width than the header, up to the end of what was read, or with the width
/// of another file's header.
fn widths(glimpses: &[Glimpse]) -> Vec<Seen> {
    glimpses.iter().filter_map(|glimpse| width(glimpse, glimpses)).collect()
}

fn width(glimpse: &Glimpse, all: &[Glimpse]) -> Option<Seen> {
    let width = glimpse.records.other_width.as_ref()?;
    let like = all.iter().find(|other| other.names.len() == width.fields);
    if like.is_none() && !width.is_striking() {
        return None;
    }
    Some(Seen::OtherWidth {
        key: glimpse.file.key.clone(),
        line: width.line,
        columns: glimpse.names.len(),
        fields: width.fields,
        records: width.records,
        accepted_before: width.accepted_before,
        like: like.map(|other| (other.file.key.clone(), columns_beside(other, glimpse))),
    })
}

/// Returns the labels of the columns that a file has and another does not.
fn columns_beside(file: &Glimpse, other: &Glimpse) -> Vec<String> {
    let labels = file.labels().into_iter().zip(file.names.iter());
    let added = labels.filter(|(_, name)| !other.names.contains(name));
    added.map(|(label, _)| label).collect()
}

/// Finds days whose size is unusual.
fn sizes(listing: &Listing) -> Vec<Seen> {
    let found = listing.sizes.unusual_days(listing.range).into_iter();
    found
        .map(|UnusualDay { date, number, usual, beside }| Seen::UnusualSize {
            date,
            bytes: number,
            usual,
            beside,
        })
        .collect()
}

/// Finds days with an unusual number of rows. Days that are reported for their size are left out.
pub fn rows(files: &[Profiled<'_>], range: DateRange, oddities: &[Oddity]) -> Vec<Seen> {
    let mut days: BTreeMap<FileDate, u64> = BTreeMap::new();
    for (file, profile) in files {
        *days.entry(file.date).or_default() += profile.rows;
    }
    let reported: HashSet<FileDate> = oddities.iter().filter_map(Oddity::unusual_size).collect();
    let found = unusual_days(&days, range).into_iter();
    found
        .filter(|found| !reported.contains(&found.date))
        .filter(|found| found.number.max(found.usual) >= FEWEST_ROWS)
        .map(|UnusualDay { date, number, usual, beside }| Seen::UnusualRows {
            date,
            rows: number,
            usual,
            beside,
        })
        .collect()
}

impl Oddity {
    /// Returns the day whose size is unusual, if it is that.
    fn unusual_size(&self) -> Option<FileDate> {
        match self {
            Self::Seen(Seen::UnusualSize { date, .. }) => Some(*date),
            _ => None,
        }
    }
}

/// Finds files whose dates are far from the file date, in a column whose dates follow it in most files.
pub fn dates_far_away<'a>(glimpses: impl IntoIterator<Item = &'a Glimpse>) -> Vec<Seen> {
    let mut by_column: BTreeMap<&str, Vec<(&Glimpse, i64)>> = BTreeMap::new();
    for glimpse in glimpses {
        for (name, look) in glimpse.names.iter().zip(&glimpse.looks) {
            if let Some(days) = look.days_off {
                by_column.entry(name).or_default().push((glimpse, days));
            }
        }
    }
    let mut found: BTreeMap<&str, Seen> = BTreeMap::new();
    for (column, files) in by_column {
        let Some(usual) = usual_distance(files.iter().map(|(_, days)| *days)) else { continue };
        for (glimpse, days) in files {
            if (days - usual).abs() > FAR_DAYS {
                let key = glimpse.file.key.clone();
                let far = Seen::DatesFarAway { key, column: column.to_owned(), days, usual };
                // One column per file is enough to report.
                found.entry(&glimpse.file.key).or_insert(far);
            }
        }
    }
    found.into_values().collect()
}

/// Returns the median of the distances between file dates and the dates in a column; `None` if these do not follow
/// the file date.
fn usual_distance(distances: impl Iterator<Item = i64>) -> Option<i64> {
    let mut days: Vec<i64> = distances.collect();
    days.sort_unstable();
    let usual = *days.get(days.len() / 2)?;
    let steady = days.iter().filter(|days| (**days - usual).abs() <= STEADY_DAYS).count();
    (steady * 100 >= days.len() * STEADY_PERCENT).then_some(usual)
}

#[cfg(test)]
mod tests;
