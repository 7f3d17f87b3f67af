//! A **trial** measures on the server what sampled rows take: they are inserted into a copy of the target, in a
//! transaction that is rolled back.

use tokio_postgres::Client;

use super::growth::Staged;
use crate::domain::Dataset;
use crate::project::Project;
use crate::sql::Sql;
use crate::target::Target;
use crate::target::sizes::{Trial, TrialRows};

/// Inserts the sampled rows into a copy of the target, in a transaction that is rolled back. Returns `None` if the
/// server does not allow it; then the rows are weighed here. A copy is not created if other tables would be locked
/// for it.
pub(super) async fn of(
    project: &Project,
    dataset: &Dataset,
    sql: &Sql,
    target: Option<&Target>,
    staged: Option<&Staged>,
) -> Option<Trial> {
    let database = project.database.as_ref()?;
    let batches = staged.map(|staged| staged.batches.as_slice())?;
    let is_locking = target.is_none() && !sql.contract.references.is_empty();
    if is_locking || batches.is_empty() || target.is_some_and(Target::is_view) {
        return None;
    }
    let stage = sql.stage.path.display().to_string();
    let (contract, constants) = (&sql.contract, &dataset.constants);
    let rows = TrialRows { batches, contract, constants, stage: &stage };
    let tried = database.rehearsal(async |client: &Client| {
        // If the server refuses, the rows are weighed here instead. So it is not tried again.
        Ok(rows.run(client, &dataset.table, target).await)
    });
    match tried.await {
        Ok(Ok(trial)) => trial,
        Ok(Err(error)) | Err(error) => {
            tracing::debug!("{error}: the size of rows is estimated from their types");
            None
        }
    }
}
