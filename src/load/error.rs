//! What can go wrong while rows are loaded. The server's own texts quote values once rows are under
//! way, so that from then on only code, table, column and constraint are told.

use std::path::PathBuf;

use datafusion::parquet::errors::ParquetError;

use super::sqlstate::Meaning;
use crate::file_date::DateRange;

/// What can go wrong while rows are loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No database is named.
    #[error("no database is named: neither DATABASE_URL nor PGHOST is set")]
    NoDatabase,
    /// `DATABASE_URL` or a `PG*` variable is not understood.
    #[error("{variable} is not understood: {reason}")]
    Setting {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it; never its value.
        reason: String,
    },
    /// A file of certificates cannot be read.
    #[error("cannot read the certificates in {}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No connection.
    #[error("cannot connect to {database}")]
    Connect {
        /// Host, port and database.
        database: String,
        /// Why.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A statement that carries no rows fails.
    #[error("{doing} failed")]
    Statement {
        /// What was being done.
        doing: String,
        /// Why.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Postgres refuses rows.
    #[error("{doing} failed: {}", describe(state, place))]
    Rows {
        /// What was being done.
        doing: String,
        /// The SQLSTATE; empty where the connection was lost.
        state: String,
        /// Table, column and constraint, as far as the server names them.
        place: String,
    },
    /// A value of a table that a query reads cannot be held. The value itself is not told.
    #[error("column {column} of {table} holds a value that is no {data_type}")]
    NoArrowValue {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The type that the engine has for it.
        data_type: String,
    },
    /// The target's columns do not take what `stage.sql` gives.
    #[error("{table} does not fit {stage}: {}", problems.join("; "))]
    Mismatch {
        /// The target.
        table: String,
        /// The SQL file.
        stage: String,
        /// Column by column, what does not fit.
        problems: Vec<String>,
    },
    /// The target is no table that rows can be copied into.
    #[error("{table} cannot be loaded: {reason}")]
    Target {
        /// The target.
        table: String,
        /// Why.
        reason: String,
    },
    /// A value does not fit the target's type.
    #[error("column {column} of {file}, row {row_id}: {reason}")]
    Value {
        /// The column of the target.
        column: String,
        /// The source file.
        file: String,
        /// The row.
        row_id: i64,
        /// What the type cannot hold; never the value.
        reason: String,
    },
    /// Staging cannot be read.
    #[error("cannot read the staged file {path}")]
    Staged {
        /// The object.
        path: String,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// The server took another number of rows than it was sent.
    #[error(
        "{table} took {taken} rows of batch {batch}, {sent} were sent; the batch is rolled back"
    )]
    Count {
        /// The target.
        table: String,
        /// The batch.
        batch: usize,
        /// Rows sent.
        sent: u64,
        /// Rows taken.
        taken: u64,
    },
    /// A transaction did not commit, though the server did not say so.
    #[error("batch {batch} was not committed: the server reports its transaction as {status}")]
    NotCommitted {
        /// The batch.
        batch: usize,
        /// What the server reports.
        status: String,
    },
    /// Files or SQL changed since rows were loaded.
    #[error("{} file(s) of {table} changed since they were loaded: {}", changes.len(), changes.join("; "))]
    Changed {
        /// The target.
        table: String,
        /// Each file and what changed.
        changes: Vec<String>,
    },
    /// Files that were loaded are gone from the source, and others would be loaded beside their rows.
    #[error(
        "{} file(s) that were loaded into {table} are gone from the source: {}",
        files.len(), files.join("; ")
    )]
    Gone {
        /// The target.
        table: String,
        /// Each file and what is left of it.
        files: Vec<String>,
    },
    /// Files would be loaded into the middle of a larger range, without those around them.
    #[error(
        "{} file(s) cannot be loaded from {range} alone: files from {loaded_with} were loaded in a \
         range with their days, and may supersede their rows: {}",
        files.len(), files.join("; ")
    )]
    NarrowRange {
        /// The keys.
        files: Vec<String>,
        /// The range that was asked for.
        range: DateRange,
        /// The range that has all files.
        loaded_with: DateRange,
    },
}

