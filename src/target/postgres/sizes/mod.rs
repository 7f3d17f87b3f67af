//! The **sizes** of the target: how much space the table, its TOAST table and its indexes use on the server's disk,
//! how long its rows are, and how much space further rows will need.

mod curve;
mod index;
mod pglz;
mod stored;
mod trial;
mod tuple;
mod weigh;

use std::collections::BTreeMap;

use serde::Serialize;
use tokio_postgres::{Client, Row};

pub use curve::Curve;
pub use index::Index;
pub use trial::{Trial, TrialRows};
pub use weigh::{IndexedRow, RowBytes, Shape, Weighed};

use super::Target;
use super::catalog::Kind;
use super::parameter::schema_and_name;
use super::row::count;
use crate::domain::{TableName, provenance};
use crate::sql::{Contract, DeclaredIndex, indexes};
use crate::target::Error;
use tuple::LINE_POINTER;

/// How many pages of the table are read to find out how long its rows are.
const SAMPLED_PAGES: f64 = 512.0;

/// The space that the target uses on the server's disk, in bytes.
#[derive(Clone, Debug, Default)]
pub struct Sizes {
    /// The whole database.
    pub database: u64,
    /// The table, without TOAST and indexes.
    pub table: u64,
    /// The TOAST table with its index.
    pub toast: u64,
    /// The indexes.
    pub indexes: Vec<Index>,
    /// The percentage to which pages of the table are filled.
    pub fill_percent: usize,
    /// The number of dead rows per live row, as the server counts them.
    pub dead_share: f64,
    /// The number of live rows, as the server counts them; 0 if it does not know.
    pub live_rows: u64,
    /// Whether it was ever vacuumed, so that the server knows which pages have free space.
    pub is_vacuumed: bool,
    /// How long rows of the table are; `None` if it has none, or is a view.
    pub own: Option<OwnRows>,
}

/// Rows of the table that were sampled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OwnRows {
    /// Their number.
    pub rows: u64,
    /// The bytes of one row, including its share of the page's own data and what was moved to TOAST.
    pub bytes: f64,
    /// The share of the table that is free and can hold further rows of this length.
    pub free_share: f64,
}

/// The server records the free space of a page in steps of this many bytes.
const ROOM_STEP: usize = tuple::PAGE / 256;

/// What is asked of the catalog; `$1` schema, `$2` name. Partitions are added up.
const MEASURE: &str = "\
WITH RECURSIVE tree AS (
  SELECT c.oid, c.reltoastrelid, c.reloptions FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
  UNION ALL SELECT c.oid, c.reltoastrelid, c.reloptions FROM tree
  JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid)
SELECT coalesce(sum(pg_catalog.pg_relation_size(oid)), 0)::int8,
       coalesce(sum(pg_catalog.pg_total_relation_size(nullif(reltoastrelid, 0))), 0)::int8,
       coalesce(sum(pg_catalog.pg_stat_get_dead_tuples(oid)), 0)::float8
         / greatest(coalesce(sum(pg_catalog.pg_stat_get_live_tuples(oid)), 0), 1)::float8,
       coalesce(min((SELECT option_value::int4 FROM pg_catalog.pg_options_to_table(reloptions)
                     WHERE option_name = 'fillfactor')), 100)::int4,
       coalesce(sum(pg_catalog.pg_stat_get_live_tuples(oid)), 0)::int8,
       coalesce(sum(pg_catalog.pg_relation_size(oid, 'vm')), 0) > 0
FROM tree";

/// What is asked about its indexes; `$1` schema, `$2` name. Of a partitioned index, its partitions are added up.
const INDEXES: &str = "\
SELECT x.relname::text, i.indisunique,
       m.amname = 'btree' AND i.indexprs IS NULL AND i.indpred IS NULL,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (num, n)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
             WHERE k.n <= i.indnkeyatts ORDER BY k.n),
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (num, n)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
             WHERE k.n > i.indnkeyatts ORDER BY k.n),
       (SELECT coalesce(sum(pg_catalog.pg_relation_size(part.oid)), 0)::int8
        FROM (SELECT x.oid UNION ALL SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = x.oid) part)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 ORDER BY 1";

/// Measures the target; of one that does not exist, only the database.
///
/// # Errors
/// [`Error::Statement`].
pub async fn measure(client: &Client, target: Option<&Target>) -> Result<Sizes, Error> {
    let database = database_bytes(client).await?;
    let Some(target) = target.filter(|target| target.kind == Kind::Table) else {
        return Ok(Sizes { database, fill_percent: 100, ..Sizes::default() });
    };
    let table = &target.table;
    let (doing, names) = (format!("measuring {table}"), schema_and_name(table));
    let row =
        client.query_typed_one(MEASURE, &names).await.map_err(Error::statement(doing.as_str()))?;
    let indexes = client.query_typed(INDEXES, &names).await.map_err(Error::statement(doing))?;
    let bytes = count(&row, 0);
    let fill_percent = usize::try_from(row.get::<_, i32>(3)).unwrap_or(100);
    Ok(Sizes {
        database,
        table: bytes,
        toast: count(&row, 1),
        dead_share: row.get(2),
        live_rows: count(&row, 4),
        is_vacuumed: row.get(5),
        fill_percent,
        indexes: indexes.iter().map(index).collect(),
        own: own_rows(client, target, bytes, fill_percent).await?,
    })
}

