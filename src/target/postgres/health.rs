//! The **health** of the target database: what only the server knows of itself, of this role and of what runs
//! in it. Nothing is written.

use std::time::Duration;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::parameter::{Parameter, schema_and_name};
use super::row::count;
use super::session::{APPLICATION, Session};
use super::{Database, Target};
use crate::domain::{TableName, provenance, quote_identifier};
use crate::target::Error;

/// What the server says of itself and of this role.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its version as people write it.
    pub version: String,
    /// Its version as a number: 150018 is 15.18.
    pub version_number: i32,
    /// How the database stores text.
    pub encoding: String,
    /// Whether it is a standby, which takes no writes.
    pub is_standby: bool,
    /// Whether transactions may not write unless they say so.
    pub is_read_only: bool,
    /// The size of the database in bytes.
    pub bytes: u64,
    /// How many transactions old the oldest row may be; at about two billion the server stops.
    pub transaction_age: i64,
    /// Whether it is Supabase's.
    pub is_supabase: bool,
    /// The role.
    pub role: String,
    /// The database.
    pub database: String,
    /// The time-outs that are set for this role, with their values, except those that are off.
    pub timeouts: Vec<(String, String)>,
    /// How many more connections this role may open, according to the server.
    pub free_connections: i64,
    /// What allows no more.
    pub limited_by: LimitedBy,
    /// Sessions of this program that hold a transaction open and have been silent for minutes.
    pub left_behind: Vec<i32>,
}

/// What limits the connections of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitedBy {
    /// `max_connections` of the server.
    Server,
    /// The CONNECTION LIMIT of the role, which is this.
    Role(i64),
    /// The CONNECTION LIMIT of the database, which is this.
    Database(i64),
}

const SERVER: &str = "\
SELECT current_setting('server_version'), current_setting('server_version_num')::int4,
       current_setting('server_encoding'), pg_is_in_recovery(),
       current_setting('transaction_read_only') = 'on',
       pg_catalog.pg_database_size(d.oid)::int8, age(d.datfrozenxid)::int8,
       EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'supabase_admin'),
       current_user::text, d.datname::text,
       ARRAY(SELECT name FROM pg_catalog.pg_settings WHERE name LIKE '%\\_timeout' AND reset_val <> '0'
               AND name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
                            'transaction_timeout', 'idle_session_timeout') ORDER BY name),
       ARRAY(SELECT (reset_val || coalesce(unit, ''))::interval::text FROM pg_catalog.pg_settings
             WHERE reset_val <> '0'
               AND name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
                            'transaction_timeout', 'idle_session_timeout') ORDER BY name),
       current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8
         - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'),
       ARRAY(SELECT pid FROM pg_catalog.pg_stat_activity
             WHERE datid = d.oid AND starts_with(application_name, $1)
               AND state LIKE 'idle in transaction%' AND state_change < now() - interval '2 minutes'
             ORDER BY pid),
       CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit::int8 END,
       (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usesysid = r.oid),
       CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit::int8 END,
       (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datid = d.oid)
FROM pg_catalog.pg_database d, pg_catalog.pg_roles r
WHERE d.datname = current_database() AND r.rolname = current_user";

impl Server {
    /// Asks the server.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn ask(client: &Client) -> Result<Self, Error> {
        let row = client
            .query_typed_one(SERVER, &[(&APPLICATION, Type::TEXT)])
            .await
            .map_err(Error::statement("asking the server about itself"))?;
        let (names, values): (Vec<String>, Vec<String>) = (row.get(10), row.get(11));
        let (free_connections, limited_by) = free_connections(&row);
        Ok(Self {
            version: row.get(0),
            version_number: row.get(1),
            encoding: row.get(2),
            is_standby: row.get(3),
            is_read_only: row.get(4),
            bytes: count(&row, 5),
            transaction_age: row.get(6),
            is_supabase: row.get(7),
            role: row.get(8),
            database: row.get(9),
            timeouts: names.into_iter().zip(values).collect(),
            free_connections,
            limited_by,
            left_behind: row.get(13),
        })
    }
}

