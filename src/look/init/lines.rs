//! Settings of `csv` for the **lines** around the tables of a new dataset's files, if most files have such lines.

use std::collections::BTreeSet;

use backfill_csv::{Around, Dialect, LineAround};

use crate::look::drift::around::FileAround;

/// If lines of one kind need more different patterns than this, none is set.
const PATTERNS: usize = 3;

/// The settings that leave out the lines that most files have around their tables; `None` if most files have no such
/// lines, or if no setting fits all of them. `files` is the number of all files.
pub fn settled(dialect: &Dialect, found: &[FileAround], files: usize) -> Option<Dialect> {
    let arounds: Vec<&Around> = found.iter().map(|file| &file.around).collect();
    let mut settled = dialect.clone();
    let above: Vec<&Around> =
        arounds.iter().copied().filter(|around| around.lines_above > 0).collect();
    if above.len() * 2 > files {
        settled = above_all(&above)?.settle(&settled);
    }
    for lines in [units as fn(&Around) -> &[LineAround], last] {
        settled.skip_records.extend(patterns(&arounds, lines, files));
    }
    (settled != *dialect).then_some(settled)
}

/// What stands above the headers of files, if the same setting leaves it out of all of them.
fn above_all(above: &[&Around]) -> Option<Around> {
    let newest = above.last()?;
    let names = newest.header_names.iter();
    let in_all = names.filter(|name| above.iter().all(|file| file.header_names.contains(name)));
    let common = Around {
        lines_above: newest.lines_above,
        comment: newest.comment.clone(),
        header_names: in_all.cloned().collect(),
        header_pattern: newest.header_pattern.clone(),
        delimiter: newest.delimiter,
        names: newest.names.clone(),
        ..Around::default()
    };
    above.iter().all(|around| is_same_above(around, &common)).then_some(common)
}

/// Whether the same setting leaves out what stands above two headers.
fn is_same_above(one: &Around, other: &Around) -> bool {
    one.comment == other.comment
        && one.header_pattern == other.header_pattern
        && one.delimiter == other.delimiter
        && one.names == other.names
        && one.header_names.is_empty() == other.header_names.is_empty()
}

fn units(around: &Around) -> &[LineAround] {
    around.units.as_slice()
}

fn last(around: &Around) -> &[LineAround] {
    &around.last
}

/// The patterns of a kind of line that most files have; empty if there are too many patterns for one kind.
fn patterns(arounds: &[&Around], lines: fn(&Around) -> &[LineAround], files: usize) -> Vec<String> {
    let found: Vec<&[LineAround]> = arounds.iter().map(|around| lines(around)).collect();
    let having = found.iter().filter(|lines| !lines.is_empty()).count();
    let patterns: BTreeSet<&String> =
        found.iter().flat_map(|lines| lines.iter()).map(|line| &line.pattern).collect();
    match having * 2 > files && patterns.len() <= PATTERNS {
        true => patterns.into_iter().cloned().collect(),
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(around: Around) -> FileAround {
        FileAround { key: "x.csv".to_owned(), around }
    }

    fn above(names: &[&str]) -> FileAround {
        let header_names = names.iter().map(ToString::to_string).collect();
        file(Around { lines_above: 2, header_names, ..Around::default() })
    }

    fn total(pattern: &str) -> FileAround {
        let last = vec![LineAround { line: 9, pattern: pattern.to_owned() }];
        file(Around { last, ..Around::default() })
    }

    #[test]
    fn what_most_files_have_in_common_is_set() {
        let dialect = Dialect::default();
        let found = [above(&["id", "name"]), above(&["name", "id", "city"])];
        let settled = settled(&dialect, &found, 3).expect("settings");
        assert_eq!(settled.header_names, ["name", "id"]);
        let totals = [total("^Total"), total("^Total"), total("^Sum")];
        let settled = super::settled(&dialect, &totals, 4).expect("settings");
        assert_eq!(settled.skip_records, ["^Sum", "^Total"]);
    }

    #[test]
    fn what_few_files_have_or_what_differs_is_not() {
        let dialect = Dialect::default();
        assert_eq!(settled(&dialect, &[above(&["id"])], 2), None);
        assert_eq!(settled(&dialect, &[above(&["id"]), above(&["no"])], 2), None);
        let totals = ["^a", "^b", "^c", "^d"].map(total);
        assert_eq!(settled(&dialect, &totals, 4), None);
        assert_eq!(settled(&dialect, &[], 0), None);
    }
}
