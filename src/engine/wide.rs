//! `SELECT *` from a **wide** table. The engine's SQL planner compares every two expressions of a SELECT
//! list by their names, which takes seconds with thousands of columns. A query that selects all columns of
//! one table as they are needs no list: it is planned over a list of one constant, and the projections are
//! taken out of the plan.

use std::sync::Arc;

use datafusion::logical_expr::{Limit, LogicalPlan, Sort};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, Statement as Ast,
    TableFactor, Value, WildcardAdditionalOptions,
};

/// From this many columns on a table is wide.
const WIDE: usize = 500;

/// The same query with a constant in place of its `*`; `None` if it is of another form than
/// `SELECT * FROM table [WHERE …] [ORDER BY …] [LIMIT …]`.
pub fn narrowed(statement: &Statement) -> Option<Statement> {
    let Statement::Statement(inner) = statement else { return None };
    let Ast::Query(query) = &**inner else { return None };
    let SetExpr::Select(select) = &*query.body else { return None };
    if !is_plain_query(query) || !selects_all_of_one_table(select) {
        return None;
    }
    let mut narrow = Select::clone(select);
    let one = Value::Number("1".to_owned(), false);
    narrow.projection = vec![SelectItem::UnnamedExpr(Expr::Value(one.into()))];
    let query = Query { body: Box::new(SetExpr::Select(Box::new(narrow))), ..Query::clone(query) };
    Some(Statement::Statement(Box::new(Ast::Query(Box::new(query)))))
}

/// The plan of a narrowed query with all columns of its table again; `None` if the table is not wide, or if
/// the plan has parts that are not expected.
pub fn widened(plan: LogicalPlan) -> Option<LogicalPlan> {
    let plan = without_projections(plan)?;
    (plan.schema().fields().len() > WIDE).then_some(plan)
}

