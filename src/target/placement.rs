//! The SQL of a **placement**: how rows get into the target.
//!
//! Rows are copied into the target itself, or first into a temporary table if the target must be locked against
//! another loader or rows must be compared with those that it has. That keeps the lock short.

use crate::domain::{MergeRule, TableName, quote_identifier};

/// The temporary table that takes the rows of a batch.
pub(super) const ROWS: &str = "backfill_rows";
/// The temporary table that says what becomes of each of them.
pub(super) const FATES: &str = "backfill_fates";

/// Returns the COPY statement that takes the encoded rows of one file into a quoted table.
pub(super) fn copy_statement(into: &str, columns: &[&str]) -> String {
    let names = list(columns, "");
    format!("COPY {into} ({names}) FROM STDIN WITH (FORMAT text, ENCODING 'UTF8')")
}

/// Creates the temporary table for rows of these columns, without the target's constraints.
pub(super) fn create_rows_statement(table: &TableName, columns: &[&str]) -> String {
    format!(
        "CREATE TEMPORARY TABLE {ROWS} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA",
        list(columns, ""),
        table.quoted()
    )
}

/// Keeps every other program from writing to the target until the transaction ends. Reading remains possible.
pub(super) fn lock_statement(table: &TableName) -> String {
    format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", table.quoted())
}

/// Moves the rows of the temporary table into the target, except those of the files `$1`.
pub(super) fn move_statement(table: &TableName, columns: &[&str]) -> String {
    let names = list(columns, "");
    format!(
        "INSERT INTO {} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {ROWS} \
         WHERE _file_name <> ALL($1)",
        table.quoted()
    )
}

/// Returns columns as a list, each with `before` in front of it.
pub(super) fn list(columns: &[&str], before: &str) -> String {
    let quoted = columns.iter().map(|name| format!("{before}{}", quote_identifier(name)));
    quoted.collect::<Vec<_>>().join(", ")
}

/// The statements of a merge, in the order in which they are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merge<'a> {
    /// The target.
    pub table: &'a TableName,
    /// The columns that rows have.
    pub columns: &'a [&'a str],
    /// Which rows are the same, and which is newer.
    pub rule: &'a MergeRule,
}

