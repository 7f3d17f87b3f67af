//! What can go wrong while rows are loaded. The server's own texts quote values once rows are being sent, so that
//! from then on only code, table, column and constraint are shown.

mod explain;

use std::path::PathBuf;

use datafusion::parquet::errors::ParquetError;

use super::postgres::{ConnectFailure, Meaning, connect_failure, reason};
use super::undo_refusal::UndoRefusal;
use tokio_postgres::error::{DbError, SqlState};

/// What can go wrong while rows are loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No database is named.
    #[error(
        "no database is configured: none of DATABASE_URL, PGHOST, PGHOSTADDR and PGSERVICE is set"
    )]
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
    /// The server's certificate is to be checked, but no trusted certificates are known.
    #[error("sslmode requires checking the server's certificate, but there is no {}", path.display())]
    NoRootCertificate {
        /// The file that libpq looks for.
        path: PathBuf,
    },
    /// The client's certificate or its key cannot be used.
    #[error("cannot use the client certificate or key {}: {reason}", path.display())]
    ClientCertificate {
        /// The file.
        path: PathBuf,
        /// Why; never its content.
        reason: String,
    },
    /// No connection.
    #[error("cannot connect to {database}")]
    Connect {
        /// Host, port, database and user.
        database: String,
        /// What kind of failure it is.
        failure: ConnectFailure,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
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
    #[error("{doing} failed: {}", describe(state, place, *cause))]
    Rows {
        /// What was being done.
        doing: String,
        /// The SQLSTATE; empty if the connection was lost.
        state: String,
        /// Table, column and constraint, as far as the server names them.
        place: String,
        /// What else is known of the cause.
        cause: RowsCause,
    },
    /// The role may not do what a load needs.
    #[error("the user {role} lacks rights that the load needs: {}", grants.join("; "))]
    Rights {
        /// The role.
        role: String,
        /// The statements that give them.
        grants: Vec<String>,
    },
    /// The engine's type cannot hold a value of a table that a query reads. The value itself is not shown.
    #[error("column {column} of {table} has a value that is not a valid {data_type}")]
    NoArrowValue {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The type that the engine has for it.
        data_type: String,
    },
    /// The target's columns do not fit those of `stage.sql`.
    #[error("{table} does not fit {stage}: {}", problems.join("; "))]
    Mismatch {
        /// The target.
        table: String,
        /// The SQL file.
        stage: String,
        /// What does not fit, per column.
        problems: Vec<String>,
    },
    /// The target is not a table that rows can be copied into.
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
    /// What goes into the ledger cannot be written as JSON.
    #[error("the ledger's rows cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// Rows that are still to be compared cannot be kept in a temporary file.
    #[error("cannot write rows that still have to be compared to a temporary file")]
    Waiting(#[source] std::io::Error),
    /// Staging cannot be read.
    #[error("cannot read the staged file {path}")]
    Staged {
        /// The object.
        path: String,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// The server took a different number of rows than it was sent.
    #[error(
        "{sent} rows of batch {batch} were sent, but {table} received {taken}; the batch is rolled back"
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
    #[error("batch {batch} was not committed: the server has rolled its transaction back")]
    RolledBack {
        /// The batch.
        batch: usize,
    },
    /// Whether a transaction committed is not known: the connection was lost meanwhile.
    #[error("it is not known whether batch {batch} was committed, because the connection was lost")]
    CommitUnknown {
        /// The batch.
        batch: usize,
    },
    /// A transaction of ours that lost its connection does not end.
    #[error("the transaction of an earlier attempt at batch {batch} is still open on the server")]
    Unfinished {
        /// The batch.
        batch: usize,
    },
    /// A session of an earlier run keeps its locks although its client is gone, and cannot be ended.
    #[error("{holder}, and this user may not end that session")]
    LeftBehind {
        /// Which session.
        holder: String,
        /// Its process id.
        pid: i32,
    },
    /// The server waits for this program while this program waits for the server.
    #[error(
        "the connection was lost: for {seconds} s, the server and this program have waited for each other"
    )]
    NoAnswer {
        /// For how long.
        seconds: u64,
    },
    /// Rows that are to be replaced changed between two statements of a batch.
    #[error(
        "other programs changed rows of {table} while batch {batch} was replacing them; the batch is rolled back"
    )]
    ChangedMeanwhile {
        /// The target.
        table: String,
        /// The batch.
        batch: usize,
    },
    /// Somebody is undoing this run.
    #[error("run {run} is being undone, so it loads nothing more")]
    RunUndone {
        /// The run.
        run: String,
    },
    /// A run cannot be undone.
    #[error(transparent)]
    Undo(#[from] UndoRefusal),
    /// An entry of the ledger is not valid.
    #[error("the ledger's entry of {file} cannot be read")]
    LedgerUnreadable {
        /// The name of the file.
        file: String,
    },
    /// Rows cannot be merged, because their key holds NULL.
    #[error("rows have no key ({}), so that they cannot be merged: {}", key.join(", "), files.join("; "))]
    NullKeys {
        /// The columns of the key.
        key: Vec<String>,
        /// Each file and how many rows.
        files: Vec<String>,
    },
    /// Rows cannot be merged, because the target has several rows with their key.
    #[error(
        "{table} has several rows for {keys} key(s) ({}), so it is not known which row to replace",
        key.join(", ")
    )]
    AmbiguousKeys {
        /// The target.
        table: String,
        /// The columns of the key.
        key: Vec<String>,
        /// How many keys.
        keys: u64,
    },
    /// Something else has the name of a table of the ledger, or somebody changed the table.
    #[error("{table} is not the ledger's table: {reason}")]
    ForeignLedger {
        /// The name.
        table: String,
        /// What is different.
        reason: String,
    },
    /// Tables of the ledger are missing.
    #[error("the ledger is damaged: {} missing", missing.join(", "))]
    IncompleteLedger {
        /// Their names.
        missing: Vec<String>,
    },
    /// An older version made the ledger, and this user may not bring it up to date.
    #[error(
        "the ledger was created by an older version, and only its owner {owner} may upgrade it"
    )]
    OutdatedLedger {
        /// The owner.
        owner: String,
    },
    /// A file whose rows were to be deleted has rows that are not ours.
    #[error(
        "other programs inserted or changed {rows} rows in {table} of the files of batch {batch}; the batch is \
         rolled back"
    )]
    ForeignRows {
        /// The target.
        table: String,
        /// The batch.
        batch: usize,
        /// How many rows.
        rows: u64,
    },
}

