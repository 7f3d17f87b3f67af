//! The SQL of **saved rows**: rows of the target that a batch replaces or deletes, kept in the ledger's schema as
//! they are, so that `undo` can bring them back.
//!
//! A row is kept as the text of the whole row, from which Postgres makes the same row again, together with the
//! transaction that wrote it (`xmin`), which says whose row it is.

use super::guest::{IS_OURS, files};
use super::placement::{FATES, Merge, ROWS};
use crate::domain::{TableName, quote_identifier};

/// The temporary table that has the columns of the saved rows.
pub const FORM: &str = "backfill_form";

/// Saves rows of the target; `$1` the run, `$2` the dataset, `$3` the batch. `rest` says which rows.
fn save_statement(table: &TableName, rest: &str) -> String {
    format!(
        "INSERT INTO backfill.saved_rows (run_id, dataset, batch, file_name, written_by, row) \
         SELECT $1, $2, $3::int8::int4, held._file_name::text, held.xmin::text, (held.*)::text \
         FROM {} AS held {rest}",
        table.quoted()
    )
}

/// Saves the rows of files that are ours: `$4` the names, `$5` the transactions.
pub fn save_ours_statement(table: &TableName) -> String {
    save_statement(table, &format!("JOIN {} ON {IS_OURS}", files(4)))
}

/// Saves the rows of files, whoever inserted them: `$4` the names.
pub fn save_files_statement(table: &TableName) -> String {
    save_statement(table, "WHERE held._file_name = ANY($4)")
}

/// Saves the rows of file dates, whoever inserted them: `$4` the days as text.
pub fn save_days_statement(table: &TableName) -> String {
    save_statement(table, "WHERE held._file_date::text = ANY($4)")
}

impl Merge<'_> {
    /// Saves the rows that are replaced.
    pub fn save_statement(&self) -> String {
        let rest = format!(
            "JOIN {ROWS} AS given ON {} JOIN {FATES} AS fates ON fates.row = given.ctid \
             WHERE fates.fate = 'u'",
            self.has_same_key()
        );
        save_statement(self.table, &rest)
    }
}

/// Makes the temporary table with the columns that the saved rows have, each a name with its type.
pub fn create_form_statement(columns: &[(String, String)]) -> String {
    let columns: Vec<String> =
        columns.iter().map(|(name, of)| format!("{} {of}", quote_identifier(name))).collect();
    format!("CREATE TEMPORARY TABLE {FORM} ({}) ON COMMIT DROP", columns.join(", "))
}

/// Brings the saved rows of a batch back: `$1` the run, `$2` the dataset, `$3` the batch, `$4` whether those that
/// were ours or the others. A row was ours if one of the transactions that the ledger named for its file wrote it.
pub fn restore_statement(table: &TableName, columns: &[&str]) -> String {
    let list = |before: &str| {
        let quoted = columns.iter().map(|name| format!("{before}{}", quote_identifier(name)));
        quoted.collect::<Vec<_>>().join(", ")
    };
    format!(
        "{OWNERS} \
         INSERT INTO {table} ({into}) OVERRIDING SYSTEM VALUE SELECT {from} \
         FROM (SELECT saved.row::pg_temp.{FORM} AS form FROM backfill.saved_rows AS saved \
               WHERE run_id = $1 AND dataset = $2 AND batch = $3::int8::int4 AND {WAS_OURS} = $4 \
               OFFSET 0) AS saved",
        table = table.quoted(),
        into = list(""),
        from = list("(saved.form)."),
    )
}

/// Counts the saved rows of a batch whose `key` a row of the target has: `$1` the run, `$2` the dataset, `$3` the
/// batch. Column: rows.
pub fn taken_keys_statement(table: &TableName, key: &[String]) -> String {
    let same: Vec<String> = key
        .iter()
        .map(|name| {
            let name = quote_identifier(name);
            format!("held.{name} = (saved.form).{name}")
        })
        .collect();
    format!(
        "SELECT count(*) FROM (SELECT saved.row::pg_temp.{FORM} AS form FROM backfill.saved_rows AS saved \
         WHERE run_id = $1 AND dataset = $2 AND batch = $3::int8::int4 OFFSET 0) AS saved \
         WHERE EXISTS (SELECT FROM {table} AS held WHERE {same})",
        table = table.quoted(),
        same = same.join(" AND "),
    )
}

/// The files of which the saved rows of a batch were ours; parameters as in [`restore_statement`]. Columns: name,
/// rows.
pub fn restored_statement() -> String {
    format!(
        "{OWNERS} SELECT file_name, count(*) FROM backfill.saved_rows AS saved \
         WHERE run_id = $1 AND dataset = $2 AND batch = $3::int8::int4 AND {WAS_OURS} = $4 GROUP BY 1"
    )
}

/// The transactions that the ledger named for each file before a batch: `$1` the run, `$2` the dataset, `$3` the
/// batch. Columns: name, transaction.
pub fn owners_statement() -> String {
    format!("{OWNERS} SELECT file_name, xid FROM owners")
}

/// The transactions that the ledger named for each file before a batch.
const OWNERS: &str = "\
WITH owners AS (
  SELECT entry.file_name, batches.xid
  FROM backfill.saved_files AS entry
  JOIN backfill.batches ON batches.run_id = entry.entry ->> 'run_id'
                       AND batches.batch = (entry.entry ->> 'batch')::int4
  JOIN backfill.runs ON runs.run_id = batches.run_id AND runs.dataset = batches.dataset
                    AND runs.target = entry.entry ->> 'target'
  WHERE entry.run_id = $1 AND entry.dataset = $2 AND entry.batch = $3::int8::int4
  UNION
  SELECT entry.file_name, xids.xid
  FROM backfill.saved_files AS entry
  CROSS JOIN jsonb_array_elements_text(CASE jsonb_typeof(entry.entry -> 'xids')
    WHEN 'array' THEN entry.entry -> 'xids' ELSE '[]' END) AS xids (xid)
  WHERE entry.run_id = $1 AND entry.dataset = $2 AND entry.batch = $3::int8::int4)";

/// Whether a saved row was ours.
const WAS_OURS: &str = "\
EXISTS (SELECT FROM owners WHERE owners.file_name = saved.file_name \
        AND (owners.xid::xid8)::xid::text = saved.written_by)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_rows_are_taken_whole() {
        let table: TableName = "shop.Order".parse().expect("a name");
        let statement = save_files_statement(&table);
        assert!(statement.contains("(held.*)::text"), "{statement}");
        assert!(statement.contains("FROM \"shop\".\"Order\" AS held WHERE"), "{statement}");
        let form = create_form_statement(&[("Click \"ID".to_owned(), "numeric(12,2)".to_owned())]);
        assert!(form.contains("(\"Click \"\"ID\" numeric(12,2))"), "{form}");
    }
}
