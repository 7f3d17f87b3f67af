//! The tables of the target database in SQL: `target.<schema>.<table>`, looked up when a query names
//! one, and read when it runs, in a transaction that may not write.
//!
//! Every value comes as the text that the server writes, and is then parsed exactly: a `numeric` never
//! passes through a float. What Arrow has no type for stays text.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{CatalogProvider, SchemaProvider, Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::channel::mpsc;
use futures::{SinkExt, TryStreamExt};
use tokio_postgres::types::{ToSql, Type};

use crate::domain::{Carried, TableName, quote_identifier};
use crate::target::Error;

use super::catalog::columns_of;
use super::session::{APPLICATION, Session as Connection};
use super::{Column, Database};

/// Rows a batch.
const BATCH_ROWS: usize = 8192;
/// Digits that a decimal of Arrow holds.
const DIGITS: i32 = 38;

/// The schemas of the target database.
#[derive(Debug)]
pub struct DatabaseTables {
    database: Option<Database>,
}

impl DatabaseTables {
    /// Of this database; nothing is asked of it yet. Where none is named, to look for a table is an
    /// error that says so.
    pub fn new(database: Option<Database>) -> Self {
        Self { database }
    }
}

impl CatalogProvider for DatabaseTables {
    /// Deliberately empty: `\d` would otherwise list every schema of the database.
    fn schema_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(Tables { database: self.database.clone(), schema: name.to_owned() }))
    }
}

/// The tables of one schema.
#[derive(Debug)]
struct Tables {
    database: Option<Database>,
    schema: String,
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let table = TableName { schema: self.schema.clone(), name: name.to_owned() };
        let database = self.database.as_ref().ok_or(Error::NoDatabase).map_err(external)?;
        let columns = describe(database, &table).await.map_err(external)?;
        Ok(columns.map(|columns| {
            let table = Table::new(database.clone(), table, columns);
            Arc::new(table) as Arc<dyn TableProvider>
        }))
    }

    fn table_exist(&self, _: &str) -> bool {
        true
    }
}

/// Finds a table or view; `$1` schema, `$2` name.
const FIND: &str = "\
SELECT c.oid::int8 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

async fn describe(database: &Database, table: &TableName) -> Result<Option<Vec<Column>>, Error> {
    let connection = database.open(APPLICATION).await?;
    let found = async {
        let names: [(&(dyn ToSql + Sync), Type); 2] =
            [(&table.schema, Type::TEXT), (&table.name, Type::TEXT)];
        let Some(row) = connection.client.query_typed_opt(FIND, &names).await? else {
            return Ok(None);
        };
        columns_of(&connection.client, row.get(0)).await.map(Some)
    };
    let found = found.await;
    connection.close().await;
    found.map_err(Error::statement(format!("looking up {table}")))
}

/// A table of the target database.
#[derive(Debug)]
struct Table {
    database: Database,
    table: TableName,
    columns: Vec<Column>,
    schema: SchemaRef,
}

impl Table {
    fn new(database: Database, table: TableName, columns: Vec<Column>) -> Self {
        let fields = columns.iter().map(|c| Field::new(&c.name, type_of(c), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { database, table, columns, schema }
    }

    /// The condition that the server can decide, or nothing.
    fn condition(&self, filters: &[Expr]) -> Vec<Comparison> {
        filters.iter().filter_map(|filter| self.comparison(filter)).collect()
    }

    /// A comparison of a column with a value, where both sides mean the same by it.
    fn comparison(&self, filter: &Expr) -> Option<Comparison> {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return None };
        let (Expr::Column(column), Expr::Literal(value, _)) = (&**left, &**right) else {
            return None;
        };
        let index = self.schema.index_of(&column.name).ok()?;
        let is_text = *self.schema.field(index).data_type() == DataType::Utf8;
        let operator = match op {
            Operator::Eq => "=",
            // The order of texts is the database's, which is not that of their bytes.
            _ if is_text => return None,
            Operator::Lt => "<",
            Operator::LtEq => "<=",
            Operator::Gt => ">",
            Operator::GtEq => ">=",
            _ => return None,
        };
        let is_exact = matches!(
            self.schema.field(index).data_type(),
            DataType::Utf8 | DataType::Int64 | DataType::Date32 | DataType::Boolean
        );
        let text = value.cast_to(&DataType::Utf8).ok()?.try_as_str()??.to_owned();
        let column = &self.columns[index];
        // An enum or a type of an extension has other comparisons.
        let is_plain = !is_text || matches!(column.type_name.as_str(), "text" | "varchar");
        (is_exact && is_plain).then(|| Comparison {
            condition: format!("{} {operator} ", quote_identifier(&column.name)),
            type_text: column.type_text.clone(),
            value: text,
        })
    }
}

/// A condition whose value is bound.
#[derive(Clone, Debug)]
struct Comparison {
    condition: String,
    type_text: String,
    value: String,
}

/// The Arrow type that holds a column's values exactly.
fn type_of(column: &Column) -> DataType {
    match column.type_name.as_str() {
        "int2" | "int4" | "int8" => DataType::Int64,
        "float4" | "float8" => DataType::Float64,
        "bool" => DataType::Boolean,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        "numeric" => match column.precision_and_scale() {
            Some((precision @ 1..=DIGITS, scale)) if (0..=precision).contains(&scale) => {
                DataType::Decimal128(precision as u8, scale as i8)
            }
            _ => DataType::Utf8,
        },
        _ => DataType::Utf8,
    }
}

#[async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// The server leaves rows out, and the engine looks again.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.comparison(filter) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let chosen = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(chosen)?);
        let columns = chosen.iter().map(|index| self.columns[*index].clone()).collect();
        let read = Arc::new(Read {
            database: self.database.clone(),
            table: self.table.clone(),
            columns,
            conditions: self.condition(filters),
            // A limit counts rows that pass all filters, and the engine has the last word on these.
            limit: limit.filter(|_| filters.is_empty()),
            schema: Arc::clone(&schema),
        });
        StreamingTable::try_new(schema, vec![read])?.scan(state, None, &[], limit).await
    }
}

