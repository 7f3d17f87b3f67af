//! A **parameter** of a statement: a value with its type, so that the server is not asked for the type.

use tokio_postgres::types::{ToSql, Type};

use crate::domain::TableName;

/// A value and its type.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The schema of a table and its name.
pub(super) fn schema_and_name(table: &TableName) -> [Parameter<'_>; 2] {
    [(&table.schema, Type::TEXT), (&table.name, Type::TEXT)]
}
