//! The SQL of **saved rows**: rows of the target that a batch replaces or deletes, kept unchanged in the ledger's
//! schema so that `undo` can bring them back.
//!
//! A row is kept as the text of the whole row, from which Postgres makes the same row again, together with the
//! transaction that wrote it (`xmin`), which says whose row it is.

use super::guest::{IS_OURS, files};
use super::placement::{FATES, Merge, ROWS, list};
use crate::domain::{TableName, quote_identifier};

/// The temporary table that has the columns of the saved rows.
pub(super) const FORM: &str = "backfill_form";

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
pub(super) fn save_ours_statement(table: &TableName) -> String {
    save_statement(table, &format!("JOIN {} ON {IS_OURS}", files(4)))
}

/// Saves the rows of files, whoever inserted them: `$4` the names.
pub(super) fn save_files_statement(table: &TableName) -> String {
    save_statement(table, "WHERE held._file_name = ANY($4)")
}

/// Saves the rows of file dates, whoever inserted them: `$4` the days as text.
pub(super) fn save_days_statement(table: &TableName) -> String {
    save_statement(table, "WHERE held._file_date::text = ANY($4)")
}

impl Merge<'_> {
    /// Saves the rows that a merge replaces.
    pub(super) fn save_statement(&self) -> String {
        let rest = format!(
            "JOIN {ROWS} AS given ON {} JOIN {FATES} AS fates ON fates.row = given.ctid \
             WHERE fates.fate = 'u'",
            self.has_same_key()
        );
        save_statement(self.table, &rest)
    }
}

/// Creates the temporary table with the columns that the saved rows have, each with its type.
pub(super) fn create_form_statement(columns: &[(String, String)]) -> String {
    let declared: Vec<String> =
        columns.iter().map(|(name, of)| format!("{} {of}", quote_identifier(name))).collect();
    format!("CREATE TEMPORARY TABLE {FORM} ({}) ON COMMIT DROP", declared.join(", "))
}

/// Brings the saved rows of a batch back: `$1` the run, `$2` the dataset, `$3` the batch, `$4` whether those that
/// were ours or the others. A row was ours if one of the transactions that the ledger named for its file wrote it.
pub(super) fn restore_statement(table: &TableName, columns: &[&str]) -> String {
    format!(
        "{OWNERS} \
         INSERT INTO {table} ({into}) OVERRIDING SYSTEM VALUE SELECT {from} \
         FROM (SELECT saved.row::pg_temp.{FORM} AS form FROM backfill.saved_rows AS saved \
               WHERE run_id = $1 AND dataset = $2 AND batch = $3::int8::int4 AND {WAS_OURS} = $4 \
               OFFSET 0) AS saved",
        table = table.quoted(),
        into = list(columns, ""),
        from = list(columns, "(saved.form)."),
    )
}

/// Counts the saved rows of a batch whose `key` a row of the target has: `$1` the run, `$2` the dataset, `$3` the
/// batch. Column: rows.
pub(super) fn taken_keys_statement(table: &TableName, key: &[String]) -> String {
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

/// Counts the saved rows of a batch, per file, that were ours, or the others; parameters as in [`restore_statement`].
/// Columns: name, rows.
pub(super) fn restored_statement() -> String {
    format!(
        "{OWNERS} SELECT file_name, count(*) FROM backfill.saved_rows AS saved \
         WHERE run_id = $1 AND dataset = $2 AND batch = $3::int8::int4 AND {WAS_OURS} = $4 GROUP BY 1"
    )
}

/// Selects the transactions that the ledger named for each file before a batch: `$1` the run, `$2` the dataset, `$3`
/// the batch. Columns: name, transaction.
pub(super) fn owners_statement() -> String {
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

/// The condition that a saved row was ours.
const WAS_OURS: &str = "\
EXISTS (SELECT FROM owners WHERE owners.file_name = saved.file_name \
        AND (owners.xid::xid8)::xid::text = saved.written_by)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MergeRule;
    use crate::target::{ODD_TABLE, odd_table};

    #[test]
    fn names_are_quoted_and_rows_are_taken_whole() {
        for (statement, which) in [
            (save_files_statement(&odd_table()), "WHERE held._file_name = ANY($4)"),
            (save_days_statement(&odd_table()), "WHERE held._file_date::text = ANY($4)"),
            (save_ours_statement(&odd_table()), "JOIN unnest($4::text[], $5::text[]) AS file"),
        ] {
            assert!(statement.contains("(held.*)::text"), "{statement}");
            assert!(
                statement.contains(&format!("FROM {ODD_TABLE} AS held {which}")),
                "{statement}"
            );
        }
        let form = create_form_statement(&[("Click \"ID".to_owned(), "numeric(12,2)".to_owned())]);
        assert_eq!(
            form,
            "CREATE TEMPORARY TABLE backfill_form (\"Click \"\"ID\" numeric(12,2)) ON COMMIT DROP"
        );
    }

    #[test]
    fn rows_come_back_by_the_names_of_their_columns() {
        let statement = restore_statement(&odd_table(), &["id", "Click \"ID"]);
        assert!(
            statement.contains(&format!(
                "INSERT INTO {ODD_TABLE} (\"id\", \"Click \"\"ID\") OVERRIDING SYSTEM VALUE \
                 SELECT (saved.form).\"id\", (saved.form).\"Click \"\"ID\" FROM"
            )),
            "{statement}"
        );
        let keys = taken_keys_statement(&odd_table(), &["id".to_owned(), "a\"b".to_owned()]);
        assert!(
            keys.ends_with(&format!(
                "WHERE EXISTS (SELECT FROM {ODD_TABLE} AS held WHERE held.\"id\" = (saved.form).\"id\" \
                 AND held.\"a\"\"b\" = (saved.form).\"a\"\"b\")"
            )),
            "{keys}"
        );
    }

    #[test]
    fn a_merge_saves_the_rows_that_it_replaces() {
        let (table, key) = (odd_table(), vec!["a\"b".to_owned()]);
        let rule = MergeRule { key, order: Vec::new() };
        let merge = Merge { table: &table, columns: &["a\"b"], rule: &rule };
        let statement = merge.save_statement();
        assert!(
            statement.contains(&format!(
                "FROM {ODD_TABLE} AS held JOIN backfill_rows AS given ON held.\"a\"\"b\" = given.\"a\"\"b\""
            )),
            "{statement}"
        );
        assert!(statement.ends_with("WHERE fates.fate = 'u'"), "{statement}");
    }
}
