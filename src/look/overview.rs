//! An **overview** of a dataset for the report: its files, its drift, its checks and what is loaded.

use super::differences::{self, Depth, readable};
use super::drift::Drift;
use crate::check::Outcome;
use crate::domain::{Dataset, DateRange, DriftKinds, Notice};
use crate::error::Error;
use crate::project::Project;
use crate::source::{self, Listing};
use crate::sql::Sql;
use crate::state::{Accounting, Files, Policy};

/// Everything that can be found out about a dataset over a range without loading it.
pub struct Overview {
    /// The files, what a run would do with them, and what is loaded.
    pub files: Files,
    /// How format and content change.
    pub drift: Drift,
    /// What the checks find, or why they could not run.
    pub checks: Result<Vec<Outcome>, String>,
    /// The accounting of the files that are loaded; `None` without a database or a target.
    pub accounting: Option<Accounting>,
    /// What a person should know.
    pub notices: Vec<Notice>,
}

/// Draws up the overview of a dataset.
///
/// # Errors
/// [`Error`] if a store, the database or a mirror fails; checks that cannot run are part of the result.
pub async fn overview(
    project: &Project,
    dataset: &Dataset,
    range: DateRange,
    reference: Option<DateRange>,
) -> Result<Overview, Error> {
    let none = DriftKinds::default();
    let drift =
        differences::drift(project, dataset, range, Depth::Values, reference, &none).await?;
    let listing = source::survey(&project.source, dataset, range).await?;
    let sql = readable(dataset)?;
    let (files, accounting) = ask(project, dataset, sql.as_ref(), &listing).await?;
    let checks = check(project, dataset, sql, &drift, listing).await?;
    let notices = project.notices(dataset);
    Ok(Overview { files, drift, checks, accounting, notices })
}

/// The files with what the target holds of them, and the accounting of those that are loaded.
async fn ask(
    project: &Project,
    dataset: &Dataset,
    sql: Option<&Sql>,
    listing: &Listing,
) -> Result<(Files, Option<Accounting>), Error> {
    let policy = Policy { sql_hash: sql.map(Sql::hash).unwrap_or_default(), ..Policy::default() };
    let mut files = Files::listed(dataset, listing, 1, policy);
    if project.database.is_none() || sql.is_none() {
        return Ok((files, None));
    }
    let target = project.ask_target(dataset, &mut files).await?;
    if let Some(target) = &target {
        project.ask_every_file(dataset, target, &mut files).await?;
    }
    let accounting = target.map(|_| files.accounting_of_loaded());
    Ok((files, accounting))
}

/// What the checks find, or why they cannot run.
async fn check(
    project: &Project,
    dataset: &Dataset,
    sql: Option<Sql>,
    drift: &Drift,
    listing: Listing,
) -> Result<Result<Vec<Outcome>, String>, Error> {
    let Some(sql) = sql else { return Ok(Err("the dataset has no SQL yet".to_owned())) };
    if drift.is_unusable() {
        let why = "a run over these days would fail for these reasons";
        return Ok(Err(why.to_owned()));
    }
    if drift.files == 0 {
        return Ok(Ok(Vec::new()));
    }
    let mirror = project.mirror(dataset, listing).await?;
    let catalog = project.register(dataset, sql, mirror).await?;
    Ok(Ok(project.check(&catalog).await?))
}
