//! **Tests** of whole samples, which are read back by a simple reader.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// A folder that is deleted at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("sample-{}-{number}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn small() -> Options {
    Options { days: 15, rows: 60, prefixes: vec!["orders-create".to_owned()], ..Options::default() }
}

/// A sample in memory: the plans of its files and their bytes.
fn rendered(options: &Options) -> Vec<(FilePlan, Vec<u8>)> {
    plan::plan(options).expect("a plan").files.into_iter().map(render).collect()
}

fn render(plan: FilePlan) -> (FilePlan, Vec<u8>) {
    let mut bytes = Vec::new();
    file::render(&plan, &mut bytes).expect("memory");
    (plan, bytes)
}

fn bytes(options: &Options) -> Vec<Vec<u8>> {
    rendered(options).into_iter().map(|(_, bytes)| bytes).collect()
}

/// Splits CSV as RFC 4180 defines it, character by character.
fn records(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let mut records = vec![vec![String::new()]];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let record = records.last_mut().expect("a record");
        let field = record.last_mut().expect("a field");
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(String::new()),
            '\r' if !quoted => {}
            '\n' if !quoted => records.push(vec![String::new()]),
            other => field.push(other),
        }
    }
    assert_eq!(records.pop(), Some(vec![String::new()]), "the last line has an end");
    records
}

fn key(record: &[String]) -> (String, String) {
    let [order, product] = ["orders_id", "products_id"].map(columns::position);
    (record[order].clone(), record[product].clone())
}

/// Returns the file that has this quirk.
fn quirky(wanted: impl Fn(&Quirk) -> bool) -> (FilePlan, Vec<u8>) {
    let mut files = rendered(&Options { quirks: true, ..small() });
    files.retain(|(plan, _)| plan.quirks.iter().any(&wanted));
    assert_eq!(files.len(), 1);
    files.remove(0)
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let options = Options { quirks: true, resend: 0.2, ..small() };
    assert_eq!(bytes(&options), bytes(&options));
}

#[test]
fn another_seed_gives_other_bytes() {
    assert_ne!(bytes(&small()), bytes(&Options { seed: 2, ..small() }));
}

#[test]
fn every_record_has_a_field_for_every_column() {
    for file in bytes(&Options { resend: 0.2, ..small() }) {
        let records = records(&file);
        assert_eq!(records[0], COLUMNS);
        assert!(records.iter().all(|record| record.len() == COLUMNS.len()));
        assert!(file.is_ascii());
        assert!(file.ends_with(b"\r\n"));
    }
}

#[test]
fn a_key_sent_again_is_in_an_earlier_file_with_another_row() {
    let mut newest: HashMap<(String, String), Vec<String>> = HashMap::new();
    let (mut again, mut total) = (0_u32, 0_u32);
    for (number, file) in bytes(&Options { resend: 0.25, ..small() }).iter().enumerate() {
        for record in records(file).split_off(1) {
            let older = newest.insert(key(&record), record.clone());
            assert_ne!(older.as_ref(), Some(&record));
            again += u32::from(older.is_some());
            total += u32::from(number > 0);
        }
    }
    let share = f64::from(again) / f64::from(total);
    assert!((share - 0.25).abs() < 0.01, "{share}");
}

#[test]
fn without_resends_every_key_is_new() {
    let mut keys = HashSet::new();
    for file in bytes(&small()) {
        assert!(records(&file)[1..].iter().all(|record| keys.insert(key(record))));
    }
}

#[test]
fn rows_and_bytes_are_about_those_of_the_real_exports() {
    let options = Options { days: 1, rows: 5000, ..small() };
    let file = bytes(&options).remove(0);
    let average = file.len() / (records(&file).len() - 1);
    assert!((740..=810).contains(&average), "{average} bytes per row");
}

#[test]
fn every_quirk_is_planted_exactly_once() {
    let files = rendered(&Options { quirks: true, ..small() });
    let mut planted: HashMap<Quirk, usize> = HashMap::new();
    for quirk in files.iter().flat_map(|(plan, _)| &plan.quirks) {
        *planted.entry(*quirk).or_default() += 1;
    }
    assert_eq!(planted.remove(&Quirk::LacksLastColumns), Some(5));
    assert_eq!(planted.len(), 7);
    assert!(planted.values().all(|count| *count == 1));
}

#[test]
fn only_the_first_prefix_has_quirks() {
    let files = rendered(&Options { quirks: true, days: 15, rows: 5, ..Options::default() });
    let second = files.iter().filter(|(plan, _)| plan.path.starts_with("orders-update"));
    assert!(second.clone().count() == 15 && second.clone().all(|(plan, _)| plan.quirks.is_empty()));
}

#[test]
fn old_files_end_before_the_appended_columns() {
    let (_, old) = rendered(&Options { quirks: true, ..small() }).remove(1);
    let text = String::from_utf8_lossy(&old).into_owned();
    for record in records(text.as_bytes()) {
        assert_eq!(record.len(), COLUMNS.len() - columns::APPENDED);
    }
}

