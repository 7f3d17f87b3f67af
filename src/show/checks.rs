//! The outcomes of **checks** as a table.

use super::{Suite, table};
use crate::check::{Outcome, Rejects};
use crate::printable::grouped;
use crate::sql::Severity;

/// Writes one line per check, then the rejects and the refused drift.
pub fn checks(suite: Suite<'_>) -> String {
    let Suite { dataset, checks, rejects, drift } = suite;
    let mut text = outcomes_of(dataset, checks);
    text.push_str(&self::rejects(rejects));
    for instance in drift.unwrap_or_default() {
        text.push_str(&format!("drift: FAILED: {instance}\n"));
    }
    text
}

fn outcomes_of(dataset: &str, outcomes: &[Outcome]) -> String {
    if outcomes.is_empty() {
        return format!("{dataset} has no checks\n");
    }
    let mut table = table(&["check", "result", "bad rows", "first at", "all of them in"], &[2]);
    for outcome in outcomes {
        let result = match (outcome.has_passed(), outcome.severity) {
            (true, _) => "passed",
            (false, Severity::Error) => "FAILED",
            (false, Severity::Warn) => "warning",
        };
        let first = outcome.locations.first().map(ToString::to_string).unwrap_or_default();
        table.add_row(vec![
            outcome.name.clone(),
            result.to_owned(),
            grouped(outcome.bad_rows),
            first,
            outcome.rows_at.clone().unwrap_or_default(),
        ]);
    }
    format!("{dataset}\n{table}\n")
}

/// Writes how many records are rejected, and why; nothing if none is.
fn rejects(rejects: &Rejects) -> String {
    if rejects.rejected == 0 {
        return String::new();
    }
    let result = if rejects.refused.is_empty() { "warning" } else { "FAILED" };
    let mut lines = vec![format!("rejects: {result}: {}", rejects.message())];
    lines.extend(rejects.reasons.iter().map(|reason| format!("  {reason}")));
    lines.push(String::new());
    lines.join("\n")
}
