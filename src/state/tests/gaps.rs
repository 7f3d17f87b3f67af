//! Tests of **gaps** between source and target.

use super::*;
use crate::domain::KeyFault;
use crate::source::{Ignored, Reason};

#[test]
fn gaps_end_at_days_that_are_loaded_and_at_the_first_day_of_the_live_loader() {
    let (first, second, third) = (day("2025-09-01"), day("2025-09-02"), day("2025-09-03"));
    // It is not known what is loaded.
    assert!(kinds(&listed(policy(false, false))).is_empty());
    let mut files = listed(policy(false, false));
    files.fill_target(target(Vec::new(), &[]));
    assert_eq!(kinds(&files), [(GapKind::Historical, first, third)]);
    let mut files = listed(policy(false, false));
    files.fill_target(target(vec![entry("2025-09-02", "v1")], &[("2025-09-02", 10)]));
    assert_eq!(
        kinds(&files),
        [(GapKind::Historical, first, first), (GapKind::Historical, third, third)]
    );
    let mut files = listed(policy(false, false));
    files.fill_target(target(Vec::new(), &[("2025-09-02", 4)]));
    assert_eq!(files.live_since(), Some(second));
    let earlier = day("2025-08-01");
    let mut asked = files.clone();
    asked.fill_every_file(HashMap::new(), Some(earlier));
    assert_eq!(asked.live_since(), Some(earlier), "outside the range, too");
    assert_eq!(
        kinds(&files),
        [(GapKind::Historical, first, first), (GapKind::Forward, third, third)]
    );
}

/// The gaps with their first and last day.
fn kinds(files: &Files) -> Vec<(GapKind, FileDate, FileDate)> {
    let gaps = files.gaps(Some(&[]), |_| 10).gaps;
    gaps.iter().map(|gap| (gap.kind, gap.from, gap.to)).collect()
}

#[test]
fn a_gap_counts_its_days_files_bytes_and_rows() {
    let mut files = listed(policy(false, false));
    let second = FileState::listed(exported_as("2025-09-02", "2025-09-02-b"), 2);
    files.files.push(second);
    files.fill_target(target(Vec::new(), &[]));
    let gaps = files.gaps(Some(&[]), |file| file.size() / 10).gaps;
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert_eq!((gap.days, gap.files, gap.bytes, gap.estimated_rows), (3, 4, 400, 40));
    assert_eq!(gap.partly_loaded_days, 0);

    // One of the two files of the second day is loaded.
    files.fill_target(target(vec![entry("2025-09-02", "v1")], &[("2025-09-02", 10)]));
    let gaps = files.gaps(Some(&[]), |_| 1).gaps;
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert_eq!((gap.days, gap.files, gap.partly_loaded_days), (3, 3, 1));
}

/// The file of a day with another name.
fn exported_as(date: &str, stem: &str) -> SourceFile {
    let key = format!("orders/{stem}.csv");
    SourceFile { name: format!("bucket/{key}"), key, ..exported(date, "v1") }
}

#[test]
fn what_only_the_target_has_is_grouped_by_loader_and_consecutive_days() {
    let mut files = with_gone_file(policy(false, false));
    let strays = [
        stray(Some("2025-10-02"), true),
        stray(Some("2025-10-01"), true),
        stray(Some("2025-10-04"), true),
        stray(None, true),
        stray(None, true),
        stray(Some("2025-10-03"), false),
    ];
    let found = files.gaps(Some(&strays), |_| 1);
    let groups: Vec<_> =
        found.only_in_target.iter().map(|group| (group.is_ours, group.from, group.files)).collect();
    assert_eq!(
        groups,
        [
            (false, None, 2),
            (false, Some(day("2025-10-01")), 2),
            (false, Some(day("2025-10-04")), 1),
            (true, Some(day("2025-09-05")), 1),
        ]
    );
    let held = found.held.expect("the target is known");
    assert_eq!((held.ours.files, held.ours.rows), (1, 10));
    assert_eq!((held.live.files, held.live.days, held.elsewhere.files), (5, 3, 1));

    // A file whose object is still there, although its key is ignored, is not only in the target.
    files.files.last_mut().expect("the gone file").is_still_listed = true;
    assert!(files.gaps(Some(&[]), |_| 1).only_in_target.is_empty());
}

fn stray(date: Option<&str>, is_under_prefix: bool) -> Stray {
    Stray { date: date.map(day), rows: 3, is_under_prefix }
}

fn ignored(reason: Reason) -> Ignored {
    Ignored { key: "orders/x".to_owned(), size: 0, reason }
}

#[test]
fn ignored_keys_are_counted_by_reason() {
    let mut files = listed(policy(false, false));
    let reasons = [
        Reason::ZeroBytes,
        Reason::OutOfRange,
        Reason::OutOfRange,
        Reason::UnusableKey(KeyFault::DoubleSlash),
    ];
    files.ignored = reasons.map(ignored).to_vec();
    let source = files.gaps(None, |_| 1).source;
    assert_eq!((source.files, source.days, source.bytes), (3, 3, 300));
    assert_eq!((source.empty, source.out_of_range, source.unusable), (1, 2, 1));
}
