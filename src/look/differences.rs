//! The **differences** between the files of a range: in their formats, from their first bytes, and in their contents.

use std::collections::HashSet;

use super::drift::content::{self, Profiled};
use super::drift::{self, Drift, Fit, Glimpse, Glimpses, Instance, Planner};
use crate::check;
use crate::domain::{Dataset, DateRange, DriftKind, DriftKinds, USUAL_BATCH_DAYS};
use crate::error::Error;
use crate::mirror::{self, Mirror};
use crate::profile::{self, FileProfile};
use crate::project::Project;
use crate::source::{self, Listing, SourceFile};
use crate::sql::{self, Present, Sql};

/// How much of the files is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Their first bytes. Nothing is written.
    FirstBytes,
    /// All records. Mirrors that are missing are written to staging.
    Records,
    /// All records, and what their values are like. Mirrors and profiles that are missing are written to staging.
    Values,
}

/// Reports how the files of a range differ, and whether the SQL and the target fit them. If kinds of drift are asked
/// for, every instance of them is listed, also in comparison with the files around the range. Values are compared with
/// those of a reference: the newest files with the same columns if none is named.
///
/// # Errors
/// [`Error`].
pub async fn drift(
    project: &Project,
    dataset: &Dataset,
    range: DateRange,
    depth: Depth,
    reference: Option<DateRange>,
    kinds: &DriftKinds,
) -> Result<Drift, Error> {
    let listing = source::survey(&project.source, dataset, range).await?;
    let mut looked = look(project, dataset, listing, kinds).await?;
    match depth {
        Depth::FirstBytes => {
            let over = drift::over_limit(dataset, range, &looked.glimpses.read);
            looked.drift.refusals.extend(over.iter().map(ToString::to_string));
        }
        Depth::Records => looked.read_records(project, dataset).await?,
        Depth::Values => looked.read_values(project, dataset, reference).await?,
    }
    if !kinds.is_empty() {
        looked.drift.instances = Some(looked.instances(dataset, kinds, None));
    }
    Ok(looked.drift)
}

/// Finds the drift that the dataset refuses, in files of a listing; only in those with these keys, if keys are given.
///
/// # Errors
/// [`Error`], also if one of the files cannot be looked at.
pub async fn refused_drift(
    project: &Project,
    dataset: &Dataset,
    listing: Listing,
    keys: Option<&HashSet<&str>>,
) -> Result<Vec<Instance>, Error> {
    let kinds = &dataset.refuse_drift;
    if kinds.is_empty() || listing.files.is_empty() {
        return Ok(Vec::new());
    }
    let mut looked = look(project, dataset, listing, kinds).await?;
    if let Some(unreadable) = looked.glimpses.unreadable.first() {
        let found = vec![unreadable.to_string()];
        return Err(check::Error::Drift { dataset: dataset.name.clone(), found }.into());
    }
    if kinds.any(DriftKind::needs_values) {
        looked.read_values(project, dataset, None).await?;
    } else if kinds.any(DriftKind::needs_records) {
        looked.read_records(project, dataset).await?;
    }
    Ok(looked.instances(dataset, kinds, keys))
}

/// Refuses drift that was found.
///
/// # Errors
/// [`check::Error::Drift`] if there is any.
pub fn refuse_drift(dataset: &str, instances: &[Instance]) -> Result<(), check::Error> {
    if instances.is_empty() {
        return Ok(());
    }
    let found = instances.iter().map(ToString::to_string).collect();
    Err(check::Error::Drift { dataset: dataset.to_owned(), found })
}

/// What was seen of the files of a range so far.
struct Looked {
    drift: Drift,
    listing: Listing,
    glimpses: Glimpses,
    /// The files around the range; empty unless something is compared with them.
    around: Vec<Glimpse>,
}

