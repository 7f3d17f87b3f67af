//! To **weigh** rows is to say what they will take in the target, before they are there: in the table, in its
//! TOAST table, in its indexes, and in the write-ahead log.

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
use crate::target::postgres::catalog::{DLT_ID, DLT_LOAD_ID};

/// What the log takes for a tuple besides: the header of its record, where it goes to.
const LOG_RECORD: f64 = 15.0;
/// What the log takes for an entry of an index besides.
const LOG_ENTRY: f64 = 44.0;

/// A target table as far as it decides what a row takes.
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
    /// What it holds where `stage.sql` does not give it; `None` is NULL.
    filled: Option<String>,
}

/// What a row takes on average, in bytes.
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

/// What rows take, and what each plain index has to do with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// What a row takes.
    pub row: RowBytes,
    /// What of it each plain index takes.
    pub by_index: Vec<IndexedRow>,
}

/// What a row takes in one index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexedRow {
    /// The bytes of the index today.
    pub held: u64,
    /// What a row takes.
    pub bytes: f64,
    /// Whether it uses the room that the pages of the index have left.
    pub fills_gaps: bool,
}

impl RowBytes {
    /// What stays: without the log.
    pub fn stored(self) -> f64 {
        self.table + self.indexes + self.toast
    }
}

impl Shape {
    /// That of a table which is there; `indexes` and how full its pages are filled were measured.
    pub fn of_target(target: &Target, indexes: Vec<Index>, fill_percent: usize) -> Self {
        let column = |column: &super::super::Column| {
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
            ShapedColumn { name: column.name.clone(), stored, filled }
        };
        Self { columns: target.columns.iter().map(column).collect(), indexes, fill_percent }
    }

    /// That of a table which `target.sql` will create.
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

    /// The same, with texts that every row gets.
    pub fn with_constants(mut self, constants: &BTreeMap<String, String>) -> Self {
        for column in &mut self.columns {
            if let Some(text) = constants.get(&column.name) {
                column.filled = Some(text.clone());
            }
        }
        self
    }

    /// Whether the size of every value is known, and none guessed.
    pub fn is_certain(&self) -> bool {
        self.columns.iter().all(|column| column.stored.is_certain())
    }

    /// The bytes of the others today.
    pub fn plain_index_bytes(&self) -> u64 {
        self.indexes.iter().filter(|index| index.is_plain).map(|index| index.bytes).sum()
    }

    /// The indexes whose size is not known from their keys.
    pub fn other_indexes(&self) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(|index| !index.is_plain)
    }

    /// What rows as `stage.sql` gives them take on average; `None` if there is none.
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

/// What was weighed so far.
struct Scale<'a> {
    shape: &'a Shape,
    pages: Pages,
    keys: Vec<(&'a Index, Vec<usize>, Keys)>,
    rows: u64,
    tuples: usize,
    toast: f64,
}

impl<'a> Scale<'a> {
    fn new(shape: &'a Shape) -> Self {
        let place = |name: &String| shape.columns.iter().position(|column| column.name == *name);
        let plain = shape.indexes.iter().filter(|index| index.is_plain);
        let keys = plain.map(|index| {
            let columns = index.columns.iter().chain(&index.included);
            (index, columns.filter_map(place).collect(), Keys::default())
        });
        Self {
            shape,
            pages: Pages::new(shape.fill_percent),
            keys: keys.collect(),
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
            let texts = self.shape.columns.iter().zip(arrays.iter().zip(&formatters));
            let texts: Vec<Option<String>> = texts
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
        for (_, places, keys) in &mut self.keys {
            let part = |place: &usize| values[*place].map(|value| (value.datum, value.text));
            keys.add(&places.iter().map(part).collect::<Vec<_>>());
        }
    }

    fn weighed(&self) -> Option<Weighed> {
        if self.rows == 0 {
            return None;
        }
        let rows = self.rows as f64;
        let by_index = self.keys.iter().map(|(index, _, keys)| IndexedRow {
            held: index.bytes,
            bytes: keys.bytes_per_row(index),
            fills_gaps: keys.fills_gaps(index),
        });
        let by_index: Vec<IndexedRow> = by_index.collect();
        let indexes: f64 = by_index.iter().map(|index| index.bytes).sum();
        let entries: f64 =
            self.keys.iter().map(|(_, _, keys)| keys.entry_bytes() + LOG_ENTRY).sum();
        let toast = self.toast / rows;
        let wal = self.tuples as f64 / rows + LOG_RECORD + entries + indexes + toast * 0.97;
        let row = RowBytes { table: self.pages.bytes_per_row(), indexes, toast, wal };
        Some(Weighed { row, by_index })
    }
}

/// The column of a batch for one of the target: by its name, or by the one that dlt gives it.
fn array_of<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a dyn Array> {
    let schema = batch.schema_ref();
    let place = schema.index_of(name).ok().or_else(|| {
        schema.fields().iter().position(|field| dlt_name::column_name(field.name()) == name)
    });
    place.map(|place| batch.column(place).as_ref())
}
