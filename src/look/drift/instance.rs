//! An **instance** of drift is a kind of drift, with the days and the files in which it is seen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::calendar::{Oddity, Seen};
use super::change::{self, Change};
use super::content::Difference;
use super::dialect::Part;
use super::glimpse::Glimpse;
use super::{Drift, Epoch, EpochFit};
use crate::domain::{Dataset, DateRange, DriftKind, DriftKinds, FileDate, Finding};
use crate::mirror::Rejected;

/// How many files a line names.
const NAMED: usize = 3;

/// A kind of drift, with where it is seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Instance {
    /// The kind.
    pub kind: DriftKind,
    /// The first day.
    pub from: FileDate,
    /// The last day.
    pub to: FileDate,
    /// The keys of the files, by file date; empty for days without a file.
    pub files: Vec<String>,
    /// What differs, and how, without values.
    pub text: String,
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, from, to, files, text } = self;
        write!(f, "{kind}, {from}")?;
        if from != to {
            write!(f, " to {to}")?;
        }
        write!(f, ": {text}")?;
        let named = files[..files.len().min(NAMED)].join(", ");
        match files.len().saturating_sub(NAMED) {
            _ if files.is_empty() => Ok(()),
            0 => write!(f, " ({named})"),
            more => write!(f, " ({named} and {more} more)"),
        }
    }
}

/// Finds the instances of some kinds in a drift. `around` are files just outside the range: together with those of
/// the range they show what is usual. If `wanted` names files, only what is seen in one of them counts.
pub fn instances(
    dataset: &Dataset,
    drift: &Drift,
    glimpses: &[Glimpse],
    around: &[Glimpse],
    kinds: &DriftKinds,
    wanted: Option<&HashSet<&str>>,
) -> Vec<Instance> {
    let mut found = Found { kinds, wanted, places: HashMap::new(), instances: Vec::new() };
    found.columns(dataset, drift);
    found.moved(glimpses, around);
    found.writing(glimpses, around);
    found.oddities(drift, glimpses);
    found.content(drift);
    let mut instances = found.instances;
    instances.sort_by_key(|instance| (instance.kind, instance.from));
    instances
}

/// The instances found so far. The same in several files is one instance.
struct Found<'a> {
    kinds: &'a DriftKinds,
    wanted: Option<&'a HashSet<&'a str>>,
    places: HashMap<(DriftKind, String), usize>,
    instances: Vec<Instance>,
}

impl Found<'_> {
    /// Adds what is seen in a file.
    fn add(&mut self, kind: DriftKind, date: FileDate, key: &str, text: String) {
        let is_wanted = self.wanted.is_none_or(|wanted| wanted.contains(key));
        if is_wanted {
            self.put(kind, DateRange::of_day(date), Some(key), text);
        }
    }

    fn put(&mut self, kind: DriftKind, days: DateRange, key: Option<&str>, text: String) {
        if !self.kinds.contains(kind) {
            return;
        }
        let (from, to) = (days.start(), days.end());
        let next = self.instances.len();
        let place = *self.places.entry((kind, text.clone())).or_insert(next);
        if place == next {
            self.instances.push(Instance { kind, from, to, files: Vec::new(), text });
        }
        let instance = &mut self.instances[place];
        instance.from = instance.from.min(from);
        instance.to = instance.to.max(to);
        instance.files.extend(key.map(str::to_owned));
    }

    /// Adds the columns that no SQL reads, and those that it reads and files lack.
    fn columns(&mut self, dataset: &Dataset, drift: &Drift) {
        let nothing = EpochFit::default();
        let fits = drift.fit.as_ref().map(|fit| fit.epochs.as_slice()).unwrap_or_default();
        for (place, epoch) in drift.epochs.iter().enumerate() {
            let fit = fits.get(place).unwrap_or(&nothing);
            let added: Vec<&String> = match &drift.fit {
                Some(of_sql) if of_sql.has_stage() => fit.not_read.iter().collect(),
                // Without stage.sql, a column is new if the files before do not have it.
                _ => epoch.changes.iter().flat_map(added).collect(),
            };
            for column in added.into_iter().filter(|column| !dataset.is_known_column(column)) {
                self.column(DriftKind::NewColumn, column, epoch);
            }
            let lacked = fit.read_as_null.iter();
            for column in lacked.filter(|column| !dataset.optional_columns.contains(column)) {
                self.column(DriftKind::MissingColumn, column, epoch);
            }
        }
    }

    /// Adds what is seen of a column in all files of an epoch.
    fn column(&mut self, kind: DriftKind, column: &str, epoch: &Epoch) {
        for (date, key) in epoch.files() {
            self.add(kind, date, key, format!("the column {column}"));
        }
    }

    /// Adds the files whose columns have another order than in most files.
    fn moved(&mut self, glimpses: &[Glimpse], around: &[Glimpse]) {
        let all = glimpses.iter().chain(around);
        let Some(usual) = most(all.map(|glimpse| glimpse.names.as_ref())) else { return };
        for glimpse in glimpses.iter().filter(|glimpse| *glimpse.names != *usual) {
            let moved = change::moved(usual, &glimpse.names, &[]);
            if !moved.is_empty() {
                let named = moved[..moved.len().min(NAMED)].join(", ");
                let more = if moved.len() > NAMED { " …" } else { "" };
                let text = format!(
                    "{} column(s) are in other positions than in most files: {named}{more}",
                    moved.len()
                );
                self.add(DriftKind::MovedColumn, glimpse.file.date, &glimpse.file.key, text);
            }
        }
    }

    /// Adds the files that are written in another way than most.
    fn writing(&mut self, glimpses: &[Glimpse], around: &[Glimpse]) {
        for part in Part::ALL {
            let all = glimpses.iter().chain(around);
            let usual = most(all.map(|glimpse| part.of(&glimpse.format))).unwrap_or_default();
            for glimpse in glimpses {
                let here = part.of(&glimpse.format);
                let has_no_line_end = part == Part::LineEnding && here == NO_LINE_END;
                if here != usual && !has_no_line_end {
                    let text = format!("{} {here}, in most files {usual}", part.name());
                    self.add(part.kind(), glimpse.file.date, &glimpse.file.key, text);
                }
            }
        }
    }

    fn oddities(&mut self, drift: &Drift, glimpses: &[Glimpse]) {
        for oddity in &drift.oddities {
            let text = oddity.to_string();
            match oddity {
                Oddity::Seen(Seen::SameContent { key, date, .. }) => {
                    self.add(DriftKind::SameContent, *date, key, text);
                }
                Oddity::Seen(Seen::DatesFarAway { key, .. }) => {
                    let date = glimpses.iter().find(|glimpse| glimpse.file.key == *key);
                    let date = date.map_or(drift.range.start(), |glimpse| glimpse.file.date);
                    self.add(DriftKind::DatesFarAway, date, key, text);
                }
                Oddity::Seen(Seen::UnusualSize { date, .. } | Seen::UnusualRows { date, .. }) => {
                    self.day(DriftKind::UnusualSize, *date, glimpses, &text);
                }
                Oddity::Listed(Finding::SeveralFiles { date, .. }) => {
                    self.day(DriftKind::SeveralFiles, *date, glimpses, &text);
                }
                Oddity::Listed(Finding::MissingDays { from, to, .. }) => {
                    self.put(DriftKind::MissingDays, DateRange::between(*from, *to), None, text);
                }
                Oddity::Listed(_)
                | Oddity::Seen(
                    Seen::OtherWidth { .. } | Seen::LinesAround { .. } | Seen::Unreadable { .. },
                ) => {}
            }
        }
    }

    /// Adds what is seen in all files of a day.
    fn day(&mut self, kind: DriftKind, day: FileDate, glimpses: &[Glimpse], text: &str) {
        for glimpse in glimpses.iter().filter(|glimpse| glimpse.file.date == day) {
            self.add(kind, day, &glimpse.file.key, text.to_owned());
        }
    }

    /// Adds rejects, and differences between values.
    fn content(&mut self, drift: &Drift) {
        let rejects = drift.content.as_ref().map_or(&drift.rejects, |content| &content.rejects);
        for Rejected { key, date, reason, records, first_line } in rejects {
            let text = format!("{records} record(s): {reason}, first at {key}:{first_line}");
            self.add(DriftKind::Rejects, *date, key, text);
        }
        let Some(content) = &drift.content else { return };
        for file in &content.files {
            for (column, differences) in &file.differences {
                for difference in differences {
                    let Some((kind, text)) = of_values(difference) else { continue };
                    self.add(kind, file.date, &file.key, format!("{column}: {text}"));
                }
            }
        }
        for contradiction in &content.contradictions {
            for (date, key) in &contradiction.files {
                let text = format!("{}: {}", contradiction.column, contradiction.text);
                self.add(DriftKind::OtherDateFormat, *date, key, text);
            }
        }
    }
}

