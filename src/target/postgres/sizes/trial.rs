//! A **trial** puts sampled rows into an empty copy of the target, with its indexes and with what the server fills
//! in, and measures the space that they use. The copy is a temporary table in a transaction that is rolled back.
//!
//! Nothing remains, and the target is not touched: the copy has no triggers and no foreign keys, and its numbers come
//! from a sequence of its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use futures::SinkExt;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::curve::Curve;
use super::tuple::PAGE;
use super::{INDEXES, Index, index};
use crate::domain::{TableName, quote_identifier};
use crate::sql::Contract;
use crate::target::placement::{ROWS, copy_statement, create_rows_statement, list};
use crate::target::postgres::encode::Load;
use crate::target::postgres::parameter::{Parameter, schema_and_name};
use crate::target::postgres::row::count;
use crate::target::{Encoder, Error, Target};

/// The copy of the target.
const COPY: &str = "backfill_trial";
/// The sequence from which its numbers come.
const NUMBERS: &str = "backfill_trial_numbers";
/// The rows that are encoded at once.
const PIECE_ROWS: usize = 128;
/// An id of a load as in a real one.
const LOAD: Load<'_> = Load { id: "1795376497.4840455" };

/// How much space rows used in a copy of the target.
#[derive(Clone, Debug)]
pub struct Trial {
    /// How many rows were inserted.
    pub rows: u64,
    /// The bytes per row in the table.
    pub table: f64,
    /// The bytes per row in its TOAST table.
    pub toast: f64,
    /// How those indexes grow that are not plain, or hold columns that the server fills in.
    pub curves: Vec<Curve>,
    /// The indexes of the target. Those whose size can be calculated from the given rows are marked as plain.
    pub indexes: Vec<Index>,
    /// The target, as it is or will be.
    pub target: Target,
    /// The percentage to which its pages are filled.
    pub fill_percent: usize,
}

/// The rows to insert, and what describes their target.
#[derive(Clone, Copy, Debug)]
pub struct TrialRows<'a> {
    /// The rows as `stage.sql` gives them.
    pub batches: &'a [RecordBatch],
    /// What creates the target if it is not there.
    pub contract: &'a Contract,
    /// The columns that hold the same text in every row.
    pub constants: &'a BTreeMap<String, String>,
    /// The file that holds `stage.sql`, for messages.
    pub stage: &'a str,
}

impl TrialRows<'_> {
    /// Inserts the rows into a copy of the target, in a transaction that the caller rolls back; `None` without rows.
    ///
    /// # Errors
    /// [`Error`], whatever the server refuses; the transaction is aborted then.
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
        // Half of the last page is free, on average.
        let table_bytes = after.table.saturating_sub(before.table + PAGE as u64 / 2);
        let toast_bytes = after.toast.saturating_sub(before.toast);
        Ok(Some(Trial {
            rows,
            table: table_bytes as f64 / rows as f64,
            toast: toast_bytes as f64 / rows as f64,
            curves,
            indexes: copy.indexes().await?,
            fill_percent: storage.fill_percent,
            target,
        }))
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
    /// Columns whose default calls a sequence or a user's function.
    numbered: Vec<(String, String)>,
}

/// The space that the copy uses.
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

