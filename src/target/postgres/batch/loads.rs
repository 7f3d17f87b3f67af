//! A **load** is what dlt calls a package of rows: each batch is one, with an id of its own and a row in
//! `_dlt_loads`.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::Job;
use crate::target::Error;

/// The server's time in seconds with six decimals. Ids have the form of dlt's, which dlt compares as texts.
const NOW: &str = "\
SELECT to_char(extract(epoch FROM clock_timestamp())::numeric, 'FM0000000000.000000')";

/// Makes a new id of a load; empty if the target is not loaded by dlt. Batches that begin in the same microsecond
/// differ in a seventh decimal.
///
/// # Errors
/// [`Error::Statement`].
pub(super) async fn new_id(job: &Job<'_>, client: &Client, batch: usize) -> Result<String, Error> {
    if job.target.guest.dlt().is_none() {
        return Ok(String::new());
    }
    let row = client
        .query_typed_one(NOW, &[])
        .await
        .map_err(Error::statement("asking for the server's time"))?;
    Ok(format!("{}{}", row.get::<_, String>(0), batch % 9 + 1))
}

/// Records the load in `_dlt_loads`, in the batch's transaction.
///
/// # Errors
/// [`Error::Statement`].
pub(super) async fn record(
    job: &Job<'_>,
    client: &Client,
    id: &str,
    rows: u64,
) -> Result<(), Error> {
    let Some(loads) = job.target.guest.dlt().and_then(|dlt| dlt.loads.as_ref()) else {
        return Ok(());
    };
    if rows == 0 {
        return Ok(());
    }
    let (schema, hash) = loads.schema.clone().unzip();
    client
        .execute_typed(
            &loads.insert_statement(),
            &[(&id, Type::TEXT), (&schema, Type::TEXT), (&hash, Type::TEXT)],
        )
        .await
        .map(|_| ())
        .map_err(Error::statement(format!("recording the load in {}", loads.table)))
}
