//! The **pipeline**: the only place that knows the order of the steps.
//!
//! Each step takes the value that the step before it returned, so that the order is in the types.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use object_store::PutPayload;
use serde::Serialize;

use crate::catalog::{self, Catalog, Engine};
use crate::check::{self, Outcome};
use crate::config::{Config, Dataset, Environment};
use crate::dedupe::{self, Survivors};
use crate::error::Error;
use crate::failpoint;
use crate::file_date::{DateRange, FileDate};
use crate::load::ledger::{self, Scope};
use crate::load::{self, Database, Encoder, Standing, Standings, TableName, Target};
use crate::mirror::{self, Mirror, Mirrored};
use crate::plan::{self, Plan, Wish};
use crate::progress::Listener;
use crate::source::{self, Listing, Store};
use crate::sql::{Severity, Sql};
use crate::stage;
use crate::verify::{self, Accounting, Evidence};

mod batches;
mod init;
mod look;

pub use init::init;
pub use look::{Overview, check_all, deep_drift, drift, overview, plan, registered};

/// Days a batch where nobody says how many.
pub const USUAL_BATCH_DAYS: u32 = 7;

/// What a run is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Wishes {
    /// The file dates.
    pub range: DateRange,
    /// Days a batch.
    pub batch_days: u32,
    /// How many batches at once.
    pub connections: usize,
    /// Whether changed files are loaded again.
    pub reload: bool,
    /// Whether rows of files that are gone from the source are taken out.
    pub remove_gone: bool,
}

/// Everything that the datasets of a run have in common.
pub struct Run {
    /// The run's id: when it started, and some letters.
    pub id: String,
    /// Where the source files are.
    pub source: Store,
    /// Where mirrors and staging are.
    pub staging: Store,
    /// Where the target is; nothing for commands that load nothing.
    pub database: Option<Database>,
    /// The SQL engine.
    pub engine: Engine,
    /// The configuration.
    pub config: Config,
    /// Told of all work.
    pub progress: Listener,
}

/// What came of a dataset.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The run.
    pub run_id: String,
    /// What was planned.
    pub plan: Plan,
    /// What the checks found.
    pub checks: Vec<Outcome>,
    /// Every file accounted for.
    pub accounting: Accounting,
}

impl Run {
    /// Opens the stores and the engine. The database is opened by those who need it.
    ///
    /// # Errors
    /// [`Error`] where a place cannot be opened.
    pub fn open(
        config: Config,
        environment: &Environment,
        progress: Listener,
    ) -> Result<Self, Error> {
        let source = config.source.open(environment)?;
        let staging = config.staging.open(environment)?;
        let engine = Engine::new(&staging, config.limits, Arc::clone(&progress))?;
        let database = match Database::from_environment(environment) {
            Ok(database) => Some(database),
            Err(load::Error::NoDatabase) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { id: run_id(), source, staging, database, engine, config, progress })
    }

    fn database(&self) -> Result<&Database, Error> {
        self.database.as_ref().ok_or_else(|| load::Error::NoDatabase.into())
    }
}

/// Names a run by when it started, so that ids sort, and by the process, so that two differ.
fn run_id() -> String {
    let now = chrono::Utc::now();
    format!("{}-{:04x}", now.format("%Y%m%dT%H%M%S%3f"), std::process::id() & 0xffff)
}

