//! To **encode** is to turn staged rows into the text form of COPY, each value as the target's type
//! reads it, without losing anything: what would be rounded, cut or reinterpreted is refused.
//!
//! The form is that of the PostgreSQL documentation, "COPY", section "Text Format": fields between
//! tabs, rows between line feeds, `\N` for NULL. A server reads text columns faster from it than from
//! the binary form, in which the length of each field alone takes four bytes.

mod field;
mod fill;
mod line;
mod list;
mod matching;
mod numeric;
mod value;

use std::collections::BTreeMap;
use std::ops::Range;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, Schema};

use super::catalog::Kind;
use super::{Column, Target};
use crate::domain::{Event, Placement, ReplaceBy, provenance};
use crate::target::Error;
use field::{Field, Values};
use fill::Fill;
pub use matching::text_variant;
pub(super) use numeric::{Digits, is_zero};
pub(super) use value::Form;

/// Encodes staged rows for one target.
#[derive(Debug)]
pub struct Encoder {
    fields: Vec<Mapped>,
    fills: Vec<(Column, Fill)>,
}

/// A column of the staged rows and the target's column that it goes into.
#[derive(Debug)]
struct Mapped {
    /// The name that `stage.sql` gives it.
    staged: String,
    column: Column,
    field: Field,
}

/// What the rows of one batch have in common.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// The id of the load, for a target of dlt.
    pub id: &'a str,
}

impl Encoder {
    /// Matches the columns that `stage.sql` gives with the target's, by name; `constants` are the columns
    /// that hold the same text in every row.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with every column that does not fit.
    pub fn new(
        staged: &Schema,
        target: &Target,
        stage: &str,
        constants: &BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let encoder = Self::matched(staged, target, constants, &mut problems);
        let given: Vec<&str> =
            encoder.fields.iter().map(|mapped| mapped.column.name.as_str()).collect();
        problems.extend(matching::not_given(target, &given, &encoder.fills));
        if target.column(provenance::FILE_NAME).is_none() {
            problems.push(
                "the target has no column _file_name, by which loaded rows are recognised".into(),
            );
        }
        encoder.unless(problems, target, stage)
    }

    /// Matches the columns of rows that were loaded before with those of the target today. Columns that
    /// it demands of new rows may be missing, and columns that it no longer has are left out; their names are returned.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with every column that does not fit, and those that say which row it is if they are gone.
    pub fn of_loaded(
        staged: &Schema,
        target: &Target,
        stage: &str,
        constants: &BTreeMap<String, String>,
    ) -> Result<(Self, Vec<String>), Error> {
        let names = staged.fields().iter().map(|field| field.name()).chain(constants.keys());
        let mut lost: Vec<String> =
            names.filter(|name| matching::find(target, name).is_none()).cloned().collect();
        lost.sort();
        let mut problems = Vec::new();
        for name in [provenance::FILE_NAME, provenance::ROW_ID] {
            if target.column(name).is_none() {
                problems.push(format!(
                    "the target no longer has the column {name}, by which loaded rows are recognised"
                ));
            }
        }
        let kept = staged.fields().iter().filter(|field| !lost.contains(field.name())).cloned();
        let kept = Schema::new(kept.collect::<Vec<_>>());
        let mut kept_constants = constants.clone();
        kept_constants.retain(|name, _| !lost.contains(name));
        let encoder = Self::matched(&kept, target, &kept_constants, &mut problems);
        Ok((encoder.unless(problems, target, stage)?, lost))
    }

    /// Matches columns; adds what does not fit to `problems`.
    fn matched(
        staged: &Schema,
        target: &Target,
        constants: &BTreeMap<String, String>,
        problems: &mut Vec<String>,
    ) -> Self {
        let fields = matching::fields(staged, target, problems);
        let given: Vec<&str> = fields.iter().map(|mapped| mapped.column.name.as_str()).collect();
        let fills = fill::fills(target, constants, &given, problems);
        Self { fields, fills }
    }

    /// Returns the encoder, unless there are problems.
    fn unless(
        self,
        mut problems: Vec<String>,
        target: &Target,
        stage: &str,
    ) -> Result<Self, Error> {
        problems.dedup();
        if problems.is_empty() {
            return Ok(self);
        }
        let table = target.table.to_string();
        Err(Error::Mismatch { table, stage: stage.to_owned(), problems })
    }

