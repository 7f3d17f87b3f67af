//! A **dialect** says how the CSV files of a dataset are written: delimiter, quotes, encoding.

use encoding_rs::WINDOWS_1252;
use serde::{Deserialize, Serialize};

/// How the CSV files of a dataset are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Dialect {
    /// The character between fields; one ASCII character.
    pub delimiter: char,
    /// The character around fields that hold delimiters, quotes or line ends.
    pub quote: char,
    /// A character that makes the next one literal inside quotes; by default a quote is doubled.
    pub escape: Option<char>,
    /// How bytes become text.
    pub encoding: Encoding,
    /// What a quote inside an unquoted field means.
    pub bare_quotes: BareQuotes,
    /// What a NUL byte means. Postgres holds none.
    pub nul: Nul,
}

/// How bytes become text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark; other bytes reject the record.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows-1252, the superset of Latin-1 that old Windows programs write.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl Encoding {
    /// Decodes `bytes` where they need decoding; `None` where they already are UTF-8.
    pub fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Windows1252 if !bytes.is_ascii() => {
                Some(WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned())
            }
            _ => None,
        }
    }

    /// The encoding's usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Windows1252 => "windows-1252",
        }
    }
}

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
#[error("delimiter, quote and escape are different ASCII characters, none of them a line end")]
pub struct InvalidDialect;

impl Dialect {
    /// Checks that the special characters can be told apart.
    ///
    /// # Errors
    /// [`InvalidDialect`].
    pub fn validate(&self) -> Result<(), InvalidDialect> {
        let special = [Some(self.delimiter), Some(self.quote), self.escape];
        let special: Vec<char> = special.into_iter().flatten().collect();
        let usable = |c: &char| c.is_ascii() && !matches!(c, '\r' | '\n' | '\0');
        let distinct = self.delimiter != self.quote && self.escape != Some(self.delimiter);
        if special.iter().all(usable) && distinct { Ok(()) } else { Err(InvalidDialect) }
    }

    /// The escape character, unless it is the quote itself, which is what doubling means.
    pub(super) fn escape_byte(&self) -> Option<u8> {
        self.escape.filter(|escape| *escape != self.quote).map(|escape| escape as u8)
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: ',',
            quote: '"',
            escape: None,
            encoding: Encoding::default(),
            bare_quotes: BareQuotes::default(),
            nul: Nul::default(),
        }
    }
}
