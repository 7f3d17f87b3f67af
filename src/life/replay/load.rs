//! The **load** of a replay: it proves that the rows in the target are what today's SQL gives, stages the new rows
//! separately, and loads them batch by batch.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use tokio_postgres::Client;

use super::super::verify::deep::{Comparison, DeepOptions, groups};
use super::super::verify::found::FoundFile;
use super::{ReplayOptions, ReplayedFile, Selected, SideEffects};
use crate::dedupe::Survivors;
use crate::domain::{Event, USUAL_BATCH_DAYS};
use crate::error::Error;
use crate::failpoint;
use crate::life::Verification;
use crate::mirror::Mirrored;
use crate::progress::Total;
use crate::project::Project;
use crate::stage::{self, Area, StagedFile};
use crate::state::{FileState, Refusal};
use crate::store::layout;
use crate::tables::Catalog;
use crate::target::ledger::{self, Replay, RunRecord};
use crate::target::{self, Batch, DeepCounts, Encoder, Job, Needs, Target};

/// A dataset whose rejects are replayed.
pub(super) struct Loading<'a> {
    /// The project.
    pub project: &'a Project,
    /// The dataset with its files.
    pub catalog: &'a Catalog,
    /// The rows that survive.
    pub survivors: &'a Survivors,
    /// The target.
    pub target: &'a Target,
}

/// A file that is ready to be loaded.
struct Ready {
    file: ReplayedFile,
    replay: Replay,
    /// Its new rows; `None` if there are none.
    rows: Option<StagedFile>,
}

