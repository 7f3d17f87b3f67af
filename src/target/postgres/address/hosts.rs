//! The **hosts** to try, in order: each a name, a network address or the folder of a socket, with its
//! port.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use super::settings::Settings;
use crate::target::Error;

/// The port of Postgres.
const PORT: u16 = 5432;

/// Where packages put the socket of a server, the usual place first.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// A server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name, an address, or a path that starts with `/`.
    pub name: String,
    /// Where to connect to, if the name is not to be looked up.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

impl Host {
    /// A host by name alone.
    #[cfg(test)]
    pub fn named(name: &str, port: u16) -> Self {
        Self { name: name.to_owned(), address: None, port }
    }

    /// Whether it is reached through a socket of this machine, on which there is no TLS.
    pub fn is_socket(&self) -> bool {
        self.address.is_none() && self.name.starts_with('/')
    }

    /// What the password file calls it.
    pub fn password_name(&self) -> Cow<'_, str> {
        match self.name.as_str() {
            name if name == default_socket_folder() => Cow::Borrowed("localhost"),
            name => Cow::Borrowed(name),
        }
    }

    /// Whether it is a direct host of Supabase, which has an IPv6 address only.
    pub fn is_supabase_direct(&self) -> bool {
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

/// The hosts of the settings.
///
/// # Errors
/// [`Error::Setting`] if the lists of hosts, addresses and ports do not fit each other.
pub fn hosts(settings: &Settings) -> Result<Vec<Host>, Error> {
    let list = |name| settings.get(name).map(|text| text.split(',').collect::<Vec<_>>());
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = addresses.as_ref().or(names.as_ref()).map_or(1, Vec::len);
    if names.as_ref().is_some_and(|names| names.len() != count) {
        return Err(settings.wrong("hostaddr", "has as many entries as `host`"));
    }
    let ports = ports.unwrap_or_default();
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

fn host(settings: &Settings, name: &str, address: &str, port: &str) -> Result<Host, Error> {
    if name.starts_with('@') {
        return Err(settings.wrong("host", "names an abstract socket, which is not supported"));
    }
    let port = match port.trim() {
        "" => PORT,
        port => match port.parse() {
            Ok(0) | Err(_) => return Err(settings.wrong("port", "is a number from 1 to 65535")),
            Ok(port) => port,
        },
    };
    let parsed = match address {
        "" => None,
        address => {
            let parsed = address.parse();
            Some(parsed.map_err(|_| settings.wrong("hostaddr", "is a network address"))?)
        }
    };
    let name = match (name, address) {
        ("", "") => default_socket_folder(),
        ("", address) => address,
        (name, _) => name,
    };
    Ok(Host { name: name.to_owned(), address: parsed, port })
}

/// Where the server of this machine listens if no host is named.
fn default_socket_folder() -> &'static str {
    let [usual, other] = SOCKET_FOLDERS;
    if Path::new(usual).is_dir() { usual } else { other }
}
