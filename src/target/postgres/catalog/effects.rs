//! The **side effects** of writing to the target: what foreign keys, triggers and rules do to other
//! tables and rows.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::domain::{TableName, provenance, quote_identifier};

/// What writing to the target does to other tables and rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideEffects {
    /// What deleting rows would change in other tables, by foreign keys: first in those that refer to the
    /// target, then in those that refer to these.
    pub cascades: Vec<Cascade>,
    /// Whether tables refer to each other in a circle, so that more rows may follow than are counted.
    pub is_circular: bool,
    /// What changing the columns that foreign keys refer to would change in other tables.
    pub update_cascades: Vec<Cascade>,
    /// Triggers and rules of the table's owner that inserting rows sets off.
    pub insert_triggers: Vec<String>,
    /// Those that updating rows sets off.
    pub update_triggers: Vec<String>,
    /// Those that deleting rows sets off.
    pub delete_triggers: Vec<String>,
}

/// A foreign key that changes the rows that refer to a row when that is deleted or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cascade {
    /// The table that refers, by oid and by name, quoted if it must be.
    oid: i64,
    table: String,
    /// The name of the constraint.
    constraint: String,
    /// `DELETE CASCADE`, `UPDATE SET NULL` …
    action: String,
    /// The columns that refer, and those that they refer to.
    columns: Vec<(String, String)>,
    /// The foreign key that deletes the rows that it refers to; `None` if they are the target's.
    through: Option<Box<Cascade>>,
}

impl Cascade {
    /// Describes the foreign key: `rows of public.note (constraint note_t_id_fkey, ON DELETE CASCADE)`.
    pub fn describe(&self) -> String {
        let Self { table, constraint, action, .. } = self;
        format!("rows of {table} (constraint {constraint}, ON {action})")
    }

    /// Returns the columns that it refers to.
    pub fn columns_of_target(&self) -> Vec<String> {
        self.columns.iter().map(|(_, to)| to.clone()).collect()
    }

    /// Counts the foreign keys between the target and this one.
    fn depth(&self) -> usize {
        self.through.as_ref().map_or(0, |through| through.depth() + 1)
    }

    /// Returns the SQL condition that the row `alias` of the table refers, by one step or several, to a row of the
    /// files that are deleted: `$1` their names.
    fn condition(&self, alias: &str, target: &TableName) -> String {
        let (table, referred, rest) = match &self.through {
            None => (
                target.quoted(),
                "held".to_owned(),
                format!("held.{} = ANY($1)", provenance::FILE_NAME),
            ),
            Some(through) => {
                let referred = format!("t{}", through.depth());
                let rest = through.condition(&referred, target);
                (through.table.clone(), referred, rest)
            }
        };
        let refers = self.columns.iter().map(|(from, to)| {
            format!("{alias}.{} = {referred}.{}", quote_identifier(from), quote_identifier(to))
        });
        let refers = refers.collect::<Vec<_>>().join(" AND ");
        format!("EXISTS (SELECT FROM {table} AS {referred} WHERE {refers} AND {rest})")
    }

    /// Whether it is the same foreign key, perhaps reached through other tables.
    fn is_same_key(&self, other: &Self) -> bool {
        self.oid == other.oid && self.constraint == other.constraint
    }

    /// Whether the rows that refer are deleted themselves, and not only changed.
    fn deletes(&self) -> bool {
        self.action == "DELETE CASCADE"
    }

    /// Whether the path to it passes a table.
    fn passes(&self, oid: i64) -> bool {
        self.oid == oid || self.through.as_ref().is_some_and(|through| through.passes(oid))
    }
}

/// Counts the rows that refer to rows of files by one foreign key, over all paths that lead to it: `$1` the names of
/// the files.
fn count_statement(paths: &[&Cascade], target: &TableName) -> String {
    let table = paths.first().map_or("", |path| path.table.as_str());
    let conditions: Vec<String> =
        paths.iter().map(|path| path.condition("referring", target)).collect();
    format!("SELECT count(*) FROM {table} AS referring WHERE {}", conditions.join(" OR "))
}

/// What is asked about foreign keys that change other rows when rows are deleted (`$2` is `d`) or changed (`u`);
/// `$1` the table's oid. Its partitions have keys that refer to them alone. Of a key that stands for one of
/// another table, such as that of a partition for its parent's, the other one counts.
const CASCADES: &str = "\
WITH RECURSIVE tree AS (
    SELECT $1::int8::oid AS oid
    UNION
    SELECT inhrelid FROM pg_catalog.pg_inherits JOIN tree ON inhparent = tree.oid
)
SELECT conrelid::int8, conrelid::regclass::text, conname::text,
       CASE $2 WHEN 'd' THEN 'DELETE ' ELSE 'UPDATE ' END ||
       CASE taken.action WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(conkey) WITH ORDINALITY k (num, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.num),
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(confkey) WITH ORDINALITY k (num, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = confrelid AND a.attnum = k.num)
FROM pg_catalog.pg_constraint c
CROSS JOIN LATERAL (SELECT CASE $2 WHEN 'd' THEN confdeltype ELSE confupdtype END) AS taken (action)
WHERE contype = 'f' AND confrelid IN (SELECT oid FROM tree) AND taken.action IN ('c', 'n', 'd')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint parent
                  WHERE parent.oid = c.conparentid AND parent.confrelid IN (SELECT oid FROM tree))
