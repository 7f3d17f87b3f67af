//! **Closing records** are the last records of a file if they are unlike all others: totals, or a remark. A file that has
//! them may have them under another word tomorrow, so that no pattern of the dialect leaves them out. The reader accepts
//! such a record, because it may be a row, and counts it.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};

use crate::summary::Places;

/// How many records at the end of a file may be closing records.
pub(crate) const LAST_RECORDS: usize = 3;
/// How many values at the end of a file are compared, so that many columns do not take long.
const COMPARED_VALUES: usize = 4096;
/// How many records are compared at least, and at most.
const COMPARED_RECORDS: [usize; 2] = [8, 64];
/// What totals start with, in lower case.
const TOTALS: [&str; 14] = [
    "total",
    "totals",
    "grand total",
    "subtotal",
    "sub total",
    "sum",
    "summe",
    "zwischensumme",
    "gesamt",
    "gesamtsumme",
    "totale",
    "totaal",
    "somme",
    "suma",
];

/// A record: its first line, its text, and its fields.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) fields: Vec<String>,
}

impl Record {
    /// How many fields are not empty.
    pub(crate) fn filled_fields(&self) -> usize {
        self.fields.iter().filter(|field| !field.is_empty()).count()
    }

    /// The first field that is not empty, in lower case and without the quotes around it.
    fn label(&self) -> Option<String> {
        let first = self.fields.iter().find(|field| !field.is_empty())?;
        Some(first.trim_matches(['"', ' ']).to_lowercase())
    }

    /// Whether the record starts like totals or markup.
    pub(crate) fn is_named(&self) -> bool {
        let Some(label) = self.label() else { return false };
        let word = label.split(':').next().unwrap_or_default().trim_end();
        TOTALS.contains(&word) || label.starts_with('<')
    }

    /// Whether the first word is one that totals start with.
    fn starts_like_totals(&self) -> bool {
        let label = self.label().unwrap_or_default();
        label
            .split(|c: char| !c.is_alphanumeric())
            .next()
            .is_some_and(|word| TOTALS.contains(&word))
    }

    /// Whether one text is all that the record has, and all others have three fields or more that are not empty.
    pub(crate) fn is_label(&self, others: &[Self]) -> bool {
        self.filled_fields() == 1
            && self.text.chars().any(char::is_alphabetic)
            && others.iter().all(|other| other.filled_fields() > 2)
    }

    /// Whether the record has text in a column in which all others have numbers.
    pub(crate) fn stands_out(&self, others: &[Self]) -> bool {
        (0..self.fields.len()).any(|column| self.stands_out_in(column, others))
    }

    fn stands_out_in(&self, column: usize, others: &[Self]) -> bool {
        let Some(field) = self.fields.get(column) else { return false };
        let mut values = others
            .iter()
            .filter_map(|other| other.fields.get(column))
            .filter(|value| !value.is_empty())
            .peekable();
        let is_text = field.chars().any(char::is_alphabetic) && !is_number(field);
        is_text && values.peek().is_some() && values.all(|value| is_number(value))
    }

    /// Whether the record, which is as wide as the header, is unlike all others.
    fn is_closing(&self, others: &[Self]) -> bool {
        let filled = self.filled_fields();
        let fewest = others.iter().map(Self::filled_fields).min().unwrap_or_default();
        let is_named = self.is_named() || (self.starts_like_totals() && filled < fewest);
        let is_only = others.iter().all(|other| other.label() != self.label());
        let is_sparse = filled > 0 && filled * 2 <= fewest;
        (is_named && is_only)
            || self.is_label(others)
            || self.stands_out_in(0, others)
            || (is_sparse && is_only)
    }
}

/// Whether a value is written like a number or a date.
pub(crate) fn is_number(value: &str) -> bool {
    let value = value.trim();
    value.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && value.contains(|c: char| c.is_ascii_digit())
        && value.chars().all(|c| c.is_ascii_digit() || " .,:/+-eETZ%".contains(c))
}

/// The last accepted rows of a file, as far as it was read: the last two batches. One batch alone may have a single row.
#[derive(Debug, Default)]
pub(crate) struct LastRows {
    batches: [Option<RecordBatch>; 2],
}

