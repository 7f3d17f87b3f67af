//! What a run would do with every file, before anything is read or written, and what it will come to.

use super::estimate::{Basis, Compute, Estimate, Room};
use crate::domain::Dataset;
use crate::error::Error;
use crate::project::Project;
use crate::sql::Sql;
use crate::state::{FileState, Files, Options, PinnedDataset, Plan};
use crate::target::Target;

/// A plan, and what it will come to.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What loading its files will come to.
    pub estimate: Estimate,
    /// The size of the database in bytes, if it is known.
    pub database: Option<u64>,
}

/// Says what a run would do, and writes nothing.
///
/// # Errors
/// [`Error`].
pub async fn plan(project: &Project, dataset: &Dataset, options: Options) -> Result<Plan, Error> {
    Ok(planned(project, dataset, options, None).await?.plan)
}

/// Says what a run would do and what it will come to, on a server of this compute size if it is given.
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
    let is_loaded = |file: &FileState| file.action.is_load();
    let basis = match files.to_load().next() {
        Some(_) => Basis::of(project, dataset, &sql, &files, target, is_loaded).await?,
        // What is there already tells how long its rows are.
        None => Basis::of(project, dataset, &sql, &files, target, |_| true).await?,
    };
    Ok(Planned {
        plan: files.plan_by(|file| basis.rows_of(file)),
        estimate: basis.estimate(files.to_load(), compute),
        database: basis.database_bytes(),
    })
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

/// Refuses to load what does not fit into the room that the configuration tells of.
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
    let is_loaded = |file: &FileState| file.action.is_load();
    let basis = Basis::of(project, dataset, sql, files, target.cloned(), is_loaded).await?;
    let growth = basis.estimate(files.to_load(), None).growth.value;
    match room.refuse(basis.database_bytes(), growth) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}
