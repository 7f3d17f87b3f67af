//! Checks as JUnit XML, the form in which CI systems show test results.

use crate::check::Outcome;
use crate::sql::Severity;

/// One test suite a dataset, one test case a check. A warning is a case with an output, unless
/// `warnings_fail`. There are counts and places in it, never values.
pub fn junit(datasets: &[(&str, &[Outcome])], warnings_fail: bool) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (dataset, outcomes) in datasets {
        let fails = |outcome: &&Outcome| outcome.stops(warnings_fail);
        let failures = outcomes.iter().filter(fails).count();
        text.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">\n",
            escaped(dataset),
            outcomes.len()
        ));
        for outcome in *outcomes {
            text.push_str(&case(dataset, outcome, warnings_fail));
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(dataset: &str, outcome: &Outcome, warnings_fail: bool) -> String {
    let (name, dataset) = (escaped(&outcome.name), escaped(dataset));
    let open = format!("    <testcase classname=\"{dataset}\" name=\"{name}\"");
    if outcome.has_passed() {
        return format!("{open}/>\n");
    }
    let mut lines = vec![outcome.description.clone()];
    lines.extend(outcome.locations.iter().map(ToString::to_string));
    lines.extend(outcome.rows_at.iter().map(|place| format!("all of them: {place}")));
    let lines = escaped(&lines.join("\n"));
    let message = format!("{} bad row(s)", outcome.bad_rows);
    let kind = match outcome.severity {
        Severity::Error => "error",
        Severity::Warn => "warn",
    };
    let told = match outcome.stops(warnings_fail) {
        true => format!("<failure message=\"{message}\" type=\"{kind}\">{lines}</failure>"),
        false => format!("<system-out>warning: {message}\n{lines}</system-out>"),
    };
    format!("{open}>\n      {told}\n    </testcase>\n")
}

/// A text that may stand in XML; characters that XML cannot hold are left out.
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

    #[test]
    fn failures_are_counted_and_names_escaped() {
        let outcomes = [outcome(Severity::Error, 2), outcome(Severity::Warn, 1)];
        let text = junit(&[("orders", &outcomes)], false);
        assert!(text.contains("tests=\"2\" failures=\"1\""), "{text}");
        assert!(text.contains("name=\"a&lt;b\""), "{text}");
        assert!(text.contains("no &quot;id&quot; &amp; more\nx/y.csv</failure>"), "{text}");
        assert!(text.contains("<system-out>warning: 1 bad row(s)"), "{text}");
        assert!(junit(&[("orders", &outcomes)], true).contains("failures=\"2\""));
        assert!(
            junit(&[("o", &[outcome(Severity::Error, 0)])], true).contains("name=\"a&lt;b\"/>")
        );
    }
}
