//! **Output**: results on standard output, as text or as JSON.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use tempfile::NamedTempFile;

use super::Form;
use crate::error::Error;

/// Where results go, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    form: Form,
}

impl Output {
    /// Results in this form.
    pub fn new(form: Form) -> Self {
        Self { form }
    }

    /// Whether results are for programs.
    pub fn is_json(self) -> bool {
        self.form == Form::Json
    }

    /// Prints a result: as JSON, or as the text that is made of it.
    ///
    /// # Errors
    /// [`Error::Output`]; a reader that has had enough is no error.
    pub fn print<T: Serialize>(
        self,
        result: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Error> {
        match self.form {
            Form::Text => self.write(text(result).as_bytes()),
            Form::Json => {
                let mut document = serde_json::to_vec_pretty(result).unwrap_or_default();
                document.push(b'\n');
                self.write(&document)
            }
        }
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// [`Error::Output`]; a reader that has had enough is no error.
    pub fn write(self, bytes: &[u8]) -> Result<(), Error> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(source) => Err(Error::Output { what: "to standard output".to_owned(), source }),
            Ok(()) => Ok(()),
        }
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// [`Error::Output`].
pub fn to_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Output { what: path.display().to_string(), source };
    let mut file = temporary_beside(path).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A file of a temporary name in the folder of `path`.
///
/// # Errors
/// Where the folder cannot be written.
pub fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    NamedTempFile::new_in(folder)
}
