//! A **proposal** is the lines of `stage.sql` that would bring the epochs together, ready to paste: for
//! what was renamed, for what the SQL reads and no file has, and for dates whose format changes.

use std::collections::{BTreeMap, HashSet};

use super::change::Change;
use super::content::{DateContradiction, Profiled};
use super::{Drift, Epoch};
use crate::domain::FileDate;
use crate::look::date_formats::Contradiction;
use crate::sql::identifier;
use crate::values::Kind;

/// The lines of `stage.sql` that differ from a plain column.
pub fn propose(drift: &Drift) -> Vec<String> {
    let renamed = renamed(&drift.epochs, |column| is_read(drift, column));
    let mut lines = Vec::new();
    for (column, others) in &renamed {
        let names = std::iter::once(column).chain(others).map(|name| identifier(name));
        let names = names.collect::<Vec<_>>().join(", ");
        lines.push(format!("coalesce({names}) AS {},", identifier(column)));
    }
    let Some(fit) = &drift.fit else { return lines };
    let others: Vec<&String> = renamed.values().flatten().chain(renamed.keys()).collect();
    let Some(first) = fit.epochs.first() else { return lines };
    // What only some files lack is NULL in their rows without a word in the SQL.
    let is_nowhere = |column: &&String| {
        !others.contains(column) && fit.epochs.iter().all(|fit| fit.read_as_null.contains(column))
    };
    let nowhere = first.read_as_null.iter().filter(is_nowhere);
    lines.extend(
        nowhere.map(|column| format!("NULL AS {},  -- no file has it", identifier(column))),
    );
    lines
}

/// The lines for columns of dates in which formats contradict each other, as `01/02/2025` is a day of January
/// in the one and of February in the other. The files are in the order of their dates.
pub fn propose_dates(files: &[Profiled<'_>]) -> Vec<String> {
    columns_of_dates(files).into_iter().filter_map(|column| propose_date(column, files)).collect()
}

/// The columns that hold dates in some file, in the newest file's order.
fn columns_of_dates<'a>(files: &[Profiled<'a>]) -> Vec<&'a str> {
    let mut columns: Vec<&str> = Vec::new();
    let mut seen = HashSet::new();
    for profile in files.iter().rev().flat_map(|(_, profile)| &profile.columns) {
        if profile.kinds.keys().any(Kind::is_date) && seen.insert(profile.name.as_str()) {
            columns.push(&profile.name);
        }
    }
    columns
}

/// The columns of dates in which formats contradict each other. The files are in the order of their dates.
pub fn contradictions(files: &[Profiled<'_>]) -> Vec<DateContradiction> {
    let found = columns_of_dates(files).into_iter().filter_map(|column| {
        let contradiction = contradiction(column, files)?;
        let spans: Vec<(FileDate, FileDate)> = match &contradiction {
            Contradiction::Mixed(date) => vec![(*date, *date)],
            Contradiction::Changing(changing) => unusual(changing.spans().collect(), files),
        };
        let text = match &contradiction {
            Contradiction::Mixed(date) => {
                format!("formats that contradict each other, both in the files of {date}")
            }
            Contradiction::Changing(changing) => changing.to_string(),
        };
        let is_in = |date: FileDate| spans.iter().any(|(from, to)| (*from..=*to).contains(&date));
        let files = files.iter().filter(|(file, _)| is_in(file.date));
        let files = files.map(|(file, _)| (file.date, file.key.clone())).collect();
        Some(DateContradiction { column: column.to_owned(), text, files })
    });
    found.collect()
}

/// All spans but the one with the most files; of several, the oldest.
fn unusual(
    mut spans: Vec<(FileDate, FileDate)>,
    files: &[Profiled<'_>],
) -> Vec<(FileDate, FileDate)> {
    let count = |(from, to): &(FileDate, FileDate)| {
        files.iter().filter(|(file, _)| (*from..=*to).contains(&file.date)).count()
    };
    let counts: Vec<usize> = spans.iter().map(count).collect();
    let most = counts.iter().max().and_then(|most| counts.iter().position(|n| n == most));
    if let Some(most) = most {
        spans.remove(most);
    }
    spans
}

fn contradiction(column: &str, files: &[Profiled<'_>]) -> Option<Contradiction> {
    let found = files.iter().filter_map(|(file, profile)| {
        let found = profile.columns.iter().find(|profile| profile.name == column)?;
        Some((file.date, found))
    });
    Contradiction::of(found)
}

fn propose_date(column: &str, files: &[Profiled<'_>]) -> Option<String> {
    let name = identifier(column);
    let mixed = |when: String| {
        format!("-- {name}: its dates are written in formats that contradict each other {when}")
    };
    Some(match contradiction(column, files)? {
        Contradiction::Mixed(date) => {
            mixed(format!("in the files of {date}, so that no file date decides"))
        }
        Contradiction::Changing(changing) => match changing.function() {
            Some(function) => {
                format!("{} AS {name},", changing.reading(function).replace("{}", &name))
            }
            None => mixed(format!("and not all with a time: {changing}")),
        },
    })
}

/// The name to keep of each renamed column, with its other names: the one that the SQL reads, or else
/// the newest.
fn renamed(epochs: &[Epoch], is_read: impl Fn(&str) -> bool) -> BTreeMap<String, Vec<String>> {
    let mut families: Vec<Vec<String>> = Vec::new();
    for change in epochs.iter().flat_map(|epoch| &epoch.changes) {
        let Change::Renamed { from, to, .. } = change else { continue };
        let family = families.iter_mut().find(|names| names.contains(from) || names.contains(to));
        let family = match family {
            Some(family) => family,
            None => {
                families.push(Vec::new());
                let last = families.len() - 1;
                &mut families[last]
            }
        };
        for name in [from, to] {
            family.retain(|other| other != name);
            family.push(name.clone());
        }
    }
    let keep = |mut names: Vec<String>| {
        let kept = names.iter().rposition(|name| is_read(name)).unwrap_or(names.len() - 1);
        let kept = names.remove(kept);
        (kept, names)
    };
    families.into_iter().filter(|names| !names.is_empty()).map(keep).collect()
}

/// Whether the SQL reads a column, as far as is known.
fn is_read(drift: &Drift, column: &str) -> bool {
    let Some(fit) = drift.fit.as_ref().filter(|fit| fit.has_stage()) else { return false };
    let column = column.to_owned();
    drift.epochs.iter().zip(&fit.epochs).any(|(epoch, fit)| {
        fit.read_as_null.contains(&column)
            || epoch.names.contains(&column) && !fit.not_loaded.contains(&column)
    })
}
