//! **Operators** with another meaning in the engine than in PostgreSQL.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value, ValueWithSpan};

use super::{Found, Refused};

/// Refuses `^`, which would be an exclusive or of bits, and arrays in a text, which the engine does not support.
pub(super) fn of_operation(expression: &Expr) -> Found {
    match expression {
        Expr::BinaryOp { left, op: BinaryOperator::BitwiseXor, right } => {
            let what = format!("{expression}, which would be a bitwise exclusive or, not a power");
            Found::Break(Refused { what, instead: format!("power({left}, {right})") })
        }
        Expr::AnyOp { left, compare_op, right, .. } => {
            let operator = format!("{compare_op} ANY");
            of_array(left, *compare_op == BinaryOperator::Eq, &operator, right)
        }
        Expr::AllOp { left, compare_op, right } => {
            of_array(left, false, &format!("{compare_op} ALL"), right)
        }
        _ => Found::Continue(()),
    }
}

/// Refuses an array that is written as a text, `'{a,b}'`.
fn of_array(left: &Expr, is_equality: bool, operator: &str, right: &Expr) -> Found {
    let Some(text) = text_of(right) else { return Found::Continue(()) };
    let list = text.trim().trim_start_matches('{').trim_end_matches('}');
    let elements: Vec<String> = list
        .split(',')
        .map(|element| format!("'{}'", element.trim().replace('\'', "''")))
        .collect();
    let elements = elements.join(", ");
    let instead = match is_equality {
        true => format!("{left} IN ({elements})"),
        false => format!("{left} {operator} (ARRAY[{elements}])"),
    };
    let what = format!("an array as text after {operator}, which is not supported");
    Found::Break(Refused { what, instead })
}

fn text_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        Expr::Nested(inner) => text_of(inner),
        _ => None,
    }
}

/// Refuses `SIMILAR TO`: the engine reads its pattern as a regular expression that may match anywhere in the text.
pub(super) fn of_similar(expression: &Expr) -> Found {
    let Expr::SimilarTo { negated, expr, pattern, .. } = expression else {
        return Found::Continue(());
    };
    let instead = match &**pattern {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(pattern), .. }) => {
            let operator = if *negated { "!~" } else { "~" };
            format!("{expr} {operator} '{}'", regular(pattern).replace('\'', "''"))
        }
        _ => "a regular expression, column ~ '^(a|b).*$'".to_owned(),
    };
    let what = "SIMILAR TO, whose pattern would be read as a regular expression".to_owned();
    Found::Break(Refused { what, instead })
}

/// The regular expression that matches the same texts as a pattern of SIMILAR TO.
fn regular(pattern: &str) -> String {
    let mut regular = "^(?:".to_owned();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => regular.push_str(".*"),
            '_' => regular.push('.'),
            '.' | '^' | '$' => regular.extend(['\\', character]),
            '\\' => regular.extend(std::iter::once('\\').chain(characters.next())),
            other => regular.push(other),
        }
    }
    regular.push_str(")$");
    regular
}