impl Merge<'_> {
    /// Counts the rows whose key holds NULL. Columns: name of the file, rows.
    pub(super) fn null_keys_statement(&self) -> String {
        let is_null: Vec<String> = self
            .rule
            .key
            .iter()
            .map(|name| format!("{} IS NULL", quote_identifier(name)))
            .collect();
        format!(
            "SELECT _file_name::text, count(*) FROM {ROWS} WHERE {} GROUP BY 1 ORDER BY 1",
            is_null.join(" OR ")
        )
    }

    /// Counts the keys of these rows that several rows of the target have. Column: keys.
    pub(super) fn ambiguous_keys_statement(&self) -> String {
        let key = list(&self.key(), "held.");
        format!(
            "SELECT count(*) FROM (SELECT FROM {} AS held WHERE EXISTS \
             (SELECT FROM {ROWS} AS given WHERE {}) GROUP BY {key} HAVING count(*) > 1) AS several",
            self.table.quoted(),
            self.has_same_key()
        )
    }

    /// Gives the server statistics of the keys. Statistics of all columns would take longer than the merge.
    pub(super) fn analyze_statement(&self) -> String {
        format!("ANALYZE {ROWS} ({})", list(&self.key(), ""))
    }

    /// Decides about each row, in a table of its own: `i` inserts it, `u` replaces an older row of the target with it,
    /// `s` skips it, because a newer row has its key.
    pub(super) fn decide_statement(&self) -> String {
        let order: Vec<String> = self
            .rule
            .order
            .iter()
            .map(|name| format!("incoming.{} DESC NULLS LAST, ", quote_identifier(name)))
            .collect();
        format!(
            "CREATE TEMPORARY TABLE {FATES} ON COMMIT DROP AS \
             SELECT given._backfill_row AS row, given._file_name, held._file_name::text AS replaced, \
                    CASE WHEN given._backfill_place > 1 THEN 's' WHEN held._backfill_held IS NULL THEN 'i' \
                         WHEN {newer} THEN 'u' ELSE 's' END AS fate \
             FROM (SELECT incoming.ctid AS _backfill_row, incoming.*, names._backfill_sorted, \
                          row_number() OVER (PARTITION BY {key} ORDER BY {order}\
                          names._backfill_sorted DESC, incoming._row_id DESC) AS _backfill_place \
                   FROM {ROWS} AS incoming JOIN ({names}) AS names \
                     ON names._backfill_name = incoming._file_name::text) AS given \
             LEFT JOIN (SELECT *, true AS _backfill_held FROM {table}) AS held ON {same}",
            newer = self.is_newer(),
            names = sorted_names(),
            key = list(&self.key(), "incoming."),
            order = order.concat(),
            table = self.table.quoted(),
            same = self.has_same_key(),
        )
    }

    /// Replaces older rows; `updatable` are the columns that an UPDATE may give.
    pub(super) fn update_statement(&self, updatable: &[&str]) -> String {
        let set: Vec<String> = updatable
            .iter()
            .map(|name| {
                let name = quote_identifier(name);
                format!("{name} = given.{name}")
            })
            .collect();
        format!(
            "UPDATE {} AS held SET {} FROM {ROWS} AS given JOIN {FATES} AS fates ON \
             fates.row = given.ctid WHERE fates.fate = 'u' AND {}",
            self.table.quoted(),
            set.join(", "),
            self.has_same_key()
        )
    }

    /// Inserts the rows whose keys are new.
    pub(super) fn insert_statement(&self) -> String {
        format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {ROWS} AS given \
             JOIN {FATES} AS fates ON fates.row = given.ctid WHERE fates.fate = 'i'",
            self.table.quoted(),
            list(self.columns, ""),
            list(self.columns, "given.")
        )
    }

    /// Counts what became of the rows. Columns: name of the file, inserted, updated, left out.
    pub(super) fn fates_statement() -> String {
        format!(
            "SELECT _file_name::text, count(*) FILTER (WHERE fate = 'i'), \
                    count(*) FILTER (WHERE fate = 'u'), count(*) FILTER (WHERE fate = 's') \
             FROM {FATES} GROUP BY 1"
        )
    }

    /// Counts the rows that were replaced. Columns: the name of their file, rows.
    pub(super) fn replaced_statement() -> String {
        format!(
            "SELECT replaced, count(*) FROM {FATES} WHERE fate = 'u' AND replaced IS NOT NULL GROUP BY 1"
        )
    }

    fn key(&self) -> Vec<&str> {
        self.rule.key.iter().map(String::as_str).collect()
    }

    /// Returns the condition that a row of the target has the key of a given one.
    pub(super) fn has_same_key(&self) -> String {
        let pairs: Vec<String> = self
            .rule
            .key
            .iter()
            .map(|name| {
                let name = quote_identifier(name);
                format!("held.{name} = given.{name}")
            })
            .collect();
        pairs.join(" AND ")
    }

    /// Returns the condition that the given row is newer than the one that the target holds: by the order, then by the
    /// file and the place in it. A row without a file, which somebody else inserted, is older if nothing else decides.
    fn is_newer(&self) -> String {
        let tie = format!(
            "(held._file_name IS NULL OR (given._backfill_sorted, given._row_id) > ({}, \
             coalesce(held._row_id, -1)))",
            natural_order("held._file_name::text")
        );
        self.rule.order.iter().rev().fold(tie, |rest, name| {
            let name = quote_identifier(name);
            format!(
                "(coalesce(given.{name} > held.{name}, given.{name} IS NOT NULL AND held.{name} IS NULL) \
                 OR (given.{name} IS NOT DISTINCT FROM held.{name} AND {rest}))"
            )
        })
    }
}

/// Selects the names of the files that the given rows are from, each with its sort key.
fn sorted_names() -> String {
    format!(
        "SELECT _backfill_name, {} AS _backfill_sorted \
         FROM (SELECT DISTINCT _file_name::text AS _backfill_name FROM {ROWS}) AS names",
        natural_order("_backfill_name")
    )
}

/// Returns the expression that sorts a name as the SQL function `natural_order` does: a text without its endings first,
/// numbers by their size, and folders one by one. Numbers of more than 40 digits are sorted by their last 40; two names
/// that are equal in all this, by the names themselves.
fn natural_order(name: &str) -> String {
    let zeros = "0".repeat(NUMBER);
    let endings = r"((\.[A-Za-z][A-Za-z0-9]{0,7})+)$";
    let ended = format!(r"regexp_replace({name}, '{endings}', chr(1) || '\1')");
    let padded = format!(r"regexp_replace({ended}, '([0-9]+)', '{zeros}\1', 'g')");
    let numbers = format!(r"regexp_replace({padded}, '[0-9]*([0-9]{{{NUMBER}}})', '\1', 'g')");
    format!("(translate({numbers}, '/', chr(2)) || chr(1) || {name}) COLLATE \"C\"")
}

