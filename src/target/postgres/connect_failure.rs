//! Why **connecting** failed, what kind of error that makes, and what to do next.
//!
//! Poolers give one code for everything, so their texts are read here, before there are any rows whose values they
//! could quote.

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, Error as TlsError};

use super::sqlstate::Meaning;
use crate::domain::ErrorKind;

/// Why connecting failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// The name of the host has no address.
    Unresolved,
    /// There is no answer, or the connection is cut.
    Unreachable,
    /// Either of these, for a direct host of Supabase, which has an IPv6 address only.
    SupabaseDirect,
    /// The server is not of the kind that `target_session_attrs` asks for.
    NotWritable,
    /// The server offers no TLS.
    NoTls,
    /// The server's certificate is not signed by a trusted one.
    Untrusted,
    /// The server's certificate is for another host.
    WrongName,
    /// The server's certificate is not valid today.
    Expired,
    /// The server's certificate has a form that cannot be checked.
    OddCertificate,
    /// The server rejects our certificate, or requires one.
    ClientCertificate,
    /// TLS fails for another reason.
    Handshake,
    /// The server asks for a password, and there is none.
    NoPassword,
    /// The server asks for a method of authentication that is not supported, or does not prove its own identity.
    Authentication,
    /// The server refuses, and this is what its code means.
    Refused(Meaning),
}

impl ConnectFailure {
    /// Classifies an error of the client library in an attempt to connect.
    pub fn of(error: &tokio_postgres::Error, attempt: Attempt) -> Self {
        if let Some(error) = error.as_db_error() {
            return Self::Refused(connect_failure(error.code().code(), error.message()));
        }
        let Some(source) = error.source() else { return Self::Unreachable };
        if let Some(error) = source.downcast_ref::<io::Error>() {
            return Self::of_io(error);
        }
        match attempt {
            Attempt { asked_for_tls: true, was_tls_begun: false, .. } => Self::NoTls,
            Attempt { has_password: false, .. } => Self::NoPassword,
            Attempt { .. } => Self::Authentication,
        }
    }

    fn of_io(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
        match inner {
            Some(TlsError::InvalidCertificate(problem)) => Self::of_certificate(problem),
            Some(TlsError::AlertReceived(alert)) => Self::of_alert(*alert),
            Some(_) => Self::Handshake,
            // The system's own error, about a socket, has a number.
            None if error.raw_os_error().is_some() => Self::Unreachable,
            None if error.kind() == io::ErrorKind::PermissionDenied => Self::NotWritable,
            None if error.kind() == io::ErrorKind::InvalidInput => Self::Handshake,
            None => Self::Unreachable,
        }
    }

    fn of_certificate(problem: &CertificateError) -> Self {
        match problem {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::Expired,
            CertificateError::BadEncoding
            | CertificateError::UnhandledCriticalExtension
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            | CertificateError::Other(_) => Self::OddCertificate,
            _ => Self::Untrusted,
        }
    }

    fn of_alert(alert: rustls::AlertDescription) -> Self {
        use rustls::AlertDescription as Alert;
        match alert {
            Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate => Self::ClientCertificate,
            _ => Self::Handshake,
        }
    }

    /// Whether the answer would be the same at another time, so that no other server is tried.
    pub fn is_permanent(self) -> bool {
        self != Self::NotWritable && self.kind() != ErrorKind::Transient
    }

    /// Returns the kind of error.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Unresolved | Self::Unreachable | Self::SupabaseDirect => ErrorKind::Transient,
            Self::Refused(meaning) => meaning.kind(),
            Self::NotWritable => ErrorKind::Failed,
            Self::NoTls
            | Self::Untrusted
            | Self::WrongName
            | Self::Expired
            | Self::OddCertificate
            | Self::ClientCertificate
            | Self::Handshake
            | Self::NoPassword
            | Self::Authentication => ErrorKind::Usage,
        }
    }

    /// Says what to do next.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Unresolved => "check the name of the host, and that this machine resolves names",
            Self::Unreachable => {
                "check that the database is running, that host and port are right, and that no firewall blocks the \
                 connection"
            }
            Self::SupabaseDirect => {
                "this host only has an IPv6 address: from a network without IPv6, use the session pooler, host \
                 aws-0-<region>.pooler.supabase.com, port 5432, user postgres.<project ref>; Connect in the Supabase \
                 dashboard shows its address"
            }
            Self::NotWritable => {
                "the server is a standby or read-only: connect to the primary, or leave out target_session_attrs"
            }
            Self::NoTls => {
                "the server does not offer TLS: enable it there, or set sslmode to prefer or disable if the network \
                 is private"
            }
            Self::Untrusted => {
                "set sslrootcert to the file of the authority that signed the server's certificate (for Supabase: \
                 Database settings, SSL certificate), or to system for a public authority"
            }
            Self::WrongName => {
                "connect to the host name in the certificate, or set sslmode=verify-ca, which does not compare names"
            }
            Self::Expired => "renew the server's certificate, and check the clock of this machine",
            Self::OddCertificate => {
                "renew the server's certificate as X.509 version 3 with a subjectAltName and a common kind of key \
                 and signature (RSA with at least 2048 bits, P-256 or P-384, SHA-256)"
            }
            Self::ClientCertificate => {
                "the server requires another client certificate: set sslcert to one that its authority signed, and \
                 sslkey to its key"
            }
            Self::Handshake => {
                "check that host and port are those of PostgreSQL, and ssl_min_protocol_version; TLS 1.2 and \
                 1.3 are supported, and keys of RSA, P-256, P-384 and Ed25519"
            }
            Self::NoPassword => {
                "set PGPASSWORD, write the password into the URL, or add a line \
                 host:port:database:user:password to ~/.pgpass (with permissions 0600)"
            }
            Self::Authentication => {
                "the server requires an authentication method that is not supported, or does not offer what \
                 channel_binding=require needs: use scram-sha-256"
            }
            Self::Refused(meaning) => meaning.hint(),
        }
    }
}