/// Looks at the first bytes of a listing's files, and of the files around them if some kinds of drift need those.
async fn look(
    project: &Project,
    dataset: &Dataset,
    listing: Listing,
    kinds: &DriftKinds,
) -> Result<Looked, Error> {
    let glimpses = drift::look(&project.source, dataset, &listing).await?;
    let around = match kinds.any(DriftKind::needs_files_around) {
        true => {
            let around = Listing::of_files(listing.range, listing.around.clone());
            drift::look(&project.source, dataset, &around).await?.read
        }
        false => Vec::new(),
    };
    let mut drift = drift::drift(dataset, &listing, &glimpses);
    project.warn_of_personal(dataset, drift.epochs.iter().flat_map(|epoch| epoch.names.iter()));
    if let Some(present) = Present::read(dataset)?.filter(|_| !glimpses.read.is_empty()) {
        let headers = glimpses.read.iter().map(|file| (file.file.key.as_str(), &*file.names));
        if let Err(refusal) = check::refuse_not_exports(dataset, &present.sql, headers) {
            drift.refusals.push(refusal.to_string());
        }
        drift.fit = Some(fit(project, dataset, &present, &drift).await?);
    }
    drift.proposal = drift::propose(&drift.epochs, drift.fit.as_ref());
    let mut looked = Looked { drift, listing, glimpses, around };
    if !looked.around.is_empty() {
        let same = drift::same::by_first_bytes(looked.with_around());
        looked.drift.replace_same(same);
        let far = drift::calendar::dates_far_away(looked.with_around());
        looked.drift.replace_dates_far_away(far, &looked.glimpses.read);
    }
    Ok(looked)
}

impl Looked {
    /// The files of the range and those around it, by file date, then key.
    fn with_around(&self) -> Vec<&Glimpse> {
        let mut all: Vec<&Glimpse> = self.glimpses.read.iter().chain(&self.around).collect();
        all.sort_by(|a, b| (a.file.date, &a.file.key).cmp(&(b.file.date, &b.file.key)));
        all
    }

    fn instances(
        &self,
        dataset: &Dataset,
        kinds: &DriftKinds,
        keys: Option<&HashSet<&str>>,
    ) -> Vec<Instance> {
        drift::instances(dataset, &self.drift, &self.glimpses.read, &self.around, kinds, keys)
    }

    /// Counts all rejects.
    async fn read_records(&mut self, project: &Project, dataset: &Dataset) -> Result<(), Error> {
        let mirror = project.mirror(dataset, self.readable_files()).await?;
        self.count_rejects(project, dataset, &mirror).await
    }

    async fn count_rejects(
        &mut self,
        project: &Project,
        dataset: &Dataset,
        mirror: &Mirror,
    ) -> Result<(), Error> {
        self.drift.rejects = mirror::rejected(&project.staging, mirror).await?;
        self.drift.are_all_read = true;
        let over = check::batches_over_limit(dataset, mirror, USUAL_BATCH_DAYS);
        self.drift.refusals.extend(over.iter().map(ToString::to_string));
        Ok(())
    }

    /// The listing with only the files that can be read.
    fn readable_files(&self) -> Listing {
        let files = self.glimpses.read.iter().map(|glimpse| glimpse.file.clone()).collect();
        Listing { files, ..self.listing.clone() }
    }

    /// Compares the values with those of a reference.
    async fn read_values(
        &mut self,
        project: &Project,
        dataset: &Dataset,
        reference: Option<DateRange>,
    ) -> Result<(), Error> {
        let is_named = reference.is_some();
        let compared_with = reference.or_else(|| content::default_reference(&self.with_around()));
        let Some(range) = compared_with else { return Ok(()) };
        let (mut files, mirror) = profiled(project, dataset, self.readable_files()).await?;
        self.count_rejects(project, dataset, &mirror).await?;
        let mut elsewhere = match self.listing.range.covers(range) {
            true => Vec::new(),
            false => profiled_in(project, dataset, range).await?,
        };
        let all = files.iter_mut().chain(&mut elsewhere).map(|(_, profile)| profile);
        profile::settle(&mut all.collect::<Vec<_>>());
        let files: Vec<Profiled<'_>> = files.iter().map(borrowed).collect();
        let elsewhere: Vec<Profiled<'_>> = elsewhere.iter().map(borrowed).collect();
        let from = if elsewhere.is_empty() { &files } else { &elsewhere };
        let reference = Reference {
            files: from.iter().filter(|(file, _)| range.contains(file.date)).copied().collect(),
            is_named,
        };
        if reference.files.is_empty() {
            return Err(Error::Usage(format!(
                "the reference {range} has no readable file under {}",
                dataset.prefix
            )));
        }
        self.compare_values(&files, &elsewhere, &reference);
        Ok(())
    }