    /// Returns the columns to name in COPY, in the order of the fields.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        let fields = self.fields.iter().map(|mapped| &mapped.column);
        fields.chain(self.fills.iter().map(|(column, _)| column))
    }

    /// Returns the columns of other types that are given as text, each with its type: a load stops at the first text
    /// that is not in the form of the type.
    pub fn parsed_texts(&self) -> Vec<String> {
        let parsed = self.fields.iter().filter(|mapped| mapped.field.parses_texts());
        parsed
            .map(|mapped| format!("{} ({})", mapped.column.name, mapped.column.type_text))
            .collect()
    }

    /// Refuses a mode that the columns or the kind of the target do not allow.
    ///
    /// # Errors
    /// [`Error::Mismatch`] and [`Error::Target`].
    pub fn refuse_placement(
        &self,
        target: &Target,
        placement: &Placement,
        stage: &str,
    ) -> Result<(), Error> {
        let table = target.table.to_string();
        if target.kind == Kind::View && *placement != Placement::Append {
            let reason = "a view only accepts rows in the mode append".to_owned();
            return Err(Error::Target { table, reason });
        }
        let needed: Vec<&str> = match placement {
            Placement::Merge(rule) => {
                rule.key.iter().chain(&rule.order).map(String::as_str).collect()
            }
            Placement::ReplaceRange(ReplaceBy::Days) => vec![provenance::FILE_DATE],
            Placement::Append | Placement::ReplaceRange(ReplaceBy::Files) => Vec::new(),
        };
        let problems: Vec<String> = needed
            .into_iter()
            .filter(|name| !self.columns().any(|column| column.name == *name))
            .map(|name| {
                format!("the mode needs the column {name} of the target, but stage.sql does not return it")
            })
            .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::Mismatch { table, stage: stage.to_owned(), problems })
    }

    /// Returns what a person should know about the columns: sequences that stay behind the numbers that are given.
    pub fn events(&self) -> Vec<Event> {
        let given = self.columns().filter(|column| !column.may_advance);
        let left = given.filter_map(|column| {
            let (column, sequence) = (column.name.clone(), column.sequence.clone()?);
            Some(Event::SequenceLeft { column, sequence })
        });
        left.collect()
    }

    /// Encodes rows, in order.
    ///
    /// Hardly any text needs escaping, so a block of rows is written as if none did and searched at once; only if
    /// there was such a text is the block written again.
    ///
    /// # Errors
    /// [`Error::Value`] for the first value that its column cannot hold.
    pub fn encode(
        &self,
        rows: &RecordBatch,
        load: Load<'_>,
        into: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let arrays: Vec<ArrayRef> =
            self.fields.iter().map(|mapped| mapped.prepare(rows)).collect::<Result<_, _>>()?;
        let columns: Vec<(&Column, Values<'_>)> = self
            .fields
            .iter()
            .zip(&arrays)
            .map(|(mapped, array)| (&mapped.column, mapped.field.values(array)))
            .collect();
        let fills = fill::Filler::new(&self.fills, load);
        let width = columns.len() + self.fills.len();
        for first in (0..rows.num_rows()).step_by(BLOCK_ROWS) {
            let block = first..rows.num_rows().min(first + BLOCK_ROWS);
            let start = into.len();
            let unescaped = Values::put_unescaped;
            let nulls = put_block(rows, block.clone(), &columns, &fills, unescaped, into)?;
            if !line::holds_only(&into[start..], block.len(), width, nulls) {
                into.truncate(start);
                put_block(rows, block, &columns, &fills, Values::put, into)?;
            }
        }
        Ok(())
    }
}

impl Mapped {
    /// Finds the column of the rows by its name, and prepares it for its field.
    fn prepare(&self, rows: &RecordBatch) -> Result<ArrayRef, Error> {
        let Some(array) = rows.column_by_name(&self.staged) else {
            let reason = "the staged rows lack the column".to_owned();
            return Err(value_error(rows, 0, &self.column, reason));
        };
        self.field.prepare(array).map_err(|reason| value_error(rows, 0, &self.column, reason))
    }
}

/// How many rows are written before they are searched for characters that need escaping.
const BLOCK_ROWS: usize = 64;

/// Puts some rows, each value by `put`; returns how many are NULL.
#[inline(always)]
fn put_block<'a>(
    rows: &RecordBatch,
    block: Range<usize>,
    columns: &[(&Column, Values<'a>)],
    fills: &fill::Filler<'_>,
    put: impl Fn(&Values<'a>, usize, &mut Vec<u8>) -> Result<(), String>,
    into: &mut Vec<u8>,
) -> Result<usize, Error> {
    let mut nulls = 0;
    for row in block {
        for (column, values) in columns {
            if values.is_null(row) {
                if column.not_null && !values.is_variant() {
                    let reason = "it is NULL, and the column is NOT NULL".to_owned();
                    return Err(value_error(rows, row, column, reason));
                }
                into.extend_from_slice(line::NULL);
                nulls += 1;
            } else if let Some(is_put) = values.put_part(row, into) {
                nulls += usize::from(!is_put);
            } else {
                put(values, row, into).map_err(|reason| value_error(rows, row, column, reason))?;
            }
            into.push(line::DELIMITER);
        }
        fills.put(into);
        // The last delimiter of a row becomes the end of its line.
        if let Some(last) = into.last_mut() {
            *last = line::LINE_ENDING;
        }
    }
    Ok(nulls)
}

/// The error of a value, which names its column and where its row came from.
fn value_error(rows: &RecordBatch, row: usize, column: &Column, reason: String) -> Error {
    Error::Value {
        column: format!("{} ({})", column.name, column.type_text),
        file: file_name(rows, row).unwrap_or_default(),
        row_id: row_id(rows, row).unwrap_or(-1),
        reason,
    }
}

fn file_name(rows: &RecordBatch, row: usize) -> Option<String> {
    let names = cast(rows.column_by_name(provenance::FILE_NAME)?, &DataType::Utf8View).ok()?;
    Some(names.as_string_view().value(row).to_owned())
}

fn row_id(rows: &RecordBatch, row: usize) -> Option<i64> {
    let ids = cast(rows.column_by_name(provenance::ROW_ID)?, &DataType::Int64).ok()?;
    Some(ids.as_primitive::<Int64Type>().value(row))
}

#[cfg(test)]
mod tests;
