//! Names of columns as the target has them: those that the loader of every day, dlt, gives.
//!
//! Its rules (its naming convention `snake_case`): trimmed; `+` and `*` become `x`, `-` and other signs
//! `_`, `@` `a`, `|` `l`; words in camel case are split; all is lower case; a leading digit gets a `_`
//! before it, and each trailing `_` becomes an `x`. Only names of more than 63 bytes are shortened in
//! another way than dlt's.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest, Sha256};

/// The longest name that Postgres keeps, in bytes.
const LONGEST: usize = 63;

/// The columns that `stage.sql` adds to those of the files: where a row comes from, and when it came.
pub const ADDED: [&str; 4] = ["_file_name", "_row_id", "_file_date", "_loaded_at"];

/// The columns that every table of Postgres has by itself.
const SYSTEM: [&str; 6] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];

// Patterns of this program's own are known to be right.
#[allow(clippy::unwrap_used)]
static WORDS: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [Regex::new("([^_])([A-Z][a-z]+)").unwrap(), Regex::new("([a-z0-9])([A-Z])").unwrap()]
});

/// The target's name of a column.
pub fn column_name(header: &str) -> String {
    let header = header.trim();
    if header.is_empty() {
        return "x".to_owned();
    }
    // A double underscore is kept: it separates the parts of a nested name.
    let parts = header.split("__").filter(|part| !part.is_empty());
    let name = parts.map(part_name).collect::<Vec<_>>().join("__");
    if name.is_empty() { "x".to_owned() } else { shortened(name) }
}

fn part_name(part: &str) -> String {
    let mut plain = String::new();
    for character in part.trim().chars() {
        match character {
            '+' | '*' => plain.push('x'),
            '@' => plain.push('a'),
            '|' => plain.push('l'),
            c if c.is_ascii_alphanumeric() || c == '_' => plain.push(c),
            _ if plain.ends_with('\0') => {}
            _ => plain.push('\0'),
        }
    }
    let plain = plain.replace('\0', "_");
    let split = WORDS[0].replace_all(&plain, "${1}_${2}");
    let split = WORDS[1].replace_all(&split, "${1}_${2}");
    let lower = split.to_ascii_lowercase();
    let kept = lower.trim_end_matches('_');
    let mut name = format!("{kept}{}", "x".repeat(lower.len() - kept.len()));
    while name.contains("__") {
        name = name.replace("__", "_");
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// A name that is too long is cut, and told from others by a hash.
fn shortened(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let digest = Sha256::digest(&name);
    let tag: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}_{tag}", &name[..LONGEST - tag.len() - 1])
}

/// The names of several columns, told apart by a number where two are the same, or one is [`ADDED`]
/// or the server's own.
pub fn column_names<'a>(headers: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken: HashSet<String> =
        ADDED.iter().chain(&SYSTEM).map(|name| (*name).to_owned()).collect();
    let mut names = Vec::new();
    for header in headers {
        let name = column_name(header);
        let numbers = (2..).map(|number| numbered(&name, number));
        let free = std::iter::once(name.clone()).chain(numbers).find(|n| !taken.contains(n));
        let free = free.unwrap_or(name);
        taken.insert(free.clone());
        names.push(free);
    }
    names
}

/// A name with a number, which is no longer than a name may be.
fn numbered(name: &str, number: u32) -> String {
    let number = format!("_{number}");
    let kept = name.len().min(LONGEST - number.len());
    format!("{}{number}", &name[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_daily_loader() {
        for (header, name) in [
            ("Order Id", "order_id"),
            ("orderId", "order_id"),
            ("OrderID", "order_id"),
            ("  order id", "order_id"),
            ("Order-Id", "order_id"),
            ("%Off", "_off"),
            ("Off %", "offx"),
            ("\u{e9}", "x"),
            ("1st", "_1st"),
            ("a+b", "axb"),
            ("a@b", "aab"),
            ("Click ID", "click_id"),
            ("IsTestCC", "is_test_cc"),
            ("3DS", "_3_ds"),
            ("Order Id (1)", "order_id_1x"),
            ("Sub-Affiliate", "sub_affiliate"),
            ("a__b", "a__b"),
            ("_a", "_a"),
            ("__", "x"),
        ] {
            assert_eq!(column_name(header), name, "{header}");
        }
    }

    #[test]
    fn every_name_is_one_that_postgres_keeps_apart() {
        let long = "a_rather_long_name_of_a_column_that_goes_on_and_on_and_on_and_on_and_on_and_on";
        let names = column_names(["id", "ID", long, &format!("{long}2")].into_iter());
        assert_eq!(names[..2], ["id", "id_2"]);
        assert!(names.iter().all(|name| name.len() <= LONGEST));
        assert_ne!(names[2], names[3]);
        let names = column_names([long, &long.to_uppercase(), "_File-Name"].into_iter());
        assert!(names.iter().all(|name| name.len() <= LONGEST), "{names:?}");
        assert_ne!(names[0], names[1]);
        assert_eq!(names[2], "_file_name_2");
    }
}
