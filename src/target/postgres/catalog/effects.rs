//! The **side effects** of writing to the target: what foreign keys, triggers and rules do to other
//! tables and rows.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::domain::{TableName, provenance, quote_identifier};

/// What writing to the target does besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideEffects {
    /// What deleting rows would change in other tables, by foreign keys.
    pub cascades: Vec<Cascade>,
    /// Triggers and rules of the table's owner that inserting rows sets off.
    pub insert_triggers: Vec<String>,
    /// Those that updating rows sets off.
    pub update_triggers: Vec<String>,
    /// Those that deleting rows sets off.
    pub delete_triggers: Vec<String>,
}

/// A foreign key that changes the rows that refer to a row of the target when that is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cascade {
    /// The table that refers to the target, quoted where it must be.
    table: String,
    /// The name of the constraint.
    constraint: String,
    /// `CASCADE`, `SET NULL` or `SET DEFAULT`.
    action: String,
    /// The columns that refer, and those of the target that they refer to.
    columns: Vec<(String, String)>,
}

impl Cascade {
    /// The foreign key in words: `rows of public.note (constraint note_t_id_fkey, ON DELETE CASCADE)`.
    pub fn describe(&self) -> String {
        let Self { table, constraint, action, .. } = self;
        format!("rows of {table} (constraint {constraint}, ON DELETE {action})")
    }

    /// Counts the rows that refer to rows of files: `$1` the names of the files.
    fn count_statement(&self, target: &TableName) -> String {
        let pairs: Vec<String> = self
            .columns
            .iter()
            .map(|(from, to)| {
                format!("referring.{} = held.{}", quote_identifier(from), quote_identifier(to))
            })
            .collect();
        format!(
            "SELECT count(*) FROM {} AS referring WHERE EXISTS (SELECT FROM {} AS held \
             WHERE {} AND held.{} = ANY($1))",
            self.table,
            target.quoted(),
            pairs.join(" AND "),
            provenance::FILE_NAME
        )
    }
}

/// What is asked about foreign keys that change other rows when rows are deleted; `$1` the table's oid.
/// Its partitions have keys that refer to them alone. Of a key that stands for one of another table, such
/// as that of a partition for its parent's, the other one counts.
const CASCADES: &str = "\
WITH RECURSIVE tree AS (
    SELECT $1::int8::oid AS oid
    UNION
    SELECT inhrelid FROM pg_catalog.pg_inherits JOIN tree ON inhparent = tree.oid
)
SELECT conrelid::regclass::text, conname::text,
       CASE confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(conkey) WITH ORDINALITY k (num, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.num),
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(confkey) WITH ORDINALITY k (num, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = confrelid AND a.attnum = k.num)
FROM pg_catalog.pg_constraint c
WHERE contype = 'f' AND confrelid IN (SELECT oid FROM tree) AND confdeltype IN ('c', 'n', 'd')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint parent
                  WHERE parent.oid = c.conparentid AND parent.confrelid IN (SELECT oid FROM tree))
ORDER BY 1, 2";

/// What is asked about triggers and rules, those of partitions included; `$1` the table's oid. Columns:
/// name, and whether INSERT, UPDATE and DELETE set it off.
const TRIGGERS: &str = "\
WITH RECURSIVE tree AS (
    SELECT $1::int8::oid AS oid
    UNION
    SELECT inhrelid FROM pg_catalog.pg_inherits JOIN tree ON inhparent = tree.oid
)
SELECT tgname::text, bool_or(tgtype & 4 <> 0), bool_or(tgtype & 16 <> 0), bool_or(tgtype & 8 <> 0)
FROM pg_catalog.pg_trigger
WHERE tgrelid IN (SELECT oid FROM tree) AND NOT tgisinternal AND tgenabled NOT IN ('D', 'R')
GROUP BY 1
UNION
SELECT rulename::text, ev_type = '3', ev_type = '2', ev_type = '4' FROM pg_catalog.pg_rewrite
WHERE ev_class = $1::int8::oid AND ev_type <> '1' AND ev_enabled NOT IN ('D', 'R')
ORDER BY 1";

impl SideEffects {
    /// Asks the catalog about the table with this oid.
    pub async fn of(client: &Client, oid: i64) -> Result<Self, tokio_postgres::Error> {
        let mut effects = Self::default();
        for row in client.query_typed(CASCADES, &[(&oid, Type::INT8)]).await? {
            let (from, to): (Vec<String>, Vec<String>) = (row.get(3), row.get(4));
            effects.cascades.push(Cascade {
                table: row.get(0),
                constraint: row.get(1),
                action: row.get(2),
                columns: from.into_iter().zip(to).collect(),
            });
        }
        for row in client.query_typed(TRIGGERS, &[(&oid, Type::INT8)]).await? {
            let name: String = row.get(0);
            let lists = [
                &mut effects.insert_triggers,
                &mut effects.update_triggers,
                &mut effects.delete_triggers,
            ];
            for (index, list) in lists.into_iter().enumerate() {
                if row.get::<_, bool>(index + 1) {
                    list.push(name.clone());
                }
            }
        }
        Ok(effects)
    }

    /// The foreign keys that deleting rows of these files would follow, each with the number of rows
    /// that it would change.
    pub async fn describe_cascades(
        &self,
        client: &Client,
        target: &TableName,
        names: &[String],
    ) -> Result<Vec<String>, tokio_postgres::Error> {
        let mut described = Vec::new();
        for cascade in &self.cascades {
            let statement = cascade.count_statement(target);
            let row = client.query_typed_one(&statement, &[(&names, Type::TEXT_ARRAY)]).await?;
            let rows: i64 = row.get(0);
            described.push(format!("{rows} {}", cascade.describe()));
        }
        Ok(described)
    }
}
