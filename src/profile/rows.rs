//! The **rows** of a file as one number: the same for the same rows, in whatever order rows and columns come.

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringArray, StringViewArray};
use datafusion::arrow::datatypes::DataType;

use crate::domain::digest::{self, Hasher};

/// Stands before each value. It is in no UTF-8.
const BEFORE_VALUE: u8 = 0xff;

/// Adds up the digests of rows.
pub struct Rows {
    /// The columns by name, so that their order in the file does not count.
    names: Vec<String>,
    sum: u64,
    /// The bytes of a row, on their way to its digest.
    row: Vec<u8>,
}

/// A column of texts, as a mirror may hold it.
enum Texts<'a> {
    Plain(&'a StringArray),
    View(&'a StringViewArray),
}

impl Rows {
    /// Of a file with these columns.
    pub fn new<'a>(names: impl Iterator<Item = &'a String>) -> Self {
        let mut names: Vec<String> = names.cloned().collect();
        names.sort();
        Self { names, sum: 0, row: Vec::new() }
    }

    /// Takes the rows of a batch.
    pub fn add(&mut self, batch: &RecordBatch) {
        let texts = |name: &String| Texts::of(batch.column_by_name(name)?);
        let columns: Vec<Option<Texts<'_>>> = self.names.iter().map(texts).collect();
        for row in 0..batch.num_rows() {
            self.row.clear();
            for column in columns.iter().flatten() {
                // No text holds this byte, so that no two rows have the same bytes.
                self.row.push(BEFORE_VALUE);
                self.row.extend_from_slice(column.value(row).as_bytes());
            }
            let mut hasher = Hasher::default();
            hasher.add(&self.row);
            // A sum, so that a row that is there twice counts twice.
            self.sum = self.sum.wrapping_add(hasher.finish_as_number());
        }
    }

    /// The digest of all rows and of the columns' names.
    pub fn finish(self) -> String {
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
    fn rows_are_the_same_in_any_order_and_no_other_rows_are() {
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
