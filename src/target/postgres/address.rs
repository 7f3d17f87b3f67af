//! The **address** of the target database, as `DATABASE_URL` or `PG*` say it.
//!
//! The URL wins; variables fill in what it leaves open. `sslmode` means what it means to libpq:
//! `disable`, `prefer` and `require` check no certificate, `verify-ca` checks who signed it,
//! `verify-full` also checks the host's name; `require` with `sslrootcert` is `verify-ca`. The
//! certificates to trust come from `sslrootcert`, or from the system if none is given or it says
//! `system`, which asks for `verify-full`.

use std::fmt;
use std::path::{Path, PathBuf};

use tokio_postgres::Config;
use url::{Url, form_urlencoded};

use super::tls::SslMode;
use crate::domain::Environment;
use crate::target::Error;

/// The variable that holds the URL.
const DATABASE_URL: &str = "DATABASE_URL";

/// How to reach the target database. Neither `Debug` nor `Display` shows a password.
#[derive(Clone)]
pub struct Address {
    /// Host, port, user, password, database and other settings.
    pub config: Config,
    /// How TLS is used.
    pub ssl_mode: SslMode,
    /// The file with the certificates to trust; `system` for those of the system.
    pub ssl_root_cert: Option<PathBuf>,
}

/// What the URL says; the rest is open.
struct Draft {
    config: Config,
    ssl_mode: Option<SslMode>,
    ssl_root_cert: Option<PathBuf>,
}

impl Address {
    /// Takes the address from `DATABASE_URL`, or else from `PGHOST` and its kin.
    ///
    /// # Errors
    /// [`Error::NoDatabase`] and [`Error::Setting`].
    pub fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let draft = match environment.get(DATABASE_URL) {
            Some(url) => Draft::from_url(url)?,
            None if environment.get("PGHOST").is_some() => Draft::empty(),
            None => return Err(Error::NoDatabase),
        };
        draft.complete(environment)
    }
}

impl Draft {
    fn empty() -> Self {
        Self { config: Config::new(), ssl_mode: None, ssl_root_cert: None }
    }

    fn from_url(url: &str) -> Result<Self, Error> {
        let mut parsed = parse(url)?;
        let mut draft = Self::empty();
        // What is handed on stays as it is written: a URL of Postgres writes a space as %20, and
        // nothing else.
        let mut others = Vec::new();
        let query = parsed.query().unwrap_or_default().to_owned();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let literal = pair.replace('+', "%2B");
            let (name, value) =
                form_urlencoded::parse(literal.as_bytes()).next().unwrap_or_default();
            match &*name {
                "sslmode" => draft.ssl_mode = Some(SslMode::parse(DATABASE_URL, &value)?),
                "sslrootcert" => draft.ssl_root_cert = Some(PathBuf::from(&*value)),
                _ => others.push(pair),
            }
        }
        parsed.set_query((!others.is_empty()).then(|| others.join("&")).as_deref());
        // The parser's own text may quote the URL, so that it is not shown.
        draft.config =
            parsed.as_str().parse().map_err(|_| wrong_url("one of its parameters is not known"))?;
        Ok(draft)
    }

    /// Fills in what the URL leaves open.
    fn complete(mut self, environment: &Environment) -> Result<Address, Error> {
        let config = &mut self.config;
        if config.get_hosts().is_empty() {
            config.host(environment.get("PGHOST").unwrap_or("localhost"));
        }
        if let (true, Some(port)) = (config.get_ports().is_empty(), environment.get("PGPORT")) {
            config.port(port.parse().map_err(|_| wrong("PGPORT", "it is not a port"))?);
        }
        if config.get_user().is_none() {
            let user = environment.get("PGUSER").or_else(|| environment.get("USER"));
            config.user(user.unwrap_or("postgres"));
        }
        if let (None, Some(password)) = (config.get_password(), environment.get("PGPASSWORD")) {
            config.password(password);
        }
        if let (None, Some(name)) = (config.get_dbname(), environment.get("PGDATABASE")) {
            config.dbname(name);
        }
        let ssl_mode = match (self.ssl_mode, environment.get("PGSSLMODE")) {
            (None, Some(mode)) => Some(SslMode::parse("PGSSLMODE", mode)?),
            (given, _) => given,
        };
        let ssl_root_cert =
            self.ssl_root_cert.or_else(|| environment.get("PGSSLROOTCERT").map(PathBuf::from));
        let ssl_mode = effective(ssl_mode, ssl_root_cert.as_deref())?;
        Ok(Address { config: self.config, ssl_mode, ssl_root_cert })
    }
}

