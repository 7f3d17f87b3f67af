//! The **target**: the Postgres table that rows go into, as the catalog describes it.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::Schema;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::Encoder;
use super::ledger::has_schema;
use crate::domain::{TableName, provenance, quote_identifier, quote_literal};
use crate::sql::Contract;
use crate::target::{Error, Guest};

mod column;
mod definition;
mod dependents;
mod dlt;
mod effects;
mod inspect;
mod references;
mod single_values;

pub use column::Column;
pub(super) use column::columns_of;
pub use definition::Definition;
pub use dependents::{How, MaterializedView, Object, ObjectKind, Reached, Relation, Web};
pub(crate) use dlt::{DLT_ID, DLT_LOAD_ID, Dlt};
pub(super) use effects::SideEffects;
pub use inspect::{Inspected, Obstacle};
pub use references::references;

/// The target table as the catalog describes it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub table: TableName,
    /// Its columns, in the catalog's order.
    pub columns: Vec<Column>,
    /// What writing to it does to other tables and rows.
    pub effects: SideEffects,
    /// What kind of relation it is.
    pub kind: Kind,
    /// Whose the other rows in it are.
    pub guest: Guest,
    /// Columns that the loader of the table fills with one value, as text; filled in by
    /// [`Target::with_single_values`].
    pub single_values: BTreeMap<String, String>,
    /// Columns that the loader of the table fills with several values, so that none can be taken over, and that
    /// nobody gives.
    pub varying: Vec<String>,
    /// The columns of each index that makes rows unique by plain columns.
    pub unique_keys: Vec<Vec<String>>,
    /// Whether rows are found by `_file_name` without reading the whole table.
    pub has_file_name_index: bool,
    /// Its size on the server's disk in bytes.
    pub bytes: u64,
}

/// What kind of relation the target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table, plain or partitioned.
    Table,
    /// A view whose INSTEAD OF trigger takes rows.
    View,
}

impl Kind {
    /// Returns the kind that has this letter in the catalog; or why rows cannot be loaded into it.
    fn of(letter: &str, has_instead_trigger: bool) -> Result<Self, &'static str> {
        match letter {
            "r" | "p" => Ok(Self::Table),
            "v" if has_instead_trigger => Ok(Self::View),
            "v" => Err("it is a view without an INSTEAD OF INSERT trigger"),
            "m" => Err("it is a materialized view"),
            "f" => Err("it is a foreign table"),
            "S" => Err("it is a sequence"),
            _ => Err("it is not a table"),
        }
    }
}

/// What is asked about a table's indexes over plain columns; `$1` its oid. Columns: the names, and whether
/// they make rows unique.
const INDEXES: &str = "\
SELECT names, indisunique FROM (
  SELECT i.indisunique,
         ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY k (num, n)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
               ORDER BY k.n) AS names
  FROM pg_catalog.pg_index i
  WHERE i.indrelid = $1::int8::oid AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL) AS found
WHERE cardinality(names) > 0";

impl Target {
    /// Asks the catalog about the relation with this oid.
    async fn describe(
        client: &Client,
        table: &TableName,
        oid: i64,
        kind: Kind,
        bytes: u64,
    ) -> Result<Self, tokio_postgres::Error> {
        let columns = columns_of(client, oid).await?;
        let guest = if kind == Kind::Table && has_dlt_columns(&columns) {
            Guest::Dlt(Dlt::beside(client, table).await?)
        } else {
            Guest::Unknown
        };
        let keys = client.query_typed(INDEXES, &[(&oid, Type::INT8)]).await?;
        Ok(Self {
            table: table.clone(),
            has_file_name_index: keys.iter().any(begins_with_file_name),
            unique_keys: keys.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect(),
            effects: SideEffects::of(client, oid).await?,
            single_values: BTreeMap::new(),
            varying: Vec::new(),
            columns,
            kind,
            guest,
            bytes,
        })
    }

