//! The **catalog**: the tables that SQL sees. Registering a dataset makes its mirrors one table, `source`, partitioned
//! by file date, and adds the tables that describe it.
//!
//! | table | rows |
//! |---|---|
//! | `source` | accepted rows, all text; a column that a file lacks is NULL |
//! | `files` | one per source file: key, date, size, rows, rejects, encoding … |
//! | `formats` | one per format: a header with its dialect, and the days on which it is seen |
//! | `file_columns` | one per file and column: position, name, and statistics of its values |
//! | `column_shapes` | one per file, column and shape of its values |
//! | `rejects` | one per record that could not be read: where and why |
//! | `contract` | one per column of `target.sql` |
//! | `staged` | the rows that `stage.sql` makes of the rows that `dedupe.sql` keeps |
//!
//! The schema has the name of the dataset; in a dataset's own SQL it may be left out. Checks and queries also see the
//! tables of `beside`.

mod asked;
mod beside;
mod dated_files;
mod describing;
mod lookup;
mod profiled;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::{ViewTable, source_as_provider};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{JoinType, LogicalPlan, TableScan};
use datafusion::prelude::{DataFrame, SessionContext};
use tokio::sync::OnceCell;

use crate::domain::{Dataset, provenance};
use crate::engine::{Engine, Error, name_text_column, plan_query};
use crate::mirror::Mirror;
use crate::progress::Listener;
use crate::sql::{Query, Sql, mentioned_columns};

pub use asked::{days_asked_for, days_outside};
pub use beside::{Beside, BesideError, read_reference};
pub use dated_files::{DatedFile, DatedFiles};
pub use describing::{dated, source_of, union_of_headers};
pub use lookup::{Lookup, session_over};
use profiled::{ColumnShapes, FileColumns, Profiles};

/// The table of the columns of `target.sql`.
const CONTRACT: &str = "contract";
/// The table of the rows that `stage.sql` makes of the rows that `dedupe.sql` keeps.
const STAGED: &str = "staged";

/// A registered dataset: its mirror as tables, and its SQL.
#[derive(Clone)]
pub struct Catalog {
    /// The dataset.
    pub dataset: Dataset,
    /// Its SQL files.
    pub sql: Sql,
    /// Its mirrored files.
    pub mirror: Mirror,
    /// The names of all columns of `source` that come from the files.
    pub columns: Arc<[String]>,
    tables: Tables,
}

