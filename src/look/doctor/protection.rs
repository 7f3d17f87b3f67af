//! How the connection to the database is **protected**: TLS, and the server's certificate.

use chrono::{TimeDelta, Utc};

use super::checklist::Checklist;
use crate::target::Protection;

/// A certificate that expires within this many days gives a warning.
const DAYS_LEFT: i64 = 14;

/// Adds what is known of TLS and of the certificate.
pub(super) fn add_protection(list: &mut Checklist, protection: Protection) {
    const ID: &str = "database-tls";
    const VERIFY: &str = "set sslmode=verify-full, and sslrootcert to the file with the provider's CA certificate \
                          (for Supabase: in the database settings)";
    match protection {
        Protection { is_encrypted: false, is_local: true, .. } => {
            list.passed(ID, "there is no TLS, but the connection stays on this machine");
        }
        Protection { is_encrypted: false, .. } => {
            list.warned(ID, "rows and passwords cross the network without TLS", VERIFY);
        }
        Protection { is_for_host: true, .. } => {
            list.passed(ID, "TLS is on, and the certificate and the host's name are checked");
        }
        Protection { is_verified: true, .. } => list.passed(
            ID,
            "TLS is on, and a trusted authority signed the certificate; the host's name is not checked",
        ),
        Protection { is_local: true, .. } => {
            list.passed(ID, "TLS is on; the certificate is not checked, but the server is this machine");
        }
        Protection { .. } => list.warned(
            ID,
            "TLS is on, but the certificate is not checked, so that another machine could pose as the server",
            VERIFY,
        ),
    }
    add_certificate(list, protection);
}

fn add_certificate(list: &mut Checklist, protection: Protection) {
    const ID: &str = "database-certificate";
    let Some(expires) = protection.expires else { return };
    let (day, left) = (expires.format("%Y-%m-%d"), expires - Utc::now());
    let next = "have the server's certificate renewed";
    match left {
        left if left < TimeDelta::zero() => list.warned(
            ID,
            format!("the server's certificate expired on {day}; with sslmode=verify-full no run would start"),
            next,
        ),
        left if left < TimeDelta::days(DAYS_LEFT) => {
            list.warned(ID, format!("the server's certificate expires on {day}"), next);
        }
        _ => list.passed(ID, format!("the server's certificate is valid until {day}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::doctor::{Area, State};

    fn tls(protection: Protection) -> Vec<State> {
        let mut list = Checklist::new(Area::Database, "x");
        add_protection(&mut list, protection);
        list.checks.iter().map(|check| check.state).collect()
    }

    #[test]
    fn a_connection_in_the_clear_is_fine_on_this_machine_only() {
        let plain = Protection::default();
        assert_eq!(tls(Protection { is_local: true, ..plain }), [State::Passed]);
        assert_eq!(tls(plain), [State::Warned]);
        assert_eq!(tls(Protection { is_encrypted: true, ..plain }), [State::Warned]);
        let full = Protection { is_encrypted: true, is_verified: true, is_for_host: true, ..plain };
        assert_eq!(tls(full), [State::Passed]);
        let expires = Some(Utc::now() + TimeDelta::days(3));
        assert_eq!(tls(Protection { expires, ..full }), [State::Passed, State::Warned]);
    }
}
