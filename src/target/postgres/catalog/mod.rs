//! The **target**: the Postgres table that rows go into, as the catalog describes it.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::Schema;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

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

pub use column::{Column, columns_of};
pub use definition::Definition;
pub use dependents::{How, MaterializedView, Object, ObjectKind, Reached, Relation, Web};
pub use dlt::{DLT_ID, DLT_LOAD_ID, Dlt};
pub use effects::SideEffects;
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
    /// Columns that the loader of the table fills with one value, as text; known once somebody asked for
    /// them.
    pub single_values: BTreeMap<String, String>,
    /// Columns that the loader of the table fills with values of which none can be taken over, and nobody
    /// gives.
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
    /// The kind that the catalog calls by this letter; or why rows cannot be loaded into it.
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
        let has = |name: &str| columns.iter().any(|column| column.name == name);
        let guest = match has(DLT_ID) && has(DLT_LOAD_ID) && kind == Kind::Table {
            true => Guest::Dlt(Dlt::beside(client, table).await?),
            false => Guest::Unknown,
        };
        let keys = client.query_typed(INDEXES, &[(&oid, Type::INT8)]).await?;
        let is_of_files =
            |row: &&tokio_postgres::Row| row.get::<_, Vec<String>>(0)[0] == provenance::FILE_NAME;
        Ok(Self {
            table: table.clone(),
            has_file_name_index: keys.iter().any(|row| is_of_files(&row)),
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
        let doing = || format!("creating {table} from {}", contract.path.display());
        // Of two runs that start at the same time, one creates it.
        client.batch_execute(LOCK).await.map_err(Error::statement(doing()))?;
        if Self::find(client, table).await?.is_none() {
            if !has_schema(client, &table.schema).await? {
                let create = format!("CREATE SCHEMA {}", quote_identifier(&table.schema));
                client.batch_execute(&create).await.map_err(Error::statement(doing()))?;
            }
            let statements = create_statements(table, contract);
            client.batch_execute(&statements).await.map_err(Error::statement(doing()))?;
        }
        let missing = || Error::Target {
            table: table.to_string(),
            reason: "it is not there after it was created".to_owned(),
        };
        let target = Self::find(client, table).await?.ok_or_else(missing)?;
        let encoder = Encoder::new(staged, &target, stage, constants)?;
        Ok((target, encoder))
    }

    /// Whether it is a view.
    pub fn is_view(&self) -> bool {
        self.kind == Kind::View
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Lets targets be created one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('backfill.target', 0))";

/// Creates the table in its own schema, with an index by which the rows of a file are found. What stands in
/// other schemas of the role's search path, such as the types of extensions, is found too.
fn create_statements(table: &TableName, contract: &Contract) -> String {
    let create = contract.create.trim().trim_end_matches(';');
    let has_file_name = contract.columns.iter().any(|column| column.name == provenance::FILE_NAME);
    let index = match has_file_name {
        true => format!("CREATE INDEX ON {} ({});", table.quoted(), provenance::FILE_NAME),
        false => String::new(),
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
