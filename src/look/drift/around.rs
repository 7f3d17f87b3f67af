//! Lines **around the table** of files that the dataset's settings do not say: a title above the header, comments,
//! units below it, a total at the end. They are told with the settings that would leave them out.

use std::fmt;

use backfill_csv::{Around, LineAround};
use serde::Serialize;
use toml::Value;

use super::calendar::Seen;

/// Where lines stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Where {
    /// Above the header.
    Above,
    /// Below it, before the first record.
    Below,
    /// At the end of the file.
    End,
}

/// What stands around the table of a file.
#[derive(Clone, Debug)]
pub struct FileAround {
    /// The file.
    pub key: String,
    /// What stands there.
    pub around: Around,
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Above => "lines above the header",
            Self::Below => "a line below the header that is unlike all others, such as units",
            Self::End => "a last line that is unlike all others, such as a total",
        })
    }
}

/// What is found in files, of how many, each kind once.
pub fn seen(found: &[FileAround], of: usize) -> Vec<Seen> {
    [Where::Above, Where::Below, Where::End]
        .into_iter()
        .filter_map(|place| {
            let mut files =
                found.iter().filter_map(|file| Some((file, line(&file.around, place)?)));
            let (first, line) = files.next()?;
            Some(Seen::LinesAround {
                place,
                files: files.count() + 1,
                of,
                key: first.key.clone(),
                line,
                setting: setting(&first.around, place),
            })
        })
        .collect()
}

/// The line that is no part of the table, counted from 1.
fn line(around: &Around, place: Where) -> Option<usize> {
    let line = |line: &LineAround| line.line;
    match place {
        Where::Above => (around.lines_above > 0).then_some(1),
        Where::Below => around.units.as_ref().map(line),
        Where::End => around.last.first().map(line),
    }
}

/// The setting to write. Of lines of values it is only named: a pattern would show the values.
fn setting(around: &Around, place: Where) -> String {
    if place != Where::Above {
        return "csv.skip_records".to_owned();
    }
    let csv: Vec<String> =
        csv_above(around).into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("csv = {{ {} }}", csv.join(", "))
}

/// The settings of `csv` for the lines above the header.
pub fn csv_above(around: &Around) -> Vec<(&'static str, Value)> {
    let list = |key, names: &[String]| {
        let values = || names.iter().cloned().map(Value::from).collect();
        (!names.is_empty()).then(|| (key, Value::Array(values())))
    };
    let text = |key, value: &Option<String>| value.clone().map(|value| (key, Value::from(value)));
    let delimiter = around.delimiter.map(String::from);
    [
        list("header_names", &around.header_names),
        list("names", &around.names),
        text("header_pattern", &around.header_pattern),
        text("comment", &around.comment),
        text("delimiter", &delimiter),
    ]
    .into_iter()
    .flatten()
    .collect()
}