/// Describes why the server refused rows.
fn describe(state: &str, place: &str, cause: RowsCause) -> String {
    if state.is_empty() {
        return "the connection was lost".to_owned();
    }
    let suffix = if place.is_empty() { String::new() } else { format!(", {place}") };
    let known = match cause {
        RowsCause::NoPartition => Some("no partition accepts the row"),
        RowsCause::Referenced => Some("rows of another table refer to a row that would be deleted"),
        RowsCause::Value => {
            Some(reason(state).unwrap_or("a value does not have the format of the type"))
        }
        RowsCause::Unknown => reason(state),
    };
    match known {
        Some(known) => format!("{known} (SQLSTATE {state}{suffix})"),
        None => format!("SQLSTATE {state}{suffix}"),
    }
}

/// What is known of why the server refuses rows, besides its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsCause {
    /// Nothing.
    Unknown,
    /// A partitioned table has no partition for the row.
    NoPartition,
    /// A value is not one of its column's type.
    Value,
    /// Rows of another table refer to a row that would be deleted.
    Referenced,
}

impl RowsCause {
    fn of(error: &DbError) -> Self {
        // A violated constraint is named; the bounds of a partition have no name.
        let is_unrouted = *error.code() == SqlState::CHECK_VIOLATION
            && error.constraint().is_none()
            && !is_raised(error);
        if is_unrouted {
            Self::NoPartition
        } else if names_column(error) {
            Self::Value
        } else {
            Self::Unknown
        }
    }
}

/// Whether a function of the target raised the error: what it calls a column may be a value.
fn is_raised(error: &DbError) -> bool {
    error.file() == Some("pl_exec.c")
}

