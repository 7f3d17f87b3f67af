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
