//! To **rewrite** a plan is to replace some of its expressions, while its columns keep their names.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Replaces expressions everywhere in a plan; columns keep their names.
///
/// # Errors
/// If the plan cannot be rewritten.
pub(super) fn replace_everywhere(
    plan: LogicalPlan,
    replace: fn(Expr, &DFSchema) -> Transformed<Expr>,
) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(|plan| replace_in(plan, replace))?.data)
}

/// Replaces expressions of a node; its columns keep their names.
///
/// # Errors
/// If the node cannot be rewritten.
pub(super) fn replace_in(
    plan: LogicalPlan,
    replace: fn(Expr, &DFSchema) -> Transformed<Expr>,
) -> Result<Transformed<LogicalPlan>> {
    // The engine expects a literal number there.
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
