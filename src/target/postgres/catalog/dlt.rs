//! A **dlt table** is a target that dlt created and keeps loading. It is recognised in the catalog:
//! dlt's own two columns, and dlt's tables beside it in the same schema.
//!
//! What dlt keeps there (its documentation, "Destination tables"): `_dlt_loads` has one row for each
//! finished load; `_dlt_version` has its schemas as JSON; `_dlt_pipeline_state` is its memory, which is
//! never touched here.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::domain::{TableName, quote_identifier};
use crate::target::postgres::parameter::schema_and_name;

/// The column that names a row.
pub(crate) const DLT_ID: &str = "_dlt_id";
/// The column that names the load that inserted a row.
pub(crate) const DLT_LOAD_ID: &str = "_dlt_load_id";

/// How dlt sees the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dlt {
    /// The table of finished loads, if the schema has it.
    pub loads: Option<Loads>,
    /// Whether dlt may delete and replace rows of the table, as it does to merge, and not only add some.
    pub may_merge: bool,
    /// Tables that hold lists from inside the rows of this one.
    pub nested: Vec<String>,
    /// Whether dlt keeps old versions of rows (its strategy scd2): it ends those that its next load lacks.
    pub keeps_versions: bool,
    /// Whether this user may read `_dlt_version`, if there is one.
    pub reads_versions: Option<bool>,
}

/// The table of finished loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loads {
    /// `_dlt_loads`, quoted.
    pub table: String,
    /// Whether this user may insert into it.
    pub may_insert: bool,
    /// Whether this user may read it.
    pub may_select: bool,
    /// Whether this user may delete from it, and find what to delete.
    pub may_delete: bool,
    /// The columns that it has.
    pub columns: Vec<String>,
    /// The dlt schema that the target belongs to, and the hash of its newest version.
    pub schema: Option<(String, String)>,
}

/// What is asked about dlt's tables beside the target: `$1` schema, `$2` name. Columns: whether there is
/// `_dlt_loads`, whether there is `_dlt_version`, whether a staging table for merges exists, and the nested
/// tables.
const BESIDE: &str = "\
SELECT (SELECT has_table_privilege(c.oid, 'INSERT') FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = '_dlt_loads'),
       (SELECT has_table_privilege(c.oid, 'SELECT') FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = '_dlt_version'),
       EXISTS (SELECT FROM pg_catalog.pg_class c
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 || '_staging' AND c.relname = $2),
       ARRAY(SELECT c.relname::text FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND starts_with(c.relname::text, $2 || '__') AND c.relkind IN ('r', 'p')
               AND EXISTS (SELECT FROM pg_catalog.pg_attribute a
                           WHERE a.attrelid = c.oid AND a.attname IN ('_dlt_parent_id', '_dlt_root_id')
                             AND NOT a.attisdropped)
             ORDER BY 1),
       coalesce((SELECT has_table_privilege(c.oid, 'SELECT') FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relname = '_dlt_loads'), false),
       coalesce((SELECT has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'DELETE')
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relname = '_dlt_loads'), false)";

/// Asks for the newest version of the dlt schema that the table `$1` belongs to. Columns: its name, its hash, how dlt
/// writes to the table, the tables that hold lists from inside its rows, and whether it keeps old versions.
fn version_statement(schema: &str) -> String {
    format!(
        "SELECT schema_name::text, version_hash::text, \
                schema::jsonb -> 'tables' -> $1::text ->> 'write_disposition', \
                ARRAY(SELECT key FROM jsonb_each(schema::jsonb -> 'tables') \
                      WHERE value ->> 'parent' = $1::text), \
                EXISTS (SELECT FROM jsonb_each(schema::jsonb -> 'tables' -> $1::text -> 'columns') \
                        WHERE value ? 'x-valid-to') \
         FROM {}._dlt_version WHERE schema::jsonb -> 'tables' ? $1::text \
         ORDER BY inserted_at DESC LIMIT 1",
        quote_identifier(schema)
    )
}

