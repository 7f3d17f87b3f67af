//! A **guest** is what this program is in a table that another loader owns: it says which rows are not
//! ours, and what may be touched.
//!
//! Rows of a file are ours if the transaction in the ledger inserted them and nobody changed them since.
//! PostgreSQL records that itself: `xmin`, a row's system column, is the transaction that wrote this version
//! of it (PostgreSQL documentation, "System Columns"). It has only 32 bits, so the name of the file is compared
//! as well.

use super::postgres::Dlt;
use crate::domain::TableName;

/// Whose the other rows of the target are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Guest {
    /// Another program may write to the table; all that is known of its rows is that they have a
    /// `_file_name`.
    #[default]
    Unknown,
    /// dlt loads the table.
    Dlt(Dlt),
}

impl Guest {
    /// Returns what dlt does with the table, if it loads it.
    pub fn dlt(&self) -> Option<&Dlt> {
        match self {
            Self::Unknown => None,
            Self::Dlt(dlt) => Some(dlt),
        }
    }

    /// Whether the other loader may delete and replace rows while ours are inserted, so that the table must be locked
    /// against it for a moment. dlt's merge would not see rows of a transaction that is still open.
    pub fn needs_lock(&self) -> bool {
        self.dlt().is_some_and(|dlt| dlt.may_merge)
    }
}

/// Counts the rows of files: `$1` their names. Columns: name, rows.
pub(super) fn count_statement(table: &TableName) -> String {
    format!(
        "SELECT _file_name::text, count(*) FROM {} WHERE _file_name = ANY($1) GROUP BY 1",
        table.quoted()
    )
}

/// Counts the rows of every file, and those without a file. Columns: name, rows.
pub(super) fn count_all_statement(table: &TableName) -> String {
    format!("SELECT _file_name::text, count(*) FROM {} GROUP BY 1", table.quoted())
}

/// Says whether the table has rows without a file. Column: whether.
pub(super) fn unnamed_statement(table: &TableName) -> String {
    format!("SELECT count(*) FROM {} WHERE _file_name IS NULL", table.quoted())
}

/// Counts the rows of files, `$1` their names, whose load is not in the quoted table of finished loads. Column:
/// rows.
pub(super) fn unfinished_statement(table: &TableName, loads: &str) -> String {
    format!(
        "SELECT count(*) FROM {} AS held WHERE _file_name = ANY($1) \
         AND NOT EXISTS (SELECT FROM {loads} AS l WHERE l.load_id::text = held._dlt_load_id::text)",
        table.quoted()
    )
}

/// Counts the rows of every file, and those without a file, that no load of dlt has brought. `loads` is the quoted
/// table of finished loads, if it may be read. Columns: name, rows.
pub(super) fn unclaimed_statement(table: &TableName, loads: Option<&str>) -> String {
    let is_unclaimed = match loads {
        Some(loads) => format!(
            "NOT EXISTS (SELECT FROM {loads} AS l WHERE l.load_id::text = held._dlt_load_id::text)"
        ),
        None => "held._dlt_load_id IS NULL".to_owned(),
    };
    format!(
        "SELECT _file_name::text, count(*) FROM {} AS held WHERE {is_unclaimed} GROUP BY 1",
        table.quoted()
    )
}

/// Counts the rows of files that are ours: `$1` the names of the files, `$2` the transactions that
/// inserted their rows. Columns: name, rows.
pub(super) fn count_ours_statement(table: &TableName) -> String {
    format!(
        "SELECT file.name, count(*) FROM {} AS held JOIN {} ON {IS_OURS} GROUP BY 1",
        table.quoted(),
        files(1)
    )
}

/// Deletes the rows of files that are ours: `$1` and `$2` as in [`count_ours_statement`]. Columns: name,
/// rows deleted, and rows that the file had before.
pub(super) fn delete_ours_statement(table: &TableName) -> String {
    let (table, files) = (table.quoted(), files(1));
    format!(
        "WITH file AS (SELECT * FROM {files}), \
         deleted AS (DELETE FROM {table} AS held USING file WHERE {IS_OURS} RETURNING file.name), \
         ours AS (SELECT name, count(*) AS rows FROM deleted GROUP BY 1), \
         held AS (SELECT _file_name::text AS name, count(*) AS rows FROM {table} \
                  WHERE _file_name = ANY($1) GROUP BY 1) \
         SELECT name, coalesce(ours.rows, 0), coalesce(held.rows, 0) \
         FROM (SELECT DISTINCT name FROM file) AS file \
              LEFT JOIN ours USING (name) LEFT JOIN held USING (name)"
    )
}

