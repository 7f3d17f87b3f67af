//! **Skipped** records are records below the header that are not rows: units, totals, a closing line. The dialect's
//! patterns say which. They are counted, and they are not rejects.

use std::borrow::Cow;

use regex::bytes::RegexSet;

use crate::dialect::InvalidDialect;
use crate::encoding::Encoding;

/// Finds the records to skip.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    /// `None` if the dialect has no pattern.
    patterns: Option<RegexSet>,
}

impl Skipped {
    /// Skips the records that one of `patterns` matches.
    ///
    /// # Errors
    /// [`InvalidDialect::Pattern`], and [`InvalidDialect::MatchesAll`] for a pattern that matches every record.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, InvalidDialect> {
        if patterns.is_empty() {
            return Ok(Self::default());
        }
        let set = RegexSet::new(patterns)
            .map_err(|error| InvalidDialect::pattern("skip_records", &error))?;
        let (letters, digits) = (set.matches(b"a,b"), set.matches(b"1;2"));
        if let Some(first) = letters.iter().find(|index| digits.matched(*index)) {
            return Err(InvalidDialect::MatchesAll { pattern: patterns[first].clone() });
        }
        Ok(Self { patterns: Some(set) })
    }

    /// Whether no record is ever skipped.
    pub(crate) fn is_empty(&self) -> bool {
        self.patterns.is_none()
    }

    /// Whether a record, given without its line ending, is skipped.
    pub(crate) fn is(&self, record: &[u8], encoding: Encoding) -> bool {
        let Some(patterns) = &self.patterns else { return false };
        patterns.is_match(&text(record, encoding))
    }
}

/// Decodes bytes to UTF-8; bytes that are not text stay as they are.
pub(crate) fn text(bytes: &[u8], encoding: Encoding) -> Cow<'_, [u8]> {
    match encoding.decode(bytes) {
        Some(text) => Cow::Owned(text.into_bytes()),
        None => Cow::Borrowed(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(patterns: &[&str]) -> Result<Skipped, InvalidDialect> {
        Skipped::new(&patterns.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_pattern_sees_the_whole_record_as_text() {
        let skipped = skipped(&["^Summe für", r"^;\[C\];\[K\]$"]).expect("patterns");
        assert!(skipped.is("Summe für alle;3".as_bytes(), Encoding::Utf8));
        assert!(skipped.is(b"Summe f\xfcr alle;3", Encoding::Windows1252));
        assert!(!skipped.is(b"Summe f\xfcr alle;3", Encoding::Utf8));
        assert!(skipped.is(b";[C];[K]", Encoding::Utf8));
        assert!(!skipped.is(b";[C];[K];1", Encoding::Utf8));
        assert!(!Skipped::default().is(b"", Encoding::Utf8));
    }

    #[test]
    fn a_pattern_that_is_invalid_or_matches_everything_is_refused() {
        assert!(matches!(skipped(&["("]), Err(InvalidDialect::Pattern { .. })));
        assert!(
            matches!(skipped(&["x", "y*"]), Err(InvalidDialect::MatchesAll { pattern }) if pattern == "y*")
        );
        assert!(matches!(skipped(&["."]), Err(InvalidDialect::MatchesAll { .. })));
        assert!(skipped(&["^,*$"]).is_ok());
    }
}
