//! **Sequences** number rows that come without a number. Where ours come with one, the sequence must go on
//! behind it, or the next row of the application fails.

use tokio_postgres::Client;

use super::Job;
use crate::domain::quote_identifier;
use crate::target::Error;
use crate::target::postgres::Column;

/// Moves every sequence beyond the numbers that its column holds now, up or down as it counts; never backwards,
/// and not beyond its own bounds. Those that the user
/// may not advance are left, which [`Encoder::events`](crate::target::Encoder::events) reports.
///
/// # Errors
/// [`Error::Statement`].
pub async fn advance(job: &Job<'_>, client: &Client) -> Result<(), Error> {
    let Some(encoder) = &job.encoder else { return Ok(()) };
    for column in encoder.columns() {
        let Some(sequence) = column.sequence.as_ref().filter(|_| column.may_advance) else {
            continue;
        };
        client
            .batch_execute(&advance_statement(job, column, sequence))
            .await
            .map_err(|error| Error::rows(format!("advancing the sequence {sequence}"), &error))?;
    }
    Ok(())
}

fn advance_statement(job: &Job<'_>, column: &Column, sequence: &str) -> String {
    let literal = crate::domain::quote_literal(sequence);
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
        quote_identifier(&column.name),
        job.target.table.quoted()
    )
}
