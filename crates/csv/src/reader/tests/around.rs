//! What stands around the table: lines above the header, `sep=`, comments, units, totals; and NULL.

use arrow_array::Array;

use super::*;

fn summary_of(text: &str, dialect: &Dialect) -> (Outcome, Summary) {
    read_with(text.as_bytes(), dialect).expect("readable")
}

fn refused(text: &str, dialect: &Dialect) -> Error {
    read_with(text.as_bytes(), dialect).expect_err("refused")
}

fn invalid(dialect: &Dialect) -> InvalidDialect {
    dialect.validate().expect_err("invalid")
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn lines_above_the_header_are_skipped_by_their_number() {
    let dialect = Dialect { skip_lines: 2, ..Dialect::default() };
    for above in ["Extracted on 3 May\n\n", "\"one\n two, three\r\n", "a;b;c\r;;\r"] {
        let (outcome, summary) = summary_of(&format!("{above}a,b\n1,2\n3\n"), &dialect);
        assert_eq!(outcome.rows, [row(0, 4, &["1", "2"])], "{above:?}");
        assert_eq!(outcome.rejects, [reject(1, 5, Reason::TooFewFields, "3")]);
        assert_eq!((summary.skipped_lines, summary.records), (2, 2));
    }
    let short = refused("only one line\n", &dialect);
    assert!(matches!(short, Error::Header(InvalidHeader::Missing)));
}

#[test]
fn a_header_is_found_by_its_names_however_many_lines_stand_above() {
    let header_names = strings(&["day", "Country "]);
    let dialect = Dialect { header_names, ..Dialect::default() };
    for (above, delimiter) in [("", ","), ("Report\n", ";"), ("x,y\n\n\"a \"b\"\nday\n", "\t")] {
        let header = ["country", "\" Day\"", "n"].join(delimiter);
        let record = ["US", "2025-01-01", "7"].join(delimiter);
        let (outcome, summary) = summary_of(&format!("{above}{header}\n{record}\n"), &dialect);
        let lines = above.matches('\n').count();
        assert_eq!(
            outcome.rows,
            [row(0, signed(lines) + 2, &["US", "2025-01-01", "7"])],
            "{above:?}"
        );
        assert_eq!((summary.skipped_lines, summary.delimiter.as_str()), (lines as u64, delimiter));
    }
    for none in ["", "country,days\n1,2\n", &"x\n".repeat(1001)] {
        let error = refused(none, &dialect);
        assert!(matches!(error, Error::Header(InvalidHeader::NotFound)), "{none:?}: {error}");
    }
}

#[test]
fn a_header_is_found_by_a_pattern_and_starts_at_its_group() {
    let dialect = Dialect {
        header_pattern: Some("^#Fields: (.*)".to_owned()),
        comment: Some("#".to_owned()),
        delimiter: Some(' '),
        ..Dialect::default()
    };
    let text = "#Version: 1.0\n#Fields: date time\n1 2\n#Date: x\n#Fields: date time\n3 4\n";
    let (outcome, summary) = summary_of(text, &dialect);
    assert_eq!(summary.header, ["date", "time"]);
    assert_eq!(outcome.rows, [row(0, 3, &["1", "2"]), row(1, 6, &["3", "4"])]);
    assert_eq!((summary.skipped_lines, summary.comment_lines), (1, 2));
    let other = text.replace("#Date: x", "#Fields: time date");
    assert!(matches!(refused(&other, &dialect), Error::OtherHeader { line: 4 }));
    let line = Dialect { header_pattern: Some("^id".to_owned()), ..Dialect::default() };
    let (outcome, _) = summary_of("x\nid,n\n1,2\nid,n\n", &line);
    assert_eq!(outcome.rows, [row(0, 3, &["1", "2"])]);
    assert_eq!(outcome.rejects, [reject(1, 4, Reason::RepeatedHeader, "id,n")]);
}

#[test]
fn a_pattern_sees_text_in_the_encoding_of_the_file() {
    let dialect = Dialect {
        header_pattern: Some("^Überschrift: (.*)".to_owned()),
        encoding: Encoding::Windows1252.into(),
        ..Dialect::default()
    };
    let (outcome, summary) =
        read_with(b"x\n\xdcberschrift: a,b\xfc\n1,\xe9\n", &dialect).expect("readable");
    assert_eq!(summary.header, ["a", "bü"]);
    assert_eq!(outcome.rows, [row(0, 3, &["1", "é"])]);
}

#[test]
fn a_comment_is_not_a_record_wherever_it_stands() {
    let dialect = Dialect { comment: Some("//".to_owned()), ..Dialect::default() };
    let text = "// one\n\na,b\n1,2\n//\n// \"x\n\"// text\n// more\",3\n/,4\n//";
    let (outcome, summary) = summary_of(text, &dialect);
    assert_eq!(
        outcome.rows,
        [row(0, 4, &["1", "2"]), row(1, 7, &["// text\n// more", "3"]), row(2, 9, &["/", "4"])]
    );
    assert_eq!((summary.comment_lines, summary.blank_lines, summary.rejected), (4, 1, 0));
}

#[test]
fn the_first_line_may_name_the_delimiter() {
    for first in ["sep=;\n", "SEP=;\r\n", "\"sep=;\"\r", "\u{feff}sep=;\n"] {
        let (outcome, summary) = summary_of(&format!("{first}a;b\n1;2,5\n"), &Dialect::default());
        assert_eq!(outcome.rows, [row(0, 3, &["1", "2,5"])], "{first:?}");
        assert_eq!((summary.skipped_lines, summary.delimiter.as_str()), (1, ";"));
    }
    for wrong in ["sep=;\na,b\n1,2\n", "sep=,\na;b\n1;2\n"] {
        let error = refused(wrong, &Dialect::default());
        assert!(matches!(error, Error::Header(InvalidHeader::UncertainDelimiter)), "{wrong}");
    }
    let same = Dialect { delimiter: Some(';'), skip_lines: 2, ..Dialect::default() };
    let (outcome, summary) = summary_of("sep=;\nTitle\na;b\n1;2\n", &same);
    assert_eq!((outcome.rows, summary.skipped_lines), (vec![row(0, 4, &["1", "2"])], 2));
    let other = Dialect { delimiter: Some(','), ..Dialect::default() };
    let error = refused("sep=;\na;b\n", &other);
    assert!(matches!(
        error,
        Error::Header(InvalidHeader::OtherDelimiter { named: ';', given: ',' })
    ));
    let named = Dialect { names: Some(strings(&["x", "y"])), ..Dialect::default() };
    let (outcome, _) = summary_of("sep=|\n1|2\n", &named);
    assert_eq!(outcome.rows, [row(0, 2, &["1", "2"])]);
}

#[test]
fn units_and_totals_are_skipped_by_pattern() {
    let skip_records = strings(&[r"^;\[C\]$", "^Total", r"^\*\*\*"]);
    let dialect = Dialect { skip_records, delimiter: Some(';'), ..Dialect::default() };
    let text = "t;m\n;[C]\n1;2\n\"Total\nof\";3\nTotal: 1\n***END \"x\n4;\"Total\"\nTotal;\"5\n";
    let (outcome, summary) = summary_of(text, &dialect);
    let quoted = row(1, 4, &["Total\nof", "3"]);
    assert_eq!(outcome.rows, [row(0, 3, &["1", "2"]), quoted, row(2, 8, &["4", "Total"])]);
    assert_eq!((outcome.rejects, summary.skipped_records), (vec![], 4));
    assert_eq!((summary.records, summary.accepted), (3, 3));
}

#[test]
fn a_header_of_other_columns_below_the_first_refuses_the_file() {
    for text in [
        "id,name,city\n1,a,b\nname,id,city\nc,2,d\n",
        "id,name,city\n1,a,b\nid,Name, town\n2,c,d\n",
    ] {
        assert!(
            matches!(refused(text, &Dialect::default()), Error::OtherHeader { line: 3 }),
            "{text}"
        );
        let accept =
            Dialect { repeated_header: dialect::RepeatedHeader::Accept, ..Dialect::default() };
        assert_eq!(summary_of(text, &accept).0.rows.len(), 3);
    }
    for text in ["id,name,city\nid,1,2\n", "id,name,city\nname,name,name\n", "a\nb\n"] {
        assert_eq!(summary_of(text, &Dialect::default()).0.rejects, [], "{text}");
    }
}

#[test]
fn empty_and_quoted_empty_differ_if_the_dialect_says_so() {
    let dialect =
        Dialect { null_values: strings(&["", "\\N", "k\u{e9}ine"]), ..Dialect::default() };
    let text = "a,b,c\n,\"\",x\n\\N,\"\\N\",\u{1F}\nk\u{e9}ine,\"k\u{e9}ine\",\"\"\n";
    let mut reader =
        Reader::new(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), "f", &dialect)
            .expect("a header");
    let rows = reader.next_batch().expect("readable").and_then(|batch| batch.rows).expect("rows");
    let values: Vec<Vec<Option<&str>>> =
        (0..3).map(|column| rows.column(column).as_string::<i32>().iter().collect()).collect();
    assert_eq!(values[0], [None, None, None]);
    assert_eq!(values[1], [Some(""), Some("\\N"), Some("k\u{e9}ine")]);
    assert_eq!(values[2], [Some("x"), Some("\u{1F}"), Some("")]);
    assert!(rows.schema().field(0).is_nullable() && !rows.schema().field(3).is_nullable());
    assert_eq!(rows.column(2).null_count(), 0);
}

