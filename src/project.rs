//! A **project** that is opened: its configuration, its stores, the SQL engine and the target database.
//! What every command does with them first is here: list, mirror, register, ask the target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::sql::parser::Statement;
use tokio_postgres::Client;

use crate::check::{self, Outcome};
use crate::config::Config;
use crate::domain::{Dataset, DateRange, Environment, Event, FileDate, Notice, first_date};
use crate::engine::Engine;
use crate::error::Error;
use crate::failpoint;
use crate::mirror::{self, Mirror, Mirrored};
use crate::progress::{Listener, Recorder};
use crate::source::{self, Listing};
use crate::sql::{Sql, mentioned_tables, orders_by_plain_name};
use crate::state::{Files, PinnedColumn, PinnedDataset};
use crate::store::Store;
use crate::tables::{self, Beside, BesideError, Catalog, Lookup};
use crate::target::ledger::Scope;
use crate::target::{self, Database, Definition, Target};

/// An opened project.
pub struct Project {
    /// The id of what is done with it: when it was opened, and some letters.
    pub id: String,
    /// Where the source files are.
    pub source: Store,
    /// Where mirrors and staging are.
    pub staging: Store,
    /// Where the target is; `None` if no database is named.
    pub database: Option<Database>,
    /// The SQL engine.
    pub engine: Engine,
    /// The configuration.
    pub config: Config,
    /// Hears of all work.
    pub progress: Listener,
    recorder: Arc<Recorder>,
    /// With what references are opened.
    environment: Environment,
}

impl Project {
    /// Opens the stores and the engine. The database is reached by those who need it.
    ///
    /// # Errors
    /// [`Error`] if a place cannot be opened.
    pub fn open(
        config: Config,
        environment: &Environment,
        progress: Listener,
    ) -> Result<Self, Error> {
        let source = config.source.open(environment)?;
        let staging = config.staging.open(environment)?;
        let engine = Engine::new(&staging, config.limits)?;
        let database = match Database::from_environment(environment) {
            Ok(database) => Some(database),
            Err(target::Error::NoDatabase) => None,
            Err(error) => return Err(error.into()),
        };
        let recorder = Arc::new(Recorder::new(progress));
        let progress = Arc::clone(&recorder) as Listener;
        let database = database.map(|database| database.with_listener(Arc::clone(&progress)));
        let (id, environment) = (new_id(), environment.clone());
        Ok(Self { id, source, staging, database, engine, config, progress, recorder, environment })
    }

    /// The target database.
    ///
    /// # Errors
    /// [`target::Error::NoDatabase`].
    pub fn database(&self) -> Result<&Database, target::Error> {
        self.database.as_ref().ok_or(target::Error::NoDatabase)
    }

    /// Tells the person something about a dataset.
    pub fn notice(&self, dataset: &Dataset, event: Event) {
        self.progress.notice(&Notice::of(&dataset.name, event));
    }

    /// The notices about a dataset so far.
    pub fn notices(&self, dataset: &Dataset) -> Vec<Notice> {
        self.recorder.notices(&dataset.name)
    }

    /// Lists the files of a range, and refuses what a run may not pass over.
    ///
    /// # Errors
    /// [`Error::Source`].
    pub async fn list(&self, dataset: &Dataset, range: DateRange) -> Result<Listing, Error> {
        let listing = source::list(&self.source, dataset, range).await?;
        failpoint::reach(failpoint::LISTED);
        let (files, ignored) = (listing.files.len(), listing.ignored.len());
        tracing::info!(dataset = dataset.name, files, ignored, "listed");
        for finding in &listing.findings {
            self.notice(dataset, Event::Listed(finding.clone()));
        }
        Ok(listing)
    }

    /// Warns of days of which `dedupe.sql` takes another file for the newest than the numbers in the names say.
    pub fn warn_of_plain_names(&self, dataset: &Dataset, sql: &Sql, listing: &Listing) {
        if orders_by_plain_name(&sql.dedupe) {
            for event in listing.days_in_plain_order() {
                self.notice(dataset, event);
            }
        }
    }

