//! A **fill** is a column of the target that `stage.sql` does not give and that is filled in here: a
//! constant, or what dlt keeps of every row.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::RngCore;

use super::value::Form;
use super::{Column, Load, line};
use crate::target::Guest;
use crate::target::postgres::catalog::{DLT_ID, DLT_LOAD_ID, Target};

/// What a column is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// A name of the row that no other row has: 80 random bits in base64, as dlt makes them.
    DltId,
    /// The id of the load.
    DltLoadId,
    /// The same value in every row, in the form of COPY.
    Constant(Vec<u8>),
}

/// Random bytes in a `_dlt_id`.
const DLT_ID_BYTES: usize = 10;

/// Returns the columns to fill in besides those that are `given`; adds those that cannot be filled in to `problems`.
pub(super) fn fills(
    target: &Target,
    constants: &BTreeMap<String, String>,
    given: &[&str],
    problems: &mut Vec<String>,
) -> Vec<(Column, Fill)> {
    let mut fills = Vec::new();
    for (name, text) in constants {
        match constant(target, name, text, given) {
            Ok(fill) => fills.push(fill),
            Err(problem) => problems.push(problem),
        }
    }
    for (name, text) in &target.single_values {
        let is_open = !given.contains(&name.as_str()) && !constants.contains_key(name);
        if is_open && let Ok(fill) = constant(target, name, text, given) {
            fills.push(fill);
        }
    }
    if let Guest::Dlt(_) = target.guest {
        for (name, fill) in [(DLT_ID, Fill::DltId), (DLT_LOAD_ID, Fill::DltLoadId)] {
            if given.contains(&name) {
                problems.push(format!(
                    "{name} is filled in by this program: leave it out of stage.sql"
                ));
            } else if let Some(column) = target.column(name) {
                fills.push((column.clone(), fill));
            }
        }
    }
    fills
}

/// Encodes a constant for its column.
fn constant(
    target: &Target,
    name: &str,
    text: &str,
    given: &[&str],
) -> Result<(Column, Fill), String> {
    if given.contains(&name) {
        return Err(format!(
            "{name} is in `constants`, but stage.sql returns it, too: leave one out"
        ));
    }
    let Some(column) = target.column(name) else {
        return Err(format!("the target has no column {name}, but `constants` sets it"));
    };
    if name == DLT_ID || name == DLT_LOAD_ID {
        return Err(format!("{name} is filled in by this program: leave it out of `constants`"));
    }
    let mut bytes = Vec::new();
    Form::of(column)
        .put_text(text, &mut bytes)
        .map_err(|reason| format!("the constant of {name} ({}): {reason}", column.type_text))?;
    Ok((column.clone(), Fill::Constant(bytes)))
}

/// Fills in the columns of one row after the other.
pub(super) struct Filler<'a> {
    fills: &'a [(Column, Fill)],
    load: Load<'a>,
}

impl<'a> Filler<'a> {
    /// Prepares to fill in the columns for one load.
    pub(super) fn new(fills: &'a [(Column, Fill)], load: Load<'a>) -> Self {
        Self { fills, load }
    }

    /// Puts every fill of a row, each followed by a separator.
    #[inline]
    pub(super) fn put(&self, into: &mut Vec<u8>) {
        for (_, fill) in self.fills {
            match fill {
                Fill::DltId => put_random_id(into),
                Fill::DltLoadId => into.extend_from_slice(self.load.id.as_bytes()),
                Fill::Constant(bytes) => into.extend_from_slice(bytes),
            }
            into.push(line::DELIMITER);
        }
    }
}

fn put_random_id(into: &mut Vec<u8>) {
    let mut random = [0; DLT_ID_BYTES];
    rand::rng().fill_bytes(&mut random);
    let mut text = [0; 16];
    // Ten bytes are fourteen characters.
    if let Ok(length) = STANDARD_NO_PAD.encode_slice(random, &mut text) {
        into.extend_from_slice(&text[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fourteen_characters_and_differ() {
        let mut ids = std::collections::HashSet::new();
        for _ in 0..1000 {
            let mut id = Vec::new();
            put_random_id(&mut id);
            assert_eq!(id.len(), 14);
            assert!(id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte)));
            assert!(ids.insert(id));
        }
    }
}
