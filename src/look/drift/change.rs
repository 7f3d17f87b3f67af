//! A **change** is what differs between two formats.

use std::fmt;

use serde::Serialize;

use super::glimpse::{Format, Glimpse, Look};

/// A likeness from which a removed and an added column are guessed to be one.
const RENAMED: f64 = 0.7;
/// Values that are less alike are of two columns, whatever their names.
const SAME_VALUES: f64 = 0.3;
/// More pairs than this are two headers of their own, and no renaming.
const PAIRS: usize = 250_000;
/// So many letters of a name are compared.
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
    /// Columns that are there no more.
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
    /// Columns that stand elsewhere among the others.
    Moved {
        /// Their names.
        columns: Vec<String>,
    },
    /// Another way of writing.
    Dialect {
        /// What of it: `delimiter`, `quote`, `line ending`, `encoding`, `byte order mark` or `compression`.
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

/// What differs from `old` to `new`.
pub fn between(old: &Glimpse, new: &Glimpse) -> Vec<Change> {
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
    let named = |header: &[String], indices: &[usize]| {
        indices.iter().map(|index| header[*index].clone()).collect::<Vec<_>>()
    };
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

/// The places in `header` of the columns that `other` lacks.
fn absent(header: &[String], other: &[String]) -> Vec<usize> {
    let is_absent = |(_, name): &(usize, &String)| !other.contains(name);
    header.iter().enumerate().filter(is_absent).map(|(index, _)| index).collect()
}

/// The removed and added columns that are likely enough one, the likeliest first.
fn likely_pairs(
    old: &Glimpse,
    new: &Glimpse,
    removed: &[usize],
    added: &[usize],
) -> Vec<(usize, usize, f64)> {
    if removed.len() * added.len() > PAIRS {
        return Vec::new();
    }
    let sides = |glimpse: &Glimpse, indices: &[usize]| -> Vec<(usize, Side)> {
        indices.iter().map(|index| (*index, Side::of(glimpse, *index))).collect()
    };
    let (removed, added) = (sides(old, removed), sides(new, added));
    let mut pairs = Vec::new();
    for (from, left) in &removed {
        for (to, right) in &added {
            if let Some(likeness) = left.likeness(right).filter(|likeness| *likeness >= RENAMED) {
                pairs.push((*from, *to, likeness));
            }
        }
    }
    pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
    pairs
}

/// What is known of one column of a pair.
struct Side {
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
            name: letters.flat_map(char::to_lowercase).take(NAME).collect(),
            look: glimpse.looks.get(index).cloned().unwrap_or_default(),
            beside: [left, header.get(index + 1).cloned()],
        }
    }

    /// How likely it is that two columns are one: two fifths by their names, two fifths by the shapes
    /// of their values, one fifth by the columns beside them.
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

/// The columns that are in both headers, but not in the longest part of `now` that keeps the order of
/// `before`.
pub fn moved(before: &[String], now: &[String], renamed: &[(String, String)]) -> Vec<String> {
    let old_name = |name: &String| {
        let pair = renamed.iter().find(|(_, to)| to == name);
        pair.map_or_else(|| name.clone(), |(from, _)| from.clone())
    };
    let placed: Vec<(usize, &String)> = now
        .iter()
        .filter_map(|name| {
            let old = old_name(name);
            Some((before.iter().position(|other| *other == old)?, name))
        })
        .collect();
    let places: Vec<usize> = placed.iter().map(|(place, _)| *place).collect();
    let kept = longest_increasing(&places);
    let is_moved = |(place, _): &&(usize, &String)| kept.binary_search(place).is_err();
    placed.iter().filter(is_moved).map(|(_, name)| (*name).clone()).collect()
}

/// The longest increasing subsequence of different numbers, by patience sorting.
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

/// The quote of a format, for people.
pub fn quote(format: &Format) -> String {
    if format.quote.is_empty() { "none".to_owned() } else { format!("`{}`", format.quote) }
}

fn dialect(old: &Format, new: &Format) -> Vec<Change> {
    let mark = |format: &Format| if format.byte_order_mark { "yes" } else { "no" }.to_owned();
    let quoted = |format: &Format| format!("`{}`", format.delimiter.escape_default());
    let sides = [
        ("delimiter", quoted(old), quoted(new)),
        ("quote", quote(old), quote(new)),
        ("line ending", old.line_end.clone(), new.line_end.clone()),
        ("encoding", old.encoding.clone(), new.encoding.clone()),
        ("byte order mark", mark(old), mark(new)),
        ("compression", old.compression.clone(), new.compression.clone()),
    ];
    let differs = sides.into_iter().filter(|(_, from, to)| from != to);
    differs.map(|(what, from, to)| Change::Dialect { what, from, to }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_fewest_columns_are_said_to_have_moved() {
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
