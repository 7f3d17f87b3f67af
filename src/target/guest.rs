//! A **guest** is what this program is in a table that another loader owns: it says which rows are not
//! ours, and what may be touched.
//!
//! Rows of a file are ours if the transaction in the ledger inserted them and nobody changed them since.
//! PostgreSQL says so itself: `xmin`, a row's system column, is the transaction that wrote this version
//! of it (PostgreSQL documentation, "System Columns"). It has 32 bits, so that the name of the file
//! counts as well.

use crate::domain::TableName;

/// Whose the other rows of the target are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guest {
    /// Another program may write to the table; all that is known of its rows is that they have a
    /// `_file_name`.
    #[default]
    Unknown,
}

impl Guest {
    /// Counts the rows of files: `$1` their names. Columns: name, rows.
    pub fn count_statement(self, table: &TableName) -> String {
        match self {
            Self::Unknown => format!(
                "SELECT _file_name::text, count(*) FROM {} WHERE _file_name = ANY($1) GROUP BY 1",
                table.quoted()
            ),
        }
    }

    /// Counts the rows of files that are ours: `$1` the names of the files, `$2` the transactions that
    /// inserted their rows. Columns: name, rows.
    pub fn count_ours_statement(self, table: &TableName) -> String {
        match self {
            Self::Unknown => format!(
                "SELECT file.name, count(*) FROM {} AS held JOIN {FILES} ON {IS_OURS} GROUP BY 1",
                table.quoted()
            ),
        }
    }

    /// Deletes the rows of files that are ours: `$1` and `$2` as in
    /// [`count_ours_statement`](Self::count_ours_statement). Columns: rows deleted, and rows that the
    /// files had before.
    pub fn delete_statement(self, table: &TableName) -> String {
        let table = table.quoted();
        match self {
            Self::Unknown => format!(
                "WITH file AS (SELECT * FROM {FILES}), \
                 deleted AS (DELETE FROM {table} AS held USING file WHERE {IS_OURS} RETURNING 1) \
                 SELECT (SELECT count(*) FROM deleted), \
                        (SELECT count(*) FROM {table} AS held JOIN file \
                         ON held._file_name = file.name)"
            ),
        }
    }
}

/// The files and the transactions that inserted their rows.
const FILES: &str = "unnest($1::text[], $2::text[]) AS file (name, xid)";

/// Whether a row is one that the file's transaction inserted.
const IS_OURS: &str = "held._file_name = file.name AND held.xmin = (file.xid::xid8)::xid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_rows_are_deleted() {
        let table: TableName = "shop.Order".parse().expect("a name");
        let statement = Guest::Unknown.delete_statement(&table);
        assert!(statement.contains("DELETE FROM \"shop\".\"Order\" AS held USING file"));
        assert!(statement.contains("held.xmin = (file.xid::xid8)::xid"));
    }
}
