//! Tests of the **plan** of a run.

use super::*;

#[test]
fn a_plan_sums_up_what_is_loaded_and_what_is_removed() {
    let mut files = listed(policy(false, true));
    files.fill_target(TargetState {
        others: vec![entry("2025-09-05", "v1")],
        ..target(vec![entry("2025-09-01", "v1")], &[("2025-09-01", 10), ("2025-09-05", 10)])
    });
    files.fill_ours(&ours("2025-09-05", 10), Vec::new());
    let plan = files.plan(10.0);
    let totals = plan.totals;
    assert_eq!((totals.files, totals.bytes), (3, 300));
    assert_eq!((totals.files_to_load, totals.bytes_to_load), (2, 200));
    assert_eq!(totals.estimated_rows_to_load, 20, "a row is taken to have 10 bytes");
    assert_eq!((totals.files_to_remove, totals.batches), (1, 3));
    assert!(totals.is_target_known && !plan.is_done());
    assert_eq!(plan.everything().count(), 4);
    let gone = &plan.gone[0];
    assert_eq!(
        (gone.key.as_str(), gone.batch, gone.estimated_rows),
        ("orders/2025-09-05.csv", 5, 10)
    );
}

#[test]
fn a_plan_is_done_if_everything_is_loaded() {
    let dates = ["2025-09-01", "2025-09-02", "2025-09-03"];
    let mut files = listed(policy(false, false));
    files.fill_target(target(
        dates.map(|date| entry(date, "v1")).to_vec(),
        &dates.map(|date| (date, 10)),
    ));
    let plan = files.plan_by(|_| 7);
    assert!(plan.is_done());
    assert_eq!((plan.totals.batches, plan.totals.files_to_load), (0, 0));
    assert!(plan.files.iter().all(|file| file.estimated_rows == 7));
}

#[test]
fn without_a_database_a_plan_loads_everything() {
    let plan = listed(policy(false, false)).plan(50.0);
    assert!(!plan.totals.is_target_known);
    assert_eq!((plan.totals.files_to_load, plan.totals.estimated_rows_to_load), (3, 6));
    assert!(plan.gone.is_empty());
}
