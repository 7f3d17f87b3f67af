//! The outcomes of checks as a table.

use super::table;
use crate::check::Outcome;
use crate::printable::grouped;
use crate::sql::Severity;

/// One line a check.
pub fn checks(dataset: &str, outcomes: &[Outcome]) -> String {
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
