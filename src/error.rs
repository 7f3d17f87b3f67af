//! The root of all errors: what went wrong, what to do next, and with which code the program ends.

use std::process::ExitCode;

use crate::{catalog, check, config, dedupe, load, mirror, profile, source, sql, stage, verify};

/// How the program ends. The numbers are part of its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is done.
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
    /// A passing failure: run again.
    Transient = 75,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// So many reasons are told.
const REASONS: usize = 3;

/// Anything that ends a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The command line, beyond what its parser sees.
    #[error("{0}")]
    Usage(String),
    /// The source.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// A dataset's SQL files.
    #[error(transparent)]
    Sql(#[from] sql::Error),
    /// Mirroring.
    #[error(transparent)]
    Mirror(#[from] mirror::Error),
    /// Drawing profiles.
    #[error(transparent)]
    Profile(#[from] profile::Error),
    /// Registering and querying.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// Checking.
    #[error(transparent)]
    Check(#[from] check::Error),
    /// Deduplicating.
    #[error(transparent)]
    Dedupe(#[from] dedupe::Error),
    /// Staging.
    #[error(transparent)]
    Stage(#[from] stage::Error),
    /// Loading.
    #[error(transparent)]
    Load(#[from] load::Error),
    /// Verifying.
    #[error(transparent)]
    Verify(#[from] verify::Error),
    /// Synthetic exports.
    #[error(transparent)]
    Sample(#[from] backfill_sample::Error),
    /// The embedded S3 server or database.
    #[cfg(feature = "demo")]
    #[error(transparent)]
    Embedded(#[from] backfill_demo::Error),
    /// No dataset has a file in the range.
    #[error("no files from {range} under {prefixes}")]
    NoFiles {
        /// The range.
        range: String,
        /// The prefixes.
        prefixes: String,
    },
    /// No key under a prefix holds a date that is known for one.
    #[error(
        "none of the {keys} key(s) under {place} holds a date that is known for one: {example}"
    )]
    NoDates {
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
    /// The result cannot be written.
    #[error("cannot write {what}")]
    Output {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Ctrl-C.
    #[error("interrupted; what is loaded is kept, and nothing is half done")]
    Interrupted,
}

impl Error {
    /// How the program ends because of it.
    pub fn exit(&self) -> Exit {
        if self.is_transient() {
            return Exit::Transient;
        }
        if let Some(error) = self.of_the_database() {
            return exit_of_load(error);
        }
        match self {
            Self::Config(_)
            | Self::Usage(_)
            | Self::Sql(_)
            | Self::Sample(
                backfill_sample::Error::Prefix { .. } | backfill_sample::Error::Calendar { .. },
            ) => Exit::Usage,
            Self::NoFiles { .. } | Self::NoDates { .. } => Exit::NoFiles,
            Self::NoneUsable { .. } => Exit::Refused,
            Self::Interrupted => Exit::Interrupted,
            Self::Source(source::Error::ZeroBytes { .. })
            | Self::Check(check::Error::Refused { .. } | check::Error::TooManyRejects { .. })
            | Self::Mirror(mirror::Error::Read {
                source: backfill_csv::ReadError::Header(_),
                ..
            }) => Exit::Refused,
            Self::Stage(
                stage::Error::NotRowWise { .. }
                | stage::Error::ChangedProvenance { .. }
                | stage::Error::UnexpectedRow { .. },
            )
            | Self::Dedupe(dedupe::Error::Twice { .. } | dedupe::Error::Unknown { .. }) => {
                Exit::Usage
            }
            _ => match self.of_a_query() {
                Some(
                    catalog::Error::Plan { .. }
                    | catalog::Error::Writes { .. }
                    | catalog::Error::UnknownColumn { .. }
                    | catalog::Error::MissingColumn { .. },
                ) => Exit::Usage,
                Some(error) if error.is_about_a_value() => Exit::Refused,
                _ => Exit::Failed,
            },
        }
    }

    /// What went wrong in a query.
    fn of_a_query(&self) -> Option<&catalog::Error> {
        match self {
            Self::Catalog(error) => Some(error),
            Self::Check(check::Error::Query { source, .. } | check::Error::Read { source }) => {
                Some(source)
            }
            Self::Dedupe(dedupe::Error::Query { source, .. }) => Some(source),
            Self::Stage(stage::Error::Query { source, .. }) => Some(source),
            Self::Stage(stage::Error::Row { source, .. }) => Some(source),
            _ => None,
        }
    }

    /// What went wrong with the database.
    fn of_the_database(&self) -> Option<&load::Error> {
        match self {
            Self::Load(error) => Some(error),
            _ => match self.of_a_query()? {
                catalog::Error::Table(error) => error.downcast_ref(),
                _ => None,
            },
        }
    }

    /// Whether running again may help.
    pub fn is_transient(&self) -> bool {
        if let Some(error) = self.of_the_database() {
            return error.meaning() == Some(load::Meaning::Transient);
        }
        if let Self::Mirror(error) = self
            && error.is_gone()
        {
            return true;
        }
        let store = match self {
            Self::Source(source::Error::List { source, .. }) => Some(source),
            Self::Mirror(error) => error.store_error(),
            Self::Profile(profile::Error::Staging { source, .. }) => Some(source),
            Self::Stage(
                stage::Error::Staging { source, .. } | stage::Error::Manifest { source, .. },
            ) => Some(source),
            _ => match self.of_a_query() {
                Some(catalog::Error::Store(error)) => Some(&**error),
                _ => None,
            },
        };
        store.is_some_and(source::is_transient)
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Source(error) => error.hint(),
            Self::Sql(error) => error.hint(),
            Self::Mirror(error) => error.hint(),
            Self::Profile(error) => error.hint(),
            Self::Catalog(error) => error.hint(),
            Self::Check(error) => error.hint(),
            Self::Dedupe(error) => error.hint(),
            Self::Stage(error) => error.hint(),
            Self::Load(error) => error.hint(),
            Self::Verify(error) => Some(error.hint()),
            Self::NoFiles { .. } => Some(
                "check --start, --end, the dataset's prefix and its key pattern; `backfill plan` \
                 shows every key and why it is left out"
                    .to_owned(),
            ),
            Self::NoDates { .. } => Some(
                "say with --key where the date stands, such as 'report_{date:%Y-%m-%d}*.csv'; the \
                 README lists its parts"
                    .to_owned(),
            ),
            Self::NoneUsable { .. } => Some(
                "give a --key that leaves such files out, or write the dataset's section by hand \
                 with what its files need under csv, such as encoding or names"
                    .to_owned(),
            ),
            #[cfg(feature = "demo")]
            Self::Embedded(_) => Some("run it again; the log has more with RUST_LOG=debug".into()),
            Self::Usage(_) => Some("see --help".to_owned()),
            Self::Sample(_) | Self::Output { .. } | Self::Interrupted => None,
        }
    }
}

/// How the program ends because of the database.
fn exit_of_load(error: &load::Error) -> Exit {
    match error {
        load::Error::Value { .. }
        | load::Error::Changed { .. }
        | load::Error::Gone { .. }
        | load::Error::NarrowRange { .. } => Exit::Refused,
        load::Error::NoDatabase
        | load::Error::Setting { .. }
        | load::Error::Certificates { .. }
        | load::Error::Mismatch { .. }
        | load::Error::Target { .. } => Exit::Usage,
        load::Error::Connect { .. } if error.meaning().is_none() => Exit::Usage,
        error => match error.meaning() {
            Some(load::Meaning::Data) => Exit::Refused,
            Some(load::Meaning::Schema) => Exit::Usage,
            _ => Exit::Failed,
        },
    }
}
