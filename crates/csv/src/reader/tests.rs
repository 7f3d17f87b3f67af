//! Small files, each with something that a reader may stumble over.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use super::*;
use crate::dialect::BareQuotes;
use crate::dialect::InvalidDialect;

mod around;
mod doubts;
mod encodings;

/// What came out of a file: rows as text, rejects as (row id, line, reason, raw).
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    rows: Vec<(i64, i64, Vec<String>)>,
    rejects: Vec<(i64, i64, Reason, String)>,
}

/// Gives its bytes out in pieces of a given size.
struct Pieces {
    bytes: Vec<u8>,
    size: usize,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.size.min(self.bytes.len()).min(into.len());
        into[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes.drain(..count);
        Ok(count)
    }
}

fn read_with(text: &[u8], dialect: &Dialect) -> Result<(Outcome, Summary), Error> {
    let input = Pieces { bytes: text.to_vec(), size: 7 };
    let mut reader = Reader::new(Box::new(input), "bucket/x.csv", dialect)?;
    let mut outcome = Outcome::default();
    while let Some(batch) = reader.next_batch()? {
        if let Some(rows) = batch.rows {
            let width = rows.num_columns() - 3;
            let ids = rows.column(width + 1).as_primitive::<Int64Type>();
            let lines = rows.column(width + 2).as_primitive::<Int64Type>();
            for row in 0..rows.num_rows() {
                let values = (0..width)
                    .map(|column| rows.column(column).as_string::<i32>().value(row).to_owned());
                outcome.rows.push((ids.value(row), lines.value(row), values.collect()));
            }
        }
        for reject in batch.rejects {
            let raw = String::from_utf8_lossy(&reject.raw).into_owned();
            outcome.rejects.push((reject.row_id, reject.line, reject.reason, raw));
        }
    }
    Ok((outcome, reader.summary().clone()))
}

fn read(text: &str) -> Outcome {
    read_with(text.as_bytes(), &Dialect::default()).expect("readable").0
}

fn row(id: i64, line: i64, values: &[&str]) -> (i64, i64, Vec<String>) {
    (id, line, values.iter().map(|value| (*value).to_owned()).collect())
}

fn reject(id: i64, line: i64, reason: Reason, raw: &str) -> (i64, i64, Reason, String) {
    (id, line, reason, raw.to_owned())
}

#[test]
fn every_record_counts_and_blank_lines_do_not() {
    let outcome = read("a,b\r\n1,2\r\n\r\n3\r\n4,5\r\n");
    assert_eq!(outcome.rows, [row(0, 2, &["1", "2"]), row(2, 5, &["4", "5"])]);
    assert_eq!(outcome.rejects, [reject(1, 4, Reason::TooFewFields, "3")]);
}

#[test]
fn quoted_line_ends_move_the_line_and_not_the_row() {
    let outcome = read("a,b\n\"x\r\ny\",2\n3,4");
    assert_eq!(outcome.rows, [row(0, 2, &["x\ny", "2"]), row(1, 4, &["3", "4"])]);
}

#[test]
fn a_stray_quote_costs_its_own_line_only() {
    let outcome = read("a,b\n1,\"2\n3,4\n5,\"6\"\n7,8\n");
    assert_eq!(
        outcome.rows,
        [row(1, 3, &["3", "4"]), row(2, 4, &["5", "6"]), row(3, 5, &["7", "8"])]
    );
    assert_eq!(outcome.rejects, [reject(0, 2, Reason::TextAfterQuote, "1,\"2")]);
    let unterminated = read("a,b\n1,\"2\n3,4\n5,6\n");
    assert_eq!(unterminated.rows, [row(1, 3, &["3", "4"]), row(2, 4, &["5", "6"])]);
    assert_eq!(unterminated.rejects, [reject(0, 2, Reason::UnterminatedQuote, "1,\"2")]);
}

#[test]
fn a_repeated_header_and_invalid_bytes_are_rejected() {
    let outcome = read("a,b\n1,2\na,b\n3,4\n");
    assert_eq!(outcome.rows.len(), 2);
    assert_eq!(outcome.rejects, [reject(1, 3, Reason::RepeatedHeader, "a,b")]);
    let (outcome, _) = read_with(b"a,b\n1,\xff\n3,4\n", &Dialect::default()).expect("readable");
    assert_eq!(outcome.rejects, [reject(0, 2, Reason::Encoding, "1,\u{fffd}")]);
}

