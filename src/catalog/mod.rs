//! The **catalog**: what SQL sees. To register a dataset is to make its mirrors one table, `source`,
//! partitioned by file date, with the tables that describe it beside.
//!
//! | table | rows |
//! |---|---|
//! | `source` | accepted rows, all text; a column that a file lacks is NULL |
//! | `files` | one a source file: key, date, size, rows, rejects, encoding … |
//! | `formats` | one a format: a header with its dialect, and the days on which it is seen |
//! | `file_columns` | one a file and column: position, name, and what its values are like |
//! | `column_shapes` | one a file, column and shape of its values |
//! | `rejects` | records that could not be read: where and why |
//! | `contract` | the columns of `target.sql` |
//! | `staged` | the survivors as `stage.sql` makes them |
//!
//! Schema and dataset have the same name; in a dataset's own SQL the schema may be left out.

mod dated_files;
mod error;
pub mod functions;
mod overflow;
mod profiled;
mod row_number;
mod row_wise;
mod tables;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider, TableProvider,
};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::ViewTable;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::logical_expr::{JoinType, LogicalPlan};
use datafusion::prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use tokio::sync::OnceCell;

use crate::config::{Dataset, Limits};
use crate::mirror::Mirror;
use crate::progress::Listener;
use crate::source::Store;
use crate::sql::{Query, Sql};
use backfill_csv::PROVENANCE;

pub use dated_files::{DatedFile, DatedFiles, FILE_DATE};
pub use error::Error;
use profiled::{ColumnShapes, FileColumns, Profiles};
pub use row_wise::row_dependence;
pub use tables::union_of_headers;

/// The name of the catalog that holds a schema for each dataset.
const CATALOG: &str = "backfill";

/// The name of the catalog that holds the tables of the target database.
const DATABASE: &str = "target";

/// The tables that describe `source`.
const DESCRIBING: [&str; 6] =
    ["files", "formats", "file_columns", "column_shapes", "rejects", "contract"];

/// The SQL engine of a run: memory, spill space and the staging store.
#[derive(Clone)]
pub struct Engine {
    runtime: Arc<RuntimeEnv>,
    staging: Store,
    limits: Limits,
    progress: Listener,
}

impl Engine {
    /// An engine within the limits, spilling to the system's temporary folder.
    ///
    /// # Errors
    /// [`Error`] where the engine cannot be set up.
    pub fn new(staging: &Store, limits: Limits, progress: Listener) -> Result<Self, Error> {
        let pool = FairSpillPool::new(limits.sql_memory as usize);
        let consumers = std::num::NonZeroUsize::MIN;
        let spill = DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, consumers)))
            .with_disk_manager_builder(spill)
            .build_arc()
            .map_err(Error::execution)?;
        let url: &url::Url = staging.url.as_ref();
        runtime.register_object_store(url, Arc::clone(&staging.objects));
        Ok(Self { runtime, staging: staging.clone(), limits, progress })
    }

    /// A session in which `schemas` are known and `default` may be left out.
    fn session(
        &self,
        schemas: Vec<(String, Arc<MemorySchemaProvider>)>,
        default: &str,
        partitions: usize,
    ) -> Result<SessionContext, Error> {
        let catalog = MemoryCatalogProvider::new();
        for (name, schema) in schemas {
            catalog.register_schema(&name, schema).map_err(Error::execution)?;
        }
        let catalogs = MemoryCatalogProviderList::new();
        use datafusion::catalog::CatalogProviderList;
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let mut config = SessionConfig::new()
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, default)
            .with_information_schema(true)
            .with_target_partitions(partitions);
        // What has no zone has none; only now() knows one.
        config.options_mut().execution.time_zone = Some("+00:00".to_owned());
        config.options_mut().execution.parquet.pushdown_filters = true;
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&self.runtime))
            .with_catalog_list(Arc::new(catalogs))
            .with_default_features()
            .with_analyzer_rules(overflow::rules())
            .with_physical_optimizer_rule(Arc::new(row_number::CountRowNumbers))
            .build();
        let session = SessionContext::new_with_state(state);
        functions::all().into_iter().for_each(|function| session.register_udf(function));
        Ok(session)
    }

    /// One session over several registered datasets, for queries by hand; the schema may be left
    /// out where there is only one. The tables of the target database are `target.<schema>.<table>`.
    ///
    /// # Errors
    /// [`Error`] where a dataset's SQL does not plan.
    pub fn session_over(
        &self,
        catalogs: &[Catalog],
        database: Arc<dyn CatalogProvider>,
    ) -> Result<SessionContext, Error> {
        let schemas = catalogs
            .iter()
            .map(|catalog| (catalog.dataset.name.clone(), Arc::clone(&catalog.schema)))
            .collect();
        let default = catalogs.first().map_or("public", |catalog| catalog.dataset.name.as_str());
        let session = self.session(schemas, default, self.limits.files_at_once)?;
        session.register_catalog(DATABASE, database);
        Ok(session)
    }
}

