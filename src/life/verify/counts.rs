//! To verify **counts** is to compare the rows of each file in the target with the ledger, and the ledger with what
//! staging still has. Only the listing of the source is read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_postgres::Client;

use super::verification::{ChangedSince, UnclaimedRows, Verification, VerifiedFile};
use crate::domain::{Dataset, DateRange};
use crate::error::Error;
use crate::mirror::{self, Mirrored};
use crate::project::{Project, date_of};
use crate::source;
use crate::sql::Sql;
use crate::stage::{Kept, KeptFile};
use crate::state::{FileState, Files, LedgerEntry, Policy, TargetRows, Verdict};
use crate::target::ledger::Scope;
use crate::target::{self, Target};

/// The files of a range, counted.
pub(crate) struct Counted {
    /// What was found so far.
    pub verification: Verification,
    /// The state of each of its files, in the same order.
    pub states: Vec<FileState>,
    /// The target; `None` if the table does not exist.
    pub target: Option<Target>,
    /// What staging keeps.
    pub kept: Kept,
}

/// Verifies the files of a range by counts.
///
/// # Errors
/// [`Error`].
pub async fn verify_counts(
    project: &Project,
    dataset: &Dataset,
    range: DateRange,
) -> Result<Verification, Error> {
    // Without the SQL it is not known whether it was edited; the rows are counted anyway.
    let sql_hash = Sql::read(dataset).ok().map(|sql| sql.hash());
    Ok(count(project, dataset, range, sql_hash.as_deref()).await?.verification)
}

/// Counts the files of a range; `sql_hash` is the digest of today's SQL, if that is known.
///
/// # Errors
/// [`Error`].
pub(crate) async fn count(
    project: &Project,
    dataset: &Dataset,
    range: DateRange,
    sql_hash: Option<&str>,
) -> Result<Counted, Error> {
    let listing = source::survey(&project.source, dataset, range).await?;
    let mut files = Files::listed(dataset, &listing, 1, Policy::default());
    let target = ask(project, dataset, &mut files).await?;
    let unclaimed = match &target {
        Some(target) => unclaimed(project, dataset, target, &files).await?,
        None => UnclaimedRows::default(),
    };
    let kept = Kept::find(&project.staging, &dataset.name).await?;
    let mirrors = mirrors(project, dataset, &files, sql_hash).await?;
    let (states, new): (Vec<FileState>, Vec<FileState>) =
        files.files.into_iter().partition(|file| file.ledger.is_some() || file.rows_before() > 0);
    let mut lines: Vec<VerifiedFile> =
        states.iter().map(|file| line(file, sql_hash, &kept, &mirrors)).collect();
    if target.is_none() {
        lines.iter_mut().for_each(without_table);
    }
    let mut verification = Verification {
        dataset: dataset.name.clone(),
        target: dataset.table.to_string(),
        files: lines,
        not_loaded: new.len(),
        target_exists: target.is_some(),
        unclaimed,
        totals: Default::default(),
        cells: None,
    };
    verification.sum();
    Ok(Counted { verification, states, target, kept })
}

/// Asks the database for the target and what it holds of the files. A file that is gone from the source is added if
/// the ledger says that the target holds rows of it, even if the target has none.
async fn ask(
    project: &Project,
    dataset: &Dataset,
    files: &mut Files,
) -> Result<Option<Target>, Error> {
    let prefix = project.source.file_name(&dataset.prefix);
    let scope = Scope {
        target: &dataset.table,
        dataset: &dataset.name,
        prefix: &prefix,
        range: files.range,
    };
    let names = files.names();
    let (target, held) = project
        .database()?
        .session(async |client: &Client| {
            let target = Target::find(client, &dataset.table).await?;
            let held = target::held(client, target.as_ref(), scope, &names).await?;
            Ok((target, held.state))
        })
        .await?;
    let others = held.others.iter().filter(|entry| entry.held > 0);
    let lost: Vec<LedgerEntry> = others
        .filter(|entry| held.rows.get(&entry.file_name).is_none_or(|rows| *rows == 0))
        .cloned()
        .collect();
    files.fill_target(held);
    for entry in lost {
        let mut file = FileState::gone(entry, 1);
        file.rows = Some(TargetRows::default());
        files.files.push(file);
    }
    files.files.sort_by(|a, b| (a.date, &a.key).cmp(&(b.date, &b.key)));
    Ok(target)
}

