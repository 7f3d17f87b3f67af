//! Checks as **JUnit** XML, which CI systems show as test results.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::check::{Outcome, Rejects};
use crate::look::drift::Instance;
use crate::sql::Severity;

/// What was checked of a dataset.
#[derive(Clone, Copy, Debug)]
pub struct Suite<'a> {
    /// The dataset.
    pub dataset: &'a str,
    /// What its checks found.
    pub checks: &'a [Outcome],
    /// Its rejects, compared with their limit.
    pub rejects: &'a Rejects,
    /// The instances of drift that it refuses; `None` if it refuses no drift.
    pub drift: Option<&'a [Instance]>,
}

/// Writes one test suite per dataset: one test case per check, one for its rejects, and one for the drift that it
/// refuses. A warning is a passed case with an output, unless `warnings_fail`. The text has counts and locations,
/// never values.
pub fn junit(suites: &[Suite<'_>], warnings_fail: bool) -> String {
    let mut report = Report::new("backfill");
    report.add_test_suites(suites.iter().map(|suite| test_suite(suite, warnings_fail)));
    // Fails only if writing to memory or formatting fails, and neither does.
    report.to_string().unwrap_or_default()
}

fn test_suite(suite: &Suite<'_>, warnings_fail: bool) -> TestSuite {
    let mut cases = TestSuite::new(suite.dataset);
    cases.add_test_cases(suite.checks.iter().map(|outcome| check(outcome, warnings_fail)));
    cases.add_test_case(rejects(suite.rejects));
    cases.add_test_cases(suite.drift.map(drift));
    for case in &mut cases.test_cases {
        case.set_classname(suite.dataset);
    }
    cases
}

/// Makes the test case of a check: failed if it would stop a run, a warning if it only found bad rows.
fn check(outcome: &Outcome, warnings_fail: bool) -> TestCase {
    let name = outcome.name.as_str();
    if outcome.has_passed() {
        return passed(name);
    }
    let message = format!("{} bad row(s)", outcome.bad_rows);
    let mut lines = vec![outcome.description.clone()];
    lines.extend(outcome.locations.iter().map(ToString::to_string));
    lines.extend(outcome.rows_at.iter().map(|place| format!("all of them: {place}")));
    if !outcome.stops(warnings_fail) {
        return warning(name, &message, &lines);
    }
    let kind = match outcome.severity {
        Severity::Error => "error",
        Severity::Warn => "warn",
    };
    failed(name, kind, message, &lines)
}

/// Makes the test case of the rejects. It fails if a run would refuse a batch because of them; rejects that the limit
/// allows are a warning.
fn rejects(rejects: &Rejects) -> TestCase {
    let reasons = rejects.reasons.iter().map(ToString::to_string);
    let lines: Vec<String> = rejects.refused.iter().cloned().chain(reasons).collect();
    if !rejects.refused.is_empty() {
        failed("rejects", "error", rejects.message(), &lines)
    } else if rejects.rejected > 0 {
        warning("rejects", &rejects.message(), &lines)
    } else {
        passed("rejects")
    }
}

fn drift(instances: &[Instance]) -> TestCase {
    if instances.is_empty() {
        return passed("drift");
    }
    let lines: Vec<String> = instances.iter().map(ToString::to_string).collect();
    failed("drift", "error", format!("{} instance(s) of drift", instances.len()), &lines)
}

fn passed(name: &str) -> TestCase {
    TestCase::new(name, TestCaseStatus::success())
}

fn warning(name: &str, message: &str, lines: &[String]) -> TestCase {
    let mut case = passed(name);
    case.set_system_out(format!("warning: {message}\n{}", lines.join("\n")));
    case
}

fn failed(name: &str, kind: &str, message: String, lines: &[String]) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(message).set_description(lines.join("\n"));
    TestCase::new(name, status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Location;
    use crate::mirror::RejectReason;

    fn outcome(severity: Severity, bad_rows: u64) -> Outcome {
        Outcome {
            name: "a<b".to_owned(),
            description: "no \"id\" & more".to_owned(),
            severity,
            bad_rows,
            locations: vec![Location { file: Some("x/y.csv".to_owned()), ..Location::default() }],
            rows_at: None,
            rows_key: None,
        }
    }

    fn tested(outcomes: &[Outcome], rejects: &Rejects, warnings_fail: bool) -> String {
        let (dataset, checks, drift) = ("orders", outcomes, None);
        junit(&[Suite { dataset, checks, rejects, drift }], warnings_fail)
    }

    #[test]
    fn failures_are_counted_and_names_escaped() {
        let outcomes = [outcome(Severity::Error, 2), outcome(Severity::Warn, 1)];
        let none = Rejects::default();
        let text = tested(&outcomes, &none, false);
        assert!(text.contains("tests=\"3\" skipped=\"0\" errors=\"0\" failures=\"1\""), "{text}");
        assert!(text.contains("name=\"a&lt;b\""), "{text}");
        assert!(text.contains("no &quot;id&quot; &amp; more\nx/y.csv</failure>"), "{text}");
        assert!(text.contains("<system-out>warning: 1 bad row(s)"), "{text}");
        assert!(text.contains("name=\"rejects\" classname=\"orders\"/>"), "{text}");
        assert!(tested(&outcomes, &none, true).contains("failures=\"2\""));
        let passed = tested(&[outcome(Severity::Error, 0)], &none, true);
        assert!(passed.contains("name=\"a&lt;b\" classname=\"orders\"/>"), "{passed}");
    }

    #[test]
    fn rejects_warn_up_to_the_limit_and_fail_above_it() {
        let reason = RejectReason {
            reason: "too few fields".to_owned(),
            records: 2,
            files: 1,
            first: "x/y.csv:3".to_owned(),
        };
        let mut rejects =
            Rejects { records: 9, rejected: 2, reasons: vec![reason], ..Rejects::default() };
        let text = tested(&[], &rejects, true);
        assert!(text.contains("tests=\"1\" skipped=\"0\" errors=\"0\" failures=\"0\""), "{text}");
        assert!(text.contains("warning: 2 of 9 records are rejected"), "{text}");
        rejects.refused.push("2 of 9 records".to_owned());
        let text = tested(&[], &rejects, false);
        assert!(text.contains("failures=\"1\""), "{text}");
        assert!(
            text.contains("2 too few fields in 1 file(s), first at x/y.csv:3</failure>"),
            "{text}"
        );
    }
}
