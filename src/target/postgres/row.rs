//! A **row** that the server returns, and how its values are read.

use tokio_postgres::Row;

use crate::domain::saturating;

/// A number that is not negative, such as a count.
pub(super) fn count(row: &Row, index: usize) -> u64 {
    row.get::<_, i64>(index).unsigned_abs()
}

/// A number that is not negative; `None` for NULL.
pub(super) fn optional_count(row: &Row, index: usize) -> Option<u64> {
    row.get::<_, Option<i64>>(index).map(i64::unsigned_abs)
}

/// A place in a list.
pub(super) fn place(row: &Row, index: usize) -> usize {
    saturating::index(count(row, index))
}

/// A text; empty for NULL.
pub(super) fn text(row: &Row, index: usize) -> String {
    row.get::<_, Option<String>>(index).unwrap_or_default()
}

/// The name of a file in the first column, and its number of rows in the second.
pub(super) fn name_and_count(row: &Row) -> (String, u64) {
    (row.get(0), count(row, 1))
}