impl LastRows {
    /// Adds the next batch.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        self.batches.rotate_left(1);
        self.batches[1] = Some(batch.clone());
    }

    /// The accepted records among the last ones that are unlike those before them. None if fewer than two are before
    /// them.
    pub(crate) fn closing_records(&self) -> Places {
        let records = self.records();
        let mut found = Places::default();
        let (others, last) = records.split_at(records.len().saturating_sub(LAST_RECORDS));
        // A short file has few others: the last record is then compared with all before it.
        let firsts = match others.len() < 2 {
            true => records.len().saturating_sub(1)..records.len(),
            false => others.len()..others.len() + last.len(),
        };
        let others = &records[..firsts.start];
        if others.len() < 2 {
            return found;
        }
        for record in records[firsts].iter().filter(|record| record.is_closing(others)) {
            found.add(1, i64::try_from(record.line).unwrap_or(i64::MAX));
        }
        found
    }

    fn records(&self) -> Vec<Record> {
        let columns = self.batches.iter().flatten().next().map_or(1, RecordBatch::num_columns);
        let [fewest, most] = COMPARED_RECORDS;
        let mut wanted = (COMPARED_VALUES / columns).clamp(fewest, most);
        let mut records = Vec::new();
        for batch in self.batches.iter().rev().flatten() {
            let rows = batch.num_rows();
            let first = rows.saturating_sub(wanted);
            wanted -= rows - first;
            records.splice(0..0, (first..rows).map(|row| record_of(batch, row)));
        }
        records
    }
}

/// A row of a batch as a record.
fn record_of(batch: &RecordBatch, row: usize) -> Record {
    let columns = batch.num_columns();
    // Behind the columns of the file are its name, the row's number and its line.
    let texts = batch.columns().iter().take(columns.saturating_sub(3));
    let fields: Vec<String> = texts.map(|column| value(column, row)).collect();
    let lines = batch.columns().last().and_then(|lines| lines.as_primitive_opt::<Int64Type>());
    let line = lines.map_or(0, |lines| lines.value(row));
    Record { line: usize::try_from(line).unwrap_or_default(), text: fields.join(","), fields }
}

fn value(column: &dyn Array, row: usize) -> String {
    match column.as_string_opt::<i32>() {
        Some(texts) if texts.is_valid(row) => texts.value(row).to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        let fields = text.split(',').map(str::to_owned).collect();
        Record { line: 1, text: text.to_owned(), fields }
    }

    fn is_closing(last: &str, others: &[&str]) -> bool {
        let others: Vec<Record> = others.iter().map(|other| record(other)).collect();
        record(last).is_closing(&others)
    }

    #[test]
    fn totals_and_remarks_are_unlike_the_rows_before_them() {
        let orders = ["12,2025-01-01,Ann,3.50", "13,2025-01-01,Ben,", "14,2025-01-02,,1.00"];
        for last in [
            "Gesamt,,,4.50",
            "\"Total\",,,4.50",
            "Итого,,,4.50",
            "Created by the shop,,,",
            ",,,4.50",
            ",Total:,,4.50",
        ] {
            assert!(is_closing(last, &orders), "{last}");
        }
        let people = ["Ann,Rome,1", "Ben,Oslo,2", "Cy,Kiel,3"];
        assert!(is_closing("Somme,,6", &people));
        assert!(is_closing("Total of all,,6", &people));
    }

    #[test]
    fn a_row_like_the_others_is_none() {
        let orders = ["12,2025-01-01,Ann,3.50", "13,2025-01-01,Ben,", "14,2025-01-02,,1.00"];
        for last in ["15,2025-01-02,Di,2", "15,2025-01-02,Apt 3,", ",,,", "-,2025-01-02,Di,2"] {
            assert!(!is_closing(last, &orders), "{last}");
        }
        let people = ["Ann,Rome,1", "Total,Oslo,2", "Cy,Kiel,3"];
        assert!(!is_closing("Total,Bonn,6", &people), "another row starts like it");
        assert!(!is_closing("Total Wine,Bonn,6", &people), "a name, and nothing is empty");
    }
}
