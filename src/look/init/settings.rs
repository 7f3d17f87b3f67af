//! **Settings** of `csv` that the headers of a dataset's files need: other names of a column.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::sql::identifier;

/// Other names of columns, by the name that is kept. Names that differ only in case, or in blanks around them, are
/// one column, unless a file has two of them. `headers` are those of the epochs, the newest first.
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

/// Splits names into the name to keep and the others. A name that SQL takes without quotes is kept, or else the
/// newest.
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
        let headers: Vec<Vec<String>> = headers
            .iter()
            .rev()
            .map(|names| names.iter().map(|name| (*name).to_owned()).collect())
            .collect();
        aliases(headers.iter().map(Vec::as_slice)).into_iter().collect()
    }

    fn alias(name: &str, other: &str) -> (String, Vec<String>) {
        (name.to_owned(), vec![other.to_owned()])
    }

    #[test]
    fn names_that_differ_in_case_or_blanks_are_one_column() {
        assert_eq!(found(&[&["id", "qty"], &["id", "Qty"]]), [alias("qty", "Qty")]);
        assert_eq!(found(&[&["QTY"], &["Qty"]]), [alias("Qty", "QTY")]);
        assert_eq!(found(&[&["id", " City "], &["id", "City"]]), [alias("City", " City ")]);
        assert_eq!(found(&[&["id", "qty"], &["id", "Qty", "qty"]]), []);
        assert_eq!(found(&[&["id", "qty"], &["id", "quantity"]]), []);
    }
}
