//! **Choices** of a dialect: what a thing means that files write in more than one sense.

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