/// Returns how many connections are left, and what allows no more.
fn free_connections(row: &Row) -> (i64, LimitedBy) {
    let mut least = (row.get(12), LimitedBy::Server);
    let (role_limit, of_role): (Option<i64>, i64) = (row.get(14), row.get(15));
    let (database_limit, of_database): (Option<i64>, i64) = (row.get(16), row.get(17));
    for (limit, connections, limited_by) in [
        (role_limit, of_role, LimitedBy::Role as fn(i64) -> LimitedBy),
        (database_limit, of_database, LimitedBy::Database),
    ] {
        if let Some(limit) = limit.filter(|limit| limit - connections < least.0) {
            least = (limit - connections, limited_by(limit));
        }
    }
    least
}

/// How connections are passed on between this program and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// No pooler was seen between them.
    NotSeen,
    /// A pooler gives each session of ours a connection of its own.
    Session,
    /// A pooler may give each transaction another connection.
    Transaction,
}

/// The process that serves a session, when it started, and what time it is there, in microseconds.
const PROCESS: &str = "\
SELECT pg_backend_pid(),
       (SELECT extract(epoch FROM backend_start) * 1000000 FROM pg_catalog.pg_stat_activity
        WHERE pid = pg_backend_pid())::int8,
       (extract(epoch FROM clock_timestamp()) * 1000000)::int8";

/// How long a second session waits for a connection of a pooler.
const PATIENCE: Duration = Duration::from_secs(5);

struct Process {
    pid: i32,
    started: Option<i64>,
    now: i64,
}

impl Database {
    /// Finds out how connections are passed on: two sessions ask which process serves them. If one process serves
    /// both, or two serve one of them, a pooler works by transactions. If a process is older than the session that
    /// it serves, a pooler kept it for later sessions.
    ///
    /// # Errors
    /// [`Error::Connect`] and [`Error::Statement`].
    pub async fn pooling(&self) -> Result<Pooling, Error> {
        let first = self.open(APPLICATION).await?;
        let result = self.pooling_beside(&first).await;
        first.close().await;
        result
    }

    async fn pooling_beside(&self, first: &Session) -> Result<Pooling, Error> {
        let before = process(&first.client).await?;
        let second = self.open(APPLICATION).await?;
        let pooling = pooling_between(&first.client, &before, &second.client).await;
        second.close().await;
        pooling
    }
}

/// Compares the process that served the first session with those that serve both now, while the second one has a
/// transaction open.
async fn pooling_between(
    first: &Client,
    before: &Process,
    second: &Client,
) -> Result<Pooling, Error> {
    second.batch_execute("BEGIN").await.map_err(Error::statement(ASKING))?;
    let beside = process(second).await?;
    let is_shared = beside.pid == before.pid;
    let has_moved = !is_shared && is_served_by_another(first, before.pid).await?;
    second.batch_execute("ROLLBACK").await.map_err(Error::statement(ASKING))?;
    Ok(match beside.started {
        _ if is_shared || has_moved => Pooling::Transaction,
        Some(started) if started < before.now => Pooling::Session,
        _ => Pooling::NotSeen,
    })
}

/// What is being done, for an error.
const ASKING: &str = "asking which process serves a session";

async fn process(client: &Client) -> Result<Process, Error> {
    let row = client.query_typed_one(PROCESS, &[]).await.map_err(Error::statement(ASKING))?;
    Ok(Process { pid: row.get(0), started: row.get(1), now: row.get(2) })
}

/// Whether another process than `pid` serves the session by now; also if it gets none while another session
/// has a transaction open.
async fn is_served_by_another(client: &Client, pid: i32) -> Result<bool, Error> {
    match tokio::time::timeout(PATIENCE, process(client)).await {
        Ok(process) => Ok(process?.pid != pid),
        Err(_) => Ok(true),
    }
}

/// How many rows are looked at if there is no index.
const SAMPLED_ROWS: u32 = 100_000;

impl Target {
    /// Whether it has rows that do not say which file they are from. Without an index on `_file_name` only its
    /// first rows and the server's statistics are looked at.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn has_unnamed_rows(&self, client: &Client) -> Result<bool, Error> {
        match self.column(provenance::FILE_NAME) {
            Some(column) if !column.not_null => {}
            _ => return Ok(false),
        }
        let name_of_column = provenance::FILE_NAME;
        let names: [Parameter<'_>; 3] = [
            (&self.table.schema, Type::TEXT),
            (&self.table.name, Type::TEXT),
            (&name_of_column, Type::TEXT),
        ];
        let (statement, parameters) = if self.has_file_name_index {
            (unnamed_by_index_statement(&self.table), &[][..])
        } else {
            (unnamed_by_sample_statement(&self.table), &names[..])
        };
        let row = client
            .query_typed_one(&statement, parameters)
            .await
            .map_err(Error::statement(format!("looking for rows of no file in {}", self.table)))?;
        Ok(row.get(0))
    }
}

