//! The **area** of staging that belongs to one fingerprint: to some mirrors, some SQL, and one program.

use std::collections::HashMap;

use object_store::path::Path;
use serde::Deserialize;

use super::{Error, Manifest, StagedFile};
use crate::domain::digest::Hasher;
use crate::mirror::Mirrored;
use crate::store::{Store, layout, object};
use crate::tables::Catalog;

/// The version of the manifest's own form.
pub(super) const MANIFEST_VERSION: u32 = 3;

/// What decides the values that the same SQL makes of the same text: the sources of this program and the
/// versions of all libraries, as the build script found them.
const PROGRAM: &str = env!("BACKFILL_SOURCES");

/// Where the staged files of one fingerprint lie.
#[derive(Clone, Debug)]
pub struct Area {
    staging: Store,
    dataset: String,
    fingerprint: String,
    sql_hash: String,
    /// Staged files that were there at the start, with their sizes.
    existing: HashMap<Path, u64>,
}

impl Area {
    /// The area of a catalog's mirrors and SQL, whose `stage.sql` gives `schema`.
    ///
    /// # Errors
    /// [`Error::Staging`] if it cannot be listed.
    pub async fn open(
        catalog: &Catalog,
        schema: &datafusion::arrow::datatypes::Schema,
        staging: &Store,
    ) -> Result<Self, Error> {
        let dataset = catalog.dataset.name.clone();
        let sql_hash = catalog.sql.hash();
        let fingerprint = fingerprint(catalog, schema, &sql_hash);
        let folder = staging.path(&layout::staged(&dataset, &fingerprint));
        let existing = object::sizes(&staging.objects, &folder)
            .await
            .map_err(|source| Error::Staging { path: staging.key(&folder), source })?;
        Ok(Self { staging: staging.clone(), dataset, fingerprint, sql_hash, existing })
    }

    /// The key of a mirror's staged file, and its size if it is there already.
    pub fn staged(&self, mirrored: &Mirrored) -> (String, Option<u64>) {
        let file = mirrored.path.filename().unwrap_or_default();
        let date = mirrored.file.date;
        let key = layout::staged_file(&self.dataset, &self.fingerprint, date, file);
        let size = self.existing.get(&self.staging.path(&key)).copied();
        (key, size)
    }

    /// The manifest of some staged files, which are sorted here.
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

    /// Writes the manifest of a batch, unless it holds nothing.
    ///
    /// # Errors
    /// [`Error::Manifest`].
    pub async fn write_batch(&self, manifest: &Manifest) -> Result<(), Error> {
        let Some(days) = manifest.days() else { return Ok(()) };
        let key = layout::batch_manifest(&self.dataset, &self.fingerprint, days);
        manifest.write(&self.staging, &key).await
    }

    /// Writes the manifest of the whole.
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
    /// Older versions of the program did not say which they were.
    #[serde(default)]
    program: String,
}

/// Whether the rows of a manifest, given as it was written, were made by this program with the SQL of a digest:
/// if not, their area has another fingerprint than one of today, and no run will use it.
pub fn is_of_today(manifest: &[u8], sql_hash: &str) -> bool {
    let maker = serde_json::from_slice::<Maker>(manifest);
    maker.is_ok_and(|maker| maker.program == PROGRAM && maker.sql_hash == sql_hash)
}

/// The digest of everything that decides which rows are staged and what their values are: the program, the
/// SQL, the columns that it reads and gives, and the mirrors.
fn fingerprint(
    catalog: &Catalog,
    schema: &datafusion::arrow::datatypes::Schema,
    sql_hash: &str,
) -> String {
    let mut hasher = Hasher::default();
    let mut add = |part: &str| {
        hasher.add((part.len() as u64).to_le_bytes());
        hasher.add(part);
    };
    add(PROGRAM);
    add(sql_hash);
    for column in catalog.columns.iter() {
        add(column);
    }
    add("staged");
    for field in schema.fields() {
        add(field.name());
        add(&field.data_type().to_string());
    }
    add("mirrors");
    for mirrored in &catalog.mirror.files {
        add(mirrored.hash());
    }
    hasher.finish()
}
