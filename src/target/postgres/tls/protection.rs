//! The **protection** of a connection: whether it is encrypted, what was checked of the server's certificate,
//! and until when the certificate is valid.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error as TlsError, SignatureScheme};

use super::certificate;

/// How a connection is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Whether TLS encrypts it.
    pub is_encrypted: bool,
    /// Whether a trusted authority signed the server's certificate.
    pub is_verified: bool,
    /// Whether the certificate was checked to be for the host.
    pub is_for_host: bool,
    /// The last moment at which the certificate is valid, if there is one that can be read.
    pub expires: Option<DateTime<Utc>>,
    /// Whether it does not leave this machine.
    pub is_local: bool,
}

/// The expiry of the last certificate that was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expiry(Arc<AtomicI64>);

impl Expiry {
    /// Returns the expiry, if a certificate was seen.
    pub(crate) fn get(&self) -> Option<DateTime<Utc>> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            seconds => DateTime::from_timestamp(seconds, 0),
        }
    }
}

/// Notes the expiry of a certificate, and lets another verifier decide.
#[derive(Debug)]
pub(super) struct Noting {
    /// The verifier that decides.
    pub decides: Arc<dyn ServerCertVerifier>,
    /// Where the expiry is noted.
    pub expiry: Expiry,
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if let Some(seconds) = certificate::expiry(certificate) {
            self.expiry.0.store(seconds, Ordering::Relaxed);
        }
        self.decides.verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.decides.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.decides.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.decides.supported_verify_schemes()
    }
}
