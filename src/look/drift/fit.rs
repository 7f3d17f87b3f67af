//! The **fit** of a dataset's SQL and its target to the files as they are: what would fail, what would be NULL, and
//! which columns would not be loaded.

use std::collections::{BTreeSet, HashSet};

use datafusion::arrow::datatypes::Schema;
use serde::Serialize;

use super::epoch::Epoch;
use crate::config::Config;
use crate::domain::{Dataset, DateRange};
use crate::engine::{self, Engine};
use crate::mirror::Mirror;
use crate::progress::Listener;
use crate::sql::{Sql, mentioned_tables};
use crate::stage;
use crate::tables::{self, Catalog};
use crate::target::{self, Encoder, Target};

/// How the dataset's SQL and its target fit the files.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fit {
    /// What makes a run fail.
    pub failures: Vec<Failure>,
    /// Columns that `stage.sql` does not give and the contract has: NULL in every row.
    pub not_given: Vec<String>,
    /// Whether the target was looked at. Without a database, nothing is known about it.
    pub target: TargetSeen,
    /// How each epoch's columns relate to the SQL, in the order of the epochs.
    pub epochs: Vec<EpochFit>,
    /// The SQL files that do not exist. How they would fit is not known.
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
    /// The table does not exist; a run creates it from `target.sql`.
    Missing,
    /// The table exists.
    Found,
}

/// How an epoch's columns relate to the dataset's SQL: used, unused, missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EpochFit {
    /// Columns that the SQL reads and these files lack: NULL in their rows.
    pub read_as_null: Vec<String>,
    /// Columns that these files have and `stage.sql` does not read: they are not loaded. Columns that the
    /// configuration ignores are not among them.
    pub not_loaded: Vec<String>,
    /// The columns of `not_loaded` that no other SQL of the dataset reads either.
    pub not_read: Vec<String>,
}

/// Plans the SQL of a dataset over the columns of its files.
pub struct Planner<'a> {
    /// The engine that plans it.
    pub engine: &'a Engine,
    /// The configuration, which names other datasets and references.
    pub config: &'a Config,
    /// The listener for the progress.
    pub progress: &'a Listener,
}

/// Compares the SQL with the columns that the files have. Checks that read other datasets or references are left
/// out, because the columns of these are not known here. No row is read: the headers are enough to plan the SQL.
///
/// # Errors
/// If the engine cannot be set up.
pub async fn fit(
    planner: &Planner<'_>,
    dataset: &Dataset,
    sql: &Sql,
    range: DateRange,
    epochs: &[Epoch],
) -> Result<(Fit, Catalog), engine::Error> {
    let mut dataset = dataset.clone();
    dataset.optional_columns = union_of(epochs, &dataset.optional_columns);
    let (catalog, failures) = planner.plan(&mut dataset, sql, range).await?;
    let staged = catalog.columns_read([&sql.stage]).await;
    let read = catalog.columns_read(sql.queries()).await;
    let mut fit = Fit { failures, ..Fit::default() };
    fit.epochs =
        epochs.iter().map(|epoch| EpochFit::of(&epoch.names, &dataset, &staged, &read)).collect();
    if let Ok(schema) = stage::schema(&catalog).await {
        let promised = sql.contract.columns.iter().map(|column| column.name.as_str());
        fit.not_given = not_given(promised, &schema);
    }
    Ok((fit, catalog))
}

