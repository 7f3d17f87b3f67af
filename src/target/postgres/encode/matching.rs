//! **Matching** finds the column of the target for each column that `stage.sql` gives: by its name, and in
//! a table of dlt also by the name that dlt gives to it.

use datafusion::arrow::datatypes::Schema;

use super::fill::Fill;
use super::{Column, Field, Mapped, Target};
use crate::domain::{dlt_name, quote_identifier};
use crate::target::Guest;

/// Returns the name that dlt gives to the column for texts that do not fit the type of another one.
pub fn text_variant(column: &str) -> String {
    format!("{column}__v_text")
}

/// Finds the columns of the target that the staged ones go into; adds what does not fit to `problems`.
pub(super) fn fields(staged: &Schema, target: &Target, problems: &mut Vec<String>) -> Vec<Mapped> {
    let mut fields: Vec<Mapped> = Vec::new();
    for from in staged.fields() {
        let name = from.name();
        let Some(column) = find(target, name) else {
            problems.push(missing(target, name));
            continue;
        };
        if column.is_generated {
            problems.push(format!(
                "{} is computed by the server: leave it out of stage.sql",
                column.name
            ));
            continue;
        }
        if let Some(other) = fields.iter().find(|mapped| mapped.column.name == column.name) {
            problems.push(format!(
                "{} and {name} would both be loaded into the column {}",
                other.staged, column.name
            ));
            continue;
        }
        match Field::new(from.data_type(), column) {
            Ok(field) => add(&mut fields, target, name, column, field),
            Err(reason) => problems.push(format!("{}: {reason}", column.name)),
        }
    }
    fields
}

/// Adds a field, and beside it the column of dlt for texts that do not fit.
fn add(fields: &mut Vec<Mapped>, target: &Target, staged: &str, column: &Column, field: Field) {
    let variant = match target.guest {
        Guest::Dlt(_) => target.column(&text_variant(&column.name)),
        Guest::Unknown => None,
    };
    match variant.and_then(|variant| Some((variant, field.split()?))) {
        Some((variant, (fitting, misfits))) => {
            fields.push(Mapped::new(staged, column, fitting));
            fields.push(Mapped::new(staged, variant, misfits));
        }
        None => fields.push(Mapped::new(staged, column, field)),
    }
}

impl Mapped {
    fn new(staged: &str, column: &Column, field: Field) -> Self {
        Self { staged: staged.to_owned(), column: column.clone(), field }
    }
}

/// Finds the column of the target for a staged one.
pub(super) fn find<'a>(target: &'a Target, name: &str) -> Option<&'a Column> {
    target.column(name).or_else(|| match target.guest {
        Guest::Dlt(_) => target.column(&dlt_name::column_name(name)),
        Guest::Unknown => None,
    })
}

/// Says that the target has no column for a staged one, and what to do.
fn missing(target: &Target, name: &str) -> String {
    let column = match target.guest {
        Guest::Dlt(_) => dlt_name::column_name(name),
        Guest::Unknown => name.to_owned(),
    };
    if column.len() > MAX_NAME_BYTES {
        return format!(
            "the target has no column {name}, whose name has more than the {MAX_NAME_BYTES} bytes that \
             PostgreSQL keeps: give it a shorter one in stage.sql and in target.sql"
        );
    }
    format!(
        "the target has no column {column}: leave it out of stage.sql, or add it with ALTER TABLE {} ADD \
         COLUMN {} and its type",
        target.table.quoted(),
        quote_identifier(&column)
    )
}

/// The longest name that PostgreSQL keeps, in bytes.
const MAX_NAME_BYTES: usize = 63;

/// Reports the columns that the target needs and nobody gives.
pub(super) fn not_given(target: &Target, given: &[&str], fills: &[(Column, Fill)]) -> Vec<String> {
    let filled: Vec<&str> = fills.iter().map(|(column, _)| column.name.as_str()).collect();
    let needed = target.columns.iter().filter(|column| !column.may_be_left_out());
    needed
        .map(|column| column.name.as_str())
        .filter(|name| !given.contains(name) && !filled.contains(name))
        .map(|name| format!("{name} is NOT NULL, but stage.sql does not return it"))
        .collect()
}