    /// Asks the database for the target and for what it holds of the files.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub async fn ask_target(
        &self,
        dataset: &Dataset,
        files: &mut Files,
    ) -> Result<Option<Target>, Error> {
        let prefix = self.source.file_name(&dataset.prefix);
        let scope = Scope {
            target: &dataset.table,
            dataset: &dataset.name,
            prefix: &prefix,
            range: files.range,
        };
        let names = files.names();
        let (target, mut held) = self
            .database()?
            .session(async |client: &Client| {
                let target = Target::find(client, &dataset.table).await?;
                let held = target::held(client, target.as_ref(), scope, &names).await?;
                Ok((target, held))
            })
            .await?;
        held.state.ignored =
            files.ignored.iter().map(|key| self.source.file_name(&key.key)).collect();
        held.state.live_since = live_since(dataset, &prefix, &held.live_files);
        files.fill_target(held.state);
        if let Some(target) = &target {
            self.ask_ours(target, files).await?;
            self.warn_of_target(dataset, target, files);
        }
        Ok(target)
    }

    /// Asks a target for every file that its rows are from, whoever loaded them and whatever the range, and so for
    /// the first day of another loader. That of dlt is known already. Reads the whole table.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub async fn ask_every_file(
        &self,
        dataset: &Dataset,
        target: &Target,
        files: &mut Files,
    ) -> Result<(), Error> {
        if target.guest.dlt().is_some() {
            return Ok(());
        }
        let asked = self.database()?.session(async |client: &Client| {
            let every = target::count_every_file(client, target).await?;
            let others = target::of_others(client, target, &every).await?;
            Ok::<_, target::Error>((every, others))
        });
        let (every, others) = asked.await?;
        let prefix = self.source.file_name(&dataset.prefix);
        // What lies elsewhere may be another dataset's.
        let others: Vec<String> =
            others.into_iter().filter(|name| name.starts_with(&prefix)).collect();
        files.fill_every_file(every, live_since(dataset, &prefix, &others));
        Ok(())
    }

    /// Tells what a person should know about the target.
    fn warn_of_target(&self, dataset: &Dataset, target: &Target, files: &Files) {
        let table = files.target.clone();
        if !target.has_file_name_index && target.bytes > LARGE_TABLE {
            self.notice(dataset, Event::NoFileNameIndex { table: target.table.clone() });
        }
        if target.guest.dlt().is_some_and(|dlt| dlt.loads.is_none()) {
            self.notice(dataset, Event::NoLoadsTable { table: table.clone() });
        }
        if files.unfinished > 0 {
            let (table, rows) = (table.clone(), files.unfinished);
            self.notice(dataset, Event::LoadUnfinished { table, rows });
        }
        if files.changes_other_tables() {
            let changes = files.effects.cascades.clone();
            self.notice(dataset, Event::Cascades { table, changes });
        }
        self.warn_of_triggers(dataset, files);
    }

    /// Warns of the triggers and rules of the target that a run sets off.
    pub fn warn_of_triggers(&self, dataset: &Dataset, files: &Files) {
        let triggers = files.triggers();
        if !triggers.is_empty() {
            let (load, delete) = (files.to_load().count(), files.to_remove().count());
            let table = files.target.clone();
            self.notice(dataset, Event::Triggers { table, triggers, files: load + delete });
        }
    }

    /// Asks the database whose the rows are that a run might delete, and what deleting them would change
    /// elsewhere, unless that is known already.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub async fn ask_ours(&self, target: &Target, files: &mut Files) -> Result<(), Error> {
        let contested = files.contested();
        if contested.is_empty() {
            return Ok(());
        }
        let at_stake = self
            .database()?
            .session(async |client: &Client| target::at_stake(client, target, &contested).await)
            .await?;
        files.fill_ours(&at_stake.ours, at_stake.cascades);
        Ok(())
    }

    /// The target as the database has it; `None` if there is no such table, or no database is named.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub async fn find_target(&self, dataset: &Dataset) -> Result<Option<Target>, Error> {
        let Some(database) = &self.database else { return Ok(None) };
        let table = &dataset.table;
        Ok(database.session(async |client: &Client| Target::find(client, table).await).await?)
    }

    /// What a run would do with the files of a dataset, as it is kept in a file.
    pub fn pin(
        &self,
        dataset: &Dataset,
        sql: &Sql,
        target: Option<&Target>,
        files: &Files,
    ) -> PinnedDataset {
        let columns = target.map(|target| {
            let columns = target.columns.iter();
            columns.map(|column| PinnedColumn {
                name: column.name.clone(),
                data_type: column.type_text.clone(),
            })
        });
        let columns = columns.map(Iterator::collect);
        PinnedDataset::of(dataset, &self.config.source.to_string(), sql, columns, files)
    }

    /// How the target is declared in the database; `None` if there is no such table, or no database is
    /// named.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub async fn define_target(&self, dataset: &Dataset) -> Result<Option<Definition>, Error> {
        let Some(database) = &self.database else { return Ok(None) };
        let table = &dataset.table;
        Ok(database.session(async |client: &Client| Definition::find(client, table).await).await?)
    }

    /// Mirrors what has no mirror yet.
    ///
    /// # Errors
    /// [`Error::Mirror`].
    pub async fn mirror(&self, dataset: &Dataset, listing: Listing) -> Result<Mirror, Error> {
        let (source, staging, limits) = (&self.source, &self.staging, self.config.limits);
        let mirror =
            mirror::mirror(source, staging, dataset, listing, limits, &self.progress).await?;
        tracing::info!(dataset = dataset.name, files = mirror.files.len(), "mirrored");
        for event in mirror.oddities(&dataset.dialect) {
            self.notice(dataset, event);
        }
        Ok(mirror)
    }

    /// Registers a mirror with the engine, and warns of columns that the SQL reads and some files lack.
    ///
    /// # Errors
    /// [`Error::Engine`].
    pub async fn register(
        &self,
        dataset: &Dataset,
        sql: Sql,
        mirror: Mirror,
    ) -> Result<Catalog, Error> {
        let catalog = tables::register(&self.engine, dataset, sql, mirror, &self.progress).await?;
        for event in missing_columns(&catalog).await {
            self.notice(dataset, event);
        }
        failpoint::reach(failpoint::REGISTERED);
        Ok(catalog)
    }

    /// Mirrors what is missing and registers it: what checks by hand start from.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn registered(&self, dataset: &Dataset, range: DateRange) -> Result<Catalog, Error> {
        let sql = Sql::read(dataset)?;
        let mirror = self.mirror_files(dataset, self.list(dataset, range).await?).await?;
        self.register(dataset, sql, mirror).await
    }

    /// Mirrors what is missing and makes tables of it: what queries by hand start from, which need no SQL of
    /// the dataset, nor that it is right.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn look_up(&self, dataset: &Dataset, range: DateRange) -> Result<Lookup, Error> {
        self.look_up_files(dataset, self.list(dataset, range).await?).await
    }

    /// The same of files that are listed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn look_up_files(&self, dataset: &Dataset, files: Listing) -> Result<Lookup, Error> {
        let mirror = self.mirror_files(dataset, files).await?;
        Ok(match Sql::read(dataset) {
            Ok(sql) => self.register(dataset, sql, mirror).await?.into(),
            Err(_) => Lookup::new(&self.engine, dataset, mirror, &self.progress)?,
        })
    }

    async fn mirror_files(&self, dataset: &Dataset, files: Listing) -> Result<Mirror, Error> {
        let mirror = self.mirror(dataset, files).await?;
        self.warn_of_personal(dataset, headers(&mirror));
        Ok(mirror)
    }

    /// Runs every check of a registered dataset; a failed check is not an error here.
    ///
    /// # Errors
    /// [`Error::Check`] if a check cannot run, and what [`beside`](Self::beside) says.
    pub async fn check(&self, catalog: &Catalog) -> Result<Vec<Outcome>, Error> {
        let checks = catalog.sql.checks.iter().map(|check| &check.query.statement);
        let beside = self.beside(&catalog.dataset, catalog.mirror.range, checks).await?;
        let catalog = catalog.clone().with_beside(beside);
        Ok(check::check(&catalog, &self.staging, &self.id).await?)
    }

    /// The tables beside a dataset that statements name: of other datasets, over the same days, and references.
    ///
    /// # Errors
    /// [`Error::Beside`] if a reference cannot be read, or a dataset has no file on these days;
    /// [`check::Error::NotExports`] if files of it are not exports.
    pub async fn beside<'a>(
        &self,
        dataset: &Dataset,
        range: DateRange,
        statements: impl Iterator<Item = &'a Statement>,
    ) -> Result<Beside, Error> {
        let named: BTreeSet<Vec<String>> = statements.flat_map(mentioned_tables).collect();
        let mut beside = self.references(&named).await?;
        let others = self.config.datasets.iter().chain(&self.config.beside);
        let is_named = |other: &&Dataset| {
            other.name != dataset.name
                && named.iter().any(|parts| schema_of(parts) == Some(&other.name))
        };
        for other in others.filter(is_named) {
            let mirror = self.mirror(other, self.list(other, range).await?).await?;
            if mirror.files.is_empty() {
                let (dataset, other) = (dataset.name.clone(), other.name.clone());
                return Err(BesideError::NoFiles { dataset, other, range }.into());
            }
            let sql = Sql::read(other)?;
            check::refuse_not_exports(other, &sql, mirror.headers())?;
            let catalog = tables::register(&self.engine, other, sql, mirror, &self.progress);
            beside.add_dataset(&catalog.await?);
        }
        Ok(beside)
    }

    /// The references that are among some tables.
    ///
    /// # Errors
    /// [`Error::Beside`].
    async fn references(&self, named: &BTreeSet<Vec<String>>) -> Result<Beside, Error> {
        let mut beside = Beside::default();
        for reference in &self.config.references {
            if named.iter().any(|parts| parts.last() == Some(&reference.name)) {
                let store = reference.place.open(&self.environment)?;
                let most = self.config.limits.sql_memory;
                let table = tables::read_reference(reference, &store, most).await?;
                beside.add_reference(&reference.name, table);
            }
        }
        Ok(beside)
    }

    /// All references, for a shell, in which any statement may come.
    ///
    /// # Errors
    /// [`Error::Beside`].
    pub async fn all_references(&self) -> Result<Beside, Error> {
        let names = self.config.references.iter().map(|reference| vec![reference.name.clone()]);
        self.references(&names.collect()).await
    }

    /// The references that a statement names.
    ///
    /// # Errors
    /// [`Error::Beside`].
    pub async fn references_of(&self, statement: &Statement) -> Result<Beside, Error> {
        self.references(&mentioned_tables(statement)).await
    }

    /// Warns of personal columns that no file has: the name may be a slip, and then the values of the
    /// column that is meant are shown.
    pub fn warn_of_personal<'a>(
        &self,
        dataset: &Dataset,
        headers: impl Iterator<Item = &'a String>,
    ) {
        let columns: std::collections::BTreeSet<&str> = headers.map(String::as_str).collect();
        let columns: Vec<&str> = columns.into_iter().collect();
        let unmatched = dataset.unmatched_personal(&columns);
        if !unmatched.is_empty() && !columns.is_empty() {
            let entries = unmatched.into_iter().map(str::to_owned).collect();
            self.notice(dataset, Event::PersonalColumnsUnmatched { entries });
        }
    }
}

