//! The **task** of staging one file: it runs `stage.sql` over the survivors and writes the result. A task holds
//! everything that determines its result, so that any process with an engine over the same staging can do it.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::parquet::errors::ParquetError;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::StreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::survivors::{Seen, survivors_of};
use super::{Counts, Error, StagedFile, locate};
use crate::domain::{ErrorKind, Explain, RowSet, provenance};
use crate::engine::{self, Engine, plan_query};
use crate::failpoint;
use crate::mirror::Mirrored;
use crate::sql::{self, Query, row_dependence};
use crate::store::object::{self, ParquetWriter, blocking};

/// The staging of one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The dataset.
    pub dataset: String,
    /// The path of `stage.sql`, for messages.
    pub sql_path: PathBuf,
    /// Its text.
    pub sql: String,
    /// The columns of `source` in the whole range, in order.
    pub columns: Vec<String>,
    /// The mirror.
    pub mirrored: Mirrored,
    /// The rows that survive.
    pub survivors: RowSet,
    /// Where the result goes, below the staging URL.
    pub path: String,
    /// The size of the result of an earlier run, if it exists.
    pub existing: Option<u64>,
}

/// The note in the footer of a staged file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    survivors: String,
    counts: Counts,
}

/// The rows of a staged file, written and not yet visible.
struct Written {
    writer: ParquetWriter,
    rows: u64,
}

impl Task {
    /// Stages the file, unless the same is staged already.
    ///
    /// # Errors
    /// [`Error`]; nothing becomes visible then.
    pub async fn run(self, engine: &Engine) -> Result<StagedFile, Error> {
        let path = engine.staging.path(&self.path);
        let digest = self.survivors.digest();
        if let Some(size) = self.existing
            && let Some(note) = self.note(engine, &path, size).await?
            && note.survivors == digest
        {
            return Ok(self.staged(note.counts, size, digest));
        }
        failpoint::reach(failpoint::STAGE_BEGUN);
        let query = self.query()?;
        let written = match self.write(engine, &query, &path).await {
            Err(Error::Query { source, .. }) if source.kind() == ErrorKind::Refused => {
                return Err(self.failed_on_a_row(engine, &query, source).await);
            }
            written => written?,
        };
        let counts = self.counts(written.rows);
        let note = Note { survivors: digest.clone(), counts };
        failpoint::reach(failpoint::STAGE_BEFORE_VISIBLE);
        blocking(move || written.writer.finish(&note)).await.map_err(|e| self.unwritable(e))?;
        let head = engine.staging.objects.head(&path).await;
        let head = head.map_err(|source| Error::Staging { path: self.path.clone(), source })?;
        Ok(self.staged(counts, head.size, digest))
    }

    /// Reads the note of a staged file that already exists.
    async fn note(&self, engine: &Engine, path: &Path, size: u64) -> Result<Option<Note>, Error> {
        object::read_note(&engine.staging.objects, path, size)
            .await
            .map_err(|source| Error::Staging { path: self.path.clone(), source })
    }

    fn staged(&self, counts: Counts, size: u64, survivors: String) -> StagedFile {
        let file = &self.mirrored.file;
        StagedFile {
            file_name: file.name.clone(),
            key: file.key.clone(),
            date: file.date,
            identity: file.identity.clone(),
            path: self.path.clone(),
            size,
            counts,
            survivors,
        }
    }

    fn counts(&self, staged: u64) -> Counts {
        let summary = &self.mirrored.note.summary;
        Counts {
            records: summary.records,
            accepted: summary.accepted,
            rejected: summary.rejected,
            superseded: summary.accepted - self.survivors.count(),
            filtered: self.survivors.count() - staged,
            staged,
        }
    }

    fn query(&self) -> Result<Query, Error> {
        Query::parse(&self.sql_path, self.sql.clone()).map_err(|error| match error {
            sql::Error::Syntax { path, source } => {
                let source = datafusion::error::DataFusionError::External(source);
                self.failed(engine::Error::Plan { path, source: Box::new(source) })
            }
            // The same text was parsed before, so no other error can occur.
            _ => self.failed(engine::Error::Execution { kind: "stage.sql" }),
        })
    }

