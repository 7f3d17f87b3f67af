//! **Overflow** is an error here. The engine lets sums, differences and products of whole numbers
//! wrap around in silence; PostgreSQL and standard SQL refuse them. What is not the sum must not reach
//! the target, so that each such operation is replaced by one that fails.

use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr_common::datum::apply;

/// Replaces `+`, `-` and `*` of whole numbers by [`Exact`]. It works on types that are settled, so
/// that it comes after the engine's own rules.
#[derive(Debug)]
pub struct RefuseOverflow;

impl AnalyzerRule for RefuseOverflow {
    fn name(&self) -> &str {
        "refuse_overflow"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(replace_in)?.data)
    }
}

fn replace_in(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
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
    fn call(operator: Operator, left: Expr, right: Expr) -> Expr {
        let signature = Signature::any(2, Volatility::Immutable);
        ScalarUDF::from(Self { operator, signature }).call(vec![left, right])
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