/// The schema in the name of a table, if it has one.
fn schema_of(parts: &[String]) -> Option<&String> {
    parts.len().checked_sub(2).and_then(|place| parts.get(place))
}

/// The size in bytes above which it takes long to read a table as a whole.
pub const LARGE_TABLE: u64 = 256 << 20;

/// The first day of files of the live loader: by the dataset's own pattern if they lie under its prefix, else
/// the first date in the name.
fn live_since(dataset: &Dataset, prefix: &str, names: &[String]) -> Option<FileDate> {
    names.iter().filter_map(|name| date_of(dataset, prefix, name)).min()
}

/// The file date in the name by which rows refer to a file: by the dataset's own pattern if it lies under its prefix,
/// else the first date in it.
pub fn date_of(dataset: &Dataset, prefix: &str, name: &str) -> Option<FileDate> {
    let key = name.strip_prefix(prefix);
    let of_pattern = key.and_then(|key| dataset.key.iter().find_map(|p| p.date_of(key)));
    of_pattern.or_else(|| first_date(name))
}

/// An id that sorts by time, with the process, so that two differ.
fn new_id() -> String {
    let now = chrono::Utc::now();
    format!("{}-{:04x}", now.format("%Y%m%dT%H%M%S%3f"), std::process::id() & 0xffff)
}

/// The columns of every file.
pub fn headers(mirror: &Mirror) -> impl Iterator<Item = &String> {
    mirror.headers().flat_map(|(_, names)| names)
}

/// Columns that the dataset's SQL reads and some files lack, but for those that the dataset calls
/// optional: they will be NULL, and a person should know.
async fn missing_columns(catalog: &Catalog) -> Vec<Event> {
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
    let missing = having.into_iter().filter(|(name, _)| read.contains(*name));
    missing.map(|(name, count)| missing_column(files, name, count)).collect()
}

fn missing_column(files: &[Arc<Mirrored>], name: &str, having: usize) -> Event {
    let lacks = |file: &&Arc<Mirrored>| !file.note.summary.header.iter().any(|other| other == name);
    let first = files.iter().find(lacks).map(|file| file.file.key.clone()).unwrap_or_default();
    Event::ColumnMissing {
        column: name.to_owned(),
        files: files.len() - having,
        of: files.len(),
        first,
    }
}
