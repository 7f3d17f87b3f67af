//! A file that is **not an export** of its dataset: an error page, an answer of an API, or another export. It has
//! some header, but hardly any of the columns that matter. Its rows would be NULL throughout, or its day would count
//! as loaded without a row.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Error;
use crate::domain::{Dataset, provenance};
use crate::sql::{Sql, mentioned_columns};

/// Refuses a range with files that are not exports of the dataset. `headers` are the key and the columns of every
/// file of the range; each file is compared with the others.
///
/// # Errors
/// [`Error::NotExports`].
pub fn refuse_not_exports<'a>(
    dataset: &Dataset,
    sql: &Sql,
    headers: impl IntoIterator<Item = (&'a str, &'a [String])>,
) -> Result<(), Error> {
    let (keys, headers): (Vec<&str>, Vec<&[String]>) = headers.into_iter().unzip();
    let optional: HashSet<&str> = dataset.optional_columns.iter().map(String::as_str).collect();
    let files: Vec<String> = keys
        .iter()
        .zip(reasons(&headers, &known_columns(sql), &optional))
        .filter_map(|(key, reason)| Some(format!("{key} ({})", reason?)))
        .collect();
    if files.is_empty() {
        return Ok(());
    }
    Err(Error::NotExports { dataset: dataset.name.clone(), files })
}

/// Returns the columns that the SQL mentions; with `SELECT *`, also those of the contract.
fn known_columns(sql: &Sql) -> BTreeSet<String> {
    let (mut known, takes_all) = mentioned_columns(&sql.stage);
    known.extend(mentioned_columns(&sql.dedupe).0);
    if takes_all {
        known.extend(sql.contract.columns.iter().map(|column| column.name.clone()));
    }
    known.retain(|column| !provenance::is_provenance(column));
    known
}

/// Returns for each header why it cannot be of the dataset; `None` if it can.
fn reasons(
    headers: &[&[String]],
    known: &BTreeSet<String>,
    optional: &HashSet<&str>,
) -> Vec<Option<String>> {
    let alone: Vec<Option<String>> =
        headers.iter().map(|header| reason_alone(header, known)).collect();
    let mut others = Others { having: HashMap::new(), files: 0, known, optional };
    for (header, reason) in headers.iter().zip(&alone) {
        if reason.is_none() {
            others.add(header);
        }
    }
    headers
        .iter()
        .zip(alone)
        .map(|(header, reason)| reason.or_else(|| others.reason(header)))
        .collect()
}

/// Returns why a header cannot be of the dataset, without comparing it with other files.
fn reason_alone(header: &[String], known: &BTreeSet<String>) -> Option<String> {
    if let Some(first) = header.first().and_then(|name| name.strip_prefix('#'))
        && known.contains(first.trim())
    {
        return Some(
            "its header begins with #: csv.header_pattern = '^#\\s*(.*)' finds it, and csv.comment = \"#\" leaves \
             out other lines that begin with #"
                .to_owned(),
        );
    }
    let has_known = known.is_empty() || header.iter().any(|name| known.contains(name));
    (!has_known).then(|| "it has none of the columns that the SQL names".to_owned())
}

/// The files of a range that may be exports; each is compared with the others.
struct Others<'a> {
    /// How many of them have a column.
    having: HashMap<&'a str, usize>,
    /// The number of files.
    files: usize,
    /// The columns that the SQL names.
    known: &'a BTreeSet<String>,
    /// The columns that a file may lack.
    optional: &'a HashSet<&'a str>,
}

impl<'a> Others<'a> {
    fn add(&mut self, header: &'a [String]) {
        self.files += 1;
        for name in header.iter().map(String::as_str) {
            if !self.optional.contains(name) {
                *self.having.entry(name).or_default() += 1;
            }
        }
    }

    /// Returns why a header, which is one of them, is unlike the others. A file that has all columns that both the
    /// SQL names and the others have may lack any other.
    fn reason(&self, header: &[String]) -> Option<String> {
        let own: HashSet<&str> = header.iter().map(String::as_str).collect();
        let others = self.files.saturating_sub(1);
        let of_all =
            self.lacking(&own, |name| others > 0 && self.others_having(name, &own) == others);
        if let Some((lacking, of)) = of_all {
            return Some(format!(
                "it lacks {lacking} of the {of} columns that all other files of the range have"
            ));
        }
        // Older files may lack most columns of newer ones. Files of another kind have columns of their own instead.
        let strange =
            own.iter().filter(|name| !self.known.contains(**name) && !self.is_usual(name, &own));
        if strange.count() * 2 <= own.len() {
            return None;
        }
        if let Some((lacking, of)) = self.lacking(&own, |name| self.is_usual(name, &own)) {
            return Some(format!(
                "it lacks {lacking} of the {of} columns that most other files of the range have, and most of its own \
                 are in no other file"
            ));
        }
        let (lacking, of) = self.lacking_of_sql(&own)?;
        Some(format!(
            "it seems to be another export: it lacks {lacking} of the {of} columns that the SQL names, and \
             most of its own are neither named by the SQL nor in most other files"
        ))
    }

    /// Counts the columns that the SQL names, without optional ones: (how many are missing, how many there are);
    /// `None` if less than half are missing.
    fn lacking_of_sql(&self, own: &HashSet<&str>) -> Option<(usize, usize)> {
        let needed: Vec<&str> = self
            .known
            .iter()
            .map(String::as_str)
            .filter(|name| !self.optional.contains(name))
            .collect();
        let lacking = needed.iter().filter(|name| !own.contains(**name)).count();
        (lacking > 0 && lacking * 2 >= needed.len()).then_some((lacking, needed.len()))
    }

