//! All checks share **one read**: the mirrors are scanned once, with the columns that any check names,
//! and every batch goes to every check.
//!
//! A check that reads `source` more than once (a self-join, or `staged`) has to read alone: it may need the end of
//! one read before the start of the other, and batches would pile up meanwhile.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::engine;
use crate::sql::Query;
use crate::tables::Catalog;

/// How many batches may wait for a check.
const WAITING: usize = 4;

type Sent = Result<RecordBatch, DataFusionError>;

/// The batches of the one read, on their way to the checks.
#[derive(Default)]
pub(super) struct OneRead {
    readers: Vec<Reader>,
}

struct Reader {
    schema: SchemaRef,
    sender: mpsc::Sender<Sent>,
}

impl OneRead {
    /// Plans a query. If it reads `source` once, [`feed`](Self::feed) will feed it.
    ///
    /// # Errors
    /// [`engine::Error::Plan`], naming the file.
    pub(super) async fn plan(
        &mut self,
        catalog: &Catalog,
        query: &Query,
    ) -> Result<DataFrame, engine::Error> {
        let reads = catalog.reads(query).await?;
        if reads.scans != 1 || reads.columns.is_empty() {
            return catalog.plan_check(query).await;
        }
        let all = catalog.source_schema();
        let fields = all.fields().iter().filter(|field| reads.columns.contains(field.name()));
        let schema: SchemaRef = Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()));
        let (sender, receiver) = mpsc::channel(WAITING);
        let fed = Fed { schema: Arc::clone(&schema), receiver: Mutex::new(Some(receiver)) };
        let table = StreamingTable::try_new(Arc::clone(&schema), vec![Arc::new(fed)])
            .map_err(engine::Error::execution)?;
        let frame = catalog.plan_check_over(query, Arc::new(table)).await?;
        self.readers.push(Reader { schema, sender });
        Ok(frame)
    }

    /// Reads the mirrors once and hands every batch to every query that was planned.
    ///
    /// # Errors
    /// [`engine::Error`] if the mirrors cannot be read; the queries fail then, too.
    pub(super) async fn feed(self, catalog: &Catalog) -> Result<(), engine::Error> {
        if self.readers.is_empty() {
            return Ok(());
        }
        let names: BTreeSet<&str> = self
            .readers
            .iter()
            .flat_map(|reader| reader.schema.fields().iter().map(|field| field.name().as_str()))
            .collect();
        let names: Vec<&str> = names.into_iter().collect();
        let mut batches = catalog.scan(&names).await?;
        while let Some(next) = batches.next().await {
            match next {
                Ok(batch) => self.send(&batch).await,
                Err(error) => {
                    self.send_failure().await;
                    return Err(engine::Error::execution(error));
                }
            }
        }
        Ok(())
    }

    async fn send(&self, batch: &RecordBatch) {
        for reader in &self.readers {
            // A query with a LIMIT may have stopped reading.
            let _ = reader.sender.send(reader.take(batch)).await;
        }
    }

    async fn send_failure(&self) {
        for reader in &self.readers {
            let error = DataFusionError::External("the mirrors cannot be read".into());
            // A query that has ended needs no error.
            let _ = reader.sender.send(Err(error)).await;
        }
    }
}

impl Reader {
    /// Returns the reader's columns of a batch.
    fn take(&self, batch: &RecordBatch) -> Sent {
        let schema = batch.schema();
        let indices: Result<Vec<usize>, _> =
            self.schema.fields().iter().map(|field| schema.index_of(field.name())).collect();
        let columns = batch.project(&indices?)?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns.columns().to_vec())?)
    }
}

/// The rows that a query is fed with; they can be read once.
struct Fed {
    schema: SchemaRef,
    receiver: Mutex<Option<mpsc::Receiver<Sent>>>,
}

impl std::fmt::Debug for Fed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fed")
    }
}

impl PartitionStream for Fed {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let receiver = self.receiver.lock().ok().and_then(|mut receiver| receiver.take());
        let schema = Arc::clone(&self.schema);
        match receiver {
            Some(receiver) => {
                Box::pin(RecordBatchStreamAdapter::new(schema, ReceiverStream::new(receiver)))
            }
            None => {
                let error = DataFusionError::Internal("the rows were read already".to_owned());
                let failed = futures::stream::iter([Err(error)]);
                Box::pin(RecordBatchStreamAdapter::new(schema, failed))
            }
        }
    }
}
