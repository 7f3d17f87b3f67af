//! **Tests** of what a run does with files in each state, and what the plan, the gaps and the accounting say.

mod gaps;
mod plan;
mod refuse;

use std::collections::HashMap;
use std::path::Path;

use super::*;
use crate::config::Config;
use crate::domain::{DateRange, Explain, FileDate, Identity, Placed};
use crate::source::{Listing, SourceFile};
use crate::stage::Counts;

const SQL: &str = "sql of today";

fn day(text: &str) -> FileDate {
    text.parse().expect("a date")
}

/// The file of a day, in the version `etag`.
fn exported(date: &str, etag: &str) -> SourceFile {
    let key = format!("orders/{date}.csv");
    SourceFile {
        name: format!("bucket/{key}"),
        location: key.as_str().into(),
        key,
        date: day(date),
        identity: identity(etag),
    }
}

fn identity(etag: &str) -> Identity {
    let last_modified = "2025-01-01T00:00:00Z".parse().expect("a time");
    Identity { size: 100, etag: Some(etag.to_owned()), last_modified }
}

/// What the ledger knows about the file of a day that was loaded with ten rows.
fn entry(date: &str, etag: &str) -> LedgerEntry {
    let counts = Counts { records: 10, accepted: 10, staged: 10, ..Counts::default() };
    LedgerEntry {
        file_name: format!("bucket/orders/{date}.csv"),
        date: day(date),
        identity: identity(etag),
        sql_hash: SQL.to_owned(),
        counts,
        inserted: 10,
        updated: 0,
        skipped_older: 0,
        held: 10,
        deleted_on_purpose: 0,
        again: false,
        survivors: String::new(),
        run_id: "run-1".to_owned(),
        batch: 1,
        xids: vec!["700".to_owned()],
        range: range(),
    }
}

fn range() -> DateRange {
    DateRange::new(day("2025-09-01"), day("2025-09-10")).expect("a range")
}

/// The files of the first to the third of September, in batches of a day.
fn listed(policy: Policy) -> Files {
    let dates = ["2025-09-01", "2025-09-02", "2025-09-03"];
    let listing = Listing {
        range: range(),
        files: dates.map(|date| exported(date, "v1")).to_vec(),
        ignored: Vec::new(),
        findings: Vec::new(),
        around: Vec::new(),
        sizes: Default::default(),
    };
    let file = "[source]\nurl = \"s3://bucket\"\n[staging]\nurl = \"staging\"\n\
                [datasets.orders]\nprefix = \"orders\"\nkey = \"{date:%Y-%m-%d}.csv\"\ntable = \"public.orders\"\n";
    let config = Config::parse(file, Path::new("backfill.toml")).expect("valid");
    Files::listed(&config.datasets[0], &listing, 1, policy)
}

fn policy(reload: bool, remove_gone: bool) -> Policy {
    let allow = Allow { reload, remove_gone, ..Allow::default() };
    Policy { allow, sql_hash: SQL.to_owned(), ..Policy::default() }
}

/// What the target holds: these entries, and rows of each file.
fn target(entries: Vec<LedgerEntry>, rows: &[(&str, u64)]) -> TargetState {
    let rows = rows.iter().map(|(date, rows)| (name(date), *rows)).collect();
    TargetState { entries, rows, ..TargetState::default() }
}

fn name(date: &str) -> String {
    format!("bucket/orders/{date}.csv")
}

/// What a run does with the file of a day.
fn action<'a>(files: &'a Files, date: &str) -> &'a Action {
    &files.files.iter().find(|file| file.date == day(date)).expect("the file").action
}

fn ours(date: &str, rows: u64) -> HashMap<String, u64> {
    HashMap::from([(name(date), rows)])
}

#[test]
fn a_new_file_is_loaded_and_one_that_is_loaded_or_of_another_loader_is_skipped() {
    let mut files = listed(policy(false, false));
    let rows = [("2025-09-01", 10), ("2025-09-02", 4)];
    files.fill_target(target(vec![entry("2025-09-01", "v1")], &rows));
    assert_eq!(action(&files, "2025-09-01"), &Action::SkipLoaded { run_id: "run-1".to_owned() });
    assert_eq!(action(&files, "2025-09-02"), &Action::SkipLoadedElsewhere { rows: 4 });
    assert_eq!(action(&files, "2025-09-03"), &Action::Load);
    assert_eq!(files.batches(), [3]);
    files.refuse().expect("nothing is refused");
}

#[test]
fn what_changed_since_it_was_loaded_is_refused_unless_reload_is_asked_for() {
    let with_sql = LedgerEntry { sql_hash: "older".to_owned(), ..entry("2025-09-01", "v1") };
    for (entry, rows) in [
        (entry("2025-09-01", "v0"), 10),
        (with_sql, 10),
        (entry("2025-09-01", "v1"), 9),
        (entry("2025-09-01", "v1"), 0),
        (entry("2025-09-01", "v1"), 11),
    ] {
        let held = target(vec![entry], &[("2025-09-01", rows)]);
        let mut files = listed(policy(false, false));
        files.fill_target(held.clone());
        let refused = files.refuse().expect_err("it changed");
        assert!(matches!(&refused, Refusal::Changed { changes, .. } if changes.len() == 1));
        assert!(refused.hint().expect("a hint").contains("--reload"));

        let mut files = listed(policy(true, false));
        files.fill_target(held);
        files.fill_ours(&ours("2025-09-01", rows), Vec::new());
        files.refuse().expect("a reload was asked for");
        assert!(matches!(action(&files, "2025-09-01"), Action::Reload { .. }));
        assert_eq!(files.to_reload().len(), 1);
    }
}

