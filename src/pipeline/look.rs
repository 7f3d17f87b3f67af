//! What **looks** before anything is loaded: prefixes of the chain that write to no database.

use super::{
    Run, USUAL_BATCH_DAYS, Wishes, ask_target, headers, list, make_plan, mirror_files, register,
    warn_of_personal,
};
use crate::catalog::Catalog;
use crate::check::{self, Outcome};
use crate::config::Dataset;
use crate::drift::{self, Drift, Glimpses, content};
use crate::error::Error;
use crate::file_date::DateRange;
use crate::load::{Standing, Standings, Target};
use crate::mirror::{self, Mirror, Mirrored};
use crate::plan::{self, Plan};
use crate::profile::{self, FileProfile};
use crate::source::{self, Listing, SourceFile};
use crate::sql::{self, Sql};
use crate::verify::{self, Accounting, Evidence};

/// Says what [`run()`](super::run()) would do, and writes nothing.
///
/// # Errors
/// [`Error`].
pub async fn plan(run: &Run, dataset: &Dataset, wishes: Wishes) -> Result<Plan, Error> {
    let sql = Sql::read(dataset)?;
    let listing = list(run, dataset, wishes.range).await?;
    let standings = match run.database {
        Some(_) => Some(ask_target(run, dataset, &sql, &listing).await?.1),
        None => None,
    };
    let bytes_a_row = plan::bytes_a_row(&run.source, &listing).await;
    Ok(make_plan(dataset, wishes, &listing, standings.as_ref(), bytes_a_row))
}

/// Says how the files of a range differ, from their first bytes, and what the SQL and the target make
/// of it. Nothing is written.
///
/// # Errors
/// [`Error`].
pub async fn drift(run: &Run, dataset: &Dataset, range: DateRange) -> Result<Drift, Error> {
    Ok(look(run, dataset, range).await?.0)
}

