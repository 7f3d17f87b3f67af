//! What the **server** says about values: how it writes a text that was sent to a column.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::cells::Cell;
use super::waiting::Row;
use crate::target::Error;

/// How the server writes the values of each cell; `None` for a value that it cannot read as the column's type.
#[derive(Default)]
pub(super) struct Forms {
    known: HashMap<usize, HashMap<String, Option<String>>>,
    bytes: usize,
}

/// How many bytes of the server's answers are kept for the next rows.
const MAX_BYTES: usize = 16 << 20;

/// How many values are asked about at once.
const MAX_VALUES: usize = 5000;

impl Forms {
    /// Asks the server about the values of some rows that are not known yet.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub(super) async fn learn(
        &mut self,
        client: &Client,
        cells: &[Cell],
        rows: &[Row],
    ) -> Result<(), Error> {
        if self.bytes > MAX_BYTES {
            *self = Self::default();
        }
        let mut unknown: HashMap<usize, BTreeSet<&str>> = HashMap::new();
        for open in rows.iter().flat_map(|row| &row.cells) {
            let known = self.known.get(&open.cell);
            if known.is_none_or(|known| !known.contains_key(&open.ours)) {
                unknown.entry(open.cell).or_default().insert(&open.ours);
            }
        }
        for (cell, distinct) in unknown {
            let values: Vec<&str> = distinct.into_iter().collect();
            for some in values.chunks(MAX_VALUES) {
                self.ask(client, cell, &cells[cell], some).await?;
            }
        }
        Ok(())
    }

    /// Returns how the server writes a value that it was asked about.
    pub(super) fn of(&self, cell: usize, value: &str) -> Option<&str> {
        self.known.get(&cell)?.get(value)?.as_deref()
    }

    /// Asks about values; if the server cannot read one of them, asks about each half.
    async fn ask(
        &mut self,
        client: &Client,
        index: usize,
        cell: &Cell,
        values: &[&str],
    ) -> Result<(), Error> {
        let mut left = vec![values];
        while let Some(some) = left.pop() {
            match forms(client, cell, some).await? {
                Some(forms) => {
                    for (value, form) in forms {
                        self.keep(index, value, Some(form));
                    }
                }
                None if some.len() == 1 => self.keep(index, some[0].to_owned(), None),
                None => {
                    let (first, second) = some.split_at(some.len() / 2);
                    left.extend([second, first]);
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, cell: usize, value: String, form: Option<String>) {
        self.bytes += value.len() + form.as_ref().map_or(0, String::len);
        self.known.entry(cell).or_default().insert(value, form);
    }
}

/// Asks how the server writes values; `None` if it cannot read one of them. `format` writes a value as COPY does; a
/// cast to `text` may write it differently.
async fn forms(
    client: &Client,
    cell: &Cell,
    values: &[&str],
) -> Result<Option<Vec<(String, String)>>, Error> {
    let doing = format!("asking how {} is written", cell.column.name);
    let statement = forms_statement(&cell.column.type_text);
    client.batch_execute("SAVEPOINT asking").await.map_err(Error::statement(doing.as_str()))?;
    match client.query_typed(&statement, &[(&values, Type::TEXT_ARRAY)]).await {
        Ok(rows) => {
            let released = client.batch_execute("RELEASE SAVEPOINT asking").await;
            released.map_err(Error::statement(doing))?;
            Ok(Some(rows.iter().map(|row| (row.get(0), row.get(1))).collect()))
        }
        Err(error) if is_about_a_value(&error) => {
            let back = "ROLLBACK TO SAVEPOINT asking; RELEASE SAVEPOINT asking";
            client.batch_execute(back).await.map_err(Error::statement(doing))?;
            Ok(None)
        }
        Err(error) => Err(Error::statement(doing)(error)),
    }
}

/// Asks how the server writes the values `$1` as a type. Columns: the value, and the text that the server writes.
fn forms_statement(type_text: &str) -> String {
    format!(
        "SELECT value, pg_catalog.format('%s', value::{type_text}) \
         FROM unnest($1::text[]) AS given (value)"
    )
}

/// Whether the server says that a value is wrong, by the class of its code: data, integrity, and errors that
/// functions of types raise.
fn is_about_a_value(error: &tokio_postgres::Error) -> bool {
    let code = error.code().map(tokio_postgres::error::SqlState::code);
    matches!(code.and_then(|code| code.get(..2)), Some("22" | "23" | "P0" | "0A"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cast_to_the_type_and_written_as_copy_writes_them() {
        assert_eq!(
            forms_statement("\"My shop\".mood[]"),
            "SELECT value, pg_catalog.format('%s', value::\"My shop\".mood[]) \
             FROM unnest($1::text[]) AS given (value)"
        );
    }
}