/// Loads one dataset: list, mirror, register, check, dedupe, stage, load, verify.
///
/// # Errors
/// The first [`Error`]. What is committed by then stays and is skipped next time.
pub async fn run(run: &Run, dataset: &Dataset, wishes: Wishes) -> Result<Report, Error> {
    let sql = Sql::read(dataset)?;
    let listing = list(run, dataset, wishes.range).await?;
    let (target, standings) = ask_target(run, dataset, &sql, &listing).await?;
    let plan = make_plan(dataset, wishes, &listing, Some(&standings), plan::USUAL_ROW_BYTES);
    plan.refuse_changes()?;
    for file in plan.kept_gone() {
        run.progress.note(&format!("warning: {}: {}", plan.dataset, file.describe_gone()));
    }
    if plan.is_done() && have_seen(wishes.range, &standings) {
        return nothing_to_load(run, plan, &standings, target).await;
    }
    if let (true, Some(target)) = (plan.files.is_empty(), &target) {
        return only_remove(run, dataset, wishes, plan, &standings, (target, &sql)).await;
    }
    let mirror = mirror_files(run, dataset, listing).await?;
    refuse_rejects(dataset, &mirror, &plan)?;
    warn_of_personal(run, dataset, headers(&mirror));
    let catalog = register(run, dataset, sql, mirror).await?;
    let (target, encoder) = ready_target(run, &catalog).await?;
    let (checks, survivors) = tokio::join!(check(run, &catalog), dedupe(&catalog));
    let (checks, survivors) = (checks?, survivors?);
    let plan = plan.with_survivors(&standings, &survivors, wishes.reload);
    plan.refuse_changes()?;
    if dedupe::compares_rows(&catalog).await? {
        refuse_narrow_range(run, &dataset.table, &plan).await?;
    }
    let loaded =
        batches::stage_and_load(run, &catalog, wishes, &plan, &survivors, (&target, encoder))
            .await?;
    let (manifest, loaded) = loaded;
    let evidence = Evidence {
        plan: &plan,
        standings: &standings,
        mirror: Some(&catalog.mirror),
        manifest: Some(&manifest),
        loaded: &loaded,
    };
    let accounting = account(run, &evidence, &target).await?;
    store_accounting(run, dataset, &accounting).await?;
    accounting.refuse()?;
    Ok(Report { run_id: run.id.clone(), plan, checks, accounting })
}

async fn list(run: &Run, dataset: &Dataset, range: DateRange) -> Result<Listing, Error> {
    let listing = source::list(&run.source, dataset, range).await?;
    failpoint::reach(failpoint::LISTED);
    let (files, ignored) = (listing.files.len(), listing.ignored.len());
    tracing::info!(dataset = dataset.name, files, ignored, "listed");
    for finding in &listing.findings {
        run.progress.note(&format!("warning: {}: {finding}", dataset.name));
    }
    Ok(listing)
}

fn make_plan(
    dataset: &Dataset,
    wishes: Wishes,
    listing: &Listing,
    standings: Option<&Standings>,
    bytes_a_row: f64,
) -> Plan {
    let Wishes { batch_days, reload, remove_gone, .. } = wishes;
    plan::plan(Wish { dataset, batch_days, reload, remove_gone, bytes_a_row }, listing, standings)
}

/// Asks the database for the target and for what it has of each file.
async fn ask_target(
    run: &Run,
    dataset: &Dataset,
    sql: &Sql,
    listing: &Listing,
) -> Result<(Option<Target>, Standings), Error> {
    let prefix = run.source.file_name(&dataset.prefix);
    let scope = Scope {
        target: &dataset.table,
        dataset: &dataset.name,
        prefix: &prefix,
        range: listing.range,
    };
    let connection = run.database()?.connect().await?;
    let asked = async {
        let target = Target::find(&connection.client, &dataset.table).await?;
        let (client, hash) = (&connection.client, sql.hash());
        let standings =
            load::standing::of(client, target.as_ref(), scope, &listing.files, &hash).await?;
        Ok::<_, Error>((target, standings))
    };
    let asked = asked.await;
    connection.close().await;
    asked
}

async fn mirror_files(run: &Run, dataset: &Dataset, listing: Listing) -> Result<Mirror, Error> {
    let (source, staging) = (&run.source, &run.staging);
    let limits = run.config.limits;
    let mirror = mirror::mirror(source, staging, dataset, listing, limits, &run.progress).await?;
    tracing::info!(dataset = dataset.name, files = mirror.files.len(), "mirrored");
    let rejected = || mirror.files.iter().map(|file| file.note.summary.rejected);
    let (records, files) = (rejected().sum::<u64>(), rejected().filter(|count| *count > 0).count());
    if records > 0 {
        run.progress.note(&format!(
            "warning: {}: {records} record(s) in {files} file(s) are rejected; `backfill rejects` \
             shows where and why",
            dataset.name
        ));
    }
    Ok(mirror)
}

