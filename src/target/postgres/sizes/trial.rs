//! A **trial** puts sampled rows into an empty copy of the target, with its indexes and with what the server fills
//! in, and measures what they take. The copy is a temporary table in a transaction that is rolled back.
//!
//! Nothing stays, and nothing of the target is touched: the copy has no triggers and no foreign keys, and numbers
//! come from a sequence of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use futures::SinkExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::curve::Curve;
use super::tuple::PAGE;
use super::{INDEXES, Index, index};
use crate::domain::{TableName, quote_identifier};
use crate::sql::Contract;
use crate::target::placement::{ROWS, copy_statement, create_rows_statement, list};
use crate::target::postgres::encode::Load;
use crate::target::{Encoder, Error, Target};

/// The copy of the target.
const COPY: &str = "backfill_trial";
/// Where its numbers come from.
const NUMBERS: &str = "backfill_trial_numbers";
/// The rows that are encoded at once.
const PIECE_ROWS: usize = 128;
/// What stands for the id of a load.
const LOAD: Load<'_> = Load { id: "1795376497.4840455" };

/// What rows took in a copy of the target.
#[derive(Clone, Debug)]
pub struct Trial {
    /// How many rows were put in.
    pub rows: u64,
    /// The bytes of a row in the table.
    pub table: f64,
    /// In its TOAST table.
    pub toast: f64,
    /// How the indexes grow that are not plain, or hold columns that the server fills in.
    pub curves: Vec<Curve>,
    /// The indexes of the target; plain are those of which the size is known from the rows as they are given.
    pub indexes: Vec<Index>,
    /// The target, as it is or will be.
    pub target: Target,
    /// The percentage to which its pages are filled.
    pub fill_percent: usize,
}

/// The rows to put in, and where.
#[derive(Clone, Copy, Debug)]
pub struct Trying<'a> {
    /// The rows as `stage.sql` gives them.
    pub batches: &'a [RecordBatch],
    /// What creates the target if it is not there.
    pub contract: &'a Contract,
    /// The columns that hold the same text in every row.
    pub constants: &'a BTreeMap<String, String>,
    /// The file that holds `stage.sql`, for messages.
    pub stage: &'a str,
}

impl Trying<'_> {
    /// Puts the rows into a copy of the target, in a transaction that the caller rolls back; `None` without rows.
    ///
    /// # Errors
    /// [`Error`], whatever the server refuses; the transaction is of no use then.
    pub async fn run(
        self,
        client: &Client,
        table: &TableName,
        target: Option<&Target>,
    ) -> Result<Option<Trial>, Error> {
        let Some(first) = self.batches.first() else { return Ok(None) };
        let (schema, constants) = (first.schema(), self.constants);
        let (target, encoder) = match target {
            Some(target) => (target.clone(), Encoder::new(&schema, target, self.stage, constants)?),
            None => {
                Target::create(client, table, self.contract, &schema, self.stage, constants).await?
            }
        };
        let copy = Copy { client, target: &target, encoder: &encoder };
        let storage = copy.storage().await?;
        copy.create(&storage).await?;
        let before = copy.sizes().await?;
        copy.keep_waiting().await?;
        let rows = copy.fill(self.batches).await?;
        if rows == 0 {
            return Ok(None);
        }
        let after = copy.sizes().await?;
        let curves = copy.curves(&before, &after, rows).await?;
        let each = |bytes: u64| bytes as f64 / rows as f64;
        // Half of the last page is free, on average.
        let table = after.table.saturating_sub(before.table + PAGE as u64 / 2);
        let toast = after.toast.saturating_sub(before.toast);
        let (indexes, fill_percent) = (copy.indexes().await?, storage.fill_percent);
        let (table, toast) = (each(table), each(toast));
        Ok(Some(Trial { rows, table, toast, curves, indexes, target, fill_percent }))
    }
}

/// The copy, and what it is made of.
struct Copy<'a> {
    client: &'a Client,
    target: &'a Target,
    encoder: &'a Encoder,
}

/// How the target stores its rows.
struct Storage {
    options: String,
    fill_percent: usize,
    /// Columns whose default calls a sequence or a function of somebody's own.
    numbered: Vec<(String, String)>,
}

/// What the copy takes.
struct Taken {
    table: u64,
    toast: u64,
    others: Vec<OtherIndex>,
}

/// An index that is not plain.
struct OtherIndex {
    oid: i64,
    method: String,
    bytes: u64,
    /// How long the list of waiting rows may be.
    list: f64,
}

/// The options of the table that decide how full its pages get; `$1` schema, `$2` name. Of partitions, those of any.
const OPTIONS: &str = "\
WITH RECURSIVE tree AS (
  SELECT c.oid, c.reloptions FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
  UNION ALL SELECT c.oid, c.reloptions FROM tree
  JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid)
SELECT option_name, min(option_value::int4)
FROM tree, LATERAL pg_catalog.pg_options_to_table(reloptions)
WHERE option_name IN ('fillfactor', 'toast_tuple_target') GROUP BY 1";