/// What `sslmode` comes to with these root certificates, as libpq means it.
fn effective(mode: Option<SslMode>, roots: Option<&Path>) -> Result<SslMode, Error> {
    let is_system = roots.is_some_and(|roots| roots == Path::new("system"));
    match mode {
        None if is_system => Ok(SslMode::VerifyFull),
        Some(mode) if is_system && mode != SslMode::VerifyFull => {
            Err(wrong("sslmode", "with sslrootcert=system it must be verify-full"))
        }
        Some(SslMode::Require) if roots.is_some() => Ok(SslMode::VerifyCa),
        mode => Ok(mode.unwrap_or(SslMode::Prefer)),
    }
}

/// Parses a URL of Postgres. User and password end at the last `@` before the first `/`, whatever
/// characters they hold; nothing of them may ever be taken for a host, which messages show.
fn parse(url: &str) -> Result<Url, Error> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong_url("it is not a URL"))?;
    if !matches!(scheme, "postgres" | "postgresql") {
        return Err(wrong_url("it does not start with postgres://"));
    }
    let path = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path);
    if path.contains('@') {
        return Err(wrong_url(
            "an @ stands behind its first /; in a user or password write / as %2F, anywhere else write \
             @ as %40",
        ));
    }
    let text = match authority.rsplit_once('@') {
        Some((credentials, host)) => format!("{scheme}://{}@{host}{path}", encoded(credentials)),
        None => url.to_owned(),
    };
    Url::parse(&text).map_err(|_| {
        wrong_url("it is not a URL; write special characters of user and password percent-encoded")
    })
}

/// Credentials in which every character that ends a part of a URL is percent-encoded; the first colon
/// still ends the user.
fn encoded(credentials: &str) -> String {
    let mut text = String::with_capacity(credentials.len());
    let mut is_password = false;
    for character in credentials.chars() {
        match character {
            ':' if !is_password => {
                is_password = true;
                text.push(':');
            }
            ':' => text.push_str("%3A"),
            '@' => text.push_str("%40"),
            '#' => text.push_str("%23"),
            '?' => text.push_str("%3F"),
            '[' => text.push_str("%5B"),
            ']' => text.push_str("%5D"),
            '\\' => text.push_str("%5C"),
            other => text.push(other),
        }
    }
    text
}

fn wrong(variable: &'static str, reason: &str) -> Error {
    Error::Setting { variable, reason: reason.to_owned() }
}

fn wrong_url(reason: &str) -> Error {
    wrong(DATABASE_URL, reason)
}

