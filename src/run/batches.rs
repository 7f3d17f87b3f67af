//! The **batches** of a run: they are staged one after the other, and several are loaded at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::SinkExt;
use futures::channel::mpsc;
use futures::stream::{StreamExt, TryStreamExt};
use tokio_postgres::Client;

use crate::dedupe::Survivors;
use crate::domain::{Dataset, Event};
use crate::error::Error;
use crate::failpoint;
use crate::progress::Total;
use crate::project::Project;
use crate::stage::{self, Area, Manifest};
use crate::state::{Contested, Files, Loaded, Options};
use crate::tables::Catalog;
use crate::target::ledger::{self, RunRecord};
use crate::target::{self, Batch, Encoder, Job, Target};

/// A dataset that is being loaded.
pub(super) struct Loading<'a> {
    /// The project.
    pub project: &'a Project,
    /// The dataset.
    pub dataset: &'a Dataset,
    /// What the run is asked to do.
    pub options: Options,
    /// The files.
    pub files: &'a Files,
    /// The target.
    pub target: &'a Target,
    /// The batches that are committed.
    pub committed: Mutex<Committed>,
}

/// What a run has committed so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Committed {
    batches: usize,
    files: usize,
    rows: u64,
}

impl Loading<'_> {
    /// Stages and loads batch by batch. While the server writes some batches, the next one is staged, so that no
    /// connection waits for it.
    ///
    /// # Errors
    /// The first [`Error`]; batches that are already committed stay.
    pub(super) async fn stage_and_load(
        &self,
        catalog: &Catalog,
        survivors: &Survivors,
        encoder: Arc<Encoder>,
    ) -> Result<(Manifest, Vec<Loaded>), Error> {
        self.record_run().await?;
        let schema = stage::schema(catalog).await?;
        let area = Area::open(catalog, &schema, &self.project.staging).await?;
        let reload = self.files.to_reload();
        let found = self.files.found_rows();
        let job = self.job(Some(encoder), &reload, &found)?;
        let bytes = self.files.to_load().map(|file| file.size()).sum();
        let total = Total { files: self.files.to_load().count() as u64, bytes };
        self.project.progress.begin("load", total);
        let (sender, staged) = mpsc::channel(0);
        let stage = self.stage_ahead(catalog, survivors, &area, sender);
        let load = staged
            .map(|(number, manifest)| self.load(&job, number, manifest))
            .buffer_unordered(self.batches_at_once())
            .try_collect::<Vec<_>>();
        let results = tokio::try_join!(stage, load).map(|((), results)| results);
        self.project.progress.end();
        if let Err(error) = &results {
            if !matches!(error, Error::Target(target::Error::CommitUnknown { .. })) {
                self.report_committed();
            }
            self.record_failure(error).await;
        }
        let (manifests, batches): (Vec<Manifest>, Vec<Option<Loaded>>) =
            results?.into_iter().unzip();
        let loaded: Vec<Loaded> = batches.into_iter().flatten().collect();
        self.report_loaded(&loaded);
        Ok((stage::conclude(&area, manifests).await?, loaded))
    }

    /// Reports what the batches did besides loading their files.
    fn report_loaded(&self, loaded: &[Loaded]) {
        let meanwhile: Vec<String> =
            loaded.iter().flat_map(|batch| batch.skipped.clone()).collect();
        if !meanwhile.is_empty() {
            self.project.notice(self.dataset, Event::DoneMeanwhile { files: meanwhile });
        }
        let replaced = loaded.iter().map(|batch| batch.replaced).sum();
        if replaced > 0 {
            let table = self.target.table.to_string();
            self.project.notice(self.dataset, Event::RowsReplaced { table, rows: replaced });
        }
        let again = loaded.iter().map(|batch| batch.again).max().unwrap_or(0);
        if again > 0 {
            self.project.notice(self.dataset, Event::MergeAgain { files: again });
        }
    }

    /// Deletes the rows of files that are gone, if the range has no other file.
    ///
    /// # Errors
    /// The first [`Error`]; batches that are already committed stay.
    pub(super) async fn remove(&self) -> Result<(), Error> {
        self.record_run().await?;
        let reload = HashMap::new();
        let found = HashMap::new();
        let job = self.job(None, &reload, &found)?;
        for number in self.files.batches() {
            let removed = self.files.removed_in(number);
            let Some(batch) = Batch::of(number, Vec::new(), removed) else { continue };
            if let Err(error) = target::load(&job, &batch).await.map_err(Error::from) {
                self.record_failure(&error).await;
                return Err(error);
            }
        }
        Ok(())
    }

    fn job<'a>(
        &'a self,
        encoder: Option<Arc<Encoder>>,
        reload: &'a HashMap<String, Contested>,
        found: &'a HashMap<String, u64>,
    ) -> Result<Job<'a>, Error> {
        Ok(Job {
            database: self.project.database()?,
            target: self.target,
            placement: &self.dataset.placement,
            encoder,
            staging: &self.project.staging,
            run_id: &self.project.id,
            dataset: &self.dataset.name,
            sql_hash: self.files.sql_hash(),
            reload,
            found,
            keeps_rows: self.project.config.undo_days > 0,
            progress: &self.project.progress,
        })
    }

    /// How many batches are loaded at once: one if some of them delete the rows of gone files, because these have
    /// to be committed before the others.
    fn batches_at_once(&self) -> usize {
        match self.files.to_remove().next() {
            Some(_) => 1,
            None => self.options.connections,
        }
    }

    /// Stages batch after batch, and waits after each one until it is taken.
    async fn stage_ahead(
        &self,
        catalog: &Catalog,
        survivors: &Survivors,
        area: &Area,
        mut staged: mpsc::Sender<(usize, Manifest)>,
    ) -> Result<(), Error> {
        let files_at_once = self.project.config.limits.files_at_once;
        let mut mirrors = self.files.mirrors_to_load();
        for number in self.files.batches() {
            let wanted = mirrors.remove(&number).unwrap_or_default();
            let manifest = stage::stage(catalog, survivors, &wanted, area, files_at_once).await?;
            tracing::info!(dataset = self.dataset.name, batch = number, "staged");
            if staged.send((number, manifest)).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Loads a staged batch.
    async fn load(
        &self,
        job: &Job<'_>,
        number: usize,
        manifest: Manifest,
    ) -> Result<(Manifest, Option<Loaded>), Error> {
        let removed = self.files.removed_in(number);
        let loaded = match Batch::of(number, manifest.files.clone(), removed) {
            Some(batch) => Some(target::load(job, &batch).await?),
            None => None,
        };
        if let (Some(loaded), Ok(mut committed)) = (&loaded, self.committed.lock()) {
            committed.batches += 1;
            committed.files += loaded.files.len();
            committed.rows += loaded.files.iter().map(|(_, p)| p.inserted + p.updated).sum::<u64>();
        }
        tracing::info!(dataset = self.dataset.name, batch = number, "loaded");
        Ok((manifest, loaded))
    }

    /// Reports which batches stay although the run fails.
    fn report_committed(&self) {
        let Ok(committed) = self.committed.lock() else { return };
        let Committed { batches, files, rows } = *committed;
        let of = self.files.batches().len();
        self.project.notice(self.dataset, Event::Committed { batches, of, files, rows });
    }

    /// Creates the ledger if it does not exist, and records that the run starts to load.
    async fn record_run(&self) -> Result<(), Error> {
        let record = RunRecord {
            run_id: &self.project.id,
            dataset: &self.dataset.name,
            target: &self.dataset.table,
            range: self.options.range,
            batch_days: self.options.batch_days,
            sql_hash: self.files.sql_hash(),
        };
        let database = self.project.database()?;
        let undo_days = self.project.config.undo_days;
        database
            .session(async |client: &Client| {
                ledger::create(client).await?;
                ledger::expire(client, undo_days).await
            })
            .await?;
        failpoint::reach(failpoint::LOAD_LEDGER_READY);
        database.session(async |client: &Client| ledger::begin_run(client, &record).await).await?;
        failpoint::reach(failpoint::LOAD_RUN_RECORDED);
        Ok(())
    }

    /// Records that the run failed, as far as the database allows it.
    async fn record_failure(&self, error: &Error) {
        let Ok(database) = self.project.database() else { return };
        let text = serde_json::json!({ "error": error.to_string() }).to_string();
        let (id, name) = (&self.project.id, &self.dataset.name);
        let ended = database
            .session(async |client: &Client| {
                ledger::end_run(client, id, name, "failed", &text).await
            })
            .await;
        if ended.is_err() {
            tracing::debug!("the failure could not be recorded in the ledger");
        }
    }
}