impl Planner<'_> {
    /// Plans all queries but those that read tables beside the dataset. Returns what fails. A column that no file has
    /// is reported once and added to the dataset's optional columns, so that the rest of the query is planned, too.
    async fn plan(
        &self,
        dataset: &mut Dataset,
        sql: &Sql,
        range: DateRange,
    ) -> Result<(Catalog, Vec<Failure>), engine::Error> {
        let mut failures = Vec::new();
        let mut catalog = self.register(dataset, sql, range).await?;
        for query in sql.queries() {
            if self.config.is_beside(&dataset.name, &mentioned_tables(&query.statement)) {
                continue;
            }
            while let Err(error) = catalog.plan(query).await {
                let place = query.path.display().to_string();
                let Some(column) = absent_column(&error, &dataset.optional_columns) else {
                    failures.push(Failure { place, reason: reason(&error) });
                    break;
                };
                failures
                    .push(Failure { place, reason: format!("no file has the column {column}") });
                dataset.optional_columns.push(column);
                catalog = self.register(dataset, sql, range).await?;
            }
        }
        Ok((catalog, failures))
    }

    /// Registers the table `source` without a file: it has just the optional columns of the dataset.
    async fn register(
        &self,
        dataset: &Dataset,
        sql: &Sql,
        range: DateRange,
    ) -> Result<Catalog, engine::Error> {
        let mirror = Mirror { range, files: Vec::new(), ignored: Vec::new(), findings: Vec::new() };
        tables::register(self.engine, dataset, sql.clone(), mirror, self.progress).await
    }
}

/// Returns the column that a query reads and no file has, if that is why it does not plan.
fn absent_column(error: &engine::Error, known: &[String]) -> Option<String> {
    match error {
        engine::Error::UnknownColumn { column, .. } if !known.contains(column) => {
            Some(column.clone())
        }
        _ => None,
    }
}

/// Returns the columns of all epochs, in the newest one's order, then those that only older ones have, then the
/// optional ones.
fn union_of(epochs: &[Epoch], optional: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = epochs.iter().rev().flat_map(|epoch| epoch.names.iter()).chain(optional);
    names.filter(|name| seen.insert(name.as_str())).cloned().collect()
}

/// Returns the columns that the contract promises and a schema does not have.
fn not_given<'a>(promised: impl Iterator<Item = &'a str>, given: &Schema) -> Vec<String> {
    promised.filter(|name| given.field_with_name(name).is_err()).map(str::to_owned).collect()
}

impl EpochFit {
    /// Compares the columns of an epoch with those that `stage.sql` reads, and with those that any SQL of the dataset
    /// reads.
    fn of(
        names: &[String],
        dataset: &Dataset,
        staged: &BTreeSet<String>,
        read: &BTreeSet<String>,
    ) -> Self {
        let all: HashSet<&String> = names.iter().collect();
        let not_loaded: Vec<String> = names
            .iter()
            .filter(|column| !staged.contains(*column) && !dataset.is_ignored(column))
            .cloned()
            .collect();
        Self {
            read_as_null: read.iter().filter(|column| !all.contains(column)).cloned().collect(),
            not_read: not_loaded.iter().filter(|column| !read.contains(*column)).cloned().collect(),
            not_loaded,
        }
    }
}

impl Fit {
    /// Removes what is not known because some SQL files do not exist.
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

    /// Returns the columns that the SQL reads and no epoch has.
    pub fn absent_everywhere(&self) -> impl Iterator<Item = &String> {
        let first = self.epochs.first().into_iter().flat_map(|first| &first.read_as_null);
        first.filter(|column| self.epochs.iter().all(|fit| fit.read_as_null.contains(column)))
    }

    /// Whether there is a `stage.sql`.
    pub fn has_stage(&self) -> bool {
        !self.absent.iter().any(|name| name == "stage.sql")
    }

    /// Adds why the target would refuse the rows of `stage.sql`.
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
            let failures =
                problems.into_iter().map(|reason| Failure { place: table.clone(), reason });
            self.failures.extend(failures);
        }
    }
}

