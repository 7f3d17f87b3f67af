//! Why a dialect **cannot be used**.

use crate::header::InvalidHeader;

/// A dialect that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDialect {
    /// Special characters that cannot be told apart.
    #[error(
        "delimiter, quote and escape are different ASCII characters, none of them a line ending"
    )]
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
    /// A comment that starts as a field may.
    #[error(
        "comment: it is one or more characters, and starts neither with a quote or delimiter nor with a blank"
    )]
    Comment,
    /// A text for NULL that no field has.
    #[error(
        "null_values: a text that starts with a quote, or holds a delimiter or a line ending, is never a whole field"
    )]
    NullValue,
    /// A name or pattern that every header has.
    #[error("header_names and header_pattern: an empty text finds no header")]
    EmptyHeader,
    /// A pattern that is no regular expression.
    #[error("{setting}: {error}")]
    Pattern {
        /// The setting that holds it.
        setting: &'static str,
        /// What is wrong with it.
        error: String,
    },
    /// A pattern that would skip every record.
    #[error(
        "skip_records: `{pattern}` matches every record; start it with ^ and name what is to be skipped"
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
    /// A pattern from whose groups nobody can tell where the header starts.
    #[error("header_pattern: it has one group at most, at which the header starts")]
    SeveralGroups,
}

impl InvalidDialect {
    /// Of a pattern that is no regular expression.
    pub(crate) fn pattern(setting: &'static str, error: &regex::Error) -> Self {
        Self::Pattern { setting, error: error.to_string() }
    }
}
