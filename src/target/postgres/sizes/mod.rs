//! The **sizes** of the target: what the table, its TOAST table and its indexes take on the server's disk,
//! how many bytes its rows have, and what further rows will take.

mod curve;
mod index;
mod pglz;
mod stored;
mod trial;
mod tuple;
mod weigh;

use std::collections::BTreeMap;

use serde::Serialize;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

pub use curve::Curve;
pub use index::Index;
pub use trial::{Trial, Trying};
pub use weigh::{IndexedRow, RowBytes, Shape, Weighed};

use super::Target;
use super::catalog::Kind;
use crate::domain::provenance;
use crate::sql::{Contract, DeclaredIndex, indexes};
use crate::target::Error;
use tuple::LINE_POINTER;

/// How many pages of the table are read to see how long its rows are.
const SAMPLED_PAGES: f64 = 512.0;

/// What the target takes on the server's disk.
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
    /// Rows that the server says are dead, for each row that lives.
    pub dead_share: f64,
    /// Rows that the server says are there; 0 if it does not know.
    pub live_rows: u64,
    /// Whether it was vacuumed at some time, so that the server knows where there is room.
    pub is_vacuumed: bool,
    /// How long rows of the table are; `None` if it has none, or is a view.
    pub own: Option<OwnRows>,
}

/// Rows of the table that were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OwnRows {
    /// How many.
    pub rows: u64,
    /// The bytes that one takes, with what its page needs for it; what was moved to TOAST included.
    pub bytes: f64,
    /// The share of the table that is free and holds further rows of this length.
    pub free_share: f64,
}

/// The server knows the room on a page to so many bytes.
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
    let doing = || Error::statement(format!("measuring {table}"));
    let names: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&table.schema, Type::TEXT), (&table.name, Type::TEXT)];
    let row = client.query_typed_one(MEASURE, &names).await.map_err(doing())?;
    let indexes = client.query_typed(INDEXES, &names).await.map_err(doing())?;
    let bytes = row.get::<_, i64>(0).unsigned_abs();
    let fill_percent = usize::try_from(row.get::<_, i32>(3)).unwrap_or(100);
    Ok(Sizes {
        database,
        table: bytes,
        toast: row.get::<_, i64>(1).unsigned_abs(),
        dead_share: row.get(2),
        live_rows: row.get::<_, i64>(4).unsigned_abs(),
        is_vacuumed: row.get(5),
        fill_percent,
        indexes: indexes.iter().map(index).collect(),
        own: own_rows(client, target, bytes, fill_percent).await?,
    })
}

async fn database_bytes(client: &Client) -> Result<u64, Error> {
    let statement = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())";
    let row = client.query_typed_one(statement, &[]).await;
    let row = row.map_err(Error::statement("measuring the database"))?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

fn index(row: &Row) -> Index {
    Index {
        name: row.get(0),
        is_unique: row.get(1),
        is_plain: row.get(2),
        columns: row.get(3),
        included: row.get(4),
        bytes: row.get::<_, i64>(5).unsigned_abs(),
    }
}

/// What the rows on some pages take, and what these pages have left. Empty pages have no rows, and are not among
/// them.
fn own_statement(target: &Target, percent: f64, usable: usize) -> String {
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
        table = target.table.quoted()
    )
}

/// How long the rows on some pages of the table are: dead rows and empty room on them do not count.
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
        .query_typed_one(&own_statement(target, percent, usable), &[])
        .await
        .map_err(Error::statement(format!("measuring the rows of {}", target.table)))?;
    let (rows, row_bytes) = (row.get::<_, i64>(0).unsigned_abs(), row.get::<_, f64>(1));
    let (seen, further_rows) = (row.get::<_, i64>(2) as f64, row.get::<_, f64>(3));
    // Pages that were looked at, and hold nothing: how many pages a sample has is a matter of chance.
    let expected = pages * percent / 100.0;
    let chance = if percent < 100.0 { 3.0 * expected.sqrt() } else { 0.0 };
    let empty = (expected - chance - seen).max(0.0);
    let further = further_rows + empty * (usable as f64 / row_bytes).floor();
    let free_share = further * row_bytes / ((seen + empty).max(1.0) * tuple::PAGE as f64);
    // Of a page, 24 bytes are its header, and some are kept free.
    let share = usable as f64 / tuple::PAGE as f64;
    Ok((rows > 0).then(|| OwnRows { rows, bytes: row_bytes / share, free_share }))
}

impl Sizes {
    /// What the target looks like to rows that come: as it is, or as `target.sql` will create it.
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

/// The indexes that a table will have which is created from `target.sql`.
fn declared(contract: &Contract) -> Vec<Index> {
    let index = |declared: DeclaredIndex| Index {
        name: declared.name,
        columns: declared.columns,
        included: declared.included,
        is_unique: declared.is_unique,
        is_plain: declared.is_plain,
        bytes: 0,
    };
    let has_file_name = contract.columns.iter().any(|column| column.name == provenance::FILE_NAME);
    let of_file_name = has_file_name.then(|| DeclaredIndex {
        name: provenance::FILE_NAME.to_owned(),
        columns: vec![provenance::FILE_NAME.to_owned()],
        included: Vec::new(),
        is_unique: false,
        is_plain: true,
    });
    indexes(&contract.create).into_iter().chain(of_file_name).map(index).collect()
}
