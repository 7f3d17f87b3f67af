//! What a run would do with every file, before anything is read or written.

use object_store::{GetOptions, GetRange};

use crate::domain::Dataset;
use crate::error::Error;
use crate::project::Project;
use crate::source::Listing;
use crate::sql::Sql;
use crate::state::{Files, Options, PinnedDataset, Plan, USUAL_ROW_BYTES};
use crate::store::Store;

/// How much of a file is read to estimate how long its rows are.
const GLANCE_BYTES: u64 = 64 << 10;

/// Says what a run would do, and writes nothing.
///
/// # Errors
/// [`Error`].
pub async fn plan(project: &Project, dataset: &Dataset, options: Options) -> Result<Plan, Error> {
    let sql = Sql::read(dataset)?;
    let listing = project.list(dataset, options.range).await?;
    let mut files =
        Files::listed(dataset, &listing, options.batch_days, options.policy(dataset, &sql));
    if project.database.is_some() {
        project.ask_target(dataset, &mut files).await?;
    }
    Ok(files.plan(row_bytes(&project.source, &listing).await))
}

/// What a run would do, to be kept in a file. Refuses what a run would refuse.
///
/// # Errors
/// [`NoDatabase`](crate::target::Error::NoDatabase) if no database is named, [`Refusal`](crate::state::Refusal), and what [`plan`] says.
pub async fn pin(
    project: &Project,
    dataset: &Dataset,
    options: Options,
) -> Result<PinnedDataset, Error> {
    project.database()?;
    let sql = Sql::read(dataset)?;
    let listing = project.list(dataset, options.range).await?;
    let mut files =
        Files::listed(dataset, &listing, options.batch_days, options.policy(dataset, &sql));
    let target = project.ask_target(dataset, &mut files).await?;
    files.refuse()?;
    Ok(project.pin(dataset, &sql, target.as_ref(), &files))
}

/// How many bytes a row has, about, from the first bytes of the newest file.
async fn row_bytes(source: &Store, listing: &Listing) -> f64 {
    let Some(file) = listing.files.iter().rev().find(|file| file.identity.size > 0) else {
        return USUAL_ROW_BYTES;
    };
    let end = file.identity.size.min(GLANCE_BYTES);
    let options = GetOptions { range: Some(GetRange::Bounded(0..end)), ..GetOptions::default() };
    let bytes = match source.objects.get_opts(&file.location, options).await {
        Ok(answer) => answer.bytes().await.unwrap_or_default(),
        Err(_) => return USUAL_ROW_BYTES,
    };
    let header = memchr::memchr(b'\n', &bytes).map_or(0, |end| end + 1);
    let rows = memchr::memchr_iter(b'\n', &bytes[header..]).count();
    let is_plain = std::str::from_utf8(&bytes[..header]).is_ok() && rows > 0;
    if is_plain { (bytes.len() - header) as f64 / rows as f64 } else { USUAL_ROW_BYTES }
}
