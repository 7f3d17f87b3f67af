//! A **change** is what differs between two formats.

use std::fmt;

use serde::Serialize;

use super::dialect::Part;
use super::glimpse::{Format, Glimpse, Look};

/// The smallest likeness of a removed and an added column that are guessed to be the same column.
const RENAMED: f64 = 0.7;
/// The smallest likeness of the values of such columns, whatever their names.
const SAME_VALUES: f64 = 0.3;
/// With more pairs of columns than this, the headers are taken to be unrelated, and no column to be renamed.
const PAIRS: usize = 250_000;
/// How many letters of a name are compared.
const NAME: usize = 100;

/// What differs between a format and the one before it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Columns that were not there before.
    Added {
        /// Their names.
        columns: Vec<String>,
    },
    /// Columns that the new format does not have.
    Removed {
        /// Their names.
        columns: Vec<String>,
    },
    /// A column that has another name now: a guess, from its name, its place and its values.
    Renamed {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
        /// How sure the guess is, from 0 to 1.
        likeness: f64,
    },
    /// Columns that have another place among the others.
    Moved {
        /// Their names.
        columns: Vec<String>,
    },
    /// A change of the dialect.
    Dialect {
        /// Which part of it: `delimiter`, `quote`, `line ending`, `encoding`, `byte order mark` or `compression`.
        what: &'static str,
        /// How it was.
        from: String,
        /// How it is.
        to: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { columns } => write!(f, "added: {}", columns.join(", ")),
            Self::Removed { columns } => write!(f, "removed: {}", columns.join(", ")),
            Self::Renamed { from, to, likeness } => {
                write!(f, "renamed: {from} to {to} (a guess, {:.0} % alike)", likeness * 100.0)
            }
            Self::Moved { columns } => write!(f, "moved: {}", columns.join(", ")),
            Self::Dialect { what, from, to } => write!(f, "{what}: {from} before, {to} now"),
        }
    }
}

/// Returns what differs between the formats of two files.
pub(super) fn between(old: &Glimpse, new: &Glimpse) -> Vec<Change> {
    let (before, now) = (&old.labels()[..], &new.labels()[..]);
    let mut removed: Vec<usize> = absent(before, now);
    let mut added: Vec<usize> = absent(now, before);
    let mut changes = Vec::new();
    let mut names: Vec<(String, String)> = Vec::new();
    for (from, to, likeness) in likely_pairs(old, new, &removed, &added) {
        // Each column belongs to one pair: the likeliest.
        if !removed.contains(&from) || !added.contains(&to) {
            continue;
        }
        removed.retain(|index| *index != from);
        added.retain(|index| *index != to);
        names.push((before[from].clone(), now[to].clone()));
        let (from, to) = (before[from].clone(), now[to].clone());
        changes.push(Change::Renamed { from, to, likeness });
    }
    if !removed.is_empty() {
        changes.push(Change::Removed { columns: named(before, &removed) });
    }
    if !added.is_empty() {
        changes.push(Change::Added { columns: named(now, &added) });
    }
    let moved = moved(before, now, &names);
    if !moved.is_empty() {
        changes.push(Change::Moved { columns: moved });
    }
    changes.extend(dialect(&old.format, &new.format));
    changes
}

/// Returns the names of the columns at some places in a header.
fn named(header: &[String], indices: &[usize]) -> Vec<String> {
    indices.iter().map(|index| header[*index].clone()).collect()
}

/// Returns the places in `header` of the columns that `other` lacks.
fn absent(header: &[String], other: &[String]) -> Vec<usize> {
    (0..header.len()).filter(|index| !other.contains(&header[*index])).collect()
}

/// Returns the pairs of a removed and an added column that are likely the same, the likeliest first.
fn likely_pairs(
    old: &Glimpse,
    new: &Glimpse,
    removed: &[usize],
    added: &[usize],
) -> Vec<(usize, usize, f64)> {
    if removed.len() * added.len() > PAIRS {
        return Vec::new();
    }
    let removed: Vec<Side> = removed.iter().map(|index| Side::of(old, *index)).collect();
    let added: Vec<Side> = added.iter().map(|index| Side::of(new, *index)).collect();
    let mut pairs = Vec::new();
    for from in &removed {
        for to in &added {
            if let Some(likeness) = from.likeness(to).filter(|likeness| *likeness >= RENAMED) {
                pairs.push((from.index, to.index, likeness));
            }
        }
    }
    pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
    pairs
}

