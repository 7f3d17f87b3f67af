//! To **inspect** the target is to describe it together with every obstacle to loading it, where a run stops
//! at the first one.

use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::{Dlt, Kind, Target};
use crate::domain::{TableName, quote_identifier};
use crate::target::Error;

/// What dlt calls the end of a row's version, unless told otherwise.
const VALID_TO: &str = "_dlt_valid_to";

/// What is asked of the catalog about a table; `$1` schema, `$2` name.
const DESCRIBE: &str = "\
SELECT c.oid::int8, c.relkind::text, c.relrowsecurity AND row_security_active(c.oid),
       has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'),
       EXISTS (SELECT FROM pg_catalog.pg_trigger t
               WHERE t.tgrelid = c.oid AND t.tgtype & 68 = 68 AND t.tgenabled NOT IN ('D', 'R')),
       (WITH RECURSIVE tree AS (
            SELECT c.oid UNION SELECT inhrelid FROM pg_catalog.pg_inherits JOIN tree ON inhparent = tree.oid)
        SELECT coalesce(sum(pg_catalog.pg_table_size(oid)), 0)::int8 FROM tree),
       current_user::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2";

/// The target with all that keeps rows from being loaded into it.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The target; `None` if it is of a kind that is not described.
    pub target: Option<Target>,
    /// What stands in the way, the first of which a run names.
    pub obstacles: Vec<Obstacle>,
}

/// Something that keeps rows from being loaded into the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It is not a table, nor a view that takes rows; in words.
    Kind(&'static str),
    /// Row-level security applies to the role.
    RowSecurity,
    /// The role lacks a right.
    Right {
        /// The role.
        role: String,
        /// The statement that gives it.
        grant: String,
    },
    /// dlt keeps old versions of its rows.
    OldVersions,
    /// dlt keeps lists from inside its rows in these other tables.
    Nested(String),
}

impl Obstacle {
    /// The error with which a run stops.
    pub fn into_error(self, table: &TableName) -> Error {
        match self {
            Self::Right { role, grant } => Error::Rights { role, grants: vec![grant] },
            other => Error::Target { table: table.to_string(), reason: other.reason() },
        }
    }

    /// Why rows cannot be loaded.
    pub fn reason(&self) -> String {
        match self {
            Self::Kind(reason) => (*reason).to_owned(),
            Self::RowSecurity => {
                "row-level security applies to this user, and COPY refuses that".to_owned()
            }
            Self::Right { role, grant } => format!("the user {role} lacks a right: {grant}"),
            Self::OldVersions => {
                "dlt keeps old versions of its rows (scd2), and would end ours with its next load"
                    .to_owned()
            }
            Self::Nested(nested) => format!(
                "dlt keeps lists from inside its rows in other tables ({nested}), which would lack ours"
            ),
        }
    }
}

impl Target {
    /// Looks the table up with all obstacles; `None` if there is no such table.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn inspect(client: &Client, table: &TableName) -> Result<Option<Inspected>, Error> {
        let names: [(&(dyn ToSql + Sync), Type); 2] =
            [(&table.schema, Type::TEXT), (&table.name, Type::TEXT)];
        let doing = format!("looking up {table}");
        let found = client
            .query_typed_opt(DESCRIBE, &names)
            .await
            .map_err(Error::statement(doing.clone()))?;
        let Some(row) = found else { return Ok(None) };
        let (oid, kind): (i64, String) = (row.get(0), row.get(1));
        let kind = match Kind::of(&kind, row.get(5)) {
            Ok(kind) => kind,
            Err(reason) => {
                let obstacles = vec![Obstacle::Kind(reason)];
                return Ok(Some(Inspected { target: None, obstacles }));
            }
        };
        let mut obstacles = Vec::new();
        if row.get::<_, Option<bool>>(2) == Some(true) {
            obstacles.push(Obstacle::RowSecurity);
        }
        let role: String = row.get(7);
        for (index, privilege) in [(3, "SELECT"), (4, "INSERT")] {
            if !row.get::<_, bool>(index) {
                let to = quote_identifier(&role);
                let grant = format!("GRANT {privilege} ON {} TO {to}", table.quoted());
                obstacles.push(Obstacle::Right { role: role.clone(), grant });
            }
        }
        let bytes = row.get::<_, i64>(6).unsigned_abs();
        let described = Self::describe(client, table, oid, kind, bytes).await;
        let target = described.map_err(Error::statement(doing))?;
        obstacles.extend(of_dlt(&target));
        Ok(Some(Inspected { target: Some(target), obstacles }))
    }

    /// Looks the table up; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Target`] where it is no table that rows can be copied into; [`Error::Rights`];
    /// [`Error::Statement`].
    pub async fn find(client: &Client, table: &TableName) -> Result<Option<Self>, Error> {
        let Some(inspected) = Self::inspect(client, table).await? else { return Ok(None) };
        match inspected.obstacles.into_iter().next() {
            Some(obstacle) => Err(obstacle.into_error(table)),
            None => Ok(inspected.target),
        }
    }
}

/// What dlt does with the table that leaves no room for others' rows.
fn of_dlt(target: &Target) -> Vec<Obstacle> {
    let Some(dlt) = target.guest.dlt() else { return Vec::new() };
    let has_versions = |dlt: &Dlt| dlt.keeps_versions || target.column(VALID_TO).is_some();
    let mut obstacles = Vec::new();
    if has_versions(dlt) {
        obstacles.push(Obstacle::OldVersions);
    }
    if !dlt.nested.is_empty() {
        obstacles.push(Obstacle::Nested(dlt.nested.join(", ")));
    }
    obstacles
}
