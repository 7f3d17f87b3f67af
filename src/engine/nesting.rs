//! The **nesting** of expressions. The engine walks an expression recursively, so about ten thousand levels would
//! overflow the stack and end the process. `a + b + c` has two levels.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Visit, Visitor};

/// The most levels of an expression.
const LEVELS: usize = 1500;

/// Whether an expression of a statement has more levels than are safe for the stack.
pub(super) fn is_too_deep(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => statement.visit(&mut Levels(0)).is_break(),
        Statement::Explain(explain) => is_too_deep(&explain.statement),
        _ => false,
    }
}

/// How many expressions are open.
struct Levels(usize);

impl Visitor for Levels {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.0 += 1;
        if self.0 > LEVELS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.0 -= 1;
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sql::single_statement;

    fn is_refused(text: &str) -> bool {
        is_too_deep(&single_statement(Path::new("x"), text, "SELECT").expect("a statement"))
    }

    #[test]
    fn only_what_is_nested_counts() {
        assert!(!is_refused(&format!("SELECT {}", vec!["a + b"; 4000].join(", "))));
        assert!(!is_refused(&format!("SELECT {}", vec!["1"; 1000].join(" + "))));
        assert!(is_refused(&format!("SELECT {}", vec!["1"; 2000].join(" + "))));
        assert!(is_refused(&format!("EXPLAIN SELECT {}", vec!["1"; 2000].join(" + "))));
        let in_where = vec!["a = 1"; 2000].join(" OR ");
        assert!(is_refused(&format!(
            "SELECT a FROM t WHERE a IN (SELECT a FROM t WHERE {in_where})"
        )));
    }
}
