//! To **weigh** rows is to calculate the space that they will use in the target, before they are there: in the table,
//! in its TOAST table, in its indexes, and in the write-ahead log.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::Serialize;

use super::index::{Index, Keys};
use super::stored::Stored;
use super::tuple::{Pages, Value, tuple};
use crate::domain::dlt_name;
use crate::sql::{Contract, filled};
use crate::target::Target;
use crate::target::postgres::catalog::{Column, DLT_ID, DLT_LOAD_ID};

/// What a record of the log adds to a tuple: its header and the tuple's place.
const LOG_RECORD: f64 = 15.0;
/// What a record of the log adds to an entry of an index.
const LOG_ENTRY: f64 = 44.0;

/// What decides how much space a row uses in a target table.
#[derive(Clone, Debug)]
pub struct Shape {
    columns: Vec<ShapedColumn>,
    indexes: Vec<Index>,
    fill_percent: usize,
}

/// A column.
#[derive(Clone, Debug)]
struct ShapedColumn {
    name: String,
    stored: Stored,
    /// What it holds if `stage.sql` does not give it; `None` is NULL.
    filled: Option<String>,
}

impl ShapedColumn {
    fn of_target(target: &Target, column: &Column) -> Self {
        let stored = Stored::of_catalog(&column.type_name, column.category, column.modifier);
        let is_fixed = matches!(stored, Stored::Fixed { .. });
        let filled = match column.name.as_str() {
            // Fourteen characters, and a time with its fraction.
            DLT_ID => Some("a".repeat(14)),
            DLT_LOAD_ID => Some("1".repeat(18)),
            name => target.single_values.get(name).cloned().or_else(|| {
                (is_fixed && (column.has_default || column.is_generated)).then(String::new)
            }),
        };
        Self { name: column.name.clone(), stored, filled }
    }
}

/// The space that a row uses on average, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RowBytes {
    /// In the table.
    pub table: f64,
    /// In its indexes.
    pub indexes: f64,
    /// In the TOAST table with its index.
    pub toast: f64,
    /// In the write-ahead log.
    pub wal: f64,
}

/// The space that rows use, in total and per plain index.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// The space of a row.
    pub row: RowBytes,
    /// Its space in each plain index.
    pub by_index: Vec<IndexedRow>,
}

/// The space of a row in one index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexedRow {
    /// The bytes of the index today.
    pub held: u64,
    /// The bytes of a row.
    pub bytes: f64,
    /// Whether it uses the free space on the pages of the index.
    pub fills_gaps: bool,
}

impl RowBytes {
    /// Returns the bytes that remain: all but the log.
    pub fn stored(self) -> f64 {
        self.table + self.indexes + self.toast
    }
}

impl Shape {
    /// The shape of a table that exists; `indexes` and `fill_percent` were measured.
    pub fn of_target(target: &Target, indexes: Vec<Index>, fill_percent: usize) -> Self {
        let columns = target.columns.iter().map(|column| ShapedColumn::of_target(target, column));
        Self { columns: columns.collect(), indexes, fill_percent }
    }

    /// The shape of a table that `target.sql` will create.
    pub fn of_contract(contract: &Contract, indexes: Vec<Index>) -> Self {
        let declared = filled(&contract.create);
        let columns = contract.columns.iter().map(|column| ShapedColumn {
            name: column.name.clone(),
            stored: Stored::of_declared(&column.data_type),
            filled: declared.columns.get(&column.name).cloned(),
        });
        let fill_percent = declared.fill_percent.unwrap_or(100);
        Self { columns: columns.collect(), indexes, fill_percent }
    }

    /// Adds texts that every row gets.
    pub fn with_constants(mut self, constants: &BTreeMap<String, String>) -> Self {
        for column in &mut self.columns {
            if let Some(text) = constants.get(&column.name) {
                column.filled = Some(text.clone());
            }
        }
        self
    }

    /// Whether the size of every value is known, and none is guessed.
    pub fn is_certain(&self) -> bool {
        self.columns.iter().all(|column| column.stored.is_certain())
    }

    /// Returns the bytes of the plain indexes today.
    pub fn plain_index_bytes(&self) -> u64 {
        self.indexes.iter().filter(|index| index.is_plain).map(|index| index.bytes).sum()
    }

