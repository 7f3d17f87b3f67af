//! A **checklist**: what was examined, what was found, and what to do next.

use serde::Serialize;

/// The result of examining everything that a run needs.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// How many checks passed.
    pub passed: usize,
    /// How many warn of something.
    pub warned: usize,
    /// How many failed.
    pub failed: usize,
    /// How many could not be made.
    pub skipped: usize,
    /// Every check, by area and dataset.
    pub checks: Vec<HealthCheck>,
}

impl Diagnosis {
    /// Sums up the checks.
    pub fn of(checks: Vec<HealthCheck>) -> Self {
        Self {
            passed: count(&checks, State::Passed),
            warned: count(&checks, State::Warned),
            failed: count(&checks, State::Failed),
            skipped: count(&checks, State::Skipped),
            checks,
        }
    }
}

/// How many checks have a state.
fn count(checks: &[HealthCheck], state: State) -> usize {
    checks.iter().filter(|check| check.state == state).count()
}

/// One thing that was examined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// What was examined, by a name that never changes.
    pub id: &'static str,
    /// Where it was examined.
    pub area: Area,
    /// The dataset, if it is about one.
    pub dataset: Option<String>,
    /// The place, the database, the table or the folder.
    pub subject: String,
    /// The result.
    pub state: State,
    /// What was found, in one sentence.
    pub found: String,
    /// What to do next, if it warned or failed.
    pub next: Option<String>,
}

/// Where something was examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// Where the exports are.
    Source,
    /// Where mirrors and staged rows go.
    Staging,
    /// The target database.
    Database,
    /// A file with a table of its own, which checks and queries read.
    Reference,
    /// A dataset: its files, its SQL and its target.
    Dataset,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// All is well.
    Passed,
    /// A run works, but a person should know.
    Warned,
    /// A run would fail.
    Failed,
    /// It could not be examined.
    Skipped,
}

/// The checks of one area, as they are made.
#[derive(Debug)]
pub(super) struct Checklist {
    area: Area,
    dataset: Option<String>,
    /// What the next checks are about.
    pub subject: String,
    /// The checks that were made.
    pub checks: Vec<HealthCheck>,
}

impl Checklist {
    /// An empty checklist.
    pub(super) fn new(area: Area, subject: impl Into<String>) -> Self {
        Self { area, dataset: None, subject: subject.into(), checks: Vec::new() }
    }

    /// An empty checklist for a dataset.
    pub(super) fn of_dataset(name: &str, subject: impl Into<String>) -> Self {
        Self { dataset: Some(name.to_owned()), ..Self::new(Area::Dataset, subject) }
    }

    /// Adds a check that passed.
    pub(super) fn passed(&mut self, id: &'static str, found: impl Into<String>) {
        self.add(id, State::Passed, found.into(), None);
    }

    /// Adds a warning: a run works, but a person should know.
    pub(super) fn warned(
        &mut self,
        id: &'static str,
        found: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.add(id, State::Warned, found.into(), Some(next.into()));
    }

    /// Adds a failure: a run would fail.
    pub(super) fn failed(
        &mut self,
        id: &'static str,
        found: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.add(id, State::Failed, found.into(), Some(next.into()));
    }

    /// Adds a check that could not be made.
    pub(super) fn skipped(&mut self, id: &'static str, why: impl Into<String>) {
        self.add(id, State::Skipped, why.into(), None);
    }

    /// Adds several checks that could not be made.
    pub(super) fn skipped_all(&mut self, ids: &[&'static str], why: &str) {
        for id in ids {
            self.skipped(id, why);
        }
    }

    fn add(&mut self, id: &'static str, state: State, found: String, next: Option<String>) {
        let (area, dataset, subject) = (self.area, self.dataset.clone(), self.subject.clone());
        self.checks.push(HealthCheck { id, area, dataset, subject, state, found, next });
    }
}

/// The first few of many texts, and how many more there are.
pub(super) fn some_of(texts: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = texts.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match texts.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut() {
        let texts: Vec<String> = (1..=5).map(|number| number.to_string()).collect();
        assert_eq!(some_of(&texts[..3]), "1, 2, 3");
        assert_eq!(some_of(&texts), "1, 2, 3 and 2 more");
    }
}