/// Says how the files of a range differ, from their first bytes and from their content, which is held
/// against that of a reference: the newest epoch where none is named. Mirrors and profiles that are
/// missing are written to staging.
///
/// # Errors
/// [`Error`].
pub async fn deep_drift(
    run: &Run,
    dataset: &Dataset,
    range: DateRange,
    reference: Option<DateRange>,
) -> Result<Drift, Error> {
    let (mut drift, listing, glimpses) = look(run, dataset, range).await?;
    let is_named = reference.is_some();
    let reference = reference.or_else(|| content::newest_epoch(&drift.epochs));
    let Some(reference) = reference else { return Ok(drift) };
    let (mut files, mirror) = profiled(run, dataset, listing, &glimpses).await?;
    let rejects = mirror::rejected(&run.staging, &mirror).await?;
    let limit = dataset.max_rejects;
    for batch in mirror.files.chunk_by(|a, b| batch_of(range, a) == batch_of(range, b)) {
        let batch: Vec<&Mirrored> = batch.iter().collect();
        if let Err(refusal) = check::refuse_rejects(&dataset.name, limit, &batch) {
            drift.refusals.push(refusal.to_string());
        }
    }
    let mut elsewhere = match range.covers(reference) {
        true => Vec::new(),
        false => {
            let listing = source::survey(&run.source, dataset, reference).await?;
            let glimpses = drift::look(&run.source, dataset, &listing).await?;
            profiled(run, dataset, listing, &glimpses).await?.0
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
    if in_reference.is_empty() {
        return Err(Error::Usage(format!(
            "the reference {reference} has no file that can be read under {}",
            dataset.prefix
        )));
    }
    drift.content = content::compare_content(&files, &in_reference, is_named, rejects);
    Ok(drift)
}

/// The batch that a file falls into where a run is told nothing of batches.
fn batch_of(range: DateRange, file: &Mirrored) -> usize {
    range.batch_of(file.file.date, USUAL_BATCH_DAYS)
}

/// Everything that can be said of a dataset over a range without loading it.
pub struct Overview {
    /// What a run would do, and what is loaded.
    pub plan: Plan,
    /// How format and content change.
    pub drift: Drift,
    /// What the checks find, or why they could not run.
    pub checks: Result<Vec<Outcome>, String>,
    /// The accounting of the files that are loaded; nothing without a database or a target.
    pub accounting: Option<Accounting>,
}

/// Looks at a dataset from all sides.
///
/// # Errors
/// [`Error`] where a store, the database or a mirror fails; checks that cannot run are told of.
pub async fn overview(
    run: &Run,
    dataset: &Dataset,
    range: DateRange,
    reference: Option<DateRange>,
) -> Result<Overview, Error> {
    let drift = deep_drift(run, dataset, range, reference).await?;
    let listing = source::survey(&run.source, dataset, range).await?;
    let wishes = Wishes { range, batch_days: 1, connections: 1, reload: false, remove_gone: false };
    let mut accounting = None;
    let mut plan = make_plan(dataset, wishes, &listing, None, plan::USUAL_ROW_BYTES);
    if run.database.is_some()
        && let Some(sql) = readable(dataset)?
    {
        let (target, standings) = ask_target(run, dataset, &sql, &listing).await?;
        plan = make_plan(dataset, wishes, &listing, Some(&standings), plan::USUAL_ROW_BYTES);
        if let Some(target) = target {
            accounting = Some(account_for_loaded(run, &plan, standings, &target).await?);
        }
    }
    let checks = match readable(dataset)? {
        None => Err("the dataset has no SQL yet".to_owned()),
        Some(_) if drift.is_unusable() => {
            Err("a run over these days would fail, for the reasons given here".to_owned())
        }
        Some(sql) if drift.files > 0 => {
            let mirror = mirror_files(run, dataset, listing).await?;
            let catalog = register(run, dataset, sql, mirror).await?;
            Ok(check_all(run, &catalog).await?)
        }
        Some(_) => Ok(Vec::new()),
    };
    Ok(Overview { plan, drift, checks, accounting })
}

/// The dataset's SQL; nothing where it has none yet.
fn readable(dataset: &Dataset) -> Result<Option<Sql>, Error> {
    match Sql::read(dataset) {
        Ok(sql) => Ok(Some(sql)),
        Err(sql::Error::Unreadable { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The accounting of the files that are in the target.
async fn account_for_loaded(
    run: &Run,
    plan: &Plan,
    standings: Standings,
    target: &Target,
) -> Result<Accounting, Error> {
    let mut loaded = plan.clone();
    let is_there = |standing: &Standing| !matches!(standing, Standing::New);
    loaded.files = plan
        .files
        .iter()
        .zip(&standings.files)
        .filter(|(_, standing)| is_there(standing))
        .map(|(file, _)| file.clone())
        .collect();
    let standings =
        Standings { files: standings.files.into_iter().filter(is_there).collect(), ..standings };
    let evidence = Evidence {
        plan: &loaded,
        standings: &standings,
        mirror: None,
        manifest: None,
        loaded: &[],
    };
    Ok(verify::verify(&evidence, run.database()?, target).await?)
}

/// The formats of a range, with what they were read from.
async fn look(
    run: &Run,
    dataset: &Dataset,
    range: DateRange,
) -> Result<(Drift, Listing, Glimpses), Error> {
    let listing = source::survey(&run.source, dataset, range).await?;
    let glimpses = drift::look(&run.source, dataset, &listing).await?;
    let mut drift = drift::drift(dataset, &listing, &glimpses);
    warn_of_personal(run, dataset, drift.epochs.iter().flat_map(|epoch| &epoch.names));
    if let Some(sql) = readable(dataset)?.filter(|_| !glimpses.read.is_empty()) {
        let headers = drift::headers_only(&listing, &glimpses.read);
        let (mut fit, catalog) =
            drift::fit(&run.engine, dataset, &sql, &headers, &drift.epochs).await?;
        if let Some(database) = &run.database {
            let connection = database.connect().await?;
            let target = Target::find(&connection.client, &dataset.table).await;
            connection.close().await;
            fit.hold_against(&catalog, target?.as_ref()).await;
        }
        drift.fit = Some(fit);
    }
    drift.proposal = drift::propose(&drift);
    Ok((drift, listing, glimpses))
}

/// The files of a listing that can be read, with their profiles, and their mirror.
async fn profiled(
    run: &Run,
    dataset: &Dataset,
    mut listing: Listing,
    glimpses: &Glimpses,
) -> Result<(Vec<(SourceFile, FileProfile)>, Mirror), Error> {
    listing.files = glimpses.read.iter().map(|glimpse| glimpse.file.clone()).collect();
    let mirror = mirror_files(run, dataset, listing).await?;
    let (staging, limits) = (&run.staging, run.config.limits);
    let profiles = profile::profiles(staging, dataset, &mirror, limits, &run.progress).await?;
    let files = mirror.files.iter().map(|mirrored| mirrored.file.clone());
    Ok((files.zip(profiles).collect(), mirror))
}

/// Mirrors what is missing and registers it: what queries and checks by hand start from.
///
/// # Errors
/// [`Error`].
pub async fn registered(run: &Run, dataset: &Dataset, range: DateRange) -> Result<Catalog, Error> {
    let sql = Sql::read(dataset)?;
    let listing = list(run, dataset, range).await?;
    let mirror = mirror_files(run, dataset, listing).await?;
    warn_of_personal(run, dataset, headers(&mirror));
    register(run, dataset, sql, mirror).await
}

/// Runs every check of a registered dataset; a failed check is no error here.
///
/// # Errors
/// [`Error`] where a check cannot run.
pub async fn check_all(run: &Run, catalog: &Catalog) -> Result<Vec<Outcome>, Error> {
    let folder = format!("runs/{}/{}/checks", run.id, catalog.dataset.name);
    Ok(check::check(catalog, &run.staging, &folder).await?)
}
