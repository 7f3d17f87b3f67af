//! **Overflow** is an error here. The engine lets sums, differences and products of whole numbers
//! wrap around in silence; PostgreSQL and standard SQL refuse them. What is not the sum must not reach
//! the target, so that each such operation is replaced by one that fails. The sum over rows is a
//! decimal instead, as PostgreSQL makes it of a bigint, which holds every such sum.

use std::sync::Arc;

use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast,
};
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::physical_expr_common::datum::apply;

/// The rules by which the engine settles a plan, with those of this module around them.
pub fn rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(WidenSums)];
    rules.extend(Analyzer::new().rules);
    rules.push(Arc::new(RefuseOverflow));
    rules
}

/// The operations that are put in place of the engine's, so that they can be registered by name.
pub fn functions() -> impl Iterator<Item = ScalarUDF> {
    [Operator::Plus, Operator::Minus, Operator::Multiply].into_iter().map(Exact::function)
}

/// Makes sums of whole numbers decimals. It changes types, so that it comes before the engine's own
/// rules, which settle them.
#[derive(Debug)]
struct WidenSums;

impl AnalyzerRule for WidenSums {
    fn name(&self) -> &str {
        "widen_sums"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let widened = plan.transform_up_with_subqueries(|plan| {
            let widened = replace_in(plan, widen)?;
            // What a sum is made into shows in all that reads it.
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

/// Replaces `+`, `-` and `*` of whole numbers by [`Exact`]. It works on types that are settled, so
/// that it comes after the engine's own rules.
#[derive(Debug)]
struct RefuseOverflow;

impl AnalyzerRule for RefuseOverflow {
    fn name(&self) -> &str {
        "refuse_overflow"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(|plan| replace_in(plan, replace))?.data)
    }
}

/// Replaces expressions of a node; its columns keep their names.
fn replace_in(
    plan: LogicalPlan,
    replace: fn(Expr, &DFSchema) -> Transformed<Expr>,
) -> Result<Transformed<LogicalPlan>> {
    // The engine wants to see a number there.
    if matches!(plan, LogicalPlan::Limit(_)) {
        return Ok(Transformed::no(plan));
    }
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        let table = scan.table_name.clone();
        schema.merge(&DFSchema::try_from_qualified_schema(table, &scan.source.schema())?);
    }
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let replaced = expr.transform_up(|expr| Ok(replace(expr, &schema)))?;
        Ok(if replaced.transformed {
            replaced.update_data(|expr| name.restore(expr))
        } else {
            replaced
        })
    })
}

fn replace(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let whole = |expr: &Expr| expr.get_type(schema).ok().filter(DataType::is_integer);
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply)
                && whole(&left).is_some()
                && whole(&right).is_some() =>
        {
            Transformed::yes(Exact::call(op, *left, *right))
        }
        Expr::Negative(inner) => match whole(&inner).map(|of| ScalarValue::new_zero(&of)) {
            Some(Ok(zero)) => {
                Transformed::yes(Exact::call(Operator::Minus, Expr::Literal(zero, None), *inner))
            }
            _ => Transformed::no(Expr::Negative(inner)),
        },
        expr => Transformed::no(expr),
    }
}

/// A sum, difference or product of whole numbers that fails where its type cannot hold it.
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
