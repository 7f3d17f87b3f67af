//! An **epoch** is a span of file dates with the same format.

use std::sync::Arc;

use serde::Serialize;

use super::change;
use super::change::Change;
use super::glimpse::{Format, Glimpse};
use crate::domain::FileDate;

/// A span of file dates in which all files have the same format.
#[derive(Clone, Debug, Serialize)]
pub struct Epoch {
    /// First file date.
    pub from: FileDate,
    /// Last file date.
    pub to: FileDate,
    /// Its files, by file date, then key.
    pub keys: Vec<String>,
    /// The number of its format, counted from 1. A format that comes back has its old number.
    pub format: usize,
    /// How many columns it has.
    pub columns: usize,
    /// What differs from the epoch before.
    pub changes: Vec<Change>,
    /// The names of the columns in SQL.
    #[serde(skip)]
    pub names: Arc<[String]>,
    /// The file dates of its files.
    #[serde(skip)]
    dates: Vec<FileDate>,
}

impl Epoch {
    /// Returns date and key of each file.
    pub fn files(&self) -> impl Iterator<Item = (FileDate, &str)> {
        self.dates.iter().copied().zip(self.keys.iter().map(String::as_str))
    }
}

/// Returns the epochs of files that are sorted by file date, and their formats.
pub fn epochs(glimpses: &[Glimpse]) -> (Vec<Epoch>, Vec<Format>) {
    let mut formats: Vec<Format> = Vec::new();
    let mut epochs: Vec<Epoch> = Vec::new();
    let mut before: Option<&Glimpse> = None;
    for glimpse in glimpses {
        let (date, key) = (glimpse.file.date, glimpse.file.key.clone());
        match (before, epochs.last_mut()) {
            (Some(before), Some(epoch)) if is_same(&before.format, &glimpse.format) => {
                epoch.to = date;
                epoch.keys.push(key);
                epoch.dates.push(date);
            }
            _ => epochs.push(Epoch {
                from: date,
                to: date,
                keys: vec![key],
                format: number(&mut formats, &glimpse.format),
                columns: glimpse.format.header.len(),
                changes: before.map(|before| change::between(before, glimpse)).unwrap_or_default(),
                names: Arc::clone(&glimpse.names),
                dates: vec![date],
            }),
        }
        before = Some(glimpse);
    }
    (epochs, formats)
}

/// Whether two formats are the same. Most neighbours share one.
fn is_same(one: &Arc<Format>, other: &Arc<Format>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// Returns the dates of some epochs, which are given by their places in order. Neighbours are joined to one span.
pub fn spans(epochs: &[Epoch], chosen: &[usize]) -> String {
    let runs = chosen.chunk_by(|place, next| place + 1 == *next);
    let spans = runs.filter_map(|run| {
        let (from, to) = (epochs[*run.first()?].from, epochs[*run.last()?].to);
        Some(if from == to { from.to_string() } else { format!("{from} to {to}") })
    });
    spans.collect::<Vec<_>>().join(", ")
}

/// Returns the number of a format, which is added if it is new.
fn number(formats: &mut Vec<Format>, format: &Format) -> usize {
    if let Some(known) = formats.iter().position(|known| known == format) {
        return known + 1;
    }
    formats.push(format.clone());
    formats.len()
}

#[cfg(test)]
mod tests {
    use super::super::examples::{day, glimpse, texts};
    use super::*;

    #[test]
    fn neighbours_with_one_format_are_one_epoch() {
        let files = [glimpse(1, &["a"]), glimpse(2, &["a"]), glimpse(4, &["a", "b"])];
        let (epochs, formats) = epochs(&files);
        assert_eq!(formats.len(), 2);
        let [first, second] = &epochs[..] else { panic!("two epochs: {epochs:?}") };
        assert_eq!((first.from, first.to, first.format, first.columns), (day(1), day(2), 1, 1));
        assert_eq!(first.keys, ["x/1.csv", "x/2.csv"]);
        assert_eq!(first.changes, [], "nothing comes before it");
        let dated: Vec<(FileDate, &str)> = first.files().collect();
        assert_eq!(dated, [(day(1), "x/1.csv"), (day(2), "x/2.csv")]);
        assert_eq!((second.from, second.to, second.format, second.columns), (day(4), day(4), 2, 2));
        assert_eq!(*second.names, texts(&["a", "b"]));
        assert_eq!(second.changes, [Change::Added { columns: texts(&["b"]) }]);
    }

    #[test]
    fn a_format_that_comes_back_has_its_old_number_and_is_compared_with_the_file_before() {
        let files = [glimpse(1, &["a"]), glimpse(2, &["a", "b"]), glimpse(3, &["a"])];
        let (epochs, formats) = epochs(&files);
        assert_eq!(formats.len(), 2);
        assert_eq!(epochs.iter().map(|epoch| epoch.format).collect::<Vec<_>>(), [1, 2, 1]);
        assert_eq!(epochs[2].changes, [Change::Removed { columns: texts(&["b"]) }]);
    }

    #[test]
    fn neighbouring_epochs_are_joined_to_one_span() {
        let headers: [&[&str]; 7] = [&["a"], &["b"], &["b"], &["a"], &["a"], &["b"], &["b"]];
        let files = (1..).zip(headers).map(|(number, columns)| glimpse(number, columns));
        let (epochs, _) = epochs(&files.collect::<Vec<_>>());
        assert_eq!(epochs.len(), 4);
        assert_eq!(spans(&epochs, &[0]), "2025-03-01");
        assert_eq!(spans(&epochs, &[1]), "2025-03-02 to 2025-03-03");
        assert_eq!(
            spans(&epochs, &[0, 1, 3]),
            "2025-03-01 to 2025-03-03, 2025-03-06 to 2025-03-07"
        );
        assert_eq!(spans(&epochs, &[0, 2]), "2025-03-01, 2025-03-04 to 2025-03-05");
        assert_eq!(spans(&epochs, &[]), "");
    }
}
