//! **Formats** of days and times. The engine knows those of `strftime`. For a format of PostgreSQL, such as `YYYY-MM`,
//! it returns the letters themselves.

use chrono::format::{Item, StrftimeItems};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Value,
};

use super::{Found, Refused};
use crate::sql::folded;
use crate::values::{contradict, counts_from_1970};

/// The functions that read or write a time by the formats after their first argument.
const OF_FORMATS: [&str; 13] = [
    "to_char",
    "date_format",
    "to_date",
    "to_time",
    "to_timestamp",
    "to_timestamp_seconds",
    "to_timestamp_millis",
    "to_timestamp_micros",
    "to_timestamp_nanos",
    "to_unixtime",
    "try_to_date",
    "try_to_timestamp",
    "try_to_timestamptz",
];
/// The functions that write a time.
const WRITERS: [&str; 2] = ["to_char", "date_format"];

/// The parts of a format in PostgreSQL and in `strftime`. Of two parts that begin alike, the longer one comes first.
const PARTS: [(&str, &str); 37] = [
    ("FMMONTH", "%B"),
    ("MONTH", "%B"),
    ("FMMM", "%-m"),
    ("MON", "%b"),
    ("MM", "%m"),
    ("MI", "%M"),
    ("MS", "%3f"),
    ("IYYY", "%G"),
    ("YYYY", "%Y"),
    ("YY", "%y"),
    ("IW", "%V"),
    ("ID", "%u"),
    ("FMDAY", "%A"),
    ("DAY", "%A"),
    ("FMDDD", "%-j"),
    ("FMDD", "%-d"),
    ("DDD", "%j"),
    ("DD", "%d"),
    ("DY", "%a"),
    ("FMHH24", "%-H"),
    ("HH24", "%H"),
    ("FMHH12", "%-I"),
    ("HH12", "%I"),
    ("HH", "%I"),
    ("SSSSSS", "%6f"),
    ("SSS", "%3f"),
    ("SS", "%S"),
    ("US", "%6f"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("TZH:TZM", "%:z"),
    ("TZH", "%z"),
    ("TZ", "%Z"),
    ("OF", "%:z"),
    ("Q", "%q"),
    ("T", "T"),
    ("Z", "Z"),
];

/// Refuses a format that the function does not know, and two formats that read the same text as different times.
pub(super) fn of_call(call: &Function) -> Found {
    let [name] = call.name.0.as_slice() else { return Found::Continue(()) };
    let name = name.as_ident().map(folded).unwrap_or_default();
    let FunctionArguments::List(list) = &call.args else { return Found::Continue(()) };
    if !OF_FORMATS.contains(&name.as_str()) {
        return Found::Continue(());
    }
    let mut formats = Vec::new();
    for argument in list.args.iter().skip(1) {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) = argument {
            collect(expression, &mut formats);
        }
    }
    if let Some(format) = formats.iter().find(|format| !is_known(&name, format)) {
        return Found::Break(unknown(call, &name, format));
    }
    let contradiction = formats.iter().enumerate().find_map(|(place, one)| {
        let other = formats[place + 1..].iter().find(|other| contradict(one, other))?;
        Some((one, other))
    });
    match contradiction {
        // Our own functions report it themselves; the engine's would use the first format.
        Some((one, other)) if !name.starts_with("try_") && is_list(list.args.len()) => {
            let what =
                format!("'{one}' and '{other}', which read the same text as different times");
            let instead = format!(
                "only one of them; if the files changed, CASE WHEN _file_date < DATE '2025-01-01' THEN {name}(…, \
                 '{one}') ELSE {name}(…, '{other}') END"
            );
            Found::Break(Refused { what, instead })
        }
        _ => Found::Continue(()),
    }
}

/// Whether a call with this many arguments has several formats; the first one that reads a text is used.
fn is_list(arguments: usize) -> bool {
    arguments > 2
}

