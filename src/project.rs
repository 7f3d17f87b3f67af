//! An opened **project**: its configuration, its stores, the SQL engine and the target database. The first steps of
//! every command are here: list, mirror, register, ask the target.

mod beside;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use target::{LARGE_TABLE, date_of};

use crate::check::{self, Outcome};
use crate::config::Config;
use crate::domain::{Dataset, DateRange, Environment, Event, Notice};
use crate::engine::Engine;
use crate::error::Error;
use crate::failpoint;
use crate::mirror::{self, Mirror, Mirrored};
use crate::progress::{Listener, Recorder};
use crate::source::{self, Listing};
use crate::sql::{Sql, orders_by_plain_name};
use crate::store::Store;
use crate::tables::{self, Catalog, Lookup};
use crate::target::{Database, Error as TargetError};

/// An opened project.
pub struct Project {
    /// The id of a run: when the project was opened, and some letters.
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
    /// Receives the progress and notices of all steps.
    pub progress: Listener,
    recorder: Arc<Recorder>,
    /// The environment with which references are opened.
    environment: Environment,
}

impl Project {
    /// Opens the stores and the engine. No connection to the database is opened here.
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
        let recorder = Arc::new(Recorder::new(progress));
        let listener = Arc::clone(&recorder) as Listener;
        let database = match Database::from_environment(environment) {
            Ok(database) => Some(database.with_listener(Arc::clone(&listener))),
            Err(TargetError::NoDatabase) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            id: new_id(),
            source,
            staging,
            database,
            engine,
            config,
            progress: listener,
            recorder,
            environment: environment.clone(),
        })
    }

    /// The target database.
    ///
    /// # Errors
    /// [`TargetError::NoDatabase`].
    pub fn database(&self) -> Result<&Database, TargetError> {
        self.database.as_ref().ok_or(TargetError::NoDatabase)
    }

    /// Reports something about a dataset to the person who runs the command.
    pub fn notice(&self, dataset: &Dataset, event: Event) {
        self.progress.notice(&Notice::of(&dataset.name, event));
    }

    /// The notices about a dataset so far.
    pub fn notices(&self, dataset: &Dataset) -> Vec<Notice> {
        self.recorder.notices(&dataset.name)
    }

    /// Lists the files of a range, and refuses files that a run must not skip.
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

    /// Warns of days on which `dedupe.sql` takes another file for the newest than the numbers in the file names do.
    pub fn warn_of_plain_names(&self, dataset: &Dataset, sql: &Sql, listing: &Listing) {
        if orders_by_plain_name(&sql.dedupe) {
            for event in listing.days_in_plain_order() {
                self.notice(dataset, event);
            }
        }
    }

    /// Mirrors the files that have no mirror yet.
    ///
    /// # Errors
    /// [`Error::Mirror`].
    pub async fn mirror(&self, dataset: &Dataset, listing: Listing) -> Result<Mirror, Error> {
        let (source, staging, limits) = (&self.source, &self.staging, self.config.limits);
        let sizes = listing.sizes.clone();
        let mirror =
            mirror::mirror(source, staging, dataset, listing, limits, &self.progress).await?;
        tracing::info!(dataset = dataset.name, files = mirror.files.len(), "mirrored");
        for event in mirror::oddities(staging, dataset, &mirror, &sizes, limits).await? {
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

    /// Mirrors a range and registers it, for checks by hand.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn registered(&self, dataset: &Dataset, range: DateRange) -> Result<Catalog, Error> {
        let sql = Sql::read(dataset)?;
        let mirror = self.mirror_files(dataset, self.list(dataset, range).await?).await?;
        self.register(dataset, sql, mirror).await
    }

    /// Mirrors a range and makes tables of it, for queries by hand. They work even if the dataset's SQL is missing or
    /// wrong.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn look_up(&self, dataset: &Dataset, range: DateRange) -> Result<Lookup, Error> {
        self.look_up_files(dataset, self.list(dataset, range).await?).await
    }

    /// Like [`look_up`](Self::look_up), for files that are already listed.
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
    /// [`Error::Check`] if a check cannot run, and the errors of [`beside`](Self::beside).
    pub async fn check(&self, catalog: &Catalog) -> Result<Vec<Outcome>, Error> {
        let checks = catalog.sql.checks.iter().map(|check| &check.query.statement);
        let beside = self.beside(&catalog.dataset, catalog.mirror.range, checks).await?;
        let catalog = catalog.clone().with_beside(beside);
        Ok(check::check(&catalog, &self.staging, &self.id).await?)
    }

    /// Warns of personal columns that no file has: if a name is mistyped, the values of the column that was meant
    /// are shown.
    pub fn warn_of_personal<'a>(
        &self,
        dataset: &Dataset,
        headers: impl Iterator<Item = &'a String>,
    ) {
        let names: BTreeSet<&str> = headers.map(String::as_str).collect();
        let columns: Vec<&str> = names.into_iter().collect();
        let unmatched = dataset.unmatched_personal(&columns);
        if !unmatched.is_empty() && !columns.is_empty() {
            let entries = unmatched.into_iter().map(str::to_owned).collect();
            self.notice(dataset, Event::PersonalColumnsUnmatched { entries });
        }
    }
}

/// Makes an id that sorts by time. It contains the process id, so that two ids of the same moment differ.
fn new_id() -> String {
    let now = chrono::Utc::now();
    format!("{}-{:04x}", now.format("%Y%m%dT%H%M%S%3f"), std::process::id() & 0xffff)
}

/// Returns the columns of every file, one file after the other.
pub fn headers(mirror: &Mirror) -> impl Iterator<Item = &String> {
    mirror.headers().flat_map(|(_, names)| names)
}

/// Finds columns that the dataset's SQL reads and some files lack, except those that the dataset calls optional. They
/// will be NULL, and a person should know.
async fn missing_columns(catalog: &Catalog) -> Vec<Event> {
    let files = &catalog.mirror.files;
    let mut having: BTreeMap<&str, usize> = BTreeMap::new();
    for name in headers(&catalog.mirror) {
        *having.entry(name).or_default() += 1;
    }
    for name in &catalog.dataset.optional_columns {
        having.remove(name.as_str());
    }
    having.retain(|_, count| *count < files.len());
    if having.is_empty() {
        return Vec::new();
    }
    let read = catalog.columns_read(catalog.sql.queries()).await;
    let missing = having.into_iter().filter(|(name, _)| read.contains(*name));
    missing.map(|(name, count)| missing_column(files, name, count)).collect()
}

fn missing_column(files: &[Arc<Mirrored>], name: &str, having: usize) -> Event {
    let lacking =
        files.iter().find(|file| !file.note.summary.header.iter().any(|other| other == name));
    Event::ColumnMissing {
        column: name.to_owned(),
        files: files.len() - having,
        of: files.len(),
        first: lacking.map(|file| file.file.key.clone()).unwrap_or_default(),
    }
}
