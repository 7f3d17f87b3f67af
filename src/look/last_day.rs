//! The **last day** of a dataset is the newest file date that the target is known to have rows of.

use tokio_postgres::Client;

use crate::domain::{Dataset, FileDate};
use crate::error::Error;
use crate::project::Project;
use crate::target::ledger::{self, Origin};
use crate::target::{self, Target};

/// The last file date of a dataset that is loaded: by the ledger, and by the names of the files that the target's rows
/// are from, if dlt loads the table or the ledger has no day. `None` if nothing is loaded, or if the target does not
/// exist.
///
/// # Errors
/// [`Error::Target`].
pub async fn last_day(project: &Project, dataset: &Dataset) -> Result<Option<FileDate>, Error> {
    let prefix = project.source.file_name(&dataset.prefix);
    let origin = Origin { target: &dataset.table, dataset: &dataset.name, prefix: &prefix };
    let asked = project.database()?.session(async |client: &Client| {
        let Some(target) = Target::find(client, &dataset.table).await? else {
            return Ok((None, Vec::new()));
        };
        let recorded = ledger::last_day(client, origin).await?;
        let names = match recorded.is_none() || target.guest.dlt().is_some() {
            true => target::file_names(client, &target).await?,
            false => Vec::new(),
        };
        Ok((recorded, names))
    });
    let (recorded, names) = asked.await?;
    let dates = names.iter().filter_map(|name| date_of(dataset, &prefix, name));
    Ok(dates.chain(recorded).max())
}

/// The file date of a name that is one of the dataset's files.
fn date_of(dataset: &Dataset, prefix: &str, name: &str) -> Option<FileDate> {
    let key = name.strip_prefix(prefix)?;
    dataset.key.iter().find_map(|pattern| pattern.date_of(key))
}
