//! The tables **beside** a dataset that checks and queries may name: other datasets, and references.

use std::collections::BTreeSet;

use datafusion::sql::parser::Statement;

use super::Project;
use crate::check;
use crate::domain::{Dataset, DateRange};
use crate::error::Error;
use crate::sql::{Sql, mentioned_tables};
use crate::tables::{self, Beside, BesideError, Catalog};

impl Project {
    /// Prepares the tables beside a dataset that statements name: other datasets, over the same days, and references.
    ///
    /// # Errors
    /// [`Error::Beside`] if a reference cannot be read, or a dataset has no file on these days;
    /// [`check::Error::NotExports`] if some of its files are not exports.
    pub async fn beside<'a>(
        &self,
        dataset: &Dataset,
        range: DateRange,
        statements: impl Iterator<Item = &'a Statement>,
    ) -> Result<Beside, Error> {
        let named: BTreeSet<Vec<String>> = statements.flat_map(mentioned_tables).collect();
        let mut beside = self.references(&named).await?;
        let others = self.config.datasets.iter().chain(&self.config.beside);
        for other in others.filter(|other| other.name != dataset.name) {
            if named.iter().any(|parts| schema_of(parts) == Some(&other.name)) {
                beside.add_dataset(&self.register_beside(dataset, other, range).await?);
            }
        }
        Ok(beside)
    }

    /// Registers another dataset over the days of a dataset.
    async fn register_beside(
        &self,
        dataset: &Dataset,
        other: &Dataset,
        range: DateRange,
    ) -> Result<Catalog, Error> {
        let mirror = self.mirror(other, self.list(other, range).await?).await?;
        if mirror.files.is_empty() {
            let (dataset, other) = (dataset.name.clone(), other.name.clone());
            return Err(BesideError::NoFiles { dataset, other, range }.into());
        }
        let sql = Sql::read(other)?;
        check::refuse_not_exports(other, &sql, mirror.headers())?;
        Ok(tables::register(&self.engine, other, sql, mirror, &self.progress).await?)
    }

    /// Reads the references that are among some tables.
    ///
    /// # Errors
    /// [`Error::Beside`].
    async fn references(&self, named: &BTreeSet<Vec<String>>) -> Result<Beside, Error> {
        let mut beside = Beside::default();
        for reference in &self.config.references {
            if named.iter().any(|parts| parts.last() == Some(&reference.name)) {
                let store = reference.place.open(&self.environment)?;
                let most = self.config.limits.sql_memory;
                let table = tables::read_reference(reference, &store, most).await?;
                beside.add_reference(&reference.name, table);
            }
        }
        Ok(beside)
    }

    /// Reads all references, for a shell, in which a statement may name any of them.
    ///
    /// # Errors
    /// [`Error::Beside`].
    pub async fn all_references(&self) -> Result<Beside, Error> {
        let names = self.config.references.iter().map(|reference| vec![reference.name.clone()]);
        self.references(&names.collect()).await
    }

    /// Reads the references that a statement names.
    ///
    /// # Errors
    /// [`Error::Beside`].
    pub async fn references_of(&self, statement: &Statement) -> Result<Beside, Error> {
        self.references(&mentioned_tables(statement)).await
    }
}

/// Returns the schema in the name of a table, if it has one.
fn schema_of(parts: &[String]) -> Option<&String> {
    parts.len().checked_sub(2).and_then(|place| parts.get(place))
}