/// Says why a query does not plan.
fn reason(error: &engine::Error) -> String {
    if let engine::Error::Refused { what, instead, .. } = error {
        return format!("it has {what}: write {instead}");
    }
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use datafusion::arrow::datatypes::{DataType, Field};

    use super::super::epoch::epochs;
    use super::super::examples::{glimpse, texts};
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        texts(names).into_iter().collect()
    }

    fn dataset(ignored: &[&str]) -> Dataset {
        let table = "public.people".parse().expect("a table");
        let ignored_columns = texts(ignored);
        Dataset { ignored_columns, ..Dataset::draft("people", "people/", table, PathBuf::new()) }
    }

    /// The fit of epochs that lack these columns.
    fn lacking(epochs: &[&[&str]]) -> Fit {
        let epochs = epochs.iter();
        let epochs =
            epochs.map(|names| EpochFit { read_as_null: texts(names), ..EpochFit::default() });
        Fit { epochs: epochs.collect(), ..Fit::default() }
    }

    #[test]
    fn columns_are_used_unused_or_missing() {
        let names = texts(&["id", "checked", "new", "billing_city"]);
        let dataset = dataset(&["billing_*"]);
        let fit =
            EpochFit::of(&names, &dataset, &set(&["id", "gone"]), &set(&["id", "gone", "checked"]));
        assert_eq!(fit.read_as_null, ["gone"]);
        assert_eq!(fit.not_loaded, ["checked", "new"], "what is ignored is not reported");
        assert_eq!(fit.not_read, ["new"], "a check reads the other one");
    }

    #[test]
    fn the_columns_of_all_epochs_come_in_the_newest_ones_order() {
        let (epochs, _) = epochs(&[glimpse(1, &["old", "b"]), glimpse(2, &["b", "a"])]);
        assert_eq!(union_of(&epochs, &texts(&["optional", "a"])), ["b", "a", "old", "optional"]);
        assert_eq!(union_of(&[], &texts(&["optional"])), ["optional"]);
    }

    #[test]
    fn a_column_is_absent_everywhere_only_if_every_epoch_lacks_it() {
        let fit = lacking(&[&["a", "b"], &["b", "c"]]);
        assert_eq!(fit.absent_everywhere().collect::<Vec<_>>(), ["b"]);
        assert_eq!(lacking(&[]).absent_everywhere().count(), 0);
    }

    #[test]
    fn columns_of_the_contract_that_the_stage_lacks_are_not_given() {
        let given = Schema::new(vec![Field::new("id", DataType::Utf8, true)]);
        assert_eq!(not_given(["id", "name"].into_iter(), &given), ["name"]);
    }

    #[test]
    fn a_column_that_no_file_has_is_reported_once() {
        let error = engine::Error::UnknownColumn {
            path: "checks/no-id.sql".into(),
            column: "id".to_owned(),
            near: Vec::new(),
        };
        assert_eq!(absent_column(&error, &texts(&["name"])).as_deref(), Some("id"));
        assert_eq!(absent_column(&error, &texts(&["id"])), None, "it was added already");
    }

    #[test]
    fn a_refusal_is_reported_with_what_to_write_instead() {
        let error = engine::Error::Refused {
            path: "stage.sql".into(),
            what: "a".to_owned(),
            instead: "b".to_owned(),
        };
        assert_eq!(reason(&error), "it has a: write b");
        assert_eq!(absent_column(&error, &[]), None);
    }

    #[test]
    fn without_stage_sql_the_columns_that_are_not_loaded_are_not_known() {
        let names = texts(&["new"]);
        let of_sql = EpochFit::of(&names, &dataset(&[]), &set(&[]), &set(&["gone"]));
        let fit = Fit { not_given: texts(&["id"]), epochs: vec![of_sql.clone()], ..Fit::default() };
        let mut without_dedupe = fit.clone();
        without_dedupe.leave_out(&texts(&["dedupe.sql"]));
        assert!(without_dedupe.has_stage());
        assert_eq!(without_dedupe.absent, ["dedupe.sql"]);
        assert_eq!(
            (without_dedupe.not_given, without_dedupe.epochs),
            (fit.not_given.clone(), fit.epochs.clone())
        );
        let mut without_stage = fit;
        without_stage.leave_out(&texts(&["stage.sql"]));
        assert!(!without_stage.has_stage());
        assert!(without_stage.not_given.is_empty());
        let kept = EpochFit { read_as_null: of_sql.read_as_null, ..EpochFit::default() };
        assert_eq!(without_stage.epochs, [kept], "what checks read is known");
    }
}
