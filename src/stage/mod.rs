//! **Staging** is the Parquet result of the SQL: exactly the rows to load.
//!
//! ```text
//! <staging>/staged/<dataset>/<fingerprint>/_file_date=2025-09-22/<stem>-<hash>.parquet
//! <staging>/staged/<dataset>/<fingerprint>/manifest_2025-09-22_2025-09-28.json
//! <staging>/staged/<dataset>/<fingerprint>/manifest.json
//! ```
//! A batch is loaded as soon as its manifest is written, while the next ones are staged; the manifest
//! of the whole is written last.
//!
//! The fingerprint covers the mirrors in range and the SQL, so that the same work done again finds
//! itself done, file by file, and any Parquet tool that reads the folder reads the rows to load.
//!
//! `stage.sql` is row-wise: names, casts, clean-up, and which rows to leave out. It is run for one
//! source file at a time, and a plan in which rows depend on each other is refused.

mod locate;
mod manifest;
mod survivors;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::MemTable;
use datafusion::parquet::errors::ParquetError;
use datafusion::prelude::DataFrame;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use manifest::{Counts, Manifest, StagedFile};
use survivors::{Seen, survivors_of};

use crate::catalog::{self, Catalog};
use crate::dedupe::{RowSet, Survivors};
use crate::failpoint;
use crate::mirror::Mirrored;
use crate::parquet::{self, ParquetWriter};
use crate::source::Store;

/// Changes when the same inputs and SQL give other staged files.
const STAGING_VERSION: u32 = 2;

/// What can go wrong while rows are staged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `stage.sql` does not plan, or fails.
    #[error("staging {what} failed")]
    Query {
        /// The dataset or the source file.
        what: String,
        /// Why.
        #[source]
        source: catalog::Error,
    },
    /// `stage.sql` fails on a row.
    #[error("{path} fails on row {row_id} of {file}{}", in_column(column.as_deref()))]
    Row {
        /// The SQL file.
        path: String,
        /// The source file.
        file: String,
        /// The row.
        row_id: u64,
        /// The column that it gives; nothing where it fails in its WHERE.
        column: Option<String>,
        /// Why.
        #[source]
        source: Box<catalog::Error>,
    },
    /// Rows depend on each other in `stage.sql`.
    #[error("{path} is not row-wise: it contains {what}")]
    NotRowWise {
        /// The SQL file.
        path: String,
        /// The part of the plan that is not.
        what: String,
    },
    /// `stage.sql` returns a row twice, or one that did not survive.
    #[error("{path} returns row {row_id} of {file} twice, or though it was superseded")]
    UnexpectedRow {
        /// The SQL file.
        path: String,
        /// The source file.
        file: String,
        /// The row.
        row_id: i64,
    },
    /// `stage.sql` changes `_file_name` or `_row_id`.
    #[error("{path} changes {column}, which says where a row came from")]
    ChangedProvenance {
        /// The SQL file.
        path: String,
        /// The column.
        column: &'static str,
    },
    /// A staged file cannot be written.
    #[error("cannot write {path} to staging")]
    Write {
        /// The object.
        path: String,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// The manifest cannot be written.
    #[error("cannot write {path} to staging")]
    Manifest {
        /// The object.
        path: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// Staging cannot be looked at.
    #[error("cannot read {path} in staging")]
    Staging {
        /// The object or prefix.
        path: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
}

fn in_column(column: Option<&str>) -> String {
    match column {
        Some(column) => format!(", in the column {column}"),
        None => ", in its WHERE".to_owned(),
    }
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Query { source, .. } => source.hint(),
            Self::Row { source, .. } => source.hint(),
            Self::NotRowWise { .. } => Some(
                "stage.sql is a SELECT of expressions FROM source with an optional WHERE; what \
                 compares rows belongs into dedupe.sql or a check"
                    .to_owned(),
            ),
            Self::UnexpectedRow { .. } | Self::ChangedProvenance { .. } => {
                Some("select _file_name and _row_id as they are, each row once".to_owned())
            }
            Self::Write { .. } => Some(
                "check that the staging area has room and may be written; run again: the files \
                 that are whole are kept"
                    .to_owned(),
            ),
            Self::Manifest { source, .. } | Self::Staging { source, .. } => {
                Some(crate::source::store_hint(source))
            }
        }
    }
}

/// What a staged file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    survivors: String,
    counts: Counts,
}

