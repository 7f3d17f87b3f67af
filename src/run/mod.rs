//! A **run** is one execution of the chain over a range. This is the only place that knows the order of its steps.
//!
//! Each step takes the value that the step before it returned, so that the types enforce the order.

mod batches;
mod order;
mod refresh;

pub use order::in_order;
pub use refresh::{of_target, refresh, targets};

use std::sync::Arc;

use serde::Serialize;
use tokio_postgres::Client;

use crate::check::{self, Outcome};
use crate::dedupe::{self, Survivors};
use crate::domain::{Dataset, DateRange, Event, Notice};
use crate::error::Error;
use crate::failpoint;
use crate::life::{RefreshedView, store_accounting, verify};
use crate::look;
use crate::mirror::Mirror;
use crate::project::{Project, headers};
use crate::source::Listing;
use crate::sql::{Severity, Sql};
use crate::stage;
use crate::state::{
    Accounting, FileState, Files, Options, PinnedDataset, PinnedPlan, Plan, Refusal,
    USUAL_ROW_BYTES,
};
use crate::tables::Catalog;
use crate::target::{self, Encoder, Needs, Target, ledger};

/// The result of a run for one dataset.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The run.
    pub run_id: String,
    /// What was planned.
    pub plan: Plan,
    /// What the checks found.
    pub checks: Vec<Outcome>,
    /// The accounting of every file.
    pub accounting: Accounting,
    /// Notices for the person who started the run.
    pub notices: Vec<Notice>,
    /// The materialized views that depend on the target; `None` if they were not to be refreshed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Vec<RefreshedView>>,
}

/// Loads one dataset: list, mirror, register, check, dedupe, stage, load, verify. `pinned` is the plan, if it was saved
/// in a file.
///
/// # Errors
/// The first [`Error`]. What is already committed stays and is skipped next time.
pub async fn run(
    project: &Project,
    dataset: &Dataset,
    options: Options,
    pinned: Option<&PinnedDataset>,
) -> Result<Report, Error> {
    let sql = Sql::read(dataset)?;
    let listing = project.list(dataset, options.range).await?;
    project.warn_of_plain_names(dataset, &sql, &listing);
    let mut files =
        Files::listed(dataset, &listing, options.batch_days, options.policy(dataset, &sql));
    let target = project.ask_target(dataset, &mut files).await?;
    files.refuse()?;
    refuse_unplanned(pinned, || project.pin(dataset, &sql, target.as_ref(), &files))?;
    for file in files.kept_gone() {
        project.notice(dataset, Event::RowsKept { file: file.describe() });
    }
    if files.is_done() && files.has_seen_range() {
        return nothing_to_load(project, dataset, &files);
    }
    if let Some(target) = &target
        && listing.files.is_empty()
    {
        return only_remove(project, dataset, options, files, target).await;
    }
    look::refuse_what_does_not_fit(project, dataset, &sql, &files, target.as_ref()).await?;
    let mirror = project.mirror(dataset, listing.clone()).await?;
    files.fill_mirror(&mirror);
    if let Some(target) = &target {
        project.ask_ours(target, &mut files).await?;
    }
    files.refuse()?;
    refuse_unplanned(pinned, || project.pin(dataset, &sql, target.as_ref(), &files))?;
    for event in files.in_part() {
        project.notice(dataset, event);
    }
    refuse_bad_files(dataset, &sql, &mirror, &files)?;
    refuse_drift(project, dataset, listing, &files).await?;
    warn_of_nuls(project, dataset, &mirror);
    project.warn_of_personal(dataset, headers(&mirror));
    let catalog = project.register(dataset, sql, mirror).await?;
    let (target, encoder) = prepare_target(project, &catalog, &files).await?;
    files.fill_effects(target::effects(&target));
    let (checks, survivors) = tokio::join!(check(project, &catalog), dedupe(&catalog));
    let (checks, survivors) = (checks?, survivors?);
    files.fill_survivors(&survivors);
    project.ask_ours(&target, &mut files).await?;
    project.warn_of_triggers(dataset, &files);
    files.refuse()?;
    if dedupe::compares_rows(&catalog).await? {
        refuse_narrow_range(project, dataset, options, &files).await?;
    }
    let committed = Default::default();
    let loading =
        batches::Loading { project, dataset, options, files: &files, target: &target, committed };
    let (manifest, loaded) = loading.stage_and_load(&catalog, &survivors, encoder).await?;
    files.fill_placed(&manifest, &loaded);
    let accounting = verify(project, &mut files, &target).await?;
    store_accounting(project, dataset, &accounting).await?;
    accounting.refuse()?;
    Ok(report(project, dataset, &files, checks, accounting))
}

