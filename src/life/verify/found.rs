//! The rows that were loaded are **found** in staging, or staged again as a run does it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::counts::{changed, is_of_load};
use super::verification::ChangedSince;
use crate::dedupe;
use crate::domain::{Dataset, DateRange};
use crate::error::Error;
use crate::mirror::Mirrored;
use crate::project::Project;
use crate::source;
use crate::sql::Sql;
use crate::stage::{self, Area, Kept, StagedFile};
use crate::state::{FileState, LedgerEntry};
use crate::tables::Catalog;

/// The rows that were loaded of some files, as they were staged.
#[derive(Default)]
pub(crate) struct Found {
    /// The files whose rows are known.
    pub files: Vec<FoundFile>,
    /// The others, each as its place among the files that were asked for, with the reason.
    pub unknown: Vec<(usize, String)>,
}

/// The rows that were loaded of one file.
#[derive(Clone, Debug)]
pub(crate) struct FoundFile {
    /// Its place among the files that were asked for.
    pub index: usize,
    /// The rows.
    pub staged: StagedFile,
    /// The fingerprint of the inputs and the SQL: files with the same fingerprint have the same columns.
    pub fingerprint: String,
    /// Whether they were made with today's SQL.
    pub is_current: bool,
    /// Whether they were found in staging; otherwise they were staged again.
    pub is_kept: bool,
}

/// The files whose rows are looked for.
pub(crate) struct Wanted<'a> {
    /// The dataset.
    pub dataset: &'a Dataset,
    /// Its SQL.
    pub sql: &'a Sql,
    /// The range.
    pub range: DateRange,
    /// Its files.
    pub states: &'a [FileState],
}

/// Finds what was loaded of each file that the ledger knows.
///
/// # Errors
/// [`Error`].
pub(crate) async fn find(
    project: &Project,
    wanted: &Wanted<'_>,
    kept: &Kept,
) -> Result<Found, Error> {
    let hash = wanted.sql.hash();
    let mut found = Found::default();
    let mut missing = Vec::new();
    for (index, file) in wanted.states.iter().enumerate() {
        let Some(entry) = &file.ledger else { continue };
        let kept_file = kept
            .of(&file.name, |kept| is_of_load(kept, entry) && kept.staged.counts == entry.counts);
        match (kept_file, changed(file, entry, Some(&hash))) {
            (Some(kept), _) => found.files.push(FoundFile {
                index,
                staged: kept.staged.clone(),
                fingerprint: kept.fingerprint.clone(),
                is_current: kept.sql_hash == hash,
                is_kept: true,
            }),
            (None, None) if !file.is_gone() => missing.push((index, file, entry)),
            (None, change) => found.unknown.push((index, not_kept(change))),
        }
    }
    if !missing.is_empty() {
        again(project, wanted, missing, &mut found).await?;
    }
    Ok(found)
}

fn not_kept(change: Option<ChangedSince>) -> String {
    let why = match change {
        Some(change) => change.describe(),
        None => "it no longer exists in the source",
    };
    format!("{why}, and the loaded rows are no longer in staging")
}

/// Stages files again that staging does not have any more. Which rows survive depends on the range of the run that
/// loaded them, if `dedupe.sql` compares rows.
async fn again(
    project: &Project,
    wanted: &Wanted<'_>,
    missing: Vec<(usize, &FileState, &LedgerEntry)>,
    found: &mut Found,
) -> Result<(), Error> {
    let ranges = missing.iter().map(|(_, _, entry)| entry.range);
    let hull = ranges.fold(wanted.range, DateRange::hull);
    let mut catalog = registered(project, wanted.dataset, wanted.sql, wanted.range).await?;
    if hull != wanted.range && dedupe::compares_rows(&catalog).await? {
        catalog = registered(project, wanted.dataset, wanted.sql, hull).await?;
    }
    let names: Vec<&str> = missing.iter().map(|(_, file, _)| file.name.as_str()).collect();
    let (fingerprint, files) = stage_again(project, &catalog, &names).await?;
    let mut staged_files: HashMap<String, StagedFile> =
        files.into_iter().map(|file| (file.file_name.clone(), file)).collect();
    for (index, file, entry) in missing {
        match staged_files.remove(&file.name) {
            Some(staged)
                if staged.survivors == entry.survivors && staged.counts == entry.counts =>
            {
                found.files.push(FoundFile {
                    index,
                    staged,
                    fingerprint: fingerprint.clone(),
                    is_current: true,
                    is_kept: false,
                });
            }
            _ => found.unknown.push((index, other_rows(catalog.mirror.range))),
        }
    }
    found.files.sort_by_key(|file| file.index);
    Ok(())
}

fn other_rows(range: DateRange) -> String {
    format!(
        "with the files of {range}, other rows of it can be read or are kept now than were loaded"
    )
}

/// Mirrors a range and registers it; findings of its listing do not matter.
///
/// # Errors
/// [`Error`].
pub(crate) async fn registered(
    project: &Project,
    dataset: &Dataset,
    sql: &Sql,
    range: DateRange,
) -> Result<Catalog, Error> {
    let listing = source::survey(&project.source, dataset, range).await?;
    let mirror = project.mirror(dataset, listing).await?;
    project.register(dataset, sql.clone(), mirror).await
}

/// Stages some files of a catalog, as a run does; returns their fingerprint and the staged files.
///
/// # Errors
/// [`Error`].
pub(crate) async fn stage_again(
    project: &Project,
    catalog: &Catalog,
    names: &[&str],
) -> Result<(String, Vec<StagedFile>), Error> {
    let survivors = dedupe::dedupe(catalog).await?;
    let schema = stage::schema(catalog).await?;
    let area = Area::open(catalog, &schema, &project.staging).await?;
    let wanted: HashSet<&str> = names.iter().copied().collect();
    let files = catalog.mirror.files.iter();
    let mirrors: Vec<Arc<Mirrored>> =
        files.filter(|file| wanted.contains(file.file.name.as_str())).cloned().collect();
    let at_once = project.config.limits.files_at_once;
    let manifest = stage::stage(catalog, &survivors, &mirrors, &area, at_once).await?;
    Ok((manifest.fingerprint, manifest.files))
}
