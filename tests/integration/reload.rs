//! Files that are gone from the source after they were loaded, and files that are loaded again.

use crate::support::Project;

const ALL: &str = "SELECT id, city, _file_date FROM people ORDER BY id, city";

/// Three days, loaded; the last supersedes `b` of the day before, and that the one of the first.
async fn loaded() -> Project {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\nb,Oslo,2\n");
    project.put("people/report_2025-09-23.csv", "id,city,amount\nb,Bern,3\nc,Lyon,3\n");
    project.put("people/report_2025-09-24.csv", "id,city,amount\nb,Nice,4\n");
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert_eq!(project.rows(ALL).await, LOADED);
    project
}

const LOADED: [&str; 3] = ["a|Rome|2025-09-22", "b|Nice|2025-09-24", "c|Lyon|2025-09-23"];

fn remove(project: &Project, key: &str) {
    std::fs::remove_file(project.bucket().join(key)).expect("a file to remove");
}

/// Arguments of a run with one option, and perhaps another.
fn run<'a>(start: &'a str, end: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    [&["run", "--start", start, "--end", end][..], options].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_file_that_is_gone_are_never_doubled_by_those_that_it_superseded() {
    let project = loaded().await;
    remove(&project, "people/report_2025-09-24.csv");
    project.put("people/report_2025-09-25.csv", "id,city,amount\nd,Graz,5\n");
    for options in [&[][..], &["--reload"]] {
        let refused =
            project.backfill(&run("2025-09-22", "2025-09-25", options)).await.ended(3).stderr;
        assert!(refused.contains("1 file(s) that were loaded into public.people no longer exist"));
        assert!(
            refused
                .contains("people/report_2025-09-24.csv (no longer in the source: 1 of its rows"),
            "{refused}"
        );
        assert!(refused.contains("--remove-gone"), "{refused}");
        assert_eq!(project.rows(ALL).await, LOADED);
    }
    let planned = ["plan", "--start", "2025-09-22", "--end", "2025-09-25", "--remove-gone"];
    let planned = project.backfill(&planned).await.ended(0).stdout;
    assert!(planned.contains("to remove: the rows of 1 file(s)"), "{planned}");
    let refused = project.backfill(&run("2025-09-22", "2025-09-25", &["--remove-gone"])).await;
    assert!(refused.ended(3).stderr.contains("dedupe.sql keeps other rows of it"));
    assert_eq!(project.rows(ALL).await, LOADED);
    let both = run("2025-09-22", "2025-09-25", &["--reload", "--remove-gone"]);
    let ran = project.backfill(&both).await.ended(0).stdout;
    assert!(ran.contains("REMOVED") && ran.contains("the rows of 1 file(s) removed"), "{ran}");
    let after =
        ["a|Rome|2025-09-22", "b|Bern|2025-09-23", "c|Lyon|2025-09-23", "d|Graz|2025-09-25"];
    assert_eq!(project.rows(ALL).await, after);
    let again = project.run("2025-09-22", "2025-09-25").await.ended(0);
    assert!(!again.stdout.contains("report_2025-09-24"), "{}", again.stdout);
    assert_eq!(project.rows(ALL).await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_by_another_name_takes_the_place_of_the_one_that_is_gone_in_one_batch() {
    let project = loaded().await;
    let folder = project.bucket().join("people");
    let renamed = folder.join("report_2025-09-22_again.csv");
    std::fs::rename(folder.join("report_2025-09-22.csv"), renamed).expect("a new name");
    project.run("2025-09-22", "2025-09-24").await.ended(3);
    assert_eq!(project.rows(ALL).await, LOADED);
    project.backfill(&run("2025-09-22", "2025-09-24", &["--remove-gone"])).await.ended(0);
    assert_eq!(project.rows(ALL).await, LOADED);
    let name = "SELECT _file_name FROM people WHERE id = 'a'";
    assert!(project.rows(name).await[0].ends_with("/report_2025-09-22_again.csv"));
    let known = "SELECT count(*) FROM backfill.files WHERE survivors <> 'removed'";
    assert_eq!(project.rows(known).await, ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_and_in_nobodys_way_keeps_its_rows_and_is_told() {
    let project = loaded().await;
    remove(&project, "people/report_2025-09-22.csv");
    let ran = project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert!(
        ran.stderr.contains("people/report_2025-09-22.csv (no longer in the source: 1 of its rows"),
        "{}",
        ran.stderr
    );
    let words = "UNVERIFIED: it no longer exists in the source, 1 of its rows are in the target";
    assert!(ran.stdout.contains(words), "{}", ran.stdout);
    assert_eq!(project.rows(ALL).await, LOADED);
    // What its rows superseded lies in other files.
    let only = run("2025-09-22", "2025-09-22", &["--remove-gone"]);
    let refused = project.backfill(&only).await.ended(3).stderr;
    assert!(refused.contains("--start 2025-09-22 --end 2025-09-24"), "{refused}");
    assert_eq!(project.rows(ALL).await, LOADED);
    project.backfill(&run("2025-09-22", "2025-09-24", &["--remove-gone"])).await.ended(0);
    assert_eq!(project.rows(ALL).await, LOADED[1..]);
    // Where no file is left, there is nothing to run over, unless rows are to go.
    remove(&project, "people/report_2025-09-23.csv");
    remove(&project, "people/report_2025-09-24.csv");
    project.run("2025-09-22", "2025-09-24").await.ended(4);
    assert_eq!(project.rows(ALL).await, LOADED[1..]);
    let all = run("2025-09-22", "2025-09-24", &["--remove-gone"]);
    let removed = project.backfill(&all).await.ended(0).stdout;
    assert!(removed.contains("REMOVED"), "{removed}");
    assert!(project.rows(ALL).await.is_empty());
    project.backfill(&all).await.ended(4);
    // What was removed and comes back is as new.
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\nb,Oslo,2\n");
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert_eq!(project.rows(ALL).await, ["a|Rome|2025-09-22", "b|Oslo|2025-09-22"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_while_it_takes_rows_out_never_leaves_them_twice() {
    for place in ["load.copied:1", "load.committed:1", "load.committed:2", "load.before-commit:2"] {
        let project = loaded().await;
        remove(&project, "people/report_2025-09-24.csv");
        let both = ["--reload", "--remove-gone", "--batch-size", "1"];
        let arguments = run("2025-09-22", "2025-09-24", &both);
        let killed = project.backfill_with(&[("BACKFILL_FAILPOINT", place)], &arguments).await;
        assert_eq!(killed.code, None, "{place}: {}", killed.stderr);
        let twice = "SELECT id FROM people GROUP BY id HAVING count(*) > 1";
        assert!(project.rows(twice).await.is_empty(), "{place}");
        project.backfill(&arguments).await.ended(0);
        let after = ["a|Rome|2025-09-22", "b|Bern|2025-09-23", "c|Lyon|2025-09-23"];
        assert_eq!(project.rows(ALL).await, after, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_not_reloaded_without_those_that_supersede_its_rows() {
    let project = loaded().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,99\nb,Oslo,2\n");
    let narrow = run("2025-09-22", "2025-09-22", &["--reload"]);
    let refused = project.backfill(&narrow).await.ended(3).stderr;
    assert!(refused.contains("--start 2025-09-22 --end 2025-09-24"), "{refused}");
    assert_eq!(project.rows(ALL).await, LOADED);
    project.backfill(&run("2025-09-22", "2025-09-24", &["--reload"])).await.ended(0);
    assert_eq!(project.rows(ALL).await, LOADED);
    assert_eq!(project.rows("SELECT amount FROM people WHERE id = 'a'").await, ["99.00"]);
    // Nor is one that comes late, for a day in the middle of what was loaded.
    project.put("people/report_2025-09-22_late.csv", "id,city,amount\nb,Kiel,1\n");
    let late = project.run("2025-09-22", "2025-09-22").await.ended(3).stderr;
    assert!(late.contains("report_2025-09-22_late.csv") && late.contains("--end 2025-09-24"));
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert_eq!(project.rows(ALL).await, LOADED);
    // Nor is a day after all others, whose rows may be newer than theirs.
    project.put("people/report_2025-09-25.csv", "id,city,amount\na,Ulm,1\n");
    let next = project.run("2025-09-25", "2025-09-25").await.ended(3).stderr;
    assert!(next.contains("--start 2025-09-22 --end 2025-09-25"), "{next}");
    assert_eq!(project.rows(ALL).await, LOADED);
    // A dedupe.sql that keeps every row asks nothing of other files.
    project.write("sql/people/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    project.backfill(&run("2025-09-22", "2025-09-22", &["--reload"])).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people WHERE id = 'b'").await, ["3"]);
}
