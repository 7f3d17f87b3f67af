//! The diagnosis of the **doctor** as lines of text, by area and dataset.

use std::fmt::Write;

use crate::look::doctor::{Area, Diagnosis, HealthCheck, State};

/// Writes one line per check under the heading of its area, then the sums.
pub fn doctor(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    let mut before = None;
    let width = diagnosis.checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    for check in &diagnosis.checks {
        let head = head(check);
        if before.as_ref() != Some(&head) {
            let gap = if before.is_some() { "\n" } else { "" };
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{gap}{head}");
            before = Some(head);
        }
        let (state, id, found) = (word(check.state), check.id, &check.found);
        let _ = writeln!(text, "  {state}  {id:<width$}  {found}");
        if let Some(next) = &check.next {
            let _ = writeln!(text, "  {:6}  {:<width$}  → {next}", "", "");
        }
    }
    let Diagnosis { passed, warned, failed, skipped, .. } = diagnosis;
    let _ =
        writeln!(text, "\n{passed} passed, {warned} warned, {failed} failed, {skipped} skipped");
    text
}

fn word(state: State) -> &'static str {
    match state {
        State::Passed => "ok    ",
        State::Warned => "WARN  ",
        State::Failed => "FAILED",
        State::Skipped => "skip  ",
    }
}

fn head(check: &HealthCheck) -> String {
    let subject = &check.subject;
    match (check.area, &check.dataset) {
        (Area::Source, _) => format!("Source {subject}"),
        (Area::Staging, _) => format!("Staging {subject}"),
        (Area::Database, _) => format!("Database {subject}"),
        (Area::Reference, _) => format!("Reference {subject}"),
        (Area::Dataset, dataset) => {
            format!("Dataset {}: {subject}", dataset.as_deref().unwrap_or_default())
        }
    }
}
