//! The content of a **certificate**, read as OpenSSL and libpq read it, for the cases that the TLS library does not
//! support: a certificate that is its own authority, one of the oldest form (as the manual of PostgreSQL makes them),
//! and one that names its host as common name only.

use std::net::IpAddr;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ID_KP_SERVER_AUTH};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName,
};
use x509_cert::spki::AlgorithmIdentifierOwned;

/// The extensions that are understood here.
const KNOWN: [ObjectIdentifier; 4] =
    [BasicConstraints::OID, KeyUsage::OID, ExtendedKeyUsage::OID, SubjectAltName::OID];

fn parsed(der: &CertificateDer<'_>) -> Option<Certificate> {
    Certificate::from_der(der).ok()
}

/// Whether a certificate is valid at this time, as far as it can be read.
pub(super) fn is_valid_at(der: &CertificateDer<'_>, now: UnixTime) -> bool {
    parsed(der).is_none_or(|certificate| is_current(&certificate, now))
}

/// Returns the last second at which a certificate is valid, since 1970, if it can be read.
pub(super) fn expiry(der: &CertificateDer<'_>) -> Option<i64> {
    let certificate = parsed(der)?;
    let last = certificate.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
    i64::try_from(last).ok()
}

fn is_current(certificate: &Certificate, now: UnixTime) -> bool {
    let validity = &certificate.tbs_certificate.validity;
    let first = validity.not_before.to_unix_duration().as_secs();
    let last = validity.not_after.to_unix_duration().as_secs();
    (first..=last).contains(&now.as_secs())
}

/// Returns the public key, encoded with its algorithm.
pub(super) fn public_key(der: &CertificateDer<'_>) -> Option<Vec<u8>> {
    parsed(der)?.tbs_certificate.subject_public_key_info.to_der().ok()
}