/// The columns that `stage.sql` gives, checked for what later steps need.
///
/// # Errors
/// [`Error::Query`] where it does not plan or lacks a column, [`Error::NotRowWise`].
pub async fn schema(catalog: &Catalog) -> Result<SchemaRef, Error> {
    let source = MemTable::try_new(catalog.source_schema(), vec![vec![]])
        .map_err(|error| failed(catalog, catalog::Error::execution(error)))?;
    let plan = plan(catalog, Arc::new(source)).await?;
    Ok(Arc::new(plan.schema().as_arrow().clone()))
}

/// Stages the `wanted` files of a batch, several at once, and writes the batch's manifest, unless it
/// holds none.
///
/// # Errors
/// The first [`Error`]; staged files that are whole by then are kept and used by the next run.
pub async fn stage(
    catalog: &Catalog,
    survivors: &Survivors,
    wanted: &[&Mirrored],
    staging: &Store,
    files_at_once: usize,
) -> Result<Manifest, Error> {
    let area = Area::new(catalog, staging);
    let existing = area.existing().await?;
    let files = stream::iter(wanted)
        .map(|mirrored| {
            let (area, existing) = (&area, &existing);
            async move {
                let none = RowSet::none(mirrored.note.summary.records);
                let rows = survivors.of(&mirrored.file.name).unwrap_or(&none);
                let staged = stage_file(catalog, mirrored, rows, area, existing).await?;
                failpoint::reach(failpoint::STAGE_FILE_DONE);
                Ok::<_, Error>(staged)
            }
        })
        .buffered(files_at_once)
        .try_collect()
        .await?;
    let manifest = area.manifest(catalog, files);
    failpoint::reach(failpoint::STAGE_BEFORE_MANIFEST);
    let Some((first, last)) = manifest.days() else { return Ok(manifest) };
    manifest.write(staging, &area.path(&format!("manifest_{first}_{last}.json"))).await?;
    failpoint::reach(failpoint::STAGE_MANIFEST_WRITTEN);
    Ok(manifest)
}

/// Writes the manifest of everything that was staged, from those of the batches.
///
/// # Errors
/// [`Error::Manifest`].
pub async fn conclude(
    catalog: &Catalog,
    batches: Vec<Manifest>,
    staging: &Store,
) -> Result<Manifest, Error> {
    let area = Area::new(catalog, staging);
    let mut files: Vec<StagedFile> = batches.into_iter().flat_map(|batch| batch.files).collect();
    files.sort_by(|a, b| (a.date, &a.key).cmp(&(b.date, &b.key)));
    let manifest = area.manifest(catalog, files);
    manifest.write(staging, &area.path("manifest.json")).await?;
    Ok(manifest)
}

/// Where the staged files of one fingerprint lie.
struct Area<'a> {
    staging: &'a Store,
    dataset: String,
    fingerprint: String,
}

impl<'a> Area<'a> {
    fn new(catalog: &Catalog, staging: &'a Store) -> Self {
        let mut hash = Sha256::new();
        hash.update(STAGING_VERSION.to_le_bytes());
        hash.update(catalog.sql.hash());
        for mirrored in &catalog.mirror.files {
            hash.update(mirrored.hash());
        }
        let fingerprint = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { staging, dataset: catalog.dataset.name.clone(), fingerprint }
    }

    fn manifest(&self, catalog: &Catalog, files: Vec<StagedFile>) -> Manifest {
        Manifest {
            version: STAGING_VERSION,
            dataset: self.dataset.clone(),
            fingerprint: self.fingerprint.clone(),
            sql_hash: catalog.sql.hash(),
            written_at: chrono::Utc::now(),
            files,
        }
    }

    fn path(&self, rest: &str) -> Path {
        self.staging.path(&format!("staged/{}/{}/{rest}", self.dataset, self.fingerprint))
    }

    fn path_of(&self, mirrored: &Mirrored) -> Path {
        let name = mirrored.path.filename().unwrap_or_default();
        self.path(&format!("_file_date={}/{name}", mirrored.file.date))
    }

    async fn existing(&self) -> Result<HashMap<Path, u64>, Error> {
        let path = self.path("");
        parquet::sizes(&self.staging.objects, &path)
            .await
            .map_err(|source| Error::Staging { path: self.staging.key(&path), source })
    }

    /// The note of a staged file that is there already.
    async fn note(&self, path: &Path, size: u64) -> Result<Option<Note>, Error> {
        parquet::read_note(&self.staging.objects, path, size)
            .await
            .map_err(|source| Error::Staging { path: self.staging.key(path), source })
    }
}

