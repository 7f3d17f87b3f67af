//! **Clauses** that the parser reads and the engine leaves out.

use std::fmt::Display;
use std::ops::ControlFlow;

use datafusion::execution::context::SessionState;
use datafusion::sql::sqlparser::ast::{
    Cte, DuplicateTreatment, Expr, Function, FunctionArgumentClause, FunctionArguments,
    GroupByExpr, NamedWindowDefinition, NamedWindowExpr, Query, Select, SelectItem, SetExpr,
    SetOperator, SetQuantifier, TableAlias, TableFactor, Visit, WindowType, visit_expressions,
};

use super::{Found, Refused};
use crate::sql::folded;

/// What to write to read a part of the rows.
const SAMPLE: &str = "WHERE _row_id % 100 = 0, for a hundredth of the records of every file";
/// What to write in place of FETCH and TOP.
const LIMIT: &str = "LIMIT 10 after ORDER BY; to include rows that are equal to the last one, QUALIFY rank() OVER \
                     (ORDER BY …) <= 10";
/// What to write if nothing is there to replace a clause.
const WITHOUT: &str = "the query without it";

/// Refuses a clause that the engine would leave out.
fn refuse(clause: impl Display, instead: &str) -> Found {
    Found::Break(Refused::left_out(clause, instead))
}

/// Refuses a clause that the engine refuses too, without saying what to write.
fn unsupported(clause: &str, instead: &str) -> Found {
    let what = format!("{clause}, which is not supported");
    Found::Break(Refused { what, instead: instead.to_owned() })
}

/// Refuses clauses around a SELECT.
pub(super) fn of_query(query: &Query) -> Found {
    if let Some(lock) = query.locks.first() {
        return refuse(
            lock,
            "the query without it: files are never locked, because they are only read",
        );
    }
    if query.for_clause.is_some() {
        return refuse(
            "FOR XML, FOR JSON or FOR BROWSE",
            "the query without it, with --format json",
        );
    }
    if query.settings.is_some() {
        return refuse("SETTINGS", WITHOUT);
    }
    if query.format_clause.is_some() {
        return refuse("FORMAT", "the query without it, with --format csv, json or parquet");
    }
    if query.fetch.is_some() {
        return unsupported("FETCH", LIMIT);
    }
    of_set(&query.body)?;
    if query.order_by.as_ref().is_some_and(names_a_window) {
        return refuse("OVER with the name of a window in an ORDER BY", WINDOW);
    }
    match &query.with {
        Some(with) => with.cte_tables.iter().try_for_each(|cte| of_cte(cte, with.recursive)),
        None => Found::Continue(()),
    }
}

/// Refuses `EXCEPT ALL` and `INTERSECT ALL`: the engine does not count equal rows.
fn of_set(set: &SetExpr) -> Found {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = set else {
        return Found::Continue(());
    };
    if *set_quantifier == SetQuantifier::All && *op != SetOperator::Union {
        let what = format!("{op} ALL, for which the engine does not count equal rows");
        let instead = format!(
            "{op}, with row_number() OVER (PARTITION BY …) as one more column on both sides if rows occur several \
             times"
        );
        return Found::Break(Refused { what, instead });
    }
    of_set(left)?;
    of_set(right)
}

/// Refuses clauses of a table of WITH.
fn of_cte(cte: &Cte, is_recursive: bool) -> Found {
    if cte.from.is_some() {
        return refuse("FROM after a table of WITH", WITHOUT);
    }
    let is_union = matches!(*cte.query.body, SetExpr::SetOperation { op: SetOperator::Union, .. });
    let is_limited = cte.query.limit_clause.is_some() || cte.query.order_by.is_some();
    if is_recursive && is_union && is_limited {
        let clause = "ORDER BY or LIMIT of a UNION under WITH RECURSIVE";
        return refuse(clause, "it in the query that reads this table");
    }
    of_alias(&cte.alias)
}

/// What to write in place of a window's name.
const WINDOW: &str = "the window itself, OVER (PARTITION BY … ORDER BY …)";

/// Refuses clauses of a SELECT.
pub(super) fn of_select(select: &Select) -> Found {
    if select.top.is_some() {
        return unsupported("TOP", LIMIT);
    }
    if select.prewhere.is_some() {
        return refuse("PREWHERE", "WHERE");
    }
    if !select.connect_by.is_empty() {
        return refuse("CONNECT BY", "WITH RECURSIVE");
    }
    if !select.distribute_by.is_empty() {
        return refuse("DISTRIBUTE BY", WITHOUT);
    }
    if select.value_table_mode.is_some() {
        return refuse("SELECT AS", WITHOUT);
    }
    if select.select_modifiers.as_ref().is_some_and(|modifiers| modifiers.is_any_set()) {
        return refuse("a modifier of SELECT", WITHOUT);
    }
    if select.projection.iter().any(has_pattern) {
        return refuse("* ILIKE", "the columns one by one; `DESCRIBE source` shows them");
    }
    if select.exclude.is_some() {
        return refuse("EXCLUDE after a list", "* EXCLUDE (column, …)");
    }
    let modifiers = match &select.group_by {
        GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers) => modifiers,
    };
    if let Some(modifier) = modifiers.first() {
        return refuse(
            format!("GROUP BY … {modifier}"),
            "GROUP BY ROLLUP (a, b), GROUP BY CUBE (a, b) or GROUP BY GROUPING SETS ((a), (b))",
        );
    }
    let beside = [&select.qualify, &select.having];
    if beside.into_iter().flatten().any(names_a_window) {
        return refuse("OVER with the name of a window in a QUALIFY", WINDOW);
    }
    if select.named_window.iter().any(extends_a_window) {
        return refuse("a window that extends another", WINDOW);
    }
    Found::Continue(())
}

