//! The **batches** of a run: staged and loaded one after the other, several at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::SinkExt;
use futures::channel::mpsc;
use futures::stream::{StreamExt, TryStreamExt};

use super::{Run, Wishes};
use crate::catalog::Catalog;
use crate::config::Dataset;
use crate::dedupe::Survivors;
use crate::error::Error;
use crate::failpoint;
use crate::load::ledger::{self, RunRecord};
use crate::load::{self, Batch, Encoder, Job, Loaded, Target};
use crate::mirror::{Mirror, Mirrored};
use crate::plan::{Plan, PlannedFile};
use crate::progress::Total;
use crate::stage::{self, Manifest};

/// The mirrors to load, by batch; none in one that only takes rows out. Those that take rows out come
/// first, so that a run that is killed has never brought rows back beside those that supersede them.
pub fn of<'a>(mirror: &'a Mirror, plan: &Plan) -> Vec<(usize, Vec<&'a Mirrored>)> {
    let mut batches: BTreeMap<usize, Vec<&Mirrored>> = BTreeMap::new();
    for (mirrored, planned) in mirror.files.iter().zip(&plan.files) {
        if planned.fate.is_load() {
            batches.entry(planned.batch).or_default().push(mirrored);
        }
    }
    let removing: BTreeSet<usize> = plan.to_remove().map(|file| file.batch).collect();
    for number in &removing {
        batches.entry(*number).or_default();
    }
    let mut batches: Vec<_> = batches.into_iter().collect();
    batches.sort_by_key(|(number, _)| !removing.contains(number));
    batches
}

/// The files of a batch whose rows are taken out.
fn gone_of(plan: &Plan, batch: usize) -> Vec<&PlannedFile> {
    plan.to_remove().filter(|file| file.batch == batch).collect()
}

/// Stages and loads batch by batch, several at once: while the server writes some, the next is
/// staged, so that no connection waits for it.
pub async fn stage_and_load(
    run: &Run,
    catalog: &Catalog,
    wishes: Wishes,
    plan: &Plan,
    survivors: &Survivors,
    (target, encoder): (&Target, Arc<Encoder>),
) -> Result<(Manifest, Vec<Loaded>), Error> {
    let dataset = &catalog.dataset;
    let sql_hash = catalog.sql.hash();
    record_run(run, dataset, wishes, &sql_hash).await?;
    let reload = plan.to_reload();
    let job = Job {
        database: run.database()?,
        target,
        encoder,
        staging: &run.staging,
        run_id: &run.id,
        dataset: &dataset.name,
        sql_hash: &sql_hash,
        reload: &reload,
        progress: &run.progress,
    };
    let (files, bytes) = (plan.totals.files_to_load as u64, plan.totals.bytes_to_load);
    run.progress.begin("load", Total { files, bytes });
    let at_once = if plan.totals.files_to_remove > 0 { 1 } else { wishes.connections };
    let (sender, staged) = mpsc::channel(0);
    let stage = stage_ahead(run, catalog, survivors, of(&catalog.mirror, plan), sender);
    let load = staged
        .map(|(number, manifest)| {
            let job = &job;
            async move {
                let gone = gone_of(plan, number);
                let loaded = match Batch::of(number, manifest.files.clone(), &gone) {
                    Some(batch) => Some(load::load(job, &batch).await?),
                    None => None,
                };
                tracing::info!(dataset = job.dataset, batch = number, "loaded");
                Ok::<_, Error>((manifest, loaded))
            }
        })
        .buffer_unordered(at_once)
        .try_collect::<Vec<_>>();
    let results = tokio::try_join!(stage, load).map(|((), results)| results);
    run.progress.end();
    if let Err(error) = &results {
        record_failure(run, dataset, error).await;
    }
    let (manifests, loaded): (Vec<_>, Vec<_>) = results?.into_iter().unzip();
    let loaded: Vec<Loaded> = loaded.into_iter().flatten().collect();
    for name in loaded.iter().flat_map(|batch| &batch.skipped) {
        run.progress.note(&format!("note: {name} was loaded by another run meanwhile; skipped"));
    }
    Ok((stage::conclude(catalog, manifests, &run.staging).await?, loaded))
}

/// Takes out the rows of files that are gone, where the range has no other file.
pub async fn remove(
    run: &Run,
    dataset: &Dataset,
    wishes: Wishes,
    plan: &Plan,
    (target, sql_hash): (&Target, &str),
) -> Result<(), Error> {
    record_run(run, dataset, wishes, sql_hash).await?;
    let reload = plan.to_reload();
    let job = Job {
        database: run.database()?,
        target,
        encoder: Arc::new(Encoder::of_nothing()),
        staging: &run.staging,
        run_id: &run.id,
        dataset: &dataset.name,
        sql_hash,
        reload: &reload,
        progress: &run.progress,
    };
    let numbers: BTreeSet<usize> = plan.to_remove().map(|file| file.batch).collect();
    for number in numbers {
        let Some(batch) = Batch::of(number, Vec::new(), &gone_of(plan, number)) else { continue };
        if let Err(error) = load::load(&job, &batch).await.map_err(Error::from) {
            record_failure(run, dataset, &error).await;
            return Err(error);
        }
    }
    Ok(())
}

/// Stages batch after batch, and waits with each until it is taken.
async fn stage_ahead(
    run: &Run,
    catalog: &Catalog,
    survivors: &Survivors,
    batches: Vec<(usize, Vec<&Mirrored>)>,
    mut staged: mpsc::Sender<(usize, Manifest)>,
) -> Result<(), Error> {
    let files_at_once = run.config.limits.files_at_once;
    for (number, mirrors) in batches {
        let manifest =
            stage::stage(catalog, survivors, &mirrors, &run.staging, files_at_once).await?;
        tracing::info!(dataset = catalog.dataset.name, batch = number, "staged");
        if staged.send((number, manifest)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Makes the ledger where it is missing, and writes down that the run starts to load.
async fn record_run(
    run: &Run,
    dataset: &Dataset,
    wishes: Wishes,
    sql_hash: &str,
) -> Result<(), Error> {
    let connection = run.database()?.connect().await?;
    let record = RunRecord {
        run_id: &run.id,
        dataset: &dataset.name,
        target: &dataset.table,
        range: wishes.range,
        batch_days: wishes.batch_days,
        sql_hash,
    };
    let recorded = async {
        ledger::create(&connection.client).await?;
        failpoint::reach(failpoint::LOAD_LEDGER_READY);
        ledger::begin_run(&connection.client, &record).await
    };
    let recorded = recorded.await;
    connection.close().await;
    failpoint::reach(failpoint::LOAD_RUN_RECORDED);
    Ok(recorded?)
}

/// Writes down that the run failed, as far as the database lets us.
async fn record_failure(run: &Run, dataset: &Dataset, error: &Error) {
    let Ok(database) = run.database() else { return };
    let Ok(connection) = database.connect().await else { return };
    let text = serde_json::json!({ "error": error.to_string() }).to_string();
    let ended = ledger::end_run(&connection.client, &run.id, &dataset.name, "failed", &text).await;
    if ended.is_err() {
        tracing::debug!("the failure could not be recorded in the ledger");
    }
    connection.close().await;
}
