//! **Output**: results on standard output, as text or as JSON.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use super::Form;
use crate::error::Error;
use crate::printable::{printable, printable_message};

/// Where results go, and in which form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    form: Form,
    is_quiet: bool,
}

impl Output {
    /// Prints results in this form.
    pub(super) fn new(form: Form) -> Self {
        Self { form, is_quiet: false }
    }

    /// Hides remarks if `is_quiet` is set.
    pub(super) fn quiet_if(self, is_quiet: bool) -> Self {
        Self { is_quiet, ..self }
    }

    /// Whether results are for programs.
    pub(super) fn is_json(self) -> bool {
        self.form == Form::Json
    }

    /// Prints a result: as JSON, or as the text that `text` makes of it.
    ///
    /// # Errors
    /// [`Error::Output`]. That the reader closes the pipe is not an error.
    pub(super) fn print<T: Serialize>(
        self,
        result: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Error> {
        match self.form {
            Form::Text => self.say(&text(result)),
            Form::Json => {
                let mut document = serde_json::to_vec_pretty(result).unwrap_or_default();
                document.push(b'\n');
                self.write(&document)
            }
        }
    }

    /// Writes text for people.
    ///
    /// # Errors
    /// [`Error::Output`]. That the reader closes the pipe is not an error.
    pub(super) fn say(self, text: &str) -> Result<(), Error> {
        self.write(printable(text).as_bytes())
    }

    /// Writes text for people that is not part of a result; nothing if results are for programs.
    ///
    /// # Errors
    /// As [`say`](Self::say).
    pub(super) fn narrate(self, text: &str) -> Result<(), Error> {
        match self.form {
            Form::Text => self.say(text),
            Form::Json => Ok(()),
        }
    }

    /// Writes lines that a person should look at to standard error, unless results are for programs: these hold the
    /// lines already.
    pub(super) fn remark(self, lines: &[String]) {
        if self.is_quiet || self.is_json() {
            return;
        }
        let text: String =
            lines.iter().map(|line| format!("{}\n", line.replace('\n', " "))).collect();
        // If standard error is closed, nobody reads it.
        let _ = io::stderr().write_all(printable_message(&text).as_bytes());
    }

    /// Writes bytes for another program, unchanged.
    ///
    /// # Errors
    /// [`Error::Output`]. That the reader closes the pipe is not an error.
    pub(super) fn write(self, bytes: &[u8]) -> Result<(), Error> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(source) => Err(Error::Output { what: "to standard output".to_owned(), source }),
            Ok(()) => Ok(()),
        }
    }
}

/// Reads the name of a file to write from the command line, and checks its folder, so that hours of work do not end
/// with a missing folder.
///
/// # Errors
/// If its folder does not exist.
pub(super) fn writable(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.parent() {
        Some(folder) if folder != Path::new("") && !folder.is_dir() => {
            Err(format!("there is no folder {}", folder.display()))
        }
        _ => Ok(path),
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// [`Error::Output`].
pub(super) fn to_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    try_to_file(path, content).map_err(|source| Error::output(path, source))
}

fn try_to_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OutputFile::create(path)?;
    file.write_all(content)?;
    file.finish()
}

/// A file that appears under its name once it is complete: until then it has a temporary name in the same folder.
/// Pipes and devices are written directly.
#[derive(Debug)]
pub(super) enum OutputFile {
    /// A file that is not complete yet.
    Temporary {
        /// The file with the temporary name.
        file: NamedTempFile,
        /// Its final name.
        path: PathBuf,
    },
    /// A pipe or a device.
    Direct(File),
}

impl OutputFile {
    /// Begins to write `path`; if that is a link, the file that it points to. The permissions are those of the file
    /// that it replaces, or what the user's mask leaves.
    ///
    /// # Errors
    /// If the file or its folder cannot be written.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if path == Path::new("/dev/stdout") {
            // If standard output is a file, opening it by this name would overwrite it from the beginning.
            return Ok(Self::Direct(io::stdout().as_fd().try_clone_to_owned()?.into()));
        }
        let (path, permissions) = match std::fs::metadata(path) {
            Err(_) => (path.to_owned(), Permissions::from_mode(0o666)),
            // A name such as /dev/fd/3 may stand for a file that others write to as well.
            Ok(there) if there.is_file() && !path.starts_with("/dev") => {
                (path.canonicalize()?, there.permissions())
            }
            Ok(_) => return Ok(Self::Direct(OpenOptions::new().append(true).open(path)?)),
        };
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let mut builder = tempfile::Builder::new();
        builder.permissions(permissions);
        let file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        Ok(Self::Temporary { file, path })
    }

    /// Gives the file its final name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Temporary { file, path } => {
                file.persist(path).map(drop).map_err(|error| error.error)
            }
            Self::Direct(mut file) => file.flush(),
        }
    }

    fn inner(&mut self) -> &mut File {
        match self {
            Self::Temporary { file, .. } => file.as_file_mut(),
            Self::Direct(file) => file,
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_there_when_it_is_whole_and_keeps_its_permissions() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let mut begun = OutputFile::create(&path).expect("begun");
        begun.write_all(b"half").expect("written");
        assert!(!path.exists());
        drop(begun);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
        to_file(&path, b"whole").expect("written");
        assert_eq!(mode(&path) & 0o600, 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("set");
        to_file(&path, b"again").expect("written");
        assert_eq!((mode(&path), std::fs::read(&path).expect("read")), (0o640, b"again".to_vec()));
    }

    #[test]
    fn a_link_stays_one_and_a_device_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("a"), folder.path().join("link"));
        to_file(&path, b"old").expect("written");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        to_file(&link, b"new").expect("written");
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&path).expect("read"), b"new");
        let device = folder.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &device).expect("a link");
        to_file(&device, b"gone").expect("written");
        assert!(!std::fs::metadata(&device).expect("a device").is_file());
        assert!(to_file(folder.path(), b"x").is_err(), "a folder is not a file");
    }
}
