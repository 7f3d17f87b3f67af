//! What is missing where: the picture that a planner draws by hand, from the real sources.

use backfill_sample::Options;
use regex::Regex;

use crate::support::{Dlt, Project, export, people};

/// September 22 to December 21 under two prefixes, nothing under the third; the target is dlt's.
async fn orders() -> Project {
    let options = Options {
        start: "2025-09-22".parse().expect("a date"),
        days: 91,
        rows: 12,
        ..Options::default()
    };
    let project = Project::orders(&options).await;
    let config = project.read("backfill.toml");
    project.write("backfill.toml", config.replace("public.orders_create", "shop.orders_create"));
    let target = project.read("sql/orders_create/target.sql");
    let target = target.replace("orders_create (", "shop.orders_create (");
    project.write("sql/orders_create/target.sql", target);
    project
}

/// The text without the sizes that are told of the database: ids that dlt gives are not always of one length.
fn steady(text: &str) -> String {
    let at =
        text.find("\nOptions").or_else(|| text.find("\nThe historical gaps")).expect("estimates");
    let (tables, told) = text.split_at(at);
    let mut told = told.to_owned();
    for (pattern, with) in [
        (r"[0-9.]+ [kMG]?B\b", "SIZE"),
        (r"own [0-9]+ bytes", "own N bytes"),
        (r"[─═]+", "─"),
        (r" +", " "),
    ] {
        told = Regex::new(pattern).expect("a pattern").replace_all(&told, with).into_owned();
    }
    format!("{tables}{told}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_of_the_plan_is_drawn_beside_the_real_live_loader() {
    let project = orders().await;
    let dlt = Dlt { project: &project, form: "append" };
    dlt.load("2025-12-18").await;
    let gaps = project.backfill(&["gaps"]).await.ended(0);
    insta::assert_snapshot!("gaps", steady(&gaps.stdout));
    let found = project.backfill(&["gaps", "--output", "json"]).await.ended(0).json();
    let create = &found["datasets"][0];
    assert_eq!(create["source"]["files"], 91);
    assert_eq!(create["held"]["live"]["files"], 18);
    assert_eq!(create["held"]["live_since"], "2025-12-01");
    let kinds: Vec<(&str, u64)> = create["gaps"]
        .as_array()
        .expect("gaps")
        .iter()
        .map(|gap| (gap["kind"].as_str().expect("a kind"), gap["days"].as_u64().expect("days")))
        .collect();
    assert_eq!(kinds, [("historical", 70), ("forward", 3)]);
    assert_eq!(found["datasets"][2]["source"]["files"], 0, "an empty prefix is a row too");
    let compare = [
        "gaps",
        "--options",
        "--from",
        "2025-11-01",
        "--compute",
        "micro",
        "--prefix",
        "orders-create/",
    ];
    let options = project.backfill(&compare).await.ended(0);
    insta::assert_snapshot!("gaps_options", steady(&options.stdout));
    // The calendar of the report says the same.
    let report = ["report", "--start", "2025-09-22", "--end", "2025-12-21", "--output", "json"];
    let report = [&report[..], &["--prefix", "orders-create/"]].concat();
    let document = project.backfill(&report).await.ended(0).json();
    let days = document["datasets"][0]["days"].as_array().expect("days");
    let count = |state: &str| days.iter().filter(|day| day["state"] == state).count();
    assert_eq!((count("elsewhere"), count("historical"), count("forward")), (18, 70, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_only_the_source_is_shown_and_that_is_said() {
    let project = people("").await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.put("people/report_2025-09-25.csv", export("b,Oslo,2\n"));
    let nameless = [("DATABASE_URL", "")];
    let shown = project.backfill_with(&nameless, &["gaps"]).await.ended(0).stdout;
    assert!(shown.contains("UNVERIFIED"), "{shown}");
    assert!(
        shown.contains("people/: no file in S3 from 2025-09-23 to 2025-09-24 (2 day(s))"),
        "{shown}"
    );
    let json =
        project.backfill_with(&nameless, &["gaps", "--output", "json"]).await.ended(0).json();
    assert!(json["datasets"][0]["held"].is_null() && json["datasets"][0]["gaps"][0].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_load_everything_is_a_gap_and_nothing_is_written() {
    let project = people("").await;
    project.backfill(&["gaps"]).await.ended(4);
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.put("people/report_2025-09-24.csv", export("b,Oslo,2\n"));
    project.put("people/notes.txt", "not an export");
    let shown = project.backfill(&["gaps"]).await.ended(0).stdout;
    assert!(shown.contains("no such table yet"), "{shown}");
    assert!(shown.contains("1 key(s) are not read"), "{shown}");
    let json = project.backfill(&["gaps", "--output", "json"]).await.ended(0).json();
    let gap = &json["datasets"][0]["gaps"][0];
    assert_eq!((gap["days"].as_u64(), gap["files"].as_u64()), (Some(2), Some(2)));
    assert_eq!(gap["kind"], "historical", "without a live loader everything is");
    let tables = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace <> ALL \
                  (ARRAY['pg_catalog', 'information_schema']::regnamespace[])";
    assert_eq!(project.rows(tables).await, ["0"]);
    assert!(!project.path("staging/mirror").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_with_one_of_two_files_loaded_is_a_gap_and_so_is_what_the_source_has_lost() {
    let project = people("").await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.put("people/report_2025-09-23a.csv", export("b,Oslo,2\nc,Bern,3\n"));
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    project.put("people/report_2025-09-23b.csv", export("d,Kyiv,4\n"));
    std::fs::remove_file(project.bucket().join("people/report_2025-09-22.csv")).expect("removed");
    project
        .database
        .execute(
            "INSERT INTO people (id, _file_name, _row_id, _file_date) \
             VALUES ('x', 'exports/people/report_2025-08-01.csv', 0, '2025-08-01'), \
                    ('y', 'other/place/report_2025-08-01.csv', 0, '2025-08-01')",
        )
        .await;
    let json = project.backfill(&["gaps", "--output", "json"]).await.ended(0).json();
    let found = &json["datasets"][0];
    let gap = &found["gaps"][0];
    assert_eq!((gap["files"].as_u64(), gap["partly_loaded_days"].as_u64()), (Some(1), Some(1)));
    let only = found["only_in_target"].as_array().expect("files");
    let days: Vec<_> = only.iter().map(|only| (&only["from"], &only["is_ours"])).collect();
    assert_eq!(days.len(), 2, "{only:?}");
    assert_eq!(found["held"]["ours"]["files"], 2);
    assert_eq!(found["held"]["ours"]["rows"], 3);
    assert_eq!(found["held"]["live"]["files"], 1);
    assert_eq!(found["held"]["elsewhere"]["rows"], 1);
    let later = ["gaps", "--start", "2025-09-23", "--output", "json"];
    let found = project.backfill(&later).await.ended(0).json();
    assert!(found["datasets"][0]["only_in_target"][0].is_null(), "days before are not asked for");
    let backward = ["gaps", "--start", "2025-09-23", "--end", "2025-09-22"];
    project.backfill(&backward).await.ended(2);
}
