//! Whether a query orders files **by their names as plain text**, in which `_v10` comes before `_v2`.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, OrderByExpr, WindowType, visit_expressions};

use super::{Query, folded};
use crate::domain::provenance::FILE_NAME;

/// Whether a window of the query orders by `_file_name` itself, and not by `natural_order(_file_name)` or the like.
pub fn orders_by_plain_name(query: &Query) -> bool {
    let Statement::Statement(statement) = &query.statement else { return false };
    let found = visit_expressions(&**statement, |expression| {
        let Expr::Function(function) = expression else { return ControlFlow::Continue(()) };
        let Some(WindowType::WindowSpec(window)) = &function.over else {
            return ControlFlow::Continue(());
        };
        match is_plain(&window.order_by) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    found.is_break()
}

/// Whether the first expression over the file name is the plain name.
fn is_plain(order: &[OrderByExpr]) -> bool {
    let first = order.iter().find(|by| by.expr.to_string().to_lowercase().contains(FILE_NAME));
    let name = first.and_then(|by| match &by.expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(parts) => parts.last(),
        _ => None,
    });
    name.is_some_and(|name| folded(name) == FILE_NAME)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn is_plain_order(order: &str) -> bool {
        let text = format!(
            "SELECT _file_name, _row_id FROM source AS s \
             QUALIFY row_number() OVER (PARTITION BY id ORDER BY {order}) = 1"
        );
        let query = Query::parse(Path::new("dedupe.sql"), text).expect("a query");
        orders_by_plain_name(&query)
    }

    #[test]
    fn a_plain_name_differs_from_an_expression_over_it() {
        assert!(is_plain_order("_file_date DESC, _file_name DESC, _row_id DESC"));
        assert!(is_plain_order("s._FILE_NAME DESC"));
        let natural = "_file_date DESC, natural_order(_file_name) DESC, _file_name DESC";
        assert!(!is_plain_order(natural));
        assert!(!is_plain_order("_file_date DESC, _row_id DESC"));
    }
}
