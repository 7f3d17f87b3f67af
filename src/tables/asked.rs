//! The **days asked for** by a query are those of the files that it can take rows from. They are known before any
//! file is read: the query is planned over tables without rows, in which `source` has every column that the query
//! mentions, and the engine says at each scan which conditions the rows have to meet. All days on which a file can be
//! are held against these, so that a day outside the range is noticed.
//!
//! If the query uses anything else of a dataset, such as `files`, or cannot be planned so, nothing is known.

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

/// The days of each dataset that a query asks for, whether it has a file of them or not, by its name; of a dataset of
/// which it does not read `source` nothing is said.
pub async fn days_asked_for(
    engine: &Engine,
    datasets: &[String],
    database: Arc<dyn CatalogProvider>,
    statement: &Statement,
) -> HashMap<String, BTreeSet<FileDate>> {
    // What it says of the columns depends on which files are read.
    if mentions_schema(statement, "information_schema") {
        return HashMap::new();
    }
    let columns: Vec<String> =
        names_in(statement).into_iter().filter(|name| !is_provenance(name)).collect();
    let table =
        |dataset: &String| (dataset.clone(), Arc::new(Asked::with_columns(engine, &columns)));
    let tables: Vec<(String, Arc<Asked>)> = datasets.iter().map(table).collect();
    let planned = planned(engine, &tables, database, statement).await;
    let days = |(dataset, table): (String, Arc<Asked>)| {
        planned?;
        Some((dataset, table.days()?))
    };
    tables.into_iter().filter_map(days).collect()
}

/// The days on which a file can be.
fn possible_days() -> DateRange {
    let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
    let (first, last) = (*PLAUSIBLE_YEARS.start(), *PLAUSIBLE_YEARS.end());
    DateRange::between(FileDate(day(first, 1, 1)), FileDate(day(last, 12, 31)))
}

/// The first and the last day that a query asks for outside a range; nothing if it names no end to the days on one
/// side, for then the range is that end.
pub fn days_outside(asked: &BTreeSet<FileDate>, range: DateRange) -> Option<DateRange> {
    let possible = possible_days();
    if asked.contains(&possible.start()) || asked.contains(&possible.end()) {
        return None;
    }
    let mut outside = asked.iter().copied().filter(|day| !range.contains(*day));
    let first = outside.next()?;
    Some(DateRange::between(first, outside.next_back().unwrap_or(first)))
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
    fn with_columns(engine: &Engine, columns: &[String]) -> Self {
        Self { files: source_of(&engine.staging, columns, Vec::new()), days: Mutex::default() }
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
        let passed = passing(state, filters, possible_days().days())?;
        let asked = possible_days().days().zip(passed).filter(|(_, passed)| *passed);
        if let Ok(mut days) = self.days.lock() {
            days.get_or_insert_default().extend(asked.map(|(day, _)| day));
        }
        let schema = datafusion::physical_plan::project_schema(&self.schema(), projection)?;
        Ok(Arc::new(EmptyExec::new(schema)))
    }
}