/// One reading of a table.
#[derive(Clone, Debug)]
struct Read {
    database: Database,
    table: TableName,
    columns: Vec<Column>,
    conditions: Vec<Comparison>,
    limit: Option<usize>,
    schema: SchemaRef,
}

impl PartitionStream for Read {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (sender, batches) = mpsc::channel(1);
        let read = self.clone();
        tokio::spawn(async move { read.send(sender).await });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

type Sender = mpsc::Sender<Result<RecordBatch>>;

impl Read {
    /// Sends every batch, or the error that ends them.
    async fn send(self, mut sender: Sender) {
        let ended = match self.database.open(APPLICATION).await {
            Ok(connection) => {
                let ended = self.send_rows(&connection, &mut sender).await;
                connection.close().await;
                ended
            }
            Err(error) => Err(external(error)),
        };
        if let Err(error) = ended {
            // Where nobody listens any more, nobody needs to know.
            let _ = sender.send(Err(error)).await;
        }
    }

    async fn send_rows(&self, connection: &Connection, sender: &mut Sender) -> Result<()> {
        // What the server says while rows are under way may quote values.
        let failed = |error| external(Error::rows(format!("reading {}", self.table), &error));
        connection.client.batch_execute(BEGIN).await.map_err(failed)?;
        let values = self.conditions.iter().map(|c| (&c.value as &(dyn ToSql + Sync), Type::TEXT));
        let rows = connection.client.query_typed_raw(&self.select(), values).await;
        let rows = rows.map_err(failed)?;
        let mut chunks = Box::pin(rows).try_ready_chunks(BATCH_ROWS);
        let mut gathered = Gathered::new(self.columns.len());
        while let Some(chunk) = chunks.try_next().await.map_err(|error| failed(error.1))? {
            for row in &chunk {
                for (index, column) in gathered.columns.iter_mut().enumerate() {
                    column.append_option(row.try_get::<_, Option<&str>>(index).map_err(failed)?);
                }
                gathered.rows += 1;
            }
            if gathered.rows >= BATCH_ROWS
                && sender.send(Ok(self.batch(&mut gathered)?)).await.is_err()
            {
                return Ok(());
            }
        }
        if gathered.rows > 0 {
            let _ = sender.send(Ok(self.batch(&mut gathered)?)).await;
        }
        Ok(())
    }

    /// The statement: every column as text, in zone-free time.
    fn select(&self) -> String {
        let text = |column: &Column| {
            let name = quote_identifier(&column.name);
            match column.type_name.as_str() {
                "timestamptz" => format!("({name} AT TIME ZONE 'UTC')::text"),
                _ => format!("{name}::text"),
            }
        };
        let columns: Vec<String> = self.columns.iter().map(text).collect();
        let conditions = self.conditions.iter().enumerate().map(|(index, comparison)| {
            format!("{}${}::{}", comparison.condition, index + 1, comparison.type_text)
        });
        let conditions: Vec<String> = conditions.collect();
        let filter = match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        };
        let limit = self.limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
        format!("SELECT {} FROM {}{filter}{limit}", columns.join(", "), self.table.quoted())
    }

    fn batch(&self, gathered: &mut Gathered) -> Result<RecordBatch> {
        let rows = std::mem::take(&mut gathered.rows);
        let exact = CastOptions { safe: false, ..CastOptions::default() };
        let columns = gathered.columns.iter_mut().zip(self.schema.fields());
        let columns = columns.map(|(texts, field)| {
            let texts: ArrayRef = Arc::new(texts.finish());
            cast_with_options(&texts, field.data_type(), &exact).map_err(|_| {
                // The error itself quotes the value.
                external(Error::NoArrowValue {
                    table: self.table.to_string(),
                    column: field.name().clone(),
                    data_type: field.data_type().to_string(),
                })
            })
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// Nothing is written, and times look alike whatever the server's settings are.
const BEGIN: &str = "\
BEGIN TRANSACTION READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL extra_float_digits = 1;";

/// Texts on their way to a batch.
struct Gathered {
    columns: Vec<StringBuilder>,
    rows: usize,
}

impl Gathered {
    fn new(columns: usize) -> Self {
        Self { columns: (0..columns).map(|_| StringBuilder::new()).collect(), rows: 0 }
    }
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Carried::boxed(error))
}