/// Refuses to load where a batch has more rejects than the dataset allows.
fn refuse_rejects(dataset: &Dataset, mirror: &Mirror, plan: &Plan) -> Result<(), Error> {
    for (_, files) in &batches::of(mirror, plan) {
        check::refuse_rejects(&dataset.name, dataset.max_rejects, files)?;
    }
    Ok(())
}

async fn register(
    run: &Run,
    dataset: &Dataset,
    sql: Sql,
    mirror: Mirror,
) -> Result<Catalog, Error> {
    let catalog = catalog::register(&run.engine, dataset, sql, mirror).await?;
    for warning in missing_columns(&catalog).await {
        run.progress.note(&format!("warning: {}: {warning}", dataset.name));
    }
    failpoint::reach(failpoint::REGISTERED);
    Ok(catalog)
}

/// The columns of every file.
fn headers(mirror: &Mirror) -> impl Iterator<Item = &String> {
    mirror.files.iter().flat_map(|file| &file.note.summary.header)
}

/// Warns of personal columns that no file has: the name may be a slip, and then the values of the column
/// that is meant are shown.
fn warn_of_personal<'a>(run: &Run, dataset: &Dataset, headers: impl Iterator<Item = &'a String>) {
    let columns: Vec<&str> = headers.map(String::as_str).collect();
    let unmatched = dataset.unmatched_personal(&columns);
    if !unmatched.is_empty() && !columns.is_empty() {
        run.progress.note(&format!(
            "warning: {}: no file has a column that personal_columns calls {}",
            dataset.name,
            unmatched.join(", ")
        ));
    }
}

/// Columns that the dataset's SQL reads and some files lack, but for those that the dataset calls
/// optional: they will be NULL, and a person should know.
async fn missing_columns(catalog: &Catalog) -> Vec<String> {
    let files = &catalog.mirror.files;
    let mut having: BTreeMap<&str, usize> = BTreeMap::new();
    for name in headers(&catalog.mirror) {
        *having.entry(name).or_default() += 1;
    }
    let is_optional = |name: &str| catalog.dataset.optional_columns.iter().any(|o| o == name);
    having.retain(|name, count| *count < files.len() && !is_optional(name));
    if having.is_empty() {
        return Vec::new();
    }
    let read = catalog.columns_read(catalog.sql.queries()).await;
    let warning = |(name, count): (&str, usize)| {
        let lacks = |file: &&Mirrored| !file.note.summary.header.iter().any(|other| other == name);
        let first = files.iter().find(lacks).map(|file| file.file.key.as_str());
        format!(
            "{} of {} files lack the column `{name}`, the first is {}; it is NULL there (say \
             optional_columns, or csv.aliases where it has another name)",
            files.len() - count,
            files.len(),
            first.unwrap_or_default()
        )
    };
    having.into_iter().filter(|(name, _)| read.contains(*name)).map(warning).collect()
}

/// Makes sure that the target exists and takes what `stage.sql` gives, before any row is staged.
async fn ready_target(run: &Run, catalog: &Catalog) -> Result<(Target, Arc<Encoder>), Error> {
    let schema = stage::schema(catalog).await?;
    let table = &catalog.dataset.table;
    let connection = run.database()?.connect().await?;
    let stage = catalog.sql.stage.path.display().to_string();
    let ready = async {
        let client = &connection.client;
        if let Some(target) = Target::find(client, table).await? {
            return Encoder::new(&schema, &target, &stage).map(|encoder| (target, encoder));
        }
        let contract = &catalog.sql.contract;
        let created = Target::create(client, table, contract, &schema, &stage).await?;
        failpoint::reach(failpoint::LOAD_TARGET_READY);
        Ok(created)
    };
    let ready = ready.await;
    connection.close().await;
    let (target, encoder) = ready?;
    Ok((target, Arc::new(encoder)))
}