/// The columns whose default calls a sequence, or a function that somebody wrote; `$1` schema, `$2` name.
const NUMBERED: &str = "\
SELECT DISTINCT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attrdef d
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
JOIN pg_catalog.pg_class c ON c.oid = d.adrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid
LEFT JOIN pg_catalog.pg_proc f ON p.refclassid = 'pg_catalog.pg_proc'::regclass AND f.oid = p.refobjid
LEFT JOIN pg_catalog.pg_language l ON l.oid = f.prolang
WHERE n.nspname = $1 AND c.relname = $2 AND a.attidentity = '' AND a.attgenerated = ''
  AND (pg_catalog.pg_get_expr(d.adbin, d.adrelid) ILIKE '%nextval%' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) ILIKE '%setval%'
       OR f.provolatile = 'v' AND l.lanname NOT IN ('c', 'internal'))";

/// What the copy takes.
const TAKEN: &str = "\
SELECT pg_catalog.pg_relation_size(c.oid),
       coalesce(pg_catalog.pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0)
FROM pg_catalog.pg_class c WHERE c.oid = $1::regclass";

/// The indexes of the copy that are not plain, or hold columns besides those that are given; `$2` these.
const OTHERS: &str = "\
SELECT x.oid::int8, m.amname::text, pg_catalog.pg_relation_size(x.oid),
       coalesce((SELECT option_value::float8 FROM pg_catalog.pg_options_to_table(x.reloptions)
                 WHERE option_name = 'gin_pending_list_limit'),
                (SELECT setting::float8 FROM pg_catalog.pg_settings WHERE name = 'gin_pending_list_limit')) * 1024
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
WHERE i.indrelid = $1::regclass
  AND (m.amname <> 'btree' OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
       OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid
                  AND a.attnum = ANY (i.indkey) AND a.attname::text <> ALL ($2)))
ORDER BY 1";