    /// Creates the table from `target.sql`, with row-level security on, unless it exists by now.
    ///
    /// It is created in the transaction of the session: a table that does not take the rows is not left
    /// behind.
    ///
    /// # Errors
    /// [`Error::Statement`], [`Error::Target`], and [`Error::Mismatch`].
    pub async fn create(
        client: &Client,
        table: &TableName,
        contract: &Contract,
        staged: &Schema,
        stage: &str,
        constants: &BTreeMap<String, String>,
    ) -> Result<(Self, Encoder), Error> {
        // Of two runs that start at the same time, one creates it.
        execute(client, LOCK, table, contract).await?;
        if Self::find(client, table).await?.is_none() {
            if !has_schema(client, &table.schema).await? {
                let create = format!("CREATE SCHEMA {}", quote_identifier(&table.schema));
                execute(client, &create, table, contract).await?;
            }
            execute(client, &create_statements(table, contract), table, contract).await?;
        }
        let Some(target) = Self::find(client, table).await? else {
            let reason = "it does not exist after target.sql was run".to_owned();
            return Err(Error::Target { table: table.to_string(), reason });
        };
        let encoder = Encoder::new(staged, &target, stage, constants)?;
        Ok((target, encoder))
    }

    /// Whether it is a view.
    pub fn is_view(&self) -> bool {
        self.kind == Kind::View
    }

    /// Returns the column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Sends a statement that has a part in creating the table.
async fn execute(
    client: &Client,
    statement: &str,
    table: &TableName,
    contract: &Contract,
) -> Result<(), Error> {
    client
        .batch_execute(statement)
        .await
        .map_err(Error::statement(format!("creating {table} from {}", contract.path.display())))
}

/// Whether the table has the columns that dlt fills in each row.
fn has_dlt_columns(columns: &[Column]) -> bool {
    [DLT_ID, DLT_LOAD_ID].iter().all(|name| columns.iter().any(|column| column.name == *name))
}

/// Whether an index finds rows by `_file_name`.
fn begins_with_file_name(index: &Row) -> bool {
    index.get::<_, Vec<String>>(0)[0] == provenance::FILE_NAME
}

/// Lets targets be created one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('backfill.target', 0))";

/// Returns what creates the table in its own schema, with an index by which the rows of a file are found. The other
/// schemas of the role's search path are searched too: they may have the types of extensions.
fn create_statements(table: &TableName, contract: &Contract) -> String {
    let create = contract.create.trim().trim_end_matches(';');
    let has_file_name = contract.columns.iter().any(|column| column.name == provenance::FILE_NAME);
    let index = if has_file_name {
        format!("CREATE INDEX ON {} ({});", table.quoted(), provenance::FILE_NAME)
    } else {
        String::new()
    };
    format!(
        "SELECT pg_catalog.set_config('search_path', {schema} || ', ' || \
             pg_catalog.current_setting('search_path'), true);\n\
         {create}\n;\n\
         ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n\
         {index}",
        schema = quote_literal(&quote_identifier(&table.schema)),
        table = table.quoted(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ContractColumn;
    use crate::target::{ODD_TABLE, odd_table};

    fn contract(column: &str) -> Contract {
        let column = ContractColumn {
            name: column.to_owned(),
            data_type: "text".to_owned(),
            nullable: true,
        };
        Contract {
            path: "target.sql".into(),
            create: "CREATE TABLE t (x text) ;\n".to_owned(),
            columns: vec![column],
            references: Vec::new(),
        }
    }

    #[test]
    fn a_table_is_created_in_its_schema_with_an_index_by_file() {
        let statements = create_statements(&odd_table(), &contract("_file_name"));
        let path = r#"set_config('search_path', '"My ""shop"' || ', '"#;
        assert!(statements.contains(path), "{statements}");
        assert!(statements.contains("CREATE TABLE t (x text) \n;\n"), "{statements}");
        assert!(
            statements.contains(&format!("ALTER TABLE {ODD_TABLE} ENABLE ROW LEVEL SECURITY;")),
            "{statements}"
        );
        assert!(
            statements.ends_with(&format!("CREATE INDEX ON {ODD_TABLE} (_file_name);")),
            "{statements}"
        );
        let without = create_statements(&odd_table(), &contract("x"));
        assert!(!without.contains("INDEX"), "{without}");
    }
}
