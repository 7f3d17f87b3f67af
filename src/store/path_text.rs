//! The **path of an object as text**, for serde.

use object_store::path::Path;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes a path as it is.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(path.as_ref())
}

/// Reads a path; what is not one is an error.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Path, D::Error> {
    let text = String::deserialize(deserializer)?;
    Path::parse(&text).map_err(serde::de::Error::custom)
}
