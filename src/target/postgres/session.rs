//! A **session** is a connection to the target database. [`Database::session`] is the way to get one: it
//! opens the connection, sets the time-outs, and tries again after a temporary failure.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::address::Address;
use super::connect::{Cancel, Connected, deepest};
use super::tls::Protection;
use super::watch::Watch;
use crate::domain::{Environment, ErrorKind, Explain, Notice};
use crate::progress::{Listener, Silent};
use crate::target::Error;

/// What the names of our sessions begin with, as the server knows them.
pub(super) const APPLICATION: &str = "backfill";

/// How often work on the database is tried if it fails temporarily.
const ATTEMPTS: u32 = 4;

/// The target database. Neither `Debug` nor `Display` shows a password.
#[derive(Clone)]
pub struct Database {
    address: Address,
    /// Whether a session was opened before: if so, a server that does not answer may be restarting.
    was_reached: Arc<AtomicBool>,
    /// Distinguishes the sessions of this process from those of others: process ids are the same in containers.
    tag: u32,
    /// How many sessions were opened: each has a name of its own.
    sessions: Arc<AtomicUsize>,
    /// Counts what is sent to the server.
    activity: Arc<AtomicU64>,
    /// Is notified of who keeps a session waiting.
    listener: Listener,
}

impl Database {
    /// Takes the address from `DATABASE_URL`, or else from `PGHOST` and the other `PG*` variables.
    ///
    /// # Errors
    /// [`Error::NoDatabase`] and [`Error::Setting`].
    pub fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let address = Address::from_environment(environment)?;
        Ok(Self {
            address,
            was_reached: Arc::default(),
            tag: rand::random(),
            sessions: Arc::default(),
            activity: Arc::default(),
            listener: Arc::new(Silent),
        })
    }

    /// Returns the same database, with a `listener` that is notified of who keeps a session waiting.
    pub fn with_listener(self, listener: Listener) -> Self {
        Self { listener, ..self }
    }

    /// Shows a notice to the person.
    pub(super) fn notice(&self, notice: &Notice) {
        self.listener.notice(notice);
    }

    /// Returns a number that grows while rows are sent.
    pub(super) fn activity(&self) -> u64 {
        self.activity.load(Ordering::Relaxed)
    }

    /// Notes that rows were sent: nobody is waiting.
    pub(super) fn note_activity(&self) {
        self.activity.fetch_add(1, Ordering::Relaxed);
    }

    /// Does `work` in one transaction of a session. After a temporary failure it is done again in a new session, so
    /// it must have the same result when it is done twice.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Certificates`], and those of `work`.
    pub async fn session<T>(
        &self,
        mut work: impl AsyncFnMut(&Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.unmanaged_session(async |client: &Client| {
            begin(client, "opening a transaction").await?;
            let done = work(client).await?;
            let ended = client.batch_execute("COMMIT").await;
            ended.map_err(Error::statement("ending a transaction"))?;
            Ok(done)
        })
        .await
    }

    /// Does `work` in a session; it begins and ends its transactions itself. After a temporary failure
    /// it is done again in a new session, and has to find out itself what is done already.
    ///
    /// # Errors
    /// As [`session`](Self::session).
    pub async fn unmanaged_session<T>(
        &self,
        mut work: impl AsyncFnMut(&Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut attempt = 1;
        loop {
            match self.attempt(&mut work).await {
                Err(error) if self.may_succeed_later(&error) && attempt < ATTEMPTS => {
                    tracing::warn!("{}; trying again", with_reason(&error));
                    tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// Does `work` in one transaction that is always rolled back, so that nothing of it remains. It waits for locks of
    /// others for a few seconds only.
    ///
    /// # Errors
    /// As [`session`](Self::session).
    pub async fn rehearsal<T>(
        &self,
        mut work: impl AsyncFnMut(&Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.unmanaged_session(async |client: &Client| {
            begin(client, "opening a transaction").await?;
            let bounded = client.batch_execute("SET LOCAL lock_timeout = '5s'").await;
            bounded.map_err(Error::statement("opening a transaction"))?;
            let result = work(client).await;
            let ended = client.batch_execute("ROLLBACK").await;
            let done = result?;
            ended.map_err(Error::statement("rolling a transaction back"))?;
            Ok(done)
        })
        .await
    }

    /// Connects, and returns how the connection is protected.
    ///
    /// # Errors
    /// [`Error::Connect`] and those of certificates.
    pub async fn protection(&self) -> Result<Protection, Error> {
        let session = self.open(APPLICATION).await?;
        let protection = session.protection;
        session.close().await;
        Ok(protection)
    }

    /// Whether trying again may help. A server that was never reached is not waited for: the person who
    /// starts a command waits for the answer.
    fn may_succeed_later(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::Transient && self.was_reached.load(Ordering::Relaxed)
    }

    async fn attempt<T>(
        &self,
        work: &mut impl AsyncFnMut(&Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        let name = format!("{APPLICATION} {:08x}.{number}", self.tag);
        let session = self.open(&name).await?;
        self.was_reached.store(true, Ordering::Relaxed);
        let result = tokio::select! {
            result = work(&session.client) => result,
            error = Watch::new(self, &name).run() => Err(error),
        };
        session.close().await;
        result
    }

    /// Opens a session that ends with [`Session::close`], or when it is dropped. The server knows it by `name`.
    ///
    /// # Errors
    /// As [`Address::connect`].
    pub(super) async fn open(&self, name: &str) -> Result<Session, Error> {
        self.address.connect(name).await.map(Session::spawn)
    }
}

/// Returns an error with the reason that the server or the network gave, on one line.
fn with_reason(error: &Error) -> String {
    let (text, reason) = (error.to_string(), deepest(error));
    if text.contains(&reason) { text } else { format!("{text}: {reason}") }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

/// Begins a transaction with settings of its own instead of those of the server and of the role. Their time-outs are
/// meant for queries of people, and a count of a large table or a load takes longer; which of them exist depends on
/// the server's version. Their forms of dates are meant for people as well.
///
/// The server checks every two seconds whether its client is still there, also while it waits for a lock, and drops a
/// client whose route is dead after a minute: otherwise a session without a client would keep its locks. A server
/// that cannot do that works without it.
const BEGIN: &str = "\
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
               'transaction_timeout');
SELECT pg_catalog.set_config('datestyle', 'ISO', true),
       pg_catalog.set_config('intervalstyle', 'postgres', true),
       pg_catalog.set_config('bytea_output', 'hex', true);
DO $$ BEGIN
  PERFORM pg_catalog.set_config(wanted.name, wanted.value, true)
  FROM (VALUES ('client_connection_check_interval', '2s'), ('tcp_keepalives_idle', '30'),
               ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'),
               ('tcp_user_timeout', '60000')) AS wanted (name, value)
  JOIN pg_catalog.pg_settings USING (name);
EXCEPTION WHEN OTHERS THEN NULL;
END $$";

/// Begins a transaction without time-outs, in which values have their usual text.
///
/// # Errors
/// [`Error::Statement`].
pub(super) async fn begin(client: &Client, doing: &str) -> Result<(), Error> {
    client.batch_execute(BEGIN).await.map_err(Error::statement(doing))
}

/// An open connection. Dropping it before it is closed cancels what the server does for it.
pub(super) struct Session {
    /// Sends statements.
    pub client: Client,
    /// How it is protected.
    protection: Protection,
    driver: tokio::task::JoinHandle<()>,
    cancel: CancelOnDrop,
}

/// When it is dropped, cancels what the server does for a session, unless it is empty.
struct CancelOnDrop(Option<Cancel>);

/// How many cancellations are being sent.
static CANCELLING: AtomicUsize = AtomicUsize::new(0);

impl Session {
    fn spawn(connected: Connected) -> Self {
        let Connected { client, connection, cancel, protection } = connected;
        let driver = tokio::spawn(async move {
            if connection.await.is_err() {
                tracing::debug!("a connection to the target database ended with an error");
            }
        });
        Self { client, protection, driver, cancel: CancelOnDrop(Some(cancel)) }
    }

    /// Ends the session and waits until the server knows.
    pub(super) async fn close(self) {
        let Self { client, driver, mut cancel, .. } = self;
        cancel.0 = None;
        drop(client);
        let _ = tokio::time::timeout(Duration::from_secs(5), driver).await;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let Some(cancel) = self.0.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        CANCELLING.fetch_add(1, Ordering::SeqCst);
        runtime.spawn(async move {
            if cancel.send().await.is_err() {
                tracing::debug!("a statement could not be cancelled");
            }
            CANCELLING.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Waits until the server knows of every session that was dropped, for two seconds at most.
pub async fn until_cancelled() {
    let started = Instant::now();
    while CANCELLING.load(Ordering::SeqCst) > 0 && started.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
