//! What is **needed**: the mirrors that a run of today would use again, and with them what is made of them.

use std::collections::{HashMap, HashSet};

use object_store::path::Path;

use crate::domain::Dataset;
use crate::error::Error;
use crate::mirror;
use crate::project::Project;
use crate::source;
use crate::sql::Sql;

/// What runs of today would use, by dataset.
pub struct Needed {
    datasets: HashMap<String, NeededOfDataset>,
}

/// What runs of a dataset would use.
pub struct NeededOfDataset {
    /// Where the mirrors of all its source files lie, by today's dialect; `None` if the source has no file of
    /// it: that may be a slip, so that nothing follows from it.
    pub mirrors: Option<HashSet<Path>>,
    /// The digest of its SQL; `None` if it cannot be read.
    pub sql_hash: Option<String>,
}

impl Needed {
    /// Asks the source for every file of every dataset.
    ///
    /// # Errors
    /// [`Error::Source`] if it cannot be listed: then nothing is known to be of no use.
    pub async fn of(project: &Project) -> Result<Self, Error> {
        let mut datasets = HashMap::new();
        for dataset in &project.config.datasets {
            let mirrors = mirrors(project, dataset).await?;
            let mirrors = Some(mirrors).filter(|mirrors| !mirrors.is_empty());
            let sql_hash = Sql::read(dataset).ok().map(|sql| sql.hash());
            datasets.insert(dataset.name.clone(), NeededOfDataset { mirrors, sql_hash });
        }
        Ok(Self { datasets })
    }

    /// What runs of a dataset would use; `None` if it is not in the configuration.
    pub fn of_dataset(&self, dataset: &str) -> Option<&NeededOfDataset> {
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
