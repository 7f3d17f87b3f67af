//! What is **needed**: the mirrors that a run would use again today. What was made from them is needed, too.

use std::collections::{HashMap, HashSet};

use object_store::path::Path;

use crate::domain::Dataset;
use crate::error::Error;
use crate::mirror;
use crate::project::Project;
use crate::source;
use crate::sql::Sql;

/// What runs would use today, by dataset.
pub(super) struct Needed {
    pub(super) datasets: HashMap<String, NeededOfDataset>,
}

/// What runs of a dataset would use today.
pub(super) struct NeededOfDataset {
    /// The paths of the mirrors of all its source files, by today's dialect. `None` if the source has no file of
    /// the dataset: that may be a mistake, so nothing counts as outdated because of it.
    pub mirrors: Option<HashSet<Path>>,
    /// The digest of its SQL; `None` if it cannot be read.
    pub sql_hash: Option<String>,
}

impl Needed {
    /// Lists every file of every dataset in the source.
    ///
    /// # Errors
    /// [`Error::Source`] if the source cannot be listed: then it is not known what is outdated.
    pub(super) async fn of(project: &Project) -> Result<Self, Error> {
        let mut datasets = HashMap::new();
        for dataset in &project.config.datasets {
            let mirrors =
                Some(mirrors(project, dataset).await?).filter(|mirrors| !mirrors.is_empty());
            let sql_hash = Sql::read(dataset).ok().map(|sql| sql.hash());
            datasets.insert(dataset.name.clone(), NeededOfDataset { mirrors, sql_hash });
        }
        Ok(Self { datasets })
    }

    /// Returns what runs of a dataset would use; `None` if it is not in the configuration.
    pub(super) fn of_dataset(&self, dataset: &str) -> Option<&NeededOfDataset> {
        self.datasets.get(dataset)
    }
}

async fn mirrors(project: &Project, dataset: &Dataset) -> Result<HashSet<Path>, Error> {
    let mut mirrors = HashSet::new();
    for file in source::files(&project.source, dataset).await? {
        let (name, dialect) = (dataset.name.clone(), dataset.dialect.clone());
        let task = mirror::Task { dataset: name, dialect, file };
        mirrors.insert(task.paths(&project.staging)?.mirror);
    }
    Ok(mirrors)
}