    /// Compares the values of the range's files with those of a reference; `elsewhere` are other files that were read.
    fn compare_values(
        &mut self,
        files: &[Profiled<'_>],
        elsewhere: &[Profiled<'_>],
        reference: &Reference<'_>,
    ) {
        // The files of a reference that was named may be far away in time.
        let near = if reference.is_named { &[] } else { elsewhere };
        let outside = near.iter().filter(|(file, _)| !self.listing.range.contains(file.date));
        let mut with_near: Vec<Profiled<'_>> = files.iter().chain(outside).copied().collect();
        with_near.sort_by(|(a, _), (b, _)| (a.date, &a.key).cmp(&(b.date, &b.key)));
        self.drift.proposal.extend(drift::propose_dates(files));
        self.drift.replace_by_rows(&with_near);
        let rejects = self.drift.rejects.clone();
        let Reference { files: expected, is_named } = reference;
        self.drift.content = content::compare_content(files, expected, *is_named, rejects);
        if let Some(content) = &mut self.drift.content {
            content.contradictions = drift::contradictions(&with_near);
        }
    }
}

/// The files that values are compared with.
struct Reference<'a> {
    files: Vec<Profiled<'a>>,
    /// Whether a person named them.
    is_named: bool,
}

/// The files of other days that can be read, with their profiles.
async fn profiled_in(
    project: &Project,
    dataset: &Dataset,
    range: DateRange,
) -> Result<Vec<(SourceFile, FileProfile)>, Error> {
    let mut listing = source::survey(&project.source, dataset, range).await?;
    let glimpses = drift::look(&project.source, dataset, &listing).await?;
    listing.files = glimpses.read.into_iter().map(|glimpse| glimpse.file).collect();
    Ok(profiled(project, dataset, listing).await?.0)
}

fn borrowed((file, profile): &(SourceFile, FileProfile)) -> Profiled<'_> {
    (file, profile)
}

/// Whether the SQL and the target fit the files.
async fn fit(
    project: &Project,
    dataset: &Dataset,
    present: &Present,
    drift: &Drift,
) -> Result<Fit, Error> {
    let planner =
        Planner { engine: &project.engine, config: &project.config, progress: &project.progress };
    let (mut fit, catalog) =
        drift::fit(&planner, dataset, &present.sql, drift.range, &drift.epochs).await?;
    fit.leave_out(&present.absent);
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
pub(super) fn readable(dataset: &Dataset) -> Result<Option<Sql>, Error> {
    match Sql::read(dataset) {
        Ok(sql) => Ok(Some(sql)),
        Err(sql::Error::Unreadable { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The files of a listing with their profiles, and their mirror.
async fn profiled(
    project: &Project,
    dataset: &Dataset,
    listing: Listing,
) -> Result<(Vec<(SourceFile, FileProfile)>, Mirror), Error> {
    let mirror = project.mirror(dataset, listing).await?;
    let (staging, limits) = (&project.staging, project.config.limits);
    let profiles = profile::profiles(staging, dataset, &mirror, limits, &project.progress).await?;
    let files = mirror.files.iter().map(|mirrored| mirrored.file.clone());
    Ok((files.zip(profiles).collect(), mirror))
}
