//! Certificates are checked as by OpenSSL and libpq; those in `testdata` were made with
//! `openssl ca` and are valid from 2020 to 2045.

use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error as TlsError};

use super::roots::Trusted;
use super::*;

const AUTHORITY: &[u8] = include_bytes!("testdata/authority.crt");
const STRANGER: &[u8] = include_bytes!("testdata/stranger.crt");
const NAMED: &[u8] = include_bytes!("testdata/named.crt");
const COMMON_NAME: &[u8] = include_bytes!("testdata/common_name.crt");
const VERSION_1: &[u8] = include_bytes!("testdata/version_1.crt");
const FOR_CLIENTS: &[u8] = include_bytes!("testdata/for_clients.crt");
const OWN: &[u8] = include_bytes!("testdata/own.crt");

/// 2030, and 2060.
const WITHIN: u64 = 1_900_000_000;
const AFTER: u64 = 2_850_000_000;

fn der(pem: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem).expect("a certificate")
}

fn check(mode: SslMode, leaf: &[u8], trusted: &[u8], host: &str, now: u64) -> Result<(), TlsError> {
    let certificates = vec![der(trusted)];
    let mut store = rustls::RootCertStore::empty();
    store.add_parsable_certificates(certificates.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier::verifier(mode, Some(Trusted { store, certificates }), &provider);
    let name = ServerName::try_from(host.to_owned()).expect("a name");
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    verifier.verify_server_cert(&der(leaf), &[], &name, &[], now).map(|_| ())
}

#[test]
fn a_trusted_certificate_and_its_own_authority_are_taken() {
    for (leaf, trusted) in
        [(NAMED, AUTHORITY), (COMMON_NAME, AUTHORITY), (VERSION_1, AUTHORITY), (OWN, OWN)]
    {
        assert_eq!(check(SslMode::VerifyCa, leaf, trusted, "other.test", WITHIN), Ok(()));
        assert!(check(SslMode::VerifyCa, leaf, trusted, "other.test", AFTER).is_err());
        assert!(check(SslMode::VerifyCa, leaf, STRANGER, "other.test", WITHIN).is_err());
        // The certificate itself is not an authority over itself, unless it has signed itself.
        assert_eq!(check(SslMode::VerifyCa, leaf, leaf, "db.test", WITHIN).is_ok(), leaf == OWN);
    }
    assert!(check(SslMode::VerifyCa, FOR_CLIENTS, AUTHORITY, "db.test", WITHIN).is_err());
}

#[test]
fn the_name_is_an_alternative_name_or_else_the_common_name() {
    for (leaf, trusted, host, expected) in [
        (NAMED, AUTHORITY, "db.test", true),
        (NAMED, AUTHORITY, "DB.test", true),
        (NAMED, AUTHORITY, "a.wild.test", true),
        (NAMED, AUTHORITY, "a.b.wild.test", false),
        (NAMED, AUTHORITY, "127.0.0.1", true),
        (NAMED, AUTHORITY, "127.0.0.2", false),
        (NAMED, AUTHORITY, "x", false),
        (COMMON_NAME, AUTHORITY, "db.test", true),
        (COMMON_NAME, AUTHORITY, "other.test", false),
        (VERSION_1, AUTHORITY, "db.test", true),
        (VERSION_1, AUTHORITY, "127.0.0.1", false),
        (OWN, OWN, "db.test", true),
        (OWN, OWN, "other.test", false),
    ] {
        let checked = check(SslMode::VerifyFull, leaf, trusted, host, WITHIN);
        let wrong_name = Err(TlsError::InvalidCertificate(CertificateError::NotValidForName));
        assert_eq!(checked, if expected { Ok(()) } else { wrong_name }, "{host}");
    }
}

#[test]
fn verifying_needs_trusted_certificates() {
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    let usual = Roots::of(None, Some(home));
    assert!(matches!(usual.read(SslMode::Require), Ok(None)));
    for mode in [SslMode::VerifyCa, SslMode::VerifyFull] {
        assert!(matches!(usual.read(mode), Err(Error::NoRootCertificate { .. })));
    }
    let path = home.join("root.crt");
    std::fs::write(&path, AUTHORITY).expect("written");
    assert!(
        matches!(usual.read(SslMode::Prefer), Ok(Some(_))),
        "also what prefers TLS checks then"
    );
    let named = Roots::of(path.to_str(), None);
    assert!(matches!(named.read(SslMode::Require), Ok(Some(_))));
    assert!(matches!(named.read(SslMode::Disable), Ok(None)));
    std::fs::write(home.join("root.crl"), "").expect("written");
    assert!(matches!(usual.read(SslMode::Require), Err(Error::Setting { .. })), "revocation");
    std::fs::write(&path, "nothing").expect("written");
    assert!(matches!(named.read(SslMode::Require), Err(Error::Certificates { .. })));
    std::fs::remove_file(&path).expect("removed");
    assert!(matches!(named.read(SslMode::Require), Err(Error::Certificates { .. })));
    assert!(matches!(named.read(SslMode::Prefer), Ok(None)));
}
