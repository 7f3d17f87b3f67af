//! **Refused** is SQL that the engine accepts but silently executes in another way than it is written: a clause that it
//! leaves out, a format of another program, a type that rounds. The error says what to write instead.

mod clauses;
mod formats;
mod operators;
mod times;
mod types;

use std::ops::ControlFlow;

use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Query, Select, TableFactor, Visit, Visitor};

/// A part of a statement that the engine would not do as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// The part, as SQL writes it, and what the engine would make of it.
    pub what: String,
    /// What to write instead.
    pub instead: String,
}

impl Refused {
    /// A clause that the engine leaves out.
    fn left_out(clause: impl std::fmt::Display, instead: &str) -> Self {
        let what = format!("{clause}, which is not supported and would be left out");
        Self { what, instead: instead.to_owned() }
    }
}

/// The result for a part of a statement: continue with the next part, or stop with a refusal.
type Found = ControlFlow<Refused>;

/// The first part of a statement that the engine would not do as it is written.
pub(super) fn find(state: &SessionState, statement: &Statement) -> Option<Refused> {
    match statement {
        Statement::Statement(statement) => statement.visit(&mut Parts { state }).break_value(),
        Statement::Explain(explain) => find(state, &explain.statement),
        _ => None,
    }
}

/// Finds the first expression of a plan that the engine would not compute as it is written.
pub(super) fn find_in_plan(plan: &LogicalPlan) -> Option<Refused> {
    times::find(plan)
}

/// Goes through the parts of a statement.
struct Parts<'a> {
    state: &'a SessionState,
}

impl Visitor for Parts<'_> {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &Query) -> Found {
        clauses::of_query(query)
    }

    fn pre_visit_select(&mut self, select: &Select) -> Found {
        clauses::of_select(select)
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> Found {
        clauses::of_table(table)
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> Found {
        match expression {
            Expr::Function(call) => {
                clauses::of_call(call, self.state)?;
                formats::of_call(call)
            }
            Expr::Cast { .. } | Expr::TypedString(_) => types::of_cast(expression),
            Expr::SimilarTo { .. } => operators::of_similar(expression),
            Expr::BinaryOp { .. } | Expr::AnyOp { .. } | Expr::AllOp { .. } => {
                operators::of_operation(expression)
            }
            _ => Found::Continue(()),
        }
    }
}