/// The tables of a mirrored dataset.
#[derive(Clone)]
struct Tables {
    dataset: String,
    engine: Engine,
    /// All of them.
    schema: Arc<MemorySchemaProvider>,
    source: Arc<dyn TableProvider>,
    /// The tables of others that checks may read.
    beside: Beside,
    /// The tables that describe `source`.
    describing: Vec<(&'static str, Arc<dyn TableProvider>)>,
}

/// The columns that identify a row of `source`.
const WHICH_ROW: [&str; 2] = [provenance::FILE_NAME, provenance::ROW_ID];

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
/// [`Error`] if a table cannot be made. If `stage.sql` or `dedupe.sql` does not plan, `staged` is left out, and the
/// steps that need it report why.
pub async fn register(
    engine: &Engine,
    dataset: &Dataset,
    sql: Sql,
    mirror: Mirror,
    progress: &Listener,
) -> Result<Catalog, Error> {
    let columns: Arc<[String]> = union_of_headers(&mirror.files, &dataset.optional_columns).into();
    let mut tables = Tables::new(engine, dataset, &mirror, &columns, progress)?;
    tables.describe((CONTRACT, describing::contract(&sql.contract)?))?;
    if let Ok(staged) = tables.staged(&sql.dedupe, &sql.stage).await {
        tables.register((STAGED, staged))?;
    }
    Ok(Catalog { dataset: dataset.clone(), sql, mirror, columns, tables })
}

/// Creates a schema with `source` and the tables that describe it.
fn schema_of(
    describing: &[(&'static str, Arc<dyn TableProvider>)],
    source: Arc<dyn TableProvider>,
) -> Result<MemorySchemaProvider, Error> {
    let schema = MemorySchemaProvider::new();
    schema.register_table("source".to_owned(), source).map_err(Error::execution)?;
    for (name, table) in describing {
        let table = Arc::clone(table);
        schema.register_table((*name).to_owned(), table).map_err(Error::execution)?;
    }
    Ok(schema)
}

impl Tables {
    /// Creates `source` with these columns, and the tables that describe it.
    fn new(
        engine: &Engine,
        dataset: &Dataset,
        mirror: &Mirror,
        columns: &[String],
        progress: &Listener,
    ) -> Result<Self, Error> {
        let profiles = Arc::new(Profiles {
            staging: engine.staging.clone(),
            dataset: dataset.clone(),
            mirror: mirror.clone(),
            limits: engine.limits,
            progress: Arc::clone(progress),
            drawn: OnceCell::new(),
        });
        let describing: Vec<(&'static str, Arc<dyn TableProvider>)> = vec![
            ("files", describing::files(mirror)?),
            ("formats", describing::formats(mirror)?),
            ("file_columns", Arc::new(FileColumns(Arc::clone(&profiles)))),
            ("column_shapes", Arc::new(ColumnShapes(profiles))),
            ("rejects", Arc::new(describing::rejects(&engine.staging, mirror))),
        ];
        let source: Arc<dyn TableProvider> =
            Arc::new(describing::source(&engine.staging, mirror, columns));
        let schema = Arc::new(schema_of(&describing, Arc::clone(&source))?);
        let (dataset, engine, beside) = (dataset.name.clone(), engine.clone(), Beside::default());
        Ok(Self { dataset, engine, schema, source, beside, describing })
    }

    /// Adds a table to the schema.
    fn register(&self, (name, table): (&str, Arc<dyn TableProvider>)) -> Result<(), Error> {
        self.schema.register_table(name.to_owned(), table).map_err(Error::execution)?;
        Ok(())
    }

    /// Adds a table that stays if another `source` is put in place.
    fn describe(&mut self, table: (&'static str, Arc<dyn TableProvider>)) -> Result<(), Error> {
        self.describing.push(table.clone());
        self.register(table)
    }

    /// Creates a session in which these tables need no schema.
    fn session(&self) -> Result<SessionContext, Error> {
        self.session_of(Arc::clone(&self.schema) as _, self.engine.limits.files_at_once)
    }

    /// Creates a [`session`](Self::session) in which `source` is another table. It is read in one stream, so that its
    /// rows keep their order.
    fn session_with_source(&self, source: Arc<dyn TableProvider>) -> Result<SessionContext, Error> {
        self.session_of(Arc::new(schema_of(&self.describing, source)?), 1)
    }

    /// Creates a [`session`](Self::session) with the tables beside the dataset.
    async fn session_beside(&self) -> Result<SessionContext, Error> {
        if self.beside.is_empty() {
            return self.session();
        }
        let schema = schema_of(&self.describing, Arc::clone(&self.source))?;
        if let Some(staged) = self.schema.table(STAGED).await.map_err(Error::execution)? {
            schema.register_table(STAGED.to_owned(), staged).map_err(Error::execution)?;
        }
        self.session_with(schema, self.engine.limits.files_at_once)
    }

    /// Creates a session with the tables of a schema and those beside the dataset.
    fn session_with(
        &self,
        schema: MemorySchemaProvider,
        partitions: usize,
    ) -> Result<SessionContext, Error> {
        self.beside.put_references(&schema)?;
        let own = (self.dataset.clone(), Arc::new(schema) as Arc<dyn SchemaProvider>);
        let schemas = std::iter::once(own).chain(self.beside.datasets.iter().cloned());
        self.engine.session(schemas.collect(), &self.dataset, partitions)
    }

    /// Whether a scan reads the dataset's own `source`, under whatever alias.
    fn is_own_source(&self, scan: &TableScan) -> bool {
        let scanned = source_as_provider(&scan.source);
        scanned.is_ok_and(|scanned| {
            std::ptr::addr_eq(Arc::as_ptr(&scanned), Arc::as_ptr(&self.source))
        })
    }

    fn session_of(
        &self,
        schema: Arc<dyn SchemaProvider>,
        partitions: usize,
    ) -> Result<SessionContext, Error> {
        self.engine.session(vec![(self.dataset.clone(), schema)], &self.dataset, partitions)
    }

    /// Plans `stage.sql` over the rows that `dedupe.sql` keeps.
    async fn staged(&self, dedupe: &Query, stage: &Query) -> Result<Arc<dyn TableProvider>, Error> {
        let session = self.session()?;
        let keep = plan_query(&session, dedupe).await?;
        let keep = keep.select_columns(&WHICH_ROW).map_err(Error::execution)?;
        let keep = keep.alias("keep").map_err(Error::execution)?;
        let source = session.table("source").await.map_err(Error::execution)?;
        let survivors = source
            .join(keep, JoinType::LeftSemi, &WHICH_ROW, &WHICH_ROW, None)
            .map_err(Error::execution)?;
        let survivors = ViewTable::new(survivors.into_unoptimized_plan(), None);
        let session = self.session_with_source(Arc::new(survivors))?;
        let staged = plan_query(&session, stage).await?;
        Ok(Arc::new(ViewTable::new(staged.into_unoptimized_plan(), None)))
    }
}

impl Catalog {
    /// Creates a session in which this dataset's tables need no schema.
    ///
    /// # Errors
    /// [`Error`] if it cannot be set up.
    pub fn session(&self) -> Result<SessionContext, Error> {
        self.tables.session()
    }

    /// Adds tables beside the dataset, for its checks.
    pub fn with_beside(mut self, beside: Beside) -> Self {
        self.tables.beside = beside;
        self
    }

    /// Plans a query of the dataset.
    ///
    /// # Errors
    /// [`Error::Plan`], naming the file.
    pub async fn plan(&self, query: &Query) -> Result<DataFrame, Error> {
        plan_query(&self.session()?, query).await
    }

    /// Explains why a query failed on a value: if it compares a column of text with a number, the error names the column.
    pub async fn explain(&self, query: &Query, error: Error) -> Error {
        match self.tables.session_beside().await {
            Ok(session) => name_text_column(&session, &query.path, &query.statement, error).await,
            Err(_) => error,
        }
    }

    /// Plans a check of the dataset, which may read the tables beside it.
    ///
    /// # Errors
    /// [`Error::Plan`], naming the file.
    pub async fn plan_check(&self, query: &Query) -> Result<DataFrame, Error> {
        plan_query(&self.tables.session_beside().await?, query).await
    }

    /// Plans a check over another `source`.
    ///
    /// # Errors
    /// [`Error::Plan`], naming the file.
    pub async fn plan_check_over(
        &self,
        query: &Query,
        source: Arc<dyn TableProvider>,
    ) -> Result<DataFrame, Error> {
        let schema = schema_of(&self.tables.describing, source)?;
        plan_query(&self.tables.session_with(schema, 1)?, query).await
    }

    /// Returns what a query reads of the dataset's own `source`.
    ///
    /// # Errors
    /// [`Error::Plan`], naming the file.
    pub async fn reads(&self, query: &Query) -> Result<Reads, Error> {
        let plan = self.plan_check(query).await?.into_optimized_plan().map_err(Error::execution)?;
        let mut reads = Reads::default();
        let visited = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && self.tables.is_own_source(scan)
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

    /// Returns the columns of the files that queries read. A query that does not plan, such as a check of other tables,
    /// is taken to read the columns that it mentions.
    pub async fn columns_read(
        &self,
        queries: impl IntoIterator<Item = &Query>,
    ) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        for query in queries {
            match self.reads(query).await {
                Ok(reads) => columns.extend(reads.columns),
                Err(_) => {
                    let mentioned = mentioned_columns(query).0.into_iter();
                    columns.extend(mentioned.filter(|column| self.columns.contains(column)));
                }
            }
        }
        columns.retain(|column| !provenance::is_provenance(column));
        columns
    }

    /// Returns the rows of `source` in some of its columns, in no particular order.
    ///
    /// # Errors
    /// [`Error`] if it cannot be read.
    pub async fn scan(&self, columns: &[&str]) -> Result<SendableRecordBatchStream, Error> {
        let source = self.session()?.table("source").await.map_err(Error::execution)?;
        let source = source.select_columns(columns).map_err(Error::execution)?;
        source.execute_stream().await.map_err(Error::execution)
    }

    /// Plans a query over another `source`.
    ///
    /// # Errors
    /// [`Error::Plan`], naming the file.
    pub async fn plan_over(
        &self,
        query: &Query,
        source: Arc<dyn TableProvider>,
    ) -> Result<DataFrame, Error> {
        plan_query(&self.tables.session_with_source(source)?, query).await
    }

    /// Returns the schema of `source`, with `_file_date`.
    pub fn source_schema(&self) -> SchemaRef {
        self.empty_source().schema()
    }

    /// Returns `source` without rows.
    pub fn empty_source(&self) -> Arc<dyn TableProvider> {
        Arc::new(source_of(&self.tables.engine.staging, &self.columns, Vec::new()))
    }

    /// Returns the engine in which the dataset is registered.
    pub fn engine(&self) -> &Engine {
        &self.tables.engine
    }
}
