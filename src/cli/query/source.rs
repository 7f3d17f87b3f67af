//! The **source** of a query: the files of the datasets. Only those that the query can take rows from are mirrored.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::catalog::CatalogProvider;
use datafusion::prelude::SessionContext;

use super::super::ranges::Ranges;
use super::{parsed, plan};
use crate::domain::{Dataset, Event, FileDate};
use crate::error::Error;
use crate::project::Project;
use crate::source::Listing;
use crate::tables::{self, Beside, Lookup};
use crate::target::DatabaseTables;

/// The days that a query asks for, by the name of the dataset. All days are asked for of a dataset without an entry.
type Days = HashMap<String, BTreeSet<FileDate>>;

/// The files of the datasets, and the tables of the target database.
pub(super) struct Source {
    /// In the order of the configuration, but those without a file last: the schema of the first may be left out.
    listed: Vec<(Dataset, Listing)>,
    database: Arc<dyn CatalogProvider>,
}

impl Source {
    /// Lists the files of every dataset in its range.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) async fn list(project: &Project, ranges: &Ranges) -> Result<Self, Error> {
        let mut listed = Vec::new();
        for dataset in &project.config.datasets {
            let Some(range) = ranges.of(dataset) else { continue };
            listed.push((dataset.clone(), project.list(dataset, range).await?));
        }
        listed.sort_by_key(|(_, listing)| listing.files.is_empty());
        let database = Arc::new(DatabaseTables::new(project.database.clone()));
        Ok(Self { listed, database })
    }

    /// Whether no dataset has a file.
    pub(super) fn is_empty(&self) -> bool {
        self.listed.iter().all(|(_, listing)| listing.files.is_empty())
    }

    /// Creates a session with tables over the files of the days that a query asks for. If the query cannot be planned
    /// over these, it may name a column that only other files have: the tables are then over all files.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) async fn session_for(
        &self,
        project: &Project,
        sql: &str,
    ) -> Result<SessionContext, Error> {
        let names: Vec<String> =
            self.listed.iter().map(|(dataset, _)| dataset.name.clone()).collect();
        let (engine, database) = (&project.engine, Arc::clone(&self.database));
        let statement = parsed(sql)?;
        let beside = project.references_of(&statement).await?;
        let days = tables::days_asked_for(engine, &names, database, &statement).await;
        self.warn_of_days_outside(project, &days);
        let session = self.session(project, &self.looked_up(project, &days).await?, &beside)?;
        if !self.leaves_out_files(&days) || plan(&session, sql).await.is_ok() {
            return Ok(session);
        }
        self.session(project, &self.looked_up(project, &Days::new()).await?, &beside)
    }

    /// Whether there are files of other days than those that are asked for.
    fn leaves_out_files(&self, days: &Days) -> bool {
        self.listed.iter().any(|(dataset, listing)| match days.get(&dataset.name) {
            Some(days) => listing.files.iter().any(|file| !days.contains(&file.date)),
            None => false,
        })
    }

    /// Warns of days outside the range that the query asks for.
    fn warn_of_days_outside(&self, project: &Project, days: &Days) {
        for (dataset, listing) in &self.listed {
            let range = listing.range;
            let asked = days.get(&dataset.name);
            if let Some(asked) = asked.and_then(|days| tables::days_outside(days, range)) {
                project.notice(dataset, Event::DaysOutside { asked, range });
            }
        }
    }

    /// Mirrors the files of these days, and reports how many they are if they are not all files. If no file of a dataset
    /// is asked for, the newest one is read for its columns.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) async fn looked_up(
        &self,
        project: &Project,
        days: &Days,
    ) -> Result<Vec<Lookup>, Error> {
        let mut lookups = Vec::new();
        for (dataset, listing) in &self.listed {
            let mut listing = listing.clone();
            if let Some(days) = days.get(&dataset.name) {
                let (of, newest) = (listing.files.len(), listing.files.last().cloned());
                listing.files.retain(|file| days.contains(&file.date));
                let files = listing.files.len();
                if files < of {
                    project.notice(dataset, Event::FilesByDate { files, of });
                }
                if files == 0 {
                    listing.files.extend(newest);
                }
            }
            lookups.push(project.look_up_files(dataset, listing).await?);
        }
        Ok(lookups)
    }

    /// Creates a session with the tables of datasets, the references and the tables of the database.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) fn session(
        &self,
        project: &Project,
        lookups: &[Lookup],
        beside: &Beside,
    ) -> Result<SessionContext, Error> {
        Ok(tables::session_over(&project.engine, lookups, beside, Arc::clone(&self.database))?)
    }
}
