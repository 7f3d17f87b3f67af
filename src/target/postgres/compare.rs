//! To **compare** staged rows with those that the target holds, cell by cell, without loading anything.
//!
//! The staged rows are copied into a temporary table with the types of the target, so that the server itself
//! brings both sides into one form; then it joins them by `_file_name` and `_row_id`. The transaction is
//! rolled back. Both sides stay on the server: only counts and some pairs of values come back, and of these
//! only the shapes are kept.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::batch::Placing;
use super::copy::{Destination, copy};
use super::ledger::Saving;
use super::parameter::Parameter;
use super::row::count;
use super::session::begin;
use super::{Batch, Encoder, Job};
use crate::domain::{TableName, provenance, quote_identifier};
use crate::stage::StagedFile;
use crate::target::Error;
use crate::target::placement::{ROWS, create_rows_statement};
use crate::values::shape;

/// How staged rows of some files compare with those of the target.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// The counts of each file, by its name.
    pub files: BTreeMap<String, ComparedFile>,
    /// The columns that differ, by name.
    pub columns: BTreeMap<String, ComparedColumn>,
}

/// How the rows of one file compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComparedFile {
    /// Rows that are the same on both sides.
    pub equal: u64,
    /// Rows that are on both sides and differ.
    pub different: u64,
    /// Rows that only the files have.
    pub only_staged: u64,
    /// Rows that only the target has.
    pub only_target: u64,
    /// Rows of the target whose `_row_id` another row of the file has as well.
    pub repeated: u64,
}

/// How one column compares.
#[derive(Clone, Debug, Default)]
pub struct ComparedColumn {
    /// Rows in which it differs.
    pub rows: u64,
    /// The shapes of some of the values, staged and in the target, each with its number of rows.
    pub shapes: BTreeMap<(String, String), u64>,
}

/// How many pairs of values of a column are looked at for their shapes.
const MAX_PAIRS: i64 = 1000;

/// Compares the staged rows of a batch with the target; `but` are columns that are not compared.
///
/// # Errors
/// [`Error`].
pub async fn compare(job: &Job<'_>, batch: &Batch, but: &[String]) -> Result<Compared, Error> {
    let Some(encoder) = job.encoder.as_deref() else { return Ok(Compared::default()) };
    job.database
        .unmanaged_session(async |client: &Client| {
            begin(client, "beginning to compare").await?;
            let result = Comparison { job, batch, encoder, client, but }.run().await;
            let ended = client.batch_execute("ROLLBACK").await;
            let compared = result?;
            ended.map_err(Error::statement("ending the comparison"))?;
            Ok(compared)
        })
        .await
}

/// A comparison in progress.
struct Comparison<'a> {
    job: &'a Job<'a>,
    batch: &'a Batch,
    encoder: &'a Encoder,
    client: &'a Client,
    but: &'a [String],
}

impl Comparison<'_> {
    async fn run(&self) -> Result<Compared, Error> {
        self.copy_rows().await?;
        let columns = self.columns();
        let rows = self.query(&count_statement(&self.job.target.table, &columns), &[]).await?;
        let mut compared = Compared::default();
        for row in &rows {
            compared.files.insert(row.get(0), file_of(row));
            for (index, column) in columns.iter().enumerate() {
                let differing = count(row, 6 + index);
                if differing > 0 {
                    compared.columns.entry((*column).to_owned()).or_default().rows += differing;
                }
            }
        }
        for (column, found) in &mut compared.columns {
            found.shapes = self.shapes(column).await?;
        }
        Ok(compared)
    }

    /// Returns the columns that rows would have: those that are given, and those that would be NULL because nobody
    /// gives them.
    fn staged_columns(&self) -> Vec<&str> {
        let given: Vec<&str> = self.encoder.columns().map(|column| column.name.as_str()).collect();
        let without_value = self
            .job
            .target
            .columns
            .iter()
            .filter(|column| !column.has_default && !column.is_generated);
        let missing =
            without_value.map(|column| column.name.as_str()).filter(|name| !given.contains(name));
        given.iter().copied().chain(missing).collect()
    }

    /// Returns the columns to compare.
    fn columns(&self) -> Vec<&str> {
        self.staged_columns()
            .into_iter()
            .filter(|name| *name != provenance::FILE_NAME && *name != provenance::ROW_ID)
            .filter(|name| !self.but.iter().any(|other| other == name))
            .collect()
    }

    /// Copies the staged rows of every file into the temporary table.
    async fn copy_rows(&self) -> Result<(), Error> {
        let columns = self.staged_columns();
        self.client
            .batch_execute(&create_rows_statement(&self.job.target.table, &columns))
            .await
            .map_err(Error::statement("making a temporary table"))?;
        let saving = Saving {
            client: self.client,
            run_id: self.job.run_id,
            dataset: self.job.dataset,
            batch: self.batch.number,
            rows: false,
        };
        let placing =
            Placing { job: self.job, batch: self.batch, client: self.client, load_id: "", saving };
        let into = Destination { quoted: ROWS.to_owned(), name: ROWS };
        for file in &self.batch.files {
            copy(&placing, file, &into).await?;
        }
        let analyze = format!("ANALYZE {ROWS} ({}, {})", provenance::FILE_NAME, provenance::ROW_ID);
        self.client.batch_execute(&analyze).await.map_err(Error::statement("comparing rows"))
    }

    /// Returns the shapes of differing values of a column on both sides.
    async fn shapes(&self, column: &str) -> Result<BTreeMap<(String, String), u64>, Error> {
        let statement = pairs_statement(&self.job.target.table, column);
        let rows = self.query(&statement, &[MAX_PAIRS]).await?;
        let mut shapes = BTreeMap::new();
        for row in &rows {
            let pair = (shape_of(row.get(0)), shape_of(row.get(1)));
            *shapes.entry(pair).or_default() += 1;
        }
        Ok(shapes)
    }

    async fn query(&self, statement: &str, limit: &[i64]) -> Result<Vec<Row>, Error> {
        let names: Vec<&str> =
            self.batch.files.iter().map(|file: &StagedFile| file.file_name.as_str()).collect();
        let mut parameters: Vec<Parameter<'_>> = vec![(&names, Type::TEXT_ARRAY)];
        parameters.extend(limit.iter().map(|limit| (limit as _, Type::INT8)));
        self.client
            .query_typed(statement, &parameters)
            .await
            .map_err(|error| Error::rows("comparing rows", &error))
    }
}

