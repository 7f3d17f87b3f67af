//! What the target **holds** of a dataset's files: asked of the ledger and of the table itself.

use std::collections::{HashMap, HashSet};

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::Target;
use super::catalog::Kind;
use super::ledger::{self, Scope};
use super::row::{count, name_and_count};
use crate::domain::provenance;
use crate::state::{Contested, Effects, TargetState, UpdateCascade};
use crate::target::Error;
use crate::target::guest::{
    count_all_statement, count_ours_statement, count_statement, unclaimed_statement,
    unfinished_statement, unnamed_statement,
};

/// What the target holds, and the files that another loader has loaded, if one is known.
pub struct Held {
    /// What it holds of the files that were asked for.
    pub state: TargetState,
    /// The names of the files of the live loader.
    pub live_files: Vec<String>,
}

/// Finds out what the target holds of the files of these names, which are all that the source has in `scope`.
///
/// # Errors
/// [`Error::Statement`].
pub async fn held(
    client: &Client,
    target: Option<&Target>,
    scope: Scope<'_>,
    names: &[String],
) -> Result<Held, Error> {
    let mut state = TargetState::default();
    let has_ledger = ledger::exists(client).await?;
    if has_ledger {
        state.entries = ledger::files(client, scope.target, names).await?;
        state.others = ledger::others(client, scope, names).await?;
        state.erased = ledger::erased(client, scope.target).await?;
        state.has_lost_files = ledger::has_lost_files(client, scope.target, scope.range).await?;
    }
    let Some(target) = target else { return Ok(Held { state, live_files: Vec::new() }) };
    let mut live_files = Vec::new();
    if target.guest.dlt().is_some() {
        state.rows = count_every_file(client, target).await?;
        live_files = state.rows.keys().cloned().collect();
        if has_ledger {
            live_files = ledger::unknown(client, scope.target, &live_files).await?;
        }
        let mut in_scope = live_files.clone();
        in_scope.retain(|name| names.contains(name));
        state.unfinished = count_unfinished(client, target, &in_scope).await?;
    } else {
        let others = state.others.iter().map(|entry| entry.file_name.clone());
        let all: Vec<String> = names.iter().cloned().chain(others).collect();
        state.rows = count_rows(client, target, &all).await?;
    }
    state.unnamed = count_unnamed(client, target).await?;
    state.effects = effects(target);
    Ok(Held { state, live_files })
}

/// Describes what writing to the target does to other tables and rows.
pub fn effects(target: &Target) -> Effects {
    let effects = &target.effects;
    let update_cascades = effects.update_cascades.iter().map(|cascade| UpdateCascade {
        columns: cascade.columns_of_target(),
        description: cascade.describe(),
    });
    Effects {
        cascades: distinct(effects.cascades.iter().map(|cascade| cascade.describe())),
        insert_triggers: match target.kind {
            Kind::Table => effects.insert_triggers.clone(),
            // Its trigger is what takes the rows.
            Kind::View => Vec::new(),
        },
        update_triggers: effects.update_triggers.clone(),
        delete_triggers: effects.delete_triggers.clone(),
        update_cascades: update_cascades.collect(),
    }
}

