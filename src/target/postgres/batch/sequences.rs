//! **Sequences** number rows that come without a number. If ours come with numbers, the sequence must continue after
//! them, or the next row of the application fails.

use tokio_postgres::Client;

use super::Job;
use crate::domain::{TableName, quote_identifier, quote_literal};
use crate::target::Error;

/// Moves every sequence beyond the numbers that its column holds now, up or down as it counts; never backwards,
/// and not beyond its own bounds. Those that the user may not advance are left as they are, which
/// [`Encoder::events`](crate::target::Encoder::events) reports.
///
/// # Errors
/// [`Error::Statement`].
pub(super) async fn advance(job: &Job<'_>, client: &Client) -> Result<(), Error> {
    let Some(encoder) = &job.encoder else { return Ok(()) };
    for column in encoder.columns() {
        let Some(sequence) = column.sequence.as_ref().filter(|_| column.may_advance) else {
            continue;
        };
        client
            .batch_execute(&advance_statement(&job.target.table, &column.name, sequence))
            .await
            .map_err(|error| Error::rows(format!("advancing the sequence {sequence}"), &error))?;
    }
    Ok(())
}

/// Returns the statement that advances a sequence, whose name is quoted.
fn advance_statement(table: &TableName, column: &str, sequence: &str) -> String {
    let literal = quote_literal(sequence);
    format!(
        "SELECT pg_catalog.setval({literal}::regclass, reached.number) \
         FROM (SELECT CASE WHEN bounds.seqincrement > 0 THEN least(max({0}), bounds.seqmax) \
                           ELSE greatest(min({0}), bounds.seqmin) END::bigint AS number, bounds.seqmin, \
                      bounds.seqmax, bounds.seqincrement \
               FROM {1}, pg_catalog.pg_sequence AS bounds WHERE bounds.seqrelid = {literal}::regclass \
               GROUP BY 2, 3, 4) AS reached, {sequence} AS numbers \
         WHERE reached.number BETWEEN reached.seqmin AND reached.seqmax AND \
               (sign(reached.seqincrement) * (reached.number - numbers.last_value) > 0 \
                OR (reached.number = numbers.last_value AND NOT numbers.is_called))",
        quote_identifier(column),
        table.quoted()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    #[test]
    fn table_column_and_sequence_are_quoted() {
        let sequence = "\"My shop\".\"it's_seq\"";
        let statement = advance_statement(&odd_table(), "a\"b", sequence);
        assert!(
            statement.starts_with(
                "SELECT pg_catalog.setval('\"My shop\".\"it''s_seq\"'::regclass, reached.number)"
            ),
            "{statement}"
        );
        assert!(statement.contains("least(max(\"a\"\"b\"), bounds.seqmax)"), "{statement}");
        assert!(
            statement.contains(&format!("FROM {ODD_TABLE}, pg_catalog.pg_sequence")),
            "{statement}"
        );
        assert!(statement.contains(&format!("AS reached, {sequence} AS numbers")), "{statement}");
    }
}
