//! Checks as **JUnit** XML, which CI systems show as test results.

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

/// A test case. One that passed has no message.
struct Case<'a> {
    name: &'a str,
    /// Whether it failed; a case with a message that did not fail is a warning.
    fails: bool,
    /// `error` or `warn`.
    kind: &'static str,
    message: String,
    lines: Vec<String>,
}

/// Writes one test suite per dataset: one test case per check, one for its rejects, and one for the drift that it
/// refuses. A warning is a case with an output, unless `warnings_fail`. The text has counts and locations, never
/// values.
pub fn junit(suites: &[Suite<'_>], warnings_fail: bool) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in suites {
        let checks = suite.checks.iter().map(|outcome| case(outcome, warnings_fail));
        let drift = suite.drift.map(drift);
        let cases: Vec<Case<'_>> = checks.chain([rejects(suite.rejects)]).chain(drift).collect();
        let failures = cases.iter().filter(|case| case.fails).count();
        text.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">\n",
            escaped(suite.dataset),
            cases.len()
        ));
        for case in &cases {
            text.push_str(&written(suite.dataset, case));
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(outcome: &Outcome, warnings_fail: bool) -> Case<'_> {
    let mut case = Case {
        name: &outcome.name,
        fails: outcome.stops(warnings_fail),
        kind: match outcome.severity {
            Severity::Error => "error",
            Severity::Warn => "warn",
        },
        message: String::new(),
        lines: Vec::new(),
    };
    if !outcome.has_passed() {
        case.message = format!("{} bad row(s)", outcome.bad_rows);
        case.lines.push(outcome.description.clone());
        case.lines.extend(outcome.locations.iter().map(ToString::to_string));
        case.lines.extend(outcome.rows_at.iter().map(|place| format!("all of them: {place}")));
    }
    case
}

/// Makes the test case of the rejects. It fails if a run would refuse a batch because of them; rejects that the limit
/// allows are a warning.
fn rejects(rejects: &Rejects) -> Case<'static> {
    let mut case = Case {
        name: "rejects",
        fails: !rejects.refused.is_empty(),
        kind: if rejects.refused.is_empty() { "warn" } else { "error" },
        message: String::new(),
        lines: rejects.refused.clone(),
    };
    if rejects.rejected > 0 {
        case.message = rejects.message();
        case.lines.extend(rejects.reasons.iter().map(ToString::to_string));
    }
    case
}

fn drift(instances: &[Instance]) -> Case<'static> {
    let mut case = Case {
        name: "drift",
        fails: !instances.is_empty(),
        kind: "error",
        message: String::new(),
        lines: instances.iter().map(ToString::to_string).collect(),
    };
    if case.fails {
        case.message = format!("{} instance(s) of drift", instances.len());
    }
    case
}

fn written(dataset: &str, case: &Case<'_>) -> String {
    let (name, class) = (escaped(case.name), escaped(dataset));
    let open = format!("    <testcase classname=\"{class}\" name=\"{name}\"");
    if case.message.is_empty() {
        return format!("{open}/>\n");
    }
    let (message, lines) = (escaped(&case.message), escaped(&case.lines.join("\n")));
    let kind = case.kind;
    let result = if case.fails {
        format!("<failure message=\"{message}\" type=\"{kind}\">{lines}</failure>")
    } else {
        format!("<system-out>warning: {message}\n{lines}</system-out>")
    };
    format!("{open}>\n      {result}\n    </testcase>\n")
}

/// Escapes a text for XML; characters that XML cannot hold are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
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
        assert!(text.contains("tests=\"3\" failures=\"1\""), "{text}");
        assert!(text.contains("name=\"a&lt;b\""), "{text}");
        assert!(text.contains("no &quot;id&quot; &amp; more\nx/y.csv</failure>"), "{text}");
        assert!(text.contains("<system-out>warning: 1 bad row(s)"), "{text}");
        assert!(text.contains("name=\"rejects\"/>"), "{text}");
        assert!(tested(&outcomes, &none, true).contains("failures=\"2\""));
        let passed = tested(&[outcome(Severity::Error, 0)], &none, true);
        assert!(passed.contains("name=\"a&lt;b\"/>"), "{passed}");
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
        assert!(text.contains("tests=\"1\" failures=\"0\""), "{text}");
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
