//! **dlt's name** of a column: the name that dlt gives to the column of a key, for a Postgres target.
//!
//! dlt is the daily loader. It applies its naming convention `snake_case` to each key that a resource
//! yields, here to each header of a CSV file:
//!
//! - A double underscore separates the parts of a nested name. Empty parts are dropped, the others
//!   named one by one, and joined again.
//! - A part is trimmed. `+` and `*` become `x`, `@` `a`, `|` `l` and `-` `_`; each run of other signs
//!   becomes one `_`. Letters other than `a` to `z` count as signs, digits of any script do not.
//! - Words in camel case are split, and all is lower case.
//! - A leading digit gets a `_` before it, each trailing `_` becomes an `x`, and runs of `_` become
//!   one `_`.
//! - A name of more than 63 characters keeps its start and its end, with a tag of six characters of a
//!   hash in between. First each part is shortened, then the whole.
//!
//! Names are those of dlt 1.20.0 and 1.31.0; `data/dlt/names.tsv` has examples. Two cases differ:
//! a digit that Unicode has only since version 15 is a sign if dlt's Python is older, and a schema that
//! is older than dlt's schema engine 11 does not separate names at `__`.
//!
//! Several headers can have the same name: dlt then keeps the value of the last. The name is empty if a
//! header has nothing but double underscores and blanks: dlt fails on a value of such a column.

use std::sync::LazyLock;

use crate::domain::saturating;
use regex::Regex;
use sha3::Shake128;
use sha3::digest::ExtendableOutput;

/// The longest name, in characters. Postgres keeps as many bytes, and cuts the names that are longer
/// because of digits outside ASCII.
const LONGEST: usize = 63;

/// What separates the parts of a name.
const SEPARATOR: &str = "__";

/// The name of a header that is empty or blank.
const EMPTY: &str = "_empty";

/// The digits of base64 in lower case, with `b` for `+` and `a` for `/`.
const TAG_DIGITS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789ba";

#[allow(clippy::unwrap_used, reason = "the pattern is known to be right")]
static SIGNS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[^a-zA-Z\d_]+").unwrap());

#[allow(clippy::unwrap_used, reason = "the patterns are known to be right")]
static WORDS: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [Regex::new("([^_])([A-Z][a-z]+)").unwrap(), Regex::new("([a-z0-9])([A-Z])").unwrap()]
});

/// Returns the name of the column for a header.
///
/// It consists of `a` to `z`, digits and `_`, and has at most 63 characters.
pub fn column_name(header: &str) -> String {
    if trimmed(header).is_empty() {
        return EMPTY.to_owned();
    }
    let parts = header.split(SEPARATOR).map(trimmed).filter(|part| !part.is_empty());
    let name = parts.map(part_name).collect::<Vec<_>>().join(SEPARATOR);
    shortened(name, header)
}

/// Trims what Python treats as blank, which includes the four ASCII separators that are not blank in Unicode.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'))
}

/// Returns the name of a trimmed part that is not empty.
fn part_name(part: &str) -> String {
    let plain: String = part.chars().map(without_sign).collect();
    let plain = SIGNS.replace_all(&plain, "_");
    let split = WORDS[0].replace_all(&plain, "${1}_${2}");
    let split = WORDS[1].replace_all(&split, "${1}_${2}");
    let mut name = split.to_ascii_lowercase();
    // What is neither a letter nor a `_` by now is a digit.
    if !name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        name.insert(0, '_');
    }
    let kept = name.trim_end_matches('_');
    name = format!("{kept}{}", "x".repeat(name.len() - kept.len()));
    while name.contains("__") {
        name = name.replace("__", "_");
    }
    shortened(name, part)
}

/// Returns the letter that stands for one of the signs that have one.
fn without_sign(character: char) -> char {
    match character {
        '+' | '*' => 'x',
        '-' => '_',
        '@' => 'a',
        '|' => 'l',
        other => other,
    }
}

/// Shortens a name that is too long: puts a tag of what it was made from in place of its middle.
fn shortened(name: String, original: &str) -> String {
    let length = name.chars().count();
    if length <= LONGEST {
        return name;
    }
    let tag = tag(original);
    let kept = LONGEST - tag.len();
    let start: String = name.chars().take(kept.div_ceil(2)).collect();
    let end: String = name.chars().skip(length - kept / 2).collect();
    format!("{start}{tag}{end}")
}