/// Counts the rows that belong neither to the ledger, nor to files of the source, nor to dlt. Reads the whole table.
async fn unclaimed(
    project: &Project,
    dataset: &Dataset,
    target: &Target,
    files: &Files,
) -> Result<UnclaimedRows, Error> {
    let rows = project
        .database()?
        .session(async |client: &Client| target::count_unclaimed(client, target).await)
        .await?;
    let listed: HashSet<&str> = files.files.iter().map(|file| file.name.as_str()).collect();
    let prefix = project.source.file_name(&dataset.prefix);
    let other_prefixes: Vec<String> = project
        .config
        .datasets
        .iter()
        .filter(|other| other.table == dataset.table && other.name != dataset.name)
        .map(|other| project.source.file_name(&other.prefix))
        .collect();
    let mut unclaimed =
        UnclaimedRows { without_file: files.rows_without_file(), ..UnclaimedRows::default() };
    for (name, rows) in rows {
        let is_in_range =
            date_of(dataset, &prefix, &name).is_none_or(|date| files.range.contains(date));
        let is_claimed = listed.contains(name.as_str())
            || other_prefixes.iter().any(|other| name.starts_with(other));
        if is_in_range && !is_claimed {
            unclaimed.files += 1;
            unclaimed.rows += rows;
        }
    }
    Ok(unclaimed)
}

/// Changes the verdict of a loaded file whose table does not exist.
fn without_table(file: &mut VerifiedFile) {
    if let (Verdict::Wrong(why), Some(held)) = (&mut file.account.verdict, file.account.held) {
        *why = format!("{held} rows were loaded, but the table does not exist");
    }
}

/// Finds the existing mirrors of files that were loaded as they would be loaded today, by the name of the file.
async fn mirrors(
    project: &Project,
    dataset: &Dataset,
    files: &Files,
    sql_hash: Option<&str>,
) -> Result<HashMap<String, Arc<Mirrored>>, Error> {
    if sql_hash.is_none() {
        return Ok(HashMap::new());
    }
    let wanted = files
        .files
        .iter()
        .filter(|file| {
            file.ledger.as_ref().is_some_and(|entry| changed(file, entry, sql_hash).is_none())
        })
        .filter_map(|file| file.source.clone())
        .collect();
    let limits = project.config.limits;
    let mirrors = mirror::kept(&project.staging, dataset, wanted, limits).await?;
    Ok(mirrors.into_iter().map(|mirrored| (mirrored.file.name.clone(), mirrored)).collect())
}

fn line(
    file: &FileState,
    sql_hash: Option<&str>,
    kept: &Kept,
    mirrors: &HashMap<String, Arc<Mirrored>>,
) -> VerifiedFile {
    let mut account = file.account_by_ledger();
    let entry = file.ledger.as_ref();
    if let (Verdict::Ok, Some(entry)) = (&account.verdict, entry) {
        let staged = kept.of(&file.name, |kept| is_of_load(kept, entry));
        let mirrored = mirrors.get(&file.name);
        account.verdict = against_staging(entry, staged, mirrored.map(|mirrored| &**mirrored));
    }
    VerifiedFile {
        account,
        is_gone: file.is_gone(),
        changed: entry.and_then(|entry| changed(file, entry, sql_hash)),
        rows: None,
    }
}

/// Returns what has changed since the file was loaded, if anything has.
pub(crate) fn changed(
    file: &FileState,
    entry: &LedgerEntry,
    sql_hash: Option<&str>,
) -> Option<ChangedSince> {
    let source = file.source.as_ref();
    if source.is_some_and(|source| !source.identity.is_same_as(&entry.identity)) {
        return Some(ChangedSince::Object);
    }
    sql_hash.is_some_and(|hash| hash != entry.sql_hash).then_some(ChangedSince::Sql)
}

/// Whether a staged file is what was loaded: it was made from the same object, with the same SQL and the same rows.
pub(crate) fn is_of_load(kept: &KeptFile, entry: &LedgerEntry) -> bool {
    kept.sql_hash == entry.sql_hash
        && kept.staged.survivors == entry.survivors
        && kept.staged.identity.is_same_as(&entry.identity)
}

/// Compares the counts of the ledger with what staging still has.
fn against_staging(
    entry: &LedgerEntry,
    staged: Option<&KeptFile>,
    mirrored: Option<&Mirrored>,
) -> Verdict {
    let (counts, staged) = (entry.counts, staged.map(|kept| kept.staged.counts));
    if let Some(staged) = staged.filter(|staged| *staged != counts) {
        return Verdict::Wrong(format!(
            "staging has {} of its rows, but the ledger says that {} were staged",
            staged.staged, counts.staged
        ));
    }
    match mirrored.map(|mirrored| &mirrored.note.summary) {
        Some(read) if (read.records, read.accepted) != (counts.records, counts.accepted) => {
            Verdict::Unverified(format!(
                "its mirror has {} of {} records, but had {} of {} when it was loaded",
                read.accepted, read.records, counts.accepted, counts.records
            ))
        }
        _ => Verdict::Ok,
    }
}
