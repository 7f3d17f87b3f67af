//! Addresses as libpq reads them, from strings, services, files and the environment.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tokio_postgres::config::TargetSessionAttrs;

use super::*;
use crate::target::postgres::tls::SslMode;

fn address(pairs: &[(&str, &str)]) -> Result<Address, Error> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Address::from_environment(&Environment::new(pairs))
}

fn shown(pairs: &[(&str, &str)]) -> String {
    address(pairs).expect("an address").to_string()
}

fn passwords(address: &Address) -> Vec<Option<&str>> {
    address
        .servers
        .iter()
        .map(|server| Some(std::str::from_utf8(server.password.as_deref()?).expect("UTF-8")))
        .collect()
}

#[test]
fn a_url_and_variables_fill_each_other_in() {
    let url = "postgres://me:secret@db.example:6543/shop?sslmode=verify-full";
    assert_eq!(shown(&[("DATABASE_URL", url)]), "db.example:6543/shop as me");
    assert_eq!(
        shown(&[("PGHOST", "db"), ("PGUSER", "me"), ("PGDATABASE", "shop"), ("PGPORT", "1")]),
        "db:1/shop as me"
    );
    let options = "postgres://db/x?options=-c%20search_path%3Da+b&sslmode=disable";
    let found = address(&[("DATABASE_URL", options), ("PGOPTIONS", "-c a=b")]).expect("an address");
    assert_eq!(found.config.get_options(), Some("-c search_path=a+b"));
    let found = address(&[("PGHOST", "db"), ("PGOPTIONS", "-c a=b")]).expect("an address");
    assert_eq!(found.config.get_options(), Some("-c a=b"));
    let url = ("DATABASE_URL", "postgres://me@db/shop");
    let with_password = address(&[url, ("PGPASSWORD", "secret")]).expect("an address");
    assert_eq!(passwords(&with_password), [Some("secret")]);
}

#[test]
fn hosts_are_lists_of_names_addresses_and_sockets() {
    for (text, expected) in [
        ("postgres://me@a:1,b:2/x", "a:1,b:2/x as me"),
        ("postgres://me@a,b/x", "a:5432,b:5432/x as me"),
        ("postgres://me@[2001:db8::1]:1/x", "[2001:db8::1]:1/x as me"),
        ("postgres://me@[::1],b:2/x", "[::1]:5432,b:2/x as me"),
        ("postgres://%2Fvar%2Frun/x?user=me&port=1", "/var/run:1/x as me"),
        ("postgres://ignored/x?host=a,b&port=7&user=me&password=pw", "a:7,b:7/x as me"),
        ("host=a,b port=1,2 user=me dbname='my shop'", "a:1,b:2/my shop as me"),
        ("hostaddr=10.0.0.1 user=me", "10.0.0.1:5432/me as me"),
        ("host=db hostaddr=10.0.0.1 user=me", "db:5432/me as me"),
        ("host=,b user=me hostaddr=::1,10.0.0.2", "[::1]:5432,b:5432/me as me"),
    ] {
        assert_eq!(shown(&[("DATABASE_URL", text)]), expected, "{text}");
    }
    let found = shown(&[("DATABASE_URL", "postgres://me@/x")]);
    assert!(
        ["/var/run/postgresql:5432/x as me", "/tmp:5432/x as me"].contains(&&*found),
        "{found}"
    );
    for text in
        ["host=a,b port=1,2,3", "host=a,b hostaddr=::1", "host=a port=0", "hostaddr=db", "host=@a"]
    {
        assert!(address(&[("DATABASE_URL", text)]).is_err(), "{text}");
    }
}