#[test]
fn impossible_settings_of_lines_are_refused() {
    let twice = Dialect {
        header_names: strings(&["a"]),
        header_pattern: Some("^a".to_owned()),
        ..Dialect::default()
    };
    assert_eq!(invalid(&twice), InvalidDialect::HeaderTwice);
    let both = Dialect {
        header_names: strings(&["a"]),
        names: Some(strings(&["a"])),
        ..Dialect::default()
    };
    assert_eq!(invalid(&both), InvalidDialect::HeaderTwice);
    let groups = Dialect { header_pattern: Some("(a)(b)".to_owned()), ..Dialect::default() };
    assert_eq!(invalid(&groups), InvalidDialect::SeveralGroups);
    let open = Dialect { header_pattern: Some("(".to_owned()), ..Dialect::default() };
    assert!(matches!(invalid(&open), InvalidDialect::Pattern { setting: "header_pattern", .. }));
    for value in ["a\nb", "\"x", "a,b"] {
        let null_values = strings(&[value]);
        let dialect = Dialect { null_values, delimiter: Some(','), ..Dialect::default() };
        assert_eq!(invalid(&dialect), InvalidDialect::NullValue, "{value:?}");
    }
    let empty = Dialect { header_names: strings(&[" "]), ..Dialect::default() };
    assert_eq!(invalid(&empty), InvalidDialect::EmptyHeader);
    for comment in ["", ",x", "\"", " #", "#\n"] {
        let dialect = Dialect { comment: Some(comment.to_owned()), ..Dialect::default() };
        assert_eq!(invalid(&dialect), InvalidDialect::Comment, "{comment:?}");
    }
}
