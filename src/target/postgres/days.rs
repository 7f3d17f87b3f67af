//! The **days** that a table or a materialized view holds, by its column `_file_date`; the first loaded day of a
//! target also by the ledger and the names of its files.

use serde::Serialize;
use tokio_postgres::Client;

use super::catalog::Object;
use super::ledger;
use super::row::text;
use crate::domain::{DateRange, FileDate, TableName};
use crate::target::Error;

/// The first day that a target holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FirstDay {
    /// The day.
    pub day: FileDate,
    /// What says so.
    pub source: &'static str,
}

/// Returns the first and the last day that a table or a materialized view holds; `None` if it has no rows with a day,
/// or this user may not read all of them.
///
/// # Errors
/// [`Error::Statement`].
pub async fn days_held(client: &Client, object: &Object) -> Result<Option<DateRange>, Error> {
    let Some(relation) = &object.relation else { return Ok(None) };
    let Some(data_type) = relation.file_date_type.as_deref().filter(|_| relation.may_read) else {
        return Ok(None);
    };
    if !object.is_filled() {
        return Ok(None);
    }
    let name = &object.name;
    if is_ordered_by_day(data_type) {
        let statement = format!("SELECT min(_file_date)::text, max(_file_date)::text FROM {name}");
        if let Some(range) = range(client, &statement, name).await? {
            return Ok(Some(range));
        }
    }
    range(client, &by_form_statement(name), name).await
}

/// Whether the smallest value is the first day, so that an index may give it. A text may still hold something else.
fn is_ordered_by_day(data_type: &str) -> bool {
    matches!(data_type, "date" | "text" | "character varying") || data_type.starts_with("timestamp")
}

/// Asks for the first and the last day among the values that have the form of one.
fn by_form_statement(name: &str) -> String {
    format!(
        "SELECT min(day), max(day) FROM (SELECT left(_file_date::text, 10) AS day FROM {name}) AS days \
         WHERE day ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$'"
    )
}

/// Reads the first and the last day by a statement that returns them as text.
async fn range(client: &Client, statement: &str, name: &str) -> Result<Option<DateRange>, Error> {
    let row = client
        .query_typed_one(statement, &[])
        .await
        .map_err(Error::statement(format!("reading the days of {name}")))?;
    let days = day_of(&text(&row, 0)).zip(day_of(&text(&row, 1)));
    Ok(days.and_then(|(first, last)| DateRange::new(first, last).ok()))
}

/// Returns the day at the beginning of a text.
fn day_of(text: &str) -> Option<FileDate> {
    text.get(..10)?.parse().ok()
}

/// Returns the first day that a target holds: by `_file_date`, or else by the ledger and by the first date in the names
/// of the files; `None` if it holds none, or nothing says which.
///
/// # Errors
/// [`Error::Statement`].
pub async fn first_day(
    client: &Client,
    table: &TableName,
    object: &Object,
) -> Result<Option<FirstDay>, Error> {
    if let Some(range) = days_held(client, object).await? {
        return Ok(Some(FirstDay { day: range.start(), source: "_file_date" }));
    }
    let ledger_day = match ledger::loaded_range(client, table).await {
        Ok(range) => range.map(|range| range.start()),
        // It is damaged or somebody else's, or this user may not read it.
        Err(
            Error::ForeignLedger { .. } | Error::IncompleteLedger { .. } | Error::Rights { .. },
        ) => None,
        Err(error) => return Err(error),
    };
    let of_ledger = ledger_day.map(|day| FirstDay { day, source: "the ledger" });
    let name_day = first_day_of_names(client, object).await?;
    let of_names = name_day.map(|day| FirstDay { day, source: "_file_name" });
    Ok([of_ledger, of_names].into_iter().flatten().min_by_key(|first| first.day))
}

/// Returns the first day in the names of files.
async fn first_day_of_names(client: &Client, object: &Object) -> Result<Option<FileDate>, Error> {
    let relation = object.relation.as_ref();
    if !relation.is_some_and(|relation| relation.has_file_name && relation.may_read) {
        return Ok(None);
    }
    let name = &object.name;
    let statement = format!(
        "SELECT min(day) FROM (SELECT substring(_file_name::text FROM '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') AS day \
         FROM {name}) AS days"
    );
    let row = client
        .query_typed_one(&statement, &[])
        .await
        .map_err(Error::statement(format!("reading the file names of {name}")))?;
    Ok(row.get::<_, Option<String>>(0).as_deref().and_then(day_of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_what_begins_like_one() {
        assert_eq!(day_of("2025-01-02T03:04:05"), "2025-01-02".parse::<FileDate>().ok());
        assert_eq!(day_of("2025-13-02"), None);
        assert_eq!(day_of("é2025-01-0"), None);
        assert_eq!(day_of(""), None);
    }

    #[test]
    fn days_are_read_from_a_name_that_is_quoted_already() {
        assert_eq!(
            by_form_statement("\"My shop\".\"order\""),
            "SELECT min(day), max(day) FROM (SELECT left(_file_date::text, 10) AS day \
             FROM \"My shop\".\"order\") AS days WHERE day ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'"
        );
    }
}