#[test]
fn windows_1252_letters_are_not_utf_8() {
    let (plan, file) = quirky(|quirk| *quirk == Quirk::Windows1252);
    assert!(std::str::from_utf8(&file).is_err());
    let (text, _, _) = encoding_rs::WINDOWS_1252.decode(&file);
    assert!(text.contains(",Renée,") && text.contains(",Cañon City,") && text.contains("’s door"));
    assert_eq!(records(text.as_bytes()).len(), plan.rows() as usize + 1);
}

#[test]
fn the_number_of_bad_records_is_reported_exactly() {
    let (plan, file) = quirky(|quirk| matches!(quirk, Quirk::BadRecords { count: 5 }));
    let lines = file.split(|byte| *byte == b'\n').count() - 1;
    assert_eq!(lines, plan.rows() as usize + 5 + 1);
    // The header and the other records are those of the file without the quirk.
    let plain = bytes(&small()).remove(5);
    let good: HashSet<_> = plain.split(|byte| *byte == b'\n').collect();
    let bad = file.split(|byte| *byte == b'\n').filter(|line| !good.contains(line));
    assert_eq!(bad.count(), 5);
    assert!(file.split(|byte| *byte == b'\n').next() == plain.split(|byte| *byte == b'\n').next());
}

#[test]
fn a_reordered_file_has_the_same_cells_under_the_same_names() {
    let (_, file) = quirky(|quirk| *quirk == Quirk::ReorderedColumns);
    let plain = bytes(&small()).remove(3);
    let (reordered, usual) = (records(&file), records(&plain));
    for name in ["billing_email", "delivery_city", "order_date", "order_status", "notes"] {
        assert_eq!(named(&reordered, 7, name), named(&usual, 7, name), "{name}");
    }
    assert_ne!(reordered[7], usual[7]);
}

/// Returns the cell of a record by the name of its column.
fn named<'a>(records: &'a [Vec<String>], record: usize, name: &str) -> Option<&'a str> {
    let column = records[0].iter().position(|column| column == name)?;
    Some(&records[record][column])
}

#[test]
fn a_repeated_header_is_in_the_middle_and_not_counted_as_a_row() {
    let (plan, file) = quirky(|quirk| *quirk == Quirk::RepeatedHeader);
    let records = records(&file);
    assert_eq!(records.len(), plan.rows() as usize + 2);
    assert_eq!(records[plan.rows() as usize / 2 + 1], records[0]);
}

#[test]
fn the_second_file_of_a_day_is_later_and_has_other_keys() {
    let (second, file) = quirky(|quirk| *quirk == Quirk::SecondFileOfDay);
    let files = rendered(&Options { quirks: true, ..small() });
    let (first, first_file) =
        files.iter().find(|(plan, _)| plan.day == second.day).expect("a first file");
    assert!(first.path < second.path);
    let keys: HashSet<_> = records(first_file)[1..].iter().map(|record| key(record)).collect();
    let others = records(&file);
    assert!(others.len() > 1);
    assert!(others[1..].iter().all(|record| !keys.contains(&key(record))));
}

#[test]
fn the_reported_files_are_those_on_the_disk() {
    let folder = Folder::new();
    let options = Options { quirks: true, rows: 30, ..Options::default() };
    let mut reported = Vec::new();
    let summary =
        write(&folder.0, &options, &mut |file| reported.push(file.clone())).expect("a sample");
    reported.sort_by(|left, right| left.path.cmp(&right.path));
    assert_eq!(reported, summary.files);
    assert_eq!(summary.files.len(), 56);
    let missing = options.start + chrono::Days::new(14);
    assert_eq!(summary.missing_days, [("orders-create".to_owned(), missing)]);
    for file in &summary.files {
        let bytes = std::fs::read(folder.0.join(&file.path)).expect("a file");
        assert_eq!(bytes.len() as u64, file.bytes);
        let lines = bytes.split(|byte| *byte == b'\n').count() as u64 - 1;
        let headers = 1 + u64::from(file.quirks.contains(&Quirk::RepeatedHeader));
        assert_eq!(lines, file.rows + headers, "{}", file.path.display());
    }
    assert_eq!(names(&folder.0.join("orders-create")).len(), 28);
}

#[test]
fn a_path_that_cannot_be_a_folder_is_named_in_the_error() {
    let folder = Folder::new();
    std::fs::write(&folder.0, b"").expect("a file");
    let refused = write(&folder.0, &small(), &mut |_| ()).expect_err("no folder");
    assert!(matches!(&refused, Error::CreateFolder { path, .. } if path.starts_with(&folder.0)));
    assert!(std::error::Error::source(&refused).is_some());
    std::fs::remove_file(&folder.0).expect("removed");
}

/// Returns the names in a folder, which must all be those of exports.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    for name in &names {
        assert!(name.starts_with("report_2025-") && name.ends_with(".csv"), "{name}");
        assert_eq!(name.len(), "report_2025-09-22T1849_8f3a1c.csv".len());
    }
    names
}
