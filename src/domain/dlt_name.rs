//! **dlt's name** of a column: the daily loader's rules for names, its naming convention `snake_case`.
//!
//! Trimmed; `+` and `*` become `x`, `-` and other signs `_`, `@` `a`, `|` `l`; words in camel case are
//! split; all is lower case; a leading digit gets a `_` before it, and each trailing `_` becomes an `x`.

use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest, Sha256};

/// The longest name that Postgres keeps, in bytes.
const LONGEST: usize = 63;

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
