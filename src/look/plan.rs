//! The **plan** of a run: what it would do with every file, before anything is read or written, and an estimate of
//! the rows, the time and the room that it needs.

use super::estimate::{Basis, Compute, Estimate, Room};
use crate::domain::Dataset;
use crate::error::Error;
use crate::project::Project;
use crate::sql::Sql;
use crate::state::{Files, Options, PinnedDataset, Plan};
use crate::target::Target;

/// A plan, and its estimate.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What loading its files will cost.
    pub estimate: Estimate,
    /// The size of the database in bytes, if it is known.
    pub database: Option<u64>,
}

/// Reports what a run would do, and writes nothing.
///
/// # Errors
/// [`Error`].
pub async fn plan(project: &Project, dataset: &Dataset, options: Options) -> Result<Plan, Error> {
    Ok(planned(project, dataset, options, None).await?.plan)
}

/// Reports what a run would do and an estimate of what it costs, on a server of this compute size if it is given.
/// Nothing is written.
///
/// # Errors
/// [`Error`].
pub async fn planned(
    project: &Project,
    dataset: &Dataset,
    options: Options,
    compute: Option<Compute>,
) -> Result<Planned, Error> {
    let sql = Sql::read(dataset)?;
    let listing = project.list(dataset, options.range).await?;
    project.warn_of_plain_names(dataset, &sql, &listing);
    let mut files =
        Files::listed(dataset, &listing, options.batch_days, options.policy(dataset, &sql));
    let target = match project.database {
        Some(_) => project.ask_target(dataset, &mut files).await?,
        None => None,
    };
    // If nothing is to be loaded, the estimate is based on the files that are loaded.
    let is_any_to_load = files.to_load().next().is_some();
    let basis = Basis::of(project, dataset, &sql, &files, target, |file| {
        file.action.is_load() || !is_any_to_load
    });
    let basis = basis.await?;
    Ok(Planned {
        plan: files.plan_by(|file| basis.rows_of(file)),
        estimate: basis.estimate(files.to_load(), compute),
        database: basis.database_bytes(),
    })
}

/// Returns what a run would do, to be kept in a file. Refuses what a run would refuse.
///
/// # Errors
/// [`NoDatabase`](crate::target::Error::NoDatabase) if no database is named, [`Refusal`](crate::state::Refusal), and the
/// errors of [`plan`].
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

/// Refuses to load what does not fit into the room that the configuration sets.
///
/// # Errors
/// [`Error::Refusal`] if it does not fit, and [`Error::Target`].
pub async fn refuse_what_does_not_fit(
    project: &Project,
    dataset: &Dataset,
    sql: &Sql,
    files: &Files,
    target: Option<&Target>,
) -> Result<(), Error> {
    let room = Room::of(project.config.limits, None);
    if room.is_unknown() {
        return Ok(());
    }
    let basis =
        Basis::of(project, dataset, sql, files, target.cloned(), |file| file.action.is_load());
    let basis = basis.await?;
    let growth = basis.estimate(files.to_load(), None).growth.value;
    match room.refuse(basis.database_bytes(), growth) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}
