//! A **wide** SELECT has hundreds or thousands of columns. The engine's SQL planner compares the names of every two
//! expressions of a SELECT list, which takes a minute with 8,000 of them. A SELECT from one table without groups is
//! planned here instead: the table and its conditions once, with a list of one constant, and each expression over the
//! columns that it names. An expression that needs more than one row, or cannot be planned alone, is planned together
//! with others, in pieces of the list.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::expr::WildcardOptions;
use datafusion::logical_expr::utils::expand_wildcard;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, Projection, Sort, TableScanBuilder};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, ExprWithAlias, GroupByExpr, OrderBy, OrderByKind, Query, Select, SelectItem,
    SetExpr, Statement as Ast, TableFactor, Value, WildcardAdditionalOptions, visit_expressions,
};

use crate::sql::folded;

/// From this many columns on a SELECT is wide.
const WIDE: usize = 500;
/// How many expressions of a list are planned at once.
const PIECE: usize = 100;

/// Plans a wide SELECT; `None` if it is not wide, or has another form than
/// `SELECT list FROM table [WHERE …] [ORDER BY …] [LIMIT …]`.
///
/// # Errors
/// If a part of it cannot be planned.
pub(super) async fn plan(
    state: &SessionState,
    statement: &Statement,
) -> Result<Option<LogicalPlan>> {
    let Some((query, select)) = simple_select(statement) else { return Ok(None) };
    let has_wildcard = select.projection.iter().any(|item| wildcard(item).is_some());
    if !has_wildcard && select.projection.len() <= WIDE {
        return Ok(None);
    }
    let one = SelectItem::UnnamedExpr(SqlExpr::Value(Value::Number("1".to_owned(), false).into()));
    let unlisted = Unlisted::of(query, select);
    let narrow = unlisted.with(vec![one]);
    // The engine then reports what is wrong with the query as it is written.
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

/// The columns of a plan by name, and their places; columns that share a name are left out.
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

    /// The schema of the columns of a plan that an expression names.
    fn schema_of(&self, expression: &SqlExpr, plan: &LogicalPlan) -> Option<DFSchema> {
        let mut places = BTreeSet::new();
        let visited = visit_expressions(expression, |part| {
            let name = match part {
                SqlExpr::Identifier(name) => Some(name),
                SqlExpr::CompoundIdentifier(parts) => parts.last(),
                _ => return ControlFlow::Continue(()),
            };
            match name.and_then(|name| self.get(&folded(name))) {
                Some((place, _)) => {
                    places.insert(*place);
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(()),
            }
        });
        let fields = places.into_iter().map(|place| plan.schema().qualified_field(place));
        let fields = fields.map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
        let schema = DFSchema::new_with_metadata(fields, HashMap::new()).ok()?;
        visited.is_continue().then_some(schema)
    }

    /// The places of the columns in a list, if it has only columns, in the order of the table.
    fn ascending(&self, list: &[Expr]) -> Option<Vec<usize>> {
        let places: Vec<usize> =
            list.iter().map(|expression| self.place(expression)).collect::<Option<_>>()?;
        places.is_sorted().then_some(places)
    }

    /// The place of the column that an expression is, if it is nothing else.
    fn place(&self, expression: &Expr) -> Option<usize> {
        match expression {
            Expr::Column(column) => self.get(&column.name).map(|(place, _)| *place),
            _ => None,
        }
    }
}

/// The SELECT of a query that has nothing else but ORDER BY and LIMIT, and reads one table without groups.
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

/// The expressions of a SELECT list over the plan of its table; `None` if one of them has another form than is
/// supported here.
async fn planned_list(
    state: &SessionState,
    unlisted: &Unlisted,
    select: &Select,
    base: &LogicalPlan,
    names: &Names,
) -> Result<Option<Vec<Expr>>> {
    let items = &select.projection;
    let alone: Vec<Option<Expr>> = items
        .iter()
        .map(|item| names.column(item).or_else(|| planned_alone(state, item, base, names)))
        .collect();
    let left: Vec<SelectItem> = items
        .iter()
        .zip(&alone)
        .filter(|(item, alone)| wildcard(item).is_none() && alone.is_none())
        .map(|(item, _)| item.clone())
        .collect();
    let Some(pieces) = planned_pieces(state, &unlisted.unordered(), &left).await? else {
        return Ok(None);
    };
    let mut pieces = pieces.into_iter();
    let mut list = Vec::new();
    for (item, alone) in items.iter().zip(alone) {
        match wildcard(item) {
            Some(options) => {
                let Some(options) = known(options) else { return Ok(None) };
                list.extend(expand_wildcard(base.schema(), base, Some(&options))?);
            }
            None => list.extend(alone.or_else(|| pieces.next())),
        }
    }
    Ok(Some(list))
}

/// The expression of an item, planned over the columns that it names; `None` if it needs more than one row, or cannot
/// be planned alone.
fn planned_alone(
    state: &SessionState,
    item: &SelectItem,
    base: &LogicalPlan,
    names: &Names,
) -> Option<Expr> {
    let (expression, alias) = match item {
        SelectItem::UnnamedExpr(expression) => (expression, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(folded(alias))),
        _ => return None,
    };
    let schema = names.schema_of(expression, base)?;
    let expression = ExprWithAlias { expr: expression.clone(), alias: None };
    let planned = state.create_logical_expr_from_sql_expr(expression, &schema).ok()?;
    if !is_over_a_row(&planned) {
        return None;
    }
    Some(match (planned, alias) {
        (Expr::Column(column), Some(alias)) if column.name == alias => Expr::Column(column),
        (planned, Some(alias)) => planned.alias(alias),
        (planned, None) => planned,
    })
}

/// Whether an expression needs one row only.
fn is_over_a_row(expression: &Expr) -> bool {
    let needs_more = expression.exists(|part| {
        Ok(matches!(
            part,
            Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::Unnest(_)
                | Expr::GroupingSet(_)
                | Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Placeholder(_)
        ))
    });
    matches!(needs_more, Ok(false))
}

/// The expressions of a SELECT list, planned in pieces; `None` if one of them needs more than one row.
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

/// The options of a `*`, if an item is one.
fn wildcard(item: &SelectItem) -> Option<&WildcardAdditionalOptions> {
    match item {
        SelectItem::Wildcard(options) => Some(options),
        _ => None,
    }
}

/// The columns that a `*` leaves out; `None` if it has other options.
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

/// Whether all expressions of a list have different names; if not, the engine reports it.
fn have_names_of_their_own(list: &[Expr]) -> bool {
    let mut names = HashSet::new();
    list.iter().all(|expression| names.insert(expression.schema_name().to_string()))
}

/// Whether a plan returns the rows of one table as they are.
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

/// Whether a query has nothing but a SELECT, ORDER BY and LIMIT.
fn is_plain_query(query: &Query) -> bool {
    query.with.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty()
        && query.for_clause.is_none()
        && query.pipe_operators.is_empty()
}

/// Whether an ORDER BY names only columns of the table: no positions in the SELECT list, and no aliases.
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
    parts.iter().all(|part| {
        let is_place = matches!(part.expr, SqlExpr::Value(_));
        !is_place && !names_one_of(&part.expr, &given)
    })
}

/// Whether an expression holds one of some names.
fn names_one_of(expression: &SqlExpr, names: &HashSet<String>) -> bool {
    let visited = visit_expressions(expression, |part| match part {
        SqlExpr::Identifier(name) if names.contains(&folded(name)) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    visited.is_break()
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
mod tests;