/// Returns the join of both sides in SQL.
fn joined(table: &TableName) -> String {
    format!(
        "(SELECT * FROM {} WHERE _file_name = ANY($1)) AS held FULL JOIN {ROWS} AS given \
         ON held._file_name = given._file_name AND held._row_id = given._row_id",
        table.quoted()
    )
}

/// Returns the statement that counts rows per file. Columns: name, rows that are equal, different, only staged, only in
/// the target, repeated in the target; then the rows in which each column differs.
fn count_statement(table: &TableName, columns: &[&str]) -> String {
    let conditions: Vec<String> = columns.iter().map(|column| differs(column)).collect();
    let any = if conditions.is_empty() { "false".to_owned() } else { conditions.join(" OR ") };
    let counts: String = conditions
        .iter()
        .map(|condition| format!(", count(*) FILTER (WHERE {BOTH} AND {condition})"))
        .collect();
    format!(
        "SELECT coalesce(held._file_name, given._file_name)::text, \
                count(*) FILTER (WHERE {BOTH} AND NOT ({any})), \
                count(*) FILTER (WHERE {BOTH} AND ({any})), \
                count(*) FILTER (WHERE held._file_name IS NULL), \
                count(*) FILTER (WHERE given._file_name IS NULL), \
                count(held._row_id) - count(DISTINCT held._row_id){counts} \
         FROM {} GROUP BY 1",
        joined(table)
    )
}

/// Returns the statement that reads values of a column that differ: `$1` the names of the files, `$2` the largest
/// number of pairs. Columns: the staged value and the target's, as text.
fn pairs_statement(table: &TableName, column: &str) -> String {
    let name = quote_identifier(column);
    format!(
        "SELECT given.{name}::text, held.{name}::text FROM {} WHERE {BOTH} AND {} LIMIT $2",
        joined(table),
        differs(column)
    )
}

/// Whether a row is on both sides.
const BOTH: &str = "held._file_name IS NOT NULL AND given._file_name IS NOT NULL";

/// Returns the condition that a column has different texts on the two sides: some types cannot be compared in another
/// way.
fn differs(column: &str) -> String {
    let name = quote_identifier(column);
    format!("held.{name}::text IS DISTINCT FROM given.{name}::text")
}

fn file_of(row: &Row) -> ComparedFile {
    ComparedFile {
        equal: count(row, 1),
        different: count(row, 2),
        only_staged: count(row, 3),
        only_target: count(row, 4),
        repeated: count(row, 5),
    }
}

/// Returns the shape of a value, also if it is NULL or empty.
pub(super) fn shape_of(value: Option<&str>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some("") => "''".to_owned(),
        Some(value) => shape::of(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    #[test]
    fn both_sides_are_joined_by_file_and_row_and_compared_as_text() {
        let differs = "held.\"a\"\"b\"::text IS DISTINCT FROM given.\"a\"\"b\"::text";
        let join = format!(
            "(SELECT * FROM {ODD_TABLE} WHERE _file_name = ANY($1)) AS held FULL JOIN backfill_rows AS given \
             ON held._file_name = given._file_name AND held._row_id = given._row_id"
        );
        let counts = count_statement(&odd_table(), &["a\"b", "x"]);
        assert!(counts.ends_with(&format!("FROM {join} GROUP BY 1")), "{counts}");
        assert!(
            counts.contains(&format!("count(*) FILTER (WHERE {BOTH} AND {differs})")),
            "{counts}"
        );
        assert!(
            counts.contains(&format!(
                "AND ({differs} OR held.\"x\"::text IS DISTINCT FROM given.\"x\"::text)"
            )),
            "{counts}"
        );
        assert_eq!(
            pairs_statement(&odd_table(), "a\"b"),
            format!(
                "SELECT given.\"a\"\"b\"::text, held.\"a\"\"b\"::text FROM {join} \
                 WHERE {BOTH} AND {differs} LIMIT $2"
            )
        );
    }

    #[test]
    fn without_columns_no_row_differs() {
        let counts = count_statement(&odd_table(), &[]);
        assert!(
            counts.contains(&format!("count(*) FILTER (WHERE {BOTH} AND (false))")),
            "{counts}"
        );
    }
}