    /// How many files have a column, besides the file with the columns `own`.
    fn others_having(&self, name: &str, own: &HashSet<&str>) -> usize {
        self.having.get(name).map_or(0, |count| count - usize::from(own.contains(name)))
    }

    /// Whether most other files have a column.
    fn is_usual(&self, name: &str, own: &HashSet<&str>) -> bool {
        self.others_having(name, own) * 2 > self.files.saturating_sub(1)
    }

    /// Counts the expected columns: (how many are missing, how many there are); `None` if at most half are missing,
    /// or none that the SQL names.
    fn lacking(
        &self,
        own: &HashSet<&str>,
        is_expected: impl Fn(&str) -> bool,
    ) -> Option<(usize, usize)> {
        let expected: Vec<&str> =
            self.having.keys().copied().filter(|name| is_expected(name)).collect();
        let lacking: Vec<&str> =
            expected.iter().copied().filter(|name| !own.contains(name)).collect();
        let lacks_known = lacking.iter().any(|name| self.known.contains(*name));
        let lacks_most = lacking.len() * 2 > expected.len();
        (lacks_known && lacks_most).then_some((lacking.len(), expected.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Returns which of some headers are not exports, and why; `known` is what the SQL names.
    fn found(known: &[&str], headers: &[&[&str]]) -> Vec<(usize, String)> {
        let known_names: BTreeSet<String> = names(known).into_iter().collect();
        let owned: Vec<Vec<String>> = headers.iter().map(|header| names(header)).collect();
        let slices: Vec<&[String]> = owned.iter().map(Vec::as_slice).collect();
        let reasons = reasons(&slices, &known_names, &HashSet::new());
        reasons.into_iter().enumerate().filter_map(|(at, reason)| Some((at, reason?))).collect()
    }

    /// Returns the places of those that are not exports.
    fn places(known: &[&str], headers: &[&[&str]]) -> Vec<usize> {
        found(known, headers).into_iter().map(|(at, _)| at).collect()
    }

    #[test]
    fn a_file_without_a_known_column_is_not_an_export() {
        let known = ["id", "name"];
        for header in [&["No data"][..], &["ID", "Name"], &["error"], &["#id", "name"], &["x", "y"]]
        {
            assert_eq!(places(&known, &[&["id", "name"], header, &["id", "name"]]), [1]);
            assert_eq!(places(&known, &[&["id", "name"], header]), [1], "{header:?}");
            assert_eq!(places(&known, &[header]), [0], "{header:?} alone");
        }
    }

    #[test]
    fn files_may_have_fewer_and_more_columns() {
        let known = ["id", "name", "city", "amount"];
        let headers = [&["id", "name"][..], &["id", "name", "city"], &["id", "name", "new"]];
        assert!(places(&known, &headers).is_empty());
        assert!(places(&["id"], &[&["id", "a"], &["id", "b"]]).is_empty());
        let all_known = &["id", "name", "city", "amount"][..];
        let more = &["id", "name", "city", "amount", "n1", "n2", "n3", "n4", "n5", "n6"][..];
        assert!(places(&known, &[all_known, more, more, more]).is_empty());
        assert!(places(&known, &[all_known, more]).is_empty());
        // An older format, and a newer one with three times as many columns.
        let older = &["id", "name"][..];
        let known = ["id", "name", "a", "b", "c", "d", "e"];
        let newer = &["id", "name", "a", "b", "c", "d", "e"][..];
        assert!(places(&known, &[older, older, newer, newer, newer, newer]).is_empty());
    }

    #[test]
    fn a_file_that_lacks_most_of_what_all_others_have_is_not_an_export() {
        let full = &["id", "a", "b", "c", "d"][..];
        let found = found(&["id", "a"], &[full, &["id", "other"], full]);
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("4 of the 5"), "{found:?}");
    }

    #[test]
    fn a_file_with_half_of_what_the_sql_names_and_mostly_other_columns_is_not_an_export() {
        let foreign = &["id", "x", "y", "z"][..];
        assert_eq!(places(&["id", "v"], &[foreign]), [0]);
        assert_eq!(places(&["id", "v"], &[&["id", "v"], foreign, &["id", "v"]]), [1]);
        assert_eq!(places(&["id", "v"], &[&["id", "v"], foreign, foreign, &["id", "v"]]), [1, 2]);
        // One column that was renamed, and many that were added.
        assert!(places(&["id", "v"], &[&["id", "w"]]).is_empty());
        assert!(places(&["id", "v"], &[&["id", "v", "x", "y", "z"]]).is_empty());
        assert!(places(&["id", "a", "v"], &[&["id", "a", "x", "y", "z"]]).is_empty());
        // Most files have these columns.
        let usual = places(&["id", "v"], &[foreign, foreign, foreign, &["id", "v"]]);
        assert!(usual.is_empty(), "{usual:?}");
        let known: BTreeSet<String> = names(&["id", "v"]).into_iter().collect();
        let foreign = names(foreign);
        let optional = HashSet::from(["v"]);
        assert_eq!(reasons(&[&foreign], &known, &optional), [None]);
    }

    #[test]
    fn several_files_of_another_kind_do_not_hide_each_other() {
        let known = ["id", "email", "amount", "day"];
        let good = &["id", "email", "amount", "day", "note"][..];
        let wrong = &["id", "foo", "bar", "baz"][..];
        assert_eq!(places(&known, &[good, wrong, good, good, wrong, good]), [1, 4]);
        assert_eq!(places(&known, &[good, &["id", "email", "foo", "bar", "baz"]]), [1]);
    }
}
