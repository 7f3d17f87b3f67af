//! **Overflow** is an error here. The engine lets sums, differences and products of integers wrap around
//! silently; PostgreSQL and standard SQL refuse them. A wrapped result must not reach the target, so each such
//! operation is replaced by a checked one. The sum over rows becomes a decimal, which holds every such sum; PostgreSQL
//! does the same for bigint.

use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr_common::datum::apply;

use super::rewrite::{replace_everywhere, replace_in};

/// The checked operations, to be registered by name.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    [Operator::Plus, Operator::Minus, Operator::Multiply].into_iter().map(Exact::function)
}

/// Makes the sums of integers decimals. It changes types, so it comes before the engine's own rules, which settle
/// them.
#[derive(Debug)]
pub(super) struct WidenSums;

impl AnalyzerRule for WidenSums {
    fn name(&self) -> &str {
        "widen_sums"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let widened = plan.transform_up_with_subqueries(|plan| {
            let widened = replace_in(plan, widen)?;
            // The new type of a sum changes the schema of everything that reads it.
            widened.map_data(LogicalPlan::recompute_schema)
        });
        Ok(widened?.data)
    }
}

fn widen(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let arguments = match &mut expr {
        Expr::AggregateFunction(call) if call.func.name() == "sum" => &mut call.params.args,
        Expr::WindowFunction(call) if call.fun.name() == "sum" => &mut call.params.args,
        _ => return Transformed::no(expr),
    };
    match arguments.as_mut_slice() {
        [argument] if argument.get_type(schema).is_ok_and(|of| of.is_integer()) => {
            *argument = cast(argument.clone(), DataType::Decimal128(38, 0));
            Transformed::yes(expr)
        }
        _ => Transformed::no(expr),
    }
}

/// Replaces `+`, `-` and `*` of integers by [`Exact`]. It needs settled types, so it comes after the engine's own
/// rules.
#[derive(Debug)]
pub(super) struct RefuseOverflow;

impl AnalyzerRule for RefuseOverflow {
    fn name(&self) -> &str {
        "refuse_overflow"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        replace_everywhere(plan, replace)
    }
}

fn replace(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply)
                && integer(&left, schema).is_some()
                && integer(&right, schema).is_some() =>
        {
            Transformed::yes(Exact::call(op, *left, *right))
        }
        Expr::Negative(inner) => match integer(&inner, schema).map(|of| ScalarValue::new_zero(&of))
        {
            Some(Ok(zero)) => {
                Transformed::yes(Exact::call(Operator::Minus, Expr::Literal(zero, None), *inner))
            }
            _ => Transformed::no(Expr::Negative(inner)),
        },
        expr => Transformed::no(expr),
    }
}

/// The type of an expression, if it is an integer.
fn integer(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    expr.get_type(schema).ok().filter(DataType::is_integer)
}

/// A sum, difference or product of integers that fails if its type cannot hold the result.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    operator: Operator,
    signature: Signature,
}

impl Exact {
    fn function(operator: Operator) -> ScalarUDF {
        ScalarUDF::from(Self { operator, signature: Signature::any(2, Volatility::Immutable) })
    }

    fn call(operator: Operator, left: Expr, right: Expr) -> Expr {
        Self::function(operator).call(vec![left, right])
    }
}

impl ScalarUDFImpl for Exact {
    fn name(&self) -> &str {
        match self.operator {
            Operator::Plus => "exact_sum",
            Operator::Minus => "exact_difference",
            _ => "exact_product",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(given[0].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = &args.args[..] else {
            return datafusion::common::internal_err!("{} takes two numbers", self.name());
        };
        match self.operator {
            Operator::Plus => apply(left, right, add),
            Operator::Minus => apply(left, right, sub),
            _ => apply(left, right, mul),
        }
    }
}
