//! An embedded **Postgres**: PostgreSQL 17 compiled to WebAssembly, one connection at a time.

use std::path::Path;

use pglite_oxide::PgliteServer;

use crate::Error;

/// A running embedded Postgres; it stops when it is dropped.
pub struct EmbeddedPostgres {
    server: PgliteServer,
}

impl EmbeddedPostgres {
    /// Starts a server that keeps its data in `folder`.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn start(folder: &Path) -> Result<Self, Error> {
        let server = PgliteServer::builder()
            .path(folder)
            .start()
            .map_err(|error| Error::Start { server: "Postgres", reason: error.to_string() })?;
        Ok(Self { server })
    }

    /// The address of its database.
    pub fn database_url(&self) -> String {
        self.server.database_url()
    }
}
