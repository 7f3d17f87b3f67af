//! An **unknown table** that has the name of a dataset. A dataset is a schema, and the rows of its files are in one of
//! its tables.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::common::TableReference;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Query, Visit, Visitor};

use super::CATALOG;
use crate::sql::{folded, mentioned_tables};

/// The dataset that a statement reads as if it were a table.
pub(super) fn dataset_read_as_table(
    session: &SessionContext,
    statement: &Statement,
) -> Option<String> {
    let catalog = session.catalog(CATALOG)?;
    let datasets: HashSet<String> = catalog.schema_names().into_iter().collect();
    let own = tables_of_with(statement);
    mentioned_tables(statement).into_iter().find_map(|parts| {
        let last = parts.last().filter(|name| datasets.contains(*name) && !own.contains(*name))?;
        let is_there = reference(&parts).is_some_and(|of| session.table_exist(of).unwrap_or(false));
        (!is_there).then(|| last.clone())
    })
}

fn reference(parts: &[String]) -> Option<TableReference> {
    match parts {
        [table] => Some(TableReference::bare(table.as_str())),
        [schema, table] => Some(TableReference::partial(schema.as_str(), table.as_str())),
        [catalog, schema, table] => {
            Some(TableReference::full(catalog.as_str(), schema.as_str(), table.as_str()))
        }
        _ => None,
    }
}

/// The names of the tables that a statement defines with WITH.
fn tables_of_with(statement: &Statement) -> HashSet<String> {
    let mut tables = Tables(HashSet::new());
    match statement {
        Statement::Statement(statement) => {
            // The visitor never stops early.
            let _ = statement.visit(&mut tables);
        }
        Statement::Explain(explain) => return tables_of_with(&explain.statement),
        _ => {}
    }
    tables.0
}

/// The tables of WITH that were seen.
struct Tables(HashSet<String>);

impl Visitor for Tables {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(tables.map(|table| folded(&table.alias.name)));
        ControlFlow::Continue(())
    }
}