#[test]
fn a_byte_order_mark_and_a_trailing_delimiter_are_not_columns() {
    let (outcome, summary) =
        read_with(b"\xef\xbb\xbfa,b,\n1,2,\n3,4\n5,6,7\n", &Dialect::default()).expect("readable");
    assert_eq!(summary.header, ["a", "b"]);
    assert!(summary.byte_order_mark);
    assert_eq!(outcome.rows, [row(0, 2, &["1", "2"]), row(1, 3, &["3", "4"])]);
    assert_eq!(outcome.rejects, [reject(2, 4, Reason::TooManyFields, "5,6,7")]);
}

#[test]
fn a_file_without_rows_has_a_summary_and_one_without_a_header_has_none() {
    let (outcome, summary) = read_with(b"a,b\r\n", &Dialect::default()).expect("readable");
    assert_eq!((outcome.rows.len(), summary.records, summary.line_end.as_str()), (0, 0, "crlf"));
    for empty in ["", "\n\n"] {
        let error = read_with(empty.as_bytes(), &Dialect::default()).expect_err("no header");
        assert!(matches!(error, Error::Header(InvalidHeader::Missing)));
    }
}

#[test]
fn records_add_up() {
    let text = "a,b\n1,2\n\"x\"y,2\n3\n1,2,3\n\n4,5\n";
    let (_, summary) = read_with(text.as_bytes(), &Dialect::default()).expect("readable");
    assert_eq!((summary.records, summary.accepted, summary.rejected), (5, 2, 3));
    assert_eq!((summary.blank_lines, summary.bytes), (1, text.len() as u64));
}

#[test]
fn nul_bytes_are_dropped_and_counted_or_rejected() {
    let (outcome, summary) = read_with(b"a,b\n1\0,2\n", &Dialect::default()).expect("readable");
    assert_eq!(outcome.rows, [row(0, 2, &["1", "2"])]);
    assert_eq!(summary.records_with_nul, 1);
    let strict = Dialect { nul: Nul::Reject, ..Dialect::default() };
    let (outcome, _) = read_with(b"a,b\n1\0,2\n", &strict).expect("readable");
    assert_eq!(outcome.rejects[0].2, Reason::Nul);
}

#[test]
fn nothing_inside_balanced_quotes_is_read_as_rows() {
    let too_wide = read("a,b\n1,\"\n2,3\n\",4\n5,6\n");
    assert_eq!(too_wide.rows, [row(1, 5, &["5", "6"])]);
    assert_eq!(too_wide.rejects, [reject(0, 2, Reason::TooManyFields, "1,\"\n2,3\n\",4")]);
    let (no_text, _) =
        read_with(b"a,b\n1,\"\n2,3\n\xff\"\n", &Dialect::default()).expect("readable");
    assert!(no_text.rows.is_empty());
    assert_eq!(no_text.rejects, [reject(0, 2, Reason::Encoding, "1,\"\n2,3\n\u{fffd}\"")]);
    let order = read("a,b\n1,\"x\n2,3\n4,5\ny\",9\n6,7\n");
    assert_eq!(order.rows, [row(1, 6, &["6", "7"])]);
    let too_narrow = read("a,b\n\"x\n2,3\n\"\n4,5\n");
    assert_eq!(too_narrow.rows, [row(1, 5, &["4", "5"])]);
    let strict = Dialect { bare_quotes: BareQuotes::Reject, ..Dialect::default() };
    let (bare, _) = read_with(b"a,b\n5\" x,\"\n2,3\n\"\n4,5\n", &strict).expect("readable");
    assert_eq!(bare.rows, [row(1, 5, &["4", "5"])]);
    let (nul, _) = read_with(
        b"a,b\n\0,\"\n2,3\n\"\n4,5\n",
        &Dialect { nul: Nul::Reject, ..Dialect::default() },
    )
    .expect("readable");
    assert_eq!(nul.rows, [row(1, 5, &["4", "5"])]);
}

#[test]
fn reading_goes_on_only_at_a_line_from_which_every_line_is_a_record() {
    // The last line of the stretch is not a record, so that the one before it may be text.
    let torn = read("a,b\n1,\"x\n2,3\ny\" z,9\n6,7\n");
    assert_eq!(torn.rows, [row(1, 5, &["6", "7"])]);
    assert_eq!(torn.rejects, [reject(0, 2, Reason::TextAfterQuote, "1,\"x\n2,3\ny\" z,9")]);
    let cut = read("a,b\n1,\"note\n2,3\nends here");
    assert!(cut.rows.is_empty());
    assert_eq!(cut.rejects.len(), 1);
    let later = read("a,b\n1,\"x\n2\n\n3,4\n5,6\n");
    assert_eq!(later.rows, [row(1, 5, &["3", "4"]), row(2, 6, &["5", "6"])]);
    assert_eq!(later.rejects, [reject(0, 2, Reason::UnterminatedQuote, "1,\"x\n2\n")]);
}

