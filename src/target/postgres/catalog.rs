//! The **target**: the Postgres table that rows go into, as the catalog describes it.

use datafusion::arrow::datatypes::Schema;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::Encoder;
use super::ledger::has_schema;
use crate::domain::{TableName, quote_identifier};
use crate::sql::Contract;
use crate::target::Error;

/// The target table as the catalog describes it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub table: TableName,
    /// Its columns, in the catalog's order.
    pub columns: Vec<Column>,
    /// What deleting rows would change in tables, by foreign keys: `rows of public.note (constraint
    /// note_t_id_fkey, ON DELETE CASCADE)`.
    pub cascades: Vec<String>,
    /// Triggers and rules of the table's owner that deleting rows sets off.
    pub delete_triggers: Vec<String>,
}

/// A column of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, for people: `numeric(12,2)`.
    pub type_text: String,
    /// The name of its base type: `numeric`, also for a domain over it.
    pub type_name: String,
    /// The category of its base type: `S` for texts, `E` for enums …
    pub category: char,
    /// The type's modifier as the catalog has it; -1 where there is none.
    pub modifier: i32,
    /// Whether it refuses NULL.
    pub not_null: bool,
    /// Whether the server fills it in where it is not given.
    pub has_default: bool,
    /// Whether it is computed, so that it cannot be given.
    pub is_generated: bool,
}

impl Column {
    /// Precision and scale of a `numeric`; nothing where it has no bounds. As PostgreSQL packs them
    /// into the modifier: the scale has eleven bits and a sign.
    pub fn precision_and_scale(&self) -> Option<(i32, i32)> {
        let packed = self.modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
        Some((packed >> 16 & 0xffff, ((packed & 0x7ff) ^ 0x400) - 0x400))
    }
}

/// What is asked of the catalog about a table; `$1` schema, `$2` name.
const DESCRIBE: &str = "\
SELECT c.oid::int8, c.relkind::text, c.relrowsecurity AND row_security_active(c.oid),
       has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'SELECT')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2";

/// What is asked about a table's columns; `$1` its oid.
const COLUMNS: &str = "\
SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
       coalesce(b.typname, t.typname)::text, coalesce(b.typcategory, t.typcategory)::text,
       CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
       a.attnotnull OR t.typnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> ''
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum";

/// What is asked about foreign keys that change other rows when rows are deleted; `$1` the table's oid.
/// Its partitions have keys that refer to them alone. Of a key that stands for one of another table, such
/// as that of a partition for its parent's, the other one counts.
const CASCADES: &str = "\
WITH RECURSIVE tree AS (
    SELECT $1::int8::oid AS oid
    UNION
    SELECT inhrelid FROM pg_catalog.pg_inherits JOIN tree ON inhparent = tree.oid
)
SELECT format('rows of %s (constraint %s, ON DELETE %s)', conrelid::regclass, conname,
              CASE confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END)
FROM pg_catalog.pg_constraint c
WHERE contype = 'f' AND confrelid IN (SELECT oid FROM tree) AND confdeltype IN ('c', 'n', 'd')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint parent
                  WHERE parent.oid = c.conparentid AND parent.confrelid IN (SELECT oid FROM tree))
ORDER BY 1";

/// What is asked about triggers and rules on DELETE, those of partitions included; `$1` the table's oid.
const DELETE_TRIGGERS: &str = "\
WITH RECURSIVE tree AS (
    SELECT $1::int8::oid AS oid
    UNION
    SELECT inhrelid FROM pg_catalog.pg_inherits JOIN tree ON inhparent = tree.oid
)
SELECT tgname::text FROM pg_catalog.pg_trigger
WHERE tgrelid IN (SELECT oid FROM tree)
  AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 8 <> 0
UNION
SELECT rulename::text FROM pg_catalog.pg_rewrite
WHERE ev_class = $1::int8::oid AND ev_type = '4' AND ev_enabled <> 'D'
ORDER BY 1";

impl Target {
    /// Looks the table up; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Target`] where it is no table that rows can be copied into; [`Error::Statement`].
    pub async fn find(client: &Client, table: &TableName) -> Result<Option<Self>, Error> {
        let names: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&table.schema, Type::TEXT), (&table.name, Type::TEXT)];
        let doing = format!("looking up {table}");
        let found = client
            .query_typed_opt(DESCRIBE, &names)
            .await
            .map_err(Error::statement(doing.clone()))?;
        let Some(row) = found else { return Ok(None) };
        let (oid, kind): (i64, String) = (row.get(0), row.get(1));
        let refuse = |reason: &str| {
            Err(Error::Target { table: table.to_string(), reason: reason.to_owned() })
        };
        if !matches!(kind.as_str(), "r" | "p") {
            return refuse("it is no table");
        }
        if row.get::<_, Option<bool>>(2) == Some(true) {
            return refuse("row-level security applies to this user, and COPY refuses that");
        }
        if !row.get::<_, bool>(3) {
            return refuse("this user may not both read it and insert into it");
        }
        let columns = columns_of(client, oid).await.map_err(Error::statement(doing.clone()))?;
        let cascades =
            texts(client, CASCADES, oid).await.map_err(Error::statement(doing.clone()))?;
        let triggers =
            texts(client, DELETE_TRIGGERS, oid).await.map_err(Error::statement(doing))?;
        Ok(Some(Self { table: table.clone(), columns, cascades, delete_triggers: triggers }))
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
        let encoder = Encoder::new(staged, &target, stage)?;
        Ok((target, encoder))
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// The columns of a table, in the catalog's order.
pub(super) async fn columns_of(
    client: &Client,
    oid: i64,
) -> Result<Vec<Column>, tokio_postgres::Error> {
    let rows = client.query_typed(COLUMNS, &[(&oid, Type::INT8)]).await?;
    let columns = rows.iter().map(|row| Column {
        name: row.get(0),
        type_text: row.get(1),
        type_name: row.get(2),
        category: row.get::<_, String>(3).chars().next().unwrap_or('X'),
        modifier: row.get(4),
        not_null: row.get(5),
        has_default: row.get(6),
        is_generated: row.get(7),
    });
    Ok(columns.collect())
}

/// The texts of a query about a table.
async fn texts(
    client: &Client,
    statement: &str,
    oid: i64,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let rows = client.query_typed(statement, &[(&oid, Type::INT8)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Lets targets be created one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('backfill.target', 0))";

/// Creates the table in its own schema.
fn create_statements(table: &TableName, contract: &Contract) -> String {
    let create = contract.create.trim().trim_end_matches(';');
    format!(
        "SET LOCAL search_path = {schema}, pg_catalog;\n\
         {create}\n;\n\
         ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
        schema = quote_identifier(&table.schema),
        table = table.quoted(),
    )
}
