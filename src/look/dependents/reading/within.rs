//! Conditions **within** the columns of a query: FILTER of an aggregate, CASE and comparisons in the arguments of a
//! function, and CASE on `_file_date`. They filter out no row, and yet some rows may not show in the result.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, SelectItem, Visit, visit_expressions};

use crate::domain::FILE_DATE;

/// Whether a column has such a condition.
pub(super) fn has_condition(item: &SelectItem) -> bool {
    any(item, &|expression| match expression {
        Expr::Function(function) => {
            let is_nullif = is_named(function.name.0.last().map(ToString::to_string), "nullif");
            function.filter.is_some() || is_nullif || any(&function.args, &is_condition)
        }
        Expr::Case { .. } => any(expression, &is_file_date),
        _ => false,
    })
}

fn is_named(name: Option<String>, expected: &str) -> bool {
    name.is_some_and(|name| name.eq_ignore_ascii_case(expected))
}

fn is_condition(expression: &Expr) -> bool {
    match expression {
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
        ),
        Expr::Case { .. }
        | Expr::Between { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. }
        | Expr::Like { .. }
        | Expr::Exists { .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_) => true,
        _ => false,
    }
}

fn is_file_date(expression: &Expr) -> bool {
    match expression {
        Expr::Identifier(name) => name.value == FILE_DATE,
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|name| name.value == FILE_DATE),
        _ => false,
    }
}

/// Whether a part of a query holds an expression of a kind.
fn any(part: &impl Visit, is_it: &dyn Fn(&Expr) -> bool) -> bool {
    let visited = visit_expressions(part, |expression| match is_it(expression) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    });
    visited.is_break()
}
