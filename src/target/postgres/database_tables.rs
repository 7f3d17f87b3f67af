//! The **tables of the target database** in SQL: `target.<schema>.<table>`, looked up when a query names
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
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::domain::{Carried, TableName, quote_identifier};
use crate::target::Error;

use super::catalog::columns_of;
use super::parameter::schema_and_name;
use super::session::{APPLICATION, Session as Connection};
use super::{Column, Database};

/// Rows per batch.
const BATCH_ROWS: usize = 8192;
/// Digits that a decimal of Arrow holds.
const DIGITS: i32 = 38;

/// The schemas of the target database.
#[derive(Debug)]
pub struct DatabaseTables {
    database: Option<Database>,
}

impl DatabaseTables {
    /// Offers the tables of this database, which is not connected to yet. If no database is named, looking for a
    /// table is an error that says so.
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

/// Connects, and reads the columns of a table; `None` if there is no such table.
async fn describe(database: &Database, table: &TableName) -> Result<Option<Vec<Column>>, Error> {
    let connection = database.open(APPLICATION).await?;
    let found = find(&connection.client, table).await;
    connection.close().await;
    found.map_err(Error::statement(format!("looking up {table}")))
}

async fn find(
    client: &Client,
    table: &TableName,
) -> Result<Option<Vec<Column>>, tokio_postgres::Error> {
    match client.query_typed_opt(FIND, &schema_and_name(table)).await? {
        Some(row) => columns_of(client, row.get(0)).await.map(Some),
        None => Ok(None),
    }
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

    /// Returns the conditions that the server can decide.
    fn conditions(&self, filters: &[Expr]) -> Vec<Comparison> {
        filters.iter().filter_map(|filter| self.comparison(filter)).collect()
    }

    /// Returns the filter as a comparison of a column with a value; `None` if the server might decide it differently
    /// from the engine.
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

/// Returns the Arrow type of a `numeric` with a precision and a scale, if Arrow has one.
fn decimal(precision: i32, scale: i32) -> Option<DataType> {
    let is_known = (1..=DIGITS).contains(&precision) && (0..=precision).contains(&scale);
    let (precision, scale) = (u8::try_from(precision).ok()?, i8::try_from(scale).ok()?);
    is_known.then_some(DataType::Decimal128(precision, scale))
}

/// Returns the Arrow type that holds a column's values exactly.
fn type_of(column: &Column) -> DataType {
    match column.type_name.as_str() {
        "int2" | "int4" | "int8" => DataType::Int64,
        "float4" | "float8" => DataType::Float64,
        "bool" => DataType::Boolean,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        "numeric" => match column.precision_and_scale() {
            Some((precision, scale)) => decimal(precision, scale).unwrap_or(DataType::Utf8),
            None => DataType::Utf8,
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

    /// Lets the server leave rows out; the engine checks the others again.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match self.comparison(filter) {
                Some(_) => TableProviderFilterPushDown::Inexact,
                None => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
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
            conditions: self.conditions(filters),
            // A limit counts rows that pass all filters, which only the engine decides.
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
            // If nobody listens any more, nobody needs the error.
            let _ = sender.send(Err(error)).await;
        }
    }

    async fn send_rows(&self, connection: &Connection, sender: &mut Sender) -> Result<()> {
        connection.client.batch_execute(BEGIN).await.map_err(|error| self.failed(&error))?;
        let values = self.conditions.iter().map(|c| (&c.value as &(dyn ToSql + Sync), Type::TEXT));
        let asked = connection.client.query_typed_raw(&self.select(), values).await;
        let rows = asked.map_err(|error| self.failed(&error))?;
        let mut chunks = Box::pin(rows).try_ready_chunks(BATCH_ROWS);
        let mut gathered = Gathered::new(self.columns.len());
        while let Some(chunk) = chunks.try_next().await.map_err(|error| self.failed(&error.1))? {
            for row in &chunk {
                for (index, column) in gathered.columns.iter_mut().enumerate() {
                    let value = row.try_get::<_, Option<&str>>(index);
                    column.append_option(value.map_err(|error| self.failed(&error))?);
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

    /// The error of a statement. What the server says once rows are sent may quote values.
    fn failed(&self, error: &tokio_postgres::Error) -> DataFusionError {
        external(Error::rows(format!("reading {}", self.table), error))
    }

    fn select(&self) -> String {
        select_statement(&self.table, &self.columns, &self.conditions, self.limit)
    }

    /// Makes a batch of the gathered texts.
    fn batch(&self, gathered: &mut Gathered) -> Result<RecordBatch> {
        let rows = std::mem::take(&mut gathered.rows);
        let columns = gathered.columns.iter_mut().zip(self.schema.fields());
        let columns: Vec<ArrayRef> = columns
            .map(|(texts, field)| self.exact(Arc::new(texts.finish()), field))
            .collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    /// Parses texts as the type of a column, or refuses one that the type does not hold exactly.
    fn exact(&self, texts: ArrayRef, field: &Field) -> Result<ArrayRef> {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(&texts, field.data_type(), &options).map_err(|_| {
            // The error itself quotes the value.
            external(Error::NoArrowValue {
                table: self.table.to_string(),
                column: field.name().clone(),
                data_type: field.data_type().to_string(),
            })
        })
    }
}

/// Returns the statement that reads a table: every column as text, moments in UTC. The values of the conditions are
/// its parameters.
fn select_statement(
    table: &TableName,
    columns: &[Column],
    conditions: &[Comparison],
    limit: Option<usize>,
) -> String {
    let texts: Vec<String> = columns.iter().map(as_text).collect();
    let compared: Vec<String> = conditions
        .iter()
        .enumerate()
        .map(|(index, comparison)| {
            format!("{}${}::{}", comparison.condition, index + 1, comparison.type_text)
        })
        .collect();
    let filter = if compared.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", compared.join(" AND "))
    };
    let limit = limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
    format!("SELECT {} FROM {}{filter}{limit}", texts.join(", "), table.quoted())
}

/// A column as text.
fn as_text(column: &Column) -> String {
    let name = quote_identifier(&column.name);
    match column.type_name.as_str() {
        "timestamptz" => format!("({name} AT TIME ZONE 'UTC')::text"),
        _ => format!("{name}::text"),
    }
}

/// Begins a transaction that writes nothing, in which times have one form whatever the server's settings are.
const BEGIN: &str = "\
BEGIN TRANSACTION READ ONLY;
SET LOCAL statement_timeout = 0;
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL extra_float_digits = 1;";

/// Texts that are gathered for a batch.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    fn column(name: &str, type_name: &str) -> Column {
        Column { name: name.to_owned(), type_name: type_name.to_owned(), ..Column::default() }
    }

    #[test]
    fn columns_are_read_as_text_and_values_are_bound() {
        let columns = [column("a\"b", "numeric"), column("at", "timestamptz")];
        let day = Comparison {
            condition: "\"d\"\"ay\" >= ".to_owned(),
            type_text: "date".to_owned(),
            value: "2025-01-02".to_owned(),
        };
        assert_eq!(
            select_statement(&odd_table(), &columns, &[day.clone(), day], Some(5)),
            format!(
                "SELECT \"a\"\"b\"::text, (\"at\" AT TIME ZONE 'UTC')::text FROM {ODD_TABLE} \
                 WHERE \"d\"\"ay\" >= $1::date AND \"d\"\"ay\" >= $2::date LIMIT 5"
            )
        );
        assert_eq!(
            select_statement(&odd_table(), &columns[..1], &[], None),
            format!("SELECT \"a\"\"b\"::text FROM {ODD_TABLE}")
        );
    }

    #[test]
    fn a_numeric_is_a_decimal_only_if_that_holds_it() {
        let bounded = Column { modifier: (12 << 16 | 2) + 4, ..column("x", "numeric") };
        assert_eq!(type_of(&bounded), DataType::Decimal128(12, 2));
        assert_eq!(type_of(&Column { modifier: -1, ..bounded.clone() }), DataType::Utf8);
        assert_eq!(type_of(&Column { modifier: (50 << 16 | 2) + 4, ..bounded }), DataType::Utf8);
    }
}
