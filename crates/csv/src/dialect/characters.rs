//! The **characters** of a dialect, as configurations write them.

use serde::{Deserialize, Deserializer, Serializer};

/// Reads a delimiter of one character. Two are often written if one is meant and a blank follows it.
pub(super) fn delimiter<'de, D: Deserializer<'de>>(from: D) -> Result<Option<char>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let mut characters = text.chars();
    match (characters.next(), characters.as_str()) {
        (Some(first), "") => Ok(Some(first)),
        (Some(first), rest) if rest.trim_matches(' ').is_empty() => {
            Err(serde::de::Error::custom(format!(
                "a delimiter is one character: set delimiter = {:?} and blanks_after_delimiter = \"skip\"",
                first.to_string()
            )))
        }
        _ => Err(serde::de::Error::custom("a delimiter is one character")),
    }
}

/// Reads a quote of one character, or the empty text for none.
pub(super) fn quote<'de, D: Deserializer<'de>>(from: D) -> Result<Option<char>, D::Error> {
    let text = String::deserialize(from)?;
    let mut characters = text.chars();
    match (characters.next(), characters.as_str()) {
        (quote, "") => Ok(quote),
        _ => {
            Err(serde::de::Error::custom("a quote is one character, or \"\" if nothing is quoted"))
        }
    }
}

/// Writes the quote as a text of one character, or as the empty text for none.
pub(super) fn write_quote<S: Serializer>(quote: &Option<char>, to: S) -> Result<S::Ok, S::Error> {
    match quote {
        Some(quote) => to.serialize_char(*quote),
        None => to.serialize_str(""),
    }
}
