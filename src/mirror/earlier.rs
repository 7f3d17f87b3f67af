//! The rejects of **earlier** readings of a file: which of its records could not be read with another dialect.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::parquet::errors::ParquetError;
use futures::TryStreamExt;
use object_store::path::Path;

use super::{Error, Note};
use crate::domain::{Dataset, provenance};
use crate::source::SourceFile;
use crate::store::{Store, layout, object};

/// The records of a file that could not be read at one time.
#[derive(Clone, Debug)]
pub struct EarlierRejects {
    /// What was read then.
    pub note: Note,
    /// The numbers of the records.
    pub rows: Vec<u64>,
}

/// Reads the rejects of every reading of a file that staging still has: of any version of it, and with any dialect.
///
/// # Errors
/// [`Error`].
pub async fn earlier_rejects(
    staging: &Store,
    dataset: &Dataset,
    file: &SourceFile,
) -> Result<Vec<EarlierRejects>, Error> {
    let stem = format!("{}-", file.stem());
    let sample = layout::rejects_of(&dataset.name, file.date, "x");
    let folder = sample.rsplit_once('/').map_or(sample.as_str(), |(folder, _)| folder).to_owned();
    let sizes = object::sizes(&staging.objects, &staging.path(&folder)).await;
    let sizes = sizes.map_err(|source| Error::Staging { path: folder, source })?;
    let mut found = Vec::new();
    for (path, size) in sizes {
        let is_of_file = path.filename().is_some_and(|name| name.starts_with(&stem));
        if is_of_file && let Some(rejects) = read(staging, &path, size, &file.name).await? {
            found.push(rejects);
        }
    }
    Ok(found)
}

async fn read(
    staging: &Store,
    path: &Path,
    size: u64,
    file: &str,
) -> Result<Option<EarlierRejects>, Error> {
    let note: Option<Note> = object::read_note(&staging.objects, path, size)
        .await
        .map_err(|source| Error::Staging { path: staging.key(path), source })?;
    let Some(note) = note else { return Ok(None) };
    let rows = record_numbers(staging, path, size, file)
        .await
        .map_err(|source| Error::Rejects { path: staging.key(path), source })?;
    Ok(rows.map(|rows| EarlierRejects { note, rows }))
}

/// Reads the numbers of the records in an object of rejects; `None` if these belong to another file.
async fn record_numbers(
    staging: &Store,
    path: &Path,
    size: u64,
    file: &str,
) -> Result<Option<Vec<u64>>, ParquetError> {
    let columns = [provenance::FILE_NAME, provenance::ROW_ID];
    let mut batches = object::read_columns(&staging.objects, path, size, &columns).await?;
    let mut rows = Vec::new();
    while let Some(batch) = batches.try_next().await? {
        let names = batch.column_by_name(provenance::FILE_NAME);
        let names = names.and_then(|names| names.as_string_opt::<i32>());
        let ids = batch.column_by_name(provenance::ROW_ID);
        let ids = ids.and_then(|ids| ids.as_primitive_opt::<Int64Type>());
        let (Some(names), Some(ids)) = (names, ids) else { return Ok(None) };
        if names.iter().flatten().any(|name| name != file) {
            return Ok(None);
        }
        rows.extend(ids.iter().flatten().filter_map(|id| u64::try_from(id).ok()));
    }
    Ok(Some(rows))
}
