//! Values in the form of COPY, and values that the target cannot hold.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, StringArray};
use datafusion::arrow::datatypes::Field as ArrowField;

use super::*;

fn column(name: &str, type_name: &str, category: char, modifier: i32) -> Column {
    Column {
        name: name.to_owned(),
        type_text: type_name.to_owned(),
        type_name: type_name.to_owned(),
        category,
        modifier,
        not_null: false,
        has_default: false,
        is_generated: false,
    }
}

fn target(columns: Vec<Column>) -> Target {
    let mut all =
        vec![column("_file_name", "varchar", 'S', -1), column("_row_id", "int8", 'N', -1)];
    all.extend(columns);
    Target { table: "t".parse().expect("a name"), columns: all }
}

fn rows(value: &str) -> RecordBatch {
    let schema = Schema::new(vec![
        ArrowField::new("_file_name", DataType::Utf8, false),
        ArrowField::new("_row_id", DataType::Int64, false),
        ArrowField::new("x", DataType::Utf8, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["b/f.csv"])),
        Arc::new(Int64Array::from(vec![7])),
        Arc::new(StringArray::from(vec![value])),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).expect("rows")
}

fn encode(value: &str, into: Column) -> Result<Vec<u8>, Error> {
    let rows = rows(value);
    let encoder = Encoder::new(&rows.schema(), &target(vec![into]), "stage.sql")?;
    let mut bytes = BytesMut::new();
    encoder.encode(&rows, &mut bytes)?;
    // Number of fields, then the name (4 + 7) and the row id (4 + 8).
    Ok(bytes[2 + 11 + 12..].to_vec())
}

#[test]
fn values_take_the_targets_type() {
    for length in 0..15 {
        let text = "x".repeat(length);
        let encoded = encode(&text, column("x", "text", 'S', -1)).expect("fits");
        assert_eq!(&encoded[4..], text.as_bytes());
    }
    assert_eq!(encode("ab", column("x", "text", 'S', -1)).expect("fits"), b"\0\0\0\x02ab");
    assert_eq!(
        encode("258", column("x", "int4", 'N', -1)).expect("fits"),
        b"\0\0\0\x04\0\0\x01\x02"
    );
    let day = encode("2000-01-02", column("x", "date", 'D', -1)).expect("fits");
    assert_eq!(day, b"\0\0\0\x04\0\0\0\x01");
}

#[test]
fn what_the_type_cannot_hold_is_told_by_place_and_not_by_value() {
    for (value, into) in [
        ("secret", column("x", "int4", 'N', -1)),
        ("99999999999", column("x", "int4", 'N', -1)),
        ("1.239", column("x", "numeric", 'N', 4 + (5 << 16) + 2)),
        ("secret", column("x", "varchar", 'S', 4 + 5)),
        ("12/18/2025", column("x", "date", 'D', -1)),
        ("secret", column("x", "jsonb", 'U', -1)),
    ] {
        let error = encode(value, into).expect_err(value).to_string();
        assert!(error.contains("b/f.csv, row 7"), "{error}");
        assert!(!error.contains(value), "{error}");
    }
}

#[test]
fn a_nul_is_refused_in_short_and_in_long_texts() {
    for value in
        ["\0", "a\0", "twelve byte\0", "a\0b", "a text of more than twelve bytes with a \0 in it"]
    {
        let error = encode(value, column("x", "text", 'S', -1)).expect_err("a NUL");
        assert!(error.to_string().contains("NUL"), "{error}");
    }
}

#[test]
fn columns_that_do_not_fit_are_told_together() {
    let mut required = column("y", "text", 'S', -1);
    required.not_null = true;
    let target = target(vec![required]);
    let Err(Error::Mismatch { problems, .. }) =
        Encoder::new(&rows("").schema(), &target, "stage.sql")
    else {
        panic!("it must not fit");
    };
    assert_eq!(problems.len(), 2, "{problems:?}");
}
