//! What is proposed for renamed columns, for columns that no file has, and for formats of dates.

use super::super::epoch::epochs;
use super::super::examples::{day, file, glimpse, texts};
use super::super::fit::EpochFit;
use super::*;
use crate::profile::{FileProfile, Profile};
use crate::source::SourceFile;

const MONTH: &str = "date %m/%d/%Y";
const DAY: &str = "date %d/%m/%Y";
const ISO: &str = "date %Y-%m-%d";

/// The epochs of files with these columns, one file per day.
fn epochs_of(headers: &[&[&str]]) -> Vec<Epoch> {
    let files = (1..).zip(headers).map(|(number, columns)| glimpse(number, columns));
    epochs(&files.collect::<Vec<_>>()).0
}

/// How SQL fits epochs, given for each as the columns that are not loaded, and those that are read as NULL.
fn fit(epochs: &[(&[&str], &[&str])]) -> Fit {
    let epochs = epochs.iter().map(|(not_loaded, read_as_null)| EpochFit {
        not_loaded: texts(not_loaded),
        read_as_null: texts(read_as_null),
        ..EpochFit::default()
    });
    Fit { epochs: epochs.collect(), ..Fit::default() }
}

/// The files of some days, with the kinds of the values in one column `when`.
fn files(days: &[(u32, &[&str])]) -> Vec<(SourceFile, FileProfile)> {
    let mut files = Vec::new();
    for (number, kinds) in days {
        let kinds = kinds.iter().map(|kind| (Kind::from((*kind).to_owned()), 5)).collect();
        let column = Profile { name: "when".to_owned(), kinds, ..Profile::default() };
        let profile = FileProfile { rows: 5, columns: vec![column], digest: String::new() };
        files.push((file(*number), profile));
    }
    files
}

fn profiled(files: &[(SourceFile, FileProfile)]) -> Vec<Profiled<'_>> {
    files.iter().map(|(file, profile)| (file, profile)).collect()
}

fn date_lines(days: &[(u32, &[&str])]) -> Vec<String> {
    propose_dates(&profiled(&files(days)))
}

/// The days of the files that are not in the usual format, and what is reported of them.
fn contradicting(days: &[(u32, &[&str])]) -> Vec<(Vec<FileDate>, String)> {
    let found = contradictions(&profiled(&files(days))).into_iter();
    found.map(|one| (one.files.into_iter().map(|(date, _)| date).collect(), one.text)).collect()
}

#[test]
fn a_renamed_column_keeps_its_newest_name_unless_the_sql_reads_another() {
    let epochs = epochs_of(&[&["id", "user_name"], &["id", "username"]]);
    assert_eq!(propose(&epochs, None), ["coalesce(username, user_name) AS username,"]);
    let reads_old = fit(&[(&[], &[]), (&["username"], &["user_name"])]);
    assert_eq!(propose(&epochs, Some(&reads_old)), ["coalesce(user_name, username) AS user_name,"]);
    let reads_new = fit(&[(&["user_name"], &["username"]), (&[], &[])]);
    assert_eq!(propose(&epochs, Some(&reads_new)), ["coalesce(username, user_name) AS username,"]);
    let mut without_stage = reads_old;
    without_stage.leave_out(&texts(&["stage.sql"]));
    assert_eq!(
        propose(&epochs, Some(&without_stage)),
        ["coalesce(username, user_name) AS username,"],
        "what the SQL reads is not known"
    );
}

