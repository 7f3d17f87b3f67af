//! A **watch** finds out who keeps a waiting session waiting: another session that holds a lock. It reports that
//! session, and ends sessions of runs that are gone.
//!
//! A run whose machine or route has died may leave its session behind, which waits for rows forever and keeps its
//! locks. The server says that it waits for its client, and how many bytes have come; if nothing has changed for
//! [`PATIENCE`], the client is taken to be gone.
//!
//! The same may happen to the session that is watched: if the server waits for this program while this program waits
//! for the server, what one of them has sent was lost. No time-out of TCP ends that if a device between them answers
//! for the other side.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::Database;
use super::row::text;
use super::session::{APPLICATION, Session};
use crate::domain::{Event, Notice};
use crate::target::Error;

/// How often a watch looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a session of ours may be silent before it is ended.
const PATIENCE: Duration = Duration::from_secs(90);

/// Watches one session.
pub(super) struct Watch<'a> {
    database: &'a Database,
    /// The name under which the server knows the session.
    name: &'a str,
    /// What holders were seen to do, and since when; by process id.
    seen: HashMap<i32, (String, Instant)>,
    /// What the session itself was seen to do while the server waited for it, and since when.
    own: Option<(String, Instant)>,
}

/// A session that keeps another one waiting.
struct Holder {
    pid: i32,
    description: String,
    /// Whether it belongs to a run of this program, and waits for its client.
    is_waiting_for_us: bool,
    /// Changes whenever the session does anything.
    activity: String,
}

/// Asks about those who keep the session `$1` waiting. Other users' sessions show less.
const HOLDERS: &str = "\
SELECT holder.pid, coalesce(holder.application_name, ''), coalesce(holder.usename::text, ''),
       coalesce(host(holder.client_addr), ''), coalesce(holder.state, ''),
       to_char(holder.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS'),
       to_char(holder.state_change AT TIME ZONE 'UTC', 'HH24:MI:SS'),
       coalesce(holder.wait_event = 'ClientRead', false),
       concat_ws(' ', holder.state_change, holder.query_start,
                 to_jsonb(copying) ->> 'bytes_processed'),
       (SELECT coalesce(relation::regclass::text, locktype) FROM pg_catalog.pg_locks
        WHERE pid = waiting.pid AND NOT granted LIMIT 1)
FROM pg_catalog.pg_stat_activity waiting
CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(waiting.pid)) AS blocking (pid)
JOIN pg_catalog.pg_stat_activity holder ON holder.pid = blocking.pid
LEFT JOIN pg_catalog.pg_stat_progress_copy copying ON copying.pid = holder.pid
WHERE waiting.application_name = $1 AND waiting.datname = current_database()
  AND waiting.wait_event_type = 'Lock'";

/// Asks what the session `$1` did last, if the server waits for it.
const OWN: &str = "\
SELECT concat_ws(' ', pid, state, state_change, query_start)
FROM pg_catalog.pg_stat_activity
WHERE application_name = $1 AND datname = current_database() AND wait_event = 'ClientRead'";

/// The view in which the server counts the bytes of a COPY, and what replaces it if there is none.
const COPYING: &str = "pg_catalog.pg_stat_progress_copy";
const NO_COPYING: &str = "(SELECT NULL::int AS pid)";

impl<'a> Watch<'a> {
    /// Makes a watch over the session with this name.
    pub(super) fn new(database: &'a Database, name: &'a str) -> Self {
        Self { database, name, seen: HashMap::new(), own: None }
    }

    /// Watches until it is dropped; returns only if a session that is left behind cannot be ended, or if the watched
    /// session is lost. If the server cannot be asked, nothing is reported.
    pub(super) async fn run(mut self) -> Error {
        let mut session: Option<Session> = None;
        loop {
            let before = self.database.activity();
            tokio::time::sleep(INTERVAL).await;
            if self.database.activity() != before {
                self.own = None;
                continue;
            }
            if session.as_ref().is_none_or(|session| session.client.is_closed()) {
                session = self.database.open(&format!("{APPLICATION} watch")).await.ok();
            }
            let Some(client) = session.as_ref().map(|session| &session.client) else { continue };
            if let Err(error) = self.look(client).await {
                return error;
            }
            if self.is_lost(client).await {
                return Error::NoAnswer { seconds: PATIENCE.as_secs() };
            }
        }
    }

