//! To **keep** profiles: they are computed from mirrors, several files at once, and stored in staging.

use std::collections::HashMap;

use datafusion::parquet::errors::ParquetError;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::{FileProfile, Task, settle};
use crate::domain::{Dataset, ErrorKind, Explain, Limits};
use crate::mirror::Mirror;
use crate::progress::{Listener, Total};
use crate::store::{self, Store, layout, object};

/// How many stored profiles are fetched at once.
const FETCHED_AT_ONCE: usize = 16;

/// What can go wrong while profiles are computed.
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
    #[error("cannot write profiles to {path} in staging")]
    Staging {
        /// The object or prefix.
        path: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// A sketch fails.
    #[error("cannot compute the profile of {path}")]
    Sketch {
        /// The mirror.
        path: String,
        /// Why.
        #[source]
        source: datasketches::error::Error,
    },
    /// A profile cannot be written as JSON.
    #[error("the profile of {path} cannot be written as JSON")]
    Json {
        /// The mirror.
        path: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The work was cancelled before it was done.
    #[error("computing the profile of {path} was cancelled")]
    Cancelled {
        /// The mirror.
        path: String,
    },
}

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Mirror { source, .. } => store::kind_of_staging(source),
            Self::Staging { source, .. } => store::kind(source),
            Self::Sketch { .. } | Self::Json { .. } | Self::Cancelled { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Staging { source, .. } => Some(store::hint(source)),
            Self::Mirror { source, .. } => Some(match store::hint_of_staging(source) {
                Some(hint) => hint,
                None => {
                    "delete this mirror, and run again: it is then read again from the source file"
                        .to_owned()
                }
            }),
            Self::Sketch { .. } | Self::Json { .. } | Self::Cancelled { .. } => None,
        }
    }
}

/// Returns the profile of every file of a mirror, in the order of the files, and computes missing ones. A file whose
/// day/month order is ambiguous takes it from the other files.
///
/// # Errors
/// The first [`Error`]; profiles that are already computed are kept.
pub async fn profiles(
    staging: &Store,
    dataset: &Dataset,
    mirror: &Mirror,
    limits: Limits,
    progress: &Listener,
) -> Result<Vec<FileProfile>, Error> {
    let mut kept = kept(staging, dataset, mirror).await?;
    let mut tasks = Vec::new();
    for (index, file) in mirror.files.iter().enumerate().filter(|(index, _)| kept[*index].is_none())
    {
        tasks.push((index, Task::of(dataset, file)));
    }
    let bytes = tasks.iter().map(|(_, task)| task.size).sum();
    progress.begin("profile", Total { files: tasks.len() as u64, bytes });
    let running = tasks.into_iter().map(|(index, task)| {
        async move {
            let size = task.size;
            let profile = task.run(staging).await?;
            progress.advance(1, size, profile.rows);
            Ok((index, profile))
        }
        .boxed()
    });
    let computed: Result<Vec<_>, Error> = stream::iter(running.collect::<Vec<_>>())
        .buffer_unordered(limits.files_at_once)
        .try_collect()
        .await;
    progress.end();
    for (index, profile) in computed? {
        kept[index] = Some(profile);
    }
    let mut profiles: Vec<FileProfile> = kept.into_iter().flatten().collect();
    settle(&mut profiles.iter_mut().collect::<Vec<_>>());
    Ok(profiles)
}

/// Fetches the profiles that already exist; `None` for the others.
async fn kept(
    staging: &Store,
    dataset: &Dataset,
    mirror: &Mirror,
) -> Result<Vec<Option<FileProfile>>, Error> {
    let key = layout::profiles(&dataset.name);
    let existing: HashMap<Path, u64> =
        object::sizes(&staging.objects, &staging.path(&key))
            .await
            .map_err(|source| Error::Staging { path: staging.display(&key), source })?;
    let fetching = mirror.files.iter().map(|file| {
        let path = staging.path(&Task::of(dataset, file).path);
        fetch(staging, Some(path).filter(|path| existing.contains_key(path))).boxed()
    });
    stream::iter(fetching.collect::<Vec<_>>()).buffered(FETCHED_AT_ONCE).try_collect().await
}

/// Fetches a profile, if there is one. One that cannot be parsed is computed again.
async fn fetch(staging: &Store, path: Option<Path>) -> Result<Option<FileProfile>, Error> {
    let Some(path) = path else { return Ok(None) };
    let content = match staging.objects.get(&path).await {
        Ok(answer) => answer.bytes().await,
        Err(error) => Err(error),
    };
    match content {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(source) => Err(Error::Staging { path: staging.key(&path), source }),
    }
}
