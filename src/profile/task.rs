//! The **task** of profiling one file: it reads the mirror once, and stores the profile. A task holds everything that
//! determines its result, so that any process with the staging store can do it.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::parquet::errors::ParquetError;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use tokio_util::task::AbortOnDropHandle;

use super::column::Column;
use super::rows::Rows;
use super::{Error, FileProfile};
use crate::domain::{Dataset, FileDate, digest};
use crate::mirror::Mirrored;
use crate::store::{Store, layout, object, path_text};

/// To be raised when the same values give another profile, so that old profiles are not used.
const PROFILE_VERSION: u32 = 6;

/// The bytes that all columns of a file together may hold before they examine them.
const HELD_BYTES: usize = 64 << 20;
/// The bytes that one column may hold at least.
const LEAST_HELD_BYTES: usize = 16 << 10;

/// The profiling of one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The mirror.
    #[serde(with = "path_text")]
    pub mirror: Path,
    /// Its size in bytes.
    pub size: u64,
    /// The file date.
    pub date: FileDate,
    /// The columns, in the order of the header, and whether each is personal.
    pub columns: Vec<(String, bool)>,
    /// Where the profile goes, below the staging URL.
    pub path: String,
}

impl Task {
    /// Makes the task of profiling a mirror.
    pub fn of(dataset: &Dataset, file: &Mirrored) -> Self {
        let header = &file.note.summary.header;
        let columns: Vec<(String, bool)> =
            header.iter().map(|name| (name.clone(), dataset.is_personal(name))).collect();
        let personal: Vec<&str> = columns
            .iter()
            .filter(|(_, is_personal)| *is_personal)
            .map(|(name, _)| name.as_str())
            .collect();
        let version = PROFILE_VERSION.to_string();
        let hash = digest::of([version.as_str(), file.hash(), &personal.join("\0")]);
        let (stem, date) = (file.file.stem(), file.file.date);
        let path = layout::profile(&dataset.name, date, &format!("{stem}-{hash}"));
        Self { mirror: file.path.clone(), size: file.size, date, columns, path }
    }

    /// Computes the profile, and stores it.
    ///
    /// # Errors
    /// [`Error`]; nothing is stored then.
    pub async fn run(self, staging: &Store) -> Result<FileProfile, Error> {
        let mirror = staging.key(&self.mirror);
        let path = staging.path(&self.path);
        let task_staging = staging.clone();
        // A Tokio task of its own, so that all processors are used.
        let task = tokio::spawn(async move { self.compute(&task_staging).await });
        let computed = AbortOnDropHandle::new(task).await;
        let profile = computed.map_err(|_| Error::Cancelled { path: mirror.clone() })??;
        let text =
            serde_json::to_vec(&profile).map_err(|source| Error::Json { path: mirror, source })?;
        let stored = staging.objects.put(&path, PutPayload::from(text)).await;
        stored.map_err(|source| Error::Staging { path: staging.key(&path), source })?;
        Ok(profile)
    }

    async fn compute(&self, staging: &Store) -> Result<FileProfile, Error> {
        let path = staging.key(&self.mirror);
        let mut columns = match self.empty_columns() {
            Ok(columns) => columns,
            Err(source) => return Err(Error::Sketch { path, source }),
        };
        let mut content = Rows::new(self.columns.iter().map(|(name, _)| name));
        let rows = match self.read_into(staging, &mut columns, &mut content).await {
            Ok(rows) => rows,
            Err(source) => return Err(Error::Mirror { path, source }),
        };
        match columns.into_iter().map(Column::finish).collect() {
            Ok(columns) => Ok(FileProfile { rows, columns, digest: content.finish() }),
            Err(source) => Err(Error::Sketch { path, source }),
        }
    }

    fn empty_columns(&self) -> Result<Vec<Column>, datasketches::error::Error> {
        let budget = (HELD_BYTES / self.columns.len().max(1)).max(LEAST_HELD_BYTES);
        self.columns
            .iter()
            .map(|(name, is_personal)| Column::new(name, *is_personal, self.date, budget))
            .collect()
    }

    /// Reads the mirror into the columns and the digest of its rows; returns the number of rows.
    async fn read_into(
        &self,
        staging: &Store,
        columns: &mut [Column],
        content: &mut Rows,
    ) -> Result<u64, ParquetError> {
        let mut batches = object::read(&staging.objects, &self.mirror, self.size).await?;
        let mut rows = 0;
        while let Some(batch) = batches.try_next().await? {
            rows += batch.num_rows() as u64;
            content.add(&batch);
            for ((name, _), column) in self.columns.iter().zip(columns.iter_mut()) {
                let Some(values) = batch.column_by_name(name) else { continue };
                match values.data_type() {
                    DataType::Utf8 => column.add(values.as_string::<i32>().iter()),
                    DataType::Utf8View => column.add(values.as_string_view().iter()),
                    _ => {}
                }
            }
        }
        Ok(rows)
    }
}