impl OtherIndex {
    fn of(row: &Row) -> Self {
        Self { oid: row.get(0), method: row.get(1), bytes: count(row, 2), list: row.get(3) }
    }
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

/// Asks for the space that the copy uses.
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
        let mut fill_percent = 100;
        let mut texts = Vec::new();
        for row in &self.ask(OPTIONS).await? {
            let (name, value): (String, i32) = (row.get(0), row.get(1));
            if name == "fillfactor" {
                fill_percent = usize::try_from(value).unwrap_or(100);
            }
            texts.push(format!("{name} = {value}"));
        }
        let options =
            if texts.is_empty() { String::new() } else { format!("WITH ({})", texts.join(", ")) };
        let numbered =
            self.ask(NUMBERED).await?.iter().map(|row| (row.get(0), row.get(1))).collect();
        Ok(Storage { options, fill_percent, numbered })
    }

    /// Creates the copy, and the table from which it gets its rows. Values there are not compressed, so that the copy
    /// does with them what the target would.
    async fn create(&self, storage: &Storage) -> Result<(), Error> {
        let statements = create_statements(&self.target.table, storage, &self.given());
        self.client.batch_execute(&statements).await.map_err(self.failed())
    }

    /// Lets rows wait in the lists of inverted indexes until they are sorted in on purpose.
    async fn keep_waiting(&self) -> Result<(), Error> {
        self.client.batch_execute(WAITING).await.map_err(self.failed())
    }

    /// Inserts the rows; returns their number.
    async fn fill(&self, batches: &[RecordBatch]) -> Result<u64, Error> {
        let names = self.given();
        let copy = copy_statement(&format!("pg_temp.{ROWS}"), &names);
        let opened = self.client.copy_in(&copy).await;
        let mut sink = Box::pin(opened.map_err(self.failed())?);
        for batch in batches {
            for first in (0..batch.num_rows()).step_by(PIECE_ROWS) {
                let piece = batch.slice(first, PIECE_ROWS.min(batch.num_rows() - first));
                let mut bytes = Vec::new();
                self.encoder.encode(&piece, LOAD, &mut bytes)?;
                sink.send(Bytes::from(bytes)).await.map_err(self.failed())?;
            }
        }
        sink.as_mut().finish().await.map_err(self.failed())?;
        self.client.execute_typed(&insert_statement(&names), &[]).await.map_err(self.failed())
    }

    /// Measures the space that the copy uses.
    async fn sizes(&self) -> Result<Taken, Error> {
        let name = format!("pg_temp.{COPY}");
        let taken = self.client.query_typed_one(TAKEN, &[(&name, Type::TEXT)]).await;
        let row = taken.map_err(self.failed())?;
        let given: Vec<&str> = self.given();
        let name_and_columns: [Parameter<'_>; 2] =
            [(&name, Type::TEXT), (&given, Type::TEXT_ARRAY)];
        let others = self.client.query_typed(OTHERS, &name_and_columns).await;
        let others = others.map_err(self.failed())?.iter().map(OtherIndex::of).collect();
        Ok(Taken { table: count(&row, 0), toast: count(&row, 1), others })
    }

    /// Finds out how those indexes grow that are not plain.
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

    /// Makes the server sort in the rows that wait, and measures how an inverted index grows.
    async fn inverted(&self, full: &OtherIndex, waiting: f64, rows: u64) -> Result<Curve, Error> {
        let statement = "SELECT pg_catalog.gin_clean_pending_list($1::int8::oid::regclass)";
        let oid: [Parameter<'_>; 1] = [(&full.oid, Type::INT8)];
        self.client.query_typed_one(statement, &oid).await.map_err(self.failed())?;
        let size = "SELECT pg_catalog.pg_relation_size($1::int8::oid)";
        let row = self.client.query_typed_one(size, &oid).await.map_err(self.failed())?;
        let sorted = count(&row, 0).saturating_sub(full.bytes);
        Ok(match sorted {
            0 => Curve::Steady(waiting),
            sorted => {
                Curve::Inverted { waiting, sorted: sorted as f64 / rows as f64, list: full.list }
            }
        })
    }

    /// Reads the indexes of the target itself.
    async fn indexes(&self) -> Result<Vec<Index>, Error> {
        let mut indexes: Vec<Index> = self.ask(INDEXES).await?.iter().map(index).collect();
        let given = self.given();
        for index in &mut indexes {
            let mut columns = index.columns.iter().chain(&index.included);
            index.is_plain &= columns.all(|column| given.contains(&column.as_str()));
        }
        Ok(indexes)
    }

    /// Returns the columns that rows have. What the server fills in the others with is not known beforehand.
    fn given(&self) -> Vec<&str> {
        self.encoder.columns().map(|column| column.name.as_str()).collect()
    }

    /// Runs a query about the target, by its name.
    async fn ask(&self, statement: &str) -> Result<Vec<Row>, Error> {
        let names = schema_and_name(&self.target.table);
        self.client.query_typed(statement, &names).await.map_err(self.failed())
    }

    /// The error of a statement.
    fn failed(&self) -> impl FnOnce(tokio_postgres::Error) -> Error {
        Error::statement(format!("trying rows out in a copy of {}", self.target.table))
    }
}

/// Returns the statements that create the copy, and the table from which it gets its rows.
fn create_statements(table: &TableName, storage: &Storage, columns: &[&str]) -> String {
    let numbered = storage.numbered.iter().map(|(name, of)| {
        let name = quote_identifier(name);
        format!(
            "ALTER TABLE pg_temp.{COPY} ALTER COLUMN {name} SET DEFAULT \
                 pg_catalog.nextval('pg_temp.{NUMBERS}')::text::{of};\n"
        )
    });
    format!(
        "CREATE TEMPORARY TABLE {COPY} (LIKE {} INCLUDING ALL EXCLUDING CONSTRAINTS EXCLUDING COMMENTS \
         EXCLUDING STATISTICS) {} ON COMMIT DROP;\n\
         CREATE TEMPORARY SEQUENCE {NUMBERS};\n{}{};\n{PLAIN}",
        table.quoted(),
        storage.options,
        numbered.collect::<String>(),
        create_rows_statement(table, columns),
    )
}

/// Returns the statement that inserts the rows into the copy.
fn insert_statement(columns: &[&str]) -> String {
    let names = list(columns, "");
    format!(
        "INSERT INTO pg_temp.{COPY} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} \
         FROM pg_temp.{ROWS} ON CONFLICT DO NOTHING"
    )
}

/// Makes the lists of the copy's inverted indexes as long as they may be.
const WAITING: &str = "\
DO $$ DECLARE index regclass; BEGIN
  FOR index IN SELECT i.indexrelid FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
    WHERE i.indrelid = 'pg_temp.backfill_trial'::regclass AND m.amname = 'gin'
  LOOP EXECUTE 'ALTER INDEX ' || index || ' SET (gin_pending_list_limit = 2097151)'; END LOOP;
END $$";

/// Makes the server keep values uncompressed.
const PLAIN: &str = "\
DO $$ DECLARE changes text; BEGIN
  SELECT pg_catalog.string_agg(pg_catalog.format('ALTER COLUMN %I SET STORAGE EXTERNAL', attname), ', ') INTO changes
  FROM pg_catalog.pg_attribute WHERE attrelid = 'pg_temp.backfill_rows'::regclass AND attnum > 0 AND attstorage IN ('x', 'm');
  IF changes IS NOT NULL THEN EXECUTE 'ALTER TABLE pg_temp.backfill_rows ' || changes; END IF;
END $$";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    #[test]
    fn the_copy_is_like_the_target_and_has_numbers_of_its_own() {
        let storage = Storage {
            options: "WITH (fillfactor = 70)".to_owned(),
            fill_percent: 70,
            numbered: vec![("n\"o".to_owned(), "bigint".to_owned())],
        };
        let statements = create_statements(&odd_table(), &storage, &["a\"b"]);
        assert!(
            statements.starts_with(&format!(
                "CREATE TEMPORARY TABLE backfill_trial (LIKE {ODD_TABLE} INCLUDING ALL"
            )),
            "{statements}"
        );
        for part in [
            "EXCLUDING STATISTICS) WITH (fillfactor = 70) ON COMMIT DROP;",
            "ALTER COLUMN \"n\"\"o\" SET DEFAULT pg_catalog.nextval('pg_temp.backfill_trial_numbers')::text::bigint;",
            &format!("AS SELECT \"a\"\"b\" FROM {ODD_TABLE} WITH NO DATA;"),
        ] {
            assert!(statements.contains(part), "{part} is not in {statements}");
        }
        assert_eq!(
            insert_statement(&["a\"b", "x"]),
            "INSERT INTO pg_temp.backfill_trial (\"a\"\"b\", \"x\") OVERRIDING SYSTEM VALUE \
             SELECT \"a\"\"b\", \"x\" FROM pg_temp.backfill_rows ON CONFLICT DO NOTHING"
        );
    }
}
