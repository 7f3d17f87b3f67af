//! The **XML** of a store's answers: elements by name, and the text in them.

use std::ops::Range;

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Its place in the text, with its tags.
    pub whole: Range<usize>,
    /// The text between its tags, as it is written.
    pub inner: &'a str,
}

/// Returns the elements of a name, one after the other; elements of the same name must not be nested.
pub(super) fn elements<'a>(text: &'a str, name: &str) -> impl Iterator<Item = Element<'a>> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + text[from..].find(&open)?;
            let behind = start + open.len();
            from = behind;
            let attributes = &text[behind..behind + text[behind..].find('>')?];
            let is_other = attributes.starts_with(|c: char| !c.is_ascii_whitespace());
            if is_other || attributes.ends_with('/') {
                continue;
            }
            let inner = behind + attributes.len() + 1;
            let end = inner + text[inner..].find(&close)?;
            from = end + close.len();
            return Some(Element { whole: start..from, inner: &text[inner..end] });
        }
    })
}

/// Returns the text in the first element of a name.
pub(super) fn part(text: &str, name: &str) -> Option<String> {
    elements(text, name).next().map(|element| decoded(element.inner))
}

/// Replaces the references in a text by the characters that they stand for. An unknown reference is left as it is.
fn decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        decoded.push_str(before);
        let reference = behind.split_once(';').and_then(|(name, rest)| Some((meant(name)?, rest)));
        let (character, after) = reference.unwrap_or(('&', behind));
        decoded.push(character);
        rest = after;
    }
    decoded + rest
}

/// Returns the character that a reference stands for.
fn meant(name: &str) -> Option<char> {
    match (name, name.strip_prefix("#x"), name.strip_prefix('#')) {
        ("lt", ..) => Some('<'),
        ("gt", ..) => Some('>'),
        ("amp", ..) => Some('&'),
        ("quot", ..) => Some('"'),
        ("apos", ..) => Some('\''),
        (_, Some(digits), _) => numbered(digits, 16),
        (_, None, Some(digits)) => numbered(digits, 10),
        _ => None,
    }
}

fn numbered(digits: &str, radix: u32) -> Option<char> {
    char::from_u32(u32::from_str_radix(digits, radix).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_whole_name() {
        let text =
            "<Blobs><BlobPrefix>p</BlobPrefix><Blob a=\"1\">x</Blob><Blob/><Blob>y</Blob></Blobs>";
        let inner: Vec<&str> = elements(text, "Blob").map(|element| element.inner).collect();
        assert_eq!(inner, ["x", "y"]);
        let whole = elements(text, "Blob").map(|element| &text[element.whole]);
        assert_eq!(whole.collect::<Vec<_>>(), ["<Blob a=\"1\">x</Blob>", "<Blob>y</Blob>"]);
        assert_eq!(elements("<Blob>cut", "Blob").count(), 0);
    }

    #[test]
    fn references_become_the_characters_that_they_stand_for() {
        let text = "<Key>a &amp;lt; &quot;&#x41;&#66;&apos; & &none; &#x110000; b</Key>";
        assert_eq!(part(text, "Key").as_deref(), Some("a &lt; \"AB' & &none; &#x110000; b"));
        assert_eq!(part(text, "Size"), None);
    }
}