#[test]
fn a_field_of_any_length_gives_no_rows() {
    let inside = "yy,zz\n".repeat((17 << 20) / 6);
    for (text, reason) in [
        (format!("a,b\n1,\"{inside}\"\n3,4\n"), Reason::FieldTooLong),
        (format!("a,b\n1,{}\n3,4\n", "y".repeat(17 << 20)), Reason::FieldTooLong),
        (format!("a,b\n1,{}\n3,4\n", "y,".repeat(33 << 20)), Reason::RecordTooLong),
    ] {
        let mut reader = Reader::new(
            Box::new(std::io::Cursor::new(text.clone())),
            "b/x.csv",
            &Dialect::default(),
        )
        .expect("a header");
        let (mut rows, mut rejects) = (Vec::new(), Vec::new());
        while let Some(batch) = reader.next_batch().expect("bytes do not fail") {
            rows.extend(batch.rows);
            rejects.extend(batch.rejects);
        }
        let summary = reader.summary();
        assert_eq!((summary.accepted, summary.rejected), (1, 1), "{reason}");
        assert_eq!(
            (rejects[0].reason, rejects[0].line, rejects[0].raw.len()),
            (reason, 2, 1 << 20)
        );
        let line = rows[0].column(4).as_primitive::<Int64Type>().value(0);
        assert_eq!(line, signed(text.lines().count()));
        assert_eq!(summary.bytes, text.len() as u64);
    }
}

