//! To **connect** is to open a session with the target database, as `DATABASE_URL` or `PG*` say.
//!
//! `sslmode` means what it means to libpq: `disable`, `prefer` and `require` check no certificate,
//! `verify-ca` checks who signed it, `verify-full` also checks the host's name. The certificates to
//! trust come from `sslrootcert`, or from the system where none is given.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};
use url::{Url, form_urlencoded};

use super::Error;
use super::tls::{self, SslMode};
use crate::config::Environment;

/// How to reach the target database. Neither `Debug` nor `Display` shows a password.
#[derive(Clone)]
pub struct Database {
    config: Config,
    ssl_mode: SslMode,
    ssl_root_cert: Option<PathBuf>,
}

impl Database {
    /// Takes the address from `DATABASE_URL`, or else from `PGHOST` and its kin.
    ///
    /// # Errors
    /// [`Error::NoDatabase`] and [`Error::Setting`].
    pub fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let mut config = match environment.get("DATABASE_URL") {
            Some(url) => Self::from_url(url)?,
            None if environment.get("PGHOST").is_some() => Self::empty(),
            None => return Err(Error::NoDatabase),
        };
        config.add_variables(environment)?;
        config.config.application_name("backfill");
        config.config.connect_timeout(Duration::from_secs(15));
        config.config.keepalives_idle(Duration::from_secs(60));
        Ok(config)
    }

    fn empty() -> Self {
        Self { config: Config::new(), ssl_mode: SslMode::Prefer, ssl_root_cert: None }
    }

    fn from_url(url: &str) -> Result<Self, Error> {
        let wrong =
            |reason: &str| Error::Setting { variable: "DATABASE_URL", reason: reason.to_owned() };
        let mut parsed = Url::parse(url).map_err(|_| wrong("it is no URL"))?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err(wrong("it does not start with postgres://"));
        }
        let mut database = Self::empty();
        // What is handed on stays as it is written: a URL of Postgres writes a space as %20, and
        // nothing else.
        let mut others = Vec::new();
        let query = parsed.query().unwrap_or_default().to_owned();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let literal = pair.replace('+', "%2B");
            let (name, value) =
                form_urlencoded::parse(literal.as_bytes()).next().unwrap_or_default();
            match &*name {
                "sslmode" => database.ssl_mode = SslMode::parse("DATABASE_URL", &value)?,
                "sslrootcert" => database.ssl_root_cert = Some(PathBuf::from(&*value)),
                _ => others.push(pair),
            }
        }
        parsed.set_query((!others.is_empty()).then(|| others.join("&")).as_deref());
        // The parser's own text may quote the URL, so that it is not told.
        database.config =
            parsed.as_str().parse().map_err(|_| wrong("one of its parameters is not known"))?;
        Ok(database)
    }

    /// Fills in what `DATABASE_URL` leaves open.
    fn add_variables(&mut self, environment: &Environment) -> Result<(), Error> {
        let wrong = |variable, reason: &str| Error::Setting { variable, reason: reason.to_owned() };
        if self.config.get_hosts().is_empty() {
            self.config.host(environment.get("PGHOST").unwrap_or("localhost"));
        }
        if let (true, Some(port)) = (self.config.get_ports().is_empty(), environment.get("PGPORT"))
        {
            self.config.port(port.parse().map_err(|_| wrong("PGPORT", "it is no port"))?);
        }
        if self.config.get_user().is_none() {
            let user = environment.get("PGUSER").or_else(|| environment.get("USER"));
            self.config.user(user.unwrap_or("postgres"));
        }
        if let (None, Some(password)) = (self.config.get_password(), environment.get("PGPASSWORD"))
        {
            self.config.password(password);
        }
        if let (None, Some(name)) = (self.config.get_dbname(), environment.get("PGDATABASE")) {
            self.config.dbname(name);
        }
        if let Some(mode) = environment.get("PGSSLMODE") {
            self.ssl_mode = SslMode::parse("PGSSLMODE", mode)?;
        }
        if let (None, Some(path)) = (&self.ssl_root_cert, environment.get("PGSSLROOTCERT")) {
            self.ssl_root_cert = Some(PathBuf::from(path));
        }
        Ok(())
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`Error::Connect`] and [`Error::Certificates`].
    pub async fn connect(&self) -> Result<Connection, Error> {
        let failed = |source| Error::Connect { database: self.to_string(), source };
        let mut config = self.config.clone();
        config.ssl_mode(self.ssl_mode.negotiation());
        if self.ssl_mode == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            return Ok(Connection::spawn(client, connection));
        }
        let tls = tls::connector(self.ssl_mode, self.ssl_root_cert.as_deref())?;
        let (client, connection) = config.connect(tls).await.map_err(failed)?;
        Ok(Connection::spawn(client, connection))
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use tokio_postgres::config::Host;
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let user = self.config.get_user().unwrap_or_default();
        let name = self.config.get_dbname().unwrap_or(user);
        write!(f, "{host}:{port}/{name} as {user}")
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

/// A session with the target database.
pub struct Connection {
    /// What statements go through.
    pub client: Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Connection {
    fn spawn<F>(client: Client, connection: F) -> Self
    where
        F: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    {
        let driver = tokio::spawn(async move {
            if connection.await.is_err() {
                tracing::debug!("a connection to the target database ended with an error");
            }
        });
        Self { client, driver }
    }

    /// Ends the session and waits until the server has been told.
    pub async fn close(self) {
        drop(self.client);
        let _ = tokio::time::timeout(Duration::from_secs(5), self.driver).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(pairs: &[(&str, &str)]) -> Result<Database, Error> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Database::from_environment(&Environment::new(pairs))
    }

    #[test]
    fn a_url_and_variables_fill_each_other_in() {
        let shown = |pairs: &[(&str, &str)]| database(pairs).expect("an address").to_string();
        assert_eq!(
            shown(&[(
                "DATABASE_URL",
                "postgres://me:secret@db.example:6543/shop?sslmode=verify-full"
            )]),
            "db.example:6543/shop as me"
        );
        assert_eq!(
            shown(&[("PGHOST", "db"), ("PGUSER", "me"), ("PGDATABASE", "shop"), ("PGPORT", "1")]),
            "db:1/shop as me"
        );
        let options = "postgres://db/x?options=-c%20search_path%3Da+b&sslmode=disable";
        let config = database(&[("DATABASE_URL", options)]).expect("an address").config;
        assert_eq!(config.get_options(), Some("-c search_path=a+b"));
        let url = ("DATABASE_URL", "postgres://me@db/shop");
        let with_password = database(&[url, ("PGPASSWORD", "secret")]).expect("an address");
        assert_eq!(with_password.config.get_password(), Some(b"secret".as_slice()));
    }

    #[test]
    fn a_password_is_never_shown() {
        let database = database(&[("DATABASE_URL", "postgres://me:secret@db/x")]).expect("valid");
        assert!(!format!("{database:?} {database}").contains("secret"));
    }

    #[test]
    fn wrong_settings_are_told_without_their_values() {
        for pairs in [
            &[("DATABASE_URL", "mysql://me:secret@db/x")][..],
            &[("DATABASE_URL", "postgres://me:secret@db/x?sslmode=secret")],
            &[("DATABASE_URL", "postgres://me:secret@db/x?unknown=secret")],
            &[("PGHOST", "db"), ("PGPORT", "secret")],
        ] {
            let error = database(pairs).expect_err("wrong").to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(matches!(database(&[]), Err(Error::NoDatabase)));
    }
}
