//! The SQL **engine**: DataFusion with our functions, our rules and a limit on its memory. A session is made
//! from it for every query. This module knows nothing of the tables.

mod as_postgres;
mod error;
mod functions;
mod local_time;
mod nesting;
mod overflow;
mod refused;
mod rewrite;
mod row_number;
mod text_number;
mod unknown_table;
mod wide;

use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    SchemaProvider,
};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;

use crate::domain::{Limits, saturating};
use crate::sql::Query;
use crate::store::Store;

pub use error::Error;

/// The name of the catalog that holds a schema for each dataset.
const CATALOG: &str = "backfill";

/// The options of every session, with this many partitions per scan.
pub fn session_config(partitions: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_target_partitions(partitions);
    // Times without a zone stay as they are; the zone of the session matters only for now().
    config.options_mut().execution.time_zone = Some("+00:00".to_owned());
    config.options_mut().execution.parquet.pushdown_filters = true;
    config
}

/// The engine's analyzer rules, with ours before and after them.
fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(overflow::WidenSums)];
    rules.extend(Analyzer::new().rules);
    rules.push(Arc::new(overflow::RefuseOverflow));
    rules.push(Arc::new(local_time::FollowClockChanges));
    rules.push(Arc::new(as_postgres::RoundToWhole));
    rules
}

/// Our functions: those that people write, and those that rules put into plans.
pub fn functions() -> Vec<Arc<ScalarUDF>> {
    let of_rules = overflow::functions().chain([local_time::function()]);
    functions::all().into_iter().chain(of_rules).map(Arc::new).collect()
}

/// The SQL engine of a run: memory, spill space and the staging store.
#[derive(Clone)]
pub struct Engine {
    /// The state that sessions start with: rules, functions, memory and spill space, but no tables.
    state: SessionState,
    /// The store of the objects that make up the tables.
    pub staging: Store,
    /// How much memory the engine may use, and how many files it reads at once.
    pub limits: Limits,
}

impl Engine {
    /// Sets up an engine within the limits that spills to the system's temporary folder.
    ///
    /// # Errors
    /// [`Error`] if the engine cannot be set up.
    pub fn new(staging: &Store, limits: Limits) -> Result<Self, Error> {
        let pool = FairSpillPool::new(saturating::index(limits.sql_memory));
        let consumers = std::num::NonZeroUsize::MIN;
        let spill = DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, consumers)))
            .with_disk_manager_builder(spill)
            .build_arc()
            .map_err(Error::execution)?;
        let url: &url::Url = staging.url.as_ref();
        runtime.register_object_store(url, Arc::clone(&staging.objects));
        let state = SessionStateBuilder::new()
            .with_config(session_config(limits.files_at_once))
            .with_runtime_env(runtime)
            // Ours first: the engine's own are added to them.
            .with_scalar_functions(functions())
            .with_default_features()
            .with_analyzer_rules(analyzer_rules())
            .with_physical_optimizer_rule(Arc::new(row_number::CountRowNumbers))
            .build();
        Ok(Self { state, staging: staging.clone(), limits })
    }

    /// Makes a session with these schemas; the name of the schema `default` may be left out in queries.
    ///
    /// # Errors
    /// [`Error`] if it cannot be set up.
    pub fn session(
        &self,
        schemas: Vec<(String, Arc<dyn SchemaProvider>)>,
        default: &str,
        partitions: usize,
    ) -> Result<SessionContext, Error> {
        let catalog = MemoryCatalogProvider::new();
        for (name, schema) in schemas {
            catalog.register_schema(&name, schema).map_err(Error::execution)?;
        }
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let config = session_config(partitions).with_default_catalog_and_schema(CATALOG, default);
        let state = SessionStateBuilder::new_from_existing(self.state.clone())
            .with_config(config)
            .with_catalog_list(Arc::new(catalogs))
            .build();
        Ok(SessionContext::new_with_state(state))
    }
}

/// Plans the statement of a file in a session.
///
/// # Errors
/// As [`plan`].
pub async fn plan_query(session: &SessionContext, query: &Query) -> Result<DataFrame, Error> {
    plan(session, &query.path, query.statement.clone()).await
}

/// Plans a statement that only reads: it must not create tables, write rows or files, or change settings.
/// Errors name it by `path`.
///
/// # Errors
/// [`Error::Plan`], [`Error::Types`], [`Error::TextNumber`], [`Error::UnknownColumn`], [`Error::Writes`],
/// [`Error::TooDeep`], [`Error::Refused`], [`Error::Ambiguous`], [`Error::DatasetAsTable`], and [`Error::Table`] if a
/// table of the target database cannot be looked up.
pub async fn plan(
    session: &SessionContext,
    path: &Path,
    statement: Statement,
) -> Result<DataFrame, Error> {
    if nesting::is_too_deep(&statement) {
        return Err(Error::TooDeep { path: path.to_owned() });
    }
    if let Some(refused::Refused { what, instead }) = refused::find(&session.state(), &statement) {
        return Err(Error::Refused { path: path.to_owned(), what, instead });
    }
    let statement = as_postgres::with_lengths(statement);
    let plan = match logical_plan(session, statement.clone()).await {
        Ok(plan) => plan,
        Err(error) => return Err(why_not(session, path, &statement, error).await),
    };
    if let Some(refused::Refused { what, instead }) = refused::find_in_plan(&plan) {
        return Err(Error::Refused { path: path.to_owned(), what, instead });
    }
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only.verify_plan(&plan).map_err(|_| Error::Writes { path: path.to_owned() })?;
    let rows = session.execute_logical_plan(plan).await;
    rows.map_err(|error| Error::plan(path.to_owned(), error))
}

/// Why a statement cannot be planned: it reads a dataset as a table, or uses a column of text as a number; otherwise
/// the engine's reason.
async fn why_not(
    session: &SessionContext,
    path: &Path,
    statement: &Statement,
    error: DataFusionError,
) -> Error {
    let error = Error::plan(path.to_owned(), error);
    if !matches!(error, Error::Plan { .. } | Error::Types { .. }) {
        return error;
    }
    if let Some(dataset) = unknown_table::dataset_read_as_table(session, statement) {
        return Error::DatasetAsTable { path: path.to_owned(), dataset };
    }
    named(session, path, statement, text_number::Place::Calculation).await.unwrap_or(error)
}

/// The error of a statement that failed on a value: [`Error::TextNumber`] if it compares a column of text with a number,
/// otherwise the error as it is.
pub async fn name_text_column(
    session: &SessionContext,
    path: &Path,
    statement: &Statement,
    error: Error,
) -> Error {
    if !matches!(error, Error::Conversion | Error::Expression) {
        return error;
    }
    named(session, path, statement, text_number::Place::Comparison).await.unwrap_or(error)
}

async fn named(
    session: &SessionContext,
    path: &Path,
    statement: &Statement,
    place: text_number::Place,
) -> Option<Error> {
    let text_number::TextNumber { column, instead } =
        text_number::find(session, statement, place).await?;
    Some(Error::TextNumber { path: path.to_owned(), column, instead })
}

async fn logical_plan(
    session: &SessionContext,
    statement: Statement,
) -> Result<LogicalPlan, DataFusionError> {
    let state = session.state();
    if let Some(plan) = wide::plan(&state, &statement).await? {
        return Ok(plan);
    }
    state.statement_to_plan(statement).await
}