/// Whether the certificate is its own authority and trusted as such; or, if the TLS library does not support its form,
/// whether a trusted one has signed it.
pub(super) fn is_directly_trusted(
    der: &CertificateDer<'_>,
    trusted: &[CertificateDer<'_>],
    provider: &CryptoProvider,
    now: UnixTime,
) -> bool {
    let Some(leaf) = parsed(der).filter(|leaf| is_current(leaf, now) && may_serve(leaf)) else {
        return false;
    };
    let is_odd = is_of_version_1(&leaf) || is_authority(&leaf);
    trusted.iter().any(|trusted_der| {
        let Some(trusted) = parsed(trusted_der) else { return false };
        trusted.tbs_certificate.subject == leaf.tbs_certificate.issuer
            && (trusted_der == der || (is_odd && has_signed(&trusted, &leaf, provider)))
    })
}

fn is_of_version_1(certificate: &Certificate) -> bool {
    certificate.tbs_certificate.version == Version::V1
}

fn is_authority(certificate: &Certificate) -> bool {
    let constraints = certificate.tbs_certificate.get::<BasicConstraints>();
    matches!(constraints, Ok(Some((_, BasicConstraints { ca: true, .. }))))
}

/// Whether nothing in the certificate forbids its use by a server.
fn may_serve(leaf: &Certificate) -> bool {
    let extensions = leaf.tbs_certificate.extensions.iter().flatten();
    let is_known = extensions.filter(|one| one.critical).all(|one| KNOWN.contains(&one.extn_id));
    let usage = match leaf.tbs_certificate.get::<KeyUsage>() {
        Ok(None) => true,
        Ok(Some((_, usage))) => {
            usage.digital_signature() || usage.key_encipherment() || usage.key_agreement()
        }
        Err(_) => false,
    };
    let purpose = match leaf.tbs_certificate.get::<ExtendedKeyUsage>() {
        Ok(None) => true,
        Ok(Some((_, purposes))) => {
            purposes.0.iter().any(|one| [ID_KP_SERVER_AUTH, ANY_EXTENDED_KEY_USAGE].contains(one))
        }
        Err(_) => false,
    };
    is_known && usage && purpose
}

/// Whether `issuer` may sign others without restrictions, and has signed `leaf`.
fn has_signed(issuer: &Certificate, leaf: &Certificate, provider: &CryptoProvider) -> bool {
    let may_sign = match issuer.tbs_certificate.get::<KeyUsage>() {
        Ok(usage) => usage.is_none_or(|(_, usage)| usage.key_cert_sign()),
        Err(_) => false,
    };
    let is_free = matches!(issuer.tbs_certificate.get::<NameConstraints>(), Ok(None));
    if !(may_sign && is_free && (is_of_version_1(issuer) || is_authority(issuer))) {
        return false;
    }
    let Ok(message) = leaf.tbs_certificate.to_der() else { return false };
    let Some(signature) = leaf.signature.as_bytes() else { return false };
    let named = algorithm(&leaf.signature_algorithm);
    let algorithms = provider.signature_verification_algorithms.all.iter();
    let matching =
        algorithms.filter(|one| named.as_deref() == Some(one.signature_alg_id().as_ref()));
    verifies(issuer, matching.copied(), &message, signature)
}

/// Whether the key of a certificate made a signature, by one of these algorithms.
fn verifies(
    signer: &Certificate,
    algorithms: impl IntoIterator<Item = &'static dyn SignatureVerificationAlgorithm>,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let info = &signer.tbs_certificate.subject_public_key_info;
    let Some(key) = info.subject_public_key.as_bytes() else { return false };
    let Some(named) = algorithm(&info.algorithm) else { return false };
    algorithms
        .into_iter()
        .filter(|one| *named == *one.public_key_alg_id())
        .any(|one| one.verify_signature(key, message, signature).is_ok())
}

/// Like [`verifies`], for a certificate that is not parsed yet.
pub(super) fn has_made_signature(
    der: &CertificateDer<'_>,
    algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    message: &[u8],
    signature: &[u8],
) -> bool {
    parsed(der)
        .is_some_and(|signer| verifies(&signer, algorithms.iter().copied(), message, signature))
}

/// Encodes an algorithm with its parameters, as the TLS library compares it.
fn algorithm(named: &AlgorithmIdentifierOwned) -> Option<Vec<u8>> {
    let mut der = named.oid.to_der().ok()?;
    if let Some(parameters) = &named.parameters {
        der.extend(parameters.to_der().ok()?);
    }
    Some(der)
}

/// Whether the certificate is for this host: by its alternative names, or, if none of them is of the
/// host's kind and no authority of the chain restricts names, by its common name.
pub(super) fn is_for(
    der: &CertificateDer<'_>,
    name: &ServerName<'_>,
    authorities: [&[CertificateDer<'_>]; 2],
) -> bool {
    let Some(certificate) = parsed(der) else { return false };
    let host = name.to_str();
    let address: Option<IpAddr> = match name {
        ServerName::IpAddress(address) => Some((*address).into()),
        _ => None,
    };
    let Ok(extension) = certificate.tbs_certificate.get::<SubjectAltName>() else { return false };
    let alternatives = extension.map(|(_, names)| names.0).unwrap_or_default();
    let mut has_own_kind = false;
    for alternative in &alternatives {
        match alternative {
            GeneralName::DnsName(pattern) => {
                has_own_kind |= address.is_none();
                if matches(pattern.as_str(), &host) {
                    return true;
                }
            }
            GeneralName::IpAddress(octets) => {
                has_own_kind |= address.is_some();
                if address.is_some_and(|address| is_address(octets.as_bytes(), address)) {
                    return true;
                }
            }
            _ => {}
        }
    }
    !has_own_kind
        && common_name(&certificate).is_some_and(|pattern| matches(&pattern, &host))
        && !authorities.into_iter().flatten().any(restricts_names)
}

/// Whether an authority restricts the names that it may sign; unreadable ones are taken to do so.
fn restricts_names(der: &CertificateDer<'_>) -> bool {
    parsed(der).is_none_or(|certificate| {
        !matches!(certificate.tbs_certificate.get::<NameConstraints>(), Ok(None))
    })
}

fn is_address(octets: &[u8], address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => octets == address.octets(),
        IpAddr::V6(address) => octets == address.octets(),
    }
}

fn common_name(certificate: &Certificate) -> Option<String> {
    let subject = certificate.tbs_certificate.subject.0.iter();
    let attribute = subject.flat_map(|one| one.0.iter()).find(|attribute| attribute.oid == CN)?;
    String::from_utf8(attribute.value.value().to_vec()).ok()
}

/// Whether a name, which may begin with a wildcard for one label, is that of the host.
fn matches(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let Some(parent) = pattern.strip_prefix("*.").filter(|parent| !parent.is_empty()) else {
        return false;
    };
    let is_name = host.parse::<IpAddr>().is_err();
    is_name
        && host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_matches_one_label() {
        for (pattern, host, expected) in [
            ("db.example", "DB.example", true),
            ("*.example", "db.example", true),
            ("*.example", "a.db.example", false),
            ("*.example", "example", false),
            ("*", "db", false),
            ("*.", "db.", false),
            ("d*.example", "db.example", false),
            ("*.0.0.1", "127.0.0.1", false),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
    }
}
