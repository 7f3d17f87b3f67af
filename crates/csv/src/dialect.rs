//! A **dialect** says how the CSV files of a dataset are written: delimiter, quotes, encoding, and
//! what to make of their headers.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::encoding::Encodings;
use crate::header::{Header, InvalidHeader, UnusableNames};

/// How the CSV files of a dataset are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Dialect {
    /// The character between fields; one ASCII character. Where none is given, each file's header and
    /// first records say: the only one of the delimiters `,` `;` tab and `|` that splits them all alike.
    #[serde(deserialize_with = "delimiter")]
    pub delimiter: Option<char>,
    /// The character around fields that hold delimiters, quotes or line ends; `None`, written as the
    /// empty text, where fields are never quoted and a quote is a character like any other.
    #[serde(serialize_with = "write_quote", deserialize_with = "quote")]
    pub quote: Option<char>,
    /// A character that makes the next one literal inside quotes; by default a quote is doubled.
    pub escape: Option<char>,
    /// How bytes become text, in files that do not say it themselves: one encoding, or a list of which the
    /// first that fits a file is its own.
    pub encoding: Encodings,
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
    /// What blanks between a delimiter and the next field mean.
    #[serde(skip_serializing_if = "is_default")]
    pub blanks_after_delimiter: BlanksAfterDelimiter,
    /// What a record means that is the header once more.
    #[serde(skip_serializing_if = "is_default")]
    pub repeated_header: RepeatedHeader,
}

/// What a file's delimiter may be where none is given.
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

/// What blanks between a delimiter and the next field mean, as in `1, "Ann"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlanksAfterDelimiter {
    /// They are text, and a quote behind them is too.
    #[default]
    Keep,
    /// They belong to the delimiter.
    Skip,
}

/// What a record means that is the header once more, as in files that were put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatedHeader {
    /// The record is rejected.
    #[default]
    Reject,
    /// A row like any other; counted.
    Accept,
    /// No record: passed over, and counted.
    Skip,
}

/// A dialect that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDialect {
    /// Special characters that cannot be told apart.
    #[error("delimiter, quote and escape are different ASCII characters, none of them a line end")]
    Characters,
    /// An escape character where nothing is quoted.
    #[error("escape: it counts inside quotes only, and quote = \"\" says that there are none")]
    EscapeWithoutQuote,
    /// Blanks that are skipped, and are delimiter or quote at the same time.
    #[error("blanks_after_delimiter: a blank cannot be skipped where it is delimiter or quote")]
    Blanks,
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
    /// Around fields; `None` where fields are never quoted.
    pub quote: Option<u8>,
    /// Before a quote inside quotes; `None` where quotes are doubled.
    pub escape: Option<u8>,
    /// What blanks behind a delimiter mean.
    pub blanks: BlanksAfterDelimiter,
}

impl Dialect {
    /// The special characters as bytes.
    ///
    /// # Errors
    /// [`InvalidDialect`], of its special characters.
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
        // A quote that escapes quotes is what doubling means.
        Ok(Syntax { delimiter, quote, escape: escape.filter(|_| escape != quote), blanks })
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A delimiter of one character. Two are often written where one is meant and a blank follows it.
fn delimiter<'de, D: Deserializer<'de>>(from: D) -> Result<Option<char>, D::Error> {
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

/// A quote of one character, or of none.
fn quote<'de, D: Deserializer<'de>>(from: D) -> Result<Option<char>, D::Error> {
    let text = String::deserialize(from)?;
    let mut characters = text.chars();
    match (characters.next(), characters.as_str()) {
        (quote, "") => Ok(quote),
        _ => Err(serde::de::Error::custom(
            "a quote is one character, or \"\" where nothing is quoted",
        )),
    }
}

/// The quote as a text of one character or none.
fn write_quote<S: Serializer>(quote: &Option<char>, to: S) -> Result<S::Ok, S::Error> {
    match quote {
        Some(quote) => to.serialize_char(*quote),
        None => to.serialize_str(""),
    }
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Dialect, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_dialect_that_sets_nothing_new_is_written_as_before() {
        let written = serde_json::to_string(&Dialect::default()).expect("text");
        assert_eq!(
            written,
            "{\"delimiter\":null,\"quote\":\"\\\"\",\"escape\":null,\"encoding\":\"utf-8\",\
             \"bare_quotes\":\"accept\",\"nul\":\"drop\",\"names\":null,\"aliases\":{},\
             \"unusable_names\":\"refuse\"}"
        );
        assert_eq!(parsed(&written), Ok(Dialect::default()));
    }

    #[test]
    fn every_setting_is_read_back_as_it_was_written() {
        let text =
            r#"{"quote": "", "blanks_after_delimiter": "skip", "repeated_header": "accept"}"#;
        let dialect = parsed(text).expect("a dialect");
        assert_eq!((dialect.quote, dialect.repeated_header), (None, RepeatedHeader::Accept));
        let written = serde_json::to_string(&dialect).expect("text");
        assert_eq!(parsed(&written), Ok(dialect));
        assert_eq!(parsed(r#"{"quote": "'"}"#).expect("a dialect").quote, Some('\''));
    }

    #[test]
    fn a_delimiter_of_two_characters_is_told_how_to_be_written() {
        let error = parsed(r#"{"delimiter": ", "}"#).expect_err("two characters");
        assert!(
            error.contains("delimiter = \",\" and blanks_after_delimiter = \"skip\""),
            "{error}"
        );
        assert!(parsed(r#"{"delimiter": "::"}"#).expect_err("two").contains("one character"));
        assert!(parsed(r#"{"quote": "''"}"#).is_err());
    }

    #[test]
    fn settings_that_contradict_are_refused() {
        let none = Dialect { quote: None, escape: Some('\\'), ..Dialect::default() };
        assert_eq!(none.validate(), Err(InvalidDialect::EscapeWithoutQuote));
        let blanks_after_delimiter = BlanksAfterDelimiter::Skip;
        let blank = Dialect { delimiter: Some(' '), blanks_after_delimiter, ..Dialect::default() };
        assert_eq!(blank.validate(), Err(InvalidDialect::Blanks));
    }
}
