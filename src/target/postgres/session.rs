//! A **session** is a connection to the target database. [`Database::session`] is the way to get one: it
//! opens the connection, sets the time-outs, and tries again after a temporary failure.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

use super::address::Address;
use super::tls::{self, SslMode};
use crate::domain::{Environment, ErrorKind, Explain};
use crate::target::Error;

/// How often work on the database is tried if it fails in a way that may pass.
const ATTEMPTS: u32 = 4;

/// The target database. Neither `Debug` nor `Display` shows a password.
#[derive(Clone)]
pub struct Database {
    address: Address,
    /// Whether a session was opened before: if so, a server that does not answer may be restarting.
    was_reached: Arc<AtomicBool>,
}

impl Database {
    /// Takes the address from `DATABASE_URL`, or else from `PGHOST` and its kin.
    ///
    /// # Errors
    /// [`Error::NoDatabase`] and [`Error::Setting`].
    pub fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let mut address = Address::from_environment(environment)?;
        address.config.application_name("backfill");
        address.config.connect_timeout(Duration::from_secs(15));
        address.config.keepalives_idle(Duration::from_secs(60));
        Ok(Self { address, was_reached: Arc::default() })
    }

    /// Does `work` in one transaction of a session. After a temporary failure it is done again in a new
    /// session, so that it must give the same when it is done twice.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Certificates`], and what `work` says.
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
    /// it is done again in a new session, and has to find out itself how far it came.
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
                Err(error) if self.may_pass(&error) && attempt < ATTEMPTS => {
                    tracing::warn!("{error}; trying again");
                    tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// Whether trying again may help. A server that was never reached is not waited for: the person who
    /// starts a command waits for the answer.
    fn may_pass(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::Transient && self.was_reached.load(Ordering::Relaxed)
    }

    async fn attempt<T>(
        &self,
        work: &mut impl AsyncFnMut(&Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let session = self.open().await?;
        self.was_reached.store(true, Ordering::Relaxed);
        let result = work(&session.client).await;
        session.close().await;
        result
    }

    /// Opens a session that ends with [`Session::close`], or as soon as it is dropped.
    ///
    /// # Errors
    /// [`Error::Connect`] and [`Error::Certificates`].
    pub(super) async fn open(&self) -> Result<Session, Error> {
        let failed = |source| Error::Connect { database: self.to_string(), source };
        let Address { config, ssl_mode, ssl_root_cert } = &self.address;
        let mut config = config.clone();
        config.ssl_mode(ssl_mode.negotiation());
        if *ssl_mode == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            return Ok(Session::spawn(client, connection));
        }
        let tls = tls::connector(*ssl_mode, ssl_root_cert.as_deref())?;
        let (client, connection) = config.connect(tls).await.map_err(failed)?;
        Ok(Session::spawn(client, connection))
    }
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

/// Begins a transaction in which the settings of the server and of the role do not count. Their time-outs
/// are made for queries of people, and a count of a large table or a load takes its time; which of them
/// there are depends on the server's version. Their forms of dates are made for people as well.
const BEGIN: &str = "\
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
               'transaction_timeout');
SELECT pg_catalog.set_config('datestyle', 'ISO', true),
       pg_catalog.set_config('intervalstyle', 'postgres', true),
       pg_catalog.set_config('bytea_output', 'hex', true)";

/// Begins a transaction without time-outs, in which values have their usual text.
///
/// # Errors
/// [`Error::Statement`].
pub(super) async fn begin(client: &Client, doing: &str) -> Result<(), Error> {
    client.batch_execute(BEGIN).await.map_err(Error::statement(doing))
}

/// An open connection.
pub(super) struct Session {
    /// What statements go through.
    pub client: Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Session {
    fn spawn<F>(client: Client, connection: F) -> Self
    where
        F: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    {
        let driver = tokio::spawn(async move {
            if connection.await.is_err() {
                tracing::debug!("a connection to the target database ended with an error");
            }
        });
        Self { client, driver }
    }

    /// Ends the session and waits until the server knows.
    pub async fn close(self) {
        drop(self.client);
        let _ = tokio::time::timeout(Duration::from_secs(5), self.driver).await;
    }
}