async fn check(run: &Run, catalog: &Catalog) -> Result<Vec<Outcome>, Error> {
    let outcomes = check_all(run, catalog).await?;
    let warns = |outcome: &&Outcome| outcome.severity == Severity::Warn && !outcome.has_passed();
    for outcome in outcomes.iter().filter(warns) {
        let dataset = &catalog.dataset.name;
        run.progress.note(&format!("warning: {dataset}: {}", check::summary(outcome)));
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

async fn account(run: &Run, evidence: &Evidence<'_>, target: &Target) -> Result<Accounting, Error> {
    Ok(verify::verify(evidence, run.database()?, target).await?)
}

/// Keeps the accounting in the ledger and in staging.
async fn store_accounting(
    run: &Run,
    dataset: &Dataset,
    accounting: &Accounting,
) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(accounting).unwrap_or_default();
    let status = if accounting.refuse().is_ok() { "done" } else { "failed" };
    let connection = run.database()?.connect().await?;
    let stored = ledger::end_run(&connection.client, &run.id, &dataset.name, status, &text).await;
    connection.close().await;
    stored?;
    let key = format!("runs/{}/{}/accounting.json", run.id, dataset.name);
    let path = run.staging.path(&key);
    use object_store::ObjectStoreExt;
    run.staging
        .objects
        .put(&path, PutPayload::from(text))
        .await
        .map_err(|source| stage::Error::Manifest { path: run.staging.display(&key), source })?;
    failpoint::reach(failpoint::VERIFY_STORED);
    Ok(())
}

/// Whether every file that is loaded was held against the whole range when it was.
fn have_seen(range: DateRange, standings: &Standings) -> bool {
    let has_seen = |standing: &Standing| match standing {
        Standing::Loaded(loaded) => loaded.has_seen(range),
        _ => true,
    };
    !standings.has_lost_files && standings.files.iter().all(has_seen)
}

/// Accounts for files that are all there already.
async fn nothing_to_load(
    run: &Run,
    plan: Plan,
    standings: &Standings,
    target: Option<Target>,
) -> Result<Report, Error> {
    let evidence = Evidence { plan: &plan, standings, mirror: None, manifest: None, loaded: &[] };
    let accounting = match &target {
        Some(target) => account(run, &evidence, target).await?,
        None => verify::empty(&evidence),
    };
    accounting.refuse()?;
    Ok(Report { run_id: run.id.clone(), plan, checks: Vec::new(), accounting })
}

/// Takes out the rows of files that are gone, where the range has no other file.
async fn only_remove(
    run: &Run,
    dataset: &Dataset,
    wishes: Wishes,
    plan: Plan,
    standings: &Standings,
    (target, sql): (&Target, &Sql),
) -> Result<Report, Error> {
    // Without a file there is no telling whether dedupe.sql holds rows against each other.
    refuse_narrow_range(run, &dataset.table, &plan).await?;
    batches::remove(run, dataset, wishes, &plan, (target, &sql.hash())).await?;
    let evidence = Evidence { plan: &plan, standings, mirror: None, manifest: None, loaded: &[] };
    let accounting = account(run, &evidence, target).await?;
    store_accounting(run, dataset, &accounting).await?;
    accounting.refuse()?;
    Ok(Report { run_id: run.id.clone(), plan, checks: Vec::new(), accounting })
}

/// Refuses to load files into the middle of what was loaded in a larger range, or to take them out of it:
/// a row that a file outside this range supersedes would come in beside the one that is there, and one
/// that was superseded would not come back.
async fn refuse_narrow_range(run: &Run, table: &TableName, plan: &Plan) -> Result<(), Error> {
    let touched = || plan.files.iter().filter(|file| file.fate.is_load()).chain(plan.to_remove());
    let days: BTreeSet<FileDate> = touched().map(|file| file.date).collect();
    if days.is_empty() {
        return Ok(());
    }
    let connection = run.database()?.connect().await?;
    let loaded_with = ledger::loaded_around(&connection.client, table, &days).await;
    connection.close().await;
    match loaded_with?.map(|loaded| loaded.hull(plan.range)) {
        Some(loaded_with) if !plan.range.covers(loaded_with) => {
            let files = touched().map(|file| file.key.clone()).collect();
            let refused = load::Error::NarrowRange { files, range: plan.range, loaded_with };
            Err(refused.into())
        }
        _ => Ok(()),
    }
}