    /// Reports who keeps the session waiting, and ends those who are gone.
    async fn look(&mut self, client: &Client) -> Result<(), Error> {
        let name = [(&self.name as _, Type::TEXT)];
        let mut asked = client.query_typed(HOLDERS, &name).await;
        if asked.is_err() {
            // PostgreSQL 13 does not count the bytes of a COPY.
            asked = client.query_typed(&HOLDERS.replace(COPYING, NO_COPYING), &name).await;
        }
        let Ok(rows) = asked else { return Ok(()) };
        for holder in rows.iter().map(Holder::of) {
            self.report(Event::Waiting { holder: holder.description.clone() });
            if self.is_silent(&holder) {
                self.end(client, holder).await?;
            }
        }
        Ok(())
    }

    /// Whether the server has waited for the session for so long that something was lost between them.
    async fn is_lost(&mut self, client: &Client) -> bool {
        let name = [(&self.name as _, Type::TEXT)];
        let doing = match client.query_typed_opt(OWN, &name).await {
            Ok(Some(row)) => row.get::<_, String>(0),
            // The server is at work, or it is not known.
            _ => {
                self.own = None;
                return false;
            }
        };
        match &self.own {
            Some((seen, since)) if *seen == doing => since.elapsed() >= PATIENCE,
            _ => {
                self.own = Some((doing, Instant::now()));
                false
            }
        }
    }

    /// Whether a session of an earlier run has done nothing for so long that its run must be gone.
    fn is_silent(&mut self, holder: &Holder) -> bool {
        let now = (holder.activity.clone(), Instant::now());
        let seen = self.seen.entry(holder.pid).or_insert_with(|| now.clone());
        if seen.0 != holder.activity {
            *seen = now;
        }
        holder.is_waiting_for_us && seen.1.elapsed() >= PATIENCE
    }

    /// Ends a session.
    async fn end(&mut self, client: &Client, holder: Holder) -> Result<(), Error> {
        let Holder { pid, description, .. } = holder;
        self.report(Event::Ending { holder: description.clone() });
        let statement = "SELECT pg_catalog.pg_terminate_backend($1)";
        match client.query_typed_one(statement, &[(&pid, Type::INT4)]).await {
            Ok(row) if row.get(0) => Ok(()),
            _ => Err(Error::LeftBehind { holder: description, pid }),
        }
    }

    fn report(&self, event: Event) {
        self.database.notice(&Notice { dataset: None, event });
    }
}

impl Holder {
    fn of(row: &Row) -> Self {
        let waits_for_client: bool = row.get(7);
        let application = text(row, 1);
        Self {
            pid: row.get(0),
            description: format!("{}, {}", who(row), why(row)),
            is_waiting_for_us: application.starts_with(APPLICATION) && waits_for_client,
            activity: text(row, 8),
        }
    }
}

/// Describes the session of a row of [`HOLDERS`].
fn who(row: &Row) -> String {
    let (pid, application, user): (i32, String, String) = (row.get(0), text(row, 1), text(row, 2));
    let (address, state, silent_since) = (text(row, 3), text(row, 4), text(row, 6));
    let waits_for_client: bool = row.get(7);
    let mut who = format!("the session with pid {pid}");
    if !application.is_empty() {
        who.push_str(&format!(" of {application}"));
    }
    who.push_str(&format!(" (user {user}"));
    if !address.is_empty() {
        who.push_str(&format!(", from {address}"));
    }
    if !state.is_empty() {
        who.push_str(&format!(", {state}"));
    }
    if waits_for_client && !silent_since.is_empty() {
        who.push_str(&format!(", silent since {silent_since} UTC"));
    }
    who.push(')');
    who
}

/// Says why the session of a row of [`HOLDERS`] keeps the other one waiting.
fn why(row: &Row) -> String {
    let (began, lock) = (text(row, 5), text(row, 9));
    let mut why = match lock.as_str() {
        "" | "advisory" => "which loads the same files".to_owned(),
        "transactionid" => "which has changed the same rows".to_owned(),
        table => format!("which holds a lock on {table}"),
    };
    if !began.is_empty() {
        why.push_str(&format!(" since {began} UTC"));
    }
    why
}
