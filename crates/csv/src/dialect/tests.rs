//! Tests of settings: what is read, refused, and written back.

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
    let text = r#"{"quote": "", "blanks_after_delimiter": "skip", "repeated_header": "accept"}"#;
    let dialect = parsed(text).expect("a dialect");
    assert_eq!((dialect.quote, dialect.repeated_header), (None, RepeatedHeader::Accept));
    let written = serde_json::to_string(&dialect).expect("text");
    assert_eq!(parsed(&written), Ok(dialect));
    assert_eq!(parsed(r#"{"quote": "'"}"#).expect("a dialect").quote, Some('\''));
}

#[test]
fn a_delimiter_of_two_characters_is_refused_with_what_to_write() {
    let error = parsed(r#"{"delimiter": ", "}"#).expect_err("two characters");
    assert!(error.contains("delimiter = \",\" and blanks_after_delimiter = \"skip\""), "{error}");
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
