//! To **read** a staged file is to get its rows in the order of their `_row_id`.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::parquet::errors::ParquetError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::col;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::StagedFile;
use crate::domain::provenance;
use crate::engine::Engine;
use crate::store::{Store, object};

/// A stream of rows.
pub type Rows = BoxStream<'static, Result<RecordBatch, ParquetError>>;

/// Reads the columns of a staged file.
///
/// # Errors
/// If it cannot be read.
pub async fn schema_of(staging: &Store, file: &StagedFile) -> Result<SchemaRef, ParquetError> {
    let rows = object::read(&staging.objects, &staging.path(&file.path), file.size).await?;
    Ok(Arc::clone(rows.schema()))
}

/// Reads the rows of a staged file in the order of their `_row_id`. Usually the file has this order; otherwise the
/// engine sorts the rows within its memory limit.
///
/// # Errors
/// If it cannot be read.
pub async fn in_order(engine: &Engine, file: &StagedFile) -> Result<Rows, ParquetError> {
    if is_in_order(&engine.staging, file).await? {
        let path = engine.staging.path(&file.path);
        return Ok(object::read(&engine.staging.objects, &path, file.size).await?.boxed());
    }
    let schema = schema_of(&engine.staging, file).await?;
    let whole = Arc::new(Whole { schema, staging: engine.staging.clone(), file: file.clone() });
    let sorted = sorted(engine, whole).await.map_err(external)?;
    Ok(sorted.map_err(external).boxed())
}

/// Whether each `_row_id` is greater than the one before it.
async fn is_in_order(staging: &Store, file: &StagedFile) -> Result<bool, ParquetError> {
    let path = staging.path(&file.path);
    let columns = [provenance::ROW_ID];
    let mut ids = object::read_columns(&staging.objects, &path, file.size, &columns).await?;
    let mut last = i64::MIN;
    while let Some(batch) = ids.try_next().await? {
        let Some(column) = batch.columns().first() else { return Ok(false) };
        for id in cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().values() {
            if *id <= last {
                return Ok(false);
            }
            last = *id;
        }
    }
    Ok(true)
}

async fn sorted(
    engine: &Engine,
    whole: Arc<Whole>,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let table = StreamingTable::try_new(Arc::clone(&whole.schema), vec![whole])?;
    let session = engine
        .session(Vec::new(), "staged", 1)
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    let by_row = vec![col(provenance::ROW_ID).sort(true, false)];
    session.read_table(Arc::new(table))?.sort(by_row)?.execute_stream().await
}

fn external(error: DataFusionError) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// A staged file as a table.
#[derive(Debug)]
struct Whole {
    schema: SchemaRef,
    staging: Store,
    file: StagedFile,
}

impl PartitionStream for Whole {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (staging, file) = (self.staging.clone(), self.file.clone());
        let opened = async move {
            let path = staging.path(&file.path);
            object::read(&staging.objects, &path, file.size).await
        };
        let rows = stream::once(opened)
            .try_flatten()
            .map_err(|error| DataFusionError::ParquetError(Box::new(error)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}