#[test]
fn a_file_in_which_a_stray_quote_swallows_records_is_refused() {
    let inside = "yy,zz\n".repeat((17 << 20) / 6);
    for end in ["\"x,\"2\n3,4\n", "", "1,\"y\"\n3,4\n", "\"\n3,4\n\"", "\",2,3\n4,5\n"] {
        let text = format!("a,b\n1,2\n3,\"12 inch\n{inside}{end}");
        let input = Box::new(std::io::Cursor::new(text));
        let mut reader = Reader::new(input, "b/x.csv", &Dialect::default()).expect("a header");
        let is_whole = end.starts_with("\"\n");
        let error = loop {
            match reader.next_batch() {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        assert_eq!(matches!(error, Some(Error::Doubtful { line: 3 })), !is_whole, "{end:?}");
    }
}

#[test]
fn a_dialect_of_characters_that_are_not_bytes_is_refused() {
    for dialect in [
        Dialect { quote: Some('é'), ..Dialect::default() },
        Dialect { delimiter: Some('→'), ..Dialect::default() },
        Dialect { delimiter: Some('"'), ..Dialect::default() },
        Dialect { escape: Some('\n'), ..Dialect::default() },
    ] {
        let error = read_with(b"a,b\n1,2\n", &dialect).expect_err("refused");
        assert!(matches!(error, Error::Dialect(InvalidDialect::Characters)), "{dialect:?}");
    }
}

#[test]
fn a_record_that_lost_the_delimiter_before_a_quoted_field_is_rejected() {
    let outcome = read("a,b\n1\"x,y\"\n5\" pipe,2\n3,\"4\"\n");
    assert_eq!(outcome.rejects, [reject(0, 2, Reason::LostDelimiter, "1\"x,y\"")]);
    assert_eq!(outcome.rows, [row(1, 3, &["5\" pipe", "2"]), row(2, 4, &["3", "4"])]);
    let apostrophes = read("a,b\nO'Hara,D'Arcy\n");
    assert_eq!(apostrophes.rows, [row(0, 2, &["O'Hara", "D'Arcy"])]);
}

#[test]
fn a_repeated_header_is_recognised_in_other_forms() {
    for again in [
        "id,name",
        "\"id\",\"name\"",
        "\u{feff}id,name",
        "\u{feff}\"id\",\"name\"",
        "ID,Name",
        " id , name ",
        "\"ID\",\" name\"",
    ] {
        let (outcome, summary) =
            read_with(format!("id,name\n1,Ann\n{again}\n2,Bob\n").as_bytes(), &Dialect::default())
                .expect("readable");
        assert_eq!(outcome.rejects, [reject(1, 3, Reason::RepeatedHeader, again)]);
        assert_eq!(summary.repeated_headers, 1);
    }
    let accented = read("Größe,ß\"x\n1,2\nGRÖSSE,SS\nGRÖßE, ß\"X\n");
    assert_eq!(accented.rejects, [reject(2, 4, Reason::RepeatedHeader, "GRÖßE, ß\"X")]);
    for row in ["id,nam", "id,id", "i,dname", "idx,name"] {
        assert!(read(&format!("id,name\n{row}\n")).rejects.is_empty(), "{row}");
    }
}

#[test]
fn a_repeated_header_of_another_encoding_is_recognised() {
    let windows = Dialect { encoding: Encoding::Windows1252.into(), ..Dialect::default() };
    let (outcome, _) =
        read_with(b"gr\xf6\xdfe,b\n1,2\ngr\xf6\xdfe,b\n", &windows).expect("readable");
    assert_eq!((outcome.rows.len(), outcome.rejects[0].2), (1, Reason::RepeatedHeader));
}

fn with_repeated_header(repeated_header: dialect::RepeatedHeader) -> Dialect {
    Dialect { repeated_header, ..Dialect::default() }
}

#[test]
fn a_row_that_equals_the_header_is_what_the_dialect_says() {
    let text = b"foo\nfoo\nFOO\nbar\n";
    let (outcome, summary) = read_with(text, &Dialect::default()).expect("readable");
    assert_eq!(outcome.rejects, [reject(0, 2, Reason::RepeatedHeader, "foo")]);
    assert_eq!(outcome.rows, [row(1, 3, &["FOO"]), row(2, 4, &["bar"])]);
    assert_eq!(summary.repeated_headers, 1);
    let accept = with_repeated_header(dialect::RepeatedHeader::Accept);
    let (outcome, summary) = read_with(text, &accept).expect("readable");
    assert_eq!(outcome.rows, [row(0, 2, &["foo"]), row(1, 3, &["FOO"]), row(2, 4, &["bar"])]);
    assert_eq!((summary.repeated_headers, summary.accepted), (1, 3));
    let skip = with_repeated_header(dialect::RepeatedHeader::Skip);
    let glued = b"a,b\n1,2\n\xef\xbb\xbfa,b\n3,4\n";
    let (outcome, summary) = read_with(glued, &skip).expect("readable");
    assert_eq!(outcome.rows, [row(0, 2, &["1", "2"]), row(1, 4, &["3", "4"])]);
    assert_eq!((summary.repeated_headers, summary.records, summary.rejected), (1, 2, 0));
}

#[test]
fn a_second_byte_order_mark_is_not_part_of_a_name() {
    for marks in ["\u{feff}\u{feff}", "\u{feff}\u{feff}\u{feff}"] {
        let text = format!("{marks}\"a\",b\n1\n");
        let (outcome, summary) = read_with(text.as_bytes(), &Dialect::default()).expect("readable");
        assert_eq!((summary.header, summary.byte_order_mark), (vec!["a".into(), "b".into()], true));
        assert_eq!((outcome.rejects[0].1, summary.bytes), (2, text.len() as u64));
    }
}

#[test]
fn rows_of_nothing_but_delimiters_are_counted() {
    let (outcome, summary) =
        read_with(b"a,b,c\n,,\n1,,\n\"\",,\n,,\n", &Dialect::default()).expect("readable");
    assert_eq!((outcome.rows.len(), summary.empty_rows, summary.accepted), (4, 2, 4));
}

#[test]
fn blanks_after_delimiters_and_files_without_quotes_are_settings() {
    let blanks_after_delimiter = dialect::BlanksAfterDelimiter::Skip;
    let skip = Dialect { blanks_after_delimiter, ..Dialect::default() };
    let text = b"id, name, city\n1, \"Ann\", \"Rome\"\n2, \"Lee, Bob\",  Oslo \n3,,\n";
    let (outcome, summary) = read_with(text, &skip).expect("readable");
    assert_eq!(summary.header, ["id", "name", "city"]);
    assert_eq!(
        outcome.rows,
        [
            row(0, 2, &["1", "Ann", "Rome"]),
            row(1, 3, &["2", "Lee, Bob", "Oslo "]),
            row(2, 4, &["3", "", ""])
        ]
    );
    assert_eq!((outcome.rejects.len(), summary.bare_quotes), (0, 0));
    let none = Dialect { quote: None, ..Dialect::default() };
    let (outcome, summary) =
        read_with(b"a\tb\n\"1\t5\"\" pipe\n3\"\"4\t\"\n", &none).expect("readable");
    assert_eq!(outcome.rows, [row(0, 2, &["\"1", "5\"\" pipe"]), row(1, 3, &["3\"\"4", "\""])]);
    assert_eq!((outcome.rejects.len(), summary.bare_quotes), (0, 0));
    let apostrophe = Dialect { quote: Some('\''), ..Dialect::default() };
    let (outcome, _) = read_with(b"a,b\n'1,2','it''s \"so\"'\n", &apostrophe).expect("readable");
    assert_eq!(outcome.rows, [row(0, 2, &["1,2", "it's \"so\""])]);
}
