//! **Times** that the engine treats in another way than PostgreSQL, found by their types in a plan: comparisons of
//! intervals, times that are added to a date, and moments that are converted to a zone.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator,
};

use super::Refused;

/// The zone of `timestamptz` in this engine.
const UTC: &str = "+00:00";
/// The function that gives the local time of a moment in a zone.
const TO_LOCAL_TIME: &str = "to_local_time";

/// Finds the first expression of a plan that the engine would not compute as it is written.
pub(super) fn find(plan: &LogicalPlan) -> Option<Refused> {
    let mut found = None;
    // The visitor never fails.
    let _ = plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let _ = node.apply_expressions(|expression| {
            found = found.take().or_else(|| in_expression(expression, &schema));
            Ok(next(found.is_some()))
        });
        Ok(next(found.is_some()))
    });
    found
}

fn next(is_found: bool) -> TreeNodeRecursion {
    if is_found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue }
}

fn in_expression(expression: &Expr, schema: &DFSchema) -> Option<Refused> {
    let mut found = None;
    let _ = expression.apply(|part| {
        if let Expr::ScalarFunction(function) = part
            && function.name() == TO_LOCAL_TIME
            && let [Expr::Cast(Cast { expr, .. })] = &function.args[..]
        {
            // Here the zone is wanted.
            found = in_expression(expr, schema);
            return Ok(if found.is_some() {
                TreeNodeRecursion::Stop
            } else {
                TreeNodeRecursion::Jump
            });
        }
        found = of(part, schema);
        Ok(next(found.is_some()))
    });
    found
}

/// Returns what is wrong with one expression, without its parts.
fn of(expression: &Expr, schema: &DFSchema) -> Option<Refused> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
            (is_interval(left, schema) || is_interval(right, schema)).then(comparison)
        }
        Expr::Between(Between { expr, .. }) => is_interval(expr, schema).then(comparison),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus | Operator::Minus, right }) => {
            let loses_time = (is_date(left, schema) && has_time(right, schema))
                || (is_date(right, schema) && has_time(left, schema));
            loses_time.then(sum_of_date)
        }
        Expr::Cast(Cast { expr, field }) => match field.data_type() {
            DataType::Timestamp(_, Some(zone)) if zone.as_ref() != UTC => {
                is_moment(expr, schema).then(|| moment_in_zone(zone))
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_comparison(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

fn comparison() -> Refused {
    Refused {
        what: "a comparison of intervals, in which the engine treats a day as longer than any number of hours".to_owned(),
        instead: "the times on both sides, as in a > b + interval '20 days', or \
                  extract(epoch FROM a - b) > 20 * 86400"
            .to_owned(),
    }
}

fn sum_of_date() -> Refused {
    Refused {
        what: "hours, minutes or seconds that are added to or subtracted from a date, which the engine would ignore"
            .to_owned(),
        instead: "the date as a timestamp, as in CAST(day AS timestamp) + interval '6 hours'".to_owned(),
    }
}

fn moment_in_zone(zone: &str) -> Refused {
    Refused {
        what: "AT TIME ZONE on a time with a zone, which the engine would not convert".to_owned(),
        instead: format!("{TO_LOCAL_TIME}(time AT TIME ZONE '{zone}') for the local time"),
    }
}

fn type_of(expression: &Expr, schema: &DFSchema) -> Option<DataType> {
    expression.get_type(schema).ok()
}

fn is_interval(expression: &Expr, schema: &DFSchema) -> bool {
    matches!(type_of(expression, schema), Some(DataType::Interval(_) | DataType::Duration(_)))
}

fn is_date(expression: &Expr, schema: &DFSchema) -> bool {
    matches!(type_of(expression, schema), Some(DataType::Date32))
}

fn is_moment(expression: &Expr, schema: &DFSchema) -> bool {
    matches!(type_of(expression, schema), Some(DataType::Timestamp(_, Some(_))))
}

/// Whether an expression is an interval that has, or may have, hours, minutes or seconds.
fn has_time(expression: &Expr, schema: &DFSchema) -> bool {
    match expression {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => {
            interval.nanoseconds != 0
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(interval)), _) => {
            interval.milliseconds != 0
        }
        Expr::Literal(ScalarValue::IntervalYearMonth(_), _) => false,
        _ => is_interval(expression, schema),
    }
}