ORDER BY 2, 3";

/// Finds the foreign keys that change other rows if rows of the table with this oid are deleted (`d`) or changed (`u`).
async fn cascades(
    client: &Client,
    oid: i64,
    event: &str,
    through: Option<&Cascade>,
) -> Result<Vec<Cascade>, tokio_postgres::Error> {
    let rows = client.query_typed(CASCADES, &[(&oid, Type::INT8), (&event, Type::TEXT)]).await?;
    Ok(rows.iter().map(|row| cascade(row, through)).collect())
}

fn cascade(row: &Row, through: Option<&Cascade>) -> Cascade {
    let (from, to): (Vec<String>, Vec<String>) = (row.get(4), row.get(5));
    Cascade {
        oid: row.get(0),
        table: row.get(1),
        constraint: row.get(2),
        action: row.get(3),
        columns: from.into_iter().zip(to).collect(),
        through: through.cloned().map(Box::new),
    }
}

/// Finds the foreign keys that deleting rows of the table with this oid would follow, step by step, each path up to
/// the first table that comes again; and whether there is such a table.
async fn all_cascades(
    client: &Client,
    oid: i64,
) -> Result<(Vec<Cascade>, bool), tokio_postgres::Error> {
    let mut found = cascades(client, oid, "d", None).await?;
    let mut is_circular = found.iter().any(|cascade| cascade.oid == oid && cascade.deletes());
    let mut next = 0;
    while next < found.len() && found.len() < MAX_CASCADES {
        let cascade = found[next].clone();
        next += 1;
        if !cascade.deletes() || cascade.oid == oid {
            continue;
        }
        for further in cascades(client, cascade.oid, "d", Some(&cascade)).await? {
            let comes_again = cascade.passes(further.oid) || further.oid == oid;
            is_circular |= comes_again;
            if !comes_again || !found.iter().any(|known| known.is_same_key(&further)) {
                found.push(further);
            }
        }
    }
    let is_cut_short = found.len() >= MAX_CASCADES;
    Ok((found, is_circular || is_cut_short))
}

/// The largest number of foreign keys that are followed.
const MAX_CASCADES: usize = 100;

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
        let (delete_cascades, is_circular) = all_cascades(client, oid).await?;
        let mut effects = Self {
            cascades: delete_cascades,
            is_circular,
            update_cascades: cascades(client, oid, "u", None).await?,
            ..Self::default()
        };
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

    /// Describes the foreign keys that deleting rows of these files would follow, each with the number of rows
    /// that it would change.
    pub async fn describe_cascades(
        &self,
        client: &Client,
        target: &TableName,
        names: &[String],
    ) -> Result<Vec<String>, tokio_postgres::Error> {
        let mut described = Vec::new();
        for (place, cascade) in self.cascades.iter().enumerate() {
            if self.cascades[..place].iter().any(|earlier| earlier.is_same_key(cascade)) {
                continue;
            }
            let paths: Vec<&Cascade> =
                self.cascades.iter().filter(|other| other.is_same_key(cascade)).collect();
            let statement = count_statement(&paths, target);
            let row = client.query_typed_one(&statement, &[(&names, Type::TEXT_ARRAY)]).await?;
            let rows: i64 = row.get(0);
            let at_least = if self.is_circular { "at least " } else { "" };
            described.push(format!("{at_least}{rows} {}", cascade.describe()));
        }
        Ok(described)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    fn cascade(table: &str, columns: (&str, &str), through: Option<Cascade>) -> Cascade {
        Cascade {
            oid: 1,
            table: table.to_owned(),
            constraint: format!("{table}_fkey"),
            action: "DELETE CASCADE".to_owned(),
            columns: vec![(columns.0.to_owned(), columns.1.to_owned())],
            through: through.map(Box::new),
        }
    }

    #[test]
    fn rows_are_counted_along_every_path_to_the_target() {
        let direct = cascade("note", ("or\"der", "id"), None);
        let line = cascade("line", ("order_id", "id"), None);
        let through = cascade("note", ("line_id", "id"), Some(line));
        assert_eq!(
            count_statement(&[&direct, &through], &odd_table()),
            format!(
                "SELECT count(*) FROM note AS referring \
                 WHERE EXISTS (SELECT FROM {ODD_TABLE} AS held WHERE referring.\"or\"\"der\" = held.\"id\" \
                 AND held._file_name = ANY($1)) \
                 OR EXISTS (SELECT FROM line AS t0 WHERE referring.\"line_id\" = t0.\"id\" \
                 AND EXISTS (SELECT FROM {ODD_TABLE} AS held WHERE t0.\"order_id\" = held.\"id\" \
                 AND held._file_name = ANY($1)))"
            )
        );
    }
}
