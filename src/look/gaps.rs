//! The **gaps** of a dataset: days that the source has and the target has not, and the options to close them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::differences::readable;
use super::estimate::{Basis, Compute, Estimate, Figure, Origin, Room};
use crate::domain::{Dataset, DateRange, FileDate, USUAL_BATCH_DAYS};
use crate::error::Error;
use crate::project::{Project, date_of};
use crate::source;
use crate::sql::Sql;
use crate::state::{Coverage, FileState, Files, Gaps, Policy, Stray};
use crate::target::Target;

/// What was found out about a dataset.
pub struct Surveyed {
    /// What is missing where.
    pub gaps: Gaps,
    files: Files,
    basis: Option<Basis>,
}

/// Looks for the gaps of a dataset, from a day on and to a day if these are given. Nothing is written.
///
/// # Errors
/// [`Error`] if a store or the database cannot be asked.
pub async fn gaps(
    project: &Project,
    dataset: &Dataset,
    start: Option<FileDate>,
    end: Option<FileDate>,
) -> Result<Surveyed, Error> {
    let listing = source::survey_between(&project.source, dataset, start, end).await?;
    let sql = readable(dataset)?;
    let policy = Policy {
        sql_hash: sql.as_ref().map(Sql::hash).unwrap_or_default(),
        placement: dataset.placement.clone(),
        ..Policy::default()
    };
    let mut files = Files::listed(dataset, &listing, USUAL_BATCH_DAYS, policy);
    // The target may hold days that the source does not have any more.
    files.range = DateRange::open(start, end).unwrap_or(listing.range);
    let target = match project.database {
        Some(_) => project.ask_target(dataset, &mut files).await?,
        None => None,
    };
    let strays = match &target {
        Some(target) => {
            project.ask_every_file(dataset, target, &mut files).await?;
            Some(strays(project, dataset, &files))
        }
        None => None,
    };
    let basis = match &sql {
        Some(sql) => Some(basis(project, dataset, sql, &files, target).await?),
        None => None,
    };
    let gaps =
        files.gaps(strays.as_deref(), |file| basis.as_ref().map_or(0, |basis| basis.rows_of(file)));
    Ok(Surveyed { gaps, files, basis })
}

/// What the files of the gaps are estimated from.
async fn basis(
    project: &Project,
    dataset: &Dataset,
    sql: &Sql,
    files: &Files,
    target: Option<Target>,
) -> Result<Basis, Error> {
    let live_since = files.live_since();
    let basis = Basis::of(project, dataset, sql, files, target, |file| {
        is_open(files.coverage(file, live_since))
    });
    basis.await
}

/// Whether the source has a file of this coverage and the target does not, as far as that is known.
fn is_open(coverage: Coverage) -> bool {
    matches!(coverage, Coverage::Historical | Coverage::Forward | Coverage::Unknown)
}

/// The files that only the target has rows of, on the days that are asked for.
fn strays(project: &Project, dataset: &Dataset, files: &Files) -> Vec<Stray> {
    let ignored: BTreeSet<String> =
        files.ignored.iter().map(|key| project.source.file_name(&key.key)).collect();
    let prefix = project.source.file_name(&dataset.prefix);
    let mut strays = Vec::new();
    for (name, rows) in files.unlisted.iter().filter(|(name, _)| !ignored.contains(*name)) {
        let date = date_of(dataset, &prefix, name);
        if date.is_none_or(|date| files.range.contains(date)) {
            let is_under_prefix = name.starts_with(&prefix);
            strays.push(Stray { date, rows: *rows, is_under_prefix });
        }
    }
    strays
}

/// An option to go on: what is loaded, and what that costs.
#[derive(Clone, Debug, Serialize)]
pub struct Choice {
    /// What is loaded.
    pub what: Scope,
    /// How many days that are.
    pub days: usize,
    /// The estimate over all datasets; `None` if no dataset has one.
    pub estimate: Option<Estimate>,
    /// Whether it fits into the database and onto its disk.
    pub fits: Figure<bool>,
    /// Why it does not fit.
    pub refusal: Option<String>,
}

/// What is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every historical gap.
    Everything,
    /// The historical gaps from a day on.
    From(FileDate),
    /// Nothing.
    Nothing,
}

impl Scope {
    fn has(self, date: FileDate) -> bool {
        match self {
            Self::Everything => true,
            Self::From(from) => from <= date,
            Self::Nothing => false,
        }
    }
}

impl Surveyed {
    /// The files that a backfill would load.
    fn to_backfill(&self, scope: Scope) -> impl Iterator<Item = &FileState> {
        let live_since = self.files.live_since();
        self.files.in_source().filter(move |file| {
            let coverage = self.files.coverage(file, live_since);
            matches!(coverage, Coverage::Historical | Coverage::Unknown) && scope.has(file.date)
        })
    }

    /// Estimates what closing the historical gaps of a scope costs; `None` if the dataset has no SQL yet.
    pub fn estimate(&self, scope: Scope, compute: Option<Compute>) -> Option<Estimate> {
        Some(self.basis.as_ref()?.estimate(self.to_backfill(scope), compute))
    }

    fn database_bytes(&self) -> Option<u64> {
        self.basis.as_ref()?.database_bytes()
    }

    fn days(&self, scope: Scope) -> impl Iterator<Item = FileDate> {
        self.to_backfill(scope).map(|file| file.date)
    }
}

/// Estimates what a scope costs over all datasets, and whether that fits.
pub fn choice(surveyed: &[Surveyed], scope: Scope, room: Room, compute: Option<Compute>) -> Choice {
    let estimates: Vec<Estimate> =
        surveyed.iter().filter_map(|one| one.estimate(scope, compute)).collect();
    let days: BTreeSet<FileDate> = surveyed.iter().flat_map(|one| one.days(scope)).collect();
    let estimate = Estimate::sum(&estimates);
    let database = surveyed.iter().find_map(Surveyed::database_bytes);
    let growth = estimate.as_ref().and_then(|estimate| estimate.growth.value);
    let fits = match days.is_empty() {
        true => Figure { value: Some(true), source: Origin::text("there is nothing to load") },
        false => room.fits(database, growth),
    };
    let refusal = fits.value.is_some_and(|fits| !fits).then(|| fits.source.to_string());
    Choice { what: scope, days: days.len(), estimate, fits, refusal }
}