/// What is known of one column of a pair.
struct Side {
    /// Its place in the header.
    index: usize,
    /// Its name as far as it is compared: letters and digits, in lower case.
    name: String,
    look: Look,
    /// The columns to its left and right.
    beside: [Option<String>; 2],
}

impl Side {
    fn of(glimpse: &Glimpse, index: usize) -> Self {
        let header = &glimpse.format.header;
        let letters = header[index].chars().filter(|c| c.is_alphanumeric());
        let left = index.checked_sub(1).and_then(|left| header.get(left).cloned());
        Self {
            index,
            name: letters.flat_map(char::to_lowercase).take(NAME).collect(),
            look: glimpse.looks.get(index).cloned().unwrap_or_default(),
            beside: [left, header.get(index + 1).cloned()],
        }
    }

    /// Returns how likely two columns are the same: two fifths by their names, two fifths by the shapes of their
    /// values, one fifth by the columns beside them. `None` if their values are too different.
    fn likeness(&self, other: &Self) -> Option<f64> {
        let values = self.look.likeness(&other.look);
        if values < SAME_VALUES {
            return None;
        }
        let beside = self.beside.iter().zip(&other.beside).filter(|(a, b)| a == b).count();
        let names = strsim::jaro_winkler(&self.name, &other.name);
        Some(0.4 * names + 0.4 * values + 0.1 * beside as f64)
    }
}

/// Returns the columns that are in both headers, but not in the longest part of `now` that keeps the order of
/// `before`. `renamed` holds old and new names.
pub(super) fn moved(
    before: &[String],
    now: &[String],
    renamed: &[(String, String)],
) -> Vec<String> {
    let mut columns: Vec<&String> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    for name in now {
        let pair = renamed.iter().find(|(_, to)| to == name);
        let old_name = pair.map_or(name, |(from, _)| from);
        if let Some(place) = before.iter().position(|other| other == old_name) {
            columns.push(name);
            places.push(place);
        }
    }
    let kept = longest_increasing(&places);
    let moved = columns.iter().zip(&places).filter(|(_, place)| kept.binary_search(place).is_err());
    moved.map(|(name, _)| (*name).clone()).collect()
}

/// Returns the longest increasing subsequence of different numbers, by patience sorting.
fn longest_increasing(numbers: &[usize]) -> Vec<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        let pile = tails.partition_point(|tail| numbers[*tail] < *number);
        before.push(pile.checked_sub(1).map(|pile| tails[pile]));
        match tails.get_mut(pile) {
            Some(tail) => *tail = index,
            None => tails.push(index),
        }
    }
    let mut last = tails.last().copied();
    let mut longest = Vec::with_capacity(tails.len());
    while let Some(index) = last {
        longest.push(numbers[index]);
        last = before[index];
    }
    longest.reverse();
    longest
}

/// Returns the parts of the dialect that differ.
fn dialect(old: &Format, new: &Format) -> Vec<Change> {
    let mut changes = Vec::new();
    for part in Part::ALL {
        let (from, to) = (part.of(old), part.of(new));
        if from != to {
            changes.push(Change::Dialect { what: part.name(), from, to });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_fewest_columns_are_reported_as_moved() {
        let before = names(&["a", "b", "c", "d", "e"]);
        assert_eq!(moved(&before, &names(&["e", "a", "b", "c", "d"]), &[]), ["e"]);
        assert_eq!(moved(&before, &names(&["a", "x", "c", "b", "d"]), &[]).len(), 1);
        assert!(moved(&before, &names(&["b", "d", "new", "e"]), &[]).is_empty());
        let renamed = [("c".to_owned(), "C".to_owned())];
        assert!(moved(&before, &names(&["a", "b", "C", "d"]), &renamed).is_empty());
    }

    #[test]
    fn an_increasing_part_is_the_longest() {
        assert_eq!(longest_increasing(&[3, 0, 1, 4, 2]), [0, 1, 2]);
        assert!(longest_increasing(&[]).is_empty());
    }
}
