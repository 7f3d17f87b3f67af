//! The **days asked for** by a query: the days whose files it can take rows from. They are known before any file is
//! read. The query is planned over empty tables, in which `source` has every column that the query mentions, and the
//! engine passes the conditions on the rows to each scan. All days that a file can have are checked against these
//! conditions, so that days outside the range are noticed, too.
//!
//! The days are not known if the query uses anything else of a dataset, such as `files`, or if it cannot be planned
//! over the empty tables.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::NaiveDate;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{
    CatalogProvider, MemorySchemaProvider, SchemaProvider, Session, TableProvider,
};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::sql::parser::Statement;

use super::dated_files::{DatedFiles, passing};
use super::describing::source_of;
use super::lookup::DATABASE;
use crate::domain::provenance::is_provenance;
use crate::domain::{DateRange, FileDate, PLAUSIBLE_YEARS};
use crate::engine::{Engine, plan};
use crate::sql::{mentions_schema, names_in};

/// Returns the days that a query asks for, whether there are files of them or not, by the name of the dataset. Datasets
/// whose `source` it does not read are left out.
pub async fn days_asked_for(
    engine: &Engine,
    datasets: &[String],
    database: Arc<dyn CatalogProvider>,
    statement: &Statement,
) -> HashMap<String, BTreeSet<FileDate>> {
    // The columns that it lists depend on which files are read.
    if mentions_schema(statement, "information_schema") {
        return HashMap::new();
    }
    let columns: Vec<String> =
        names_in(statement).into_iter().filter(|name| !is_provenance(name)).collect();
    let tables: Vec<(String, Arc<Asked>)> = datasets
        .iter()
        .map(|dataset| (dataset.clone(), Arc::new(Asked::with_columns(engine, &columns))))
        .collect();
    if planned(engine, &tables, database, statement).await.is_none() {
        return HashMap::new();
    }
    tables.into_iter().filter_map(|(dataset, table)| Some((dataset, table.days()?))).collect()
}

/// Returns the days that a file can have.
fn possible_days() -> DateRange {
    let first = NaiveDate::from_ymd_opt(*PLAUSIBLE_YEARS.start(), 1, 1).unwrap_or_default();
    let last = NaiveDate::from_ymd_opt(*PLAUSIBLE_YEARS.end(), 12, 31).unwrap_or_default();
    DateRange::between(FileDate(first), FileDate(last))
}

/// Returns the first and the last day outside a range that a query asks for; `None` if the query leaves the days open
/// on one side, because then the range limits them.
pub fn days_outside(asked: &BTreeSet<FileDate>, range: DateRange) -> Option<DateRange> {
    let possible = possible_days();
    if asked.contains(&possible.start()) || asked.contains(&possible.end()) {
        return None;
    }
    let mut outside = asked.iter().copied().filter(|day| !range.contains(*day));
    let first = outside.next()?;
    Some(DateRange::between(first, outside.next_back().unwrap_or(first)))
}

/// Plans the query down to the scans of its tables; `None` if it cannot be planned.
async fn planned(
    engine: &Engine,
    tables: &[(String, Arc<Asked>)],
    database: Arc<dyn CatalogProvider>,
    statement: &Statement,
) -> Option<()> {
    let mut schemas = Vec::new();
    for (dataset, table) in tables {
        let schema = MemorySchemaProvider::new();
        let table = Arc::clone(table) as Arc<dyn TableProvider>;
        schema.register_table("source".to_owned(), table).ok()?;
        schemas.push((dataset.clone(), Arc::new(schema) as Arc<dyn SchemaProvider>));
    }
    let default = tables.first().map_or("public", |(dataset, _)| dataset.as_str());
    let session = engine.session(schemas, default, 1).ok()?;
    session.register_catalog(DATABASE, database);
    let query = plan(&session, Path::new("the query"), statement.clone()).await.ok()?;
    query.create_physical_plan().await.ok().map(|_| ())
}

/// `source` without rows, which records the days that are asked for.
#[derive(Debug)]
struct Asked {
    files: DatedFiles,
    days: Mutex<Option<BTreeSet<FileDate>>>,
}

impl Asked {
    fn with_columns(engine: &Engine, columns: &[String]) -> Self {
        Self { files: source_of(&engine.staging, columns, Vec::new()), days: Mutex::default() }
    }

    /// Returns the days that were asked for; `None` if the table was not read.
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
        let passed = passing(state, filters, possible_days().days())?;
        let asked = possible_days().days().zip(passed).filter(|(_, passed)| *passed);
        if let Ok(mut days) = self.days.lock() {
            days.get_or_insert_default().extend(asked.map(|(day, _)| day));
        }
        let schema = datafusion::physical_plan::project_schema(&self.schema(), projection)?;
        Ok(Arc::new(EmptyExec::new(schema)))
    }
}
