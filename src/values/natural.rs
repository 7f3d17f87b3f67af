//! The **natural order** of names: numbers in them are compared as numbers, and a name comes before the same name
//! with something after it. The order is given by a text whose bytes sort in that way.
//!
//! `2025-03-03.csv` < `2025-03-03 (2).csv` < `2025-03-03 (10).csv`, and `_v2` < `_v10`.

/// Marks the end of a folder; it sorts before every character of a name.
const END_OF_FOLDER: char = '\u{2}';
/// Marks the end of the stem, and the end of the file extensions, behind which the left-out zeros are noted.
const END: char = '\u{1}';
/// The greatest length of a file extension, without its dot.
const ENDING: usize = 8;

/// Returns the text that sorts a name by its natural order. It differs for different names.
pub fn natural_order(name: &str) -> String {
    let mut sorted = String::with_capacity(name.len() + 16);
    let mut zeros = String::new();
    let (folders, file) = name.rsplit_once('/').map_or(("", name), |(f, name)| (f, name));
    let stem = file.len() - endings(file);
    for part in folders.split('/').filter(|_| file.len() < name.len()) {
        push(part, &mut sorted, &mut zeros);
        sorted.push(END_OF_FOLDER);
    }
    push(&file[..stem], &mut sorted, &mut zeros);
    sorted.push(END);
    push(&file[stem..], &mut sorted, &mut zeros);
    sorted.push(END);
    sorted + &zeros
}

/// Returns the length of the extensions of a file's name, such as `.csv.gz`.
fn endings(file: &str) -> usize {
    let mut stem = file;
    while let Some((before, ending)) = stem.rsplit_once('.') {
        let is_ending = ending.starts_with(|c: char| c.is_ascii_alphabetic())
            && ending.len() <= ENDING
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_ending || before.is_empty() {
            break;
        }
        stem = before;
    }
    file.len() - stem.len()
}

/// Adds a text so that its numbers sort by their size, and notes in `zeros` how many zeros each begins with.
fn push(text: &str, sorted: &mut String, zeros: &mut String) {
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        sorted.push_str(&rest[..start]);
        let number = &rest[start..];
        let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        let digits = number[..end].trim_start_matches('0');
        push_length(digits.len(), sorted);
        sorted.push_str(digits);
        push_length(end - digits.len(), zeros);
        rest = &number[end..];
    }
    sorted.push_str(rest);
}

/// Adds a length so that greater lengths sort after smaller ones: nine is `90`, eighteen `990`.
fn push_length(length: usize, text: &mut String) {
    let (nines, ones) = (length / 9, length % 9);
    text.extend(std::iter::repeat_n('9', nines));
    text.push(char::from(b"012345678"[ones]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_by_size_and_a_plain_name_comes_first() {
        for names in [
            &["d/2025-03-03.csv", "d/2025-03-03 (2).csv", "d/2025-03-03 (10).csv"][..],
            &["x.csv", "x - Copy.csv", "x - Copy (2).csv", "x - Copy (10).csv"],
            &["x.csv", "x.1.csv", "x.2.csv", "x.10.csv"],
            &["x.csv", "x.csv.1", "x.csv.2", "x.csv.10"],
            &["x.csv.gz", "x-2.csv.gz", "x-10.csv.gz"],
            &["2025-03-05.csv", "2025-03-05_v2.csv", "2025-03-05_v10.csv"],
            &["v2.csv", "v02.csv", "v3.csv", "v0010.csv"],
            &["run2/a.csv", "run10/a.csv"],
            &["run/a.csv", "run (2)/a.csv", "run_v2/a.csv"],
            &["a/b.csv", "a/b/c.csv", "a/z.csv"],
            &["r_999999999.csv", "r_1000000000.csv", "r_999999999999999999999.csv"],
            &["2025-03-03T0959.csv", "2025-03-03T1000.csv"],
            &["0", "00", "1", "8", "10", "100", "a"],
        ] {
            let sorted: Vec<String> = names.iter().map(|name| natural_order(name)).collect();
            assert!(sorted.is_sorted(), "{names:?}: {sorted:?}");
        }
    }

    #[test]
    fn different_names_are_never_equal() {
        let names = [
            "", "/", "a", "a/", "/a", "a.csv", "a.0csv", "a01", "a1", "a001", "1a01", "01a1",
            "a1.csv", "a01.csv", "x.", ".csv", "é9", "a/1", "a/01",
        ];
        let mut sorted: Vec<String> = names.iter().map(|name| natural_order(name)).collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len());
    }
}
