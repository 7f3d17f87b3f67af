//! What staging has **kept** from earlier runs: the staged files that its manifests name and that still exist,
//! whatever SQL they were made with.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::area::MANIFEST_VERSION;
use super::{Error, Manifest, StagedFile};
use crate::store::{Store, layout, object};

/// The staged files of a dataset that still exist, by the name of their source file.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    files: HashMap<String, Vec<KeptFile>>,
}

/// A staged file that still exists.
#[derive(Clone, Debug)]
pub struct KeptFile {
    /// The file.
    pub staged: StagedFile,
    /// The fingerprint of its inputs and SQL.
    pub fingerprint: String,
    /// The digest of its SQL.
    pub sql_hash: String,
}

/// How many manifests are read at once.
const AT_ONCE: usize = 16;

impl Kept {
    /// Looks for the staged files of a dataset. A manifest that cannot be parsed is ignored.
    ///
    /// # Errors
    /// [`Error::Staging`].
    pub async fn find(staging: &Store, dataset: &str) -> Result<Self, Error> {
        let folder = staging.path(&layout::staged_of(dataset));
        let sizes = object::sizes(&staging.objects, &folder)
            .await
            .map_err(|source| Error::Staging { path: staging.key(&folder), source })?;
        let paths: Vec<Path> =
            sizes.keys().filter(|path| path.as_ref().ends_with(".json")).cloned().collect();
        let mut manifests =
            stream::iter(paths).map(|path| read(staging, path)).buffer_unordered(AT_ONCE);
        let mut kept = Self::default();
        let mut seen = HashSet::new();
        while let Some(text) = manifests.try_next().await? {
            let Ok(manifest) = serde_json::from_slice::<Manifest>(&text) else { continue };
            kept.add(manifest, |file| {
                sizes.get(&staging.path(&file.path)) == Some(&file.size)
                    && seen.insert(file.path.clone())
            });
        }
        Ok(kept)
    }

    fn add(&mut self, manifest: Manifest, mut is_new: impl FnMut(&StagedFile) -> bool) {
        if manifest.version != MANIFEST_VERSION {
            return;
        }
        for staged in manifest.files.into_iter().filter(|file| is_new(file)) {
            let (fingerprint, sql_hash) = (manifest.fingerprint.clone(), manifest.sql_hash.clone());
            let files = self.files.entry(staged.file_name.clone()).or_default();
            files.push(KeptFile { staged, fingerprint, sql_hash });
        }
    }

    /// Returns the first staged file of a source file that fits.
    pub fn of(&self, file_name: &str, fits: impl Fn(&KeptFile) -> bool) -> Option<&KeptFile> {
        self.files.get(file_name)?.iter().find(|file| fits(file))
    }
}

async fn read(staging: &Store, path: Path) -> Result<Bytes, Error> {
    let content = match staging.objects.get(&path).await {
        Ok(answer) => answer.bytes().await,
        Err(error) => Err(error),
    };
    content.map_err(|source| Error::Staging { path: staging.key(&path), source })
}
