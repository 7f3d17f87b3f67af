//! The **references**: whether their files exist, and can be read as tables.

use std::collections::BTreeSet;

use super::checklist::{Area, Checklist, HealthCheck};
use super::explained;
use crate::config::{Config, Reference};
use crate::domain::{Environment, Explain};
use crate::sql::{Sql, mentioned_tables};
use crate::tables;

/// The id of the check of a reference.
const ID: &str = "reference";

/// Reads the file of every reference.
pub(super) async fn examine(config: &Config, environment: &Environment) -> Vec<HealthCheck> {
    let read = names_in_checks(config);
    let mut checks = Vec::new();
    for reference in &config.references {
        let is_read = read.contains(&reference.name);
        checks.extend(examine_one(config, environment, reference, is_read).await);
    }
    checks
}

/// The last parts of the names of all tables that checks read.
fn names_in_checks(config: &Config) -> BTreeSet<String> {
    let sql = config.datasets.iter().filter_map(|dataset| Sql::read(dataset).ok());
    let checks = sql.flat_map(|sql| sql.checks);
    let tables = checks.flat_map(|check| mentioned_tables(&check.query.statement));
    tables.filter_map(|mut parts| parts.pop()).collect()
}

async fn examine_one(
    config: &Config,
    environment: &Environment,
    reference: &Reference,
    is_read_by_a_check: bool,
) -> Vec<HealthCheck> {
    let Reference { name, place, key, .. } = reference;
    let mut list = Checklist::new(Area::Reference, format!("{name}: {place}/{key}"));
    let read = match place.open(environment) {
        Ok(store) => {
            let most = config.limits.sql_memory;
            tables::read_reference(reference, &store, most).await.map_err(|e| explained(&e))
        }
        Err(error) => Err((error.to_string(), error.hint().unwrap_or_default())),
    };
    match read {
        Ok(table) => {
            let columns = table.schema().fields().len();
            list.passed(ID, format!("its file can be read, with {columns} column(s)"));
        }
        Err((found, next)) if is_read_by_a_check => list.failed(ID, found, next),
        Err((found, next)) => {
            list.warned(ID, format!("{found}; no check reads it, but queries can"), next);
        }
    }
    list.checks
}
