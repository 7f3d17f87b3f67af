//! Profiles are drawn from mirrors, several files at once, and kept beside them.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::parquet::errors::ParquetError;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};

use super::column::Column;
use super::{FileProfile, settle};
use crate::config::{Dataset, Limits};
use crate::file_date::FileDate;
use crate::mirror::{Mirror, Mirrored};
use crate::parquet;
use crate::progress::{Listener, Total};
use crate::source::Store;

/// Changes when a profile says other things of the same values, so that old ones are not used.
const PROFILE_VERSION: u32 = 3;
/// Kept profiles that are fetched at once.
const FETCHED_AT_ONCE: usize = 16;

/// What can go wrong while profiles are drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A mirror cannot be read.
    #[error("cannot read {path} in staging")]
    Mirror {
        /// The mirror.
        path: String,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// Profiles cannot be listed, read or written.
    #[error("cannot keep profiles at {path} in staging")]
    Staging {
        /// The object or prefix.
        path: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// The sketches refuse their work.
    #[error("cannot draw the profile of {path}")]
    Sketch {
        /// The mirror.
        path: String,
        /// Why.
        #[source]
        source: datasketches::error::Error,
    },
    /// The work was given up before it was done.
    #[error("drawing the profile of {path} was given up")]
    GivenUp {
        /// The mirror.
        path: String,
    },
}

impl Error {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Staging { source, .. } => Some(crate::source::store_hint(source)),
            Self::Mirror { .. } => Some(
                "remove the mirror that is named, and run again: it is then read anew".to_owned(),
            ),
            _ => None,
        }
    }
}

/// The profile of every file of a mirror, in its order; drawn where there is none yet. Days that are
/// unclear in one file are settled by the others.
///
/// # Errors
/// The first [`Error`]; profiles that are drawn by then are kept.
pub async fn profiles(
    staging: &Store,
    dataset: &Dataset,
    mirror: &Mirror,
    limits: Limits,
    progress: &Listener,
) -> Result<Vec<FileProfile>, Error> {
    let mut kept = kept(staging, dataset, mirror).await?;
    let to_draw: Vec<(usize, &Mirrored)> =
        mirror.files.iter().enumerate().filter(|(index, _)| kept[*index].is_none()).collect();
    let bytes = to_draw.iter().map(|(_, file)| file.size).sum();
    progress.begin("profile", Total { files: to_draw.len() as u64, bytes });
    let drawing = to_draw.into_iter().map(|(index, file)| {
        async move {
            let profile = draw_and_keep(staging, dataset, file).await?;
            progress.advance(1, file.size, profile.rows);
            Ok((index, profile))
        }
        .boxed()
    });
    let drawn: Result<Vec<_>, Error> = stream::iter(drawing.collect::<Vec<_>>())
        .buffer_unordered(limits.files_at_once)
        .try_collect()
        .await;
    progress.end();
    for (index, profile) in drawn? {
        kept[index] = Some(profile);
    }
    let mut profiles: Vec<FileProfile> = kept.into_iter().flatten().collect();
    settle(&mut profiles.iter_mut().collect::<Vec<_>>());
    Ok(profiles)
}

/// The profiles that are there already; nothing for the others.
async fn kept(
    staging: &Store,
    dataset: &Dataset,
    mirror: &Mirror,
) -> Result<Vec<Option<FileProfile>>, Error> {
    let key = format!("profiles/{}", dataset.name);
    let failed = |path: String| move |source| Error::Staging { path, source };
    let there: HashMap<Path, u64> = parquet::sizes(&staging.objects, &staging.path(&key))
        .await
        .map_err(failed(staging.display(&key)))?;
    let fetching = mirror.files.iter().map(|file| {
        let path = path(staging, dataset, file);
        let is_there = there.contains_key(&path);
        async move {
            if !is_there {
                return Ok(None);
            }
            let failed = |source| Error::Staging { path: staging.key(&path), source };
            let bytes = staging.objects.get(&path).await.map_err(failed)?;
            let bytes = bytes.bytes().await.map_err(failed)?;
            // One that is not understood is drawn anew.
            Ok(serde_json::from_slice(&bytes).ok())
        }
        .boxed()
    });
    stream::iter(fetching.collect::<Vec<_>>()).buffered(FETCHED_AT_ONCE).try_collect().await
}

async fn draw_and_keep(
    staging: &Store,
    dataset: &Dataset,
    file: &Mirrored,
) -> Result<FileProfile, Error> {
    let columns: Vec<(String, bool)> = file
        .note
        .summary
        .header
        .iter()
        .map(|name| (name.clone(), dataset.is_personal(name)))
        .collect();
    let (task_staging, mirror, size) = (staging.clone(), file.path.clone(), file.size);
    let date = file.file.date;
    // A task of its own, so that files are looked at on all processors.
    let drawn =
        tokio::spawn(async move { draw(&task_staging, &mirror, size, &columns, date).await });
    let given_up = |_| Error::GivenUp { path: staging.key(&file.path) };
    let profile = drawn.await.map_err(given_up)??;
    let path = path(staging, dataset, file);
    let text = serde_json::to_vec(&profile).unwrap_or_default();
    let failed = |source| Error::Staging { path: staging.key(&path), source };
    staging.objects.put(&path, PutPayload::from(text)).await.map_err(failed)?;
    Ok(profile)
}

async fn draw(
    staging: &Store,
    mirror: &Path,
    size: u64,
    names: &[(String, bool)],
    date: FileDate,
) -> Result<FileProfile, Error> {
    let unreadable = |source| Error::Mirror { path: staging.key(mirror), source };
    let sketch = |source| Error::Sketch { path: staging.key(mirror), source };
    let mut columns: Vec<Column> = names
        .iter()
        .map(|(name, is_personal)| Column::new(name, *is_personal, date))
        .collect::<Result<_, _>>()
        .map_err(sketch)?;
    let objects = Arc::clone(&staging.objects);
    let mut batches = parquet::read(&objects, mirror, size).await.map_err(unreadable)?;
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await.map_err(unreadable)? {
        rows += batch.num_rows() as u64;
        for ((name, _), column) in names.iter().zip(&mut columns) {
            let Some(values) = batch.column_by_name(name) else { continue };
            match values.data_type() {
                DataType::Utf8 => column.add(values.as_string::<i32>().iter().flatten()),
                DataType::Utf8View => column.add(values.as_string_view().iter().flatten()),
                _ => {}
            }
        }
    }
    let columns = columns.into_iter().map(Column::finish).collect::<Result<_, _>>();
    Ok(FileProfile { rows, columns: columns.map_err(sketch)? })
}

/// Where the profile of a mirror is kept.
fn path(staging: &Store, dataset: &Dataset, file: &Mirrored) -> Path {
    let personal = file.note.summary.header.iter().filter(|name| dataset.is_personal(name));
    let personal: Vec<&str> = personal.map(String::as_str).collect();
    let parts = [PROFILE_VERSION.to_string(), file.hash().to_owned(), personal.join("\0")];
    let digest = Sha256::digest(parts.join("\0"));
    let hash: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    staging.path(&format!(
        "profiles/{}/_file_date={}/{}-{hash}.json",
        dataset.name,
        file.file.date,
        file.file.stem()
    ))
}