impl Copy<'_> {
    /// Asks how the target stores rows.
    async fn storage(&self) -> Result<Storage, Error> {
        let options = self.ask(OPTIONS).await?;
        let numbered = self.ask(NUMBERED).await?;
        let mut fill_percent = 100;
        let mut texts = Vec::new();
        for row in &options {
            let (name, value): (String, i32) = (row.get(0), row.get(1));
            if name == "fillfactor" {
                fill_percent = usize::try_from(value).unwrap_or(100);
            }
            texts.push(format!("{name} = {value}"));
        }
        let options = match texts.is_empty() {
            true => String::new(),
            false => format!("WITH ({})", texts.join(", ")),
        };
        let numbered = numbered.iter().map(|row| (row.get(0), row.get(1))).collect();
        Ok(Storage { options, fill_percent, numbered })
    }

    /// Creates the copy, and the table from which it gets its rows. Values there are neither compressed nor of
    /// another storage: the copy does with them what the target would.
    async fn create(&self, storage: &Storage) -> Result<(), Error> {
        let names = self.given();
        let numbered = storage.numbered.iter().map(|(name, of)| {
            let name = quote_identifier(name);
            format!(
                "ALTER TABLE pg_temp.{COPY} ALTER COLUMN {name} SET DEFAULT \
                     pg_catalog.nextval('pg_temp.{NUMBERS}')::text::{of};\n"
            )
        });
        let statements = format!(
            "CREATE TEMPORARY TABLE {COPY} (LIKE {} INCLUDING ALL EXCLUDING CONSTRAINTS EXCLUDING COMMENTS \
             EXCLUDING STATISTICS) {} ON COMMIT DROP;\n\
             CREATE TEMPORARY SEQUENCE {NUMBERS};\n{}{};\n{PLAIN}",
            self.target.table.quoted(),
            storage.options,
            numbered.collect::<String>(),
            create_rows_statement(&self.target.table, &names),
        );
        self.client.batch_execute(&statements).await.map_err(self.doing())
    }

    /// Lets rows wait as long as they are not sorted in on purpose.
    async fn keep_waiting(&self) -> Result<(), Error> {
        self.client.batch_execute(WAITING).await.map_err(self.doing())
    }

    /// Puts the rows in; returns how many there are now.
    async fn fill(&self, batches: &[RecordBatch]) -> Result<u64, Error> {
        let names = self.given();
        let copy = copy_statement(&format!("pg_temp.{ROWS}"), &names);
        let sink = self.client.copy_in(&copy).await.map_err(self.doing())?;
        let mut sink = Box::pin(sink);
        for batch in batches {
            for first in (0..batch.num_rows()).step_by(PIECE_ROWS) {
                let piece = batch.slice(first, PIECE_ROWS.min(batch.num_rows() - first));
                let mut bytes = Vec::new();
                self.encoder.encode(&piece, LOAD, &mut bytes)?;
                sink.send(Bytes::from(bytes)).await.map_err(self.doing())?;
            }
        }
        sink.as_mut().finish().await.map_err(self.doing())?;
        let columns = list(&names, "");
        let statement = format!(
            "INSERT INTO pg_temp.{COPY} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} \
             FROM pg_temp.{ROWS} ON CONFLICT DO NOTHING"
        );
        self.client.execute_typed(&statement, &[]).await.map_err(self.doing())
    }

    async fn sizes(&self) -> Result<Taken, Error> {
        let name = format!("pg_temp.{COPY}");
        let row = self.client.query_typed_one(TAKEN, &[(&name, Type::TEXT)]).await;
        let row = row.map_err(self.doing())?;
        let given: Vec<&str> = self.given();
        let others = [(&name as &(dyn ToSql + Sync), Type::TEXT), (&given, Type::TEXT_ARRAY)];
        let others = self.client.query_typed(OTHERS, &others).await;
        let bytes = |row: &Row, place| row.get::<_, i64>(place).unsigned_abs();
        let other = |row: &Row| OtherIndex {
            oid: row.get(0),
            method: row.get(1),
            bytes: bytes(row, 2),
            list: row.get(3),
        };
        let others = others.map_err(self.doing())?.iter().map(other).collect();
        Ok(Taken { table: bytes(&row, 0), toast: bytes(&row, 1), others })
    }

    /// How the indexes grow that are not plain.
    async fn curves(&self, before: &Taken, after: &Taken, rows: u64) -> Result<Vec<Curve>, Error> {
        let mut curves = Vec::new();
        for (empty, full) in before.others.iter().zip(&after.others) {
            let grown = full.bytes.saturating_sub(empty.bytes) as f64 / rows as f64;
            curves.push(match full.method.as_str() {
                "hash" => Curve::Hash,
                "gin" => {
                    let full = OtherIndex { list: empty.list, method: String::new(), ..*full };
                    self.inverted(&full, grown, rows).await?
                }
                _ => Curve::Steady(grown),
            });
        }
        Ok(curves)
    }

    /// Has the rows sorted in that wait.
    async fn inverted(&self, full: &OtherIndex, waiting: f64, rows: u64) -> Result<Curve, Error> {
        let statement = "SELECT pg_catalog.gin_clean_pending_list($1::int8::oid::regclass)";
        let oid = [(&full.oid as &(dyn ToSql + Sync), Type::INT8)];
        self.client.query_typed_one(statement, &oid).await.map_err(self.doing())?;
        let size = "SELECT pg_catalog.pg_relation_size($1::int8::oid)";
        let row = self.client.query_typed_one(size, &oid).await.map_err(self.doing())?;
        let sorted = row.get::<_, i64>(0).unsigned_abs().saturating_sub(full.bytes);
        Ok(match sorted {
            0 => Curve::Steady(waiting),
            sorted => {
                Curve::Inverted { waiting, sorted: sorted as f64 / rows as f64, list: full.list }
            }
        })
    }

    /// The indexes of the target itself.
    async fn indexes(&self) -> Result<Vec<Index>, Error> {
        let mut indexes: Vec<Index> = self.ask(INDEXES).await?.iter().map(index).collect();
        let given = self.given();
        for index in &mut indexes {
            let mut columns = index.columns.iter().chain(&index.included);
            index.is_plain &= columns.all(|column| given.contains(&column.as_str()));
        }
        Ok(indexes)
    }

    /// The columns that rows are given for. What the server fills in the others with is not known beforehand.
    fn given(&self) -> Vec<&str> {
        self.encoder.columns().map(|column| column.name.as_str()).collect()
    }

    /// Asks something of the target, by its name.
    async fn ask(&self, statement: &str) -> Result<Vec<Row>, Error> {
        let table = &self.target.table;
        let names: [(&(dyn ToSql + Sync), Type); 2] =
            [(&table.schema, Type::TEXT), (&table.name, Type::TEXT)];
        self.client.query_typed(statement, &names).await.map_err(self.doing())
    }

    fn doing(&self) -> impl FnOnce(tokio_postgres::Error) -> Error {
        Error::statement(format!("trying rows out in a copy of {}", self.target.table))
    }
}

/// Makes the lists of the copy's inverted indexes as long as they may be.
const WAITING: &str = "\
DO $$ DECLARE index regclass; BEGIN
  FOR index IN SELECT i.indexrelid FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
    WHERE i.indrelid = 'pg_temp.backfill_trial'::regclass AND m.amname = 'gin'
  LOOP EXECUTE 'ALTER INDEX ' || index || ' SET (gin_pending_list_limit = 2097151)'; END LOOP;
END $$";

/// Has the server keep values as they come.
const PLAIN: &str = "\
DO $$ DECLARE changes text; BEGIN
  SELECT pg_catalog.string_agg(pg_catalog.format('ALTER COLUMN %I SET STORAGE EXTERNAL', attname), ', ') INTO changes
  FROM pg_catalog.pg_attribute WHERE attrelid = 'pg_temp.backfill_rows'::regclass AND attnum > 0 AND attstorage IN ('x', 'm');
  IF changes IS NOT NULL THEN EXECUTE 'ALTER TABLE pg_temp.backfill_rows ' || changes; END IF;
END $$";
