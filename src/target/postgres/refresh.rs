//! To **refresh** a materialized view is to run its query again, so that it shows what was loaded.

use tokio_postgres::Client;

use super::Database;
use super::catalog::MaterializedView;
use crate::target::Error;

/// Refreshes a materialized view in a transaction of its own. The server's text about a failure is not shown: the
/// query of the view may have put values into it.
///
/// # Errors
/// [`Error::Rows`], and as [`Database::session`].
pub async fn refresh(database: &Database, view: &MaterializedView) -> Result<(), Error> {
    let statement = view.statement();
    let refreshed = database.session(async |client: &Client| {
        let sent = client.batch_execute(&statement).await;
        sent.map_err(|error| Error::rows(format!("refreshing {}", view.name), &error))
    });
    refreshed.await
}
