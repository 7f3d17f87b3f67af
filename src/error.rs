//! The root **error** of every command: what went wrong, what to do next, and the exit code.

use std::path::Path;
use std::process::ExitCode;

use crate::domain::{ErrorKind, Explain};
use crate::{
    check, config, dedupe, engine, mirror, profile, source, sql, stage, state, store, tables,
    target,
};

/// The exit codes. The numbers are part of the program's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything is done.
    Done = 0,
    /// Something failed.
    Failed = 1,
    /// The command line, the configuration or the SQL is wrong.
    Usage = 2,
    /// The data is refused: a check, rejects over the limit, a file that changed or is gone, a value
    /// that does not fit.
    Refused = 3,
    /// There are no files in the range.
    NoFiles = 4,
    /// A temporary failure; the same command may succeed later.
    Transient = 75,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Failed => Self::Failed,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::NoFiles => Self::NoFiles,
            ErrorKind::Transient => Self::Transient,
            ErrorKind::Interrupted => Self::Interrupted,
        }
    }
}

/// How many reasons an error shows.
const REASONS: usize = 3;

/// Anything that ends a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The command line, beyond what its parser checks.
    #[error("{0}")]
    Usage(String),
    /// A store.
    #[error(transparent)]
    Store(#[from] store::OpenError),
    /// The source.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// A dataset's SQL files.
    #[error(transparent)]
    Sql(#[from] sql::Error),
    /// Mirroring.
    #[error(transparent)]
    Mirror(#[from] mirror::Error),
    /// Profiling.
    #[error(transparent)]
    Profile(#[from] profile::Error),
    /// Registering and querying.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The tables beside a dataset.
    #[error(transparent)]
    Beside(#[from] tables::BesideError),
    /// Checking.
    #[error(transparent)]
    Check(#[from] check::Error),
    /// Deduplicating.
    #[error(transparent)]
    Dedupe(#[from] dedupe::Error),
    /// Staging.
    #[error(transparent)]
    Stage(#[from] stage::Error),
    /// Pruning staging.
    #[error(transparent)]
    Inventory(#[from] store::inventory::Error),
    /// What the target already holds must not be changed without asking.
    #[error(transparent)]
    Refusal(#[from] state::Refusal),
    /// The target database.
    #[error(transparent)]
    Target(#[from] target::Error),
    /// The accounting.
    #[error(transparent)]
    Unbalanced(#[from] state::Unbalanced),
    /// The accounting cannot be written to staging.
    #[error("cannot write the accounting to {path}")]
    Accounting {
        /// The object.
        path: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// A saved plan cannot be read.
    #[error("cannot read the plan {path}: {reason}")]
    Plan {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A result cannot be written as JSON.
    #[error("{what} cannot be written as JSON")]
    Json {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Synthetic exports.
    #[error(transparent)]
    Sample(#[from] backfill_sample::Error),
    /// The embedded S3 server or database.
    #[cfg(feature = "demo")]
    #[error(transparent)]
    Embedded(#[from] backfill_demo::Error),
    /// No dataset has a file in the range.
    #[error("no files{} under {prefixes}", days.as_ref().map(|days| format!(" {days}")).unwrap_or_default())]
    NoFiles {
        /// The requested days, with a preposition before them; `None` if all days were requested.
        days: Option<String>,
        /// The prefixes.
        prefixes: String,
    },
    /// A range ends with `last`, the last loaded day, and no dataset has a loaded day.
    #[error("no day is loaded into {} yet, so `last` is not known", tables.join(", "))]
    NothingLoaded {
        /// The targets.
        tables: Vec<String>,
    },
    /// No date was recognised in any key under a prefix.
    #[error("no date was recognised in any of the {keys} key(s) under {place}, such as {example}")]
    NoDates {
        /// The URL with the prefix.
        place: String,
        /// How many keys there are.
        keys: usize,
        /// One of them.
        example: String,
    },
    /// The keys under a prefix have dates that can be read in two ways.
    #[error(
        "the keys under {place} can be read in two ways, and nothing says which is meant: {}",
        readings.join(", or ")
    )]
    UndecidedDates {
        /// The URL with the prefix.
        place: String,
        /// Each way.
        readings: Vec<String>,
    },
    /// All keys under a prefix are archives or spreadsheets.
    #[error(
        "all {keys} key(s) under {place} are archives or spreadsheets, which are not read: {example}"
    )]
    Archives {
        /// The URL with the prefix.
        place: String,
        /// How many keys there are.
        keys: usize,
        /// One of them.
        example: String,
    },
    /// No file under a prefix can be read.
    #[error(
        "none of the {} file(s) under {place} can be read: {}{}",
        reasons.len(), reasons[..reasons.len().min(REASONS)].join("; "),
        if reasons.len() > REASONS { " …" } else { "" }
    )]
    NoneUsable {
        /// The URL with the prefix.
        place: String,
        /// Each file and why.
        reasons: Vec<String>,
    },
    /// The rows are loaded, and materialized views do not show them.
    #[error(
        "the rows are loaded, but {} materialized view(s) do not show them yet: {}",
        views.len(), views.join("; ")
    )]
    NotRefreshed {
        /// Each view and why.
        views: Vec<String>,
    },
    /// The input cannot be read.
    #[error("cannot read {what}")]
    Input {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The result cannot be written.
    #[error("cannot write {what}")]
    Output {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program's threads cannot be started.
    #[error("the program's threads cannot be started")]
    Runtime(#[source] std::io::Error),
    /// Ctrl-C.
    #[error("interrupted; what is loaded is kept, and nothing is half done")]
    Interrupted,
}

impl Error {
    /// Returns the error of a file that cannot be written.
    pub fn output(path: &Path, source: std::io::Error) -> Self {
        Self::Output { what: path.display().to_string(), source }
    }

    /// The exit code of the error.
    pub fn exit(&self) -> Exit {
        self.kind().into()
    }
}

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Source(error) => error.kind(),
            Self::Sql(error) => error.kind(),
            Self::Mirror(error) => error.kind(),
            Self::Profile(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Beside(error) => error.kind(),
            Self::Check(error) => error.kind(),
            Self::Dedupe(error) => error.kind(),
            Self::Stage(error) => error.kind(),
            Self::Inventory(error) => error.kind(),
            Self::Refusal(error) => error.kind(),
            Self::Target(error) => error.kind(),
            Self::Unbalanced(error) => error.kind(),
            Self::Accounting { source, .. } => store::kind(source),
            Self::Sample(error) => sample_kind(error),
            #[cfg(feature = "demo")]
            Self::Embedded(_) => ErrorKind::Failed,
            Self::Usage(_)
            | Self::Plan { .. }
            | Self::NothingLoaded { .. }
            | Self::UndecidedDates { .. } => ErrorKind::Usage,
            Self::NoFiles { .. } | Self::NoDates { .. } | Self::Archives { .. } => {
                ErrorKind::NoFiles
            }
            Self::NoneUsable { .. } => ErrorKind::Refused,
            Self::NotRefreshed { .. }
            | Self::Json { .. }
            | Self::Input { .. }
            | Self::Output { .. }
            | Self::Runtime(_) => ErrorKind::Failed,
            Self::Interrupted => ErrorKind::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Config(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::Source(error) => return error.hint(),
            Self::Sql(error) => return error.hint(),
            Self::Mirror(error) => return error.hint(),
            Self::Profile(error) => return error.hint(),
            Self::Engine(error) => return error.hint(),
            Self::Beside(error) => return error.hint(),
            Self::Check(error) => return error.hint(),
            Self::Dedupe(error) => return error.hint(),
            Self::Stage(error) => return error.hint(),
            Self::Inventory(error) => return error.hint(),
            Self::Refusal(error) => return error.hint(),
            Self::Target(error) => return error.hint(),
            Self::Unbalanced(error) => return error.hint(),
            Self::Accounting { source, .. } => return Some(store::hint(source)),
            Self::NoFiles { days: None, .. } => {
                "check the source, the prefix and the key pattern: `backfill doctor` examines all of them"
            }
            Self::NoFiles { .. } => {
                "check --start, --end, the dataset's prefix and its key pattern; `backfill plan` shows \
                 every key and why it is left out"
            }
            Self::NothingLoaded { .. } => {
                "load its history first, with a date: --start YYYY-MM-DD; --prefix chooses datasets"
            }
            Self::NoDates { .. } => {
                "describe with --key where the date is, such as 'report_{date:%Y-%m-%d}*.csv', \
                 'year={date:%Y/month=%-m/day=%-d}/*.csv' or '{date:%d%b%y}.csv'; docs/reference/configuration.md \
                 lists its parts"
            }
            Self::UndecidedDates { .. } => {
                "give the right one as --key; the date in the key of a monthly file has no day"
            }
            Self::Archives { .. } => {
                "unpack them and store the CSV files, plain or compressed one by one with gzip, zstd or bzip2: \
                 `unzip -p report_2025-03-01.zip | gzip > report_2025-03-01.csv.gz`"
            }
            Self::NoneUsable { .. } => {
                "give a --key that leaves such files out, or write the dataset's section by hand with \
                 what its files need under csv, such as encoding or names"
            }
            Self::NotRefreshed { .. } => {
                "what is loaded stays; once the cause is fixed, the same command with --refresh=all refreshes \
                 the views even if nothing is left to load"
            }
            #[cfg(feature = "demo")]
            Self::Embedded(_) => "run it again; the log has more with RUST_LOG=debug",
            Self::Plan { .. } => "save it again with `backfill plan --save FILE`",
            Self::Usage(_) => "see --help",
            Self::Sample(_)
            | Self::Json { .. }
            | Self::Input { .. }
            | Self::Output { .. }
            | Self::Runtime(_)
            | Self::Interrupted => return None,
        };
        Some(hint.to_owned())
    }
}

fn sample_kind(error: &backfill_sample::Error) -> ErrorKind {
    match error {
        backfill_sample::Error::Prefix { .. } | backfill_sample::Error::Calendar { .. } => {
            ErrorKind::Usage
        }
        backfill_sample::Error::CreateFolder { .. } | backfill_sample::Error::Write { .. } => {
            ErrorKind::Failed
        }
    }
}

#[cfg(test)]
mod tests;
