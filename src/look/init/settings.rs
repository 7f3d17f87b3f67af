//! **Settings** of `csv` that a dataset's files ask for, found in their headers: other names of a column.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::sql::identifier;

/// Other names of columns, by the name that is kept: names that differ only in case, or in blanks around them,
/// are one column, unless a file has two of them. `headers` are those of the epochs, the newest first.
pub fn aliases<'a>(headers: impl Iterator<Item = &'a [String]>) -> BTreeMap<String, Vec<String>> {
    let mut columns: HashMap<String, Vec<String>> = HashMap::new();
    let mut apart: HashSet<String> = HashSet::new();
    for header in headers {
        let mut in_file = HashSet::new();
        for name in header {
            let folded = folded(name);
            if !in_file.insert(folded.clone()) {
                apart.insert(folded.clone());
            }
            let names = columns.entry(folded).or_default();
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    columns.retain(|folded, names| names.len() > 1 && !apart.contains(folded));
    columns.into_values().map(kept_and_others).collect()
}

/// The name to keep, which is one that SQL takes without quotes, or else the newest; and the others.
fn kept_and_others(mut names: Vec<String>) -> (String, Vec<String>) {
    let plain = names.iter().position(|name| identifier(name) == *name);
    let kept = names.remove(plain.unwrap_or_default());
    (kept, names)
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    /// What is found in files with these headers, the oldest first.
    fn found(headers: &[&[&str]]) -> Vec<(String, Vec<String>)> {
        let owned = |names: &&[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let headers: Vec<Vec<String>> = headers.iter().rev().map(owned).collect();
        aliases(headers.iter().map(Vec::as_slice)).into_iter().collect()
    }

    #[test]
    fn names_that_differ_in_case_or_blanks_are_one_column() {
        let one = |name: &str, other: &str| (name.to_owned(), vec![other.to_owned()]);
        assert_eq!(found(&[&["id", "qty"], &["id", "Qty"]]), [one("qty", "Qty")]);
        assert_eq!(found(&[&["QTY"], &["Qty"]]), [one("Qty", "QTY")]);
        assert_eq!(found(&[&["id", " City "], &["id", "City"]]), [one("City", " City ")]);
        assert_eq!(found(&[&["id", "qty"], &["id", "Qty", "qty"]]), []);
        assert_eq!(found(&[&["id", "qty"], &["id", "quantity"]]), []);
    }
}
