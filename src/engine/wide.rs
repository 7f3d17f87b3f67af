//! A **wide** SELECT has thousands of columns. The engine's SQL planner compares every two expressions of a SELECT
//! list by their names, which takes a minute with 8,000 of them. A SELECT from one table without groups is planned
//! here instead: the table and its conditions once, with a list of one constant, and the list in pieces.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::expr::WildcardOptions;
use datafusion::logical_expr::utils::expand_wildcard;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, Projection, Sort, TableScanBuilder};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, GroupByExpr, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr,
    Statement as Ast, TableFactor, Value, WildcardAdditionalOptions, visit_expressions,
};

use crate::sql::folded;

/// From this many columns on a SELECT is wide.
const WIDE: usize = 500;
/// So many expressions of a list are planned at once.
const PIECE: usize = 100;

/// The plan of a wide SELECT; `None` if it is not wide, or of another form than
/// `SELECT list FROM table [WHERE …] [ORDER BY …] [LIMIT …]`.
///
/// # Errors
/// If a part of it cannot be planned.
pub async fn plan(state: &SessionState, statement: &Statement) -> Result<Option<LogicalPlan>> {
    let Some((query, select)) = simple_select(statement) else { return Ok(None) };
    let has_wildcard = select.projection.iter().any(|item| wildcard(item).is_some());
    if !has_wildcard && select.projection.len() <= WIDE {
        return Ok(None);
    }
    let one = SelectItem::UnnamedExpr(SqlExpr::Value(Value::Number("1".to_owned(), false).into()));
    let unlisted = Unlisted::of(query, select);
    let narrow = unlisted.with(vec![one]);
    // What is wrong with it is said of the query as it is.
    let Ok(narrow) = state.statement_to_plan(narrow).await else { return Ok(None) };
    let Some(base) = without_projections(narrow) else { return Ok(None) };
    if base.schema().fields().len() <= WIDE && select.projection.len() <= WIDE {
        return Ok(None);
    }
    if let [SelectItem::Wildcard(options)] = select.projection.as_slice()
        && is_bare(options)
    {
        return Ok(Some(base));
    }
    let names = Names::of(&base);
    let Some(list) = planned_list(state, &unlisted, select, &base, &names).await? else {
        return Ok(None);
    };
    if !have_names_of_their_own(&list) {
        return Ok(None);
    }
    if let (LogicalPlan::TableScan(scan), Some(places)) = (&base, names.ascending(&list))
        && scan.projection.is_none()
        && scan.filters.is_empty()
    {
        let (name, source) = (scan.table_name.clone(), Arc::clone(&scan.source));
        let narrow = TableScanBuilder::new(name, source).with_projection(Some(places));
        return Ok(Some(LogicalPlan::TableScan(narrow.with_fetch(scan.fetch).build()?)));
    }
    Ok(Some(LogicalPlan::Projection(Projection::try_new(list, Arc::new(base))?)))
}

/// The columns of a plan by name, and their places; those that share a name are left out.
struct Names(HashMap<String, Option<(usize, Column)>>);

impl Names {
    fn of(plan: &LogicalPlan) -> Self {
        let mut names = HashMap::new();
        for (place, (table, field)) in plan.schema().iter().enumerate() {
            let column = Some((place, Column::from((table, field))));
            names.entry(field.name().clone()).and_modify(|known| *known = None).or_insert(column);
        }
        Self(names)
    }

    fn get(&self, name: &str) -> Option<&(usize, Column)> {
        self.0.get(name)?.as_ref()
    }

    /// The column that an item of a SELECT list is, if it is nothing else.
    fn column(&self, item: &SelectItem) -> Option<Expr> {
        let SelectItem::UnnamedExpr(SqlExpr::Identifier(name)) = item else { return None };
        let (_, column) = self.get(&folded(name))?;
        Some(Expr::Column(column.clone()))
    }

    /// The places of the columns in a list, if it has nothing else, and has them in the order of the table.
    fn ascending(&self, list: &[Expr]) -> Option<Vec<usize>> {
        let place = |expression: &Expr| match expression {
            Expr::Column(column) => self.get(&column.name).map(|(place, _)| *place),
            _ => None,
        };
        let places: Vec<usize> = list.iter().map(place).collect::<Option<_>>()?;
        places.is_sorted().then_some(places)
    }
}

/// The SELECT of a query that has nothing beside it but ORDER BY and LIMIT, and reads one table without groups.
fn simple_select(statement: &Statement) -> Option<(&Query, &Select)> {
    let Statement::Statement(inner) = statement else { return None };
    let Ast::Query(query) = &**inner else { return None };
    let SetExpr::Select(select) = &*query.body else { return None };
    let is_simple = is_plain_query(query)
        && reads_one_table(select)
        && query.order_by.as_ref().is_none_or(|order_by| orders_by_columns(order_by, select));
    is_simple.then_some((query, select))
}

