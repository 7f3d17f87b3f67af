//! Daily use: days that are counted back from today or from what is loaded, and the cadence of a dataset.

use std::process::Command;

use serde_json::Value;

use crate::support::{Project, Ran, export, finish, people};

/// A dataset of which every row survives, loaded up to the second of three days.
async fn loaded_to_the_23rd(mode: &str) -> Project {
    let project = people(mode).await;
    for (day, row) in [("22", "a,Rome,1\n"), ("23", "b,Oslo,2\n"), ("24", "c,Bern,3\n")] {
        project.put(&format!("people/report_2025-09-{day}.csv"), export(row));
    }
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    project
}

async fn run(project: &Project, start: &str, end: &str) -> Ran {
    project.backfill(&["run", "--start", start, "--end", end]).await
}

/// The day that it is in a zone, a number of days from there on, from a program that is not ours.
fn day(zone: &str, days: i64) -> String {
    let output = Command::new("date")
        .args([format!("--date={days} days"), "+%Y-%m-%d".to_owned()])
        .env("TZ", zone)
        .output()
        .expect("date");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

const IDS: &str = "SELECT string_agg(id, ' ' ORDER BY id) FROM people";

#[tokio::test(flavor = "multi_thread")]
async fn from_the_last_day_on_what_is_new_is_loaded_and_then_there_is_nothing_new() {
    for mode in ["mode = \"append\"", "mode = \"merge\"\nmerge_key = [\"id\"]"] {
        let project = loaded_to_the_23rd(mode).await;
        let first = run(&project, "last", "2025-09-30").await.ended(0);
        assert!(first.stdout.contains("1 file(s), 1 rows loaded"), "{}", first.stdout);
        assert_eq!(project.rows(IDS).await, ["a b c"]);
        let second = run(&project, "last", "2025-09-30").await.ended(0);
        assert_eq!(
            second.stdout,
            "people: nothing new from 2025-09-24 to 2025-09-30; the 1 file(s) of these days were loaded before\n"
        );
        let json = ["run", "--start", "last", "--end", "today", "--output", "json"];
        let reports = project.backfill(&json).await.ended(0).json();
        assert_eq!(reports[0]["plan"]["range"]["start"], "2025-09-24");
        assert_eq!(reports[0]["plan"]["range"]["end"], day("", 0).as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_ends_before_the_last_day_is_no_error() {
    let project = loaded_to_the_23rd("").await;
    let ran = run(&project, "last", "2025-09-22").await.ended(0);
    assert!(
        ran.stderr.contains("nothing new: the last loaded day is 2025-09-23"),
        "{}",
        ran.stderr
    );
    for command in ["plan", "check", "drift", "query"] {
        let mut arguments = vec![command, "--start", "last", "--end", "2025-09-22"];
        if command == "query" {
            arguments.push("SELECT 1");
        }
        project.backfill(&arguments).await.ended(0);
    }
    let backward = run(&project, "today", "yesterday").await.ended(2);
    assert!(backward.stderr.contains("before it starts"), "{}", backward.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anything_loaded_a_dataset_begins_at_its_first_file_and_that_is_said() {
    let project = people("").await;
    let none = run(&project, "last", "today").await.ended(4);
    assert!(none.stderr.contains("left out, because it has no file"), "{}", none.stderr);
    assert!(none.stderr.contains("no files up to "), "{}", none.stderr);
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.put("people/report_2025-09-24.csv", export("b,Oslo,1\n"));
    let early = run(&project, "last", "2025-09-01").await.ended(4);
    assert!(early.stderr.contains("its first file is of 2025-09-22"), "{}", early.stderr);
    let plan = ["plan", "--start", "last", "--end", "2025-09-30", "--output", "json"];
    let plan = project.backfill(&plan).await.ended(0).json();
    assert_eq!(plan[0]["range"]["start"], "2025-09-22");
    let notices = plan[0]["notices"].as_array().expect("notices");
    assert!(notices.iter().any(|notice| notice["code"] == "nothing-loaded"), "{notices:?}");
    let ends = project.backfill(&["verify", "--start", "2025-09-01", "--end", "last"]).await;
    let ends = ends.ended(2);
    assert!(ends.stderr.contains("no day is loaded into public.people yet"), "{}", ends.stderr);
    assert!(ends.stderr.contains("--start YYYY-MM-DD"), "{}", ends.stderr);
    let first = run(&project, "last", "2025-09-23").await.ended(0);
    assert!(
        first.stderr.contains(
            "people: nothing is loaded into public.people, so `last` is not known: the range begins \
             with its first file, 2025-09-22"
        ),
        "{}",
        first.stderr
    );
    run(&project, "last", "today").await.ended(0);
    assert_eq!(project.rows(IDS).await, ["a b"]);
    // What the ledger knows and the table has lost does not come back unasked.
    project.database.execute("DROP TABLE people").await;
    let after = run(&project, "last", "today").await.ended(3);
    assert!(after.stderr.contains("the range begins with its first file"), "{}", after.stderr);
    let nameless = [("DATABASE_URL", "")];
    let arguments = ["check", "--start", "last", "--end", "today"];
    let ran = project.backfill_with(&nameless, &arguments).await.ended(2);
    assert!(ran.stderr.contains("DATABASE_URL"), "{}", ran.stderr);
}

/// A second dataset of the same kind.
fn add_dataset(project: &Project, name: &str) {
    let config = project.read("backfill.toml");
    let section = config.split_once("[datasets.people]").expect("a section").1;
    let section = section.split_once("[datasets.").map_or(section, |(first, _)| first);
    let other = section.replace("people", name);
    project.write("backfill.toml", format!("{config}\n[datasets.{name}]{other}"));
    for file in ["target", "stage", "dedupe"] {
        let sql = project.read(&format!("sql/people/{file}.sql")).replace("people", name);
        project.write(&format!("sql/{name}/{file}.sql"), sql);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dataset_without_anything_loaded_does_not_keep_the_others_from_their_last_day() {
    let project = loaded_to_the_23rd("").await;
    add_dataset(&project, "others");
    add_dataset(&project, "empty");
    project.put("others/report_2025-09-20.csv", export("x,Rome,1\n"));
    project.put("others/report_2025-09-24.csv", export("y,Rome,1\n"));
    let ran = run(&project, "last", "2025-09-24").await.ended(0);
    assert!(ran.stderr.contains("others: nothing is loaded"), "{}", ran.stderr);
    assert!(ran.stderr.contains("first file, 2025-09-20"), "{}", ran.stderr);
    assert!(ran.stderr.contains("empty: nothing is loaded"), "{}", ran.stderr);
    assert_eq!(project.rows(IDS).await, ["a b c"]);
    assert_eq!(project.rows("SELECT count(*) FROM others").await, ["2"]);
    let again = run(&project, "last", "2025-09-24").await.ended(0);
    assert!(!again.stderr.contains("others: nothing is loaded"), "{}", again.stderr);
    assert!(again.stderr.contains("empty: nothing is loaded"), "still said: {}", again.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_dataset_goes_on_from_its_own_last_day() {
    let project = loaded_to_the_23rd("").await;
    add_dataset(&project, "others");
    project.put("others/report_2025-09-20.csv", export("x,Rome,1\n"));
    project.put("others/report_2025-09-21.csv", export("y,Rome,1\n"));
    let first = ["run", "--start", "2025-09-20", "--end", "2025-09-20", "--prefix", "others"];
    project.backfill(&first).await.ended(0);
    let arguments = ["run", "--start", "last", "--end", "2025-09-24", "--output", "json"];
    let reports = project.backfill(&arguments).await.ended(0).json();
    let starts: Vec<&Value> = reports
        .as_array()
        .expect("reports")
        .iter()
        .map(|report| &report["plan"]["range"]["start"])
        .collect();
    assert_eq!(starts, ["2025-09-23", "2025-09-20"]);
    assert_eq!(project.rows("SELECT count(*) FROM others").await, ["2"]);
    assert_eq!(project.rows(IDS).await, ["a b c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_day_is_also_found_by_the_rows_of_another_loader() {
    let project = people("").await;
    let create = project.read("sql/people/target.sql");
    let rows = "INSERT INTO people VALUES \
                ('x', 'theirs', 1, 'exports/people/report_2025-09-23.csv', 0, '2025-09-23'), \
                ('y', 'theirs', 1, 'elsewhere/report_2025-12-31.csv', 0, '2025-12-31')";
    project.database.execute(&format!("{create} {rows}")).await;
    project.put("people/report_2025-09-23.csv", export("x,theirs,1\n"));
    project.put("people/report_2025-09-24.csv", export("z,Bern,1\n"));
    run(&project, "last", "2025-09-30").await.ended(0);
    assert_eq!(project.rows(IDS).await, ["x y z"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_new_file_in_relative_days_is_well_only_if_something_is_loaded() {
    let project = loaded_to_the_23rd("").await;
    let ran = run(&project, "2d", "today").await.ended(0);
    assert!(ran.stdout.starts_with("people: nothing new from"), "{}", ran.stdout);
    project.backfill(&["plan", "--start", "2d", "--end", "today"]).await.ended(0);
    run(&project, &day("", -2), &day("", 0)).await.ended(4);
    let unloaded = people("").await;
    run(&unloaded, "2d", "today").await.ended(4);
    let gone = loaded_to_the_23rd("").await;
    std::fs::remove_file(gone.bucket().join("people/report_2025-09-23.csv")).expect("removed");
    let ran = run(&gone, "last", "2025-09-23").await.ended(0);
    assert!(ran.stderr.contains("(no longer in the source: 1 of its rows"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dedupe_that_compares_rows_says_what_to_do_for_new_days() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.put("people/report_2025-09-23.csv", export("b,Rome,1\n"));
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    run(&project, "last", "2025-09-30").await.ended(0);
    project.put("people/report_2025-09-24.csv", export("a,Oslo,2\n"));
    let refused = run(&project, "last", "2025-09-30").await.ended(3);
    for expected in ["--start 2025-09-22 --end 2025-09-30", "mode = \"merge\"", "--range-alone"] {
        assert!(refused.stderr.contains(expected), "{expected}: {}", refused.stderr);
    }
    run(&project, "2025-09-22", "today").await.ended(3);
    project
        .backfill(&["run", "--start", "2025-09-22", "--end", "today", "--reload"])
        .await
        .ended(0);
    assert_eq!(project.rows("SELECT city FROM people ORDER BY id").await, ["Oslo", "Rome"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn today_is_the_day_of_the_zone_of_this_machine() {
    let project = people("").await;
    for zone in ["EARLY-14", "LATE12"] {
        let mut command = project.command(&["plan", "--start", "7d", "--end", "yesterday"]);
        command.env("TZ", zone).env("DATABASE_URL", "");
        let ran = finish(command).await.ended(4);
        let range = format!("{} to {}", day(zone, -7), day(zone, -1));
        assert!(ran.stderr.contains(&format!("no files from {range}")), "{}", ran.stderr);
    }
    assert_ne!(day("EARLY-14", 0), day("LATE12", 0));
}

/// What `plan` finds missing.
async fn missing(project: &Project, every: &str, start: &str, end: &str) -> Vec<String> {
    let config = project.read("backfill.toml");
    project.write("backfill.toml", format!("{config}\nevery = \"{every}\"\n"));
    let arguments = ["plan", "--start", start, "--end", end, "--output", "json"];
    let plan = project.backfill_with(&[("DATABASE_URL", "")], &arguments).await.ended(0).json();
    project.write("backfill.toml", config);
    let notices = plan[0]["notices"].as_array().expect("notices");
    let missing = notices.iter().filter(|notice| notice["code"] == "missing-days");
    missing.map(|notice| notice["text"].as_str().expect("text").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_cadence_lacks_is_missing() {
    let project = people("").await;
    for day in ["09-01", "09-08", "09-15", "09-29", "10-06"] {
        project.put(&format!("people/report_2025-{day}.csv"), export("a,Rome,1\n"));
    }
    let range = ("2025-09-01", "2025-10-06");
    assert_eq!(
        missing(&project, "week", range.0, range.1).await,
        ["no file for 2025-09-22: one is expected every Monday"]
    );
    assert_eq!(missing(&project, "day", range.0, range.1).await.len(), 4);
    assert!(missing(&project, "month", "2025-09-01", "2025-10-31").await.is_empty());
    assert_eq!(
        missing(&project, "month", "2025-07-15", "2025-10-31").await,
        ["no file in 2025-08: one is expected every month"]
    );
    assert_eq!(
        missing(&project, "weekdays", "2025-09-29", "2025-10-06").await,
        ["no files from 2025-09-30 to 2025-10-03, Monday to Friday"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_and_the_calendar_of_the_report_know_the_cadence() {
    let project = people("every = \"week\"").await;
    for day in ["09-01", "09-08", "09-22"] {
        project.put(&format!("people/report_2025-{day}.csv"), export("a,Rome,1\n"));
    }
    let nameless = [("DATABASE_URL", "")];
    let range = ["--start", "2025-09-01", "--end", "2025-09-24"];
    let drift = [&["drift"], &range[..]].concat();
    let drift = project.backfill_with(&nameless, &drift).await.ended(0);
    assert_eq!(drift.stdout.matches("no file").count(), 1, "{}", drift.stdout);
    let report = [&["report", "--output", "json"], &range[..]].concat();
    let document = project.backfill_with(&nameless, &report).await.ended(0).json();
    assert_eq!(document["datasets"][0]["totals"]["missing_days"], 1);
    let days = document["datasets"][0]["days"].as_array().expect("days");
    let of = |state: &str| days.iter().filter(|day| day["state"] == state).count();
    assert_eq!((of("missing"), of("not-due"), of("unknown")), (1, 20, 3));
    let missing = days.iter().find(|day| day["state"] == "missing").expect("a day");
    assert_eq!(missing["date"], "2025-09-15");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cadence_that_does_not_exist_is_refused() {
    let project = people("every = \"fortnight\"").await;
    let ran = project.run("2025-09-01", "2025-09-24").await.ended(2);
    assert!(ran.stderr.contains("weekdays"), "{}", ran.stderr);
}
