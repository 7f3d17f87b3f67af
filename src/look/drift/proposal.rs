//! A **proposal** is the lines of `stage.sql` that would bring the epochs together, ready to paste: for renamed
//! columns, for columns that the SQL reads and no file has, and for dates whose format changes.

use std::collections::{BTreeMap, HashSet};

use super::Epoch;
use super::change::Change;
use super::content::{DateContradiction, Profiled};
use super::fit::Fit;
use crate::domain::FileDate;
use crate::look::date_formats::{Changing, Contradiction};
use crate::sql::identifier;
use crate::values::Kind;

/// The names of each renamed column: the name to keep, with the other ones.
type Renamed = BTreeMap<String, Vec<String>>;

/// Proposes a line for each column that cannot just be read by its name. `fit` is how the SQL fits the epochs, if
/// the dataset has SQL.
pub fn propose(epochs: &[Epoch], fit: Option<&Fit>) -> Vec<String> {
    let renamed = renamed(epochs, |column| is_read(epochs, fit, column));
    let mut lines: Vec<String> =
        renamed.iter().map(|(kept, others)| coalesced(kept, others)).collect();
    if let Some(fit) = fit {
        lines.extend(
            fit.absent_everywhere()
                .filter(|column| !is_known(&renamed, column))
                .map(|column| format!("NULL AS {},  -- no file has it", identifier(column))),
        );
    }
    lines
}

/// Returns the line for a renamed column.
fn coalesced(kept: &str, others: &[String]) -> String {
    let names = std::iter::once(kept).chain(others.iter().map(String::as_str)).map(identifier);
    let names = names.collect::<Vec<_>>().join(", ");
    format!("coalesce({names}) AS {},", identifier(kept))
}

fn is_known(renamed: &Renamed, column: &str) -> bool {
    renamed.iter().any(|(kept, others)| kept == column || others.iter().any(|name| name == column))
}

/// Returns the names of each renamed column. The name to keep is one that the SQL reads; otherwise it is the newest.
fn renamed(epochs: &[Epoch], is_read: impl Fn(&str) -> bool) -> Renamed {
    let mut renamed = Renamed::new();
    for mut names in families(epochs) {
        let kept = names.iter().rposition(|name| is_read(name)).unwrap_or(names.len() - 1);
        let name = names.remove(kept);
        renamed.insert(name, names);
    }
    renamed
}

/// Returns all names that each renamed column ever had, the newest last.
fn families(epochs: &[Epoch]) -> Vec<Vec<String>> {
    let mut families: Vec<Vec<String>> = Vec::new();
    for change in epochs.iter().flat_map(|epoch| &epoch.changes) {
        let Change::Renamed { from, to, .. } = change else { continue };
        let known = families.iter().position(|names| names.contains(from) || names.contains(to));
        let place = known.unwrap_or_else(|| {
            families.push(Vec::new());
            families.len() - 1
        });
        families[place].retain(|name| name != from && name != to);
        families[place].extend([from.clone(), to.clone()]);
    }
    families
}

/// Whether the SQL reads a column, as far as is known.
fn is_read(epochs: &[Epoch], fit: Option<&Fit>, column: &str) -> bool {
    let Some(fit) = fit.filter(|fit| fit.has_stage()) else { return false };
    let column = column.to_owned();
    epochs.iter().zip(&fit.epochs).any(|(epoch, fit)| {
        fit.read_as_null.contains(&column)
            || epoch.names.contains(&column) && !fit.not_loaded.contains(&column)
    })
}

/// Proposes lines for columns of dates in formats that contradict each other, as `01/02/2025` is a day of January in
/// one format and a day of February in the other. The files are in the order of their dates.
pub fn propose_dates(files: &[Profiled<'_>]) -> Vec<String> {
    let columns = columns_of_dates(files).into_iter();
    columns.filter_map(|column| Some(date_line(column, &contradiction(column, files)?))).collect()
}

/// Returns the columns that hold dates in some file, in the newest file's order.
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

fn contradiction(column: &str, files: &[Profiled<'_>]) -> Option<Contradiction> {
    let found = files.iter().filter_map(|(file, profile)| {
        let found = profile.columns.iter().find(|profile| profile.name == column)?;
        Some((file.date, found))
    });
    Contradiction::of(found)
}

fn date_line(column: &str, contradiction: &Contradiction) -> String {
    let name = identifier(column);
    let why = match contradiction {
        Contradiction::Changing(changing) => match changing.function() {
            Some(function) => {
                return format!("{} AS {name},", changing.reading(function).replace("{}", &name));
            }
            None => format!("and not all with a time: {changing}"),
        },
        Contradiction::Mixed(date) => {
            format!("in the files of {date}, so that the file date does not decide")
        }
    };
    format!("-- {name}: its dates are written in formats that contradict each other {why}")
}

/// Finds the columns of dates in formats that contradict each other. The files are in the order of their dates.
pub fn contradictions(files: &[Profiled<'_>]) -> Vec<DateContradiction> {
    let mut found = Vec::new();
    for column in columns_of_dates(files) {
        let Some(contradiction) = contradiction(column, files) else { continue };
        let (text, spans) = match &contradiction {
            Contradiction::Mixed(date) => (
                format!("formats that contradict each other, both in the files of {date}"),
                vec![(*date, *date)],
            ),
            Contradiction::Changing(changing) => (changing.to_string(), unusual(changing, files)),
        };
        let unusual = spans.into_iter().flat_map(|span| files_in(span, files));
        let files = unusual.map(|(file, _)| (file.date, file.key.clone())).collect();
        found.push(DateContradiction { column: column.to_owned(), text, files });
    }
    found
}

/// The first and the last file date of files with the same format.
type Span = (FileDate, FileDate);

/// Returns all spans but the one with the most files; if several have as many, the oldest of them is left out.
fn unusual(changing: &Changing, files: &[Profiled<'_>]) -> Vec<Span> {
    let mut spans: Vec<Span> = changing.spans().collect();
    // Of several maxima, the last one is found: the oldest, from the back.
    let usual = (0..spans.len()).rev().max_by_key(|place| files_in(spans[*place], files).count());
    if let Some(usual) = usual {
        spans.remove(usual);
    }
    spans
}

fn files_in<'a, 'b>(
    (from, to): Span,
    files: &'b [Profiled<'a>],
) -> impl Iterator<Item = &'b Profiled<'a>> {
    files.iter().filter(move |(file, _)| (from..=to).contains(&file.date))
}

#[cfg(test)]
mod tests;