/// Collects the literals that a format may be.
fn collect(expression: &Expr, formats: &mut Vec<String>) {
    match expression {
        Expr::Value(_) | Expr::BinaryOp { .. } => formats.extend(text_of(expression)),
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => collect(inner, formats),
        Expr::Case { conditions, else_result, .. } => {
            let results = conditions.iter().map(|CaseWhen { result, .. }| result);
            results.chain(else_result.as_deref()).for_each(|result| collect(result, formats));
        }
        _ => {}
    }
}

/// The text of a literal, or of concatenated literals.
fn text_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(..) | Value::Boolean(_) | Value::Null | Value::Placeholder(_) => None,
            text => text.clone().into_string(),
        },
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
            Some(text_of(left)? + &text_of(right)?)
        }
        Expr::Nested(inner) => text_of(inner),
        _ => None,
    }
}

/// Whether a function knows a format.
fn is_known(function: &str, format: &str) -> bool {
    if function.starts_with("try_") && counts_from_1970(format) {
        return true;
    }
    // A format of durations.
    if WRITERS.contains(&function) && format.eq_ignore_ascii_case("ISO8601") {
        return true;
    }
    format.contains('%') && StrftimeItems::new(format).all(|item| item != Item::Error)
}

/// The refusal of a format that a function does not know.
fn unknown(call: &Function, function: &str, format: &str) -> Refused {
    if WRITERS.contains(&function) && is_of_numbers(format) {
        return Refused {
            what: format!("the number format '{format}': {function} only formats days and times"),
            instead:
                "round(number, 2) for decimals, lpad(CAST(number AS varchar), 5, '0') for leading \
                      zeros"
                    .to_owned(),
        };
    }
    let what = format!(
        "the format '{format}', which {function} does not know: it uses the formats of strftime"
    );
    let known = strftime(format).unwrap_or_else(|| "%Y-%m-%d".to_owned());
    let (written, known) = (call.to_string(), quoted(&known));
    let instead = match written.contains(&quoted(format)) {
        true => written.replace(&quoted(format), &known),
        false => format!("{known} as its format"),
    };
    Refused { what, instead }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a format is one for numbers in PostgreSQL, such as `FM999D00`.
fn is_of_numbers(format: &str) -> bool {
    let mut characters = format.chars();
    format.contains(['0', '9'])
        && characters.all(|c| "09.,DGSLFMPRB$ -+".contains(c.to_ascii_uppercase()))
}

/// The format of `strftime` for a format of PostgreSQL; `None` if a part of it is not known.
fn strftime(format: &str) -> Option<String> {
    let mut known = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (text, behind) = quoted.split_once('"')?;
            known.push_str(text);
            rest = behind;
            continue;
        }
        if !first.is_ascii_alphabetic() {
            known.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (part, directive) = PARTS.iter().find(|(part, _)| {
            rest.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part))
        })?;
        // Other programs write `HH:mm` for 24 hours and minutes.
        if *part == "MM" && known.ends_with(':') {
            known = known.replace("%I", "%H") + "%M";
        } else {
            known.push_str(directive);
        }
        rest = &rest[part.len()..];
    }
    known.contains('%').then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_postgres_are_written_as_those_of_strftime() {
        for (postgres, known) in [
            ("YYYY-MM", "%Y-%m"),
            ("DD/MM/YYYY", "%d/%m/%Y"),
            ("yyyy-MM-dd HH:mm:ss", "%Y-%m-%d %H:%M:%S"),
            ("Mon DD, YYYY", "%b %d, %Y"),
            ("YYYY-MM-DD\"T\"HH24:MI:SS.MS", "%Y-%m-%dT%H:%M:%S.%3f"),
            ("FMMonth FMDD", "%B %-d"),
            ("HH12:MI AM", "%I:%M %p"),
            ("IYYY-IW", "%G-%V"),
            ("YYYYMMDD", "%Y%m%d"),
        ] {
            assert_eq!(strftime(postgres).as_deref(), Some(known), "{postgres}");
            assert!(is_known("to_char", known), "{known}");
            assert!(!is_known("to_char", postgres), "{postgres}");
        }
        for odd in ["", "J", "YYYY-XX", "\"open", "-"] {
            assert_eq!(strftime(odd), None, "{odd}");
        }
    }
}