/// A query without its SELECT list, which may be long.
struct Unlisted {
    query: Query,
    select: Select,
}

impl Unlisted {
    fn of(query: &Query, select: &Select) -> Self {
        let select = Select { projection: Vec::new(), ..Select::clone(select) };
        let body = Box::new(SetExpr::Select(Box::new(select.clone())));
        Self { query: Query { body, ..Query::clone(query) }, select }
    }

    /// The same query without ORDER BY and LIMIT.
    fn unordered(&self) -> Self {
        let query = Query { order_by: None, limit_clause: None, ..Query::clone(&self.query) };
        Self { query, select: self.select.clone() }
    }

    /// The query with a SELECT list.
    fn with(&self, projection: Vec<SelectItem>) -> Statement {
        let select = Select { projection, ..Select::clone(&self.select) };
        let body = Box::new(SetExpr::Select(Box::new(select)));
        let query = Query { body, ..Query::clone(&self.query) };
        Statement::Statement(Box::new(Ast::Query(Box::new(query))))
    }
}

/// The expressions of a SELECT list over the plan of its table; `None` if they are not of a form that is known.
async fn planned_list(
    state: &SessionState,
    unlisted: &Unlisted,
    select: &Select,
    base: &LogicalPlan,
    names: &Names,
) -> Result<Option<Vec<Expr>>> {
    let items = &select.projection;
    let is_other = |item: &&SelectItem| wildcard(item).is_none() && names.column(item).is_none();
    let others: Vec<SelectItem> = items.iter().filter(is_other).cloned().collect();
    let Some(others) = planned_pieces(state, &unlisted.unordered(), &others).await? else {
        return Ok(None);
    };
    let mut others = others.into_iter();
    let mut list = Vec::new();
    for item in items {
        match wildcard(item) {
            Some(options) => {
                let Some(options) = known(options) else { return Ok(None) };
                list.extend(expand_wildcard(base.schema(), base, Some(&options))?);
            }
            None => list.extend(names.column(item).or_else(|| others.next())),
        }
    }
    Ok(Some(list))
}

/// The expressions of a SELECT list, planned in pieces; `None` if one of them is not an expression over a row.
async fn planned_pieces(
    state: &SessionState,
    unlisted: &Unlisted,
    items: &[SelectItem],
) -> Result<Option<Vec<Expr>>> {
    let mut list = Vec::new();
    for items in items.chunks(PIECE) {
        match state.statement_to_plan(unlisted.with(items.to_vec())).await? {
            LogicalPlan::Projection(piece)
                if is_of_one_table(&piece.input) && piece.expr.len() == items.len() =>
            {
                list.extend(piece.expr);
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(list))
}

/// What is said of a `*`.
fn wildcard(item: &SelectItem) -> Option<&WildcardAdditionalOptions> {
    match item {
        SelectItem::Wildcard(options) => Some(options),
        _ => None,
    }
}

/// The columns that a `*` leaves out; `None` if more is said of it.
fn known(options: &WildcardAdditionalOptions) -> Option<WildcardOptions> {
    let others = WildcardAdditionalOptions {
        opt_exclude: None,
        opt_except: None,
        ..WildcardAdditionalOptions::clone(options)
    };
    is_bare(&others).then(|| WildcardOptions {
        exclude: options.opt_exclude.clone(),
        except: options.opt_except.clone(),
        ..WildcardOptions::default()
    })
}

/// Whether no two expressions of a list have the same name; the engine says it where they do.
fn have_names_of_their_own(list: &[Expr]) -> bool {
    let mut names = HashSet::new();
    list.iter().all(|expression| names.insert(expression.schema_name().to_string()))
}

/// Whether a plan gives the rows of a table as they are.
fn is_of_one_table(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(filter) => is_of_one_table(&filter.input),
        LogicalPlan::TableScan(_) | LogicalPlan::SubqueryAlias(_) => true,
        _ => false,
    }
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
        plan => is_of_one_table(&plan).then_some(plan),
    }
}

/// Whether a query has nothing beside its SELECT but ORDER BY and LIMIT.
fn is_plain_query(query: &Query) -> bool {
    query.with.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty()
        && query.for_clause.is_none()
        && query.pipe_operators.is_empty()
}

