//! The differences between the files of a range: of format, from their first bytes, and of content.

use super::drift::{self, Drift, Fit, Glimpses, content};
use crate::check;
use crate::domain::{Dataset, DateRange, USUAL_BATCH_DAYS};
use crate::error::Error;
use crate::mirror::{self, Mirror};
use crate::profile::{self, FileProfile};
use crate::project::Project;
use crate::source::{self, Listing, SourceFile};
use crate::sql::{self, Sql};

/// Says how the files of a range differ, from their first bytes, and what the SQL and the target make
/// of it. Nothing is written.
///
/// # Errors
/// [`Error`].
pub async fn drift(project: &Project, dataset: &Dataset, range: DateRange) -> Result<Drift, Error> {
    let (mut drift, _, glimpses) = look(project, dataset, range).await?;
    let over = drift::over_limit(dataset, range, &glimpses.read);
    drift.refusals.extend(over.iter().map(ToString::to_string));
    Ok(drift)
}

/// Says how the files of a range differ, from their first bytes and from their content, which is
/// compared with that of a reference: the newest epoch if none is named. Mirrors and profiles that are
/// missing are written to staging.
///
/// # Errors
/// [`Error`].
pub async fn deep_drift(
    project: &Project,
    dataset: &Dataset,
    range: DateRange,
    reference: Option<DateRange>,
) -> Result<Drift, Error> {
    let (mut drift, listing, glimpses) = look(project, dataset, range).await?;
    let is_named = reference.is_some();
    let reference = reference.or_else(|| content::newest_epoch(&drift.epochs));
    let Some(reference) = reference else { return Ok(drift) };
    let (mut files, mirror) = profiled(project, dataset, listing, &glimpses).await?;
    let rejects = mirror::rejected(&project.staging, &mirror).await?;
    let over = check::batches_over_limit(dataset, &mirror, USUAL_BATCH_DAYS);
    drift.refusals.extend(over.iter().map(ToString::to_string));
    let mut elsewhere = match range.covers(reference) {
        true => Vec::new(),
        false => {
            let listing = source::survey(&project.source, dataset, reference).await?;
            let glimpses = drift::look(&project.source, dataset, &listing).await?;
            profiled(project, dataset, listing, &glimpses).await?.0
        }
    };
    let all = files.iter_mut().chain(&mut elsewhere).map(|(_, profile)| profile);
    profile::settle(&mut all.collect::<Vec<_>>());
    let from = if elsewhere.is_empty() { &files } else { &elsewhere };
    let in_reference: Vec<content::Profiled<'_>> = from
        .iter()
        .filter(|(file, _)| reference.contains(file.date))
        .map(|(file, profile)| (file, profile))
        .collect();
    let files: Vec<content::Profiled<'_>> =
        files.iter().map(|(file, profile)| (file, profile)).collect();
    drift.proposal.extend(drift::propose_dates(&files));
    if in_reference.is_empty() {
        return Err(Error::Usage(format!(
            "the reference {reference} has no file that can be read under {}",
            dataset.prefix
        )));
    }
    drift.content = content::compare_content(&files, &in_reference, is_named, rejects);
    Ok(drift)
}

/// The formats of a range, with what they were read from.
async fn look(
    project: &Project,
    dataset: &Dataset,
    range: DateRange,
) -> Result<(Drift, Listing, Glimpses), Error> {
    let listing = source::survey(&project.source, dataset, range).await?;
    let glimpses = drift::look(&project.source, dataset, &listing).await?;
    let mut drift = drift::drift(dataset, &listing, &glimpses);
    project.warn_of_personal(dataset, drift.epochs.iter().flat_map(|epoch| epoch.names.iter()));
    if let Some(sql) = readable(dataset)?.filter(|_| !glimpses.read.is_empty()) {
        let headers = glimpses.read.iter().map(|file| (file.file.key.as_str(), &*file.names));
        if let Err(refusal) = check::refuse_not_exports(dataset, &sql, headers) {
            drift.refusals.push(refusal.to_string());
        }
        drift.fit = Some(fit(project, dataset, &sql, &drift).await?);
    }
    drift.proposal = drift::propose(&drift);
    Ok((drift, listing, glimpses))
}

/// What the SQL and the target make of the files.
async fn fit(project: &Project, dataset: &Dataset, sql: &Sql, drift: &Drift) -> Result<Fit, Error> {
    let (engine, progress) = (&project.engine, &project.progress);
    let (mut fit, catalog) =
        drift::fit(engine, dataset, sql, drift.range, &drift.epochs, progress).await?;
    if project.database.is_some() {
        let target = project.find_target(dataset).await?;
        fit.compare_with(&catalog, target.as_ref()).await;
    }
    Ok(fit)
}

/// The dataset's SQL; `None` if it has none yet.
///
/// # Errors
/// [`Error::Sql`] if it is wrong.
pub fn readable(dataset: &Dataset) -> Result<Option<Sql>, Error> {
    match Sql::read(dataset) {
        Ok(sql) => Ok(Some(sql)),
        Err(sql::Error::Unreadable { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The files of a listing that can be read, with their profiles, and their mirror.
async fn profiled(
    project: &Project,
    dataset: &Dataset,
    mut listing: Listing,
    glimpses: &Glimpses,
) -> Result<(Vec<(SourceFile, FileProfile)>, Mirror), Error> {
    listing.files = glimpses.read.iter().map(|glimpse| glimpse.file.clone()).collect();
    let mirror = project.mirror(dataset, listing).await?;
    let (staging, limits) = (&project.staging, project.config.limits);
    let profiles = profile::profiles(staging, dataset, &mirror, limits, &project.progress).await?;
    let files = mirror.files.iter().map(|mirrored| mirrored.file.clone());
    Ok((files.zip(profiles).collect(), mirror))
}