/// The number of digits to which numbers in names are padded.
const NUMBER: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    #[test]
    fn columns_are_named_and_quoted() {
        let table: TableName = "people".parse().expect("a name");
        assert_eq!(
            copy_statement(&table.quoted(), &["id", "Click ID"]),
            "COPY \"public\".\"people\" (\"id\", \"Click ID\") FROM STDIN WITH (FORMAT text, \
             ENCODING 'UTF8')"
        );
        assert_eq!(
            move_statement(&table, &["id"]),
            "INSERT INTO \"public\".\"people\" (\"id\") OVERRIDING SYSTEM VALUE SELECT \"id\" FROM \
             backfill_rows WHERE _file_name <> ALL($1)"
        );
    }

    #[test]
    fn names_are_quoted_in_every_statement_of_a_merge() {
        let (table, key) = (odd_table(), vec!["a\"b".to_owned()]);
        let rule = MergeRule { key, order: vec!["d\"ay".to_owned()] };
        let merge = Merge { table: &table, columns: &["a\"b", "x"], rule: &rule };
        let same = "held.\"a\"\"b\" = given.\"a\"\"b\"";
        assert_eq!(
            merge.null_keys_statement(),
            "SELECT _file_name::text, count(*) FROM backfill_rows WHERE \"a\"\"b\" IS NULL GROUP BY 1 ORDER BY 1"
        );
        assert_eq!(merge.analyze_statement(), "ANALYZE backfill_rows (\"a\"\"b\")");
        let ambiguous = merge.ambiguous_keys_statement();
        assert!(ambiguous.contains(&format!("FROM {ODD_TABLE} AS held")), "{ambiguous}");
        assert!(
            ambiguous.contains(&format!("{same}) GROUP BY held.\"a\"\"b\" HAVING")),
            "{ambiguous}"
        );
        let decide = merge.decide_statement();
        assert!(decide.contains("ORDER BY incoming.\"d\"\"ay\" DESC NULLS LAST"), "{decide}");
        assert_eq!(
            merge.update_statement(&["x"]),
            format!(
                "UPDATE {ODD_TABLE} AS held SET \"x\" = given.\"x\" FROM backfill_rows AS given \
                 JOIN backfill_fates AS fates ON fates.row = given.ctid WHERE fates.fate = 'u' AND {same}"
            )
        );
        assert!(
            merge.insert_statement().starts_with(&format!(
                "INSERT INTO {ODD_TABLE} (\"a\"\"b\", \"x\") OVERRIDING SYSTEM VALUE \
                 SELECT given.\"a\"\"b\", given.\"x\" FROM"
            )),
            "{}",
            merge.insert_statement()
        );
    }

    #[test]
    fn without_an_order_the_rows_of_a_later_file_are_newer() {
        let (table, key) = (odd_table(), vec!["id".to_owned()]);
        let rule = MergeRule { key, order: Vec::new() };
        let merge = Merge { table: &table, columns: &["id"], rule: &rule };
        let newer = merge.is_newer();
        assert!(
            newer.starts_with(
                "(held._file_name IS NULL OR (given._backfill_sorted, given._row_id) >"
            ),
            "{newer}"
        );
    }

    #[test]
    fn a_merge_compares_by_every_column_of_the_order_in_turn() {
        let table: TableName = "people".parse().expect("a name");
        let rule = MergeRule {
            key: vec!["id".to_owned(), "line".to_owned()],
            order: vec!["day".to_owned(), "n".to_owned()],
        };
        let merge = Merge { table: &table, columns: &["id", "line", "day", "n"], rule: &rule };
        let decide = merge.decide_statement();
        let (day, n) = (decide.find("given.\"day\" > held"), decide.find("given.\"n\" > held"));
        assert!(day.zip(n).is_some_and(|(day, n)| day < n), "{decide}");
        assert!(decide.contains("held.\"id\" = given.\"id\" AND held.\"line\" = given.\"line\""));
        assert!(decide.contains(
            "PARTITION BY incoming.\"id\", incoming.\"line\" ORDER BY incoming.\"day\" DESC NULLS LAST"
        ));
    }
}