impl fmt::Display for Address {
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

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(pairs: &[(&str, &str)]) -> Result<Address, Error> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Address::from_environment(&Environment::new(pairs))
    }

    #[test]
    fn a_url_and_variables_fill_each_other_in() {
        let shown = |pairs: &[(&str, &str)]| address(pairs).expect("an address").to_string();
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
        let config = address(&[("DATABASE_URL", options)]).expect("an address").config;
        assert_eq!(config.get_options(), Some("-c search_path=a+b"));
        let url = ("DATABASE_URL", "postgres://me@db/shop");
        let with_password = address(&[url, ("PGPASSWORD", "secret")]).expect("an address");
        assert_eq!(with_password.config.get_password(), Some(b"secret".as_slice()));
    }

    #[test]
    fn a_password_of_any_characters_is_read_and_never_shown() {
        for (written, password) in [
            ("secret", "secret"),
            ("p#ss", "p#ss"),
            ("7?x", "7?x"),
            ("7?x@SecretTail", "7?x@SecretTail"),
            ("a:b:c", "a:b:c"),
            ("12%2FTop%40Tail", "12/Top@Tail"),
            ("[x]\\y", "[x]\\y"),
            ("%C3%A9€", "é€"),
        ] {
            for rest in ["db/x", "db.example:6543/x?sslmode=disable", "db"] {
                let url = format!("postgres://me:{written}@{rest}");
                let found = address(&[("DATABASE_URL", &url)]).expect(&url);
                assert_eq!(found.config.get_password(), Some(password.as_bytes()), "{url}");
                let shown = format!("{found:?} {found}");
                assert!(shown.contains("db") && shown.contains("as me"), "{shown}");
                assert!(!shown.contains("ecret") && !shown.contains("Tail"), "{shown}");
            }
        }
        // A slash ends the credentials, as for libpq.
        for url in [
            "postgres://me:12/Top@SecretTail@db.invalid:5432/x",
            "postgres://me:p@ss/SecretTail@db/x",
            "postgres://me:/SecretTail@db/x",
        ] {
            let error = address(&[("DATABASE_URL", url)]).expect_err("refused").to_string();
            assert!(error.contains("%2F") && !error.contains("Secret"), "{error}");
        }
    }

    #[test]
    fn tls_is_never_weaker_than_what_was_asked_for() {
        let mode = |url: &str, pairs: &[(&str, &str)]| {
            let url = format!("postgres://me@db/x{url}");
            let pairs: Vec<_> =
                [("DATABASE_URL", url.as_str())].iter().chain(pairs).copied().collect();
            address(&pairs).map(|address| address.ssl_mode)
        };
        let root = ("PGSSLROOTCERT", "ca.crt");
        for (url, pairs, expected) in [
            ("", &[][..], SslMode::Prefer),
            ("", &[("PGSSLMODE", "disable")], SslMode::Disable),
            ("?sslmode=verify-full", &[("PGSSLMODE", "disable")], SslMode::VerifyFull),
            (
                "?sslmode=verify-full&sslrootcert=ca.crt",
                &[("PGSSLMODE", "disable")],
                SslMode::VerifyFull,
            ),
            ("?sslmode=disable", &[("PGSSLMODE", "verify-full")], SslMode::Disable),
            ("?sslmode=require", &[], SslMode::Require),
            ("?sslmode=require&sslrootcert=ca.crt", &[], SslMode::VerifyCa),
            ("?sslmode=require", &[root], SslMode::VerifyCa),
            ("", &[("PGSSLMODE", "require"), root], SslMode::VerifyCa),
            ("?sslmode=prefer", &[root], SslMode::Prefer),
            ("?sslrootcert=system", &[], SslMode::VerifyFull),
            ("?sslmode=verify-full&sslrootcert=system", &[], SslMode::VerifyFull),
        ] {
            assert_eq!(mode(url, pairs).expect("valid"), expected, "{url} {pairs:?}");
        }
        assert!(mode("?sslmode=require&sslrootcert=system", &[]).is_err());
        assert!(mode("?sslmode=disable&sslrootcert=system", &[]).is_err());
    }

    #[test]
    fn wrong_settings_are_reported_without_their_values() {
        for pairs in [
            &[("DATABASE_URL", "mysql://me:secret@db/x")][..],
            &[("DATABASE_URL", "me:secret@db/x")],
            &[("DATABASE_URL", "postgres://me:secret@db:secret/x")],
            &[("DATABASE_URL", "postgres://me:secret@db/x?sslmode=secret")],
            &[("DATABASE_URL", "postgres://me:secret@db/x?unknown=secret")],
            &[("PGHOST", "db"), ("PGPORT", "secret")],
        ] {
            let error = address(pairs).expect_err("wrong").to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(matches!(address(&[]), Err(Error::NoDatabase)));
    }
}