/// Whether an item is a `*` for columns whose names match a pattern.
fn has_pattern(item: &SelectItem) -> bool {
    match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => {
            options.opt_ilike.is_some()
        }
        _ => false,
    }
}

/// Whether an expression calls a function `OVER name`, which the engine supports only in a SELECT list.
fn names_a_window(part: &impl Visit) -> bool {
    let found = visit_expressions(part, |expression| match expression {
        Expr::Function(Function { over: Some(WindowType::NamedWindow(_)), .. }) => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

fn extends_a_window(NamedWindowDefinition(_, window): &NamedWindowDefinition) -> bool {
    matches!(window, NamedWindowExpr::WindowSpec(window) if window.window_name.is_some())
}

/// Refuses clauses of a table of FROM.
pub(super) fn of_table(table: &TableFactor) -> Found {
    match table {
        TableFactor::Table {
            alias,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
            ..
        } => {
            if sample.is_some() {
                return refuse("TABLESAMPLE", SAMPLE);
            }
            if !with_hints.is_empty() || !index_hints.is_empty() {
                return refuse("a hint after a table", WITHOUT);
            }
            if version.is_some() {
                let instead =
                    "WHERE _file_date = DATE '2025-01-01': each row has the day of its file";
                return refuse("the version of a table", instead);
            }
            if *with_ordinality {
                return refuse("WITH ORDINALITY", "row_number() OVER ()");
            }
            if !partitions.is_empty() {
                return refuse("PARTITION", "WHERE _file_date BETWEEN DATE '…' AND DATE '…'");
            }
            if json_path.is_some() {
                return refuse("a path after a table", WITHOUT);
            }
            if args.as_ref().is_some_and(|args| args.settings.is_some()) {
                return refuse("SETTINGS", WITHOUT);
            }
            alias.as_ref().map_or(Found::Continue(()), of_alias)
        }
        TableFactor::Derived { alias, sample, .. } => {
            if sample.is_some() {
                return refuse("TABLESAMPLE", SAMPLE);
            }
            alias.as_ref().map_or(Found::Continue(()), of_alias)
        }
        TableFactor::Function { alias, with_ordinality, .. } => {
            if *with_ordinality {
                return refuse("WITH ORDINALITY", "row_number() OVER ()");
            }
            alias.as_ref().map_or(Found::Continue(()), of_alias)
        }
        _ => Found::Continue(()),
    }
}

/// Refuses clauses after the alias of a table.
fn of_alias(alias: &TableAlias) -> Found {
    if alias.at.is_some() {
        return refuse("AT after a table", WITHOUT);
    }
    if alias.columns.iter().any(|column| column.data_type.is_some()) {
        return refuse(
            "a type in the list of a table's columns",
            "CAST(column AS type) in the SELECT",
        );
    }
    Found::Continue(())
}

/// Refuses clauses of a call.
pub(super) fn of_call(call: &Function, state: &SessionState) -> Found {
    let name = call.name.to_string();
    if call.parameters != FunctionArguments::None {
        return refuse(format!("a second list of arguments of {name}"), WITHOUT);
    }
    if let Some(WindowType::WindowSpec(window)) = &call.over
        && window.window_name.is_some()
    {
        return refuse("a window that extends another", WINDOW);
    }
    let of_one_row = match call.name.0.as_slice() {
        [part] => {
            let name = part.as_ident().map(folded).unwrap_or_default();
            state.scalar_functions().contains_key(&name)
        }
        _ => false,
    };
    match clause_over_rows(call) {
        Some(clause) if of_one_row => refuse(
            format!("{clause} of {name}, a function of one row"),
            &format!("{name}(…) alone"),
        ),
        _ => Found::Continue(()),
    }
}

/// A clause of a call that has a meaning only over several rows.
fn clause_over_rows(call: &Function) -> Option<&'static str> {
    if call.over.is_some() {
        return Some("OVER");
    }
    if call.filter.is_some() {
        return Some("FILTER");
    }
    if !call.within_group.is_empty() {
        return Some("WITHIN GROUP");
    }
    let FunctionArguments::List(list) = &call.args else { return None };
    if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
        return Some("DISTINCT");
    }
    let mut clauses = list.clauses.iter();
    let is_ordered = clauses.any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)));
    is_ordered.then_some("ORDER BY")
}
