//! A **single value** is one that all rows of the target hold in a column that its loader adds, such as the name
//! of a client. Rows that come without the column get it too.
//!
//! Only columns whose names begin with an underscore are looked at: a column of the exports may hold one
//! value by chance, and filling it in would invent data.

use std::collections::{BTreeMap, HashSet};

use datafusion::arrow::datatypes::Schema;
use tokio_postgres::Client;

use super::{Column, DLT_ID, DLT_LOAD_ID, Target};
use crate::domain::{Event, TableName, provenance, quote_identifier};
use crate::target::{Error, Guest};

impl Target {
    /// Looks for the single values of columns that neither `staged` nor `constants` give, if another loader
    /// fills the table.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn with_single_values(
        mut self,
        client: &Client,
        staged: &Schema,
        constants: &BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        if self.guest == Guest::Unknown {
            return Ok(self);
        }
        let given: HashSet<&str> = staged
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .chain(constants.keys().map(String::as_str))
            .collect();
        let open: Vec<String> =
            self.columns.iter().filter(|c| is_added(c, &given)).map(|c| c.name.clone()).collect();
        for name in open {
            let row = client
                .query_typed_one(&statement(&self.table, &name), &[])
                .await
                .map_err(Error::statement(format!("looking at {name} of {}", self.table)))?;
            let (value, has_others): (Option<String>, bool) = (row.get(0), row.get(1));
            let has_rows: bool = row.get(2);
            match value {
                Some(value) if !has_others => {
                    self.single_values.insert(name, value);
                }
                _ if has_others || !has_rows => self.varying.push(name),
                _ => {}
            }
        }
        Ok(self)
    }

    /// Returns what a person should know about columns that are filled in.
    pub fn fill_events(&self) -> Vec<Event> {
        let table = self.table.to_string();
        let mut events = Vec::new();
        if !self.single_values.is_empty() {
            let columns = self.single_values.keys().cloned().collect();
            events.push(Event::FilledIn { table: table.clone(), columns });
        }
        if !self.varying.is_empty() {
            events.push(Event::NotFilledIn { table, columns: self.varying.clone() });
        }
        events
    }
}

/// Whether the loader of the table adds the column, and neither staging nor a constant gives it.
fn is_added(column: &Column, given: &HashSet<&str>) -> bool {
    let name = column.name.as_str();
    // A header that begins with a digit gets an underscore before it.
    let is_marked = name.starts_with('_') && !name[1..].starts_with(|c: char| c.is_ascii_digit());
    is_marked
        && name != DLT_ID
        && name != DLT_LOAD_ID
        && !provenance::is_provenance(name)
        && !given.contains(name)
        && !column.has_default
        && !column.is_generated
}

/// Asks for the first value of a column, whether any row has another one, and whether there is any row.
fn statement(target: &TableName, column: &str) -> String {
    let (table, column) = (target.quoted(), quote_identifier(column));
    format!(
        "WITH first AS (SELECT {column}::text AS value FROM {table} LIMIT 1) \
         SELECT (SELECT value FROM first), EXISTS (SELECT FROM {table} \
         WHERE {column}::text IS DISTINCT FROM (SELECT value FROM first)), EXISTS (SELECT FROM first)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    #[test]
    fn the_first_value_is_compared_with_all_others_as_text() {
        let column = "\"_client \"\"name\"";
        assert_eq!(
            statement(&odd_table(), "_client \"name"),
            format!(
                "WITH first AS (SELECT {column}::text AS value FROM {ODD_TABLE} LIMIT 1) \
                 SELECT (SELECT value FROM first), EXISTS (SELECT FROM {ODD_TABLE} \
                 WHERE {column}::text IS DISTINCT FROM (SELECT value FROM first)), \
                 EXISTS (SELECT FROM first)"
            )
        );
    }

    #[test]
    fn only_columns_that_a_loader_adds_are_looked_at() {
        for (name, is_looked_at) in [
            ("_client", true),
            ("client", false),
            ("_2_days", false),
            ("_file_name", false),
            ("_dlt_id", false),
            ("_given", false),
        ] {
            let column = Column { name: name.to_owned(), ..Column::default() };
            assert_eq!(is_added(&column, &HashSet::from(["_given"])), is_looked_at, "{name}");
        }
    }
}
