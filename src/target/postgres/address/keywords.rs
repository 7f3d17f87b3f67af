//! A **keyword string**, `host=db password='my secret'`, read as libpq reads it: a backslash takes the
//! next character as it is, and single quotes keep spaces.

use std::iter::Peekable;
use std::str::Chars;

use super::parameter::Parameter;
use super::settings::{Pair, quoted};

/// Reads a keyword string. The error says what is wrong, never with a value.
///
/// # Errors
/// A reason.
pub(super) fn parse(text: &str) -> Result<Vec<Pair>, String> {
    let start = text.split('=').next().unwrap_or_default();
    if start.contains("://") {
        return Err("it does not start with postgres://".to_owned());
    }
    if !text.contains('=') {
        return Err("it is neither a URL (postgres://…) nor name=value".to_owned());
    }
    let mut rest = text.chars().peekable();
    let mut pairs = Vec::new();
    loop {
        skip_spaces(&mut rest);
        if rest.peek().is_none() {
            return Ok(pairs);
        }
        let name = name(&mut rest)?;
        skip_spaces(&mut rest);
        let is_quoted = rest.peek() == Some(&'\'');
        let value = value(&mut rest)?;
        if !is_quoted && begins_like_a_pair(&value) {
            return Err(format!(
                "the value of {} looks like the next name: quote it, or write \'\' if there is none",
                quoted(&name)
            ));
        }
        pairs.push((name, value));
    }
}

/// Whether a value begins with a known name and `=`, as after `user= password=secret`: libpq would take the whole for
/// the value of `user`, and show it.
fn begins_like_a_pair(value: &str) -> bool {
    value.split_once('=').is_some_and(|(name, _)| Parameter::find(name).is_some())
}

fn skip_spaces(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(char::is_ascii_whitespace).is_some() {}
}

/// Reads a name and the `=` after it.
fn name(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut name = String::new();
    while let Some(letter) = rest.next_if(|letter| *letter != '=' && !letter.is_ascii_whitespace())
    {
        name.push(letter);
    }
    skip_spaces(rest);
    match rest.next_if_eq(&'=') {
        Some(_) => Ok(name),
        None => Err("a name has no = after it; quote values that contain spaces".to_owned()),
    }
}

/// Reads a value, quoted or not.
fn value(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    skip_spaces(rest);
    let is_quoted = rest.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match rest.next() {
            Some('\\') => value.extend(rest.next()),
            Some('\'') if is_quoted => return Ok(value),
            Some(letter) if letter.is_ascii_whitespace() && !is_quoted => return Ok(value),
            Some(letter) => value.push(letter),
            None if is_quoted => return Err("a quoted value has no closing quote".to_owned()),
            None => return Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_those_of_libpq() {
        for (text, expected) in [
            ("host=db", &[("host", "db")][..]),
            (" host = db  port=1 ", &[("host", "db"), ("port", "1")]),
            (r"password='it\'s \\ here' user=me", &[("password", r"it's \ here"), ("user", "me")]),
            (r"password=it\'s\ here", &[("password", "it's here")]),
            ("password='' user=me", &[("password", ""), ("user", "me")]),
            ("password='user=me'", &[("password", "user=me")]),
            ("password=a'b", &[("password", "a'b")]),
            ("host=a user='b'port=1", &[("host", "a"), ("user", "b"), ("port", "1")]),
        ] {
            let parsed = parse(text).expect(text);
            let parsed: Vec<_> = parsed.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!(parsed, expected, "{text}");
        }
        let odd = ["host", "host=a b", "host='a", "mysql://me@db/x?a=b", "", "user= password=x"];
        for text in odd {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
