//! The **embedded servers**: an S3 server and a Postgres inside the process, so that the demo and the tests run the
//! production code path without installing anything.

mod postgres;
mod s3;

pub use postgres::EmbeddedPostgres;
pub use s3::{Fault, S3Server};

/// What can go wrong with the embedded servers.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A server does not start.
    #[error("the embedded {server} does not start: {reason}")]
    Start {
        /// The server.
        server: &'static str,
        /// Why.
        reason: String,
    },
    /// A file of the demo cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
