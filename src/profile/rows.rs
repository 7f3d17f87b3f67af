//! The **rows** of a file as one digest: the same for the same rows, whatever the order of rows and columns.

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringArray, StringViewArray};
use datafusion::arrow::datatypes::DataType;

use crate::domain::digest::{self, Hasher};

/// Separates values. No UTF-8 text contains this byte.
const BEFORE_VALUE: u8 = 0xff;

/// Adds up the digests of rows.
pub(super) struct Rows {
    /// The columns sorted by name, so that their order in the file does not matter.
    names: Vec<String>,
    sum: u64,
    /// The bytes of the current row.
    row: Vec<u8>,
}

/// A column of texts, as a mirror may hold it.
enum Texts<'a> {
    Plain(&'a StringArray),
    View(&'a StringViewArray),
}

impl Rows {
    /// Starts with the columns of a file.
    pub(super) fn new<'a>(columns: impl Iterator<Item = &'a String>) -> Self {
        let mut names: Vec<String> = columns.cloned().collect();
        names.sort();
        Self { names, sum: 0, row: Vec::new() }
    }

    /// Takes the rows of a batch.
    pub(super) fn add(&mut self, batch: &RecordBatch) {
        let columns: Vec<Texts<'_>> =
            self.names.iter().filter_map(|name| Texts::of(batch.column_by_name(name)?)).collect();
        for row in 0..batch.num_rows() {
            self.row.clear();
            for column in &columns {
                self.row.push(BEFORE_VALUE);
                self.row.extend_from_slice(column.value(row).as_bytes());
            }
            let mut hasher = Hasher::default();
            hasher.add(&self.row);
            // A sum, so that a row that occurs twice counts twice.
            self.sum = self.sum.wrapping_add(hasher.finish_as_number());
        }
    }

    /// Returns the digest of all rows and of the columns' names.
    pub(super) fn finish(self) -> String {
        let sum = self.sum.to_string();
        digest::of(self.names.iter().chain([&sum]))
    }
}

impl<'a> Texts<'a> {
    fn of(column: &'a dyn Array) -> Option<Self> {
        match column.data_type() {
            DataType::Utf8 => Some(Self::Plain(column.as_string())),
            DataType::Utf8View => Some(Self::View(column.as_string_view())),
            _ => None,
        }
    }

    fn value(&self, row: usize) -> &str {
        match self {
            Self::Plain(texts) => texts.value(row),
            Self::View(texts) => texts.value(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::ArrayRef;

    use super::*;

    fn digest(columns: &[(&str, &[&str])]) -> String {
        let names: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let arrays = columns.iter().map(|(name, values)| {
            let values: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
            (*name, values)
        });
        let mut rows = Rows::new(names.iter());
        rows.add(&RecordBatch::try_from_iter(arrays).expect("a batch"));
        rows.finish()
    }

    #[test]
    fn only_the_same_rows_have_the_same_digest_in_any_order() {
        let one = digest(&[("a", &["1", "2", "2"]), ("b", &["x", "y", "y"])]);
        assert_eq!(one, digest(&[("b", &["y", "x", "y"]), ("a", &["2", "1", "2"])]));
        for (a, b) in [
            (&["1", "2"][..], &["x", "y"][..]),
            (&["1", "2", "2"], &["y", "x", "y"]),
            (&["1x", "2", "2"], &["", "y", "y"]),
        ] {
            assert_ne!(one, digest(&[("a", a), ("b", b)]), "{a:?} {b:?}");
        }
        assert_ne!(one, digest(&[("a", &["1", "2", "2"]), ("c", &["x", "y", "y"])]));
    }
}