#[test]
fn a_password_of_any_characters_is_read_and_never_shown() {
    for (written, password) in [
        ("secret", "secret"),
        ("p#ss", "p#ss"),
        ("p@ss", "p@ss"),
        ("7?x", "7?x"),
        ("7?x@SecretTail", "7?x@SecretTail"),
        ("a:b:c", "a:b:c"),
        ("12%2FTop%40Tail", "12/Top@Tail"),
        ("[x]\\y", "[x]\\y"),
        ("%C3%A9€", "é€"),
    ] {
        for rest in ["db/x", "db.example:6543/x?sslmode=disable", "db", "db?sslmode=disable"] {
            let url = format!("postgres://me:{written}@{rest}");
            let found = address(&[("DATABASE_URL", &url)]).expect(&url);
            assert_eq!(passwords(&found), [Some(password)], "{url}");
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
        "postgres://me:p@x?Secret=Tail@db/x",
    ] {
        let error = address(&[("DATABASE_URL", url)]).expect_err("refused").to_string();
        assert!(error.contains("%2F") && !error.contains("Secret"), "{error}");
    }
}

#[test]
fn tls_is_never_weaker_than_what_was_asked_for() {
    let root = ("PGSSLROOTCERT", "ca.crt");
    for (url, pairs, expected) in [
        ("", &[][..], SslMode::Prefer),
        ("", &[("PGSSLMODE", "disable")], SslMode::Disable),
        ("", &[("PGREQUIRESSL", "1")], SslMode::Require),
        ("?sslmode=verify-full", &[("PGSSLMODE", "disable")], SslMode::VerifyFull),
        (
            "?sslmode=verify-full&sslrootcert=ca.crt",
            &[("PGSSLMODE", "disable")],
            SslMode::VerifyFull,
        ),
        ("?sslmode=disable", &[("PGSSLMODE", "verify-full")], SslMode::Disable),
        ("?sslmode=allow", &[], SslMode::Allow),
        ("?sslmode=require", &[], SslMode::Require),
        ("?ssl=true", &[], SslMode::Require),
        ("?sslmode=prefer", &[root], SslMode::Prefer),
        ("?sslrootcert=system", &[], SslMode::VerifyFull),
        ("?sslmode=verify-full&sslrootcert=system", &[], SslMode::VerifyFull),
    ] {
        let url = format!("postgres://me@db/x{url}");
        let pairs: Vec<_> = [("DATABASE_URL", &*url)].iter().chain(pairs).copied().collect();
        assert_eq!(address(&pairs).expect("valid").tls.mode, expected, "{pairs:?}");
    }
    for query in [
        "sslmode=require&sslrootcert=system",
        "sslmode=disable&sslrootcert=system",
        "sslmode=",
        "sslmode=prefer&sslnegotiation=direct",
        "ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2",
        "ssl_max_protocol_version=TLSv1.1",
        "sslcertmode=require",
        "sslcrl=a.crl",
        "require_auth=scram-sha-256",
    ] {
        let is_empty = query == "sslmode=";
        let found = address(&[("DATABASE_URL", &format!("postgres://me@db/x?{query}"))]);
        assert_eq!(found.is_ok(), is_empty, "{query}");
    }
}

#[test]
fn parameters_are_used_ignored_or_refused_by_name() {
    for harmless in [
        "pgbouncer=true",
        "supa=base-pooler.x",
        "connection_limit=1&pool_timeout=0&statement_cache_size=0",
        "gssencmode=disable&krbsrvname=postgres&sslcompression=0&sslsni=1",
        "client_encoding=UTF8",
        "replication=false",
        "fallback_application_name=a",
    ] {
        let url = format!("postgres://me@db/x?{harmless}");
        assert_eq!(shown(&[("DATABASE_URL", &url)]), "db:5432/x as me", "{harmless}");
    }
    for (query, expected) in [
        ("unknown=Secret", "parameter `unknown` is not known"),
        ("schema=Secret", "parameter `schema` is not supported: the tables named in backfill.toml"),
        ("client_encoding=LATIN1", "parameter `client_encoding` is not supported"),
        ("gssencmode=require", "parameter `gssencmode` is not supported"),
        ("replication=database", "parameter `replication` is not supported"),
        ("requirepeer=Secret", "parameter `requirepeer` is not supported"),
        ("target_session_attrs=standby", "`target_session_attrs` requires a server"),
        ("connect_timeout=Secret", "`connect_timeout` is a whole number"),
        ("channel_binding=Secret", "`channel_binding` is one of disable, prefer, require"),
        ("a=b%40Secret", "parameter `a` is not known"),
        ("Sec%20ret=1", "parameter of an odd name is not known"),
        ("password=a&bSecret=c", "the text after the password"),
    ] {
        let url = format!("postgres://me@db/x?{query}");
        let error = address(&[("DATABASE_URL", &url)]).expect_err(query).to_string();
        assert!(error.contains(expected) && !error.contains("Secret"), "{query}: {error}");
        assert!(error.starts_with("DATABASE_URL is not understood"), "{error}");
    }
    let error = address(&[("PGHOST", "db"), ("PGSSLMODE", "on")]).expect_err("wrong").to_string();
    assert!(error.starts_with("PGSSLMODE is not understood: `sslmode` is one of"), "{error}");
}

#[test]
fn the_network_is_watched_unless_configured_otherwise() {
    let found = address(&[("DATABASE_URL", "host=db")]).expect("an address").config;
    assert_eq!(found.get_connect_timeout(), Some(&Duration::from_secs(15)));
    assert_eq!(found.get_keepalives_idle(), Duration::from_secs(30));
    assert_eq!(found.get_keepalives_interval(), Some(Duration::from_secs(10)));
    assert_eq!(found.get_keepalives_retries(), Some(3));
    assert_eq!(found.get_tcp_user_timeout(), Some(&Duration::from_secs(60)));
    let text = "host=db connect_timeout=0 keepalives=0 keepalives_count=9 tcp_user_timeout=5000 \
                target_session_attrs=read-write";
    let found = address(&[("DATABASE_URL", text)]).expect("an address").config;
    assert_eq!(found.get_connect_timeout(), None);
    assert!(!found.get_keepalives());
    assert_eq!(found.get_keepalives_retries(), Some(9));
    assert_eq!(found.get_tcp_user_timeout(), Some(&Duration::from_secs(5)));
    assert_eq!(found.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    let found = address(&[("PGHOST", "db"), ("PGCONNECT_TIMEOUT", "1")]).expect("an address");
    assert_eq!(found.config.get_connect_timeout(), Some(&Duration::from_secs(2)));
}

#[test]
fn a_service_comes_between_the_string_and_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().to_str().expect("UTF-8");
    let text = "[shop]\nhost=db\nport=1\nuser=service\nsslmode=require\n[bad]\nhost=a\nSecret=1\n";
    std::fs::write(folder.path().join(".pg_service.conf"), text).expect("written");
    let alone = [("HOME", home), ("PGSERVICE", "shop"), ("PGUSER", "me"), ("PGDATABASE", "x")];
    assert_eq!(shown(&alone), "db:1/x as service");
    assert_eq!(address(&alone).expect("an address").tls.mode, SslMode::Require);
    let url = ("DATABASE_URL", "postgres://you@/y?service=shop&sslmode=disable");
    let found = address(&[("HOME", home), url, ("PGPORT", "2")]).expect("an address");
    assert_eq!(found.to_string(), "db:1/y as you");
    assert_eq!(found.tls.mode, SslMode::Disable);
    let error = address(&[("HOME", home), ("PGSERVICE", "no")]).expect_err("no service");
    assert!(error.to_string().contains("PGSERVICE"), "{error}");
    assert!(address(&[("HOME", home), ("PGSERVICE", "bad")]).is_err());
    let file = folder.path().join("other.conf");
    std::fs::write(&file, "[no]\nhost=other\nuser=me\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    let other = [("HOME", home), ("PGSERVICEFILE", file), ("PGSERVICE", "no")];
    assert_eq!(shown(&other), "other:5432/me as me");
    let system = [("PGSYSCONFDIR", home), ("PGSERVICE", "no")];
    assert!(address(&system).is_err());
    std::fs::write(folder.path().join("pg_service.conf"), "[no]\nhost=all\nuser=me\n")
        .expect("written");
    assert_eq!(shown(&system), "all:5432/me as me");
}

#[test]
fn every_host_has_its_line_of_the_password_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().to_str().expect("UTF-8");
    let path = folder.path().join(".pgpass");
    std::fs::write(&path, "a:1:*:me:first\n*:2:*:*:second\n").expect("written");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("0600");
    let url = ("DATABASE_URL", "postgres://me@a:1,b:2,c:3/x");
    let found = address(&[("HOME", home), url]).expect("an address");
    assert_eq!(passwords(&found), [Some("first"), Some("second"), None]);
    let found = address(&[("HOME", home), url, ("PGPASSWORD", "other")]).expect("an address");
    assert_eq!(passwords(&found), [Some("other"); 3]);
    let named = path.to_str().expect("UTF-8");
    let found = address(&[url, ("PGPASSFILE", named)]).expect("an address");
    assert_eq!(passwords(&found)[0], Some("first"));
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("0640");
    let found = address(&[("HOME", home), url]).expect("an address");
    assert_eq!(passwords(&found), [None; 3]);
}

#[test]
fn wrong_settings_are_reported_without_their_values() {
    for pairs in [
        &[("DATABASE_URL", "mysql://me:secret@db/x")][..],
        &[("DATABASE_URL", "mysql://me:secret@db/x?a=b")],
        &[("DATABASE_URL", "me:secret@db/x")],
        &[("DATABASE_URL", "me:secret@db/x?sslmode=disable")],
        &[("DATABASE_URL", "postgres://me:secret@db:secret/x")],
        &[("DATABASE_URL", "postgres://me:secret@db/x?sslmode=secret")],
        &[("DATABASE_URL", "postgres://me:secret@db/x?unknown=secret")],
        &[("DATABASE_URL", "postgres://me:%secret@db/x")],
        &[("DATABASE_URL", "host=db password=my secret")],
        &[("DATABASE_URL", "host=db password=my secret user=me")],
        &[("DATABASE_URL", "host=db password=my secret=me")],
        &[("DATABASE_URL", "host=db password='secret")],
        &[("PGHOST", "db"), ("PGPORT", "secret")],
    ] {
        let error = address(pairs).expect_err("wrong").to_string();
        assert!(!error.contains("secret"), "{error}");
    }
    assert!(matches!(address(&[("PGUSER", "me")]), Err(Error::NoDatabase)));
}
