//! A **reference** is a single file that checks and queries can read as a table, beside the exports: a list of
//! countries, the customers of another system.

use std::path::Path;

use backfill_csv::Dialect;
use serde::Deserialize;

use super::file::Complaint;
use crate::store::Place;

/// A single file that is a table.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The name of the table.
    pub name: String,
    /// The folder or the bucket that the file is in.
    pub place: Place,
    /// Its key there.
    pub key: String,
    /// Its dialect, if it is CSV.
    pub dialect: Dialect,
}

/// A reference as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReferenceTable {
    path: String,
    #[serde(default)]
    csv: Dialect,
}

impl ReferenceTable {
    /// Returns what it means; a relative path is relative to `folder`. A file in one of `places` is read with the
    /// settings of that place, such as its region.
    pub(super) fn resolve(
        self,
        name: String,
        folder: &Path,
        places: [&Place; 2],
    ) -> Result<Reference, Complaint> {
        let section = format!("references.{name}");
        self.csv.validate().map_err(|error| (format!("{section}.csv"), error.to_string()))?;
        let dialect = self.csv;
        for place in places {
            if let Some(key) = self.path.strip_prefix(&format!("{place}/")) {
                return Ok(Reference { name, place: place.clone(), key: key.to_owned(), dialect });
            }
        }
        let (parent, key) = match self.path.rsplit_once('/') {
            Some(("", key)) => ("/", key),
            Some((parent, key)) => (parent, key),
            None => (".", self.path.as_str()),
        };
        if key.is_empty() {
            let reason = "a reference is a file, not a folder".to_owned();
            return Err((format!("{section}.path"), reason));
        }
        let place = Place::parse(parent, folder, Some(name.clone()))
            .map_err(|error| (format!("{section}.path"), error.to_string()))?;
        let key = key.to_owned();
        Ok(Reference { name, place, key, dialect })
    }
}