async fn database_bytes(client: &Client) -> Result<u64, Error> {
    let statement = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())";
    let row = client
        .query_typed_one(statement, &[])
        .await
        .map_err(Error::statement("measuring the database"))?;
    Ok(count(&row, 0))
}

fn index(row: &Row) -> Index {
    Index {
        name: row.get(0),
        is_unique: row.get(1),
        is_plain: row.get(2),
        columns: row.get(3),
        included: row.get(4),
        bytes: count(row, 5),
    }
}

/// Asks how much space the rows on sampled pages use, and how much these pages have left. Empty pages have no rows,
/// so they are not among them.
fn own_statement(table: &TableName, percent: f64, usable: usize) -> String {
    format!(
        "WITH held AS (
           SELECT tableoid, ctid,
                  ((pg_catalog.pg_column_size(held.*) + 7) / 8 * 8 + {LINE_POINTER})::float8 AS bytes
           FROM {table} AS held TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1)),
         usual AS (SELECT count(*) AS rows, coalesce(avg(bytes), 1) AS bytes FROM held),
         pages AS (SELECT {usable} - sum(bytes) AS free FROM held
                   GROUP BY tableoid, (ctid::text::point)[0])
         SELECT rows, bytes::float8, (SELECT count(*) FROM pages),
                (SELECT coalesce(sum(floor(free / usual.bytes)), 0)::float8 FROM pages
                 WHERE floor(free / {ROOM_STEP}) >= ceil(usual.bytes / {ROOM_STEP}))
         FROM usual",
        table = table.quoted()
    )
}

/// Measures how long the rows on sampled pages of the table are; dead rows and free space do not count.
async fn own_rows(
    client: &Client,
    target: &Target,
    bytes: u64,
    fill_percent: usize,
) -> Result<Option<OwnRows>, Error> {
    let pages = bytes as f64 / tuple::PAGE as f64;
    let percent = (100.0 * SAMPLED_PAGES / pages.max(1.0)).clamp(0.000_1, 100.0);
    let usable = tuple::usable(fill_percent);
    let row = client
        .query_typed_one(&own_statement(&target.table, percent, usable), &[])
        .await
        .map_err(Error::statement(format!("measuring the rows of {}", target.table)))?;
    let (rows, row_bytes) = (count(&row, 0), row.get::<_, f64>(1));
    let (seen, further_rows) = (row.get::<_, i64>(2) as f64, row.get::<_, f64>(3));
    // Sampled pages that are empty. The number of pages in a sample varies, so a few are not counted.
    let expected = pages * percent / 100.0;
    let chance = if percent < 100.0 { 3.0 * expected.sqrt() } else { 0.0 };
    let empty = (expected - chance - seen).max(0.0);
    let further = further_rows + empty * (usable as f64 / row_bytes).floor();
    let free_share = further * row_bytes / ((seen + empty).max(1.0) * tuple::PAGE as f64);
    // A page has a header of 24 bytes, and some of it is kept free.
    let share = usable as f64 / tuple::PAGE as f64;
    Ok((rows > 0).then(|| OwnRows { rows, bytes: row_bytes / share, free_share }))
}

impl Sizes {
    /// Returns the shape of the target for new rows: as it is, or as `target.sql` will create it.
    pub fn shape(
        &self,
        target: Option<&Target>,
        contract: &Contract,
        constants: &BTreeMap<String, String>,
    ) -> Shape {
        let shape = match target {
            Some(target) => Shape::of_target(target, self.indexes.clone(), self.fill_percent),
            None => Shape::of_contract(contract, declared(contract)),
        };
        shape.with_constants(constants)
    }
}

/// Returns the indexes that a table created from `target.sql` will have.
fn declared(contract: &Contract) -> Vec<Index> {
    let has_file_name = contract.columns.iter().any(|column| column.name == provenance::FILE_NAME);
    let of_file_name = has_file_name.then(|| DeclaredIndex {
        name: provenance::FILE_NAME.to_owned(),
        columns: vec![provenance::FILE_NAME.to_owned()],
        included: Vec::new(),
        is_unique: false,
        is_plain: true,
    });
    indexes(&contract.create).into_iter().chain(of_file_name).map(empty_index).collect()
}

/// An index that is declared, without entries.
fn empty_index(declared: DeclaredIndex) -> Index {
    Index {
        name: declared.name,
        columns: declared.columns,
        included: declared.included,
        is_unique: declared.is_unique,
        is_plain: declared.is_plain,
        bytes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    #[test]
    fn a_sample_of_the_quoted_table_is_measured() {
        let statement = own_statement(&odd_table(), 2.5, 8000);
        assert!(
            statement.contains(&format!("FROM {ODD_TABLE} AS held TABLESAMPLE SYSTEM (2.5)")),
            "{statement}"
        );
        assert!(statement.contains("SELECT 8000 - sum(bytes) AS free"), "{statement}");
    }
}
