//! Values in the form of COPY, and values that the target cannot hold.

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, StringArray};
use datafusion::arrow::datatypes::Field as ArrowField;

use super::*;
use crate::target::Guest;
use crate::target::postgres::catalog::{Kind, SideEffects};

fn column(name: &str, type_name: &str, category: char, modifier: i32) -> Column {
    Column {
        name: name.to_owned(),
        type_text: type_name.to_owned(),
        type_name: type_name.to_owned(),
        category,
        modifier,
        ..Column::default()
    }
}

fn target(columns: Vec<Column>) -> Target {
    let mut all =
        vec![column("_file_name", "varchar", 'S', -1), column("_row_id", "int8", 'N', -1)];
    all.extend(columns);
    Target {
        table: "t".parse().expect("a name"),
        columns: all,
        effects: SideEffects::default(),
        kind: Kind::Table,
        guest: Guest::Unknown,
        single_values: BTreeMap::new(),
        varying: Vec::new(),
        unique_keys: Vec::new(),
        has_file_name_index: false,
        bytes: 0,
    }
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

fn encode(value: &str, into: Column) -> Result<String, Error> {
    let rows = rows(value);
    let encoder = Encoder::new(&rows.schema(), &target(vec![into]), "stage.sql", &BTreeMap::new())?;
    let mut bytes = Vec::new();
    encoder.encode(&rows, Load { id: "1.5" }, &mut bytes)?;
    let line = String::from_utf8(bytes).expect("text");
    let value = line.strip_prefix("b/f.csv\t7\t").and_then(|line| line.strip_suffix('\n'));
    Ok(value.expect("a line with the name and the row id").to_owned())
}

#[test]
fn values_are_written_as_the_targets_type_reads_them() {
    for (value, into, expected) in [
        ("", column("x", "text", 'S', -1), ""),
        ("a\tb\\", column("x", "text", 'S', -1), "a\\tb\\\\"),
        ("+0258", column("x", "int4", 'N', -1), "258"),
        ("1.500", column("x", "numeric", 'N', 4 + (5 << 16) + 2), "1.500"),
        ("2000-01-02", column("x", "date", 'D', -1), "2000-01-02"),
        ("2000-01-02T03:04:05", column("x", "timestamp", 'D', -1), "2000-01-02 03:04:05"),
        (
            "2000-01-02T03:04:05.5+02:00",
            column("x", "timestamptz", 'D', -1),
            "2000-01-02 01:04:05.500000+00",
        ),
        ("2000-01-02 03:04:05-02", column("x", "timestamptz", 'D', -1), "2000-01-02 05:04:05+00"),
        ("TRUE", column("x", "bool", 'B', -1), "t"),
        (r#"{"a":"\n"}"#, column("x", "jsonb", 'U', -1), r#"{"a":"\\n"}"#),
        ("2000-01-02 03:04:05.120", column("x", "timestamp", 'D', 2), "2000-01-02 03:04:05.120000"),
        ("03:04:05.000", column("x", "time", 'D', 0), "03:04:05"),
        ("0.1", column("x", "float4", 'N', -1), "1e-1"),
        ("16777216", column("x", "float4", 'N', -1), "1.6777216e7"),
        ("0.30000000000000004", column("x", "float8", 'N', -1), "3.0000000000000004e-1"),
        ("1200", column("x", "numeric", 'N', 4 + (4 << 16) + 0x7fe), "1200"),
        ("8.401E+10", column("x", "numeric", 'N', -1), "84010000000"),
        ("-12.5e-4", column("x", "numeric", 'N', -1), "-0.00125"),
        ("1.25e1", column("x", "numeric", 'N', -1), "12.5"),
        ("{red,blue}", column("x", "_text", 'A', -1), "{red,blue}"),
        ("\\xdead", column("x", "bytea", 'U', -1), "\\\\xdead"),
        ("10.0.0.1", column("x", "inet", 'I', -1), "10.0.0.1"),
        ("a_name", column("x", "name", 'S', -1), "a_name"),
        (r#"{"a":"\\u0000"}"#, column("x", "jsonb", 'U', -1), r#"{"a":"\\\\u0000"}"#),
        (r#"{"a":"\u0000"}"#, column("x", "json", 'U', -1), r#"{"a":"\\u0000"}"#),
    ] {
        assert_eq!(encode(value, into).expect("fits"), expected, "{value}");
    }
}

#[test]
fn what_the_type_cannot_hold_is_reported_by_place_and_not_by_value() {
    for (value, into) in [
        ("secret", column("x", "int4", 'N', -1)),
        ("99999999999", column("x", "int4", 'N', -1)),
        ("1.239", column("x", "numeric", 'N', 4 + (5 << 16) + 2)),
        ("secret", column("x", "varchar", 'S', 4 + 5)),
        ("12/18/2025", column("x", "date", 'D', -1)),
        ("secret", column("x", "jsonb", 'U', -1)),
        (r#"{"a":"secret\u0000"}"#, column("x", "jsonb", 'U', -1)),
        ("9223372036854775808", column("x", "int8", 'N', -1)),
        ("1e5000", column("x", "numeric", 'N', -1)),
        ("secret", column("x", "char", 'S', -1)),
        (&"secret".repeat(11), column("x", "name", 'S', -1)),
        ("2000-01-02 03:04:05.12", column("x", "timestamp", 'D', 1)),
        ("2000-01-02 03:04:05.1234567", column("x", "timestamp", 'D', -1)),
        ("2000-01-02T03:04:05.1234567Z", column("x", "timestamptz", 'D', -1)),
        ("2000-01-02 03:04:05", column("x", "timestamptz", 'D', -1)),
        ("2000-01-02 03:04:05Z", column("x", "timestamp", 'D', -1)),
        ("2000-12-31 23:59:60", column("x", "timestamp", 'D', -1)),
        ("03:04:05.1", column("x", "time", 'D', 0)),
        ("23:59:60", column("x", "time", 'D', -1)),
        ("16777217", column("x", "float4", 'N', -1)),
        ("1e-50", column("x", "float4", 'N', -1)),
        ("1e50", column("x", "float4", 'N', -1)),
        ("0.12345678901234567891", column("x", "float8", 'N', -1)),
        ("1e-400", column("x", "float8", 'N', -1)),
        ("1250", column("x", "numeric", 'N', 4 + (4 << 16) + 0x7fe)),
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
fn columns_that_do_not_fit_are_reported_together() {
    let mut required = column("y", "text", 'S', -1);
    required.not_null = true;
    let target = target(vec![required]);
    let Err(Error::Mismatch { problems, .. }) =
        Encoder::new(&rows("").schema(), &target, "stage.sql", &BTreeMap::new())
    else {
        panic!("it must not fit");
    };
    assert_eq!(problems.len(), 2, "{problems:?}");
}
