//! To **locate** a failure is to find the row and the column on which `stage.sql` fails. The engine's own error names
//! neither, and its text may quote the value. The row is found by staging halves of the file again, and the column by
//! staging single columns of that row. This is done only when a run is about to fail anyway.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::DataFrame;
use futures::{TryStreamExt, stream};

use crate::domain::provenance;

/// Where `stage.sql` fails.
pub(super) struct Spot {
    /// The row of the source file.
    pub row_id: u64,
    /// The column that it gives; `None` if it fails in its WHERE.
    pub column: Option<String>,
}

/// Finds the first of a file's survivors on which `stage.sql` fails; `None` if it fails on no single row.
/// `plan_of` gives the plan of `stage.sql` over some of the rows.
pub(super) async fn locate(
    rows: &[u64],
    plan_of: impl AsyncFn(&[u64]) -> Option<DataFrame>,
) -> Option<Spot> {
    let (mut from, mut to) = (0, rows.len());
    while to - from > 1 {
        let middle = from + (to - from) / 2;
        if fails(plan_of(&rows[from..middle]).await?).await {
            to = middle;
        } else {
            from = middle;
        }
    }
    let all = plan_of(&rows[from..to]).await?;
    if !fails(all.clone()).await {
        return None;
    }
    // The file name is selected unchanged, so this can only fail because of a WHERE.
    if fails(all.clone().select_columns(&[provenance::FILE_NAME]).ok()?).await {
        return Some(Spot { row_id: rows[from], column: None });
    }
    let names: Vec<String> =
        all.schema().fields().iter().map(|field| field.name().clone()).collect();
    for name in names {
        if fails(all.clone().select_columns(&[&name]).ok()?).await {
            return Some(Spot { row_id: rows[from], column: Some(name) });
        }
    }
    None
}

async fn fails(rows: DataFrame) -> bool {
    match rows.execute_stream().await {
        Ok(batches) => batches.try_for_each(|_| async { Ok(()) }).await.is_err(),
        Err(_) => true,
    }
}

/// Returns rows as a table into which no condition is pushed down: it would be evaluated on the file's other rows,
/// too.
pub(super) fn alone(rows: DataFrame) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let schema = Arc::new(rows.schema().as_arrow().clone());
    let rows = Arc::new(Alone { schema: Arc::clone(&schema), rows });
    Ok(Arc::new(StreamingTable::try_new(schema, vec![rows])?))
}

#[derive(Debug)]
struct Alone {
    schema: SchemaRef,
    rows: DataFrame,
}

impl PartitionStream for Alone {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.clone();
        let batches = stream::once(async { rows.execute_stream().await }).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}
