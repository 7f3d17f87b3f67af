//! The **fit** of a dataset's SQL and its target to the files as they are: what would fail, what
//! would be NULL, and what would be left behind.

use std::collections::HashSet;

use serde::Serialize;

use super::epoch::Epoch;
use crate::config::Config;
use crate::domain::{Dataset, DateRange};
use crate::engine::{self, Engine};
use crate::mirror::Mirror;
use crate::progress::Listener;
use crate::sql::{Query, Sql, mentioned_tables};
use crate::stage;
use crate::tables::{self, Catalog};
use crate::target::{self, Encoder, Target};

/// How the dataset's SQL and its target fit the files.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fit {
    /// What makes a run fail, whatever the epoch.
    pub failures: Vec<Failure>,
    /// Columns that `stage.sql` does not give and the contract has: NULL in every row.
    pub not_given: Vec<String>,
    /// Whether the target was looked at; without a database nothing is known of it.
    pub target: TargetSeen,
    /// How each epoch's columns relate to the SQL, in the order of the epochs.
    pub epochs: Vec<EpochFit>,
    /// The SQL files that are not there: what they would make of the files is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
}

/// Something that makes a run fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The SQL file, or the target.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Whether the target was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetSeen {
    /// No database is named.
    #[default]
    Unverified,
    /// There is no such table; a run makes it from `target.sql`.
    Missing,
    /// It is there.
    Found,
}

/// How an epoch's columns relate to the dataset's SQL: used, unused, missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EpochFit {
    /// Columns that the SQL reads and these files lack: NULL in their rows.
    pub read_as_null: Vec<String>,
    /// Columns that these files have and no `stage.sql` reads: they are not loaded. Without those that are left
    /// out on purpose.
    pub not_loaded: Vec<String>,
    /// Those of them that no other SQL of the dataset reads either.
    pub not_read: Vec<String>,
}

/// Compares the SQL with the columns that the files have. Checks that read other datasets or references are left
/// out, because the columns of these are not known here. No row is read: their headers are enough to plan
/// the SQL over them.
///
/// # Errors
/// If the engine cannot be set up.
pub async fn fit(
    engine: &Engine,
    dataset: &Dataset,
    sql: &Sql,
    range: DateRange,
    epochs: &[Epoch],
    config: &Config,
    progress: &Listener,
) -> Result<(Fit, Catalog), engine::Error> {
    // Without a file, `source` has just the columns that the files are said to have.
    let mirror = Mirror { range, files: Vec::new(), ignored: Vec::new(), findings: Vec::new() };
    let mut fit = Fit::default();
    let mut dataset = dataset.clone();
    dataset.optional_columns = union_of(epochs, &dataset.optional_columns);
    let queries: Vec<&Query> = sql.queries().collect();
    let mut catalog =
        tables::register(engine, &dataset, sql.clone(), mirror.clone(), progress).await?;
    let is_beside =
        |query: &Query| config.is_beside(&dataset.name, &mentioned_tables(&query.statement));
    let own: Vec<&Query> = queries.iter().copied().filter(|query| !is_beside(query)).collect();
    for query in own {
        // A column that is missing is reported and then assumed to be there, so that all are found.
        while let Err(error) = catalog.plan(query).await {
            let place = query.path.display().to_string();
            let column = match error {
                engine::Error::UnknownColumn { column, .. }
                    if !dataset.optional_columns.contains(&column) =>
                {
                    column
                }
                error => {
                    fit.failures.push(Failure { place, reason: reason(&error) });
                    break;
                }
            };
            fit.failures
                .push(Failure { place, reason: format!("no file has the column {column}") });
            dataset.optional_columns.push(column);
            catalog =
                tables::register(engine, &dataset, sql.clone(), mirror.clone(), progress).await?;
        }
    }
    let staged = catalog.columns_read([&sql.stage]).await;
    let read = catalog.columns_read(queries).await;
    for epoch in epochs {
        let names: HashSet<&String> = epoch.names.iter().collect();
        let lacks = |column: &&String| !names.contains(column);
        let is_left = |column: &&String| !staged.contains(*column) && !dataset.is_ignored(column);
        let not_loaded: Vec<String> = epoch.names.iter().filter(is_left).cloned().collect();
        let is_unread = |column: &&String| !read.contains(*column);
        fit.epochs.push(EpochFit {
            read_as_null: read.iter().filter(lacks).cloned().collect(),
            not_read: not_loaded.iter().filter(is_unread).cloned().collect(),
            not_loaded,
        });
    }
    if let Ok(schema) = stage::schema(&catalog).await {
        let is_given = |name: &String| schema.field_with_name(name).is_ok();
        let promised = sql.contract.columns.iter().map(|column| column.name.clone());
        fit.not_given = promised.filter(|name| !is_given(name)).collect();
    }
    Ok((fit, catalog))
}

/// The columns of all epochs, in the newest one's order, then those that only older ones have, then the
/// optional ones.
fn union_of(epochs: &[Epoch], optional: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = epochs.iter().rev().flat_map(|epoch| epoch.names.iter()).chain(optional);
    names.filter(|name| seen.insert(name.as_str())).cloned().collect()
}

impl Fit {
    /// Leaves out what is not known without some SQL files.
    pub fn leave_out(&mut self, absent: &[String]) {
        self.absent = absent.to_vec();
        if !self.has_stage() {
            self.not_given.clear();
            for epoch in &mut self.epochs {
                epoch.not_loaded.clear();
                epoch.not_read.clear();
            }
        }
    }

    /// Whether there is a `stage.sql`.
    pub fn has_stage(&self) -> bool {
        !self.absent.iter().any(|name| name == "stage.sql")
    }

    /// Adds what the target makes of what `stage.sql` gives.
    pub async fn compare_with(&mut self, catalog: &Catalog, target: Option<&Target>) {
        let Some(target) = target else {
            self.target = TargetSeen::Missing;
            return;
        };
        self.target = TargetSeen::Found;
        if !self.has_stage() {
            return;
        }
        let Ok(schema) = stage::schema(catalog).await else { return };
        let stage = catalog.sql.stage.path.display().to_string();
        if let Err(target::Error::Mismatch { table, problems, .. }) =
            Encoder::new(&schema, target, &stage, &catalog.dataset.constants)
        {
            let failure = |reason| Failure { place: table.clone(), reason };
            self.failures.extend(problems.into_iter().map(failure));
        }
    }
}

fn reason(error: &engine::Error) -> String {
    if let engine::Error::Refused { what, instead, .. } = error {
        return format!("it has {what}: write {instead}");
    }
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}
