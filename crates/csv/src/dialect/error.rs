//! Why a dialect **cannot be used**.

use crate::header::InvalidHeader;

/// A dialect that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDialect {
    /// Special characters that are equal, or not allowed.
    #[error(
        "delimiter, quote and escape must be different ASCII characters, none of them a line ending"
    )]
    Characters,
    /// An escape character although nothing is quoted.
    #[error(
        "escape: it has a meaning only inside quotes, and with quote = \"\" there are no quotes"
    )]
    EscapeWithoutQuote,
    /// Blanks that are skipped, and are the delimiter or the quote at the same time.
    #[error(
        "blanks_after_delimiter: a blank cannot be skipped if it is the delimiter or the quote"
    )]
    Blanks,
    /// Names for files without a header that are not usable.
    #[error("names: {0}")]
    Names(#[source] InvalidHeader),
    /// A name that stands for two columns.
    #[error("aliases: `{name}` stands for two columns")]
    Alias {
        /// The name.
        name: String,
    },
    /// A comment that starts as a field may.
    #[error(
        "comment: it must be one or more characters, and not start with a quote, a delimiter or a blank"
    )]
    Comment,
    /// A text for NULL that cannot be a field.
    #[error(
        "null_values: a text that starts with a quote, or holds a delimiter or a line ending, is never a whole field"
    )]
    NullValue,
    /// A name or pattern that is empty, so that every line has it.
    #[error("header_names and header_pattern: an empty text finds no header")]
    EmptyHeader,
    /// A pattern that is not a regular expression.
    #[error("{setting}: {error}")]
    Pattern {
        /// The setting that holds it.
        setting: &'static str,
        /// What is wrong with it.
        error: String,
    },
    /// A pattern that would skip every record.
    #[error(
        "skip_records: `{pattern}` matches every record; start it with ^ and the text of the records to skip"
    )]
    MatchesAll {
        /// The pattern.
        pattern: String,
    },
    /// Two settings that say how the header is found.
    #[error(
        "set one of names (the files have no header), header_names (it is the first line with these names) and \
         header_pattern (it is the first line that matches)"
    )]
    HeaderTwice,
    /// A pattern with several groups: it is not certain at which one the header starts.
    #[error("header_pattern: it may have one group only, at which the header starts")]
    SeveralGroups,
}

impl InvalidDialect {
    /// The error of a pattern that is not a regular expression.
    pub(crate) fn pattern(setting: &'static str, error: &regex::Error) -> Self {
        Self::Pattern { setting, error: error.to_string() }
    }
}
