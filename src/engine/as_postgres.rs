//! Casts **as PostgreSQL** does them, if the engine silently does otherwise: `varchar(3)` truncates a text, `float` has
//! 53 binary digits, and a cast to an integer rounds.

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, TryCast, cast, try_cast};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    CharacterLength, DataType as SqlType, ExactNumberInfo, Expr as SqlExpr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, TypedString,
    Value, visit_expressions_mut,
};

use super::rewrite::replace_everywhere;

/// The most binary digits of a `real`.
const REAL_DIGITS: u64 = 24;

/// The statement with the lengths of texts and the digits of numbers that PostgreSQL reads in it.
pub(super) fn with_lengths(mut statement: Statement) -> Statement {
    match &mut statement {
        Statement::Statement(inner) => {
            // The visitor never stops early.
            let _: ControlFlow<()> = visit_expressions_mut(&mut **inner, |expression| {
                settle(expression);
                ControlFlow::Continue(())
            });
        }
        Statement::Explain(explain) => {
            *explain.statement = with_lengths(Statement::clone(&explain.statement));
        }
        _ => {}
    }
    statement
}

fn settle(expression: &mut SqlExpr) {
    let (SqlExpr::Cast { data_type, .. } | SqlExpr::TypedString(TypedString { data_type, .. })) =
        expression
    else {
        return;
    };
    match data_type {
        SqlType::Float(ExactNumberInfo::None) => *data_type = SqlType::DoublePrecision,
        SqlType::Float(ExactNumberInfo::Precision(digits)) if *digits > REAL_DIGITS => {
            *data_type = SqlType::DoublePrecision;
        }
        SqlType::Varchar(Some(CharacterLength::IntegerLength { length, .. })) => {
            let length = *length;
            *data_type = SqlType::Varchar(None);
            cut_off(expression, length);
        }
        SqlType::Char(length) => {
            let length = match length {
                Some(CharacterLength::IntegerLength { length, .. }) => *length,
                Some(CharacterLength::Max) => return,
                None => 1,
            };
            *data_type = SqlType::Varchar(None);
            cut_off(expression, length);
        }
        _ => {}
    }
}

/// Replaces a text by `left(text, length)`.
fn cut_off(text: &mut SqlExpr, length: u64) {
    let length = SqlExpr::Value(Value::Number(length.to_string(), false).into());
    let text_as_it_is = std::mem::replace(text, SqlExpr::Value(Value::Null.into()));
    let arguments = [text_as_it_is, length];
    *text = SqlExpr::Function(Function {
        name: ObjectName::from(vec![Ident::new("left")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.map(|of| FunctionArg::Unnamed(FunctionArgExpr::Expr(of))).to_vec(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    });
}

/// Rounds numbers that are cast to integers; the engine would truncate them. It needs settled types, so it comes after
/// the engine's own rules.
#[derive(Debug)]
pub(super) struct RoundToWhole;

impl AnalyzerRule for RoundToWhole {
    fn name(&self) -> &str {
        "round_to_whole"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        replace_everywhere(plan, replace)
    }
}

fn replace(expression: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expression {
        Expr::Cast(Cast { expr, field }) if field.data_type().is_integer() => {
            match rounded(&expr, schema) {
                Some(rounded) => {
                    let rounded = Box::new(cast(*expr, rounded));
                    Transformed::yes(Expr::Cast(Cast { expr: rounded, field }))
                }
                None => Transformed::no(Expr::Cast(Cast { expr, field })),
            }
        }
        Expr::TryCast(TryCast { expr, field }) if field.data_type().is_integer() => {
            match rounded(&expr, schema) {
                Some(rounded) => {
                    let rounded = Box::new(try_cast(*expr, rounded));
                    Transformed::yes(Expr::TryCast(TryCast { expr: rounded, field }))
                }
                None => Transformed::no(Expr::TryCast(TryCast { expr, field })),
            }
        }
        expression => Transformed::no(expression),
    }
}

/// The type without decimals to which a number is rounded, if it may have some.
fn rounded(number: &Expr, schema: &DFSchema) -> Option<DataType> {
    match number.get_type(schema).ok()? {
        DataType::Decimal128(_, scale) if scale > 0 => Some(DataType::Decimal128(38, 0)),
        DataType::Decimal256(_, scale) if scale > 0 => Some(DataType::Decimal256(76, 0)),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            Some(DataType::Decimal128(38, 0))
        }
        _ => None,
    }
}