/// What is asked about the columns of `_dlt_loads`: `$1` its schema.
const LOADS_COLUMNS: &str = "\
SELECT a.attname::text FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = '_dlt_loads' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum";

impl Dlt {
    /// Asks which tables dlt has beside the target.
    pub async fn beside(client: &Client, table: &TableName) -> Result<Self, tokio_postgres::Error> {
        let row = client.query_typed_one(BESIDE, &schema_and_name(table)).await?;
        let (writes_loads, reads_versions): (Option<bool>, Option<bool>) = (row.get(0), row.get(1));
        let mut dlt = Self {
            loads: None,
            may_merge: true,
            nested: row.get(3),
            keeps_versions: false,
            reads_versions,
        };
        let has_staging: bool = row.get(2);
        let mut schema = None;
        if reads_versions == Some(true) {
            let statement = version_statement(&table.schema);
            let version = client.query_typed_opt(&statement, &[(&table.name, Type::TEXT)]).await?;
            if let Some(version) = version {
                let disposition: Option<String> = version.get(2);
                dlt.may_merge = has_staging || disposition.as_deref() != Some("append");
                schema = Some((version.get(0), version.get(1)));
                dlt.keeps_versions = version.get(4);
                for nested in version.get::<_, Vec<String>>(3) {
                    if !dlt.nested.contains(&nested) {
                        dlt.nested.push(nested);
                    }
                }
            }
        }
        if let Some(may_insert) = writes_loads {
            let columns = client.query_typed(LOADS_COLUMNS, &[(&table.schema, Type::TEXT)]).await?;
            dlt.loads = Some(Loads {
                table: format!("{}.\"_dlt_loads\"", quote_identifier(&table.schema)),
                may_insert,
                may_select: row.get(4),
                may_delete: row.get(5),
                columns: columns.iter().map(|row| row.get(0)).collect(),
                schema,
            });
        }
        Ok(dlt)
    }
}

impl Loads {
    /// Returns the statement that records a finished load: `$1` its id, `$2` and `$3` name and hash of the schema.
    /// Columns that an older dlt does not have are left out. Their parameters are named in the WHERE, which always
    /// holds, because the server wants every parameter in the statement.
    pub fn insert_statement(&self) -> String {
        let known = [
            ("load_id", "$1::text"),
            ("schema_name", "$2::text"),
            ("status", "0"),
            ("inserted_at", "clock_timestamp()"),
            ("schema_version_hash", "$3::text"),
        ];
        let given =
            known.iter().filter(|(name, _)| self.columns.iter().any(|column| column == name));
        let (names, values): (Vec<&str>, Vec<&str>) = given.copied().unzip();
        format!(
            "INSERT INTO {} ({}) SELECT {} WHERE num_nonnulls($1, $2, $3) >= 0",
            self.table,
            names.join(", "),
            values.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_dlts_tables_is_quoted() {
        let statement = version_statement("My \"shop");
        assert!(
            statement
                .contains("FROM \"My \"\"shop\"._dlt_version WHERE schema::jsonb -> 'tables' ? $1"),
            "{statement}"
        );
    }

    #[test]
    fn a_load_is_recorded_in_the_columns_that_there_are() {
        let names = ["load_id", "schema_name", "status", "inserted_at"];
        let loads = Loads {
            table: "\"shop\".\"_dlt_loads\"".to_owned(),
            may_insert: true,
            may_select: true,
            may_delete: true,
            columns: names.map(str::to_owned).to_vec(),
            schema: None,
        };
        let statement = loads.insert_statement();
        assert!(statement.starts_with(
            "INSERT INTO \"shop\".\"_dlt_loads\" (load_id, schema_name, status, inserted_at) SELECT"
        ));
        assert!(!statement.contains("schema_version_hash"));
    }
}
