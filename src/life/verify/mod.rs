//! To **verify** is to count what the target holds, after a run or at any later time, and to store the accounting of
//! a run. A deep verification compares every cell.

pub(super) mod counts;
pub(super) mod deep;
pub(super) mod found;
mod left_out;
pub(super) mod verification;

pub use counts::verify_counts;
pub use deep::{DeepOptions, verify_deep};
pub use verification::{
    Cells, ChangedSince, ColumnCells, ComparedRows, UnclaimedRows, Verification,
    VerificationTotals, VerifiedFile,
};

use object_store::{ObjectStoreExt, PutPayload};
use tokio_postgres::Client;

use crate::domain::Dataset;
use crate::error::Error;
use crate::failpoint;
use crate::project::Project;
use crate::state::{Accounting, Files};
use crate::store::layout;
use crate::target::{self, Target, ledger};

/// Counts the rows of the target, and accounts for every file. [`Accounting::refuse`] then checks that it adds up.
///
/// # Errors
/// [`Error::Target`] if the target cannot be counted.
pub async fn verify(
    project: &Project,
    files: &mut Files,
    target: &Target,
) -> Result<Accounting, Error> {
    let names = files.names();
    let (counts, held) = project
        .database()?
        .session(async |client: &Client| {
            let counts = target::count_rows(client, target, &names).await?;
            Ok((counts, ledger::held(client, &target.table, &names).await?))
        })
        .await?;
    files.fill_counts(&counts, &held);
    failpoint::reach(failpoint::VERIFY_COUNTED);
    Ok(files.accounting())
}

/// Stores the accounting of a run in the ledger and in staging.
///
/// # Errors
/// [`Error::Target`], [`Error::Accounting`].
pub async fn store_accounting(
    project: &Project,
    dataset: &Dataset,
    accounting: &Accounting,
) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(accounting)
        .map_err(|source| Error::Json { what: "the accounting", source })?;
    let status = if accounting.refuse().is_ok() { "done" } else { "failed" };
    let (id, name) = (&project.id, &dataset.name);
    project
        .database()?
        .session(async |client: &Client| ledger::end_run(client, id, name, status, &text).await)
        .await?;
    let key = layout::accounting(id, name);
    let payload = PutPayload::from(text);
    let put = project.staging.objects.put(&project.staging.path(&key), payload).await;
    put.map_err(|source| Error::Accounting { path: project.staging.display(&key), source })?;
    failpoint::reach(failpoint::VERIFY_STORED);
    Ok(())
}
