//! The **hosts** to try, in order: each is a name, a network address or the folder of a socket, with its port.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use super::settings::Settings;
use crate::target::Error;

/// The port of Postgres.
const PORT: u16 = 5432;

/// The folders in which packages put the socket of a server, the usual one first.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// A server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// A name, an address, or a path that starts with `/`.
    pub name: String,
    /// The address to connect to, if the name is not to be looked up.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

impl Host {
    /// A host by name alone.
    #[cfg(test)]
    pub(crate) fn named(name: &str, port: u16) -> Self {
        Self { name: name.to_owned(), address: None, port }
    }

    /// Whether it is reached through a socket of this machine, which does not use TLS.
    pub(crate) fn is_socket(&self) -> bool {
        self.address.is_none() && self.name.starts_with('/')
    }

    /// Returns its name in the password file.
    pub(crate) fn password_name(&self) -> Cow<'_, str> {
        match self.name.as_str() {
            name if name == default_socket_folder() => Cow::Borrowed("localhost"),
            name => Cow::Borrowed(name),
        }
    }

    /// Whether it is a direct host of Supabase, which has an IPv6 address only.
    pub(crate) fn is_supabase_direct(&self) -> bool {
        self.name.starts_with("db.") && self.name.ends_with(".supabase.co")
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port, .. } = self;
        if name.contains(':') && !name.starts_with('/') {
            write!(f, "[{name}]:{port}")
        } else {
            write!(f, "{name}:{port}")
        }
    }
}

/// Returns the hosts of the settings.
///
/// # Errors
/// [`Error::Setting`] if the lists of hosts, addresses and ports do not fit each other.
pub(super) fn hosts(settings: &Settings) -> Result<Vec<Host>, Error> {
    let names = list(settings, "host");
    let addresses = list(settings, "hostaddr");
    let ports = list(settings, "port").unwrap_or_default();
    let count = addresses.as_ref().or(names.as_ref()).map_or(1, Vec::len);
    if names.as_ref().is_some_and(|names| names.len() != count) {
        return Err(settings.wrong("hostaddr", "has as many entries as `host`"));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(settings.wrong("port", "has one entry, or as many as `host`"));
    }
    (0..count)
        .map(|index| {
            let name = names.as_ref().map_or("", |names| names[index]);
            let address = addresses.as_ref().map_or("", |addresses| addresses[index]);
            let port = ports.get(index).or(ports.first()).copied().unwrap_or_default();
            host(settings, name, address, port)
        })
        .collect()
}

/// The entries of a parameter that is a list.
fn list<'a>(settings: &'a Settings, name: &str) -> Option<Vec<&'a str>> {
    settings.get(name).map(|text| text.split(',').collect())
}

/// Reads one host.
fn host(settings: &Settings, name: &str, address: &str, port: &str) -> Result<Host, Error> {
    if name.starts_with('@') {
        return Err(settings.wrong("host", "names an abstract socket, which is not supported"));
    }
    let number = match port.trim() {
        "" => PORT,
        digits => match digits.parse() {
            Ok(0) | Err(_) => return Err(settings.wrong("port", "is a number from 1 to 65535")),
            Ok(number) => number,
        },
    };
    let parsed = match address {
        "" => None,
        text => {
            let parsed = text.parse();
            Some(parsed.map_err(|_| settings.wrong("hostaddr", "is a network address"))?)
        }
    };
    let host_name = match (name, address) {
        ("", "") => default_socket_folder(),
        ("", address) => address,
        (name, _) => name,
    };
    Ok(Host { name: host_name.to_owned(), address: parsed, port: number })
}

/// Returns the folder in which the server of this machine listens if no host is named.
fn default_socket_folder() -> &'static str {
    let [usual, other] = SOCKET_FOLDERS;
    if Path::new(usual).is_dir() { usual } else { other }
}
