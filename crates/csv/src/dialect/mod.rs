//! A **dialect** says how the CSV files of a dataset are written: delimiter, quotes, encoding, and
//! how their headers are read.

mod characters;
mod choices;
mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::encoding::Encodings;
use crate::header::{Header, UnusableNames};
use crate::preamble;
use crate::skipped::Skipped;

pub use choices::{BareQuotes, BlanksAfterDelimiter, Nul, RepeatedHeader};
pub use error::InvalidDialect;

/// How the CSV files of a dataset are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Dialect {
    /// The character between fields; one ASCII character. If none is given, each file's header and first
    /// records decide: it is the only one of `,` `;` tab and `|` that splits them into the same number of fields.
    #[serde(deserialize_with = "characters::delimiter")]
    pub delimiter: Option<char>,
    /// The character around fields that hold delimiters, quotes or line endings; `None`, written as the
    /// empty text, if fields are never quoted and a quote is a character like any other.
    #[serde(serialize_with = "characters::write_quote", deserialize_with = "characters::quote")]
    pub quote: Option<char>,
    /// A character that makes the next one literal inside quotes; by default a quote is doubled.
    pub escape: Option<char>,
    /// The encoding of files in which it is not recognised: one encoding, or a list of which the first that fits
    /// is taken.
    pub encoding: Encodings,
    /// What a quote inside an unquoted field means.
    pub bare_quotes: BareQuotes,
    /// What a NUL byte means. Postgres cannot store it.
    pub nul: Nul,
    /// The names of the columns of files that have no header.
    pub names: Option<Vec<String>>,
    /// Other names that a column had or has: `orders_id = ["Order ID", "order_no"]`. A column is
    /// found by its own name first.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// What is done with a column that has no name, or the name of another column.
    pub unusable_names: UnusableNames,
    /// What blanks between a delimiter and the next field mean.
    #[serde(skip_serializing_if = "is_default")]
    pub blanks_after_delimiter: BlanksAfterDelimiter,
    /// What is done with a record that is the header once more.
    #[serde(skip_serializing_if = "is_default")]
    pub repeated_header: RepeatedHeader,
    /// How many lines at the start of every file are not read.
    #[serde(skip_serializing_if = "is_default")]
    pub skip_lines: u64,
    /// Names that the header holds: it is the first line that has a field for each of them. Case and blanks
    /// around names are ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub header_names: Vec<String>,
    /// A regular expression: the header is the first line that matches it. If it has a group, the header
    /// starts there, as in `^#Fields: (.*)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_pattern: Option<String>,
    /// How a comment starts, above the header or below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Regular expressions for records below the header that are not rows, such as units or totals. They see a
    /// record's text without the line ending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skip_records: Vec<String>,
    /// Texts that stand for NULL if they are a whole field without quotes; `""` is the empty field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub null_values: Vec<String>,
}

/// The possible delimiters of a file for which none is given.
pub(crate) const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The special characters of a dialect, checked: each is one byte, and all differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// Between fields; `None` if each file's header decides.
    pub delimiter: Option<u8>,
    /// Around fields; `None` if fields are never quoted.
    pub quote: Option<u8>,
    /// Before a quote inside quotes; `None` if quotes are doubled.
    pub escape: Option<u8>,
    /// What blanks after a delimiter mean.
    pub blanks: BlanksAfterDelimiter,
}

