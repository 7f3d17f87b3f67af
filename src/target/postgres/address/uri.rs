//! A **URI**, `postgres://user:password@host:port,host:port/database?name=value`, read as libpq reads
//! it. User and password end at the last `@` before the hosts end, whatever characters they hold. No part of
//! them may be taken for a host, because messages show hosts.

use super::settings::Pair;

/// The reason for refusing an `@` that may belong to a password.
const MISPLACED_AT: &str = "there is an @ after the first / or ?; in a user or password write / as %2F \
                            and ? as %3F, anywhere else write @ as %40";

/// Returns what follows the scheme of a URI of Postgres.
pub(super) fn without_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))
}

/// Reads what follows the scheme. The error says what is wrong, never with a value.
///
/// # Errors
/// A reason.
pub(super) fn parse(text: &str) -> Result<Vec<Pair>, String> {
    let (credentials, after_credentials) = split_credentials(text)?;
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let (hosts, ports, after_hosts) = split_hosts(after_credentials)?;
    let (path, query) = after_hosts.split_once('?').unwrap_or((after_hosts, ""));
    let database = path.strip_prefix('/').unwrap_or_default();
    let mut pairs = Vec::new();
    for (parameter, value) in [
        ("user", user),
        ("password", password),
        ("host", &hosts),
        ("port", &ports),
        ("dbname", database),
    ] {
        if !value.is_empty() {
            pairs.push((parameter.to_owned(), decoded(value)?));
        }
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        // libpq does not allow = in a value; other clients do, and write options that way.
        let (name, value) = pair.split_once('=').ok_or("a parameter has no =")?;
        pairs.push((decoded(name)?, decoded(value)?));
    }
    Ok(pairs)
}

/// Splits off user and password.
fn split_credentials(rest: &str) -> Result<(&str, &str), String> {
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    if path.contains('@') {
        return Err(MISPLACED_AT.to_owned());
    }
    let Some(first) = authority.find('@') else { return Ok(("", rest)) };
    // A ? before the first @ belongs to the password; one after it begins the parameters.
    let question = authority[first..].find('?').map_or(authority.len(), |found| first + found);
    let (hosts, query) = authority.split_at(question);
    if query.contains('@') {
        return Err(MISPLACED_AT.to_owned());
    }
    let last = hosts.rfind('@').unwrap_or(first);
    Ok((&rest[..last], &rest[last + 1..]))
}

/// Splits off the hosts and the ports, each separated by commas.
fn split_hosts(mut rest: &str) -> Result<(String, String, &str), String> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    loop {
        let host;
        (host, rest) = split_host(rest)?;
        hosts.push(host);
        let mut port = "";
        if let Some(behind) = rest.strip_prefix(':') {
            (port, rest) = split_before(behind, &['/', '?', ',']);
        }
        ports.push(port);
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind,
            None => return Ok((hosts.join(","), ports.join(","), rest)),
        }
    }
}

/// Splits off a host; an IPv6 address loses its brackets.
fn split_host(rest: &str) -> Result<(&str, &str), String> {
    let Some(inner) = rest.strip_prefix('[') else {
        return Ok(split_before(rest, &[':', '/', '?', ',']));
    };
    let (host, after) = inner.split_once(']').ok_or("an IPv6 address has no closing ]")?;
    if host.is_empty() || !(after.is_empty() || after.starts_with([':', '/', '?', ','])) {
        return Err("an IPv6 address is empty or followed by something".to_owned());
    }
    Ok((host, after))
}

fn split_before<'a>(text: &'a str, ends: &[char]) -> (&'a str, &'a str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// Decodes `%XX`; a `+` remains unchanged.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or("a % is not followed by two hexadecimal digits; write % as %25")?;
        if code == 0 {
            return Err("%00 is not allowed".to_owned());
        }
        bytes.push(code);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).map_err(|_| "what is percent-encoded is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        let pairs = without_scheme(text).map(parse).expect("a URI").expect(text);
        let shown = pairs.iter().map(|(name, value)| format!("{name}={value}"));
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_part_may_be_left_out() {
        for (text, expected) in [
            ("postgres://", ""),
            ("postgresql:///", ""),
            ("postgres://db", "host=db"),
            ("postgres://db/", "host=db"),
            ("postgres:///shop", "dbname=shop"),
            ("postgres://me@/shop", "user=me dbname=shop"),
            ("postgres://:pw@db", "password=pw host=db"),
            ("postgres://me:@db", "user=me host=db"),
            ("postgres://:6543/", "port=6543"),
            ("postgres://db?user=me", "host=db user=me"),
            ("postgres://?host=/tmp&", "host=/tmp"),
            ("postgres://a:1,b:2/x", "host=a,b port=1,2 dbname=x"),
            ("postgres://a,b", "host=a,b port=,"),
            ("postgres://[2001:db8::1]:5433/x", "host=2001:db8::1 port=5433 dbname=x"),
            ("postgres://[::1],b/x", "host=::1,b port=, dbname=x"),
            ("postgres://%2Fvar%2Frun/a%20b", "host=/var/run dbname=a b"),
            ("postgres://db/x?options=-c%20a%3Db+c", "host=db dbname=x options=-c a=b+c"),
            ("postgres://db/x?options=endpoint=a", "host=db dbname=x options=endpoint=a"),
            ("postgres://me:a?b@db?port=1", "user=me password=a?b host=db port=1"),
            ("postgres://me:a@b?c@db/x", "refused"),
        ] {
            if expected == "refused" {
                assert!(without_scheme(text).map(parse).expect("a URI").is_err(), "{text}");
            } else {
                assert_eq!(parsed(text), expected, "{text}");
            }
        }
    }

    #[test]
    fn what_libpq_refuses_is_refused() {
        for rest in ["[::1", "[]/x", "[::1]x/y", "db/x?a", "db/%zz", "db/%4", "db/%00", "db/%ff"] {
            assert!(parse(rest).is_err(), "{rest}");
        }
    }
}
