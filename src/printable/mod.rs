//! **Printable** text: names of files and columns are data from outside, and a terminal does what the
//! control characters in them say.

mod size;

pub use size::{bytes, grouped};

use std::borrow::Cow;

/// Longer lines of an error or a note are cut.
const LINE: usize = 2000;
/// So many names stand for all.
const FEW: usize = 3;

/// The same text with every control character but line endings and tabs written as its code, and with it
/// those that turn the direction of text or end a line unseen.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match is_unprintable(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Like [`printable`], for a message of a few lines; a line that is far too long is cut.
pub fn printable_message(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(|line| cut(line, LINE)).collect();
    printable(&lines.join("\n")).into_owned()
}

/// The first few of some names, and how many more there are.
pub fn few<T: AsRef<str>>(names: &[T]) -> String {
    let shown: Vec<&str> = names.iter().take(FEW).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(FEW) {
        0 => shown,
        more => format!("{shown} and {} more", grouped(more as u64)),
    }
}

/// Returns this many characters of a text at most, and a sign if there are more.
pub fn cut(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn is_unprintable(character: char) -> bool {
    let is_direction_or_line = matches!(
        character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    is_direction_or_line || character.is_control() && !matches!(character, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing() {
        let name = "id\u{1b}]0;owned\u{7}\r\u{202e}x\u{9b}31m";
        assert_eq!(printable(name), r"id\u{1b}]0;owned\u{7}\u{d}\u{202e}x\u{9b}31m");
        assert!(matches!(printable("Größe │ ├ 日付\n\t\u{200d}"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let shown = printable_message(&format!("error: {}\nhint: short", "é".repeat(9000)));
        assert!(shown.ends_with("…\nhint: short") && shown.chars().count() < LINE + 20);
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("日付日付", 2), "日付…");
    }
}
