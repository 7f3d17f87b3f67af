//! The columns and tables that a query **mentions** by name, whether they exist or not.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, SelectItem, SetExpr, Statement as Ast, visit_expressions, visit_relations,
};

use super::Query;

/// Returns the names that a query mentions as columns, and whether it selects all columns with `*`.
pub fn mentioned_columns(query: &Query) -> (BTreeSet<String>, bool) {
    let selects_all = ast(&query.statement).is_some_and(selects_all);
    (names_in(&query.statement), selects_all)
}

/// Returns the statement as the parser gives it; of an EXPLAIN, the explained statement.
fn ast(statement: &Statement) -> Option<&Ast> {
    match statement {
        Statement::Statement(statement) => Some(statement),
        Statement::Explain(explain) => ast(&explain.statement),
        _ => None,
    }
}

/// Returns the names that a statement mentions as columns.
pub fn names_in(statement: &Statement) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let Some(statement) = ast(statement) else { return names };
    let visited: ControlFlow<()> = visit_expressions(statement, |expression| {
        match expression {
            Expr::Identifier(name) => names.insert(folded(name)),
            Expr::CompoundIdentifier(parts) => {
                parts.last().is_some_and(|name| names.insert(folded(name)))
            }
            _ => false,
        };
        ControlFlow::Continue(())
    });
    // The visitor above never breaks off.
    let _ = visited;
    names
}

/// Whether a statement reads a table of a schema that it names.
pub fn mentions_schema(statement: &Statement, schema: &str) -> bool {
    let Some(statement) = ast(statement) else { return false };
    let found = visit_relations(statement, |table| {
        let mut parts = table.0.iter().filter_map(|part| part.as_ident());
        match parts.any(|part| folded(part) == schema) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    found.is_break()
}

/// Returns the tables that a query names, each with its schema if the query gives one.
pub fn mentioned_tables(statement: &Statement) -> BTreeSet<Vec<String>> {
    let mut tables = BTreeSet::new();
    let statement = match statement {
        Statement::Statement(statement) => statement,
        Statement::Explain(explain) => return mentioned_tables(&explain.statement),
        _ => return tables,
    };
    let visited: ControlFlow<()> = visit_relations(&**statement, |name| {
        let parts = name.0.iter().filter_map(|part| part.as_ident());
        tables.insert(parts.map(folded).collect());
        ControlFlow::Continue(())
    });
    // The visitor above never breaks off.
    let _ = visited;
    tables
}

/// Whether the outermost SELECT of a statement has a `*`.
fn selects_all(statement: &Ast) -> bool {
    let Ast::Query(query) = statement else { return false };
    let SetExpr::Select(select) = &*query.body else { return false };
    select
        .projection
        .iter()
        .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)))
}

/// Returns a name as the engine reads it: in lower case unless it is quoted.
pub fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn mentioned(text: &str) -> (Vec<String>, bool) {
        let query = Query::parse(Path::new("stage.sql"), text.to_owned()).expect("a query");
        let (names, selects_all) = mentioned_columns(&query);
        (names.into_iter().collect(), selects_all)
    }

    #[test]
    fn columns_are_found_wherever_they_stand() {
        let text = "SELECT Id, upper(\"Click ID\") AS click, CAST(s.amount AS decimal) FROM source AS s \
                    WHERE city <> '' QUALIFY row_number() OVER (PARTITION BY k ORDER BY d) = 1";
        let names = ["Click ID", "amount", "city", "d", "id", "k"].map(str::to_owned).to_vec();
        assert_eq!(mentioned(text), (names, false));
        assert_eq!(mentioned("SELECT *, _row_id FROM source"), (vec!["_row_id".to_owned()], true));
    }

    #[test]
    fn tables_are_found_wherever_they_stand() {
        let text = "SELECT o.id FROM source AS o LEFT JOIN Customers.source AS c USING (id)
            WHERE o.country NOT IN (SELECT code FROM countries)";
        let query = Query::parse(Path::new("x.sql"), text.to_owned()).expect("a query");
        let found: Vec<String> =
            mentioned_tables(&query.statement).into_iter().map(|name| name.join(".")).collect();
        assert_eq!(found, ["countries", "customers.source", "source"]);
    }
}
