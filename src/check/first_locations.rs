//! The **first locations** of a check's bad rows, by file and line. They do not depend on the order in which the rows
//! arrive.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};

use super::{LOCATIONS, Location};
use crate::domain::{FILE_DATE, provenance};

/// Keeps the first locations of all rows. A row that is not among them costs a comparison, and no memory.
#[derive(Default)]
pub(super) struct FirstLocations {
    /// Sorted, at most [`LOCATIONS`].
    first: Vec<Place>,
}

/// A location with what it is sorted by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    file: Option<String>,
    date: Option<String>,
    line: Option<i64>,
    row: Option<i64>,
    location: Location,
}

/// The columns of a batch that give the location of its rows.
struct Columns {
    file: Option<StringArray>,
    date: Option<StringArray>,
    line: Option<StringArray>,
    row: Option<StringArray>,
    line_numbers: Option<ArrayRef>,
    row_numbers: Option<ArrayRef>,
}

impl FirstLocations {
    /// Takes the bad rows of a batch.
    pub(super) fn add(&mut self, batch: &RecordBatch) {
        let columns = Columns::of(batch);
        for row in 0..batch.num_rows() {
            let is_full = self.first.len() == LOCATIONS;
            if is_full && self.first.last().is_some_and(|last| columns.compare(row, last).is_ge()) {
                continue;
            }
            let place = columns.place(row);
            let at = self.first.partition_point(|other| *other <= place);
            self.first.insert(at, place);
            self.first.truncate(LOCATIONS);
        }
    }

    /// Returns the locations in order.
    pub(super) fn finish(self) -> Vec<Location> {
        self.first.into_iter().map(|place| place.location).collect()
    }
}

impl Columns {
    fn of(batch: &RecordBatch) -> Self {
        Self {
            file: text(batch, provenance::FILE_NAME),
            date: text(batch, FILE_DATE),
            line: text(batch, provenance::LINE),
            row: text(batch, provenance::ROW_ID),
            line_numbers: numbers(batch, provenance::LINE),
            row_numbers: numbers(batch, provenance::ROW_ID),
        }
    }

    /// Compares a row with a place that is kept.
    fn compare(&self, row: usize, place: &Place) -> Ordering {
        value(self.file.as_ref(), row)
            .cmp(&place.file.as_deref())
            .then_with(|| value(self.date.as_ref(), row).cmp(&place.date.as_deref()))
            .then_with(|| number(self.line_numbers.as_ref(), row).cmp(&place.line))
            .then_with(|| number(self.row_numbers.as_ref(), row).cmp(&place.row))
    }

    fn place(&self, row: usize) -> Place {
        let location = Location {
            file: value(self.file.as_ref(), row).map(str::to_owned),
            date: value(self.date.as_ref(), row).map(str::to_owned),
            line: value(self.line.as_ref(), row).map(str::to_owned),
            row: value(self.row.as_ref(), row).map(str::to_owned),
        };
        Place {
            file: location.file.clone(),
            date: location.date.clone(),
            line: number(self.line_numbers.as_ref(), row),
            row: number(self.row_numbers.as_ref(), row),
            location,
        }
    }
}

fn text(batch: &RecordBatch, name: &str) -> Option<StringArray> {
    let column = cast(batch.column_by_name(name)?, &DataType::Utf8).ok()?;
    Some(column.as_string::<i32>().clone())
}

fn numbers(batch: &RecordBatch, name: &str) -> Option<ArrayRef> {
    cast(batch.column_by_name(name)?, &DataType::Int64).ok()
}

fn value(column: Option<&StringArray>, row: usize) -> Option<&str> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

fn number(column: Option<&ArrayRef>, row: usize) -> Option<i64> {
    let column = column.filter(|column| column.is_valid(row))?;
    Some(column.as_primitive::<Int64Type>().value(row))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::Int64Array;
    use datafusion::arrow::datatypes::{Field, Schema};

    use super::*;

    fn batch(rows: &[(&str, i64)]) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new(provenance::FILE_NAME, DataType::Utf8, false),
            Field::new(provenance::LINE, DataType::Int64, false),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(rows.iter().map(|(file, _)| *file))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, line)| *line))),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).expect("rows")
    }

    #[test]
    fn the_first_locations_do_not_depend_on_the_order_of_rows() {
        let mut rows = [("b", 2), ("a", 10), ("a", 9), ("c", 1), ("a", 100), ("b", 1)];
        for _ in 0..rows.len() {
            rows.rotate_left(1);
            let mut first = FirstLocations::default();
            rows.chunks(4).for_each(|chunk| first.add(&batch(chunk)));
            let shown: Vec<String> = first.finish().iter().map(ToString::to_string).collect();
            assert_eq!(shown, ["a:9", "a:10", "a:100"]);
        }
    }
}
