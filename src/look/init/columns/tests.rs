//! Columns of new datasets, as their profiles make them.

use super::*;

fn profile(kinds: &[(&str, u64)], shapes: &[&str]) -> Profile {
    Profile {
        kinds: kinds.iter().map(|(kind, n)| (Kind::from((*kind).to_owned()), *n)).collect(),
        shapes: shapes.iter().map(|shape| ((*shape).to_owned(), 1)).collect(),
        ..Profile::default()
    }
}

fn made(name: &str, kinds: &[(&str, u64)], shapes: &[&str]) -> (String, String) {
    let profile = profile(kinds, shapes);
    let found = [&profile];
    let written = Written { found: &found, numbers: numbers(&found, None), dates: None };
    let (data_type, reading) = guessed(name, &written);
    (data_type, reading.unwrap_or_default())
}

#[test]
fn a_type_is_one_that_every_value_has() {
    assert_eq!(made("dob", &[("date %Y-%m-%d", 9)], &[]).0, "date");
    let whole = made("orders_id", &[("integer", 9)], &["99"]);
    assert_eq!(whole.0, "bigint");
    let money = made("total", &[("integer", 9), ("decimal", 1)], &["9", "9.999"]);
    assert_eq!(money.0, "numeric(18, 3)");
    let fine = made("rate", &[("decimal", 1)], &["9.999999999"]);
    assert_eq!(fine.0, "numeric(38, 9)");
    let dates = [("date %m/%d/%Y", 1), ("date %Y-%m-%d", 9)];
    let (data_type, reading) = made("order_date", &dates, &[]);
    assert_eq!(data_type, "date");
    assert_eq!(reading, "try_to_date(null_like({}), '%Y-%m-%d', '%m/%d/%Y')");
    let moments = [("date %Y-%m-%dT%H:%M:%SZ", 9), ("date %Y-%m-%dT%H:%M:%S%:z", 1)];
    let (data_type, reading) = made("seen", &moments, &[]);
    assert_eq!(data_type, "timestamptz");
    assert_eq!(
        reading,
        "try_to_timestamptz(null_like({}), '%Y-%m-%dT%H:%M:%SZ', '%Y-%m-%dT%H:%M:%S%:z')"
    );
    assert_eq!(made("paid", &[("boolean", 9)], &[]).0, "boolean");
    for (name, kinds) in [
        ("billing_phone", &[("integer", 9)][..]),
        ("total", &[("integer", 9), ("text", 1)]),
        ("seen", &[("date %Y-%m-%dT%H:%M:%SZ", 9), ("date %Y-%m-%dT%H:%M:%S", 1)]),
        ("seen", &[("date %Y-%m-%d", 9), ("date %Y-%m-%d %H:%M", 1)]),
        ("empty", &[]),
        ("dob", &[("date %Y-%m-%d", 9), ("integer", 1)]),
    ] {
        assert_eq!(made(name, kinds, &[]).0, "text", "{name}");
    }
}

fn date(day: u32) -> FileDate {
    FileDate(chrono::NaiveDate::from_ymd_opt(2025, 3, day).expect("a day"))
}

/// A column's name, the rows of each kind, and the shapes.
type Made<'a> = (&'a str, &'a [(&'a str, u64)], &'a [&'a str]);

/// The columns of files of some days in March, whose columns have these kinds and shapes.
fn of_files(files: &[(u32, &[Made<'_>])]) -> Vec<Column> {
    let files: Vec<(FileDate, FileProfile)> = files
        .iter()
        .map(|(day, columns)| {
            let columns = columns.iter().map(|(name, kinds, shapes)| Profile {
                name: (*name).to_owned(),
                given: kinds.iter().map(|(_, rows)| rows).sum(),
                ..profile(kinds, shapes)
            });
            (date(*day), FileProfile { rows: 9, columns: columns.collect(), digest: String::new() })
        })
        .collect();
    let headers: Vec<String> =
        files[0].1.columns.iter().map(|column| column.name.clone()).collect();
    let files: Vec<(FileDate, &FileProfile)> =
        files.iter().map(|(date, file)| (*date, file)).collect();
    columns(&headers, &BTreeMap::new(), &BTreeSet::new(), &files, Types::Guessed)
}

#[test]
fn a_decimal_comma_is_shown_by_the_column_or_by_those_beside_it() {
    let columns = of_files(&[(
        1,
        &[
            ("total", &[("decimal comma", 3)], &["9.999,99"]),
            ("qty", &[("decimal", 2), ("integer", 1)], &["9.999", "999"]),
            ("rate", &[("decimal comma", 2), ("integer", 1)], &["9,999"]),
        ],
    )]);
    let made: Vec<(&str, &str)> = columns
        .iter()
        .map(|column| (column.data_type.as_str(), column.reading.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        made,
        [
            ("numeric(18, 2)", "try_to_decimal(null_like({}), 18, 2, ',')"),
            ("bigint", "TRY_CAST(try_to_decimal(null_like({}), 19, 0, ',') AS bigint)"),
            ("numeric(18, 3)", "try_to_decimal(null_like({}), 18, 3, ',')"),
        ]
    );
    let doubts: Vec<bool> = columns.iter().map(|column| column.doubt.is_some()).collect();
    assert_eq!(doubts, [false, true, false]);
    assert!(columns[1].doubt.as_ref().is_some_and(|doubt| doubt.contains("total, rate")));
    let alone = of_files(&[(1, &[("x", &[("integer", 2)], &["9,999"])])]);
    assert_eq!(alone[0].data_type, "bigint");
    assert!(alone[0].doubt.as_ref().is_some_and(|doubt| doubt.contains("a guess")));
    let mixed = [("decimal comma", 1), ("decimal", 1)];
    let mixed = of_files(&[(1, &[("x", &mixed, &["9,99", "9.99"])])]);
    assert_eq!((mixed[0].data_type.as_str(), mixed[0].doubt.is_some()), ("text", true));
    let plain = of_files(&[(1, &[("x", &[("decimal", 2)], &["9.99"])])]);
    assert_eq!((plain[0].data_type.as_str(), plain[0].doubt.is_some()), ("numeric(18, 2)", false));
}

#[test]
fn the_file_date_decides_between_two_orders_of_month_and_day() {
    let (month, day) = (&[("date %m/%d/%Y", 9)][..], &[("date %d/%m/%Y", 9)][..]);
    let columns = of_files(&[
        (4, &[("day", month, &[])]),
        (20, &[("day", day, &[])]),
        (21, &[("day", day, &[])]),
    ]);
    assert_eq!(columns[0].data_type, "date");
    assert_eq!(
        columns[0].value(),
        "CASE WHEN _file_date <= DATE '2025-03-04' THEN try_to_date(null_like(day), '%m/%d/%Y') \
         WHEN _file_date >= DATE '2025-03-20' THEN try_to_date(null_like(day), '%d/%m/%Y') END"
    );
    assert!(columns[0].doubt.as_ref().is_some_and(|doubt| doubt.contains("--propose")));
    let both = of_files(&[(4, &[("day", &[month, day].concat(), &[])])]);
    assert_eq!((both[0].data_type.as_str(), both[0].doubt.is_some()), ("text", true));
}
