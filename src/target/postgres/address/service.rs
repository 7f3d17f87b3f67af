//! The **service file**: parameters under a name, as in `pg_service.conf`. The user's own file comes first, then that
//! of the machine.

use std::path::{Path, PathBuf};

use super::settings::{Pair, Settings, wrong};
use crate::domain::Environment;
use crate::target::Error;

/// The variable that names a service.
const PGSERVICE: &str = "PGSERVICE";

/// The folders in which packages of libpq look for the file of the machine, unless `PGSYSCONFDIR` names one.
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/postgresql-common", "/etc/sysconfig/pgsql"];

/// Returns the parameters of the service that the settings or `PGSERVICE` name, if any.
///
/// # Errors
/// [`Error::Setting`] if there is no such service, or its file cannot be read.
pub(super) fn read(settings: &Settings, environment: &Environment) -> Result<Vec<Pair>, Error> {
    let Some(service) = settings.get("service").or_else(|| environment.get(PGSERVICE)) else {
        return Ok(Vec::new());
    };
    for path in files(settings, environment)? {
        let text = std::fs::read_to_string(&path).map_err(|error| {
            wrong(PGSERVICE, format!("cannot read {}: {error}", path.display()))
        })?;
        let found = find(&text, service).map_err(|line| {
            let reason = format!("line {line} of {} is not name=value", path.display());
            wrong(PGSERVICE, reason)
        })?;
        if let Some(pairs) = found {
            return Ok(pairs);
        }
    }
    Err(wrong(PGSERVICE, "no service file defines a service of this name"))
}

/// Returns the service files that exist.
fn files(settings: &Settings, environment: &Environment) -> Result<Vec<PathBuf>, Error> {
    let named = settings.get("servicefile").or_else(|| environment.get("PGSERVICEFILE"));
    let mut files = Vec::new();
    if let Some(named) = named {
        if !Path::new(named).exists() {
            return Err(wrong("PGSERVICEFILE", format!("there is no file {named}")));
        }
        files.push(PathBuf::from(named));
    } else if let Some(home) = environment.get("HOME") {
        files.push(Path::new(home).join(".pg_service.conf"));
    }
    match environment.get("PGSYSCONFDIR") {
        Some(folder) => files.push(Path::new(folder).join("pg_service.conf")),
        None => files.extend(SYSTEM_FOLDERS.map(|dir| Path::new(dir).join("pg_service.conf"))),
    }
    files.retain(|path| path.exists());
    Ok(files)
}

/// Returns the parameters in the section of `service`, or the number of a line that is not understood.
fn find(text: &str, service: &str) -> Result<Option<Vec<Pair>>, usize> {
    let mut pairs = None;
    for (index, whole) in text.lines().enumerate() {
        let line = whole.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            if pairs.is_some() {
                break;
            }
            let is_it = section.strip_prefix(service).is_some_and(|rest| rest.starts_with(']'));
            pairs = is_it.then(Vec::new);
        } else if let Some(pairs) = &mut pairs {
            let (name, value) = line.split_once('=').ok_or(index + 1)?;
            if name == "service" {
                return Err(index + 1);
            }
            pairs.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let text = "# mine\n[a]\nhost=x\n\n[shop]\nhost=db\n # its port\n port=1 \n[b]\nport=2\n";
        let found = find(text, "shop").expect("readable").expect("a service");
        let pairs: Vec<_> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(pairs, [("host", "db"), ("port", "1")]);
        assert_eq!(find(text, "sho"), Ok(None));
        assert_eq!(find("[a]\nhost\n", "a"), Err(2));
        assert_eq!(find("[a]\nhost\n", "b"), Ok(None));
        assert_eq!(find("[a]\nservice=b\n", "a"), Err(2));
    }
}