/// Whether a session failed because of what both sides want, and not on its way: no answer of the
/// server's, and no failure of the network beneath. A certificate that is not trusted is invalid data.
fn is_a_matter_of_settings(error: &tokio_postgres::Error) -> bool {
    use std::error::Error as _;
    let Some(source) = error.source().filter(|_| error.code().is_none()) else { return false };
    let io = source.downcast_ref::<std::io::Error>();
    io.is_none_or(|io| io.kind() == std::io::ErrorKind::InvalidData)
}

fn describe(state: &str, place: &str) -> String {
    match (state, place) {
        ("", _) => "the connection was lost".to_owned(),
        (state, "") => format!("SQLSTATE {state}"),
        (state, place) => format!("SQLSTATE {state}, {place}"),
    }
}

impl Error {
    /// An error of a statement that carries rows, without the server's text.
    pub fn rows(doing: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        let doing = doing.into();
        let Some(error) = error.as_db_error() else {
            return Self::Rows { doing, state: String::new(), place: String::new() };
        };
        let named = [
            ("table", error.table()),
            ("column", error.column()),
            ("constraint", error.constraint()),
        ];
        let place: Vec<String> = named
            .into_iter()
            .filter_map(|(kind, name)| name.map(|name| format!("{kind} {name}")))
            .collect();
        Self::Rows { doing, state: error.code().code().to_owned(), place: place.join(", ") }
    }

    /// An error of a statement that carries no rows.
    pub fn statement(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Statement { doing, source }
    }

    /// What the server's code means, where it gave one.
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Connect { source, .. } if is_a_matter_of_settings(source) => None,
            Self::Connect { source, .. } | Self::Statement { source, .. } => {
                Some(source.code().map_or(Meaning::Transient, Meaning::of))
            }
            Self::Rows { state, .. } if state.is_empty() => Some(Meaning::Transient),
            Self::Rows { state, .. } => {
                Some(Meaning::of(&tokio_postgres::error::SqlState::from_code(state)))
            }
            _ => None,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoArrowValue { .. } => {
                "leave the column out of the query, or query a view that casts it to text"
            }
            Self::NoDatabase | Self::Setting { .. } => {
                "set DATABASE_URL=postgres://user:password@host:5432/database, or PGHOST, PGUSER, \
                 PGPASSWORD and PGDATABASE; for verify-full give the CA file as PGSSLROOTCERT"
            }
            Self::Certificates { .. } => "give a PEM file as sslrootcert or PGSSLROOTCERT",
            Self::Connect { source, .. } if is_a_matter_of_settings(source) => {
                "the server asks for a password that is not given, offers no TLS, or a certificate \
                 that is not trusted: check PGPASSWORD, sslmode and sslrootcert"
            }
            Self::Connect { source, .. } if source.code().is_none() => {
                "check that the database runs and can be reached from here, and sslmode"
            }
            Self::Connect { .. } | Self::Statement { .. } | Self::Rows { .. } => {
                return self.meaning().map(|meaning| meaning.hint().to_owned());
            }
            Self::Mismatch { .. } => {
                "name and CAST the columns in stage.sql as the target has them, or alter the target"
            }
            Self::Target { .. } => "name a plain or partitioned table that you own",
            Self::Value { .. } => {
                "`backfill query` shows the row by _file_name and _row_id; cast or clean it in \
                 stage.sql, or find such rows with a check"
            }
            Self::Staged { .. } => "delete the staging folder's `staged` part and run again",
            Self::Count { .. } | Self::NotCommitted { .. } => {
                "nothing of the batch is in the target; look for triggers or rules on it, and run \
                 again"
            }
            Self::Gone { .. } => {
                "nothing was loaded; put the files back, or leave their days out of the range, or \
                 let --remove-gone take their rows out of the target, in the transactions that \
                 bring the others"
            }
            Self::NarrowRange { loaded_with: range, .. } => {
                return Some(format!(
                    "nothing was loaded; say --start {} --end {}: what is loaded and did not change \
                     is skipped",
                    range.start(),
                    range.end()
                ));
            }
            Self::Changed { .. } => {
                "nothing was loaded; --reload replaces the rows of these files, batch by batch, in \
                 the transaction that brings the new ones"
            }
        };
        Some(hint.to_owned())
    }
}
