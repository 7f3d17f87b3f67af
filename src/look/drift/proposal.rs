//! A **proposal** is the lines of `stage.sql` that would bring the epochs together, ready to paste: for
//! what was renamed, and for what the SQL reads and no file has.

use std::collections::BTreeMap;

use super::change::Change;
use super::{Drift, Epoch};
use crate::sql::identifier;

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
    let Some(fit) = &drift.fit else { return false };
    let column = column.to_owned();
    drift.epochs.iter().zip(&fit.epochs).any(|(epoch, fit)| {
        fit.read_as_null.contains(&column)
            || epoch.names.contains(&column) && !fit.not_loaded.contains(&column)
    })
}
