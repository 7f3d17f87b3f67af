//! To **encode** is to turn staged rows into the binary form of COPY, each column in the type that
//! the target has, without losing anything: what would be rounded, cut or reinterpreted is refused.
//!
//! The form is that of the PostgreSQL documentation, "COPY", section "Binary Format".

mod field;
mod numeric;

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, Schema};

use super::target::{Column, Target};
use super::{Error, TableName};
use field::Field;

/// The signature, no flags, no header extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands where the next row's number of fields would.
const TRAILER: i16 = -1;

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
        if target.column("_file_name").is_none() {
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

    /// Starts the data.
    pub fn begin(&self, into: &mut BytesMut) {
        into.put_slice(HEADER);
    }

    /// Ends the data.
    pub fn end(&self, into: &mut BytesMut) {
        into.put_i16(TRAILER);
    }

    /// Adds rows, in order.
    ///
    /// # Errors
    /// [`Error::Value`] for the first value that its column cannot hold.
    pub fn encode(&self, rows: &RecordBatch, into: &mut BytesMut) -> Result<(), Error> {
        let arrays: Vec<ArrayRef> = self
            .fields
            .iter()
            .zip(rows.columns())
            .map(|((column, field), array)| {
                field.prepare(array).map_err(|reason| value_error(rows, 0, column, reason))
            })
            .collect::<Result<_, _>>()?;
        let columns: Vec<(&Column, field::Values<'_>)> = self
            .fields
            .iter()
            .zip(&arrays)
            .map(|((column, field), array)| (column, field.values(array)))
            .collect();
        let count = columns.len() as i16;
        for row in 0..rows.num_rows() {
            into.put_i16(count);
            for (column, values) in &columns {
                if values.is_null(row) {
                    if column.not_null {
                        let reason = "it is NULL, and the column is NOT NULL".to_owned();
                        return Err(value_error(rows, row, column, reason));
                    }
                    into.put_i32(-1);
                    continue;
                }
                if let Some(text) = values.plain_text(row) {
                    into.put_i32(text.len() as i32);
                    into.put_slice(text.as_bytes());
                    continue;
                }
                let length_at = into.len();
                into.put_i32(0);
                values.put(row, into).map_err(|reason| value_error(rows, row, column, reason))?;
                let length = (into.len() - length_at - 4) as i32;
                into[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }
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
        file: text("_file_name").unwrap_or_default(),
        row_id: number("_row_id").unwrap_or(-1),
        reason,
    }
}

/// The COPY statement that takes the encoded rows.
pub fn copy_statement<'a>(table: &TableName, columns: impl Iterator<Item = &'a str>) -> String {
    let columns: Vec<String> = columns.map(super::table_name::quote_identifier).collect();
    format!("COPY {} ({}) FROM STDIN WITH (FORMAT binary)", table.quoted(), columns.join(", "))
}

#[cfg(test)]
mod tests;