    async fn write(&self, engine: &Engine, query: &Query, path: &Path) -> Result<Written, Error> {
        let source = survivors_of(engine, &self.columns, &self.mirrored, &self.survivors)
            .map_err(|error| self.failed(engine::Error::execution(error)))?;
        let plan = plan_over(engine, &self.dataset, query, source).await?;
        let schema = Arc::new(plan.schema().as_arrow().clone());
        let mut seen = self.seen(query, &schema)?;
        let objects = Arc::clone(&engine.staging.objects);
        let mut writer = ParquetWriter::new(objects, path, schema);
        let mut rows = 0;
        let mut batches = plan
            .execute_stream()
            .await
            .map_err(|error| self.failed(engine::Error::execution(error)))?;
        while let Some(next) = batches.next().await {
            let batch = next.map_err(|error| self.failed(engine::Error::execution(error)))?;
            seen.take(&batch)?;
            rows += batch.num_rows() as u64;
            writer = blocking(move || writer.write(&batch).map(|()| writer))
                .await
                .map_err(|error| self.unwritable(error))?;
        }
        Ok(Written { writer, rows })
    }

    fn seen(&self, query: &Query, schema: &Schema) -> Result<Seen<'_>, Error> {
        let file = self.mirrored.file.name.as_str();
        Seen::new(&query.path, file, &self.survivors, schema).map_err(|error| self.failed(error))
    }

    /// Makes the error that names the row on which `stage.sql` fails, if it can be found.
    async fn failed_on_a_row(
        &self,
        engine: &Engine,
        query: &Query,
        source: engine::Error,
    ) -> Error {
        let rows: Vec<u64> = self.survivors.iter().collect();
        let found = locate::locate(&rows, async |some: &[u64]| {
            self.plan_of_rows(engine, query, some).await
        })
        .await;
        match found {
            Some(locate::Spot { row_id, column }) => Error::Row {
                path: query.path.display().to_string(),
                file: self.mirrored.file.name.clone(),
                row_id,
                column,
                source: Box::new(source),
            },
            None => self.failed(source),
        }
    }

    /// Plans `stage.sql` over some rows of the file; `None` if it cannot be planned.
    async fn plan_of_rows(
        &self,
        engine: &Engine,
        query: &Query,
        rows: &[u64],
    ) -> Option<DataFrame> {
        let mut set = RowSet::none(self.mirrored.note.summary.records);
        for row in rows {
            set.insert(*row);
        }
        let table = survivors_of(engine, &self.columns, &self.mirrored, &set).ok()?;
        let source = engine.session(Vec::new(), &self.dataset, 1).ok()?.read_table(table).ok()?;
        plan_over(engine, &self.dataset, query, locate::alone(source).ok()?).await.ok()
    }

    fn failed(&self, source: engine::Error) -> Error {
        Error::Query { what: self.mirrored.file.name.clone(), source }
    }

    fn unwritable(&self, source: ParquetError) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

/// Plans `stage.sql` over a table as `source`, read in one stream, so that its rows keep their order.
///
/// # Errors
/// [`Error::Query`] if it does not plan or does not say where a row came from, [`Error::NotRowWise`].
pub(super) async fn plan_over(
    engine: &Engine,
    dataset: &str,
    query: &Query,
    source: Arc<dyn TableProvider>,
) -> Result<DataFrame, Error> {
    let plan = plan_with_provenance(engine, dataset, query, source)
        .await
        .map_err(|source| Error::Query { what: dataset.to_owned(), source })?;
    match row_dependence(plan.logical_plan()) {
        None => Ok(plan),
        Some(what) => Err(Error::NotRowWise { path: query.path.display().to_string(), what }),
    }
}

/// Plans `stage.sql` and makes sure that it says where a row came from.
async fn plan_with_provenance(
    engine: &Engine,
    dataset: &str,
    query: &Query,
    source: Arc<dyn TableProvider>,
) -> Result<DataFrame, engine::Error> {
    let plan = plan_query(&session(engine, dataset, source)?, query).await?;
    for column in [provenance::FILE_NAME, provenance::ROW_ID] {
        if plan.schema().index_of_column_by_name(None, column).is_none() {
            return Err(engine::Error::MissingColumn { path: query.path.clone(), column });
        }
    }
    Ok(plan)
}

/// Makes a session with one table, `source`, in the dataset's schema.
fn session(
    engine: &Engine,
    dataset: &str,
    source: Arc<dyn TableProvider>,
) -> Result<SessionContext, engine::Error> {
    let schema = Arc::new(MemorySchemaProvider::new());
    schema.register_table("source".to_owned(), source).map_err(engine::Error::execution)?;
    let schemas: Vec<(String, Arc<dyn SchemaProvider>)> = vec![(dataset.to_owned(), schema)];
    engine.session(schemas, dataset, 1)
}
