//! A query is **row-wise** if each of its rows depends on exactly one row of `source`. Its result for a file then does
//! not depend on other files.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Returns the first part of a plan above the table `source` in which rows depend on each other.
pub fn row_dependence(plan: &LogicalPlan) -> Option<String> {
    match plan {
        LogicalPlan::TableScan(_) => None,
        // How `source` itself is made is not part of stage.sql.
        LogicalPlan::SubqueryAlias(alias) if alias.alias.table() == "source" => None,
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            let subquery = plan.expressions().iter().find_map(subquery_in);
            subquery.or_else(|| plan.inputs().into_iter().find_map(row_dependence))
        }
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => Some("an aggregation".to_owned()),
        LogicalPlan::Window(_) => Some("a window function".to_owned()),
        LogicalPlan::Join(_) => Some("a join".to_owned()),
        LogicalPlan::Union(_) => Some("a union".to_owned()),
        LogicalPlan::Limit(_) => Some("a LIMIT".to_owned()),
        LogicalPlan::Sort(_) => Some("an ORDER BY".to_owned()),
        LogicalPlan::Unnest(_) => Some("an unnest".to_owned()),
        _ => Some("a clause other than SELECT and WHERE".to_owned()),
    }
}

fn subquery_in(expression: &Expr) -> Option<String> {
    let mut found = None;
    let visited = expression.apply(|part| {
        if matches!(part, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)) {
            found = Some("a subquery".to_owned());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.map_or(None, |_| found)
}
