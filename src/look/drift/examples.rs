//! Made-up **examples** of files, for unit tests.

use std::sync::Arc;

use chrono::{NaiveDate, Utc};
use object_store::path::Path;

use super::glimpse::{Format, Glimpse, Look};
use super::records::Records;
use crate::domain::{FileDate, Identity};
use crate::source::SourceFile;

/// A day of March 2025.
pub(super) fn day(number: u32) -> FileDate {
    FileDate(NaiveDate::from_ymd_opt(2025, 3, number).expect("a day"))
}

/// The file of a day, `x/1.csv` for the first one.
pub(super) fn file(number: u32) -> SourceFile {
    let key = format!("x/{number}.csv");
    SourceFile {
        name: format!("exports/{key}"),
        location: Path::from(key.as_str()),
        key,
        date: day(number),
        identity: Identity { size: 100, etag: None, last_modified: Utc::now() },
    }
}

/// What is seen of the file of a day with these columns. Its values have the same shape in every column.
pub(super) fn glimpse(number: u32, columns: &[&str]) -> Glimpse {
    let header = texts(columns);
    let look = Look { shapes: [("a".to_owned(), 1.0)].into(), days_off: None };
    Glimpse {
        file: file(number),
        names: header.clone().into(),
        looks: vec![look; columns.len()],
        format: Arc::new(Format {
            header,
            delimiter: ",".to_owned(),
            quote: "\"".to_owned(),
            line_end: "lf".to_owned(),
            encoding: "utf-8".to_owned(),
            byte_order_mark: false,
            compression: "none".to_owned(),
        }),
        records: Records { seen: 1, are_all: true, ..Records::default() },
        digest: number.to_string(),
        is_whole: true,
    }
}

/// Owned texts.
pub(super) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
