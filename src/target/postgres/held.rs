//! What the target **holds** of a dataset's files: asked of the ledger and of the table itself.

use std::collections::HashMap;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::Target;
use super::ledger::{self, Scope};
use crate::state::{Contested, TargetState};
use crate::target::{Error, Guest};

/// What the target holds of the files of these names, which are all that the source has in `scope`.
///
/// # Errors
/// [`Error::Statement`].
pub async fn held(
    client: &Client,
    target: Option<&Target>,
    scope: Scope<'_>,
    names: &[String],
) -> Result<TargetState, Error> {
    let mut state = TargetState::default();
    if ledger::exists(client).await? {
        state.entries = ledger::files(client, scope.target, names).await?;
        state.others = ledger::others(client, scope, names).await?;
        state.has_lost_files = ledger::has_lost_files(client, scope.target, scope.range).await?;
    }
    let Some(target) = target else { return Ok(state) };
    let others = state.others.iter().map(|entry| entry.file_name.clone());
    let names: Vec<String> = names.iter().cloned().chain(others).collect();
    state.rows = count_rows(client, target, &names).await?;
    state.cascades = target.cascades.clone();
    state.delete_triggers = target.delete_triggers.clone();
    Ok(state)
}

/// How many rows of each file the target has.
///
/// # Errors
/// [`Error::Statement`].
pub async fn count_rows(
    client: &Client,
    target: &Target,
    names: &[String],
) -> Result<HashMap<String, u64>, Error> {
    if target.column(crate::domain::provenance::FILE_NAME).is_none() {
        return Ok(HashMap::new());
    }
    let statement = Guest::default().count_statement(&target.table);
    let rows = client
        .query_typed(&statement, &[(&names, Type::TEXT_ARRAY)])
        .await
        .map_err(Error::statement(format!("counting the rows of {}", target.table)))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).unsigned_abs())).collect())
}

/// How many rows of each contested file are ours; 0 if none is.
///
/// # Errors
/// [`Error::Statement`].
pub async fn count_ours(
    client: &Client,
    target: &Target,
    files: &[Contested],
) -> Result<HashMap<String, u64>, Error> {
    let names: Vec<&str> = files.iter().map(|file| file.file_name.as_str()).collect();
    let xids: Vec<Option<&str>> = files.iter().map(|file| file.xid.as_deref()).collect();
    let statement = Guest::default().count_ours_statement(&target.table);
    let rows = client
        .query_typed(&statement, &[(&names, Type::TEXT_ARRAY), (&xids, Type::TEXT_ARRAY)])
        .await
        .map_err(Error::statement(format!("counting our rows of {}", target.table)))?;
    let mut ours: HashMap<String, u64> =
        files.iter().map(|file| (file.file_name.clone(), 0)).collect();
    ours.extend(rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).unsigned_abs())));
    Ok(ours)
}
