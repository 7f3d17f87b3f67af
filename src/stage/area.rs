//! An **area** of staging belongs to one fingerprint: to some mirrors, some SQL, and one version of the program.

use std::collections::HashMap;

use datafusion::arrow::datatypes::Schema;
use object_store::path::Path;
use serde::Deserialize;

use super::{Error, Manifest, StagedFile};
use crate::domain::digest::Hasher;
use crate::mirror::Mirrored;
use crate::store::{Store, layout, object};
use crate::tables::Catalog;

/// The version of the manifest's own form.
pub(super) const MANIFEST_VERSION: u32 = 3;

/// The digest of this program's sources and the versions of all libraries, from the build script. The same SQL may
/// make other values from the same text if any of them changes.
const PROGRAM: &str = env!("BACKFILL_SOURCES");

/// The place of the staged files of one fingerprint.
#[derive(Clone, Debug)]
pub struct Area {
    staging: Store,
    dataset: String,
    fingerprint: String,
    sql_hash: String,
    /// Staged files that existed at the start, with their sizes.
    existing: HashMap<Path, u64>,
}

impl Area {
    /// Opens the area of a catalog's mirrors and SQL; `schema` is what `stage.sql` gives.
    ///
    /// # Errors
    /// [`Error::Staging`] if it cannot be listed.
    pub async fn open(catalog: &Catalog, schema: &Schema, staging: &Store) -> Result<Self, Error> {
        let dataset = catalog.dataset.name.clone();
        let sql_hash = catalog.sql.hash();
        let fingerprint = fingerprint(catalog, schema, &sql_hash);
        let folder = staging.path(&layout::staged(&dataset, &fingerprint));
        let existing = object::sizes(&staging.objects, &folder)
            .await
            .map_err(|source| Error::Staging { path: staging.key(&folder), source })?;
        Ok(Self { staging: staging.clone(), dataset, fingerprint, sql_hash, existing })
    }

    /// Returns the key of a mirror's staged file, and its size if it already exists.
    pub fn staged(&self, mirrored: &Mirrored) -> (String, Option<u64>) {
        let file = mirrored.path.filename().unwrap_or_default();
        let date = mirrored.file.date;
        let key = layout::staged_file(&self.dataset, &self.fingerprint, date, file);
        let size = self.existing.get(&self.staging.path(&key)).copied();
        (key, size)
    }

    /// Makes the manifest of some staged files, and sorts them.
    pub fn manifest(&self, mut files: Vec<StagedFile>) -> Manifest {
        files.sort_by(|a, b| (a.date, &a.key).cmp(&(b.date, &b.key)));
        Manifest {
            version: MANIFEST_VERSION,
            dataset: self.dataset.clone(),
            fingerprint: self.fingerprint.clone(),
            sql_hash: self.sql_hash.clone(),
            program: PROGRAM.to_owned(),
            written_at: chrono::Utc::now(),
            files,
        }
    }

    /// Writes the manifest of a batch, unless it is empty.
    ///
    /// # Errors
    /// [`Error::Manifest`].
    pub async fn write_batch(&self, manifest: &Manifest) -> Result<(), Error> {
        let Some(days) = manifest.days() else { return Ok(()) };
        let key = layout::batch_manifest(&self.dataset, &self.fingerprint, days);
        manifest.write(&self.staging, &key).await
    }

    /// Writes the manifest of the whole range.
    ///
    /// # Errors
    /// [`Error::Manifest`].
    pub async fn write_whole(&self, manifest: &Manifest) -> Result<(), Error> {
        manifest.write(&self.staging, &layout::manifest(&self.dataset, &self.fingerprint)).await
    }
}

/// What a manifest says about who made the staged rows.
#[derive(Deserialize)]
struct Maker {
    sql_hash: String,
    /// Empty if an older version of the program wrote the manifest.
    #[serde(default)]
    program: String,
}

/// Whether this version of the program made the rows of a manifest, with the SQL of this digest. If not, a run would
/// use another fingerprint today and never use these rows. The manifest is given as it was written.
pub fn is_of_today(manifest: &[u8], sql_hash: &str) -> bool {
    let maker = serde_json::from_slice::<Maker>(manifest);
    maker.is_ok_and(|maker| maker.program == PROGRAM && maker.sql_hash == sql_hash)
}

/// Returns the digest of everything that determines the staged rows and their values: the program, the SQL, the
/// columns that it reads and gives, and the mirrors.
fn fingerprint(catalog: &Catalog, schema: &Schema, sql_hash: &str) -> String {
    let mut hasher = Hasher::default();
    add(&mut hasher, PROGRAM);
    add(&mut hasher, sql_hash);
    for column in catalog.columns.iter() {
        add(&mut hasher, column);
    }
    add(&mut hasher, "staged");
    for field in schema.fields() {
        add(&mut hasher, field.name());
        add(&mut hasher, &field.data_type().to_string());
    }
    add(&mut hasher, "mirrors");
    for mirrored in &catalog.mirror.files {
        add(&mut hasher, mirrored.hash());
    }
    hasher.finish()
}

/// Adds a part with its length, so that no two lists of parts give the same digest.
fn add(hasher: &mut Hasher, part: &str) {
    hasher.add((part.len() as u64).to_le_bytes());
    hasher.add(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_of_today_if_program_and_sql_are() {
        let manifest = format!("{{\"sql_hash\": \"a\", \"program\": \"{PROGRAM}\"}}");
        assert!(is_of_today(manifest.as_bytes(), "a"));
        assert!(!is_of_today(manifest.as_bytes(), "b"));
        assert!(!is_of_today(b"{\"sql_hash\": \"a\"}", "a"), "an older program wrote it");
        assert!(!is_of_today(b"cut off", "a"));
    }

    #[test]
    fn parts_of_a_fingerprint_do_not_run_together() {
        let digests = [["ab", "c"], ["a", "bc"]].map(|parts| {
            let mut hasher = Hasher::default();
            for part in parts {
                add(&mut hasher, part);
            }
            hasher.finish()
        });
        assert_ne!(digests[0], digests[1]);
    }
}
