//! **Strangers** are files under a prefix that do not belong to the dataset: an error page that was saved as a file, or
//! another report. They lack most of the columns that most files have.

use std::collections::{HashMap, HashSet};

/// At most one of this many files is a stranger; if there are more, it is unclear which files are the dataset's.
const OF: usize = 3;

/// Which of some files, by their headers, have less than half of the columns that most files have.
pub fn strangers<'a>(headers: impl Iterator<Item = &'a [String]>) -> Vec<usize> {
    let headers: Vec<HashSet<String>> = headers.map(folded).collect();
    let mut files: HashMap<&String, usize> = HashMap::new();
    for name in headers.iter().flatten() {
        *files.entry(name).or_default() += 1;
    }
    files.retain(|_, count| *count * 2 > headers.len());
    let usual = files;
    let mut found = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        let count = header.iter().filter(|name| usual.contains_key(name)).count();
        if count * 2 < usual.len() {
            found.push(index);
        }
    }
    if found.len() * OF <= headers.len() { found } else { Vec::new() }
}

/// Names that are compared without regard to case and to blanks around them.
fn folded(header: &[String]) -> HashSet<String> {
    header.iter().map(|name| name.trim().to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn found(headers: &[&[&str]]) -> Vec<usize> {
        let headers: Vec<Vec<String>> = headers
            .iter()
            .map(|names| names.iter().map(|name| (*name).to_owned()).collect())
            .collect();
        strangers(headers.iter().map(Vec::as_slice))
    }

    #[test]
    fn a_file_with_other_columns_than_most_is_a_stranger() {
        let usual: &[&str] = &["id", "name", "city"];
        assert_eq!(found(&[usual, &["error"], usual]), [1]);
        assert_eq!(found(&[usual, usual, &["rid", "reason", "name"]]), [2]);
        assert_eq!(found(&[usual, usual, &["ID", " Name", "town"]]), NONE);
    }

    #[test]
    fn if_it_is_unclear_which_files_are_strangers_none_is() {
        assert_eq!(found(&[]), NONE);
        assert_eq!(found(&[&["a"], &["b"]]), NONE);
        assert_eq!(found(&[&["a", "b"], &["a", "b"], &["c", "d"], &["c", "d"]]), NONE);
    }
}
