//! The **kind** of an error says what a person or a scheduler can do about it, and decides the exit code.

use std::error::Error;

/// What an error is, independently of its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Something failed; running again does not help by itself.
    Failed,
    /// The command line, the configuration or the SQL is wrong.
    Usage,
    /// The data is refused.
    Refused,
    /// There are no files in the range.
    NoFiles,
    /// A temporary failure: the same command may succeed later.
    Transient,
    /// A person interrupted the work.
    Interrupted,
}

/// An error that knows its kind and what to do next.
pub trait Explain: Error {
    /// What the error is.
    fn kind(&self) -> ErrorKind;

    /// What to do next.
    fn hint(&self) -> Option<String>;
}

/// An error of a step on its way through a library that carries errors as `dyn Error`: its kind and its
/// hint are found again on the other side.
#[derive(Debug)]
pub struct Carried(Box<dyn Explain + Send + Sync>);

impl Carried {
    /// Wraps an error, to be handed to a library.
    pub fn boxed(error: impl Explain + Send + Sync + 'static) -> Box<dyn Error + Send + Sync> {
        Box::new(Self(Box::new(error)))
    }
}

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Carried {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl Explain for Carried {
    fn kind(&self) -> ErrorKind {
        self.0.kind()
    }

    fn hint(&self) -> Option<String> {
        self.0.hint()
    }
}
