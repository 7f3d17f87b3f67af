//! Lines **around the table** of files that the dataset's settings do not mention: a title above the header, comments,
//! units below it, a total at the end. They are reported with the settings that would leave them out.

use std::fmt;

use backfill_csv::{Around, LineAround};
use serde::Serialize;
use toml::Value;

use super::calendar::Seen;

/// Where lines are.
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
            Self::Below => "a line below the header that differs from all others, such as units",
            Self::End => "a last line that differs from all others, such as a total",
        })
    }
}

/// Reports what is found in some of all files, each kind once. `of` is how many files there are.
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

/// Returns the number of the first line that is not part of the table, counted from 1.
fn line(around: &Around, place: Where) -> Option<usize> {
    let line: Option<&LineAround> = match place {
        Where::Above => return (around.lines_above > 0).then_some(1),
        Where::Below => around.units.as_ref(),
        Where::End => around.last.first(),
    };
    Some(line?.line)
}

/// Returns the setting to write. If the lines hold values, only its name is given: a pattern would show the values.
fn setting(around: &Around, place: Where) -> String {
    if place != Where::Above {
        return "csv.skip_records".to_owned();
    }
    let csv: Vec<String> =
        csv_above(around).into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("csv = {{ {} }}", csv.join(", "))
}

/// Returns the settings of `csv` for the lines above the header.
pub fn csv_above(around: &Around) -> Vec<(&'static str, Value)> {
    let settings = [
        ("header_names", list(&around.header_names)),
        ("names", list(&around.names)),
        ("header_pattern", around.header_pattern.clone().map(Value::from)),
        ("comment", around.comment.clone().map(Value::from)),
        ("delimiter", around.delimiter.map(|delimiter| Value::from(delimiter.to_string()))),
    ];
    settings.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Returns names as a list of TOML; `None` if there are none.
fn list(names: &[String]) -> Option<Value> {
    (!names.is_empty()).then(|| Value::from(names.to_vec()))
}