#[test]
fn rows_of_others_are_never_replaced_or_deleted() {
    let mut files = listed(policy(true, true));
    files.fill_target(target(vec![entry("2025-09-01", "v0")], &[("2025-09-01", 12)]));
    let contested: Vec<String> = files.contested().into_iter().map(|file| file.file_name).collect();
    assert_eq!(
        contested,
        ["bucket/orders/2025-09-01.csv"],
        "only what might be deleted is counted"
    );
    files.fill_ours(&ours("2025-09-01", 10), Vec::new());
    let refused = files.refuse().expect_err("two rows are not ours");
    let Refusal::ForeignRows { files: named, .. } = &refused else { panic!("{refused:?}") };
    assert!(named[0].contains("2 of 12 rows"), "{named:?}");
    assert!(files.to_reload().is_empty());
}

#[test]
fn a_cascade_is_refused_only_if_rows_are_deleted() {
    let mut files = listed(policy(true, false));
    files.fill_target(cascading(10));
    files.fill_ours(&ours("2025-09-01", 10), Vec::new());
    assert!(matches!(files.refuse(), Err(Refusal::Cascade { .. })));

    let mut files = listed(policy(true, false));
    files.fill_target(cascading(0));
    files.refuse().expect("no row is deleted");
}

/// A target that has rows of a file that was replaced, and to which another table refers.
fn cascading(rows: u64) -> TargetState {
    TargetState {
        effects: Effects { cascades: vec!["rows of public.note".to_owned()], ..Effects::default() },
        ..target(vec![entry("2025-09-01", "v0")], &[("2025-09-01", rows)])
    }
}

#[test]
fn a_gone_file_is_refused_until_its_rows_may_be_deleted() {
    let files = with_gone_file(policy(false, false));
    assert_eq!(files.files.len(), 4, "a gone file without rows does not count");
    assert!(matches!(action(&files, "2025-09-05"), Action::KeepGone { rows: 10, .. }));
    assert!(matches!(files.refuse(), Err(Refusal::Gone { .. })));

    let files = with_gone_file(policy(false, true));
    files.refuse().expect("its rows may be deleted");
    assert!(files.deletes_rows());
    assert_eq!(files.batches(), [5, 1, 2, 3], "rows are deleted before others are loaded");
    assert_eq!(files.removed_in(5).len(), 1);
}

/// The files of a range, and one that is gone and has rows in the target.
fn with_gone_file(policy: Policy) -> Files {
    let mut files = listed(policy);
    files.fill_target(TargetState {
        others: vec![entry("2025-09-05", "v1"), entry("2025-09-06", "v1")],
        ..target(Vec::new(), &[("2025-09-05", 10)])
    });
    files.fill_ours(&ours("2025-09-05", 10), Vec::new());
    files
}

#[test]
fn an_object_that_was_replaced_after_it_was_listed_is_decided_on_again() {
    let mut files = listed(policy(false, false));
    files.fill_target(target(vec![entry("2025-09-01", "v1")], &[("2025-09-01", 10)]));
    assert!(matches!(action(&files, "2025-09-01"), Action::SkipLoaded { .. }));
    files.files[0].source = Some(exported("2025-09-01", "v2"));
    files.fill_ours(&HashMap::new(), Vec::new());
    assert!(matches!(action(&files, "2025-09-01"), Action::Refuse { .. }));
}

#[test]
fn the_accounting_follows_from_the_same_state() {
    let mut files = listed(policy(false, false));
    let rows = [("2025-09-01", 10), ("2025-09-02", 4)];
    files.fill_target(target(vec![entry("2025-09-01", "v1")], &rows));
    let counts = Counts { records: 7, accepted: 6, rejected: 1, staged: 6, ..Counts::default() };
    let third = files.files.last_mut().expect("the third");
    third.staged = Some(counts);
    third.placed = Some(Placed { inserted: 6, ..Placed::default() });
    let after = [("2025-09-01", 10), ("2025-09-02", 4), ("2025-09-03", 6)];
    let rows_after = HashMap::from(after.map(|(date, rows)| (name(date), rows)));
    files.fill_counts(&rows_after, &HashMap::new());
    let accounting = files.accounting();
    accounting.refuse().expect("everything adds up");
    let verdicts: Vec<String> =
        accounting.files.iter().map(|file| file.verdict.to_string()).collect();
    assert_eq!(
        verdicts,
        ["OK", "UNVERIFIED: loaded by another loader, 4 rows in the target", "OK"]
    );
    assert_eq!((accounting.totals.inserted, accounting.totals.in_target), (16, 20));

    files.fill_counts(&HashMap::new(), &HashMap::new());
    let lost = files.accounting().refuse().expect_err("rows are gone");
    let Unbalanced::Wrong { wrong, .. } = &lost;
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}
