//! What is wrong with the configuration, said without any of its values.

use std::path::PathBuf;

use crate::domain::{ErrorKind, Explain};

/// What is wrong with the configuration.
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
    /// The file is not TOML, or has a key that is not known.
    #[error("line {line}, column {column} of the configuration {} is not understood: {reason}",
            path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What is wrong. Names keys, but no value and no line of the file: a secret may have been
        /// written where none belongs.
        reason: String,
    },
    /// A value is of the right type and yet impossible.
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
        /// What was asked for.
        prefix: String,
        /// What there is.
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
            Self::Unreadable { .. } => Some(
                "give its path with --config, or start from the example in the README".to_owned(),
            ),
            Self::Syntax { .. } | Self::Value { .. } => {
                Some("docs/reference/configuration.md lists every key of backfill.toml".to_owned())
            }
            Self::UnknownPrefix { .. } => None,
        }
    }
}