/// Refuses to load if anything differs from the saved plan; `now` is what would be loaded.
fn refuse_unplanned(
    pinned: Option<&PinnedDataset>,
    now: impl FnOnce() -> PinnedDataset,
) -> Result<(), Refusal> {
    let Some(pinned) = pinned else { return Ok(()) };
    let differences = pinned.differences(&now());
    if differences.is_empty() {
        return Ok(());
    }
    Err(Refusal::NotAsPlanned { dataset: pinned.dataset.clone(), differences })
}

/// Refuses to load if anything differs from a saved plan. Compares every dataset before any is loaded.
///
/// # Errors
/// [`Refusal::NotAsPlanned`], and what [`look::pin`] says.
pub async fn refuse_other_plan(
    project: &Project,
    plan: &PinnedPlan,
    connections: usize,
) -> Result<(), Error> {
    for pinned in &plan.datasets {
        let Ok(range) = DateRange::new(pinned.start, pinned.end) else { continue };
        let options = plan.options(range, connections);
        let dataset = project.config.datasets.iter().find(|d| d.name == pinned.dataset);
        let Some(dataset) = dataset else {
            let differences = vec!["backfill.toml no longer has this dataset".to_owned()];
            let dataset = pinned.dataset.clone();
            return Err(Refusal::NotAsPlanned { dataset, differences }.into());
        };
        let now = look::pin(project, dataset, options).await?;
        refuse_unplanned(Some(pinned), || now)?;
    }
    Ok(())
}

fn report(
    project: &Project,
    dataset: &Dataset,
    files: &Files,
    checks: Vec<Outcome>,
    accounting: Accounting,
) -> Report {
    Report {
        run_id: project.id.clone(),
        plan: files.plan(USUAL_ROW_BYTES),
        checks,
        accounting,
        notices: project.notices(dataset),
        refresh: None,
    }
}

/// Refuses to load a range with files that are not exports, or a batch with more rejects than the dataset allows.
fn refuse_bad_files(
    dataset: &Dataset,
    sql: &Sql,
    mirror: &Mirror,
    files: &Files,
) -> Result<(), Error> {
    check::refuse_not_exports(dataset, sql, mirror.headers())?;
    for mirrors in files.mirrors_to_load().values() {
        check::refuse_rejects(&dataset.name, dataset.max_rejects, mirrors)?;
    }
    Ok(())
}

/// Refuses to load files that differ from the others in a way that the dataset's settings refuse.
async fn refuse_drift(
    project: &Project,
    dataset: &Dataset,
    listing: Listing,
    files: &Files,
) -> Result<(), Error> {
    let keys = files.to_load().map(|file| file.key.as_str()).collect();
    let found = look::refused_drift(project, dataset, listing, Some(&keys)).await?;
    Ok(look::refuse_drift(&dataset.name, &found)?)
}

/// Makes sure that the target exists and takes what `stage.sql` gives, before any row is staged.
async fn prepare_target(
    project: &Project,
    catalog: &Catalog,
    files: &Files,
) -> Result<(Target, Arc<Encoder>), Error> {
    let schema = stage::schema(catalog).await?;
    let table = &catalog.dataset.table;
    let stage = catalog.sql.stage.path.display().to_string();
    let (contract, constants) = (&catalog.sql.contract, &catalog.dataset.constants);
    let (target, encoder) = project
        .database()?
        .session(async |client: &Client| {
            let found = Target::find(client, table).await?;
            let needs = needs(catalog, files, found.as_ref());
            target::refuse_missing(client, table, found.as_ref(), needs).await?;
            let (target, encoder) = match found {
                None => Target::create(client, table, contract, &schema, &stage, constants).await?,
                Some(target) => {
                    let target = target.with_single_values(client, &schema, constants).await?;
                    let encoder = Encoder::new(&schema, &target, &stage, constants)?;
                    (target, encoder)
                }
            };
            encoder.refuse_placement(&target, &catalog.dataset.placement, &stage)?;
            Ok((target, encoder))
        })
        .await?;
    failpoint::reach(failpoint::LOAD_TARGET_READY);
    for event in target.fill_events().into_iter().chain(encoder.events()) {
        project.notice(&catalog.dataset, event);
    }
    Ok((target, Arc::new(encoder)))
}

