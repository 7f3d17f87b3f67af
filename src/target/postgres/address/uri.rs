//! A **URI**, `postgres://user:password@host:port,host:port/database?name=value`, read as libpq reads
//! it. User and password end at the last `@` before the hosts end, whatever characters they hold;
//! nothing of them may ever be taken for a host, which messages show.

use super::settings::Pair;

/// Said of an `@` that may belong to a password.
const MISPLACED_AT: &str = "an @ stands behind its first / or ?; in a user or password write / as %2F \
                            and ? as %3F, anywhere else write @ as %40";

/// What follows the scheme of a URI of Postgres.
pub fn without_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))
}

/// Reads what follows the scheme. The error says what is wrong, never with a value.
///
/// # Errors
/// A reason.
pub fn parse(rest: &str) -> Result<Vec<Pair>, String> {
    let (credentials, rest) = split_credentials(rest)?;
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let (hosts, ports, rest) = split_hosts(rest)?;
    let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
    let name = name.strip_prefix('/').unwrap_or_default();
    let mut pairs = Vec::new();
    for (parameter, value) in [
        ("user", user),
        ("password", password),
        ("host", &hosts),
        ("port", &ports),
        ("dbname", name),
    ] {
        if !value.is_empty() {
            pairs.push((parameter.to_owned(), decoded(value)?));
        }
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        // libpq takes no = in a value; others do, and write options so.
        let (name, value) = pair.split_once('=').ok_or("a parameter has no =")?;
        pairs.push((decoded(name)?, decoded(value)?));
    }
    Ok(pairs)
}

/// User and password, and the rest.
fn split_credentials(rest: &str) -> Result<(&str, &str), String> {
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    if path.contains('@') {
        return Err(MISPLACED_AT.to_owned());
    }
    let Some(first) = authority.find('@') else { return Ok(("", rest)) };
    // A ? before the first @ belongs to the password, one behind it begins the parameters.
    let question = authority[first..].find('?').map_or(authority.len(), |found| first + found);
    let (hosts, query) = authority.split_at(question);
    if query.contains('@') {
        return Err(MISPLACED_AT.to_owned());
    }
    let last = hosts.rfind('@').unwrap_or(first);
    Ok((&rest[..last], &rest[last + 1..]))
}

/// The hosts and the ports, each separated by commas, and the rest.
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

/// A host, an IPv6 address without its brackets, and the rest.
fn split_host(rest: &str) -> Result<(&str, &str), String> {
    let Some(inner) = rest.strip_prefix('[') else {
        return Ok(split_before(rest, &[':', '/', '?', ',']));
    };
    let (host, rest) = inner.split_once(']').ok_or("an IPv6 address has no closing ]")?;
    if host.is_empty() || !(rest.is_empty() || rest.starts_with([':', '/', '?', ','])) {
        return Err("an IPv6 address is empty or followed by something".to_owned());
    }
    Ok((host, rest))
}

fn split_before<'a>(text: &'a str, ends: &[char]) -> (&'a str, &'a str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// Decodes `%XX`; a `+` stays what it is.
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
