//! The **address** of the target database, as libpq reads it: from `DATABASE_URL`, a service file, the
//! `PG*` variables and the password file; each fills in what the ones before it leave open.

mod hosts;
mod keywords;
mod options;
mod parameter;
mod passfile;
mod service;
mod settings;
mod uri;

#[cfg(test)]
mod tests;

use std::fmt;

use tokio_postgres::Config;
use tokio_postgres::config::LoadBalanceHosts;

pub(super) use self::hosts::Host;
use self::passfile::PasswordFile;
pub(super) use self::settings::Settings;
use super::tls::Tls;
use crate::domain::Environment;
use crate::target::Error;

/// How to reach the target database. Neither `Debug` nor `Display` shows a password.
#[derive(Clone)]
pub(super) struct Address {
    /// The servers to try, in order; at least one.
    pub(super) servers: Vec<Server>,
    /// User, database and network settings, the same for all servers.
    pub(super) config: Config,
    /// How connections are protected.
    pub(super) tls: Tls,
    /// Whether servers and addresses are tried in random order.
    pub(super) is_shuffled: bool,
    user: String,
    database: String,
}

/// A server to try.
#[derive(Clone)]
pub(super) struct Server {
    /// Where it is.
    pub host: Host,
    /// Its password, if there is one.
    pub password: Option<Vec<u8>>,
}

impl Address {
    /// Takes the address from `DATABASE_URL`, or else from `PGHOST` and the other `PG*` variables.
    ///
    /// # Errors
    /// [`Error::NoDatabase`] and [`Error::Setting`].
    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let settings = Settings::read(environment)?;
        let user = settings.get("user").map_or_else(|| system_user(environment), str::to_owned);
        let database = settings.get("dbname").unwrap_or(&user).to_owned();
        if database.contains("://") {
            return Err(settings.wrong("dbname", "is the name of a database, not a URL"));
        }
        let order = settings.choice(
            "load_balance_hosts",
            &[("disable", LoadBalanceHosts::Disable), ("random", LoadBalanceHosts::Random)],
        )?;
        Ok(Self {
            servers: servers(&settings, environment, &database, &user)?,
            config: options::client_config(&settings, &user, &database)?,
            tls: Tls::read(&settings, environment)?,
            is_shuffled: order == Some(LoadBalanceHosts::Random),
            user,
            database,
        })
    }

    /// Describes one of the servers, with database and user, for messages.
    pub(super) fn describe(&self, server: &Server) -> String {
        format!("{}/{} as {}", server.host, self.database, self.user)
    }
}

/// Returns the servers to try, each with its password.
fn servers(
    settings: &Settings,
    environment: &Environment,
    database: &str,
    user: &str,
) -> Result<Vec<Server>, Error> {
    let hosts = hosts::hosts(settings)?;
    if let Some(password) = settings.get("password") {
        return Ok(hosts
            .into_iter()
            .map(|host| Server { host, password: Some(password.as_bytes().to_vec()) })
            .collect());
    }
    let file = PasswordFile::read(settings, environment);
    Ok(hosts
        .into_iter()
        .map(|host| Server { password: file.password(&host, database, user), host })
        .collect())
}

/// Returns the user of the operating system, as which libpq connects if no other is named.
fn system_user(environment: &Environment) -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
    let name = user.map(|user| user.name);
    name.or_else(|| environment.get("USER").map(str::to_owned)).unwrap_or("postgres".to_owned())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> =
            self.servers.iter().map(|server| server.host.to_string()).collect();
        write!(f, "{}/{} as {}", hosts.join(","), self.database, self.user)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}
