//! What was loaded is **found** in staging, or staged again as a run does it.

use std::collections::HashMap;
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
pub struct Found {
    /// The files of which they are known.
    pub files: Vec<FoundFile>,
    /// The others, each with the reason: the place of a file among those that were asked for.
    pub unknown: Vec<(usize, String)>,
}

/// The rows that were loaded of one file.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// Its place among the files that were asked for.
    pub index: usize,
    /// The rows.
    pub staged: StagedFile,
    /// Names the inputs and the SQL: files that have it in common have the same columns.
    pub fingerprint: String,
    /// Whether they were made with today's SQL.
    pub is_current: bool,
    /// Whether they were found in staging, and not made again.
    pub is_kept: bool,
}

/// What rows are looked for.
pub struct Wanted<'a> {
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
pub async fn find(project: &Project, wanted: &Wanted<'_>, kept: &Kept) -> Result<Found, Error> {
    let hash = wanted.sql.hash();
    let mut found = Found::default();
    let mut missing = Vec::new();
    for (index, file) in wanted.states.iter().enumerate() {
        let Some(entry) = &file.ledger else { continue };
        let is_it =
            |kept: &stage::KeptFile| is_of_load(kept, entry) && kept.staged.counts == entry.counts;
        match (kept.of(&file.name, is_it), changed(file, entry, Some(&hash))) {
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
        None => "it is gone from the source",
    };
    format!("{why}, and what was loaded is not in staging any more")
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
    let (fingerprint, staged) = stage_again(project, &catalog, &names).await?;
    let mut staged: HashMap<String, StagedFile> =
        staged.into_iter().map(|file| (file.file_name.clone(), file)).collect();
    for (index, file, entry) in missing {
        match staged.remove(&file.name) {
            Some(staged)
                if staged.survivors == entry.survivors && staged.counts == entry.counts =>
            {
                let (fingerprint, is_current) = (fingerprint.clone(), true);
                found.files.push(FoundFile {
                    index,
                    staged,
                    fingerprint,
                    is_current,
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
        "other rows of it survive or can be read now than were loaded, with the files of {range}"
    )
}

/// Mirrors a range and registers it, whatever its listing finds.
///
/// # Errors
/// [`Error`].
pub async fn registered(
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
pub async fn stage_again(
    project: &Project,
    catalog: &Catalog,
    names: &[&str],
) -> Result<(String, Vec<StagedFile>), Error> {
    let survivors = dedupe::dedupe(catalog).await?;
    let schema = stage::schema(catalog).await?;
    let area = Area::open(catalog, &schema, &project.staging).await?;
    let wanted: std::collections::HashSet<&str> = names.iter().copied().collect();
    let mirrors = catalog.mirror.files.iter();
    let mirrors: Vec<Arc<Mirrored>> =
        mirrors.filter(|file| wanted.contains(file.file.name.as_str())).cloned().collect();
    let at_once = project.config.limits.files_at_once;
    let manifest = stage::stage(catalog, &survivors, &mirrors, &area, at_once).await?;
    Ok((manifest.fingerprint, manifest.files))
}
