//! The **foreign keys between targets**: which of several tables refer to which others.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::domain::TableName;
use crate::target::Error;
use crate::target::postgres::row::place;

/// What is asked about foreign keys between tables; `$1` their schemas, `$2` their names. Columns: the
/// number of the table that refers, and of the one that it refers to, from 0.
const REFERENCES: &str = "\
WITH listed AS (
    SELECT place, c.oid
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (schema, name, place)
    JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name)
SELECT DISTINCT referring.place - 1, referred.place - 1
FROM pg_catalog.pg_constraint k
JOIN listed referring ON referring.oid = k.conrelid
JOIN listed referred ON referred.oid = k.confrelid
WHERE k.contype = 'f'";

/// Returns the pairs of tables of which the first has a foreign key that refers to the second, by their places in
/// `tables`. A table that does not exist is in none of them.
///
/// # Errors
/// [`Error::Statement`].
pub async fn references(
    client: &Client,
    tables: &[TableName],
) -> Result<Vec<(usize, usize)>, Error> {
    let schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let rows = client
        .query_typed(REFERENCES, &[(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)])
        .await
        .map_err(Error::statement("looking up the foreign keys between the targets"))?;
    Ok(rows.iter().map(|row| (place(row, 0), place(row, 1))).collect())
}