fn without_projections(plan: LogicalPlan) -> Option<LogicalPlan> {
    match plan {
        LogicalPlan::Projection(projection) => {
            without_projections(Arc::unwrap_or_clone(projection.input))
        }
        LogicalPlan::Sort(Sort { expr, input, fetch }) => {
            let input = Arc::new(without_projections(Arc::unwrap_or_clone(input))?);
            Some(LogicalPlan::Sort(Sort { expr, input, fetch }))
        }
        LogicalPlan::Limit(Limit { skip, fetch, input }) => {
            let input = Arc::new(without_projections(Arc::unwrap_or_clone(input))?);
            Some(LogicalPlan::Limit(Limit { skip, fetch, input }))
        }
        plan @ (LogicalPlan::Filter(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::SubqueryAlias(_)) => Some(plan),
        _ => None,
    }
}

/// Whether a query has nothing beside its SELECT but ORDER BY and LIMIT.
fn is_plain_query(query: &Query) -> bool {
    query.with.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty()
        && query.for_clause.is_none()
        && query.pipe_operators.is_empty()
        && query.order_by.as_ref().is_none_or(orders_by_columns)
}

/// Whether no part of an ORDER BY stands for a place in the SELECT list.
fn orders_by_columns(order_by: &OrderBy) -> bool {
    match &order_by.kind {
        OrderByKind::All(_) => false,
        OrderByKind::Expressions(parts) => {
            parts.iter().all(|part| !matches!(part.expr, Expr::Value(_)))
        }
    }
}

fn selects_all_of_one_table(select: &Select) -> bool {
    let [SelectItem::Wildcard(options)] = select.projection.as_slice() else { return false };
    let [from] = select.from.as_slice() else { return false };
    let is_table = matches!(
        &from.relation,
        // A table of the target database has a name of three parts; it would be looked up twice.
        TableFactor::Table { name, args: None, .. } if name.0.len() < 3
    );
    let has_no_groups = match &select.group_by {
        GroupByExpr::All(_) => false,
        GroupByExpr::Expressions(expressions, _) => expressions.is_empty(),
    };
    is_table
        && has_no_groups
        && from.joins.is_empty()
        && is_bare(options)
        && select.distinct.is_none()
        && select.top.is_none()
        && select.into.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.lateral_views.is_empty()
        && select.named_window.is_empty()
}

/// Whether a `*` has no EXCLUDE, REPLACE or the like.
fn is_bare(options: &WildcardAdditionalOptions) -> bool {
    let bare = WildcardAdditionalOptions {
        wildcard_token: options.wildcard_token.clone(),
        ..WildcardAdditionalOptions::default()
    };
    *options == bare
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::{DataFrame, SessionContext};

    use super::*;
    use crate::engine::plan;
    use crate::sql::single_statement;

    fn is_narrowed(text: &str) -> bool {
        narrowed(&single_statement(Path::new("x"), text, "SELECT").expect("a statement")).is_some()
    }

    #[test]
    fn only_a_select_of_everything_is_narrowed() {
        for text in [
            "SELECT * FROM source",
            "SELECT * FROM orders.source AS s WHERE id > 1 ORDER BY city DESC, id LIMIT 5 OFFSET 2",
        ] {
            assert!(is_narrowed(text), "{text}");
        }
        for text in [
            "SELECT id FROM source",
            "SELECT *, 1 FROM source",
            "SELECT * EXCLUDE (id) FROM source",
            "SELECT DISTINCT * FROM source",
            "SELECT * FROM source, files",
            "SELECT * FROM source JOIN files USING (_file_name)",
            "SELECT * FROM source ORDER BY 1",
            "SELECT * FROM source QUALIFY row_number() OVER (ORDER BY id) = 1",
            "SELECT * FROM (SELECT 1)",
            "SELECT * FROM target.public.t",
            "WITH s AS (SELECT 1) SELECT * FROM s",
            "SELECT * FROM source UNION ALL SELECT * FROM source",
        ] {
            assert!(!is_narrowed(text), "{text}");
        }
    }

    /// A session with a table `source` of 600 columns `c0`, `c1` … and five rows.
    fn wide_session() -> SessionContext {
        let column = |number: i64| {
            let values =
                [3, 1, 2, 5, 4].map(|row| if row == 2 { None } else { Some(row * number) });
            (format!("c{number}"), Arc::new(Int64Array::from(values.to_vec())) as ArrayRef, true)
        };
        let rows = RecordBatch::try_from_iter_with_nullable((0..600).map(column)).expect("rows");
        let session = SessionContext::new();
        session.register_batch("source", rows).expect("registered");
        session
    }

    async fn shown(rows: DataFrame) -> String {
        pretty_format_batches(&rows.collect().await.expect("rows")).expect("a table").to_string()
    }

    #[tokio::test]
    async fn a_wide_table_gives_the_same_rows_in_the_same_order() {
        let session = wide_session();
        for rest in [
            "",
            " WHERE c7 > 7",
            " ORDER BY c1 DESC NULLS LAST",
            " AS s WHERE s.c2 IS NOT NULL ORDER BY s.c2 + s.c3, c1 LIMIT 2 OFFSET 1",
            " ORDER BY c599 DESC LIMIT 3",
            " LIMIT 0",
        ] {
            let text = format!("SELECT * FROM source{rest}");
            let statement =
                || single_statement(Path::new("x"), &text, "SELECT").expect("a statement");
            let narrow = narrowed(&statement()).expect("a narrow query");
            let narrow = session.state().statement_to_plan(narrow).await.expect("a plan");
            assert!(widened(narrow).is_some(), "{text}");
            let planned = plan(&session, Path::new("x"), statement()).await.expect("a plan");
            let expected = session.sql(&text).await.expect("a plan");
            assert_eq!(planned.schema(), expected.schema(), "{text}");
            assert_eq!(shown(planned).await, shown(expected).await, "{text}");
        }
    }

    #[tokio::test]
    async fn an_unknown_column_is_the_same_error() {
        let session = wide_session();
        let text = "SELECT * FROM source WHERE city = 'a'";
        let statement = single_statement(Path::new("x"), text, "SELECT").expect("a statement");
        let error = plan(&session, Path::new("x"), statement).await.expect_err("no such column");
        assert!(format!("{error:?}").contains("city"), "{error:?}");
    }
}
