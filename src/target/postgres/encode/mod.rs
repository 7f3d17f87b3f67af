//! To **encode** is to turn staged rows into the text form of COPY, each value as the target's type
//! reads it, without losing anything: what would be rounded, cut or reinterpreted is refused.
//!
//! The form is that of the PostgreSQL documentation, "COPY", section "Text Format": fields between
//! tabs, rows between line feeds, `\N` for NULL. A server reads text columns faster from it than from
//! the binary form, whose lengths alone are four bytes a field.

mod field;
mod line;
mod numeric;
mod value;

use std::ops::Range;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, Schema};

use super::{Column, Target};
use crate::domain::provenance;
use crate::target::Error;
use field::{Field, Values};

/// Encodes staged rows for one target.
#[derive(Debug)]
pub struct Encoder {
    fields: Vec<(Column, Field)>,
}

impl Encoder {
    /// Matches the columns that `stage.sql` gives with the target's, by name.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with every column that does not fit.
    pub fn new(staged: &Schema, target: &Target, stage: &str) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let mut fields = Vec::new();
        for field in staged.fields() {
            let Some(column) = target.column(field.name()) else {
                problems.push(format!("the target has no column {}", field.name()));
                continue;
            };
            if column.is_generated {
                problems.push(format!("{} is computed by the target", column.name));
                continue;
            }
            match Field::new(field.data_type(), column) {
                Ok(encoding) => fields.push((column.clone(), encoding)),
                Err(reason) => problems.push(format!("{}: {reason}", column.name)),
            }
        }
        let given = |column: &Column| staged.field_with_name(&column.name).is_ok();
        for column in &target.columns {
            if column.not_null && !column.has_default && !column.is_generated && !given(column) {
                problems.push(format!("{} is NOT NULL and not given", column.name));
            }
        }
        if target.column(provenance::FILE_NAME).is_none() {
            problems.push("the target has no column _file_name, which says what is there".into());
        }
        problems.dedup();
        if problems.is_empty() {
            return Ok(Self { fields });
        }
        let table = target.table.to_string();
        Err(Error::Mismatch { table, stage: stage.to_owned(), problems })
    }

    /// The columns to name in COPY, in the order of the fields.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(column, _)| column.name.as_str())
    }

    /// Adds rows, in order.
    ///
    /// Hardly any text holds what must be escaped, so a block of rows is written as if none did,
    /// and looked through at once; only where there was such a text is it written again.
    ///
    /// # Errors
    /// [`Error::Value`] for the first value that its column cannot hold.
    pub fn encode(&self, rows: &RecordBatch, into: &mut Vec<u8>) -> Result<(), Error> {
        let arrays: Vec<ArrayRef> = self
            .fields
            .iter()
            .map(|(column, field)| prepare(rows, column, field))
            .collect::<Result<_, _>>()?;
        let columns: Vec<(&Column, Values<'_>)> = self
            .fields
            .iter()
            .zip(&arrays)
            .map(|((column, field), array)| (column, field.values(array)))
            .collect();
        for first in (0..rows.num_rows()).step_by(BLOCK_ROWS) {
            let block = first..rows.num_rows().min(first + BLOCK_ROWS);
            let start = into.len();
            let nulls = put_block(rows, block.clone(), &columns, Values::put_unescaped, into)?;
            if !line::holds_only(&into[start..], block.len(), columns.len(), nulls) {
                into.truncate(start);
                put_block(rows, block, &columns, Values::put, into)?;
            }
        }
        Ok(())
    }
}

/// A column of the rows, found by its name, as its field encodes it.
fn prepare(rows: &RecordBatch, column: &Column, field: &Field) -> Result<ArrayRef, Error> {
    let missing = || value_error(rows, 0, column, "the staged rows lack the column".to_owned());
    let array = rows.column_by_name(&column.name).ok_or_else(missing)?;
    field.prepare(array).map_err(|reason| value_error(rows, 0, column, reason))
}

/// How many rows are written before they are looked through.
const BLOCK_ROWS: usize = 64;

/// Puts some rows, each value by `put`; returns how many are NULL.
#[inline(always)]
fn put_block<'a>(
    rows: &RecordBatch,
    block: Range<usize>,
    columns: &[(&Column, Values<'a>)],
    put: impl Fn(&Values<'a>, usize, &mut Vec<u8>) -> Result<(), String>,
    into: &mut Vec<u8>,
) -> Result<usize, Error> {
    let mut nulls = 0;
    for row in block {
        for (column, values) in columns {
            if values.is_null(row) {
                if column.not_null {
                    let reason = "it is NULL, and the column is NOT NULL".to_owned();
                    return Err(value_error(rows, row, column, reason));
                }
                into.extend_from_slice(line::NULL);
                nulls += 1;
            } else {
                put(values, row, into).map_err(|reason| value_error(rows, row, column, reason))?;
            }
            into.push(line::BETWEEN_FIELDS);
        }
        // The last separator of a row is the end of its line.
        if let Some(last) = into.last_mut() {
            *last = line::BETWEEN_ROWS;
        }
    }
    Ok(nulls)
}

/// Says which value it is, by its column and where its row came from.
fn value_error(rows: &RecordBatch, row: usize, column: &Column, reason: String) -> Error {
    let text = |name: &str| {
        let array = cast(rows.column_by_name(name)?, &DataType::Utf8View).ok()?;
        Some(array.as_string_view().value(row).to_owned())
    };
    let number = |name: &str| {
        let array = cast(rows.column_by_name(name)?, &DataType::Int64).ok()?;
        Some(array.as_primitive::<Int64Type>().value(row))
    };
    Error::Value {
        column: format!("{} ({})", column.name, column.type_text),
        file: text(provenance::FILE_NAME).unwrap_or_default(),
        row_id: number(provenance::ROW_ID).unwrap_or(-1),
        reason,
    }
}

#[cfg(test)]
mod tests;
