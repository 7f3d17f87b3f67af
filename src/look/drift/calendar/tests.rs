//! Which days, sizes and files are odd, and how they are reported.

use super::super::examples::{day, file, glimpse, texts};
use super::super::records::OtherWidth;
use super::*;
use crate::profile::FileProfile;
use crate::source::SourceFile;

/// The days of March that have files in these tests.
const DAYS: u32 = 14;

fn march() -> DateRange {
    DateRange::between(day(1), day(31))
}

/// One file per day, with this many rows.
fn files(rows: impl Fn(u32) -> u64) -> Vec<(SourceFile, FileProfile)> {
    let days = (1..=DAYS).map(|number| {
        let profile =
            FileProfile { rows: rows(number), columns: Vec::new(), digest: String::new() };
        (file(number), profile)
    });
    days.collect()
}

/// The days that are reported for their rows, beside other oddities.
fn unusual_rows(files: &[(SourceFile, FileProfile)], oddities: &[Oddity]) -> Vec<Seen> {
    let files: Vec<Profiled<'_>> = files.iter().map(|(file, profile)| (file, profile)).collect();
    rows(&files, march(), oddities)
}

fn many_rows(number: u32, rows: u64) -> Seen {
    Seen::UnusualRows { date: day(number), rows, usual: 100, beside: Beside::DaysAround }
}

fn unusual_size(number: u32) -> Oddity {
    let (date, beside) = (day(number), Beside::DaysAround);
    Oddity::Seen(Seen::UnusualSize { date, bytes: 9, usual: 1, beside })
}

/// Files with one column of dates, each this many days from the file date.
fn dated(days_off: &[i64]) -> Vec<Glimpse> {
    let mut files = Vec::new();
    for (number, days) in (1..).zip(days_off) {
        let mut file = glimpse(number, &["when"]);
        file.looks[0].days_off = Some(*days);
        files.push(file);
    }
    files
}

/// A file with one column, some of whose records have another width.
fn of_width(number: u32, fields: usize, records: u64, to_the_end: bool) -> Glimpse {
    let mut file = glimpse(number, &["a"]);
    file.records.other_width =
        Some(OtherWidth { line: 7, fields, records, accepted_before: 5, to_the_end });
    file
}

#[test]
fn a_day_with_far_more_rows_than_the_days_around_it_is_unusual() {
    let files = files(|number| if number == 5 { 301 } else { 100 });
    assert_eq!(unusual_rows(&files, &[]), [many_rows(5, 301)]);
    let outside = DateRange::between(day(6), day(31));
    let files: Vec<Profiled<'_>> = files.iter().map(|(file, profile)| (file, profile)).collect();
    assert_eq!(rows(&files, outside, &[]), []);
}

#[test]
fn the_rows_of_all_files_of_a_day_count() {
    let mut files = files(|_| 100);
    let again = files[4].clone();
    files.extend([again.clone(), again.clone(), again]);
    assert_eq!(unusual_rows(&files, &[]), [many_rows(5, 400)]);
}

#[test]
fn a_day_of_unusual_size_is_not_reported_for_its_rows_too() {
    let files = files(|number| if number == 5 { 1000 } else { 100 });
    assert_eq!(unusual_rows(&files, &[unusual_size(5)]), []);
    assert_eq!(unusual_rows(&files, &[unusual_size(6)]), [many_rows(5, 1000)]);
}

#[test]
fn few_rows_differ_by_chance() {
    assert_eq!(unusual_rows(&files(|number| if number == 5 { 29 } else { 1 }), &[]), []);
    assert_eq!(unusual_rows(&files(|number| if number == 5 { 30 } else { 1 }), &[]).len(), 1);
    assert_eq!(unusual_rows(&files(|number| if number == 5 { 1 } else { 30 }), &[]).len(), 1);
}

#[test]
fn dates_are_far_away_if_those_of_other_files_are_not() {
    let files = dated(&[-1, -1, 0, -1, 7]);
    let far = Seen::DatesFarAway {
        key: "x/5.csv".to_owned(),
        column: "when".to_owned(),
        days: 7,
        usual: -1,
    };
    assert_eq!(dates_far_away(&files), [far]);
    assert_eq!(dates_far_away(&dated(&[-1, -1, 0, -1, 6])), [], "a week is not far");
    assert_eq!(dates_far_away(&dated(&[-1, -1, 0, -1, -9])).len(), 1, "the past may be far, too");
}

