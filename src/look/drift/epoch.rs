//! An **epoch** is the file dates over which a format held.

use std::sync::Arc;

use serde::Serialize;

use super::change;
use super::change::Change;
use super::glimpse::{Format, Glimpse};
use crate::domain::FileDate;

/// The file dates over which a format held, without another in between.
#[derive(Clone, Debug, Serialize)]
pub struct Epoch {
    /// First file date.
    pub from: FileDate,
    /// Last file date.
    pub to: FileDate,
    /// Its files, by file date, then key.
    pub keys: Vec<String>,
    /// Which of the formats it is, counted from 1; a format that comes back has its old number.
    pub format: usize,
    /// How many columns it has.
    pub columns: usize,
    /// What differs from the epoch before.
    pub changes: Vec<Change>,
    /// The columns by the names that SQL knows them by.
    #[serde(skip)]
    pub names: Arc<[String]>,
    /// The file dates of its files.
    #[serde(skip)]
    dates: Vec<FileDate>,
}

impl Epoch {
    /// Date and key of each file.
    pub fn files(&self) -> impl Iterator<Item = (FileDate, &str)> {
        self.dates.iter().copied().zip(self.keys.iter().map(String::as_str))
    }
}

/// The epochs of files that are sorted by file date, and their formats.
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

/// Whether two formats are the same; mostly they are one.
fn is_same(one: &Arc<Format>, other: &Arc<Format>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// The dates of some epochs, given by their places, as few spans as there can be.
pub fn spans(epochs: &[Epoch], chosen: &[usize]) -> String {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for place in chosen {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == *place => *last = *place,
            _ => spans.push((*place, *place)),
        }
    }
    let days = |(first, last): &(usize, usize)| {
        let (from, to) = (epochs[*first].from, epochs[*last].to);
        if from == to { from.to_string() } else { format!("{from} to {to}") }
    };
    spans.iter().map(days).collect::<Vec<_>>().join(", ")
}

fn number(formats: &mut Vec<Format>, format: &Format) -> usize {
    if let Some(known) = formats.iter().position(|known| known == format) {
        return known + 1;
    }
    formats.push(format.clone());
    formats.len()
}
