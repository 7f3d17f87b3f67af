//! The **tables** of the ledger as the catalog has them, and whether they are complete, ours, readable, and of this
//! version.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::domain::quote_identifier;
use crate::target::Error;

/// A table as it should be.
struct Expected {
    name: &'static str,
    /// The columns that it had from the first version on.
    first: &'static [&'static str],
    /// The columns that were added to it.
    added: &'static [&'static str],
}

/// The tables that every version made.
const CORE: [&str; 3] = ["runs", "batches", "files"];
/// The column of `batches` that came together with the tables of saved rows.
const WITH_SAVED: &str = "saved_columns";

/// Every table of the ledger.
const EXPECTED: [Expected; 5] = [
    Expected {
        name: "runs",
        first: &[
            "run_id",
            "dataset",
            "target",
            "range_start",
            "range_end",
            "batch_days",
            "sql_hash",
            "version",
            "started_at",
            "finished_at",
            "status",
            "accounting",
        ],
        added: &[],
    },
    Expected {
        name: "batches",
        first: &[
            "run_id",
            "dataset",
            "batch",
            "range_start",
            "range_end",
            "files",
            "rows",
            "deleted",
            "xid",
            "committed_at",
        ],
        added: &["updated", "skipped_older", "load_id", WITH_SAVED, "merge_key", "undone_at"],
    },
    Expected {
        name: "files",
        first: &[
            "target",
            "file_name",
            "file_date",
            "run_id",
            "batch",
            "size_bytes",
            "etag",
            "last_modified",
            "sql_hash",
            "records",
            "accepted",
            "rejected",
            "superseded",
            "filtered",
            "staged",
            "inserted",
            "survivors",
            "loaded_at",
        ],
        added: &["updated", "skipped_older", "deleted_on_purpose", "again", "held", "xids"],
    },
    Expected {
        name: "saved_files",
        first: &["run_id", "dataset", "batch", "file_name", "entry"],
        added: &[],
    },
    Expected {
        name: "saved_rows",
        first: &["number", "run_id", "dataset", "batch", "file_name", "written_by", "row"],
        added: &[],
    },
];

/// Columns: the name, the kind, the columns, whether this user may read it, whether this user owns it, its owner,
/// and the user; `$1` the names.
const FIND: &str = "\
SELECT c.relname::text, c.relkind::text,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
       pg_has_role(c.relowner, 'USAGE'), pg_catalog.pg_get_userbyid(c.relowner)::text, current_user::text
FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
WHERE n.nspname = 'backfill' AND c.relname = ANY ($1)
ORDER BY 1";

/// A table as it is.
struct Found {
    name: String,
    is_table: bool,
    columns: Vec<String>,
    may_read: bool,
    is_own: bool,
    owner: String,
    role: String,
}

/// The tables that are there.
pub(super) struct Tables(Vec<Found>);

impl Tables {
    /// Asks the catalog, which needs no right.
    pub(super) async fn find(client: &Client) -> Result<Self, Error> {
        let names: Vec<&str> = EXPECTED.iter().map(|table| table.name).collect();
        let rows = client
            .query_typed(FIND, &[(&names, Type::TEXT_ARRAY)])
            .await
            .map_err(Error::statement("looking for the ledger"))?;
        Ok(Self(rows.iter().map(Found::of).collect()))
    }

    /// Whether they are there. Refuses those that are incomplete, of somebody else or not readable.
    pub(super) fn exist(&self) -> Result<bool, Error> {
        for expected in &EXPECTED {
            if let Some(reason) = self.get(expected.name).and_then(|found| found.foreign(expected))
            {
                let table = format!("backfill.{}", expected.name);
                return Err(Error::ForeignLedger { table, reason });
            }
        }
        let missing = self.missing();
        if !missing.is_empty() {
            return Err(Error::IncompleteLedger { missing });
        }
        match self.0.iter().find(|found| !found.may_read) {
            Some(closed) => Err(rights(&closed.role)),
            None => Ok(self.get("files").is_some()),
        }
    }

    /// Whether nothing of this version is missing.
    pub(super) fn are_current(&self) -> bool {
        EXPECTED.iter().all(|expected| {
            self.get(expected.name).is_some_and(|found| found.lacks(expected.added).is_empty())
        })
    }

    /// Refuses if one of them is somebody else's: only its owner may add columns.
    pub(super) fn refuse_others(&self) -> Result<(), Error> {
        match self.0.iter().find(|found| !found.is_own) {
            Some(found) => Err(Error::OutdatedLedger { owner: found.owner.clone() }),
            None => Ok(()),
        }
    }

    fn get(&self, name: &str) -> Option<&Found> {
        self.0.iter().find(|found| found.name == name)
    }

    /// Returns the tables that are missing though others of the same version are there.
    fn missing(&self) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let keeps_rows = self.get("batches").is_some_and(|batches| batches.has(WITH_SAVED));
        let names = EXPECTED.iter().map(|expected| expected.name);
        let needed = names.filter(|name| keeps_rows || CORE.contains(name));
        let missing = needed.filter(|name| self.get(name).is_none());
        missing.map(|name| format!("backfill.{name}")).collect()
    }
}

impl Found {
    fn of(row: &Row) -> Self {
        Self {
            name: row.get(0),
            is_table: matches!(row.get::<_, &str>(1), "r" | "p"),
            columns: row.get(2),
            may_read: row.get(3),
            is_own: row.get(4),
            owner: row.get(5),
            role: row.get(6),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column == name)
    }

    fn lacks(&self, columns: &[&'static str]) -> Vec<&'static str> {
        columns.iter().copied().filter(|name| !self.has(name)).collect()
    }

    /// Says why it is not the ledger's table; `None` if it is.
    fn foreign(&self, expected: &Expected) -> Option<String> {
        let lacks = self.lacks(expected.first);
        match (self.is_table, lacks.is_empty()) {
            (false, _) => Some("it is not a table".to_owned()),
            (true, false) => Some(format!("it lacks {}", lacks.join(", "))),
            (true, true) => None,
        }
    }
}

/// The error of a role that may not read the ledger.
fn rights(role: &str) -> Error {
    let to = quote_identifier(role);
    let grants = vec![
        format!("GRANT USAGE ON SCHEMA backfill TO {to}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA backfill TO {to}"),
    ];
    Error::Rights { role: role.to_owned(), grants }
}