/// Returns the texts without repetitions.
fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for text in texts {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

/// Counts the rows of the target that do not say which file they are from.
async fn count_unnamed(client: &Client, target: &Target) -> Result<u64, Error> {
    match target.column(provenance::FILE_NAME) {
        Some(column) if !column.not_null => {}
        _ => return Ok(0),
    }
    let row = client
        .query_typed_one(&unnamed_statement(&target.table), &[])
        .await
        .map_err(Error::statement(counting(target)))?;
    Ok(count(&row, 0))
}

/// Counts the rows that the target has of each file.
///
/// # Errors
/// [`Error::Statement`].
pub async fn count_rows(
    client: &Client,
    target: &Target,
    names: &[String],
) -> Result<HashMap<String, u64>, Error> {
    if target.column(provenance::FILE_NAME).is_none() {
        return Ok(HashMap::new());
    }
    if target.has_file_name_index {
        client.batch_execute(BY_INDEX).await.map_err(Error::statement(counting(target)))?;
    }
    let rows = client
        .query_typed(&count_statement(&target.table), &[(&names, Type::TEXT_ARRAY)])
        .await
        .map_err(Error::statement(counting(target)))?;
    if target.has_file_name_index {
        client.batch_execute(AS_BEFORE).await.map_err(Error::statement(counting(target)))?;
    }
    Ok(rows.iter().map(name_and_count).collect())
}

/// What is being done, for an error.
fn counting(target: &Target) -> String {
    format!("counting the rows of {}", target.table)
}

/// Makes the server count by the index. The rows of a file lie together, but of a table that was loaded just now the
/// server does not know that: it would read the whole table, and take twice as long.
const BY_INDEX: &str = "\
SAVEPOINT counting; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off";

/// Takes the settings of [`BY_INDEX`] back, whatever they were before.
const AS_BEFORE: &str = "ROLLBACK TO SAVEPOINT counting; RELEASE SAVEPOINT counting";

/// Counts the rows of these files that dlt has loaded without recording that the load is finished.
async fn count_unfinished(
    client: &Client,
    target: &Target,
    names: &[String],
) -> Result<u64, Error> {
    let loads = target.guest.dlt().and_then(|dlt| dlt.loads.as_ref());
    let Some(loads) = loads.filter(|loads| loads.may_select && !names.is_empty()) else {
        return Ok(0);
    };
    let row = client
        .query_typed_one(
            &unfinished_statement(&target.table, &loads.table),
            &[(&names, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(Error::statement(counting(target)))?;
    Ok(count(&row, 0))
}

/// Counts the rows that the target has of every file, whoever loaded them.
///
/// # Errors
/// [`Error::Statement`].
pub async fn count_every_file(
    client: &Client,
    target: &Target,
) -> Result<HashMap<String, u64>, Error> {
    count_named(client, target, &count_all_statement(&target.table)).await
}

/// Counts the rows of each file that the ledger does not know and that, in a table of dlt, no load of dlt has brought.
///
/// # Errors
/// [`Error::Statement`].
pub async fn count_unclaimed(
    client: &Client,
    target: &Target,
) -> Result<HashMap<String, u64>, Error> {
    let mut rows = match target.guest.dlt() {
        None => count_every_file(client, target).await?,
        Some(dlt) => {
            let readable = dlt.loads.as_ref().filter(|loads| loads.may_select);
            let loads = readable.map(|loads| loads.table.as_str());
            count_named(client, target, &unclaimed_statement(&target.table, loads)).await?
        }
    };
    let others: HashSet<String> = of_others(client, target, &rows).await?.into_iter().collect();
    rows.retain(|name, _| others.contains(name));
    Ok(rows)
}

/// Counts rows by the names of their files, without those that have none.
async fn count_named(
    client: &Client,
    target: &Target,
    statement: &str,
) -> Result<HashMap<String, u64>, Error> {
    if target.column(provenance::FILE_NAME).is_none() {
        return Ok(HashMap::new());
    }
    let rows =
        client.query_typed(statement, &[]).await.map_err(Error::statement(counting(target)))?;
    Ok(rows.iter().filter(|row| has_name(row)).map(name_and_count).collect())
}

/// Returns those of the files of which the target has rows and the ledger knows none.
///
/// # Errors
/// [`Error::Statement`].
pub async fn of_others(
    client: &Client,
    target: &Target,
    files: &HashMap<String, u64>,
) -> Result<Vec<String>, Error> {
    let names: Vec<String> = files.keys().cloned().collect();
    if ledger::exists(client).await? {
        ledger::unknown(client, &target.table, &names).await
    } else {
        Ok(names)
    }
}

/// Returns the names of all files that rows of the target are from, whoever loaded them.
///
/// # Errors
/// [`Error::Statement`].
pub async fn file_names(client: &Client, target: &Target) -> Result<Vec<String>, Error> {
    Ok(count_every_file(client, target).await?.into_keys().collect())
}

/// Whether the rows that were counted say which file they are from.
fn has_name(row: &Row) -> bool {
    row.get::<_, Option<&str>>(0).is_some()
}

/// What contested files would lose.
pub struct AtStake {
    /// How many rows of each file are ours, by its name; 0 if none is.
    pub ours: HashMap<String, u64>,
    /// What deleting the rows of these files would change in other tables.
    pub cascades: Vec<String>,
}

/// Finds out how many rows of each contested file are ours, and what deleting them would change elsewhere.
///
/// # Errors
/// [`Error::Statement`].
pub async fn at_stake(
    client: &Client,
    target: &Target,
    files: &[Contested],
) -> Result<AtStake, Error> {
    let mut ours: HashMap<String, u64> =
        files.iter().map(|file| (file.file_name.clone(), 0)).collect();
    if target.kind == Kind::View {
        // The rows of a view do not say which transaction wrote them.
        return Ok(AtStake { ours, cascades: Vec::new() });
    }
    let (names, xids) = Contested::pairs(files);
    let doing = format!("counting our rows of {}", target.table);
    let rows = client
        .query_typed(
            &count_ours_statement(&target.table),
            &[(&names, Type::TEXT_ARRAY), (&xids, Type::TEXT_ARRAY)],
        )
        .await
        .map_err(Error::statement(doing.as_str()))?;
    ours.extend(rows.iter().map(name_and_count));
    let each: Vec<String> = files.iter().map(|file| file.file_name.clone()).collect();
    let described = target.effects.describe_cascades(client, &target.table, &each).await;
    Ok(AtStake { ours, cascades: described.map_err(Error::statement(doing))? })
}
