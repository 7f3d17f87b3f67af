//! The **client certificate**, by which a server may know a user, and its key.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::{certificate, in_home};
use crate::target::Error;
use crate::target::postgres::address::Settings;

/// The files of certificate and key; both may be absent.
#[derive(Clone, Default)]
pub(super) struct Files {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Files {
    /// Takes the files that the settings name, or the user's usual files if they exist.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub(super) fn of(settings: &Settings, home: Option<&Path>) -> Result<Self, Error> {
        const NAME: &str = "sslcertmode";
        match settings.get(NAME) {
            Some("disable") => return Ok(Self::default()),
            None | Some("allow") => {}
            Some("require") => {
                let reason = "is not supported with require; pg_hba.conf can ask for it";
                return Err(settings.wrong(NAME, reason));
            }
            Some(_) => return Err(settings.wrong(NAME, "is disable or allow")),
        }
        let usual = in_home(home, "postgresql.crt").filter(|path| path.exists());
        let certificate = settings.get("sslcert").map(PathBuf::from).or(usual);
        let key = settings.get("sslkey").map(PathBuf::from);
        Ok(Self { certificate, key: key.or_else(|| in_home(home, "postgresql.key")) })
    }

    /// Reads certificate and key, if there is a certificate.
    ///
    /// # Errors
    /// [`Error::ClientCertificate`].
    pub(super) fn read(
        &self,
        provider: &CryptoProvider,
    ) -> Result<Option<Arc<SingleCertAndKey>>, Error> {
        let Some(path) = &self.certificate else { return Ok(None) };
        let bytes = std::fs::read(path).map_err(|error| unusable(path, error))?;
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
        let Some(first) = chain.first() else {
            return Err(unusable(path, "it holds no PEM certificate"));
        };
        let public_key = certificate::public_key(first);
        let Some(key_path) = &self.key else { return Err(unusable(path, "its key is not named")) };
        let key = provider
            .key_provider
            .load_private_key(read_key(key_path)?)
            .map_err(|error| unusable(key_path, error))?;
        let fits = key.public_key().zip(public_key).is_none_or(|(own, named)| *own == *named);
        if !fits {
            let reason = format!("it is not the key of {}", path.display());
            return Err(unusable(key_path, reason));
        }
        Ok(Some(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)))))
    }
}

/// Reads a key that others may not read.
fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let metadata = std::fs::metadata(path).map_err(|error| unusable(path, error))?;
    if !metadata.is_file() {
        return Err(unusable(path, "it is not a plain file"));
    }
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        let reason = "others may read it: its permissions must be 0600 or less, or 0640 or less if root \
                      owns it";
        return Err(unusable(path, reason));
    }
    let bytes = std::fs::read(path).map_err(|error| unusable(path, error))?;
    if bytes.windows(9).any(|window| window == b"ENCRYPTED") {
        let reason =
            "it is encrypted, which is not supported; `openssl pkey` writes it without a password";
        return Err(unusable(path, reason));
    }
    PrivateKeyDer::from_pem_slice(&bytes)
        .or_else(|_| PrivateKeyDer::try_from(bytes))
        .map_err(|_| unusable(path, "it holds no private key in PEM or DER"))
}

fn unusable(path: &Path, reason: impl ToString) -> Error {
    Error::ClientCertificate { path: path.to_owned(), reason: reason.to_string() }
}
