//! Small files in all encodings, and files that are not text at all.

use super::*;

fn windows_or_utf8() -> Dialect {
    let encoding = crate::Encodings::new(vec![Encoding::Utf8, Encoding::Windows1252]);
    Dialect { encoding, ..Dialect::default() }
}

fn only_windows() -> Dialect {
    Dialect { encoding: Encoding::Windows1252.into(), ..Dialect::default() }
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

fn utf32(text: &str, order: fn(u32) -> [u8; 4]) -> Vec<u8> {
    text.chars().flat_map(|character| order(character.into())).collect()
}

fn marked(text: &str) -> String {
    format!("\u{feff}{text}")
}

#[test]
fn each_file_is_read_in_its_own_encoding() {
    for dialect in [windows_or_utf8(), only_windows()] {
        let (outcome, summary) = read_with("id,city\n1,Köln\n".as_bytes(), &dialect).expect("read");
        assert_eq!(outcome.rows, [row(0, 2, &["1", "Köln"])]);
        assert_eq!(summary.encoding, "utf-8");
        let (outcome, summary) = read_with(b"id,city\n1,K\xf6ln \x80\n", &dialect).expect("read");
        assert_eq!(outcome.rows, [row(0, 2, &["1", "Köln €"])]);
        assert_eq!(summary.encoding, "windows-1252");
    }
    let (_, summary) = read_with(b"id,city\n1,Bonn\n", &windows_or_utf8()).expect("read");
    assert_eq!(summary.encoding, "utf-8");
    let (_, summary) = read_with(b"id,city\n1,Bonn\n", &only_windows()).expect("read");
    assert_eq!(summary.encoding, "windows-1252");
}

#[test]
fn the_first_record_beyond_ascii_decides_if_the_start_does_not() {
    let start = format!("id,city\n{}", "1,Bonn\n".repeat(20_000));
    for dialect in [windows_or_utf8(), only_windows()] {
        let file = [start.as_bytes(), b"2,K\xf6ln\n"].concat();
        let (outcome, summary) = read_with(&file, &dialect).expect("read");
        assert_eq!(outcome.rows.last(), Some(&row(20_000, 20_002, &["2", "Köln"])));
        assert_eq!(summary.encoding, "windows-1252");
        let file = [&start, "2,Köln\n"].concat();
        let (outcome, summary) = read_with(file.as_bytes(), &dialect).expect("read");
        assert_eq!(outcome.rows.last(), Some(&row(20_000, 20_002, &["2", "Köln"])));
        assert_eq!((summary.rejected, summary.encoding.as_str()), (0, "utf-8"));
        let file = [start.as_bytes(), b"2,K\xf6ln\n", "3,Köln\n4,Köln\n".as_bytes()].concat();
        let (outcome, _) = read_with(&file, &dialect).expect("read");
        assert_eq!(outcome.rejects.len(), 1, "the first one alone is the broken one");
        assert_eq!(outcome.rejects[0].2, Reason::Encoding);
    }
}

#[test]
fn what_contradicts_the_encoding_of_the_file_is_rejected() {
    for dialect in [windows_or_utf8(), only_windows()] {
        let mostly_windows =
            [&b"id,city\n1,K\xf6ln\n2,K\xf6ln\n"[..], "3,Köln\n".as_bytes()].concat();
        let (outcome, _) = read_with(&mostly_windows, &dialect).expect("read");
        assert_eq!(outcome.rows, [row(0, 2, &["1", "Köln"]), row(1, 3, &["2", "Köln"])]);
        assert_eq!(outcome.rejects, [reject(2, 4, Reason::OtherEncoding, "3,Köln")]);
        let mostly_utf8 = ["id,city\n1,Köln\n2,Köln\n".as_bytes(), b"3,K\xf6ln\n"].concat();
        let (outcome, _) = read_with(&mostly_utf8, &dialect).expect("read");
        assert_eq!(outcome.rows, [row(0, 2, &["1", "Köln"]), row(1, 3, &["2", "Köln"])]);
        assert_eq!(outcome.rejects, [reject(2, 4, Reason::Encoding, "3,K\u{fffd}ln")]);
    }
    // One field of each kind, and a header of the other kind.
    let both = [b"a,b\nK\xf6ln,K\xf6ln\nK\xf6ln,", "Köln\n".as_bytes()].concat();
    let (outcome, _) = read_with(&both, &only_windows()).expect("read");
    assert_eq!(outcome.rejects.len(), 1);
    let header = ["Stück,b\n".as_bytes(), b"1,K\xf6ln\n2,K\xf6ln\n"].concat();
    let refused = read_with(&header, &only_windows()).map(|_| ());
    let expected = InvalidHeader::Unreadable(Reason::OtherEncoding);
    assert!(matches!(refused, Err(Error::Header(found)) if found == expected));
}

#[test]
fn wide_text_without_a_mark_is_recognised() {
    let text = "id,city\n1,Москва\n2,Тула\n3,Ялта\n";
    let rows = [row(0, 2, &["1", "Москва"]), row(1, 3, &["2", "Тула"]), row(2, 4, &["3", "Ялта"])];
    let files = [
        (utf16(text, u16::to_le_bytes), "utf-16le"),
        (utf16(text, u16::to_be_bytes), "utf-16be"),
        (utf32(text, u32::to_le_bytes), "utf-32le"),
        (utf32(text, u32::to_be_bytes), "utf-32be"),
    ];
    for (file, name) in files {
        let (outcome, summary) = read_with(&file, &Dialect::default()).expect("read");
        assert_eq!(outcome, Outcome { rows: rows.to_vec(), rejects: Vec::new() });
        assert_eq!(summary.encoding, name);
    }
}

#[test]
fn a_header_with_control_characters_refuses_the_file() {
    for (text, expected) in [
        ("id\0,v\n1,2\n", Some(1)),
        ("id,\u{1}v\n1,2\n", Some(2)),
        ("id,\u{7f}\n1,2\n", Some(2)),
        ("id,\"a\tb\nc\"\n1,2\n", None),
        ("id,Größe\n1,2\n", None),
    ] {
        let refused = match read_with(text.as_bytes(), &Dialect::default()) {
            Err(Error::Header(InvalidHeader::ControlCharacter { position })) => Some(position),
            _ => None,
        };
        assert_eq!(refused, expected, "{text:?}");
    }
}

#[test]
fn a_second_byte_order_mark_is_not_part_of_the_first_name() {
    let (outcome, summary) =
        read_with("\u{feff}\u{feff}id,v\n1,2\n".as_bytes(), &Dialect::default()).expect("read");
    assert_eq!(summary.header, ["id", "v"]);
    assert_eq!(outcome.rows, [row(0, 2, &["1", "2"])]);
}

#[test]
fn other_formats_are_named_even_if_names_are_given() {
    let named = Dialect { names: Some(vec!["a".to_owned()]), ..Dialect::default() };
    for dialect in [Dialect::default(), named] {
        let refused = read_with(b"PK\x03\x04\x14\0\n\0", &dialect).map(|_| ());
        let expected = InvalidHeader::OtherFormat { what: "a zip archive" };
        let Err(Error::Header(found)) = refused else { panic!("not refused") };
        assert_eq!(found, expected);
        assert_eq!(found.to_string(), "this is a zip archive, not a CSV file");
    }
}

#[test]
fn a_file_that_cannot_be_read_on_says_how_far_it_was_read() {
    struct Cut;
    impl Read for Cut {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::UnexpectedEof.into())
        }
    }
    let input = Box::new("id,v\n1,2\n".as_bytes().chain(Cut));
    let found = Reader::new(input, "bucket/x.csv", &Dialect::default()).map(|_| ());
    assert!(matches!(found, Err(Error::Read { offset: 9, .. })), "{found:?}");
}

