//! **Connecting**: tries the servers of an address in their order, each address of a server, and each with or
//! without TLS as `sslmode` says, until one accepts the session. A server that refuses with a permanent reason
//! ends the search; one that does not answer is passed over.

mod cancel;
#[cfg(test)]
mod tests;

pub(super) use cancel::Cancel;

use std::error::Error as StdError;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio_postgres::config::SslMode as Negotiation;
use tokio_postgres::{Client, Config, Connection, Socket};

use super::address::{Address, Server};
use super::connect_failure::{Attempt, ConnectFailure};
use super::sqlstate::Meaning;
use super::tls::{Protection, SslMode, Stream, Tls};
use crate::target::Error;
use cancel::Route;

/// An open connection.
pub(super) struct Connected {
    /// Sends statements.
    pub client: Client,
    /// What has to be polled while statements run.
    pub connection: Connection<Socket, Stream>,
    /// Cancels what the server does for it.
    pub cancel: Cancel,
    /// How it is protected.
    pub protection: Protection,
}

/// Why an attempt failed.
struct Failed {
    failure: ConnectFailure,
    was_tls_begun: bool,
    source: Box<dyn StdError + Send + Sync>,
}

impl Failed {
    /// An attempt that failed in the client library.
    fn of(error: tokio_postgres::Error, attempt: Attempt) -> Self {
        let failure = ConnectFailure::of(&error, attempt);
        Self { failure, was_tls_begun: attempt.was_tls_begun, source: error.into() }
    }

    /// An attempt that failed before the client library was used.
    fn early(failure: ConnectFailure, error: io::Error) -> Self {
        Self { failure, was_tls_begun: false, source: error.into() }
    }

    /// The name of a host has no address.
    fn unresolved(error: io::Error) -> Self {
        Self::early(ConnectFailure::Unresolved, error)
    }

    /// Adds to the failure of a second attempt what happened in the first one.
    fn after(self, first: &Self) -> Self {
        let tls = if first.was_tls_begun { "with TLS" } else { "without TLS" };
        let (own, other) = (deepest(&*self.source), deepest(&*first.source));
        let both = format!("{own}; {tls}: {other}");
        let source = if own == other { self.source } else { both.into() };
        Self { source, ..self }
    }

    /// The error for a server that cannot be connected to.
    fn of_server(self, database: String, server: &Server) -> Error {
        use ConnectFailure::{SupabaseDirect, Unreachable, Unresolved};
        let failure = match self.failure {
            Unreachable | Unresolved if server.host.is_supabase_direct() => SupabaseDirect,
            failure => failure,
        };
        Error::Connect { database, failure, source: self.source }
    }

    /// Whether trying the same server with TLS instead of without, or the other way round, may help. A
    /// password that is wrong once is not sent again.
    fn may_depend_on_tls(&self) -> bool {
        match self.failure {
            ConnectFailure::Unreachable => self.was_tls_begun,
            // libpq might take the certificate, and would not go on without TLS.
            ConnectFailure::OddCertificate
            | ConnectFailure::NoPassword
            | ConnectFailure::Refused(Meaning::Password)
            | ConnectFailure::NotWritable
            | ConnectFailure::Authentication => false,
            failure => failure.is_permanent(),
        }
    }

    /// Whether it says only that the server does not accept sessions with TLS, or without.
    fn says_less(&self) -> bool {
        use ConnectFailure::{NoTls, Refused};
        matches!(self.failure, NoTls | Refused(Meaning::Rejected | Meaning::TlsNeeded))
    }
}

/// Why a server cannot be connected to.
enum Stop {
    /// A file of certificates or keys cannot be used.
    Wrong(Error),
    /// The attempts failed; this is the last failure.
    Failed(Failed),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

impl Address {
    /// Connects to the first server that accepts the session, under this `application_name`.
    ///
    /// # Errors
    /// [`Error::Connect`], and those of [`Tls::connector`].
    pub(super) async fn connect(&self, application_name: &str) -> Result<Connected, Error> {
        let mut servers: Vec<&Server> = self.servers.iter().collect();
        self.shuffle(&mut servers);
        let mut servers = servers.into_iter().peekable();
        loop {
            let Some(server) = servers.next() else { return Err(Error::NoDatabase) };
            let failed = match self.connect_to(server, application_name).await {
                Ok(connected) => return Ok(connected),
                Err(Stop::Wrong(error)) => return Err(error),
                Err(Stop::Failed(failed)) => failed,
            };
            let is_last = servers.peek().is_none() || failed.failure.is_permanent();
            let error = failed.of_server(self.describe(server), server);
            if is_last {
                return Err(error);
            }
            tracing::warn!("{error}; trying the next server");
        }
    }

    /// Tries every address of a server.
    async fn connect_to(&self, server: &Server, name: &str) -> Result<Connected, Stop> {
        let mut addresses = self.addresses(server).await.map_err(Stop::Failed)?;
        self.shuffle(&mut addresses);
        let mut addresses = addresses.into_iter().peekable();
        loop {
            let address = addresses.next().flatten();
            match self.connect_at(server, address, name).await {
                Err(Stop::Failed(failed))
                    if addresses.peek().is_some() && !failed.failure.is_permanent() => {}
                result => return result,
            }
        }
    }

