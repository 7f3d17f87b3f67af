//! The **cells** of a row that are compared: the columns that a load gives, and those that it leaves NULL.

use crate::domain::provenance;
use crate::target::postgres::encode::Form;
use crate::target::postgres::{Column, DLT_ID, DLT_LOAD_ID, Encoder, Target};

/// One column of every row.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The column.
    pub column: Column,
    /// What its values are written as.
    pub form: Form,
    /// Which field of an encoded line it is; `None` if nobody gives it, so that it is NULL.
    pub ours: Option<usize>,
}

/// The cells of a row that are compared, but for columns that say which row it is, those that depend on the load,
/// and `but`. Columns that the server fills in are left out as well.
pub fn cells(target: &Target, encoder: &Encoder, but: &[String]) -> Vec<Cell> {
    let is_compared = |column: &Column| {
        let name = column.name.as_str();
        let of_load = [provenance::FILE_NAME, provenance::ROW_ID, DLT_ID, DLT_LOAD_ID];
        let is_of_load = of_load[..2].contains(&name)
            || (target.guest.dlt().is_some() && of_load[2..].contains(&name));
        !is_of_load && !but.iter().any(|other| other == name)
    };
    let cell = |column: &Column, ours| {
        let (column, form) = (column.clone(), Form::of(column));
        Cell { column, form, ours }
    };
    let given = encoder.columns().enumerate();
    let mut cells: Vec<Cell> = given
        .filter(|(_, column)| is_compared(column))
        .map(|(index, column)| cell(column, Some(index)))
        .collect();
    let is_given = |column: &Column| encoder.columns().any(|given| given.name == column.name);
    let missing = target.columns.iter().filter(|column| !is_given(column) && is_compared(column));
    let is_null = |column: &&Column| !column.has_default && !column.is_generated;
    cells.extend(missing.filter(is_null).map(|column| cell(column, None)));
    cells
}
