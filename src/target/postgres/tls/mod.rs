//! **TLS** as libpq's `sslmode` defines it: whether it is required, and what is checked.

mod certificate;
mod client;
mod connector;
mod protection;
mod roots;
mod verifier;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, ConfigBuilder, SupportedProtocolVersion, WantsVerifier};
use tokio_postgres::config::SslNegotiation;

pub(super) use self::connector::{Connector, Stream};
pub use self::protection::Protection;
use self::protection::{Expiry, Noting};
use self::roots::Roots;
use super::address::Settings;
use crate::domain::Environment;
use crate::target::Error;

/// libpq's `sslmode`. Below `verify-ca`, a certificate is checked only if there is a file of trusted
/// certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server does not accept a session without it.
    Allow,
    /// TLS, or none if the server does not accept a session with it.
    Prefer,
    /// TLS.
    Require,
    /// TLS; the certificate must be signed by a trusted authority.
    VerifyCa,
    /// TLS; the certificate must also be for the host.
    VerifyFull,
}

const MODES: &[(&str, SslMode)] = &[
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

/// How connections are protected. Files are read when a connection is made.
#[derive(Clone)]
pub(super) struct Tls {
    /// Whether TLS is required, and what is checked.
    pub mode: SslMode,
    /// Whether TLS begins at once.
    pub negotiation: SslNegotiation,
    roots: Roots,
    certificate: client::Files,
    versions: Vec<&'static SupportedProtocolVersion>,
    sends_name: bool,
}

impl Tls {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub(super) fn read(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let home = environment.get("HOME").map(|home| Path::new(home).join(".postgresql"));
        let is_system = settings.get("sslrootcert") == Some("system");
        let mode = match settings.choice("sslmode", MODES)? {
            None if is_system => SslMode::VerifyFull,
            Some(mode) if is_system && mode != SslMode::VerifyFull => {
                let reason = "must be verify-full if `sslrootcert` is system";
                return Err(settings.wrong("sslmode", reason));
            }
            mode => mode.unwrap_or(SslMode::Prefer),
        };
        Ok(Self {
            mode,
            negotiation: negotiation(settings, mode)?,
            roots: Roots::of(settings.get("sslrootcert"), home.as_deref()),
            certificate: client::Files::of(settings, home.as_deref())?,
            versions: versions(settings)?,
            sends_name: settings.get("sslsni") != Some("0"),
        })
    }

    /// Makes a connector that checks as much as the mode and the trusted certificates ask for.
    ///
    /// # Errors
    /// [`Error::Certificates`], [`Error::NoRootCertificate`], [`Error::ClientCertificate`] and
    /// [`Error::Setting`].
    pub(super) fn connector(&self) -> Result<Connector, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder: ConfigBuilder<ClientConfig, WantsVerifier> =
            ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&self.versions)
                .map_err(|error| setting("ssl_min_protocol_version", &error))?;
        let (trusted, expiry) = (self.roots.read(self.mode)?, Expiry::default());
        let checked = Protection {
            is_verified: trusted.is_some(),
            is_for_host: trusted.is_some() && self.mode == SslMode::VerifyFull,
            ..Protection::default()
        };
        let decides = verifier::verifier(self.mode, trusted, &provider);
        let verifier = Arc::new(Noting { decides, expiry: expiry.clone() });
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match self.certificate.read(&provider)? {
            Some(resolver) => builder.with_client_cert_resolver(resolver),
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = self.sends_name;
        if self.negotiation == SslNegotiation::Direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(Connector::new(config, checked, expiry))
    }

    /// Makes the connector for connections without TLS.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub(super) fn plain_connector() -> Result<Connector, Error> {
        let plain = Self {
            mode: SslMode::Disable,
            negotiation: SslNegotiation::Postgres,
            roots: Roots::Default(None),
            certificate: client::Files::default(),
            versions: vec![&rustls::version::TLS13],
            sends_name: false,
        };
        plain.connector()
    }
}

fn setting(variable: &'static str, error: &rustls::Error) -> Error {
    Error::Setting { variable, reason: error.to_string() }
}

fn negotiation(settings: &Settings, mode: SslMode) -> Result<SslNegotiation, Error> {
    const NAME: &str = "sslnegotiation";
    let choices = [("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)];
    let negotiation = settings.choice(NAME, &choices)?.unwrap_or(SslNegotiation::Postgres);
    if negotiation == SslNegotiation::Direct && mode < SslMode::Require {
        return Err(settings.wrong(NAME, "may be direct only if `sslmode` is require or more"));
    }
    Ok(negotiation)
}

/// Returns the versions of TLS to offer; 1.2 and 1.3 are supported.
fn versions(settings: &Settings) -> Result<Vec<&'static SupportedProtocolVersion>, Error> {
    const LOWEST: &str = "ssl_min_protocol_version";
    const HIGHEST: &str = "ssl_max_protocol_version";
    let lowest = version(settings, LOWEST)?.unwrap_or(2);
    let highest = version(settings, HIGHEST)?.unwrap_or(3);
    if highest < 2 {
        return Err(settings.wrong(HIGHEST, "is TLSv1.2 or TLSv1.3"));
    }
    if lowest > highest {
        return Err(settings.wrong(LOWEST, "is not above `ssl_max_protocol_version`"));
    }
    let all = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
    let wanted = all.into_iter().filter(|(minor, _)| (lowest..=highest).contains(minor));
    Ok(wanted.map(|(_, version)| version).collect())
}

/// Reads the number after `TLSv1.`.
fn version(settings: &Settings, name: &str) -> Result<Option<u8>, Error> {
    let Some(text) = settings.get(name) else { return Ok(None) };
    match text.to_ascii_lowercase().as_str() {
        "tlsv1" => Ok(Some(0)),
        "tlsv1.1" => Ok(Some(1)),
        "tlsv1.2" => Ok(Some(2)),
        "tlsv1.3" => Ok(Some(3)),
        _ => Err(settings.wrong(name, "is TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3")),
    }
}

/// Returns a file in the user's folder `.postgresql`.
fn in_home(home: Option<&Path>, name: &str) -> Option<PathBuf> {
    home.map(|home| home.join(name))
}