/// Warns of NUL characters that were removed from values.
fn warn_of_nuls(project: &Project, dataset: &Dataset, mirror: &Mirror) {
    let counts: Vec<u64> =
        mirror.files.iter().map(|file| file.note.summary.records_with_nul).collect();
    let (records, files) = (counts.iter().sum(), counts.iter().filter(|count| **count > 0).count());
    if records > 0 && dataset.dialect.nul == backfill_csv::Nul::Drop {
        project.notice(dataset, Event::NulsDropped { records, files });
    }
}

/// Returns the rights that the database role needs on the target.
fn needs(catalog: &Catalog, files: &Files, target: Option<&Target>) -> Needs {
    let needs = Needs::to_place(&catalog.dataset.placement, target);
    Needs { deletes: needs.deletes || files.deletes_rows(), ..needs }
}

async fn check(project: &Project, catalog: &Catalog) -> Result<Vec<Outcome>, Error> {
    let outcomes = project.check(catalog).await?;
    for outcome in &outcomes {
        if outcome.severity == Severity::Warn && !outcome.has_passed() {
            let summary = check::summary(outcome);
            project.notice(&catalog.dataset, Event::CheckWarned { summary });
        }
    }
    tracing::info!(dataset = catalog.dataset.name, checks = outcomes.len(), "checked");
    check::refuse(&outcomes, false)?;
    Ok(outcomes)
}

async fn dedupe(catalog: &Catalog) -> Result<Survivors, Error> {
    let survivors = dedupe::dedupe(catalog).await?;
    tracing::info!(dataset = catalog.dataset.name, "deduplicated");
    Ok(survivors)
}

/// Accounts for the files of a range in which nothing is left to do, by the rows that the target was found to hold.
fn nothing_to_load(project: &Project, dataset: &Dataset, files: &Files) -> Result<Report, Error> {
    let accounting = files.accounting();
    accounting.refuse()?;
    Ok(report(project, dataset, files, Vec::new(), accounting))
}

/// Deletes the rows of files that are gone, if the range has no other file.
async fn only_remove(
    project: &Project,
    dataset: &Dataset,
    options: Options,
    mut files: Files,
    target: &Target,
) -> Result<Report, Error> {
    // Without a file it is not known whether dedupe.sql compares rows.
    refuse_narrow_range(project, dataset, options, &files).await?;
    let committed = Default::default();
    let loading = batches::Loading { project, dataset, options, files: &files, target, committed };
    loading.remove().await?;
    let accounting = verify(project, &mut files, target).await?;
    store_accounting(project, dataset, &accounting).await?;
    accounting.refuse()?;
    Ok(report(project, dataset, &files, Vec::new(), accounting))
}

/// Refuses to load files, or to delete their rows, if files of days outside this range were loaded before: a row that
/// such a file supersedes would be loaded beside the newer one, and a row that was superseded would not come back. A
/// merge compares rows with the target itself, so it is never refused.
async fn refuse_narrow_range(
    project: &Project,
    dataset: &Dataset,
    options: Options,
    files: &Files,
) -> Result<(), Error> {
    let touched: Vec<&FileState> = files.to_load().chain(files.to_remove()).collect();
    if touched.is_empty() || options.allow.range_alone || dataset.placement.merges() {
        return Ok(());
    }
    let table = &dataset.table;
    let loaded = project
        .database()?
        .session(async |client: &Client| ledger::loaded_range(client, table).await)
        .await?;
    match loaded.map(|loaded| loaded.hull(files.range)) {
        Some(loaded_with) if !files.range.covers(loaded_with) => {
            let keys = touched.iter().map(|file| file.key.clone()).collect();
            Err(Refusal::NarrowRange { files: keys, range: files.range, loaded_with }.into())
        }
        _ => Ok(()),
    }
}
