//! The **trusted certificates**: those of a file, of `~/.postgresql/root.crt`, or of the system.

use std::io;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};

use super::{SslMode, certificate, in_home};
use crate::target::Error;

/// Where the trusted certificates come from.
#[derive(Clone)]
pub(super) enum Roots {
    /// A file that is named.
    File { path: PathBuf, revoked: Option<PathBuf> },
    /// The file in the user's folder `.postgresql`, if it exists.
    Default(Option<PathBuf>),
    /// The certificates of the system.
    System,
}

/// The trusted certificates.
#[derive(Debug)]
pub(super) struct Trusted {
    /// As authorities that may sign others.
    pub store: RootCertStore,
    /// The certificates themselves.
    pub certificates: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// Reads `sslrootcert`.
    pub(super) fn of(named: Option<&str>, home: Option<&Path>) -> Self {
        match named {
            Some("system") => Self::System,
            Some(path) => {
                Self::File { path: PathBuf::from(path), revoked: in_home(home, "root.crl") }
            }
            None => Self::Default(home.map(Path::to_owned)),
        }
    }

    /// Reads them; `None` if nothing is to be checked.
    ///
    /// # Errors
    /// [`Error::Certificates`], [`Error::NoRootCertificate`] and [`Error::Setting`].
    pub(super) fn read(&self, mode: SslMode) -> Result<Option<Trusted>, Error> {
        if mode == SslMode::Disable {
            return Ok(None);
        }
        match self {
            Self::System => {
                let certificates = rustls_native_certs::load_native_certs().certs;
                Ok(Some(Trusted::of(certificates).0))
            }
            // A mode that also works without TLS does not need the file.
            Self::File { path, .. } if mode < SslMode::Require && !path.exists() => Ok(None),
            Self::File { path, revoked } => read(path, revoked.as_deref(), mode).map(Some),
            Self::Default(home) => {
                let path = in_home(home.as_deref(), "root.crt");
                match path {
                    Some(path) if path.exists() => {
                        let revoked = in_home(home.as_deref(), "root.crl");
                        read(&path, revoked.as_deref(), mode).map(Some)
                    }
                    path if mode >= SslMode::VerifyCa => Err(Error::NoRootCertificate {
                        path: path.unwrap_or_else(|| PathBuf::from("~/.postgresql/root.crt")),
                    }),
                    _ => Ok(None),
                }
            }
        }
    }
}

impl Trusted {
    /// Keeps the certificates that are valid now, as OpenSSL does; also returns how many there were.
    fn of(certificates: Vec<CertificateDer<'static>>) -> (Self, usize) {
        let count = certificates.len();
        let now = UnixTime::now();
        let valid: Vec<_> =
            certificates.into_iter().filter(|der| certificate::is_valid_at(der, now)).collect();
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(valid.iter().cloned());
        (Self { store, certificates: valid }, count)
    }
}

/// Reads a file of certificates.
fn read(path: &Path, revoked: Option<&Path>, mode: SslMode) -> Result<Trusted, Error> {
    if let Some(revoked) = revoked.filter(|revoked| revoked.exists()) {
        let reason =
            format!("there is a {}, but revocation lists are not supported", revoked.display());
        return Err(Error::Setting { variable: "sslcrl", reason });
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, error))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
    match Trusted::of(certificates) {
        (_, 0) => Err(unreadable(path, io::Error::other("the file holds no PEM certificate"))),
        (trusted, _) if trusted.certificates.is_empty() && mode >= SslMode::Require => {
            Err(unreadable(path, io::Error::other("none of its certificates is valid today")))
        }
        (trusted, _) => Ok(trusted),
    }
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::Certificates { path: path.to_owned(), source }
}
