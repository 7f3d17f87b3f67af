//! Files with lines around their tables, and the settings that are proposed for them.

use std::io::Cursor;

use super::*;
use crate::Reader;

fn found(text: &str) -> Option<Around> {
    found_with(text, &Dialect::default())
}

fn found_with(text: &str, dialect: &Dialect) -> Option<Around> {
    around(Box::new(Cursor::new(text.as_bytes().to_vec())), true, dialect)
}

/// What is read with the proposed settings: names, rows and rejects.
fn read(text: &str) -> (Vec<String>, u64, u64) {
    let dialect = found(text).expect("a proposal").settle(&Dialect::default());
    assert_eq!(dialect.validate(), Ok(()));
    let input = Box::new(Cursor::new(text.as_bytes().to_vec()));
    let mut reader = Reader::new(input, "f.csv", &dialect).expect("a header");
    while reader.next_batch().expect("readable").is_some() {}
    let summary = reader.summary();
    (summary.header.clone(), summary.accepted, summary.rejected)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_header_below_other_lines_is_found_by_its_names() {
    let text = "Extracted on 3 May\n\nstation;name;price\n1;A;2,50\n2;B;3,10\n";
    let around = found(text).expect("a proposal");
    assert_eq!((around.lines_above, around.comment.as_deref()), (2, None));
    assert_eq!(around.header_names, ["station", "name", "price"]);
    assert_eq!(read(text), (names(&["station", "name", "price"]), 2, 0));
    let wide = "Report of sales\nfrom,to\n2025-03-01,2025-03-31\n\ncountry,transaction,day,app\n\
                US,1,2025-03-01,x\nFR,2,2025-03-02,y\nDE,3,2025-03-02,y\n";
    assert_eq!(read(wide), (names(&["country", "transaction", "day", "app"]), 3, 0));
}

#[test]
fn comments_are_recognised_and_a_header_among_them() {
    let text = "# Source: x\n# 3 May, 10:00\nid,name\n1,Ann\n2,Bob\n";
    let around = found(text).expect("a proposal");
    assert_eq!((around.comment.as_deref(), around.header_names.len()), (Some("#"), 0));
    assert_eq!(read(text), (names(&["id", "name"]), 2, 0));
    let log = "#Version: 1.0\n#Fields: date\ttime\tn\n2025-03-01\t10:00\t1\n2025-03-01\t10:01\t2\n";
    assert_eq!(read(log), (names(&["date", "time", "n"]), 2, 0));
    let apart = "#Fields: date time n\n2025-03-01\t10:00\t1\n2025-03-01\t10:01\t2\n";
    assert_eq!(read(apart), (names(&["date", "time", "n"]), 2, 0));
    let plain = "#id,name\n1,Ann\n2,Bob\n";
    assert_eq!(found(plain), None);
}

#[test]
fn a_line_of_units_is_recognised() {
    let text = "datetime;m1;m2\n;[C];[K]\n2025-03-01 10:00;20.5;293.6\n2025-03-01 11:00;21;294\n";
    let units = found(text).and_then(|around| around.units).expect("units");
    assert_eq!((units.line, units.pattern.as_str()), (2, r"^;\[C\];\[K\]$"));
    assert_eq!(read(text), (names(&["datetime", "m1", "m2"]), 2, 0));
    for none in ["a,b\nx,1\ny,2\nz,3\n", "a,b\n1,x\n2,y\n3,z\n", "a,b\nN/A,1\n2,3\n4,5\n"] {
        assert_eq!(found(none), None, "{none}");
    }
}

#[test]
fn totals_and_a_closing_line_are_recognised() {
    for last in [
        "\"Grand Total: 3\",,",
        "***END OF FILE***",
        "Total,,6",
        "Totals:,,\nPage -1 of 1,,",
        "\nSum,x,y\n\nEOF",
        "<p>,x,3",
    ] {
        let text = format!("id,name,n\n1,A,1\n2,B,2\n3,C,3\n{last}\n");
        let lines = found(&text).expect("a proposal").last;
        let written = last.lines().filter(|line| !line.is_empty()).count();
        assert_eq!(lines.len(), written, "{last}");
        assert_eq!(read(&text), (names(&["id", "name", "n"]), 3, 0), "{last}");
    }
    // A name that begins with the same letters is a row; so is one whose other fields are filled.
    let names_alike = "firm,city,amount\nSummers Ltd,Ulm,1\nSum,Ulm,2\nMeier,Ulm,3\nSum,,9\n";
    let around = found(names_alike).expect("a proposal");
    assert_eq!(around.last[0].pattern, "^Sum,,");
    assert_eq!(read(names_alike), (names(&["firm", "city", "amount"]), 3, 0));
    let word = "shop,sales\nAcme,15\nBeta,25\nTotal,40\n";
    assert_eq!(read(word), (names(&["shop", "sales"]), 2, 0));
    let label = "a,b,c\nx,y,z\nx,v,w\nz,v,w\nTotals:,,\n";
    assert_eq!(read(label), (names(&["a", "b", "c"]), 3, 0));
    for none in ["id,n\n1,1\n2,2\n3,\n", "id,n\n1,x\n2,y\n3,Total\n", "id,n\n1,1\n2,2\nx\n"] {
        assert_eq!(found(none), None, "{none}");
    }
}

#[test]
fn the_end_of_a_file_is_examined_only_if_the_whole_file_is() {
    let text = b"id,n\n1,1\n2,2\n3,3\nTotal,6\n";
    let start = around(Box::new(Cursor::new(text.to_vec())), false, &Dialect::default());
    assert_eq!(start, None);
}

#[test]
fn nothing_is_proposed_for_a_plain_table_or_for_what_the_dialect_describes() {
    for text in ["", "a,b\n1,2\n3,4\n", "no table\nat all\n", "sep=;\na;b\n1;2\n3;4\n", "a\n1\n2\n"]
    {
        assert_eq!(found(text), None, "{text}");
    }
    let comment = Dialect { comment: Some("#".to_owned()), ..Dialect::default() };
    assert_eq!(found_with("# x\nid,n\n1,1\n2,2\n", &comment), None);
    let text = "Title\nid,n\n1,1\n2,2\nTotal,3\n";
    let settled = found(text).expect("a proposal").settle(&Dialect::default());
    assert_eq!(found_with(text, &settled), None);
}