async fn stage_file(
    catalog: &Catalog,
    mirrored: &Mirrored,
    survivors: &RowSet,
    area: &Area<'_>,
    existing: &HashMap<Path, u64>,
) -> Result<StagedFile, Error> {
    let path = area.path_of(mirrored);
    let digest = survivors.digest();
    let staged = |counts, size| StagedFile {
        file_name: mirrored.file.name.clone(),
        key: mirrored.file.key.clone(),
        date: mirrored.file.date,
        identity: mirrored.file.identity(),
        path: area.staging.key(&path),
        size,
        counts,
        survivors: digest.clone(),
    };
    if let Some(size) = existing.get(&path)
        && let Some(note) = area.note(&path, *size).await?
        && note.survivors == digest
    {
        return Ok(staged(note.counts, *size));
    }
    failpoint::reach(failpoint::STAGE_BEGUN);
    let rows = match run(catalog, mirrored, survivors, area, &path).await {
        Err(Error::Query { source, .. }) if source.is_about_a_value() => {
            return Err(failed_on_a_row(catalog, mirrored, survivors, area, source).await);
        }
        rows => rows?,
    };
    let summary = &mirrored.note.summary;
    let counts = Counts {
        records: summary.records,
        accepted: summary.accepted,
        rejected: summary.rejected,
        superseded: summary.accepted - survivors.count(),
        filtered: survivors.count() - rows.count,
        staged: rows.count,
    };
    let note = Note { survivors: digest.clone(), counts };
    failpoint::reach(failpoint::STAGE_BEFORE_VISIBLE);
    let unwritable = |source| Error::Write { path: area.staging.key(&path), source };
    blocking(move || rows.writer.finish(&note)).await.map_err(unwritable)?;
    use object_store::ObjectStoreExt;
    let size = area.staging.objects.head(&path).await.map(|object| object.size);
    let size = size.map_err(|source| Error::Staging { path: area.staging.key(&path), source })?;
    Ok(staged(counts, size))
}

/// Says on which row `stage.sql` fails, where that can be found out.
async fn failed_on_a_row(
    catalog: &Catalog,
    mirrored: &Mirrored,
    survivors: &RowSet,
    area: &Area<'_>,
    source: catalog::Error,
) -> Error {
    let file = mirrored.file.name.clone();
    match locate::locate(catalog, mirrored, survivors, area.staging).await {
        Some(locate::Place { row_id, column }) => {
            let path = catalog.sql.stage.path.display().to_string();
            Error::Row { path, file, row_id, column, source: Box::new(source) }
        }
        None => Error::Query { what: file, source },
    }
}

/// The rows of a staged file, written and not yet visible.
struct Rows {
    writer: ParquetWriter,
    count: u64,
}

async fn run(
    catalog: &Catalog,
    mirrored: &Mirrored,
    survivors: &RowSet,
    area: &Area<'_>,
    path: &Path,
) -> Result<Rows, Error> {
    let source = survivors_of(catalog, mirrored, survivors, area.staging).await?;
    let plan = plan(catalog, source).await?;
    let engine = |error| Error::Query {
        what: mirrored.file.name.clone(),
        source: catalog::Error::execution(error),
    };
    let unwritable = |source| Error::Write { path: area.staging.key(path), source };
    let schema = Arc::new(plan.schema().as_arrow().clone());
    let mut seen = Seen::new(catalog, mirrored, survivors, &schema)?;
    let objects = Arc::clone(&area.staging.objects);
    let mut writer = ParquetWriter::new(objects, path, Arc::clone(&schema));
    let mut count = 0;
    let mut batches = plan.execute_stream().await.map_err(engine)?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(engine)?;
        seen.take(&batch)?;
        count += batch.num_rows() as u64;
        writer =
            blocking(move || writer.write(&batch).map(|()| writer)).await.map_err(unwritable)?;
    }
    Ok(Rows { writer, count })
}

async fn plan(
    catalog: &Catalog,
    source: Arc<dyn datafusion::catalog::TableProvider>,
) -> Result<DataFrame, Error> {
    let plan = catalog.plan_stage(source).await.map_err(|error| failed(catalog, error))?;
    let path = &catalog.sql.stage.path;
    for column in ["_file_name", "_row_id"] {
        if plan.schema().index_of_column_by_name(None, column).is_none() {
            let missing = catalog::Error::MissingColumn { path: path.clone(), column };
            return Err(failed(catalog, missing));
        }
    }
    match catalog::row_dependence(plan.logical_plan()) {
        None => Ok(plan),
        Some(what) => Err(Error::NotRowWise { path: path.display().to_string(), what }),
    }
}

fn failed(catalog: &Catalog, source: catalog::Error) -> Error {
    Error::Query { what: catalog.dataset.name.clone(), source }
}

/// Runs work that blocks where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ParquetError> + Send + 'static,
) -> Result<T, ParquetError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|join| Err(ParquetError::External(Box::new(join))))
}
