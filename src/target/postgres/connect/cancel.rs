//! **Cancelling** what the server does for a session: a connection of its own carries the request.
//!
//! As in libpq, that connection stays open until the other side closes it: a pooler may drop a request that it has
//! not passed on yet if the connection ends early.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Config};

use crate::target::postgres::tls::Connector;

/// What it takes to cancel what the server does for a session.
pub(crate) struct Cancel {
    token: CancelToken,
    connector: Connector,
    route: Route,
}

/// How the server of a session is reached.
pub(crate) struct Route {
    /// The name under which TLS knows the server.
    name: String,
    end: End,
}

enum End {
    /// A name or an address, and a port.
    Tcp(String, u16),
    Socket(PathBuf),
}

impl Route {
    /// Returns the route of a configuration with one server.
    pub(crate) fn of(config: &Config) -> Self {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let address = config.get_hostaddrs().first().map(ToString::to_string);
        match config.get_hosts().first() {
            Some(Host::Unix(folder)) if address.is_none() => {
                let end = End::Socket(folder.join(format!(".s.PGSQL.{port}")));
                Self { name: String::new(), end }
            }
            host => {
                let name = match host {
                    Some(Host::Tcp(name)) => name.clone(),
                    _ => String::new(),
                };
                let end = End::Tcp(address.unwrap_or_else(|| name.clone()), port);
                Self { name, end }
            }
        }
    }
}

impl Cancel {
    /// Prepares to cancel, through `route`, what is done for the session of `token`.
    pub(crate) fn new(token: CancelToken, connector: Connector, route: Route) -> Self {
        Self { token, connector, route }
    }

    /// Sends the request, and waits until it has been taken.
    pub(crate) async fn send(self) -> Result<(), Box<dyn StdError + Send + Sync>> {
        match &self.route.end {
            End::Tcp(host, port) => {
                let stream = TcpStream::connect((&**host, *port)).await?;
                self.send_through(UntilClosed(stream)).await
            }
            End::Socket(path) => {
                let stream = UnixStream::connect(path).await?;
                self.send_through(UntilClosed(stream)).await
            }
        }
    }

    async fn send_through<S>(
        &self,
        stream: UntilClosed<S>,
    ) -> Result<(), Box<dyn StdError + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut connector = self.connector.clone();
        let tls =
            MakeTlsConnect::<UntilClosed<S>>::make_tls_connect(&mut connector, &self.route.name)?;
        Ok(self.token.cancel_query_raw(stream, tls).await?)
    }
}

/// A stream that is shut down only after the other side has closed it.
struct UntilClosed<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for UntilClosed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for UntilClosed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.0).poll_flush(context))?;
        let mut bytes = [0; 64];
        loop {
            let mut into = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut self.0).poll_read(context, &mut into));
            if read.is_err() || into.filled().is_empty() {
                return Pin::new(&mut self.0).poll_shutdown(context);
            }
        }
    }
}
