//! The **cells** of a row that are compared: the columns that a load gives.

use crate::domain::provenance;
use crate::target::postgres::encode::Form;
use crate::target::postgres::{Column, DLT_ID, DLT_LOAD_ID, Encoder, Target};

/// One column of every row.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// The column.
    pub column: Column,
    /// What its values are written as.
    pub form: Form,
    /// Which field of an encoded line it is.
    pub ours: usize,
}

/// Returns the cells of a row that are compared: all but the columns that say which row it is, those that depend on
/// the load, and `but`. Columns that the load did not give are left out as well: others may have filled them since.
pub(super) fn cells(target: &Target, encoder: &Encoder, but: &[String]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (ours, column) in encoder.columns().enumerate() {
        if !is_of_load(target, &column.name) && !but.contains(&column.name) {
            cells.push(Cell { column: column.clone(), form: Form::of(column), ours });
        }
    }
    cells
}

/// Whether a column says which row it is, or depends on the load.
fn is_of_load(target: &Target, name: &str) -> bool {
    [provenance::FILE_NAME, provenance::ROW_ID].contains(&name)
        || (target.guest.dlt().is_some() && [DLT_ID, DLT_LOAD_ID].contains(&name))
}
