//! A **connector** makes TLS sessions for the client library, and remembers whether one was begun: the library's
//! errors do not say whether the server offers TLS.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::protection::{Expiry, Protection};

type Make = MakeRustlsConnect;
type Connect = <Make as MakeTlsConnect<Socket>>::TlsConnect;

/// A stream that TLS protects.
pub(crate) type Stream = <Make as MakeTlsConnect<Socket>>::Stream;

/// Makes TLS sessions.
#[derive(Clone)]
pub(crate) struct Connector {
    make: Make,
    was_begun: Arc<AtomicBool>,
    checked: Protection,
    expiry: Expiry,
}

impl Connector {
    /// Makes a connector with this configuration; `checked` is what it checks, and `expiry` where it notes the expiry
    /// of certificates.
    pub(crate) fn new(config: ClientConfig, checked: Protection, expiry: Expiry) -> Self {
        Self { make: Make::new(config), was_begun: Arc::default(), checked, expiry }
    }

    /// Returns how the connection that was made with it is protected.
    pub(crate) fn protection(&self) -> Protection {
        if self.was_begun() {
            Protection { is_encrypted: true, expires: self.expiry.get(), ..self.checked }
        } else {
            Protection::default()
        }
    }

    /// Whether a session was begun, so that the server offers TLS.
    pub(crate) fn was_begun(&self) -> bool {
        self.was_begun.load(Ordering::Relaxed)
    }
}

impl<S> MakeTlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = <Make as MakeTlsConnect<S>>::Stream;
    type TlsConnect = Begin;
    type Error = Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<Begin, Infallible> {
        let connect = MakeTlsConnect::<Socket>::make_tls_connect(&mut self.make, host)?;
        Ok(Begin { connect, was_begun: Arc::clone(&self.was_begun) })
    }
}

/// Begins one TLS session.
pub(crate) struct Begin {
    connect: Connect,
    was_begun: Arc<AtomicBool>,
}

impl<S> TlsConnect<S> for Begin
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = <Connect as TlsConnect<S>>::Stream;
    type Error = io::Error;
    type Future = <Connect as TlsConnect<S>>::Future;

    fn connect(self, stream: S) -> Self::Future {
        self.was_begun.store(true, Ordering::Relaxed);
        self.connect.connect(stream)
    }
}
