//! **Advice** names a setting that would read rejected records: it was tried on them.

use serde::{Deserialize, Serialize};

use crate::dialect::{BareQuotes, BlanksAfterDelimiter, Dialect, Syntax};
use crate::records::{Scanned, Scanner};
use crate::reject::Reason;

/// A setting that would read rejected records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// The records are in another encoding, and the dialect names only UTF-8.
    Encoding,
    /// The records are in another encoding than most of their file, and the dialect names one for them.
    MixedEncodings,
    /// A backslash stands before quotes inside quotes.
    Escape,
    /// An apostrophe is the quote.
    Quote,
    /// Blanks stand between delimiters and quotes.
    BlanksAfterDelimiter,
}

/// The setting that would read a record that was rejected for a reason; `columns` is how many fields it should have.
pub(crate) fn advice(
    raw: &[u8],
    reason: Reason,
    columns: usize,
    dialect: &Dialect,
    delimiter: u8,
) -> Option<Advice> {
    if reason == Reason::Encoding {
        let is_mixed = dialect.encoding.has_other_than_utf8();
        return Some(if is_mixed { Advice::MixedEncodings } else { Advice::Encoding });
    }
    if !may_be_about_quotes(reason) {
        return None;
    }
    let syntax = dialect.syntax().ok()?;
    if reads(raw, syntax, columns, delimiter) {
        return None;
    }
    let tried = [
        (Advice::Escape, b'\\', Syntax { escape: Some(b'\\'), ..syntax }),
        (Advice::Quote, b'\'', Syntax { quote: Some(b'\''), ..syntax }),
        (
            Advice::BlanksAfterDelimiter,
            b' ',
            Syntax { blanks: BlanksAfterDelimiter::Skip, ..syntax },
        ),
    ];
    let found = tried.into_iter().find(|(_, character, other)| {
        *other != syntax && raw.contains(character) && reads(raw, *other, columns, delimiter)
    });
    found.map(|(advice, ..)| advice)
}

/// Whether a record may be rejected for this reason because its quotes are written in another way.
fn may_be_about_quotes(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TextAfterQuote
            | Reason::UnterminatedQuote
            | Reason::TooManyFields
            | Reason::TooFewFields
            | Reason::LostDelimiter
            | Reason::BareQuote
    )
}

/// Whether bytes are one record of this many fields, at least one of them quoted, and without a stray quote.
fn reads(raw: &[u8], syntax: Syntax, columns: usize, delimiter: u8) -> bool {
    let mut scanner = Scanner::new(syntax, delimiter, BareQuotes::Accept);
    let Scanned::Record(extent) = scanner.scan(raw, 0, true) else { return false };
    extent.fault.is_none()
        && extent.bare_quotes == 0
        && extent.end == raw.len()
        && scanner.fields == columns
        && scanner.spans.iter().any(|span| span.quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::{Encoding, Encodings};

    fn advised(raw: &str, reason: Reason, dialect: &Dialect) -> Option<Advice> {
        advice(raw.as_bytes(), reason, 2, dialect, b',')
    }

    #[test]
    fn the_setting_is_named_that_reads_the_record() {
        let dialect = Dialect::default();
        for (raw, reason, expected) in [
            (r#"1,"a \"b\" c""#, Reason::TextAfterQuote, Some(Advice::Escape)),
            (r#"1,"a \", b""#, Reason::TooManyFields, Some(Advice::Escape)),
            ("1,'a, b'", Reason::TooManyFields, Some(Advice::Quote)),
            (r#"1, "a, b""#, Reason::LostDelimiter, Some(Advice::BlanksAfterDelimiter)),
            ("1,a,b", Reason::TooManyFields, None),
            ("1", Reason::TooFewFields, None),
            (r#"1,"a"b"#, Reason::TextAfterQuote, None),
            ("1,it's,x'", Reason::TooManyFields, None),
            ("1,a", Reason::Nul, None),
        ] {
            assert_eq!(advised(raw, reason, &dialect), expected, "{raw}");
        }
    }

    #[test]
    fn settings_that_the_dialect_has_are_not_named() {
        let escaping = Dialect { escape: Some('\\'), ..Dialect::default() };
        assert_eq!(advised(r#"1,"a \"b\" c""#, Reason::TextAfterQuote, &escaping), None);
        assert_eq!(advised("1,x", Reason::Encoding, &escaping), Some(Advice::Encoding));
        let encoding = Encodings::new(vec![Encoding::Utf8, Encoding::Windows1252]);
        let named = Dialect { encoding, ..Dialect::default() };
        assert_eq!(advised("1,x", Reason::Encoding, &named), Some(Advice::MixedEncodings));
        let unquoted = Dialect { quote: None, ..Dialect::default() };
        assert_eq!(advised("1,'a, b'", Reason::TooManyFields, &unquoted), Some(Advice::Quote));
    }
}