/// Whether the server names a column that it was reading. Then any code is about the text of a value.
fn names_column(error: &DbError) -> bool {
    error.where_().is_some_and(|text| {
        text.starts_with("COPY ")
            && text.lines().next().is_some_and(|line| line.contains(", column "))
    })
}

/// The table, the column and the constraint that the server names.
fn place_of(error: &DbError) -> String {
    if is_raised(error) {
        return String::new();
    }
    let named =
        [("table", error.table()), ("column", error.column()), ("constraint", error.constraint())];
    let place: Vec<String> =
        named.into_iter().filter_map(|(kind, name)| Some(format!("{kind} {}", name?))).collect();
    place.join(", ")
}

/// The SQLSTATE of a foreign key that is violated.
const FOREIGN_KEY: &str = "23503";

impl Error {
    /// Returns the error of a statement that carries rows, without the server's text.
    pub fn rows(doing: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        let doing = doing.into();
        let Some(error) = error.as_db_error() else {
            let (state, place) = (String::new(), String::new());
            return Self::Rows { doing, state, place, cause: RowsCause::Unknown };
        };
        let state = error.code().code().to_owned();
        Self::Rows { doing, state, place: place_of(error), cause: RowsCause::of(error) }
    }

    /// Returns the error of a statement that deletes rows, without the server's text.
    pub fn deleting(doing: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        match Self::rows(doing, error) {
            Self::Rows { doing, state, place, .. } if state == FOREIGN_KEY => {
                Self::Rows { doing, state, place, cause: RowsCause::Referenced }
            }
            error => error,
        }
    }

    /// Returns the error of a statement that carries no rows.
    pub fn statement(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let doing = doing.into();
        move |source| {
            // The server's text about existing rows quotes their values.
            let is_about_rows = source.code().is_some_and(|code| {
                matches!(Meaning::of(code), Meaning::Data)
                    && code != &SqlState::INVALID_PARAMETER_VALUE
            });
            if is_about_rows {
                Self::rows(doing, &source)
            } else {
                Self::Statement { doing, source }
            }
        }
    }

    /// Returns the meaning of the server's code, if it gave one.
    fn meaning(&self) -> Option<Meaning> {
        match self {
            // A pooler may find out only at the first statement that it cannot serve the session.
            Self::Statement { source, .. } => {
                Some(source.as_db_error().map_or(Meaning::Transient, |error| {
                    match error.code().code() {
                        "08P01" => connect_failure("08P01", error.message()),
                        _ => Meaning::of(error.code()),
                    }
                }))
            }
            Self::Rows { state, .. } if state.is_empty() => Some(Meaning::Transient),
            Self::Rows { cause: RowsCause::Value, .. } => Some(Meaning::Data),
            Self::Rows { state, .. } => Some(Meaning::of(&SqlState::from_code(state))),
            Self::NoDatabase
            | Self::Setting { .. }
            | Self::Certificates { .. }
            | Self::NoRootCertificate { .. }
            | Self::ClientCertificate { .. }
            | Self::Connect { .. }
            | Self::Rights { .. }
            | Self::NoArrowValue { .. }
            | Self::Mismatch { .. }
            | Self::Target { .. }
            | Self::Value { .. }
            | Self::Staged { .. }
            | Self::Json(_)
            | Self::Waiting(_)
            | Self::Count { .. }
            | Self::RolledBack { .. }
            | Self::CommitUnknown { .. }
            | Self::Unfinished { .. }
            | Self::LeftBehind { .. }
            | Self::NoAnswer { .. }
            | Self::ChangedMeanwhile { .. }
            | Self::RunUndone { .. }
            | Self::Undo(_)
            | Self::LedgerUnreadable { .. }
            | Self::NullKeys { .. }
            | Self::AmbiguousKeys { .. }
            | Self::ForeignLedger { .. }
            | Self::IncompleteLedger { .. }
            | Self::OutdatedLedger { .. }
            | Self::ForeignRows { .. } => None,
        }
    }
}