/// Returns six characters for the first 32 bits of the hash of a text.
fn tag(text: &str) -> String {
    let mut hash = [0; 4];
    Shake128::digest_xof(text, &mut hash);
    // Six digits have 36 bits: the last four bits are zero.
    let bits = u64::from(u32::from_be_bytes(hash)) << 4;
    let digits = (0..6).rev().map(|place| saturating::index((bits >> (6 * place)) % 64));
    digits.map(|digit| char::from(TAG_DIGITS[digit])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(examples: &[(&str, &str)]) {
        for (header, name) in examples {
            assert_eq!(column_name(header), *name, "{header:?}");
        }
    }

    #[test]
    fn signs_become_letters_or_underscores() {
        check(&[
            ("Order Id", "order_id"),
            ("Order / Id", "order_id"),
            ("a+b*c@d|e-f", "axbxcadle_f"),
            ("\u{feff}id", "_id"),
            ("Cr\u{e9}\u{e9}", "crx"),
            ("\u{65e5}\u{672c}", "x"),
        ]);
    }

    #[test]
    fn words_in_camel_case_are_split() {
        check(&[
            ("orderId", "order_id"),
            ("OrderID", "order_id"),
            ("HTTPServer", "http_server"),
            ("ABcDeFG", "a_bc_de_fg"),
            ("address1", "address1"),
            ("ab1C", "ab1_c"),
        ]);
    }

    #[test]
    fn leading_digit_gets_an_underscore() {
        check(&[("1st", "_1st"), ("3DS", "_3_ds"), ("1", "_1"), ("\u{663}a", "_\u{663}a")]);
        // A number that is not a decimal digit is a sign.
        check(&[("\u{b2}a", "_a"), ("a\u{b2}", "ax")]);
    }

    #[test]
    fn each_trailing_underscore_becomes_an_x() {
        check(&[
            ("a_", "ax"),
            ("a%%", "ax"),
            ("a-", "ax"),
            ("a--", "axx"),
            ("a_%", "axx"),
            ("a-%-", "axxx"),
            ("_", "x"),
            ("---", "xxx"),
        ]);
    }

    #[test]
    fn double_underscore_separates_parts() {
        check(&[
            ("a__b", "a__b"),
            ("a___b", "a___b"),
            ("a- b", "a_b"),
            ("__a", "a"),
            ("a__", "a"),
            ("a___", "a__x"),
            ("A b __ 1c", "a_b___1c"),
        ]);
    }

    #[test]
    fn blanks_around_a_name_are_dropped() {
        check(&[("  id\t", "id"), ("\u{a0}id\u{3000}", "id"), ("\u{1c}id\u{1f}", "id")]);
        check(&[("", "_empty"), (" \u{1c}\n", "_empty"), ("\u{200b}", "x")]);
        check(&[("__", ""), (" __ ", "")]);
    }

    #[test]
    fn long_name_keeps_its_start_and_end_around_a_tag() {
        assert_eq!(column_name(&"y".repeat(63)), "y".repeat(63));
        let name = column_name(&"y".repeat(64));
        assert_eq!(name, format!("{}{}{}", "y".repeat(29), tag(&"y".repeat(64)), "y".repeat(28)));
        // The tag is of the part as it is, trimmed: with its upper case.
        assert_ne!(column_name(&"Y".repeat(64)), name);
        assert_eq!(column_name(&format!(" {} ", "y".repeat(64))), name);
        // Length is counted in characters.
        assert_eq!(column_name(&"\u{663}".repeat(62)), format!("_{}", "\u{663}".repeat(62)));
        assert_eq!(column_name(&"\u{663}".repeat(63)).chars().count(), LONGEST);
    }

    #[test]
    fn long_parts_are_shortened_before_the_whole() {
        let header = format!(" {}__{}", "y".repeat(70), "z".repeat(70));
        let (first, last) = (column_name(&"y".repeat(70)), column_name(&"z".repeat(70)));
        let expected = format!("{}{}{}", &first[..29], tag(&header), &last[63 - 28..]);
        assert_eq!(column_name(&header), expected);
    }

    #[test]
    fn names_are_those_of_dlt() {
        let lines = include_str!("../../data/dlt/names.tsv").lines().skip(1);
        let examples = lines.map(|line| line.split_once('\t').unwrap_or((line, "")));
        for (header, name) in examples {
            assert_eq!(column_name(&unescaped(header)), unescaped(name), "{header}");
        }
    }

    /// Reads the escapes of `names.tsv`: `\u{9}` for the character with this number.
    fn unescaped(text: &str) -> String {
        let mut parts = text.split("\\u{");
        let mut plain = parts.next().unwrap().to_owned();
        for part in parts {
            let (number, rest) = part.split_once('}').unwrap();
            plain.push(char::from_u32(u32::from_str_radix(number, 16).unwrap()).unwrap());
            plain.push_str(rest);
        }
        plain
    }
}
