//! The columns that a query **mentions** by name, whatever its tables turn out to have.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, SelectItem, SetExpr, Statement as Ast, visit_expressions,
};

use super::Query;

/// The names that a query mentions as columns, and whether it selects all columns with `*`.
pub fn mentioned_columns(query: &Query) -> (BTreeSet<String>, bool) {
    let mut names = BTreeSet::new();
    let Statement::Statement(statement) = &query.statement else { return (names, false) };
    let visited: ControlFlow<()> = visit_expressions(&**statement, |expression| {
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
    (names, selects_all(statement))
}

/// Whether the outermost SELECT of a statement has a `*`.
fn selects_all(statement: &Ast) -> bool {
    let Ast::Query(query) = statement else { return false };
    let SetExpr::Select(select) = &*query.body else { return false };
    let is_all = |item: &SelectItem| {
        matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
    };
    select.projection.iter().any(is_all)
}

/// A name as the engine reads it: lower case unless quoted.
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
}