/// The reader's name for the line ending of a file that has none, because it is a single line.
const NO_LINE_END: &str = "none";

/// Returns the value that is most frequent; of several, the one that comes first.
fn most<T: Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, (usize, Reverse<usize>)> = BTreeMap::new();
    for (place, value) in values.enumerate() {
        counts.entry(value).or_insert((0, Reverse(place))).0 += 1;
    }
    counts.into_iter().max_by_key(|(_, best)| *best).map(|(value, _)| value)
}

fn added(change: &Change) -> &[String] {
    match change {
        Change::Added { columns } => columns,
        _ => &[],
    }
}

/// Returns the kind of a difference between values, and a text about it without values.
fn of_values(difference: &Difference) -> Option<(DriftKind, String)> {
    let kind = match difference {
        // It is already reported by the comparison of the headers.
        Difference::Absent => return None,
        Difference::Retyped { .. } => DriftKind::OtherType,
        Difference::DateFormat { .. } => DriftKind::OtherDateFormat,
        Difference::EncodedTwice { .. } => DriftKind::EncodedTwice,
        Difference::NewValues { values } | Difference::GoneValues { values } => {
            let text = format!("{} ({})", difference.name(), values.len());
            return Some((DriftKind::OtherValues, text));
        }
        Difference::Shifted { .. } => {
            return Some((DriftKind::OtherValues, difference.name().to_owned()));
        }
    };
    Some((kind, format!("{}: {difference}", difference.name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> FileDate {
        text.parse().expect("a day")
    }

    #[test]
    fn what_most_files_have_is_usual_and_of_several_the_older() {
        assert_eq!(most([";", ",", ","].into_iter()), Some(","));
        assert_eq!(most([";", ",", ",", ";"].into_iter()), Some(";"));
        assert_eq!(most(std::iter::empty::<&str>()), None);
    }

    #[test]
    fn days_and_files_are_named() {
        let files: Vec<String> = (1..=5).map(|n| format!("x/{n}.csv")).collect();
        let mut instance = Instance {
            kind: DriftKind::NewColumn,
            from: day("2025-03-04"),
            to: day("2025-03-08"),
            files,
            text: "the column extra".to_owned(),
        };
        assert_eq!(
            instance.to_string(),
            "new-column, 2025-03-04 to 2025-03-08: the column extra (x/1.csv, x/2.csv, x/3.csv and 2 more)"
        );
        instance.files.clear();
        instance.to = instance.from;
        assert_eq!(instance.to_string(), "new-column, 2025-03-04: the column extra");
    }
}