/// What is known of an attempt to connect.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Whether TLS was required.
    pub asked_for_tls: bool,
    /// Whether the server began TLS.
    pub was_tls_begun: bool,
    /// Whether there was a password to send.
    pub has_password: bool,
}

/// What texts of poolers mean, in lower case: PgBouncer gives them the code 08P01, Supavisor XX000. The
/// first that is found counts. Other texts are not taken for temporary failures.
const TEXTS: &[(&str, Meaning)] = &[
    // PgBouncer.
    ("no more connections allowed", Meaning::PoolFull),
    ("client connections exceeded", Meaning::PoolFull),
    ("too many servers in the pool", Meaning::PoolFull),
    ("query_wait_timeout", Meaning::PoolFull),
    ("client_login_timeout", Meaning::Transient),
    ("server_login_retry", Meaning::Transient),
    ("connect timeout", Meaning::Transient),
    ("server conn crashed", Meaning::Transient),
    ("cannot connect", Meaning::Transient),
    ("shutting down", Meaning::Transient),
    ("pause", Meaning::Transient),
    ("unsupported startup parameter", Meaning::StartOption),
    ("statement pooling mode", Meaning::PoolMode),
    ("ssl required", Meaning::TlsNeeded),
    ("tls connection required", Meaning::TlsNeeded),
    ("no such database", Meaning::Access),
    ("no such user", Meaning::Password),
    ("authentication failed", Meaning::Password),
    ("is disabled", Meaning::Access),
    // Supavisor, as it was and with the codes in its later texts.
    ("max client connections reached", Meaning::PoolFull),
    ("max clients reached", Meaning::PoolFull),
    ("maxclientsinsessionmode", Meaning::PoolFull),
    ("(emax", Meaning::PoolFull),
    ("echeckouttimeout", Meaning::PoolFull),
    ("unable to check out", Meaning::PoolFull),
    ("edbhandlerexited", Meaning::Transient),
    ("dbhandler exited", Meaning::Transient),
    ("epoolterminating", Meaning::Transient),
    ("connection to database not available", Meaning::Transient),
    ("ecircuitbreaker", Meaning::Transient),
    ("tenant or user not found", Meaning::Tenant),
    ("tenant identifier", Meaning::Tenant),
    ("(enotfound)", Meaning::Tenant),
    ("ssl connection is required", Meaning::TlsNeeded),
];

/// Returns what an answer to the start of a session means, by its code or, if that says too little, by its text.
pub(crate) fn connect_failure(code: &str, message: &str) -> Meaning {
    match code {
        "28P01" => return Meaning::Password,
        "28000" => return Meaning::Rejected,
        // A parameter in `options` that the server does not know, or a value that it does not take.
        "42704" | "22023" => return Meaning::StartOption,
        "08P01" | "XX000" | "58000" => {}
        code => return Meaning::of(&tokio_postgres::error::SqlState::from_code(code)),
    }
    let message = message.to_lowercase();
    let known = TEXTS.iter().find(|(text, _)| message.contains(text));
    known.map_or(Meaning::Other, |(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_poolers_say_what_passes() {
        for (code, message, meaning) in [
            ("08P01", "no more connections allowed (max_client_conn)", Meaning::PoolFull),
            ("08P01", "query_wait_timeout", Meaning::PoolFull),
            ("08P01", "client_login_timeout (server down)", Meaning::Transient),
            (
                "08P01",
                "server login has been failing, try again later (server_login_retry)",
                Meaning::Transient,
            ),
            ("08P01", "password authentication failed", Meaning::Password),
            ("08P01", "SASL authentication failed", Meaning::Password),
            ("08P01", "no such database: nodb", Meaning::Access),
            ("08P01", "unsupported startup parameter: options", Meaning::StartOption),
            ("08P01", "SSL required", Meaning::TlsNeeded),
            ("08P01", "something else", Meaning::Other),
            ("XX000", "Tenant or user not found", Meaning::Tenant),
            ("XX000", "(ENOTFOUND) tenant/user postgres.abc not found", Meaning::Tenant),
            ("XX000", "Max client connections reached", Meaning::PoolFull),
            (
                "XX000",
                "MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited \
                 to pool_size",
                Meaning::PoolFull,
            ),
            ("XX000", "(EMAXCONNSESSION) max clients reached in session mode", Meaning::PoolFull),
            ("XX000", "(ESSLREQUIRED) SSL connection is required for user: a", Meaning::TlsNeeded),
            ("XX000", "cache lookup failed", Meaning::Other),
            (
                "08P01",
                "transaction blocks not allowed in statement pooling mode",
                Meaning::PoolMode,
            ),
            ("28P01", "password authentication failed for user \"me\"", Meaning::Password),
            ("28000", "no pg_hba.conf entry for host \"::1\"", Meaning::Rejected),
            ("53300", "sorry, too many clients already", Meaning::Transient),
            ("57P03", "the database system is starting up", Meaning::Transient),
            ("3D000", "database \"x\" does not exist", Meaning::Access),
            ("42704", "unrecognized configuration parameter \"x\"", Meaning::StartOption),
        ] {
            assert_eq!(connect_failure(code, message), meaning, "{message}");
        }
    }
}