    /// Returns the addresses of a server: its own, or those of its name; `None` for a socket.
    async fn addresses(&self, server: &Server) -> Result<Vec<Option<IpAddr>>, Failed> {
        let host = &server.host;
        if host.is_socket() || host.address.is_some() {
            return Ok(vec![host.address]);
        }
        let lookup = tokio::net::lookup_host((&*host.name, host.port));
        let resolved = within(self.timeout(), lookup).await.and_then(|found| found);
        let found: Vec<_> = resolved
            .map_err(Failed::unresolved)?
            .map(|address: SocketAddr| Some(address.ip()))
            .collect();
        if found.is_empty() {
            return Err(Failed::unresolved(io::Error::other("it has no address")));
        }
        Ok(found)
    }

    /// Tries one address, with or without TLS, or one after the other.
    async fn connect_at(
        &self,
        server: &Server,
        address: Option<IpAddr>,
        name: &str,
    ) -> Result<Connected, Stop> {
        let mut config = self.config_of(server, address);
        config.application_name(name);
        let mode = if server.host.is_socket() { SslMode::Disable } else { self.tls.mode };
        let (first, second) = match mode {
            SslMode::Disable => (Negotiation::Disable, None),
            SslMode::Allow => (Negotiation::Disable, Some(Negotiation::Require)),
            SslMode::Prefer => (Negotiation::Prefer, Some(Negotiation::Disable)),
            _ => (Negotiation::Require, None),
        };
        let failed = match self.attempt(&config, first).await {
            Err(Stop::Failed(failed)) => failed,
            result => return result,
        };
        match second.filter(|_| failed.may_depend_on_tls()) {
            None => Err(Stop::Failed(failed)),
            Some(second) => match self.attempt(&config, second).await {
                // That the server does not accept the second attempt says less than why the first one failed.
                Err(Stop::Failed(other)) if other.says_less() => Err(Stop::Failed(failed)),
                Err(Stop::Failed(other)) => Err(Stop::Failed(other.after(&failed))),
                result => result,
            },
        }
    }

    /// The settings for one address of a server.
    fn config_of(&self, server: &Server, address: Option<IpAddr>) -> Config {
        let mut config = self.config.clone();
        config.port(server.host.port);
        match address {
            // The folder of a socket is not a name that TLS could check.
            Some(address) if server.host.name.starts_with('/') => {
                config.host(address.to_string()).hostaddr(address)
            }
            Some(address) => config.host(&*server.host.name).hostaddr(address),
            None => config.host(&*server.host.name),
        };
        if let Some(password) = &server.password {
            config.password(password);
        }
        config
    }

    /// Tries to connect once.
    async fn attempt(&self, config: &Config, negotiation: Negotiation) -> Result<Connected, Stop> {
        let connector = match negotiation {
            Negotiation::Disable => Tls::plain_connector()?,
            _ => self.tls.connector()?,
        };
        let mut config = config.clone();
        config.ssl_mode(negotiation);
        if negotiation == Negotiation::Require {
            config.ssl_negotiation(self.tls.negotiation);
        }
        match within(self.timeout(), config.connect(connector.clone())).await {
            Ok(Ok((client, connection))) => {
                let protection = Protection {
                    is_local: config.get_hostaddrs().iter().all(IpAddr::is_loopback),
                    ..connector.protection()
                };
                let cancel = Cancel::new(client.cancel_token(), connector, Route::of(&config));
                Ok(Connected { client, connection, cancel, protection })
            }
            Ok(Err(error)) => {
                let attempt = Attempt {
                    asked_for_tls: negotiation == Negotiation::Require,
                    was_tls_begun: connector.was_begun(),
                    has_password: config.get_password().is_some(),
                };
                Err(Stop::Failed(Failed::of(error, attempt)))
            }
            Err(error) => Err(Stop::Failed(Failed::early(ConnectFailure::Unreachable, error))),
        }
    }

    fn timeout(&self) -> Option<Duration> {
        self.config.get_connect_timeout().copied()
    }

    fn shuffle<T>(&self, items: &mut [T]) {
        if self.is_shuffled {
            let state = RandomState::new();
            let mut number = 0_u64;
            items.sort_by_cached_key(|_| {
                number += 1;
                state.hash_one(number)
            });
        }
    }
}

/// Returns the text of the last cause of an error.
pub(super) fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Waits for `work`, but not longer than `timeout`.
async fn within<T>(timeout: Option<Duration>, work: impl Future<Output = T>) -> io::Result<T> {
    match timeout {
        None => Ok(work.await),
        Some(timeout) => tokio::time::timeout(timeout, work).await.map_err(|_| {
            io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {} s", timeout.as_secs()),
            )
        }),
    }
}
