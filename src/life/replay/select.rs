//! The **selection** of records to replay: those that were rejected when their file was loaded, can be read now, and
//! survive. All other rows must survive as they did then.

use std::collections::HashMap;

use super::super::verify::counts::changed;
use super::super::verify::verification::ChangedSince;
use crate::dedupe::Survivors;
use crate::domain::RowSet;
use crate::error::Error;
use crate::mirror::{Mirrored, earlier_rejects};
use crate::project::Project;
use crate::state::{FileState, LedgerEntry, Refusal};
use crate::tables::Catalog;

/// A file that is replayed.
pub(super) struct Selected {
    /// Its place among the states.
    pub index: usize,
    /// The rows to load, before `stage.sql` leaves any out.
    pub rows: RowSet,
    /// Records that can be read now and could not be read before.
    pub readable: u64,
}

/// What can be replayed.
#[derive(Default)]
pub(super) struct Selection {
    /// The files, with their rows.
    pub files: Vec<Selected>,
    /// The keys of files that changed in the source since they were loaded: only a reload loads them.
    pub changed: Vec<String>,
}

/// Selects the files of which more records can be read, or whose SQL was changed, and their rows.
///
/// # Errors
/// [`Refusal::Replay`] if other rows of a file survive or can be read than before.
pub(super) async fn select(
    project: &Project,
    catalog: &Catalog,
    survivors: &Survivors,
    states: &[FileState],
) -> Result<Selection, Error> {
    let hash = catalog.sql.hash();
    let files = catalog.mirror.files.iter();
    let mirrors: HashMap<&str, &Mirrored> =
        files.map(|mirrored| (mirrored.file.name.as_str(), &**mirrored)).collect();
    let (mut selected, mut refused) = (Selection::default(), Vec::new());
    for (index, file) in states.iter().enumerate() {
        let (Some(entry), Some(mirrored)) = (&file.ledger, mirrors.get(file.name.as_str())) else {
            continue;
        };
        let change = changed(file, entry, Some(&hash));
        if change == Some(ChangedSince::Object)
            || !mirrored.file.identity.is_same_as(&entry.identity)
        {
            selected.changed.push(file.key.clone());
            continue;
        }
        let surviving = survivors.of(&file.name).cloned();
        let now = surviving.unwrap_or_else(|| RowSet::none(mirrored.note.summary.records));
        match rejected_before(project, catalog, mirrored, entry, &now).await? {
            Err(why) => refused.push(format!("{} ({why})", file.key)),
            Ok(_) if entry.held != file.rows_before() => refused.push(format!(
                "{} ({} rows were loaded, {} are in the target)",
                file.key,
                entry.held,
                file.rows_before()
            )),
            Ok(rejected) => {
                let rows = common(&rejected, &now);
                let summary = &mirrored.note.summary;
                let readable = entry.counts.rejected.saturating_sub(summary.rejected);
                if change.is_some() || rows.count() > 0 || readable > 0 {
                    selected.files.push(Selected { index, rows, readable });
                }
            }
        }
    }
    if refused.is_empty() {
        return Ok(selected);
    }
    let table = catalog.dataset.table.to_string();
    Err(Refusal::Replay { table, files: refused }.into())
}

/// Finds the records of a file that were rejected when it was loaded, or says why they are not known. Without them the
/// same rows survive as then, which is proven by the ledger's digest.
async fn rejected_before(
    project: &Project,
    catalog: &Catalog,
    mirrored: &Mirrored,
    entry: &LedgerEntry,
    now: &RowSet,
) -> Result<Result<Vec<u64>, String>, Error> {
    if entry.counts.records != mirrored.note.summary.records {
        let (before, now) = (entry.counts.records, mirrored.note.summary.records);
        return Ok(Err(format!("it had {before} records when it was loaded, and now has {now}")));
    }
    let other = "today, other rows of it can be read or are kept than when it was loaded";
    if entry.counts.rejected == 0 {
        let is_same = now.digest() == entry.survivors;
        return Ok(if is_same { Ok(Vec::new()) } else { Err(other.to_owned()) });
    }
    let found = earlier_rejects(&project.staging, &catalog.dataset, &mirrored.file).await?;
    let of_load: Vec<Vec<u64>> = found
        .into_iter()
        .filter(|earlier| {
            let read = &earlier.note.summary;
            (read.records, read.rejected) == (entry.counts.records, entry.counts.rejected)
        })
        .map(|earlier| earlier.rows)
        .collect();
    if of_load.is_empty() {
        return Ok(Err("its rejected records are no longer in staging".to_owned()));
    }
    let right = of_load.into_iter().find(|rows| without(now, rows).digest() == entry.survivors);
    Ok(right.ok_or_else(|| other.to_owned()))
}

/// Returns a set without some rows.
fn without(set: &RowSet, rows: &[u64]) -> RowSet {
    let mut rest = set.clone();
    for row in rows {
        rest.remove(*row);
    }
    rest
}

/// Returns those of the rows that are in a set.
fn common(rows: &[u64], set: &RowSet) -> RowSet {
    let mut common = RowSet::none(set.records());
    for row in rows.iter().filter(|row| set.contains(**row)) {
        common.insert(*row);
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rows: &[u64]) -> RowSet {
        let mut set = RowSet::none(10);
        for row in rows {
            set.insert(*row);
        }
        set
    }

    #[test]
    fn rejected_rows_that_survive_now_are_replayed() {
        assert_eq!(common(&[1, 3, 9], &set(&[0, 1, 2, 3])).digest(), set(&[1, 3]).digest());
        assert_eq!(common(&[], &set(&[0])).count(), 0);
    }

    #[test]
    fn without_its_rejected_rows_a_file_has_the_survivors_of_its_load() {
        assert_eq!(without(&set(&[0, 1, 2, 3]), &[1, 3, 9]).digest(), set(&[0, 2]).digest());
    }
}