/// Whether an ORDER BY names columns of the table only: no place in the SELECT list, and no name that the list
/// gives.
fn orders_by_columns(order_by: &OrderBy, select: &Select) -> bool {
    let OrderByKind::Expressions(parts) = &order_by.kind else { return false };
    let given: HashSet<String> = select
        .projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            _ => None,
        })
        .collect();
    let is_given = |part: &SqlExpr| match part {
        SqlExpr::Identifier(name) if given.contains(&folded(name)) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let is_place = |part: &SqlExpr| matches!(part, SqlExpr::Value(_));
    parts
        .iter()
        .all(|part| visit_expressions(&part.expr, is_given).is_continue() && !is_place(&part.expr))
}

fn reads_one_table(select: &Select) -> bool {
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
    use crate::engine;
    use crate::sql::single_statement;

    fn parsed(text: &str) -> Statement {
        single_statement(Path::new("x"), text, "SELECT").expect("a statement")
    }

    #[test]
    fn only_a_select_from_one_table_is_planned_here() {
        for text in [
            "SELECT * FROM source",
            "SELECT id FROM source",
            "SELECT * EXCLUDE (id) FROM source",
            "SELECT * FROM orders.source AS s WHERE id > 1 ORDER BY city DESC, id LIMIT 5 OFFSET 2",
            "SELECT id AS a, city FROM source ORDER BY city",
        ] {
            assert!(simple_select(&parsed(text)).is_some(), "{text}");
        }
        for text in [
            "SELECT DISTINCT * FROM source",
            "SELECT * FROM source, files",
            "SELECT * FROM source JOIN files USING (_file_name)",
            "SELECT * FROM source ORDER BY 1",
            "SELECT id AS city FROM source ORDER BY upper(city)",
            "SELECT * FROM source QUALIFY row_number() OVER (ORDER BY id) = 1",
            "SELECT city, count(*) FROM source GROUP BY city",
            "SELECT * FROM (SELECT 1)",
            "SELECT * FROM target.public.t",
            "WITH s AS (SELECT 1) SELECT * FROM s",
            "SELECT * FROM source UNION ALL SELECT * FROM source",
        ] {
            assert!(simple_select(&parsed(text)).is_none(), "{text}");
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

    /// All columns one by one, each as this.
    fn one_by_one(item: fn(usize) -> String) -> String {
        (0..600).rev().map(item).collect::<Vec<_>>().join(", ")
    }

    #[tokio::test]
    async fn a_wide_select_gives_the_same_rows_in_the_same_order() {
        let session = wide_session();
        let named = one_by_one(|column| format!("c{column}"));
        let cast = one_by_one(|column| format!("CAST(c{column} AS double) + c1 AS d{column}"));
        let lists = ["*", "* EXCLUDE (c5, c7)", "c1 + 1 AS x, *, c2 IS NULL AS y", &named, &cast];
        for list in lists {
            for rest in [
                "",
                " WHERE c7 > 7",
                " ORDER BY c1 DESC NULLS LAST",
                " AS s WHERE s.c2 IS NOT NULL ORDER BY s.c2 + s.c3, c1 LIMIT 2 OFFSET 1",
                " ORDER BY c599 DESC LIMIT 3",
                " LIMIT 0",
            ] {
                let text = format!("SELECT {list} FROM source{rest}");
                let planned = plan(&session.state(), &parsed(&text)).await.expect("a plan");
                let planned = planned.unwrap_or_else(|| panic!("not planned here: {text}"));
                let planned = session.execute_logical_plan(planned).await.expect("a plan");
                let expected = session.sql(&text).await.expect("a plan");
                assert_eq!(planned.schema(), expected.schema(), "{text}");
                assert_eq!(shown(planned).await, shown(expected).await, "{text}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_a_list_over_the_rows_of_a_table_is_left_to_the_engine() {
        let session = wide_session();
        let sums = one_by_one(|column| format!("sum(c{column})"));
        let unnested = format!("unnest([c1, c2]) AS u, {}", one_by_one(|c| format!("c{c}")));
        for list in [&sums, &unnested, "*, c1", "* REPLACE (c1 + 1 AS c1)"] {
            let text = format!("SELECT {list} FROM source");
            let planned = plan(&session.state(), &parsed(&text)).await.expect("a plan or none");
            assert!(planned.is_none(), "{text}");
        }
    }

    #[tokio::test]
    async fn an_unknown_column_is_the_same_error() {
        let session = wide_session();
        let list = one_by_one(|column| format!("c{column}"));
        for text in [
            "SELECT * FROM source WHERE city = 'a'".to_owned(),
            format!("SELECT {list}, city FROM source"),
        ] {
            let error = engine::plan(&session, Path::new("x"), parsed(&text)).await;
            let error = error.expect_err("no such column");
            assert!(format!("{error:?}").contains("city"), "{error:?}");
        }
    }
}