#[test]
fn files_in_two_encodings_that_were_put_together_are_refused() {
    let first = "id,name\n1,Ann\n2,Bob";
    let second = "id,name\n3,Cid\n4,Dee\n";
    let orders = [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes];
    for end in ["", "\n", "\r\n"] {
        let narrow = format!("{first}{end}").into_bytes();
        let behind = orders.map(|order| [utf16(second, order), utf16(&marked(second), order)]);
        for behind in behind.into_iter().flatten() {
            for dialect in [Dialect::default(), windows_or_utf8(), only_windows()] {
                let file = [&narrow[..], &behind].concat();
                let found = read_with(&file, &dialect).map(|_| ());
                assert!(matches!(found, Err(Error::OtherEncoding { .. })), "{end:?}: {found:?}");
            }
        }
        let first = &marked(&format!("{first}{end}"));
        for wide in orders.map(|order| utf16(first, order)) {
            for behind in [second.as_bytes(), marked(second).as_bytes()] {
                let found =
                    read_with(&[&wide[..], behind].concat(), &Dialect::default()).map(|_| ());
                assert!(matches!(found, Err(Error::OtherEncoding { .. })), "{end:?}: {found:?}");
            }
        }
        let both = [utf16(first, orders[0]), utf16(&marked(second), orders[1])].concat();
        let found = read_with(&both, &Dialect::default()).map(|_| ());
        assert!(matches!(found, Err(Error::OtherEncoding { .. })), "{end:?}: {found:?}");
    }
    let wide = utf16("\u{feff}name\nAnn\n", u16::to_le_bytes);
    let one_column = [&wide[..], b"name\nBob, Jr and his sons\nCid\n"].concat();
    let found = read_with(&one_column, &Dialect::default()).map(|_| ());
    assert!(matches!(found, Err(Error::OtherEncoding { line: 3 })), "{found:?}");
}

#[test]
fn a_mark_inside_a_file_rejects_the_record_that_it_hides_in() {
    let (outcome, _) = read_with(
        "id,v\n1,a\n\u{feff}id,v\n2,b\n\u{feff}\"3\",c\n".as_bytes(),
        &Dialect::default(),
    )
    .expect("read");
    assert_eq!(outcome.rows, [row(0, 2, &["1", "a"]), row(2, 4, &["2", "b"])]);
    let expected = [
        reject(1, 3, Reason::RepeatedHeader, "\u{feff}id,v"),
        reject(3, 5, Reason::ByteOrderMark, "\u{feff}\"3\",c"),
    ];
    assert_eq!(outcome.rejects, expected);
}

#[test]
fn a_header_in_another_encoding_than_the_lines_below_it_is_reported_as_that() {
    let file = [&b"id,St\xfcck\n"[..], "1,Köln\n2,Köln\n".as_bytes()].concat();
    for (dialect, reason) in
        [(windows_or_utf8(), Reason::OtherEncoding), (Dialect::default(), Reason::Encoding)]
    {
        let found = read_with(&file, &dialect).map(|_| ());
        let expected = InvalidHeader::Unreadable(reason);
        assert!(matches!(&found, Err(Error::Header(header)) if *header == expected), "{found:?}");
    }
}
