//! To **inspect** the target is to describe it together with every obstacle to loading it. A run stops at the
//! first obstacle.

use tokio_postgres::Client;

use super::{Kind, Target};
use crate::domain::{TableName, quote_identifier};
use crate::target::Error;
use crate::target::postgres::parameter::schema_and_name;
use crate::target::postgres::row::count;

/// The column in which dlt keeps the end of a row's version, unless it is configured otherwise.
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
    /// What keeps rows from being loaded; a run names the first of them.
    pub obstacles: Vec<Obstacle>,
}

/// Something that keeps rows from being loaded into the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It is neither a table nor a view that takes rows; in words.
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
    /// Returns the error with which a run stops.
    pub fn into_error(self, table: &TableName) -> Error {
        match self {
            Self::Right { role, grant } => Error::Rights { role, grants: vec![grant] },
            other => Error::Target { table: table.to_string(), reason: other.reason() },
        }
    }

    /// Says why rows cannot be loaded.
    pub fn reason(&self) -> String {
        match self {
            Self::Kind(reason) => (*reason).to_owned(),
            Self::RowSecurity => {
                "row-level security applies to this user, and COPY does not support that".to_owned()
            }
            Self::Right { role, grant } => format!("the user {role} lacks a right: {grant}"),
            Self::OldVersions => {
                "dlt keeps old versions of rows (scd2), and its next load would mark our rows as old"
                    .to_owned()
            }
            Self::Nested(nested) => format!(
                "dlt stores the lists in its rows in child tables ({nested}), which this program does not load"
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
        let doing = format!("looking up {table}");
        let found = client
            .query_typed_opt(DESCRIBE, &schema_and_name(table))
            .await
            .map_err(Error::statement(doing.clone()))?;
        let Some(row) = found else { return Ok(None) };
        let (oid, letter): (i64, String) = (row.get(0), row.get(1));
        let kind = match Kind::of(&letter, row.get(5)) {
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
        let described = Self::describe(client, table, oid, kind, count(&row, 6)).await;
        let target = described.map_err(Error::statement(doing))?;
        obstacles.extend(dlt_obstacles(&target));
        Ok(Some(Inspected { target: Some(target), obstacles }))
    }

    /// Looks the table up; `None` if there is no such table.
    ///
    /// # Errors
    /// [`Error::Target`] if it is not a table that rows can be copied into; [`Error::Rights`];
    /// [`Error::Statement`].
    pub async fn find(client: &Client, table: &TableName) -> Result<Option<Self>, Error> {
        let Some(inspected) = Self::inspect(client, table).await? else { return Ok(None) };
        match inspected.obstacles.into_iter().next() {
            Some(obstacle) => Err(obstacle.into_error(table)),
            None => Ok(inspected.target),
        }
    }
}

/// Returns what dlt does with the table that leaves no room for rows of others.
fn dlt_obstacles(target: &Target) -> Vec<Obstacle> {
    let Some(dlt) = target.guest.dlt() else { return Vec::new() };
    let mut obstacles = Vec::new();
    if dlt.keeps_versions || target.column(VALID_TO).is_some() {
        obstacles.push(Obstacle::OldVersions);
    }
    if !dlt.nested.is_empty() {
        obstacles.push(Obstacle::Nested(dlt.nested.join(", ")));
    }
    obstacles
}
