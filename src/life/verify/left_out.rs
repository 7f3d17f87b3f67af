//! The columns that are **left out** of a deep verification: they say nothing of what was loaded, or are not there.

use super::verification::Cells;
use crate::domain::provenance;
use crate::target::{Encoder, Target, compared_columns};

/// The columns that are not compared.
pub struct LeftOut {
    /// They depend on the load, or the server fills them in.
    not_compared: Vec<String>,
    /// The load did not give them.
    not_given: Vec<String>,
    /// They were loaded, and the target does not have them any more.
    pub lost: Vec<String>,
}

impl LeftOut {
    /// The columns of the target that are not compared, by the reason, `but` being those that depend on the load; and
    /// those that are `lost`.
    pub fn of(target: &Target, encoder: &Encoder, but: &[String], lost: Vec<String>) -> Self {
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
            match is_given || is_filled_in || but.contains(name) {
                true => columns.not_compared.push(name.clone()),
                false => columns.not_given.push(name.clone()),
            }
        }
        columns
    }

    /// Adds each column that is not known yet.
    pub fn add_to(self, cells: &mut Cells) {
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
