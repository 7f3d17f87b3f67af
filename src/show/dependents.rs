//! The **dependents** of a target as tables.

use std::fmt::Write;

use super::table;
use crate::look::{Dependent, Dependents, EarlierDays, Shown, ToRefresh};

/// Writes one line per dependent, then the materialized views in the order in which they are refreshed.
pub fn dependents(found: &Dependents) -> String {
    let mut text = format!("{} → {}", found.dataset, found.target);
    // Writing to a text cannot fail.
    let _ = match (&found.first_day, found.exists) {
        (_, false) => {
            writeln!(text, ": the target does not exist yet, so that nothing depends on it")
        }
        (Some(first), true) => {
            writeln!(text, ", first loaded day {} (by {})", first.day, first.source)
        }
        (None, true) => {
            writeln!(text, ", first loaded day unknown: this user cannot read any of its rows")
        }
    };
    if found.exists && found.dependents.is_empty() {
        text.push_str("nothing depends on it\n");
    }
    if !found.dependents.is_empty() {
        let heads = ["kind", "name", "through", "effect", "shows days before the first"];
        let mut table = table(&heads, &[]);
        for dependent in &found.dependents {
            table.add_row(line(dependent));
        }
        let _ = writeln!(text, "{table}");
    }
    if !found.to_refresh.is_empty() {
        text.push_str(&to_refresh(&found.to_refresh));
    }
    text
}

fn line(dependent: &Dependent) -> Vec<String> {
    let by_text = if dependent.is_certain { "" } else { " (perhaps, according to its text)" };
    vec![
        dependent.kind.describe().to_owned(),
        dependent.name.clone(),
        through(&dependent.through),
        format!("{}{by_text}", dependent.effect),
        earlier_days(dependent),
    ]
}

/// Writes the names between a dependent and the target, without the middle of a long list.
fn through(names: &[String]) -> String {
    match names {
        [first, middle @ .., last] if names.len() > LONGEST_WAY => {
            format!("{first}, … {} more …, {last}", middle.len())
        }
        _ => names.join(", "),
    }
}

/// The most names between a dependent and the target that are shown.
const LONGEST_WAY: usize = 4;

fn earlier_days(dependent: &Dependent) -> String {
    let mut text = match &dependent.earlier_days {
        None => String::new(),
        Some(EarlierDays { shown: Shown::Yes, why }) => format!("yes: {why}"),
        Some(EarlierDays { shown: Shown::No, why }) => format!("no: {why}"),
        Some(EarlierDays { shown: Shown::Unknown, why }) => format!("unknown: {why}"),
    };
    let _ = match dependent.holds {
        Some(range) => write!(text, "; has {range} now"),
        None if dependent.is_hidden => write!(text, "; this user may not read all of it"),
        None => Ok(()),
    };
    text.trim_start_matches("; ").to_owned()
}

fn to_refresh(views: &[ToRefresh]) -> String {
    let mut table = table(&["", "to refresh after a load", "its readers", "this user"], &[0]);
    for (index, view) in views.iter().enumerate() {
        let readers = match view.why_readers_wait {
            None => "go on reading".to_owned(),
            Some(why) => format!("wait: {why}"),
        };
        let user = if view.may_refresh {
            "may refresh it".to_owned()
        } else {
            format!("may not refresh it; its owner is {}", view.owner)
        };
        table.add_row(vec![(index + 1).to_string(), view.view.clone(), readers, user]);
    }
    format!("{table}\n")
}
