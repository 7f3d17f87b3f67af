//! **Choices** of a dialect: what things mean that files use in more than one sense.

use serde::{Deserialize, Serialize};

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
    /// They are text, and a quote after them is too.
    #[default]
    Keep,
    /// They belong to the delimiter.
    Skip,
}

/// What is done with a record that is the header once more, because files were put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatedHeader {
    /// The record is rejected.
    #[default]
    Reject,
    /// It is a row like any other; counted.
    Accept,
    /// It is skipped; counted.
    Skip,
}