/// Deletes the rows of files, whoever inserted them: `$1` the names of the files. Columns: name, rows.
pub(super) fn delete_files_statement(table: &TableName) -> String {
    format!(
        "WITH deleted AS (DELETE FROM {} WHERE _file_name = ANY($1) RETURNING _file_name) \
         SELECT _file_name::text, count(*) FROM deleted GROUP BY 1",
        table.quoted()
    )
}

/// Deletes the rows of file dates, whoever inserted them: `$1` the days as text. Columns: name, rows.
pub(super) fn delete_days_statement(table: &TableName) -> String {
    format!(
        "WITH deleted AS (DELETE FROM {} WHERE _file_date::text = ANY($1) RETURNING _file_name) \
         SELECT _file_name::text, count(*) FROM deleted GROUP BY 1",
        table.quoted()
    )
}

/// Returns the files with the transactions that inserted their rows, from two lists that are parameters; the first
/// has the number `first`.
pub(super) fn files(first: usize) -> String {
    format!("unnest(${first}::text[], ${}::text[]) AS file (name, xid)", first + 1)
}

/// The condition that the file's transaction inserted a row.
pub(super) const IS_OURS: &str =
    "held._file_name = file.name AND held.xmin = (file.xid::xid8)::xid";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    #[test]
    fn only_our_own_rows_are_deleted_unless_the_mode_says_so() {
        let table = odd_table();
        let ours = delete_ours_statement(&table);
        assert!(ours.contains(&format!("DELETE FROM {ODD_TABLE} AS held USING file")), "{ours}");
        assert!(ours.contains("held.xmin = (file.xid::xid8)::xid"), "{ours}");
        assert!(ours.contains("unnest($1::text[], $2::text[]) AS file (name, xid)"), "{ours}");
        for (statement, condition) in [
            (delete_files_statement(&table), "_file_name = ANY($1)"),
            (delete_days_statement(&table), "_file_date::text = ANY($1)"),
        ] {
            assert!(
                statement.contains(&format!("DELETE FROM {ODD_TABLE} WHERE {condition} RETURNING")),
                "{statement}"
            );
        }
    }

    #[test]
    fn rows_are_counted_in_the_quoted_table() {
        let table = odd_table();
        assert_eq!(
            count_statement(&table),
            format!(
                "SELECT _file_name::text, count(*) FROM {ODD_TABLE} WHERE _file_name = ANY($1) \
                 GROUP BY 1"
            )
        );
        assert_eq!(
            count_all_statement(&table),
            format!("SELECT _file_name::text, count(*) FROM {ODD_TABLE} GROUP BY 1")
        );
        assert_eq!(
            unnamed_statement(&table),
            format!("SELECT count(*) FROM {ODD_TABLE} WHERE _file_name IS NULL")
        );
        assert_eq!(
            count_ours_statement(&table),
            format!(
                "SELECT file.name, count(*) FROM {ODD_TABLE} AS held \
                 JOIN unnest($1::text[], $2::text[]) AS file (name, xid) \
                 ON held._file_name = file.name AND held.xmin = (file.xid::xid8)::xid GROUP BY 1"
            )
        );
    }

    #[test]
    fn a_row_is_unclaimed_without_a_finished_load_or_without_any() {
        let loads = "\"My \"\"shop\".\"_dlt_loads\"";
        let by_loads = unclaimed_statement(&odd_table(), Some(loads));
        assert!(
            by_loads.contains(&format!("NOT EXISTS (SELECT FROM {loads} AS l WHERE")),
            "{by_loads}"
        );
        let without = unclaimed_statement(&odd_table(), None);
        assert!(without.contains("WHERE held._dlt_load_id IS NULL GROUP BY 1"), "{without}");
        let unfinished = unfinished_statement(&odd_table(), loads);
        assert!(unfinished.contains("WHERE _file_name = ANY($1) AND NOT EXISTS"), "{unfinished}");
    }
}
