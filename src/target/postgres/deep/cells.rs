//! The **cells** of a row that are compared: the columns that a load gives.

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
    /// Which field of an encoded line it is.
    pub ours: usize,
}

/// The cells of a row that are compared, but for columns that say which row it is, those that depend on the load,
/// and `but`. Columns that the load did not give are left out as well: others may have filled them since.
pub fn cells(target: &Target, encoder: &Encoder, but: &[String]) -> Vec<Cell> {
    let is_compared = |column: &Column| {
        let name = column.name.as_str();
        let of_load = [provenance::FILE_NAME, provenance::ROW_ID, DLT_ID, DLT_LOAD_ID];
        let is_of_load = of_load[..2].contains(&name)
            || (target.guest.dlt().is_some() && of_load[2..].contains(&name));
        !is_of_load && !but.iter().any(|other| other == name)
    };
    let given = encoder.columns().enumerate().filter(|(_, column)| is_compared(column));
    given
        .map(|(ours, column)| Cell { column: column.clone(), form: Form::of(column), ours })
        .collect()
}
