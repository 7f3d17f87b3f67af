//! What staging **keeps** of earlier runs: the staged files that its manifests name and that are still
//! there, whatever SQL they were made with.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::area::MANIFEST_VERSION;
use super::{Error, Manifest, StagedFile};
use crate::store::{Store, layout, object};

/// The staged files of a dataset that are still there, by the name of their source file.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    files: HashMap<String, Vec<KeptFile>>,
}

/// A staged file that is still there.
#[derive(Clone, Debug)]
pub struct KeptFile {
    /// The file.
    pub staged: StagedFile,
    /// What identifies its inputs and its SQL.
    pub fingerprint: String,
    /// What identifies its SQL.
    pub sql_hash: String,
}

/// How many manifests are read at once.
const AT_ONCE: usize = 16;

impl Kept {
    /// Looks for the staged files of a dataset. A manifest that cannot be understood names none.
    ///
    /// # Errors
    /// [`Error::Staging`].
    pub async fn find(staging: &Store, dataset: &str) -> Result<Self, Error> {
        let folder = staging.path(&layout::staged_of(dataset));
        let failed = |path: &Path| {
            let path = staging.key(path);
            move |source| Error::Staging { path, source }
        };
        let sizes = object::sizes(&staging.objects, &folder).await.map_err(failed(&folder))?;
        let is_manifest = |path: &&Path| path.as_ref().ends_with(".json");
        let paths: Vec<Path> = sizes.keys().filter(is_manifest).cloned().collect();
        let mut manifests = stream::iter(paths)
            .map(|path| async move {
                let read = async { staging.objects.get(&path).await?.bytes().await };
                read.await.map_err(failed(&path))
            })
            .buffer_unordered(AT_ONCE);
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

    /// The first staged file of a source file that is the right one.
    pub fn of(&self, file_name: &str, is_it: impl Fn(&KeptFile) -> bool) -> Option<&KeptFile> {
        self.files.get(file_name)?.iter().find(|file| is_it(file))
    }
}
