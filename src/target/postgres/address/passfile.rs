//! The **password file**, `~/.pgpass`: lines of `host:port:database:user:password`, in which `*` is
//! anything and a backslash takes the next character as it is.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::hosts::Host;
use super::settings::Settings;
use crate::domain::Environment;

/// The content of a password file; empty if there is none.
#[derive(Default)]
pub(super) struct PasswordFile(Vec<u8>);

impl PasswordFile {
    /// Reads the file that the settings name, or else `~/.pgpass`. A file that others may read is ignored, with a
    /// warning.
    pub(super) fn read(settings: &Settings, environment: &Environment) -> Self {
        let home = environment.get("HOME").map(|home| Path::new(home).join(".pgpass"));
        let Some(path) = settings.get("passfile").map(PathBuf::from).or(home) else {
            return Self::default();
        };
        let Ok(metadata) = std::fs::metadata(&path) else { return Self::default() };
        let shown = path.display();
        if !metadata.is_file() {
            tracing::warn!("the password file {shown} is ignored: it is not a plain file");
            return Self::default();
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            tracing::warn!(
                "the password file {shown} is ignored: others may read it; `chmod 0600` it"
            );
            return Self::default();
        }
        match std::fs::read(&path) {
            Ok(content) => Self(content),
            Err(error) => {
                tracing::warn!("the password file {shown} is ignored: {error}");
                Self::default()
            }
        }
    }

    /// Returns the password of the first line that matches.
    pub(super) fn password(&self, host: &Host, database: &str, user: &str) -> Option<Vec<u8>> {
        let name = host.password_name();
        let port = host.port.to_string();
        let wanted = [&*name, &*port, database, user];
        self.0.split(|byte| *byte == b'\n').find_map(|line| password_of(line, wanted))
    }
}

/// Returns the password of a line, if its fields match.
fn password_of(line: &[u8], wanted: [&str; 4]) -> Option<Vec<u8>> {
    let mut rest = line.strip_suffix(b"\r").unwrap_or(line);
    if rest.starts_with(b"#") {
        return None;
    }
    for text in wanted {
        rest = after_matching(rest, text.as_bytes())?;
    }
    Some(field(rest).0).filter(|password| !password.is_empty())
}

/// Returns what follows the first field, if that matches.
fn after_matching<'a>(line: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    if let Some(rest) = line.strip_prefix(b"*:") {
        return Some(rest);
    }
    let (text, rest) = field(line);
    rest.filter(|_| text == wanted)
}

/// Splits off the first field, without its backslashes, and returns it with what follows its colon.
fn field(line: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    let mut text = Vec::new();
    let mut index = 0;
    while index < line.len() {
        match line[index] {
            b':' => return (text, Some(&line[index + 1..])),
            b'\\' if index + 1 < line.len() => {
                index += 1;
                text.push(line[index]);
            }
            byte => text.push(byte),
        }
        index += 1;
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_matches_counts() {
        let file = PasswordFile(
            b"# db:5432:shop:me:comment\nother:*:*:*:1\ndb:5433:*:*:2\r\n\
              db:*:a\\:b:me:3\ndb:5432:shop:me:p\\:\\\\x:y\n*:*:*:*:last\nlocalhost:*:*:*:never"
                .to_vec(),
        );
        for (host, database, user, password) in [
            ("other", "shop", "me", "1"),
            ("db", "a:b", "me", "3"),
            ("db", "shop", "me", "p:\\x"),
            ("db", "shop", "you", "last"),
        ] {
            let found = file.password(&Host::named(host, 5432), database, user);
            assert_eq!(found.as_deref(), Some(password.as_bytes()), "{host} {database} {user}");
        }
        assert_eq!(PasswordFile(b"db:1".to_vec()).password(&Host::named("db", 1), "x", "me"), None);
    }
}
