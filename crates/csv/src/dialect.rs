//! A **dialect** says how the CSV files of a dataset are written: delimiter, quotes, encoding, and
//! what to make of their headers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;
use crate::header::{Header, InvalidHeader, UnusableNames};

/// How the CSV files of a dataset are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Dialect {
    /// The character between fields; one ASCII character. Where none is given, each file's header
    /// says: the comma if it holds one, or else the only one that it holds of `;`, tab and `|`.
    pub delimiter: Option<char>,
    /// The character around fields that hold delimiters, quotes or line ends.
    pub quote: char,
    /// A character that makes the next one literal inside quotes; by default a quote is doubled.
    pub escape: Option<char>,
    /// How bytes become text, in files without a byte order mark.
    pub encoding: Encoding,
    /// What a quote inside an unquoted field means.
    pub bare_quotes: BareQuotes,
    /// What a NUL byte means. Postgres holds none.
    pub nul: Nul,
    /// The names of the columns of files that have no header.
    pub names: Option<Vec<String>>,
    /// Other names that a column had or has: `orders_id = ["Order ID", "order_no"]`. A column is
    /// found by its own name first.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// What is done with a column without a name, or with one that has another's.
    pub unusable_names: UnusableNames,
}

/// What a file's delimiter may be where none is given; the first is taken where several stand in a
/// header.
pub const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What a quote inside an unquoted field means, as in `5" pipe`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BareQuotes {
    /// A character like any other; counted.
    #[default]
    Accept,
    /// The record is rejected.
    Reject,
}

/// What a NUL byte means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nul {
    /// It is left out of the text; counted.
    #[default]
    Drop,
    /// The record is rejected.
    Reject,
}

/// A dialect that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDialect {
    /// Special characters that cannot be told apart.
    #[error("delimiter, quote and escape are different ASCII characters, none of them a line end")]
    Characters,
    /// Names for files without a header that cannot serve.
    #[error("names: {0}")]
    Names(#[source] InvalidHeader),
    /// A name that stands for two columns.
    #[error("aliases: `{name}` stands for two columns")]
    Alias {
        /// The name.
        name: String,
    },
}

/// The special characters of a dialect that was checked: each is one byte, and none is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// Between fields; `None` where each file's header decides.
    pub delimiter: Option<u8>,
    /// Around fields.
    pub quote: u8,
    /// Before a quote inside quotes; `None` where quotes are doubled.
    pub escape: Option<u8>,
}

impl Dialect {
    /// The special characters as bytes.
    ///
    /// # Errors
    /// [`InvalidDialect::Characters`].
    pub(crate) fn syntax(&self) -> Result<Syntax, InvalidDialect> {
        let delimiter = self.delimiter.map(special_byte).transpose()?;
        let quote = special_byte(self.quote)?;
        let escape = self.escape.map(special_byte).transpose()?;
        let delimiters = match &delimiter {
            Some(given) => std::slice::from_ref(given),
            None => &DELIMITERS,
        };
        if delimiters.contains(&quote) || escape.is_some_and(|byte| delimiters.contains(&byte)) {
            return Err(InvalidDialect::Characters);
        }
        // A quote that escapes quotes is what doubling means.
        Ok(Syntax { delimiter, quote, escape: escape.filter(|escape| *escape != quote) })
    }

    /// Checks that the special characters differ, and that each name stands for one column.
    ///
    /// # Errors
    /// [`InvalidDialect`].
    pub fn validate(&self) -> Result<(), InvalidDialect> {
        self.syntax()?;
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

/// A character that can be special: ASCII, and neither a line ending nor NUL.
fn special_byte(character: char) -> Result<u8, InvalidDialect> {
    match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Ok(byte),
        _ => Err(InvalidDialect::Characters),
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: None,
            quote: '"',
            escape: None,
            encoding: Encoding::default(),
            bare_quotes: BareQuotes::default(),
            nul: Nul::default(),
            names: None,
            aliases: BTreeMap::new(),
            unusable_names: UnusableNames::default(),
        }
    }
}
