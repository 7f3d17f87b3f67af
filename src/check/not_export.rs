//! A file that is **not an export** of its dataset: an error page, an answer of an API, the export of
//! something else. It has a header of some kind, and none, or hardly any, of the columns that matter, so
//! that its rows would be NULL throughout, or its day would count as loaded without a row.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Error;
use crate::domain::{Dataset, provenance};
use crate::mirror::Mirrored;
use crate::sql::{Sql, mentioned_columns};

/// A file that is not an export of its dataset, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotExport {
    /// The key.
    pub key: String,
    /// What gives it away.
    pub reason: String,
}

/// The files among `files` that are not exports of the dataset. `files` are all those of the range: what
/// they have in common is what each is compared with.
pub fn not_exports(dataset: &Dataset, sql: &Sql, files: &[Arc<Mirrored>]) -> Vec<NotExport> {
    let known = known_columns(sql);
    let mut having: HashMap<&str, usize> = HashMap::new();
    for name in files.iter().flat_map(|file| &file.note.summary.header) {
        *having.entry(name).or_default() += 1;
    }
    let optional: HashSet<&str> = dataset.optional_columns.iter().map(String::as_str).collect();
    having.retain(|name, _| !optional.contains(name));
    let judge = |file: &Arc<Mirrored>| {
        let reason = reason(&file.note.summary.header, &known, &having, files.len())?;
        Some(NotExport { key: file.file.key.clone(), reason })
    };
    files.iter().filter_map(judge).collect()
}

/// Refuses a range that holds files that are not exports of the dataset.
///
/// # Errors
/// [`Error::NotExports`].
pub fn refuse_not_exports(
    dataset: &Dataset,
    sql: &Sql,
    files: &[Arc<Mirrored>],
) -> Result<(), Error> {
    let found = not_exports(dataset, sql, files);
    if found.is_empty() {
        return Ok(());
    }
    let files = found.into_iter().map(|file| format!("{} ({})", file.key, file.reason)).collect();
    Err(Error::NotExports { dataset: dataset.name.clone(), files })
}

/// The columns that the SQL mentions; with `SELECT *`, those of the contract too. Empty if it mentions
/// none.
fn known_columns(sql: &Sql) -> BTreeSet<String> {
    let (mut known, takes_all) = mentioned_columns(&sql.stage);
    known.extend(mentioned_columns(&sql.dedupe).0);
    if takes_all {
        known.extend(sql.contract.columns.iter().map(|column| column.name.clone()));
    }
    known.retain(|column| !provenance::is_provenance(column));
    known
}

/// Why a header is not one of the dataset's; `None` if it may be.
fn reason(
    header: &[String],
    known: &BTreeSet<String>,
    having: &HashMap<&str, usize>,
    files: usize,
) -> Option<String> {
    if let Some(first) = header.first().and_then(|name| name.strip_prefix('#'))
        && known.contains(first.trim())
    {
        return Some("a # stands before its header".to_owned());
    }
    if !known.is_empty() && !header.iter().any(|name| known.contains(name)) {
        return Some("it has none of the columns that the SQL names".to_owned());
    }
    let own: HashSet<&str> = header.iter().map(String::as_str).collect();
    // What all the others have.
    let common =
        |(name, count): (&&str, &usize)| *count - usize::from(own.contains(*name)) == files - 1;
    let of_others = having.iter().filter(|column| files > 1 && common((column.0, column.1)));
    let (of, lacking) = of_others.fold((0, 0), |(of, lacking), (name, _)| {
        (of + 1, lacking + usize::from(!own.contains(name)))
    });
    (lacking * 2 > of).then(|| {
        format!("it lacks {lacking} of the {of} columns that all other files of the range have")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Why each of some headers is not an export, `known` being what the SQL names.
    fn reasons(known: &[&str], headers: &[&[&str]]) -> Vec<Option<String>> {
        let known: BTreeSet<String> = names(known).into_iter().collect();
        let headers: Vec<Vec<String>> = headers.iter().map(|header| names(header)).collect();
        let mut having: HashMap<&str, usize> = HashMap::new();
        for name in headers.iter().flatten() {
            *having.entry(name).or_default() += 1;
        }
        headers.iter().map(|header| reason(header, &known, &having, headers.len())).collect()
    }

    #[test]
    fn a_file_without_a_known_column_is_not_an_export() {
        let known = ["id", "name"];
        for header in [&["No data"][..], &["ID", "Name"], &["error"], &["#id", "name"], &["x", "y"]]
        {
            let found = reasons(&known, &[&["id", "name"], header, &["id", "name"]]);
            assert!(found[1].is_some(), "{header:?}");
            assert_eq!((&found[0], &found[2]), (&None, &None), "{header:?}");
            assert!(reasons(&known, &[header])[0].is_some(), "{header:?} alone");
        }
    }

    #[test]
    fn files_may_have_fewer_and_more_columns() {
        let known = ["id", "name", "city", "amount"];
        let found =
            reasons(&known, &[&["id", "name"], &["id", "name", "city"], &["id", "name", "new"]]);
        assert!(found.iter().all(Option::is_none), "{found:?}");
        let two = reasons(&["id"], &[&["id", "a"], &["id", "b"]]);
        assert!(two.iter().all(Option::is_none), "{two:?}");
    }

    #[test]
    fn a_file_that_lacks_most_of_what_all_others_have_is_not_an_export() {
        let full = &["id", "a", "b", "c", "d"][..];
        let found = reasons(&["id", "a"], &[full, &["id", "other"], full]);
        assert_eq!((&found[0], &found[2]), (&None, &None));
        assert!(found[1].as_ref().is_some_and(|why| why.contains("4 of the 5")), "{found:?}");
    }
}
