//! The **listing** of a prefix names every object below it. An object that cannot be read by its key is set
//! aside with the reason, and all others are listed.

use std::path::Path as FilePath;

use futures::TryStreamExt;
use object_store::ObjectMeta;

use super::folder;
use super::place::Store;
use super::unusable::{Unusable, collecting};

/// Every object below a prefix.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// Those that can be read.
    pub objects: Vec<ObjectMeta>,
    /// Those that cannot be read by their keys.
    pub unusable: Vec<Unusable>,
}

impl Store {
    /// Lists a prefix; keys are without the prefix of the place.
    ///
    /// # Errors
    /// If the store cannot be listed.
    pub async fn list(&self, prefix: &str) -> object_store::Result<Listed> {
        let below = self.path(prefix);
        if let Some(root) = self.folder() {
            let root = root.to_owned();
            let below = FilePath::new("/").join(below.as_ref());
            let listing = tokio::task::spawn_blocking(move || folder::list(&root, &below)).await;
            let (objects, unusable) =
                listing.map_err(|source| object_store::Error::JoinError { source })??;
            return Ok(Listed { objects, unusable });
        }
        let (objects, mut unusable) =
            collecting(self.objects.list(Some(&below)).try_collect::<Vec<_>>()).await;
        for object in &mut unusable {
            object.key = self.key_below(&object.key);
        }
        Ok(Listed { objects: objects?, unusable })
    }
}