impl Loading<'_> {
    /// Loads the selected rows.
    ///
    /// # Errors
    /// [`Refusal::Replay`] if rows in the target are not what today's SQL gives; [`Error`].
    pub(super) async fn load(
        &self,
        states: &[FileState],
        selected: Vec<Selected>,
        options: ReplayOptions,
    ) -> Result<Vec<ReplayedFile>, Error> {
        let schema = stage::schema(self.catalog).await?;
        let whole = self.stage_whole(states, &selected, &schema).await?;
        let ready = self.stage_new(states, selected, &whole).await?;
        self.refuse_other_rows(states, &ready, &whole).await?;
        let prepared = self.prepare_target(&schema, options).await?;
        self.record_run(options).await?;
        self.load_batches(&ready, prepared, options).await?;
        Ok(ready.into_iter().map(|ready| ready.file).collect())
    }

    /// Stages all rows of the selected files, as a run does; by name.
    async fn stage_whole(
        &self,
        states: &[FileState],
        selected: &[Selected],
        schema: &SchemaRef,
    ) -> Result<HashMap<String, FoundFile>, Error> {
        let names: HashMap<&str, usize> =
            selected.iter().map(|file| (states[file.index].name.as_str(), file.index)).collect();
        let mirrors: Vec<Arc<Mirrored>> = self
            .catalog
            .mirror
            .files
            .iter()
            .filter(|file| names.contains_key(file.file.name.as_str()))
            .cloned()
            .collect();
        let area = Area::open(self.catalog, schema, &self.project.staging).await?;
        let at_once = self.project.config.limits.files_at_once;
        let manifest = stage::stage(self.catalog, self.survivors, &mirrors, &area, at_once).await?;
        let found = manifest.files.into_iter().map(|staged| {
            let index = names.get(staged.file_name.as_str()).copied().unwrap_or_default();
            let (fingerprint, name) = (manifest.fingerprint.clone(), staged.file_name.clone());
            (name, FoundFile { index, staged, fingerprint, is_current: true, is_kept: false })
        });
        Ok(found.collect())
    }

    /// Stages the new rows of each file separately.
    async fn stage_new(
        &self,
        states: &[FileState],
        selected: Vec<Selected>,
        whole: &HashMap<String, FoundFile>,
    ) -> Result<Vec<Ready>, Error> {
        let mut ready = Vec::with_capacity(selected.len());
        for file in selected {
            let state = &states[file.index];
            let (Some(entry), Some(found)) = (&state.ledger, whole.get(&state.name)) else {
                continue;
            };
            let rows = match file.rows.count() {
                0 => None,
                _ => Some(self.stage_rows(state, &file).await?),
            };
            let loaded = rows.as_ref().map_or(0, |rows| rows.counts.staged);
            ready.push(Ready {
                file: ReplayedFile {
                    key: state.key.clone(),
                    date: state.date,
                    rejected_before: entry.counts.rejected,
                    readable: file.readable,
                    loaded,
                    rejected: found.staged.counts.rejected,
                },
                replay: Replay {
                    file_name: state.name.clone(),
                    run_id: entry.run_id.clone(),
                    xids: entry.xids.clone(),
                    held: entry.held,
                    counts: found.staged.counts,
                    survivors: found.staged.survivors.clone(),
                },
                rows: rows.filter(|rows| rows.counts.staged > 0),
            });
        }
        Ok(ready)
    }

    async fn stage_rows(&self, state: &FileState, file: &Selected) -> Result<StagedFile, Error> {
        let mut mirrors = self.catalog.mirror.files.iter();
        let Some(mirrored) = mirrors.find(|mirrored| mirrored.file.name == state.name) else {
            return Err(stage::Error::Cancelled { file: state.name.clone() }.into());
        };
        let name = mirrored.path.filename().unwrap_or_default();
        let dataset = &self.catalog.dataset.name;
        let path = layout::replayed(&self.project.id, dataset, state.date, name);
        Ok(stage::stage_rows(self.catalog, mirrored, file.rows.clone(), path).await?)
    }

    /// Refuses if the target has other rows than today's SQL gives, or if the SQL gives more besides the new ones.
    async fn refuse_other_rows(
        &self,
        states: &[FileState],
        ready: &[Ready],
        whole: &HashMap<String, FoundFile>,
    ) -> Result<(), Error> {
        let mut refused: Vec<String> = ready
            .iter()
            .filter(|file| {
                let found = whole.get(&file.replay.file_name);
                let entry = found.and_then(|found| states[found.index].ledger.as_ref());
                let before = entry.map_or(0, |entry| entry.counts.staged);
                before + file.file.loaded != file.replay.counts.staged
            })
            .map(|file| format!("{} (stage.sql would leave out other rows of it)", file.file.key))
            .collect();
        refused.extend(self.different_files(states, whole).await?);
        if refused.is_empty() {
            return Ok(());
        }
        let table = self.catalog.dataset.table.to_string();
        Err(Refusal::Replay { table, files: refused }.into())
    }

    /// Compares the files with the target cell by cell, and describes those that differ.
    async fn different_files(
        &self,
        states: &[FileState],
        whole: &HashMap<String, FoundFile>,
    ) -> Result<Vec<String>, Error> {
        let comparison = Comparison {
            project: self.project,
            dataset: &self.catalog.dataset,
            target: self.target,
            sql: &self.catalog.sql,
            varying: stage::varying(self.catalog).await?,
            options: DeepOptions { connections: 2 },
        };
        let mut files: Vec<FoundFile> = whole.values().cloned().collect();
        files.sort_by_key(|file| file.index);
        let bytes = files.iter().map(|file| file.staged.identity.size).sum();
        self.project.progress.begin("compare", Total { files: files.len() as u64, bytes });
        let mut different = Vec::new();
        for group in groups(self.project, files).await? {
            let found = comparison.of(&group, states).await?.deep;
            for (file, counts) in group.files.iter().zip(&found.files) {
                let columns = found.columns.keys();
                different.extend(self.difference(&states[file.index], *counts, columns));
            }
        }
        self.project.progress.end();
        Ok(different)
    }

    /// Says in what a file differs from the target, if it does; `columns` are all columns that differ in its group.
    fn difference<'a>(
        &self,
        state: &FileState,
        counts: DeepCounts,
        columns: impl Iterator<Item = &'a String>,
    ) -> Option<String> {
        let held = state.ledger.as_ref().map_or(0, |entry| entry.held);
        let may_have_extra = self.catalog.dataset.placement.merges();
        let is_as_loaded =
            counts.equal + counts.extra == held && (counts.extra == 0 || may_have_extra);
        if counts.different == 0 && is_as_loaded {
            return None;
        }
        let columns: Vec<&str> = columns.map(String::as_str).collect();
        Some(format!(
            "{} ({} of its rows differ{}{})",
            state.key,
            counts.different + held.abs_diff(counts.equal + counts.different),
            if columns.is_empty() { "" } else { ", in some of these columns: " },
            columns.join(", ")
        ))
    }

    /// Refuses to fire triggers unless that is allowed.
    fn refuse_triggers(&self, options: ReplayOptions) -> Result<(), Error> {
        let dataset = &self.catalog.dataset;
        let effects = target::effects(self.target);
        let mut triggers = effects.insert_triggers;
        if dataset.placement.merges() {
            triggers.extend(effects.update_triggers);
            let cascades = effects.update_cascades.into_iter();
            triggers.extend(cascades.map(|cascade| cascade.description));
        }
        if options.side_effects == SideEffects::Refuse && !triggers.is_empty() {
            let table = dataset.table.to_string();
            return Err(Refusal::Triggers { table, triggers }.into());
        }
        Ok(())
    }

    /// Makes sure that the target takes the rows.
    async fn prepare_target(
        &self,
        schema: &SchemaRef,
        options: ReplayOptions,
    ) -> Result<(Target, Arc<Encoder>), Error> {
        self.refuse_triggers(options)?;
        let dataset = &self.catalog.dataset;
        let merges = dataset.placement.merges();
        let moves = merges || self.target.guest.needs_lock();
        let needs =
            Needs { updates: merges, locks: moves, is_temporary: moves, ..Needs::default() };
        let (constants, path) =
            (&dataset.constants, self.catalog.sql.stage.path.display().to_string());
        let ready = self.project.database()?.session(async |client: &Client| {
            target::refuse_missing(client, &dataset.table, Some(self.target), needs).await?;
            let target = self.target.clone().with_single_values(client, schema, constants).await?;
            let encoder = Encoder::new(schema, &target, &path, constants)?;
            encoder.refuse_placement(&target, &dataset.placement, &path)?;
            Ok((target, Arc::new(encoder)))
        });
        Ok(ready.await?)
    }

    async fn record_run(&self, options: ReplayOptions) -> Result<(), Error> {
        let hash = self.catalog.sql.hash();
        let record = RunRecord {
            run_id: &self.project.id,
            dataset: &self.catalog.dataset.name,
            target: &self.catalog.dataset.table,
            range: options.range,
            batch_days: USUAL_BATCH_DAYS,
            sql_hash: &hash,
        };
        let database = self.project.database()?;
        let recorded = database.session(async |client: &Client| {
            ledger::create(client).await?;
            ledger::begin_run(client, &record).await
        });
        recorded.await?;
        failpoint::reach(failpoint::LOAD_RUN_RECORDED);
        Ok(())
    }

    async fn load_batches(
        &self,
        ready: &[Ready],
        (target, encoder): (Target, Arc<Encoder>),
        options: ReplayOptions,
    ) -> Result<(), Error> {
        let mut batches: BTreeMap<usize, Vec<&Ready>> = BTreeMap::new();
        for file in ready {
            let number = options.range.batch_of(file.file.date, USUAL_BATCH_DAYS) + 1;
            batches.entry(number).or_default().push(file);
        }
        let (reload, found, hash) = (HashMap::new(), HashMap::new(), self.catalog.sql.hash());
        let job = Job {
            database: self.project.database()?,
            target: &target,
            placement: &self.catalog.dataset.placement,
            encoder: Some(encoder),
            staging: &self.project.staging,
            run_id: &self.project.id,
            dataset: &self.catalog.dataset.name,
            sql_hash: &hash,
            reload: &reload,
            found: &found,
            keeps_rows: self.project.config.undo_days > 0,
            progress: &self.project.progress,
        };
        let total = Total { files: ready.len() as u64, bytes: 0 };
        self.project.progress.begin("replay", total);
        let mut skipped = HashSet::new();
        for (number, files) in batches {
            let replays = files.iter().map(|file| file.replay.clone()).collect();
            let dates = files.iter().map(|file| file.file.date);
            let Some(days) = dates.clone().min().zip(dates.max()) else { continue };
            let rows = files.iter().filter_map(|file| file.rows.clone()).collect();
            let loaded =
                target::load(&job, &Batch::of_replays(number, days, rows, replays)).await?;
            skipped.extend(loaded.skipped);
        }
        self.project.progress.end();
        if !skipped.is_empty() {
            let files = skipped.into_iter().collect();
            self.project.notice(&self.catalog.dataset, Event::DoneMeanwhile { files });
        }
        Ok(())
    }

    /// Records how the run ended.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) async fn record_end(&self, verification: &Verification) -> Result<(), Error> {
        let text = serde_json::to_string(verification)
            .map_err(|source| Error::Json { what: "the accounting", source })?;
        let status = if verification.totals.wrong == 0 { "done" } else { "failed" };
        let (id, name) = (&self.project.id, &self.catalog.dataset.name);
        let database = self.project.database()?;
        let ended = database.session(async |client: &Client| {
            ledger::end_run(client, id, name, status, &text).await
        });
        Ok(ended.await?)
    }
}