/// A registered dataset: its mirror as tables, and its SQL.
#[derive(Clone)]
pub struct Catalog {
    /// The dataset.
    pub dataset: Dataset,
    /// Its SQL files.
    pub sql: Sql,
    /// What was mirrored.
    pub mirror: Mirror,
    engine: Engine,
    schema: Arc<MemorySchemaProvider>,
}

/// What a query reads of `source`.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// How often it is scanned.
    pub scans: usize,
    /// Which of its columns are read.
    pub columns: BTreeSet<String>,
}

/// Registers a mirrored dataset.
///
/// # Errors
/// [`Error`] where a table cannot be made. `staged` is left out where `stage.sql` or `dedupe.sql`
/// does not plan: the steps that need it say why.
pub async fn register(
    engine: &Engine,
    dataset: &Dataset,
    sql: Sql,
    mirror: Mirror,
) -> Result<Catalog, Error> {
    let schema = MemorySchemaProvider::new();
    let staging = &engine.staging;
    let add = |name: &str, table: Arc<dyn TableProvider>| {
        schema.register_table(name.to_owned(), table).map(|_| ()).map_err(Error::execution)
    };
    add("source", Arc::new(tables::source(staging, &mirror, &dataset.optional_columns)))?;
    add("rejects", Arc::new(tables::rejects(staging, &mirror)))?;
    add("files", tables::files(&mirror)?)?;
    add("formats", tables::formats(&mirror)?)?;
    let profiles = Arc::new(Profiles {
        staging: staging.clone(),
        dataset: dataset.clone(),
        mirror: mirror.clone(),
        limits: engine.limits,
        progress: Arc::clone(&engine.progress),
        drawn: OnceCell::new(),
    });
    add("file_columns", Arc::new(FileColumns(Arc::clone(&profiles))))?;
    add("column_shapes", Arc::new(ColumnShapes(profiles)))?;
    add("contract", tables::contract(&sql.contract)?)?;
    let schema = Arc::new(schema);
    let dataset = dataset.clone();
    let catalog = Catalog { dataset, sql, mirror, engine: engine.clone(), schema };
    if let Ok(plan) = catalog.plan_staged().await {
        let view = Arc::new(ViewTable::new(plan, None));
        catalog.schema.register_table("staged".to_owned(), view).map_err(Error::execution)?;
    }
    Ok(catalog)
}

impl Catalog {
    /// A session in which this dataset's tables need no schema.
    ///
    /// # Errors
    /// [`Error`] where it cannot be set up.
    pub fn session(&self) -> Result<SessionContext, Error> {
        let schemas = vec![(self.dataset.name.clone(), Arc::clone(&self.schema))];
        self.engine.session(schemas, &self.dataset.name, self.engine.limits.files_at_once)
    }

    /// A session like [`session`](Self::session) in which `source` is another table, read in one
    /// stream, so that its rows keep their order.
    fn session_with_source(&self, source: Arc<dyn TableProvider>) -> Result<SessionContext, Error> {
        let schema = MemorySchemaProvider::new();
        for name in DESCRIBING {
            let table = futures::executor::block_on(self.schema.table(name));
            if let Some(table) = table.map_err(Error::execution)? {
                schema.register_table(name.to_owned(), table).map_err(Error::execution)?;
            }
        }
        schema.register_table("source".to_owned(), source).map_err(Error::execution)?;
        let schemas = vec![(self.dataset.name.clone(), Arc::new(schema))];
        self.engine.session(schemas, &self.dataset.name, 1)
    }

    /// Plans a query of the dataset.
    ///
    /// # Errors
    /// [`Error::Plan`], naming the file.
    pub async fn plan(&self, query: &Query) -> Result<DataFrame, Error> {
        plan_in(&self.session()?, query).await
    }