#[test]
fn dates_that_do_not_follow_the_file_date_are_nowhere_far() {
    assert_eq!(dates_far_away(&dated(&[0, 0, 50])), [], "three files show nothing");
    assert_eq!(dates_far_away(&dated(&[0, 0, 0, 50])), [], "three of four are too few");
    assert_eq!(dates_far_away(&dated(&[0, 2, 4, 2, 50])).len(), 1, "two days are steady");
    assert_eq!(dates_far_away(&dated(&[0, 3, 6, 3, 50])), [], "three days are not");
}

#[test]
fn a_file_is_reported_for_one_column_of_far_dates() {
    let mut files = dated(&[0, 0, 0, 0, 50]);
    for file in &mut files {
        file.names = texts(&["when", "again"]).into();
        file.looks.push(file.looks[0].clone());
    }
    let found = dates_far_away(&files);
    assert!(
        matches!(&found[..], [Seen::DatesFarAway { column, .. }] if column == "again"),
        "{found:?}"
    );
}

#[test]
fn records_of_another_width_are_odd_up_to_the_end_or_if_a_header_is_as_wide() {
    assert_eq!(widths(&[of_width(1, 3, 1, true)]), [], "one record may be faulty");
    assert_eq!(widths(&[of_width(1, 3, 2, false)]), [], "records of the old width follow");
    assert_eq!(
        widths(&[of_width(1, 3, 2, true)]),
        [Seen::OtherWidth {
            key: "x/1.csv".to_owned(),
            line: 7,
            columns: 1,
            fields: 3,
            records: 2,
            accepted_before: 5,
            like: None,
        }]
    );
    let found = widths(&[of_width(1, 3, 1, false), glimpse(2, &["b", "a", "c"])]);
    let [Seen::OtherWidth { like: Some((key, added)), .. }] = &found[..] else {
        panic!("a header as wide: {found:?}");
    };
    assert_eq!((key.as_str(), &added[..]), ("x/2.csv", &texts(&["b", "c"])[..]));
}

#[test]
fn what_the_listing_finds_comes_before_what_is_seen() {
    let mut listing = Listing::of_files(march(), (1..=DAYS).map(file).collect());
    listing.findings.push(Finding::ZeroBytes { key: "x/0.csv".to_owned() });
    for number in 1..=DAYS {
        listing.sizes.add("x/a.csv", day(number), if number == 5 { 1 } else { 1000 });
    }
    let mut glimpses: Vec<Glimpse> = dated(&[0, 0, 0, 0, 50]);
    glimpses.push(of_width(6, 3, 2, true));
    let mut again = glimpse(7, &["when"]);
    again.digest = glimpses[0].digest.clone();
    glimpses.push(again);
    let found = oddities(&listing, &glimpses);
    assert!(
        matches!(
            &found[..],
            [
                Oddity::Listed(Finding::ZeroBytes { .. }),
                Oddity::Seen(Seen::UnusualSize { bytes: 1, usual: 1000, .. }),
                Oddity::Seen(Seen::DatesFarAway { .. }),
                Oddity::Seen(Seen::OtherWidth { .. }),
                Oddity::Seen(Seen::SameContent { .. }),
            ]
        ),
        "{found:?}"
    );
}

#[test]
fn oddities_are_reported_with_numbers_and_names() {
    let wide = Seen::OtherWidth {
        key: "x/1.csv".to_owned(),
        line: 7,
        columns: 1,
        fields: 3,
        records: 2,
        accepted_before: 0,
        like: Some(("x/2.csv".to_owned(), texts(&["b", "c"]))),
    };
    let far = Seen::DatesFarAway {
        key: "x/1.csv".to_owned(),
        column: "when".to_owned(),
        days: 50,
        usual: 1,
    };
    for (seen, text) in [
        (many_rows(5, 301), "2025-03-05 has 301 rows, the days around it 100"),
        (far, "x/1.csv has dates in when that are +50 days from its file date, other files +1"),
        (
            wide,
            "x/1.csv:7: from here on, records have 3 fields, but the header has 1: the header may be another line, \
             or have other columns; x/2.csv has a header of 3, with b, c",
        ),
    ] {
        assert_eq!(Oddity::Seen(seen).to_string(), text);
    }
}