impl Dialect {
    /// The special characters as bytes.
    ///
    /// # Errors
    /// [`InvalidDialect`] for its special characters.
    pub(crate) fn syntax(&self) -> Result<Syntax, InvalidDialect> {
        let delimiter = self.delimiter.map(special_byte).transpose()?;
        let quote = self.quote.map(special_byte).transpose()?;
        let escape = self.escape.map(special_byte).transpose()?;
        let delimiters = match &delimiter {
            Some(given) => std::slice::from_ref(given),
            None => &DELIMITERS,
        };
        if [quote, escape].iter().flatten().any(|byte| delimiters.contains(byte)) {
            return Err(InvalidDialect::Characters);
        }
        if quote.is_none() && escape.is_some() {
            return Err(InvalidDialect::EscapeWithoutQuote);
        }
        let blanks = self.blanks_after_delimiter;
        let skips = blanks == BlanksAfterDelimiter::Skip;
        if skips && [delimiter, quote].contains(&Some(b' ')) {
            return Err(InvalidDialect::Blanks);
        }
        // A quote that is its own escape is a doubled quote.
        Ok(Syntax { delimiter, quote, escape: escape.filter(|_| escape != quote), blanks })
    }

    /// Whether it says how the header is found below other lines.
    pub(crate) fn has_preamble(&self) -> bool {
        self.skip_lines > 0 || !self.header_names.is_empty() || self.header_pattern.is_some()
    }

    /// Checks that the special characters differ, and that each name stands for one column.
    ///
    /// # Errors
    /// [`InvalidDialect`].
    pub fn validate(&self) -> Result<(), InvalidDialect> {
        let syntax = self.syntax()?;
        if self.comment.as_ref().is_some_and(|comment| !syntax.may_be_comment(comment)) {
            return Err(InvalidDialect::Comment);
        }
        preamble::validate(self)?;
        if self.null_values.iter().any(|value| syntax.cannot_be_field(value)) {
            return Err(InvalidDialect::NullValue);
        }
        Skipped::new(&self.skip_records)?;
        if let Some(names) = &self.names {
            Header::given(names.clone()).map_err(InvalidDialect::Names)?;
        }
        let mut seen: Vec<&String> = self.aliases.keys().collect();
        for name in self.aliases.values().flatten() {
            if seen.contains(&name) {
                return Err(InvalidDialect::Alias { name: name.clone() });
            }
            seen.push(name);
        }
        Ok(())
    }
}

impl Syntax {
    /// Whether a byte can stand between the fields of a file.
    pub(crate) fn may_be_delimiter(&self, byte: u8) -> bool {
        byte.is_ascii()
            && !matches!(byte, b'\r' | b'\n' | 0)
            && ![self.quote, self.escape].contains(&Some(byte))
    }

    /// Whether this text cannot be a field without quotes.
    fn cannot_be_field(&self, text: &str) -> bool {
        let has_delimiter = self.delimiter.is_some_and(|byte| text.as_bytes().contains(&byte));
        let starts_quoted = self.quote.is_some() && text.bytes().next() == self.quote;
        has_delimiter || starts_quoted || text.contains(['\r', '\n'])
    }

    /// Whether comments may start with `text`: a record that starts with a quote or an empty field must not.
    fn may_be_comment(&self, text: &str) -> bool {
        let Some(first) = text.bytes().next() else { return false };
        let delimiters = match &self.delimiter {
            Some(given) => std::slice::from_ref(given),
            None => &DELIMITERS,
        };
        !text.contains(['\r', '\n'])
            && !first.is_ascii_whitespace()
            && !delimiters.contains(&first)
            && Some(first) != self.quote
    }
}

/// A character that can be special: ASCII, and neither a line ending nor NUL.
fn special_byte(character: char) -> Result<u8, InvalidDialect> {
    match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Ok(byte),
        _ => Err(InvalidDialect::Characters),
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: None,
            quote: Some('"'),
            escape: None,
            encoding: Encodings::default(),
            bare_quotes: BareQuotes::default(),
            nul: Nul::default(),
            names: None,
            aliases: BTreeMap::new(),
            unusable_names: UnusableNames::default(),
            blanks_after_delimiter: BlanksAfterDelimiter::default(),
            repeated_header: RepeatedHeader::default(),
            skip_lines: 0,
            header_names: Vec::new(),
            header_pattern: None,
            comment: None,
            skip_records: Vec::new(),
            null_values: Vec::new(),
        }
    }
}