    /// What a query reads of `source`.
    ///
    /// # Errors
    /// [`Error::Plan`], naming the file.
    pub async fn reads(&self, query: &Query) -> Result<Reads, Error> {
        let plan = self.plan(query).await?.into_optimized_plan().map_err(Error::execution)?;
        let mut reads = Reads::default();
        let visited = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && scan.table_name.table() == "source"
            {
                reads.scans += 1;
                let columns = &mut reads.columns;
                columns.extend(scan.projected_schema.fields().iter().map(|f| f.name().clone()));
                let filtered = scan.filters.iter().flat_map(|filter| filter.column_refs());
                columns.extend(filtered.map(|column| column.name.clone()));
            }
            Ok(TreeNodeRecursion::Continue)
        });
        visited.map_err(Error::execution)?;
        Ok(reads)
    }

    /// The columns of the files that queries read; one that does not plan reads none.
    pub async fn columns_read(
        &self,
        queries: impl IntoIterator<Item = &Query>,
    ) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        for query in queries {
            if let Ok(reads) = self.reads(query).await {
                columns.extend(reads.columns);
            }
        }
        columns.retain(|column| !PROVENANCE.contains(&column.as_str()) && column != FILE_DATE);
        columns
    }

    /// The rows of `source` in some of its columns, in no order.
    ///
    /// # Errors
    /// [`Error`] where it cannot be read.
    pub async fn scan(&self, columns: &[&str]) -> Result<SendableRecordBatchStream, Error> {
        let source = self.session()?.table("source").await.map_err(Error::execution)?;
        let source = source.select_columns(columns).map_err(Error::execution)?;
        source.execute_stream().await.map_err(Error::execution)
    }

    /// Plans a query over a `source` of its own.
    ///
    /// # Errors
    /// [`Error::Plan`], naming the file.
    pub async fn plan_over(
        &self,
        query: &Query,
        source: Arc<dyn TableProvider>,
    ) -> Result<DataFrame, Error> {
        plan_in(&self.session_with_source(source)?, query).await
    }

    /// Plans `stage.sql` over a `source` of its own.
    ///
    /// # Errors
    /// [`Error::Plan`], naming the file.
    pub async fn plan_stage(&self, source: Arc<dyn TableProvider>) -> Result<DataFrame, Error> {
        self.plan_over(&self.sql.stage, source).await
    }

    /// The schema of `source`, `_file_date` included.
    pub fn source_schema(&self) -> SchemaRef {
        let optional = &self.dataset.optional_columns;
        tables::source(&self.engine.staging, &self.mirror, optional).schema()
    }

    /// `stage.sql` over the rows that `dedupe.sql` keeps.
    async fn plan_staged(&self) -> Result<LogicalPlan, Error> {
        let session = self.session()?;
        let keep = plan_in(&session, &self.sql.dedupe).await?;
        let keep = keep.select_columns(&["_file_name", "_row_id"]).map_err(Error::execution)?;
        let keep = keep.alias("keep").map_err(Error::execution)?;
        let columns = ["_file_name", "_row_id"];
        let source = session.table("source").await.map_err(Error::execution)?;
        let survivors = source
            .join(keep, JoinType::LeftSemi, &columns, &columns, None)
            .map_err(Error::execution)?;
        let survivors = ViewTable::new(survivors.into_unoptimized_plan(), None);
        let staged = self.plan_stage(Arc::new(survivors)).await?;
        Ok(staged.into_unoptimized_plan())
    }
}

/// Plans the statement of a file in a session.
async fn plan_in(session: &SessionContext, query: &Query) -> Result<DataFrame, Error> {
    plan(session, &query.path, query.statement.clone()).await
}

/// Plans a statement that changes nothing: it makes no table, writes no row and no file, and changes
/// no setting. Errors name it by `path`.
///
/// # Errors
/// [`Error::Plan`], [`Error::UnknownColumn`], [`Error::Writes`], and [`Error::Table`] where a table of
/// the target database cannot be looked up.
pub async fn plan(
    session: &SessionContext,
    path: &Path,
    statement: Statement,
) -> Result<DataFrame, Error> {
    let cannot_be_planned = |error| Error::plan(path.to_owned(), error);
    let plan = session.state().statement_to_plan(statement).await.map_err(cannot_be_planned)?;
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only.verify_plan(&plan).map_err(|_| Error::Writes { path: path.to_owned() })?;
    session.execute_logical_plan(plan).await.map_err(cannot_be_planned)
}
