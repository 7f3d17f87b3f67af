//! The columns that are **left out** of a deep verification: they do not hold what was loaded, or do not exist any
//! more.

use super::verification::Cells;
use crate::domain::provenance;
use crate::target::{Encoder, Target, compared_columns};

/// The columns that are not compared.
pub(super) struct LeftOut {
    /// Columns that depend on the load, or that the server fills in.
    not_compared: Vec<String>,
    /// Columns that the load did not give.
    not_given: Vec<String>,
    /// Columns that were loaded, and that the target does not have any more.
    pub lost: Vec<String>,
}

impl LeftOut {
    /// Sorts the columns of the target that are not compared by the reason; `but` are those that depend on the load,
    /// and `lost` are those that the target does not have any more.
    pub(super) fn of(
        target: &Target,
        encoder: &Encoder,
        but: &[String],
        lost: Vec<String>,
    ) -> Self {
        let compared = compared_columns(target, encoder, but);
        let mut columns = Self { not_compared: Vec::new(), not_given: Vec::new(), lost };
        for column in &target.columns {
            let name = &column.name;
            let says_which_row =
                [provenance::FILE_NAME, provenance::ROW_ID].contains(&name.as_str());
            if says_which_row || compared.contains(name) {
                continue;
            }
            let is_given = encoder.columns().any(|given| given.name == *name);
            let is_filled_in = column.has_default || column.is_generated;
            if is_given || is_filled_in || but.contains(name) {
                columns.not_compared.push(name.clone());
            } else {
                columns.not_given.push(name.clone());
            }
        }
        columns
    }

    /// Adds each column that is not there yet.
    pub(super) fn add_to(self, cells: &mut Cells) {
        for (names, known) in [
            (self.not_compared, &mut cells.not_compared),
            (self.not_given, &mut cells.not_given),
            (self.lost, &mut cells.lost),
        ] {
            for name in names {
                if !known.contains(&name) {
                    known.push(name);
                }
            }
        }
    }
}
