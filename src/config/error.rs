//! The errors of the configuration. None of them shows a value of the file, because it may be a secret.

use std::path::PathBuf;

use crate::domain::{ErrorKind, Explain};

/// The errors of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, or has an unknown key.
    #[error("line {line}, column {column} of the configuration {} is not understood: {reason}",
            path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What is wrong. It names keys, but shows no value and no line of the file: somebody may have written a
        /// secret into it.
        reason: String,
    },
    /// A value has the right type, but is not valid.
    #[error("{} in the configuration {}: {reason}", at, path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key, with its table: `datasets.orders_create.prefix`.
        at: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// `--prefix` names a prefix that no dataset has.
    #[error("no dataset has the prefix `{prefix}`; the configured ones are {}", known.join(", "))]
    UnknownPrefix {
        /// The prefix that was given.
        prefix: String,
        /// The prefixes of the configuration.
        known: Vec<String>,
    },
}

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreadable { .. }
            | Self::Syntax { .. }
            | Self::Value { .. }
            | Self::UnknownPrefix { .. } => ErrorKind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { .. } => {
                Some("give its path with --config, or let `backfill init` write one".to_owned())
            }
            Self::Syntax { .. } | Self::Value { .. } => {
                Some("docs/reference/configuration.md lists every key of backfill.toml".to_owned())
            }
            Self::UnknownPrefix { .. } => None,
        }
    }
}