#[test]
fn all_names_that_a_column_ever_had_are_one_line() {
    let epochs = epochs_of(&[&["id", "user_name"], &["id", "username"], &["id", "User Name"]]);
    assert_eq!(
        propose(&epochs, None),
        [r#"coalesce("User Name", user_name, username) AS "User Name","#]
    );
    let back = epochs_of(&[&["id", "user_name"], &["id", "username"], &["id", "user_name"]]);
    assert_eq!(propose(&back, None), ["coalesce(user_name, username) AS user_name,"]);
}

#[test]
fn a_column_that_no_file_has_is_null() {
    let epochs = epochs_of(&[&["id"], &["id", "city"]]);
    let nowhere = fit(&[(&[], &["city", "Zip"]), (&[], &["Zip"])]);
    assert_eq!(
        propose(&epochs, Some(&nowhere)),
        [r#"NULL AS "Zip",  -- no file has it"#],
        "what some files have is not proposed"
    );
    assert!(propose(&epochs, Some(&fit(&[]))).is_empty());
}

#[test]
fn a_renamed_column_is_not_also_null() {
    let epochs = epochs_of(&[&["id", "user_name"], &["id", "username"]]);
    let nowhere = fit(&[(&[], &["username", "user_name"]), (&[], &["username", "user_name"])]);
    assert_eq!(propose(&epochs, Some(&nowhere)), ["coalesce(username, user_name) AS username,"]);
}

#[test]
fn the_file_date_decides_between_formats_of_dates() {
    assert_eq!(
        date_lines(&[(1, &[MONTH]), (2, &[DAY])]),
        ["CASE WHEN _file_date <= DATE '2025-03-01' THEN \
          try_to_date(null_like(\"when\"), '%m/%d/%Y') WHEN _file_date >= DATE '2025-03-02' THEN \
          try_to_date(null_like(\"when\"), '%d/%m/%Y') END AS \"when\","]
    );
    assert!(date_lines(&[(1, &[MONTH]), (2, &[ISO])]).is_empty(), "these do not contradict");
    assert!(date_lines(&[(1, &["text"])]).is_empty());
}

#[test]
fn formats_that_no_file_date_decides_between_are_a_comment() {
    assert_eq!(
        date_lines(&[(1, &[MONTH, DAY])]),
        [
            "-- \"when\": its dates are written in formats that contradict each other in the files of \
          2025-03-01, so that the file date does not decide"
        ]
    );
    let times = "date %d/%m/%Y %H:%M:%S";
    assert_eq!(
        date_lines(&[(1, &[MONTH]), (2, &[DAY, times])]),
        [
            "-- \"when\": its dates are written in formats that contradict each other and not all with a \
          time: %m/%d/%Y in files of 2025-03-01 to 2025-03-01, %d/%m/%Y or %d/%m/%Y %H:%M:%S in files \
          of 2025-03-02 to 2025-03-02"
        ]
    );
}

#[test]
fn files_that_are_not_in_the_most_frequent_format_contradict() {
    assert_eq!(
        contradicting(&[(1, &[MONTH]), (2, &[DAY]), (3, &[DAY])]),
        [(
            vec![day(1)],
            "%m/%d/%Y in files of 2025-03-01 to 2025-03-01, %d/%m/%Y in files of 2025-03-02 to 2025-03-03"
                .to_owned()
        )]
    );
    let even = contradicting(&[(1, &[MONTH]), (2, &[DAY])]);
    assert_eq!(even[0].0, [day(2)], "of several formats, the oldest is usual");
    let both = contradicting(&[(1, &[DAY]), (2, &[MONTH, DAY]), (3, &[DAY])]);
    assert_eq!(
        both,
        [(
            vec![day(2)],
            "formats that contradict each other, both in the files of 2025-03-02".to_owned()
        )]
    );
    assert!(contradicting(&[(1, &[ISO]), (2, &[DAY])]).is_empty());
}

#[test]
fn columns_of_dates_come_in_the_newest_files_order() {
    let mut both = files(&[(1, &[ISO]), (2, &[ISO])]);
    let old = Profile { name: "old".to_owned(), ..both[0].1.columns[0].clone() };
    both[0].1.columns.insert(0, old);
    let text = Profile { name: "text".to_owned(), ..Profile::default() };
    both[1].1.columns.push(text);
    assert_eq!(columns_of_dates(&profiled(&both)), ["when", "old"]);
}