/// Asks whether any row does not say which file it is from.
fn unnamed_by_index_statement(table: &TableName) -> String {
    let (table, column) = (table.quoted(), quote_identifier(provenance::FILE_NAME));
    format!("SELECT EXISTS (SELECT FROM {table} WHERE {column} IS NULL)")
}

/// Asks the same of the first rows and of the server's statistics: `$1` the schema, `$2` the table, `$3` the column.
fn unnamed_by_sample_statement(table: &TableName) -> String {
    let (table, column) = (table.quoted(), quote_identifier(provenance::FILE_NAME));
    format!(
        "SELECT EXISTS (SELECT FROM (SELECT {column} FROM {table} LIMIT {SAMPLED_ROWS}) AS first \
                        WHERE {column} IS NULL) \
             OR coalesce((SELECT max(null_frac) > 0 FROM pg_catalog.pg_stats \
                          WHERE schemaname = $1 AND tablename = $2 AND attname = $3), false)"
    )
}

/// Publications of updates or deletes, and the tables among a target and its parts that they publish without
/// anything that distinguishes rows; `$1` and `$2` the target. Columns: publication, table, and whether updates and
/// deletes are published.
const WITHOUT_IDENTITY: &str = "\
WITH RECURSIVE part AS (
  SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2
  UNION
  SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN part ON i.inhparent = part.oid
), whole AS (
  SELECT oid AS part, oid FROM part
  UNION
  SELECT whole.part, i.inhparent FROM pg_catalog.pg_inherits i JOIN whole ON i.inhrelid = whole.oid
)
SELECT DISTINCT p.pubname::text, c.oid::regclass::text, p.pubupdate, p.pubdelete
FROM whole
JOIN pg_catalog.pg_class c ON c.oid = whole.part AND c.relkind = 'r' AND c.relpersistence = 'p'
JOIN pg_catalog.pg_class w ON w.oid = whole.oid
JOIN pg_catalog.pg_namespace n ON n.oid = w.relnamespace
JOIN pg_catalog.pg_publication_tables t ON t.schemaname = n.nspname AND t.tablename = w.relname
JOIN pg_catalog.pg_publication p ON p.pubname = t.pubname AND (p.pubupdate OR p.pubdelete)
WHERE c.relreplident <> 'f'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i
                  WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
                    AND CASE c.relreplident WHEN 'd' THEN i.indisprimary
                                            WHEN 'i' THEN i.indisreplident ELSE false END)
ORDER BY 1, 2";

/// A table that a publication publishes without anything that distinguishes its rows, so that the server refuses to
/// update or delete them.
#[derive(Clone, Debug)]
pub struct WithoutIdentity {
    /// The publication.
    pub publication: String,
    /// The table, quoted if it must be.
    pub table: String,
    /// Whether updates are refused.
    pub updates: bool,
    /// Whether deletes are refused.
    pub deletes: bool,
}

impl Target {
    /// Finds the publications because of which rows of the target or of a partition cannot be updated or deleted.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn without_identity(&self, client: &Client) -> Result<Vec<WithoutIdentity>, Error> {
        let rows = client
            .query_typed(WITHOUT_IDENTITY, &schema_and_name(&self.table))
            .await
            .map_err(Error::statement(format!("looking for publications of {}", self.table)))?;
        Ok(rows.iter().map(without_identity).collect())
    }
}

fn without_identity(row: &Row) -> WithoutIdentity {
    WithoutIdentity {
        publication: row.get(0),
        table: row.get(1),
        updates: row.get(2),
        deletes: row.get(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    #[test]
    fn rows_without_a_file_are_looked_for_by_the_index_or_in_a_sample() {
        assert_eq!(
            unnamed_by_index_statement(&odd_table()),
            format!("SELECT EXISTS (SELECT FROM {ODD_TABLE} WHERE \"_file_name\" IS NULL)")
        );
        let sample = unnamed_by_sample_statement(&odd_table());
        assert!(sample.contains(&format!("FROM {ODD_TABLE} LIMIT 100000) AS first")), "{sample}");
        assert!(sample.contains("tablename = $2 AND attname = $3"), "{sample}");
    }
}
