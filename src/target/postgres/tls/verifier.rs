//! A **verifier** checks a server's certificate: nothing of it, or its authority, or also its name.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme};

use super::roots::Trusted;
use super::{SslMode, certificate};

/// Returns a verifier that checks as much as the mode asks for. Without trusted certificates nothing is checked.
pub(super) fn verifier(
    mode: SslMode,
    trusted: Option<Trusted>,
    provider: &Arc<CryptoProvider>,
) -> Arc<dyn ServerCertVerifier> {
    let provider = Arc::clone(provider);
    match trusted {
        None => Arc::new(AnyCertificate { provider }),
        Some(trusted) => Arc::new(Checked { mode, trusted, provider }),
    }
}

/// Accepts any certificate, as libpq does below `verify-ca`. Its signatures are not checked either: they would only
/// prove that the server has the key of a certificate that anybody may have made, and old forms of certificates
/// could not be used.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        // They are not checked, so they need not be supported.
        schemes.extend([SignatureScheme::ECDSA_NISTP521_SHA512, SignatureScheme::ED448]);
        schemes
    }
}

/// Accepts a certificate that a trusted authority signed, and in the mode `verify-full` only for its host.
#[derive(Debug)]
struct Checked {
    mode: SslMode,
    trusted: Trusted,
    provider: Arc<CryptoProvider>,
}

impl Checked {
    fn check_chain(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), TlsError> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        let store = &self.trusted.store;
        verify_server_cert_signed_by_trust_anchor(&parsed, store, intermediates, now, algorithms)
    }

    /// Checks the signature of a certificate that the library cannot parse.
    fn check_old_form(
        &self,
        error: TlsError,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let mapping = self.provider.signature_verification_algorithms.mapping.iter();
        let mut matching = mapping.filter(|(scheme, _)| *scheme == signed.scheme);
        let signature = signed.signature();
        let is_made = matching.any(|(_, algorithms)| {
            certificate::has_made_signature(certificate, algorithms, message, signature)
        });
        if is_made { Ok(HandshakeSignatureValid::assertion()) } else { Err(error) }
    }
}

impl ServerCertVerifier for Checked {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Trusted { certificates: trusted, .. } = &self.trusted;
        if let Err(error) = self.check_chain(certificate, intermediates, now)
            && !certificate::is_directly_trusted(certificate, trusted, &self.provider, now)
        {
            return Err(error);
        }
        let is_for_host = certificate::is_for(certificate, name, [intermediates, trusted]);
        if self.mode == SslMode::VerifyFull && !is_for_host {
            return Err(TlsError::InvalidCertificate(CertificateError::NotValidForName));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match ParsedCertificate::try_from(certificate) {
            Ok(_) => verify_tls12_signature(message, certificate, signed, algorithms),
            Err(error) => self.check_old_form(error, message, certificate, signed),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match (ParsedCertificate::try_from(certificate), certificate::public_key(certificate)) {
            (Err(_), Some(key)) => {
                let key = SubjectPublicKeyInfoDer::from(key);
                rustls::crypto::verify_tls13_signature_with_raw_key(
                    message, &key, signed, algorithms,
                )
            }
            _ => verify_tls13_signature(message, certificate, signed, algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
