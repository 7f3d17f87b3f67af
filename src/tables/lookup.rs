//! A **lookup**: the tables of a dataset for ad hoc queries. Only `contract` and `staged` need the dataset's SQL; if it
//! cannot be used, queries that name these tables fail with the reason.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionContext;

use super::{Beside, CONTRACT, Catalog, STAGED, Tables, describing, union_of_headers};
use crate::domain::{Carried, Dataset, Explain};
use crate::engine::{Engine, Error};
use crate::mirror::Mirror;
use crate::progress::Listener;
use crate::sql::Sql;

/// The name of the catalog that holds the tables of the target database.
pub(super) const DATABASE: &str = "target";

/// A mirrored dataset as tables.
#[derive(Clone)]
pub struct Lookup {
    /// The dataset.
    pub dataset: Dataset,
    /// Its mirrored files.
    pub mirror: Mirror,
    tables: Tables,
}

impl Lookup {
    /// Makes tables of a mirrored dataset, without its SQL.
    ///
    /// # Errors
    /// [`Error`] if a table cannot be made.
    pub fn new(
        engine: &Engine,
        dataset: &Dataset,
        mirror: Mirror,
        progress: &Listener,
    ) -> Result<Self, Error> {
        let columns = union_of_headers(&mirror.files, &dataset.optional_columns);
        let tables = Tables::new(engine, dataset, &mirror, &columns, progress)?;
        Ok(Self { dataset: dataset.clone(), mirror, tables })
    }

    /// Creates a session in which these tables need no schema.
    ///
    /// # Errors
    /// [`Error`] if it cannot be set up.
    pub fn session(&self) -> Result<SessionContext, Error> {
        self.tables.session()
    }
}

impl From<Catalog> for Lookup {
    fn from(Catalog { dataset, mirror, tables, .. }: Catalog) -> Self {
        Self { dataset, mirror, tables }
    }
}

/// Creates one session over several datasets, for ad hoc queries. The schema of the first dataset may be left out. Every
/// schema has the references as tables. The tables of the target database are `target.<schema>.<table>`.
///
/// # Errors
/// [`Error`] if it cannot be set up.
pub fn session_over(
    engine: &Engine,
    lookups: &[Lookup],
    beside: &Beside,
    database: Arc<dyn CatalogProvider>,
) -> Result<SessionContext, Error> {
    for lookup in lookups {
        beside.put_references(&lookup.tables.schema)?;
    }
    let schemas = lookups.iter().map(|lookup| {
        let schema = WithReasons { dataset: lookup.dataset.clone(), tables: lookup.tables.clone() };
        (lookup.dataset.name.clone(), Arc::new(schema) as Arc<dyn SchemaProvider>)
    });
    let default = lookups.first().map_or("public", |lookup| lookup.dataset.name.as_str());
    let session = engine.session(schemas.collect(), default, engine.limits.files_at_once)?;
    session.register_catalog(DATABASE, database);
    Ok(session)
}

/// The registered tables. Looking up `contract` or `staged`, if they are not registered, returns the reason.
struct WithReasons {
    dataset: Dataset,
    tables: Tables,
}

impl fmt::Debug for WithReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithReasons").field(&self.dataset.name).finish()
    }
}

#[async_trait]
impl SchemaProvider for WithReasons {
    fn table_names(&self) -> Vec<String> {
        self.tables.schema.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = self.tables.schema.table(name).await? {
            return Ok(Some(table));
        }
        match name {
            CONTRACT => {
                let contract = Sql::read_contract(&self.dataset).map_err(carried)?;
                Ok(Some(describing::contract(&contract).map_err(carried)?))
            }
            STAGED => {
                let dedupe = Sql::read_dedupe(&self.dataset).map_err(carried)?;
                let stage = Sql::read_stage(&self.dataset).map_err(carried)?;
                Ok(Some(self.tables.staged(&dedupe, &stage).await.map_err(carried)?))
            }
            _ => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.schema.table_exist(name)
    }
}

fn carried(error: impl Explain + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Carried::boxed(error))
}
