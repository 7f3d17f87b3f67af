//! Tests of what a run is **refused**: firing triggers, adding rows to rows without a file, and loading live days.

use super::*;
use crate::domain::{MergeRule, Placement, RowSet};

/// The files of a range that are merged by `id`.
fn merged(allow: Allow) -> Files {
    let rule = MergeRule { key: vec!["id".to_owned()], order: vec!["updated".to_owned()] };
    listed(Policy { allow, placement: Placement::Merge(rule), ..policy(false, false) })
}

/// An empty target with a trigger for each event, and two foreign keys that follow updates.
fn with_triggers() -> TargetState {
    let update_cascades = ["id", "email"].map(|column| UpdateCascade {
        columns: vec![column.to_owned()],
        description: format!("rows that refer to {column}"),
    });
    TargetState {
        effects: Effects {
            insert_triggers: vec!["a".to_owned()],
            update_triggers: vec!["b".to_owned()],
            delete_triggers: vec!["c".to_owned()],
            update_cascades: update_cascades.to_vec(),
            ..Effects::default()
        },
        ..target(Vec::new(), &[])
    }
}

#[test]
fn only_the_triggers_that_a_run_fires_are_refused() {
    let mut files = listed(policy(false, false));
    files.fill_target(with_triggers());
    assert_eq!(files.triggers(), ["a (on INSERT)"]);
    assert!(matches!(files.refuse(), Err(Refusal::Triggers { .. })));

    // A merge updates rows, and the columns outside its key.
    let mut files = merged(Allow::default());
    files.fill_target(with_triggers());
    let expected = ["a (on INSERT)", "b (on UPDATE)", "rows that refer to email"];
    assert_eq!(files.triggers(), expected);

    let mut files = merged(Allow { side_effects: true, ..Allow::default() });
    files.fill_target(with_triggers());
    files.refuse().expect("it is allowed");
}

#[test]
fn rows_without_a_file_are_refused_unless_rows_are_merged() {
    let unnamed = TargetState { unnamed: 3, ..target(Vec::new(), &[]) };
    let mut files = listed(policy(false, false));
    files.fill_target(unnamed.clone());
    assert_eq!(files.rows_without_file(), 3);
    assert!(matches!(files.refuse(), Err(Refusal::UnnamedRows { rows: 3, .. })));

    let mut files = merged(Allow::default());
    files.fill_target(unnamed);
    files.refuse().expect("a merge compares rows with the target");
}

#[test]
fn days_of_the_live_loader_are_refused_unless_they_are_allowed() {
    let live = TargetState { live_since: Some(day("2025-09-02")), ..target(Vec::new(), &[]) };
    let mut files = listed(policy(false, false));
    files.fill_target(live.clone());
    let refused = files.refuse().expect_err("two days are live");
    let Refusal::LiveDays { files: named, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(named.len(), 2, "{named:?}");
    assert!(refused.hint().expect("a hint").contains("--end 2025-09-01"));

    let allow = Allow { live_days: true, ..Allow::default() };
    let mut files = listed(Policy { allow, ..policy(false, false) });
    files.fill_target(live);
    files.refuse().expect("it is allowed");
    assert_eq!(files.to_load().count(), 3);
}

#[test]
fn rows_that_were_deleted_on_purpose_do_not_come_back_with_a_merge() {
    let erased = Some(Erased { until: day("2025-09-02"), rows: 4 });
    let state = TargetState { erased, ..target(Vec::new(), &[]) };
    let mut files = merged(Allow::default());
    files.fill_target(state);
    assert!(matches!(files.refuse(), Err(Refusal::DeletedOnPurpose { .. })));
    assert!(matches!(action(&files, "2025-09-02"), Action::Refuse { .. }));
    assert_eq!(action(&files, "2025-09-03"), &Action::Load, "a later day has newer rows");
}

#[test]
fn a_loaded_file_is_outdated_if_other_rows_of_it_survive() {
    let loaded = LedgerEntry { survivors: rows(&[0, 1]).digest(), ..entry("2025-09-01", "v1") };
    assert!(!loaded.is_outdated(range(), &rows(&[0, 1])));
    assert!(loaded.is_outdated(range(), &rows(&[0, 2])));
}

fn rows(rows: &[u64]) -> RowSet {
    let mut set = RowSet::none(10);
    for row in rows {
        set.insert(*row);
    }
    set
}
