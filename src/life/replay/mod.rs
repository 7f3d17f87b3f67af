//! To **replay** is to load the records that could not be read before and can be read now, because the dialect or the
//! SQL was changed: with the same `_row_id`, into the same target, beside the rows that are loaded already.
//!
//! All other rows stay as they are. First every cell is compared: if the target has other rows than today's SQL gives,
//! nothing is loaded. Each batch is one transaction with the ledger, as in a run; a killed replay is completed by
//! running it again.

mod load;
mod select;

use serde::Serialize;
use tokio_postgres::Client;

use super::verify::{Verification, verify_counts};
use crate::check;
use crate::dedupe;
use crate::domain::{Dataset, DateRange, FileDate};
use crate::error::Error;
use crate::project::Project;
use crate::sql::Sql;
use crate::state::{FileState, Refusal};
use crate::tables::Catalog;
use crate::target::ledger;

use super::verify::counts::{Counted, count};
use super::verify::found::registered;
use select::{Selected, select};

/// What a replay did with one dataset.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// The dataset.
    pub dataset: String,
    /// The target.
    pub target: String,
    /// The run; `None` if there was nothing to do.
    pub run_id: Option<String>,
    /// The files that today's SQL reads in another way, or of which more can be read.
    pub files: Vec<ReplayedFile>,
    /// The keys of files that changed in the source since they were loaded, and are not replayed.
    pub changed: Vec<String>,
    /// What was verified afterwards.
    pub verification: Option<Verification>,
}

/// What a replay did with one file.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayedFile {
    /// The key.
    pub key: String,
    /// The file date.
    pub date: FileDate,
    /// Records that could not be read before.
    pub rejected_before: u64,
    /// Records that can be read now.
    pub readable: u64,
    /// Rows that were loaded: those that `dedupe.sql` and `stage.sql` keep.
    pub loaded: u64,
    /// Records that still cannot be read.
    pub rejected: u64,
}

/// What a replay is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions {
    /// The file dates.
    pub range: DateRange,
    /// Whether triggers of the target may fire.
    pub side_effects: SideEffects,
}

/// What is done about triggers of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideEffects {
    /// They fire.
    Allow,
    /// Nothing is loaded.
    Refuse,
}

/// Replays the rejects of a range.
///
/// # Errors
/// [`Error`]; batches that are already committed stay.
pub async fn replay(
    project: &Project,
    dataset: &Dataset,
    options: ReplayOptions,
) -> Result<Replayed, Error> {
    if dataset.placement.replaces() {
        return Err(Error::Usage(format!(
            "{} has mode = \"replace-range\": `backfill run` replaces files whose SQL or dialect changed",
            dataset.name
        )));
    }
    let sql = Sql::read(dataset)?;
    let counted = count(project, dataset, options.range, Some(&sql.hash())).await?;
    let Counted { states, target, .. } = counted;
    let mut replayed = Replayed {
        dataset: dataset.name.clone(),
        target: dataset.table.to_string(),
        run_id: None,
        files: Vec::new(),
        changed: Vec::new(),
        verification: None,
    };
    let has_loaded = states.iter().any(|file| file.ledger.is_some() && !file.is_gone());
    let Some(target) = target.filter(|_| has_loaded) else {
        return Ok(replayed);
    };
    let catalog = registered(project, dataset, &sql, options.range).await?;
    refuse_narrow_range(project, &catalog, &states, options.range).await?;
    let survivors = dedupe::dedupe(&catalog).await?;
    let selected = select(project, &catalog, &survivors, &states).await?;
    replayed.changed = selected.changed;
    if selected.files.is_empty() {
        return Ok(replayed);
    }
    check::refuse(&project.check(&catalog).await?, false)?;
    let loading =
        load::Loading { project, catalog: &catalog, survivors: &survivors, target: &target };
    replayed.files = loading.load(&states, selected.files, options).await?;
    replayed.run_id = Some(project.id.clone());
    let verification = verify_counts(project, dataset, options.range).await?;
    loading.record_end(&verification).await?;
    replayed.verification = Some(verification);
    Ok(replayed)
}

/// Refuses a range without some of the loaded days if `dedupe.sql` compares rows: a new row may be the same as a row
/// of these days.
async fn refuse_narrow_range(
    project: &Project,
    catalog: &Catalog,
    states: &[FileState],
    range: DateRange,
) -> Result<(), Error> {
    let dataset = &catalog.dataset;
    if dataset.placement.merges() || !dedupe::compares_rows(catalog).await? {
        return Ok(());
    }
    let loaded = project
        .database()?
        .session(async |client: &Client| ledger::loaded_range(client, &dataset.table).await)
        .await?;
    match loaded.map(|loaded| loaded.hull(range)) {
        Some(loaded_with) if !range.covers(loaded_with) => {
            let files = states.iter().map(|file| file.key.clone()).collect();
            Err(Refusal::NarrowRange { files, range, loaded_with }.into())
        }
        _ => Ok(()),
    }
}