    /// Returns the indexes whose size is not known from their keys.
    pub fn other_indexes(&self) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(|index| !index.is_plain)
    }

    /// Calculates the average space of rows as `stage.sql` gives them; `None` without rows.
    ///
    /// # Errors
    /// If a value has no text.
    pub fn weigh(&self, batches: &[RecordBatch]) -> Result<Option<Weighed>, ArrowError> {
        let mut scale = Scale::new(self);
        for batch in batches {
            scale.add(batch)?;
        }
        Ok(scale.weighed())
    }
}

/// The sums of the rows so far.
struct Scale<'a> {
    shape: &'a Shape,
    pages: Pages,
    keys: Vec<IndexKeys<'a>>,
    rows: u64,
    tuples: usize,
    toast: f64,
}

/// A plain index, with the keys of the rows so far.
struct IndexKeys<'a> {
    index: &'a Index,
    /// The places of its columns.
    places: Vec<usize>,
    keys: Keys,
}

impl<'a> IndexKeys<'a> {
    fn new(shape: &Shape, index: &'a Index) -> Self {
        let mut places = Vec::new();
        for name in index.columns.iter().chain(&index.included) {
            places.extend(shape.columns.iter().position(|column| column.name == *name));
        }
        Self { index, places, keys: Keys::default() }
    }

    fn add(&mut self, values: &[Option<Value<'_>>]) {
        let key: Vec<_> = self
            .places
            .iter()
            .map(|place| values[*place].map(|value| (value.datum, value.text)))
            .collect();
        self.keys.add(&key);
    }
}

impl<'a> Scale<'a> {
    fn new(shape: &'a Shape) -> Self {
        let plain = shape.indexes.iter().filter(|index| index.is_plain);
        Self {
            shape,
            pages: Pages::new(shape.fill_percent),
            keys: plain.map(|index| IndexKeys::new(shape, index)).collect(),
            rows: 0,
            tuples: 0,
            toast: 0.0,
        }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let options = FormatOptions::default();
        let arrays: Vec<Option<&dyn Array>> =
            self.shape.columns.iter().map(|column| array_of(batch, &column.name)).collect();
        let formatters: Vec<Option<ArrayFormatter<'_>>> = arrays
            .iter()
            .map(|array| array.map(|array| ArrayFormatter::try_new(array, &options)).transpose())
            .collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            let columns = self.shape.columns.iter().zip(arrays.iter().zip(&formatters));
            let texts: Vec<Option<String>> = columns
                .map(|(column, (array, formatter))| match (array, formatter) {
                    (Some(array), Some(formatter)) => {
                        (!array.is_null(row)).then(|| formatter.value(row).to_string())
                    }
                    _ => column.filled.clone(),
                })
                .collect();
            self.add_row(&texts);
        }
        Ok(())
    }

    fn add_row(&mut self, texts: &[Option<String>]) {
        let columns = self.shape.columns.iter().zip(texts);
        let values: Vec<Option<Value<'_>>> = columns
            .map(|(column, text)| {
                text.as_deref().map(|text| Value { datum: column.stored.datum(text), text })
            })
            .collect();
        let tuple = tuple(&values);
        self.pages.add(tuple.heap);
        self.tuples += tuple.heap;
        self.toast += tuple.toast;
        self.rows += 1;
        for index in &mut self.keys {
            index.add(&values);
        }
    }

    fn weighed(&self) -> Option<Weighed> {
        if self.rows == 0 {
            return None;
        }
        let rows = self.rows as f64;
        let by_index: Vec<IndexedRow> = self
            .keys
            .iter()
            .map(|IndexKeys { index, keys, .. }| IndexedRow {
                held: index.bytes,
                bytes: keys.bytes_per_row(index),
                fills_gaps: keys.fills_gaps(index),
            })
            .collect();
        let indexes: f64 = by_index.iter().map(|index| index.bytes).sum();
        let entries: f64 = self.keys.iter().map(|index| index.keys.entry_bytes() + LOG_ENTRY).sum();
        let toast = self.toast / rows;
        let wal = self.tuples as f64 / rows + LOG_RECORD + entries + indexes + toast * 0.97;
        let row = RowBytes { table: self.pages.bytes_per_row(), indexes, toast, wal };
        Some(Weighed { row, by_index })
    }
}

/// Finds the column of a batch for one of the target: by its name, or by the name that dlt gives it.
fn array_of<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a dyn Array> {
    let schema = batch.schema_ref();
    let place = schema.index_of(name).ok().or_else(|| {
        schema.fields().iter().position(|field| dlt_name::column_name(field.name()) == name)
    });
    place.map(|place| batch.column(place).as_ref())
}
