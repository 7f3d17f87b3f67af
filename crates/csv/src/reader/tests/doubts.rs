//! Small files that are read although they are doubtful, with a count of the doubts; and rejects for which a setting is
//! named.

use super::*;
use crate::header::UnusableNames;
use crate::{Advice, Places};

fn summary(text: &str) -> Summary {
    read_with(text.as_bytes(), &Dialect::default()).expect("readable").1
}

#[test]
fn records_that_two_stray_quotes_make_a_value_are_counted() {
    let hidden = summary("id,name\n0,x\n1,\"abc\n2,def\n3,gh\"\n4,ij\n");
    assert_eq!((hidden.records, hidden.rejected), (3, 0));
    assert_eq!(hidden.lines_in_values, Places { count: 2, first_line: 3 });
    let wide = summary("a,b,c,d,e\r\n1,\"b,c,d,e\r\n2,b,c,d,e\r\n3\",c,d,e\r\n");
    assert_eq!(wide.lines_in_values, Places { count: 1, first_line: 2 });
    let two = summary("a,b,c\nx,\"y,1\nz,w\",2\n");
    assert_eq!(two.lines_in_values, Places { count: 1, first_line: 2 });
    for text in ["id,name\n1,\"Ann\nLee\"\n2,\"1 Main St\nRome, 10115\"\n", "a\n\"1\n2\n3\"\n"] {
        assert!(summary(text).lines_in_values.is_none(), "{text}");
    }
    let no_count = serde_json::to_string(&summary("a,b\n1,2\n")).expect("JSON");
    assert!(!no_count.contains("lines_in_values") && !no_count.contains("quotes_behind_blanks"));
}

#[test]
fn values_that_keep_their_quotes_because_of_blanks_are_counted() {
    let behind = summary("id, name\n1,Ann\n2, \"Bob\"\n3, \"Cid\" \n4,5\" pipe\n5, x\"y\n");
    assert_eq!(behind.quotes_behind_blanks, Places { count: 2, first_line: 3 });
    assert!(summary("id,name\n1,5\" pipe\n").quotes_behind_blanks.is_none());
}

#[test]
fn the_setting_that_would_read_rejects_is_named_once() {
    let escaped = summary("a,b\n1,\"x \\\"y\\\" z\"\n2,\"x \\\"y\\\" z\"\n");
    assert_eq!(escaped.advice, [Advice::Escape]);
    assert_eq!(summary("a,b\n'1','x, y'\n2,'x, y'\n").advice, [Advice::Quote]);
    assert_eq!(summary("a,b\n1, \"x, y\"\n").advice, [Advice::BlanksAfterDelimiter]);
    assert_eq!(summary("a,b\n1,2,3\n4\n").advice, []);
}

#[test]
fn a_last_column_without_a_name_is_one_if_records_have_a_value_there() {
    let suffix = Dialect { unusable_names: UnusableNames::Suffix, ..Dialect::default() };
    let (outcome, summary) =
        read_with(b"id,name,\n1,Ann,\n2,Bob,x\nid,name,\n", &suffix).expect("readable");
    assert_eq!(summary.header, ["id", "name", "column_3"]);
    assert_eq!(outcome.rows, [row(0, 2, &["1", "Ann", ""]), row(1, 3, &["2", "Bob", "x"])]);
    assert_eq!(outcome.rejects, [reject(2, 4, Reason::RepeatedHeader, "id,name,")]);
    for text in ["id,name,\n1,Ann,\n2,Bob\n", "id,name,\n"] {
        let (outcome, summary) = read_with(text.as_bytes(), &suffix).expect("readable");
        assert_eq!(summary.header, ["id", "name"], "{text}");
        assert_eq!(outcome.rejects, [], "{text}");
    }
}

#[test]
fn several_characters_between_fields_are_refused_by_name() {
    for first in ["sep=||", "SEP=\\t", "\"sep=, \""] {
        let text = format!("{first}\nid||name\n1||Ann\n");
        let found = invalid_header(&text, &Dialect::default());
        assert_eq!(found, Some(InvalidHeader::SeveralSeparators), "{first}");
    }
    let passed = Dialect { skip_lines: 1, ..Dialect::default() };
    assert_eq!(invalid_header("sep=||\nid,name\n1,Ann\n", &passed), None);
    assert_eq!(invalid_header("sep=x1,name\n1,Ann\n", &Dialect::default()), None, "a name");
}

fn invalid_header(text: &str, dialect: &Dialect) -> Option<InvalidHeader> {
    match read_with(text.as_bytes(), dialect) {
        Err(Error::Header(header)) => Some(header),
        _ => None,
    }
}

#[test]
fn a_file_that_ends_in_a_web_page_is_refused() {
    for page in
        ["<html><body>504</body></html>", "<!DOCTYPE HTML>\n<p>no", "  <?xml version=\"1.0\"?>"]
    {
        let text = format!("id,city\n1,Rome\n{page}\n");
        let found = read_with(text.as_bytes(), &Dialect::default());
        assert!(matches!(found, Err(Error::Page { line: 3 })), "{page}: {found:?}");
    }
    let marked = "id,city\n1,<html>\n<htm,Rome\n";
    let (outcome, _) = read_with(marked.as_bytes(), &Dialect::default()).expect("read");
    assert_eq!((outcome.rows.len(), outcome.rejects.len()), (2, 0));
}

#[test]
fn records_at_the_end_that_are_unlike_all_others_are_counted() {
    let orders = "id,day,name,amount\n1,2025-01-01,Ann,3\n2,2025-01-01,Ben,1\n3,2025-01-02,Cy,2\n";
    assert!(summary(orders).closing_records.is_none());
    let totals = summary(&format!("{orders}Gesamt,,,6\n"));
    assert_eq!(totals.closing_records, Places { count: 1, first_line: 5 });
    let remark = summary(&format!("{orders}4,2025-01-02,Di,1\nTotal,,,7\nas of today,,,\n\n"));
    assert_eq!(remark.closing_records, Places { count: 2, first_line: 6 });
    // Two records are too few to know what others look like.
    assert!(
        summary("id,day,name,amount\n1,2025-01-01,Ann,3\nGesamt,,,6\n").closing_records.is_none()
    );
    let no_count = serde_json::to_string(&summary(orders)).expect("JSON");
    assert!(!no_count.contains("closing_records"));
}

#[test]
fn a_last_record_is_compared_with_those_of_the_batch_before_it() {
    use std::fmt::Write;
    let mut text = String::from("id,day,name,amount\n");
    for id in 0..crate::columns::BATCH_ROWS {
        writeln!(text, "{id},2025-01-01,Ann,3").expect("written");
    }
    let line = i64::try_from(crate::columns::BATCH_ROWS + 2).expect("a line");
    assert!(summary(&text).closing_records.is_none());
    let totals = summary(&format!("{text}Gesamt,,,6\n"));
    assert_eq!(totals.closing_records, Places { count: 1, first_line: line });
}
