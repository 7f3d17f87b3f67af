//! **Strangers** are files under a prefix that are none of the dataset: an error page that was saved as one, or another
//! report. Their columns are not those that most files have.

use std::collections::{HashMap, HashSet};

/// At most one of so many files is a stranger; where there are more, nobody can say which files are the dataset's.
const OF: usize = 3;

/// Which of some files, by their headers, have less than half of the columns that most files have.
pub fn strangers<'a>(headers: impl Iterator<Item = &'a [String]>) -> Vec<usize> {
    let headers: Vec<HashSet<String>> = headers.map(folded).collect();
    let mut files: HashMap<&String, usize> = HashMap::new();
    for name in headers.iter().flatten() {
        *files.entry(name).or_default() += 1;
    }
    let is_usual = |name: &&String| files.get(name).is_some_and(|count| count * 2 > headers.len());
    let usual = files.keys().filter(|name| is_usual(name)).count();
    let has_few = |header: &HashSet<String>| header.iter().filter(is_usual).count() * 2 < usual;
    let found: Vec<usize> = (0..headers.len()).filter(|index| has_few(&headers[*index])).collect();
    if found.len() * OF <= headers.len() { found } else { Vec::new() }
}

/// Names without what does not tell one from another.
fn folded(header: &[String]) -> HashSet<String> {
    header.iter().map(|name| name.trim().to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn found(headers: &[&[&str]]) -> Vec<usize> {
        let owned = |names: &&[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let headers: Vec<Vec<String>> = headers.iter().map(owned).collect();
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
    fn where_nobody_can_say_no_file_is_one() {
        assert_eq!(found(&[]), NONE);
        assert_eq!(found(&[&["a"], &["b"]]), NONE);
        assert_eq!(found(&[&["a", "b"], &["a", "b"], &["c", "d"], &["c", "d"]]), NONE);
    }
}
