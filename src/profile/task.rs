//! To profile **one file**: read its mirror once, and keep what its values are like. A task says
//! everything that decides its result, so that any process with the staging store can do it.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::DataType;
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

/// Changes when a profile says other things of the same values, so that old ones are not used.
const PROFILE_VERSION: u32 = 6;

/// What the columns of a file may hold together before they look at it, in bytes.
const HELD_BYTES: usize = 64 << 20;
/// What one column may hold at least.
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
    /// The profiling of a mirror.
    pub fn of(dataset: &Dataset, file: &Mirrored) -> Self {
        let header = &file.note.summary.header;
        let columns: Vec<(String, bool)> =
            header.iter().map(|name| (name.clone(), dataset.is_personal(name))).collect();
        let personal = columns.iter().filter(|(_, is_personal)| *is_personal);
        let personal: Vec<&str> = personal.map(|(name, _)| name.as_str()).collect();
        let version = PROFILE_VERSION.to_string();
        let hash = digest::of([version.as_str(), file.hash(), &personal.join("\0")]);
        let (stem, date) = (file.file.stem(), file.file.date);
        let path = layout::profile(&dataset.name, date, &format!("{stem}-{hash}"));
        Self { mirror: file.path.clone(), size: file.size, date, columns, path }
    }

    /// Computes the profile, and keeps it.
    ///
    /// # Errors
    /// [`Error`]; nothing is kept then.
    pub async fn run(self, staging: &Store) -> Result<FileProfile, Error> {
        let mirror = staging.key(&self.mirror);
        let path = staging.path(&self.path);
        let task_staging = staging.clone();
        // A task of its own, so that files are looked at on all processors.
        let task = tokio::spawn(async move { self.compute(&task_staging).await });
        let computed = AbortOnDropHandle::new(task).await;
        let profile = computed.map_err(|_| Error::Cancelled { path: mirror.clone() })??;
        let text = serde_json::to_vec(&profile);
        let text = text.map_err(|source| Error::Json { path: mirror, source })?;
        let failed = |source| Error::Staging { path: staging.key(&path), source };
        staging.objects.put(&path, PutPayload::from(text)).await.map_err(failed)?;
        Ok(profile)
    }

    async fn compute(&self, staging: &Store) -> Result<FileProfile, Error> {
        let unreadable = |source| Error::Mirror { path: staging.key(&self.mirror), source };
        let sketch = |source| Error::Sketch { path: staging.key(&self.mirror), source };
        let budget = (HELD_BYTES / self.columns.len().max(1)).max(LEAST_HELD_BYTES);
        let mut columns: Vec<Column> = self
            .columns
            .iter()
            .map(|(name, is_personal)| Column::new(name, *is_personal, self.date, budget))
            .collect::<Result<_, _>>()
            .map_err(sketch)?;
        let batches = object::read(&staging.objects, &self.mirror, self.size).await;
        let mut batches = batches.map_err(unreadable)?;
        let mut rows = 0;
        let mut content = Rows::new(self.columns.iter().map(|(name, _)| name));
        while let Some(batch) = batches.try_next().await.map_err(unreadable)? {
            rows += batch.num_rows() as u64;
            content.add(&batch);
            for ((name, _), column) in self.columns.iter().zip(&mut columns) {
                let Some(values) = batch.column_by_name(name) else { continue };
                match values.data_type() {
                    DataType::Utf8 => column.add(values.as_string::<i32>().iter()),
                    DataType::Utf8View => column.add(values.as_string_view().iter()),
                    _ => {}
                }
            }
        }
        let columns = columns.into_iter().map(Column::finish).collect::<Result<_, _>>();
        let digest = content.finish();
        Ok(FileProfile { rows, columns: columns.map_err(sketch)?, digest })
    }
}
