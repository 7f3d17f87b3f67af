//! The **days asked for** by a query are those of the files that it can take rows from. They are known before any
//! file is read: the query is planned over tables without rows, in which `source` has every column that the query
//! mentions, and the engine says at each scan which conditions the rows have to meet.
//!
//! If the query uses anything else of a dataset, such as `files`, or cannot be planned so, nothing is known.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{
    CatalogProvider, MemorySchemaProvider, SchemaProvider, Session, TableProvider,
};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::sql::parser::Statement;
use object_store::path::Path as ObjectPath;

use super::dated_files::{DatedFile, DatedFiles};
use super::describing::source_of;
use super::lookup::DATABASE;
use crate::domain::FileDate;
use crate::domain::provenance::is_provenance;
use crate::engine::{Engine, plan};
use crate::sql::{mentions_schema, names_in};

/// The days of each dataset that a query asks for, by its name; of a dataset of which it does not read `source`
/// nothing is said. `dates` are those of all files, by dataset.
pub async fn days_asked_for(
    engine: &Engine,
    dates: &[(String, Vec<FileDate>)],
    database: Arc<dyn CatalogProvider>,
    statement: &Statement,
) -> HashMap<String, BTreeSet<FileDate>> {
    // What it says of the columns depends on which files are read.
    if mentions_schema(statement, "information_schema") {
        return HashMap::new();
    }
    let columns: Vec<String> =
        names_in(statement).into_iter().filter(|name| !is_provenance(name)).collect();
    let table = |(dataset, dates): &(String, Vec<FileDate>)| {
        (dataset.clone(), Arc::new(Asked::over(engine, &columns, dates)))
    };
    let tables: Vec<(String, Arc<Asked>)> = dates.iter().map(table).collect();
    let planned = planned(engine, &tables, database, statement).await;
    let days = |(dataset, table): (String, Arc<Asked>)| {
        planned?;
        Some((dataset, table.days()?))
    };
    tables.into_iter().filter_map(days).collect()
}

/// Plans the query down to the scans of its tables.
async fn planned(
    engine: &Engine,
    tables: &[(String, Arc<Asked>)],
    database: Arc<dyn CatalogProvider>,
    statement: &Statement,
) -> Option<()> {
    let schema = |(dataset, table): &(String, Arc<Asked>)| {
        let schema = MemorySchemaProvider::new();
        let table = Arc::clone(table) as Arc<dyn TableProvider>;
        schema.register_table("source".to_owned(), table).ok()?;
        Some((dataset.clone(), Arc::new(schema) as Arc<dyn SchemaProvider>))
    };
    let schemas = tables.iter().map(schema).collect::<Option<Vec<_>>>()?;
    let default = tables.first().map_or("public", |(dataset, _)| dataset.as_str());
    let session = engine.session(schemas, default, 1).ok()?;
    session.register_catalog(DATABASE, database);
    let query = plan(&session, Path::new("the query"), statement.clone()).await.ok()?;
    query.create_physical_plan().await.ok().map(|_| ())
}

/// `source` without rows, which notes the days that are asked for.
#[derive(Debug)]
struct Asked {
    files: DatedFiles,
    days: Mutex<Option<BTreeSet<FileDate>>>,
}

impl Asked {
    fn over(engine: &Engine, columns: &[String], dates: &[FileDate]) -> Self {
        let file = |date: &FileDate| DatedFile {
            path: ObjectPath::default(),
            size: 0,
            date: *date,
            rows: 0,
        };
        let files = source_of(&engine.staging, columns, dates.iter().map(file).collect());
        Self { files, days: Mutex::default() }
    }

    /// The days that were asked for; nothing if the table was not read.
    fn days(&self) -> Option<BTreeSet<FileDate>> {
        self.days.lock().ok()?.clone()
    }
}

#[async_trait]
impl TableProvider for Asked {
    fn schema(&self) -> SchemaRef {
        self.files.schema()
    }

    fn table_type(&self) -> TableType {
        self.files.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        self.files.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.files.prune(state, filters)?;
        if let Ok(mut days) = self.days.lock() {
            days.get_or_insert_default().extend(files.iter().map(|file| file.date));
        }
        let schema = datafusion::physical_plan::project_schema(&self.schema(), projection)?;
        Ok(Arc::new(EmptyExec::new(schema)))
    }
}
