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
        (r"own [0-9,]+ bytes", "own N bytes"),
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
    // Rows that dlt has loaded are known to be its own; others are not.
    let verify = ["verify", "--start", "2025-12-01", "--end", "2025-12-18", "--output", "json"];
    let verify = [&verify[..], &["--prefix", "orders-create/"]].concat();
    let found = project.backfill(&verify).await.ended(0).json();
    assert_eq!(
        (&found[0]["unclaimed"]["rows"], &found[0]["totals"]["unverified"]),
        (&0.into(), &18.into())
    );
    project
        .database
        .execute(
            "INSERT INTO shop.orders_create \
             SELECT (jsonb_populate_record(NULL::shop.orders_create, to_jsonb(held) || \
             '{\"_file_name\": \"by hand\", \"_dlt_load_id\": \"none\", \"_dlt_id\": \"none\"}')).* \
             FROM (SELECT * FROM shop.orders_create LIMIT 1) AS held",
        )
        .await;
    let found = project.backfill(&verify).await.ended(0).json();
    assert_eq!(found[0]["unclaimed"]["rows"], 1, "{found:#}");
    project.database.execute("DELETE FROM shop.orders_create WHERE _file_name = 'by hand'").await;
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

/// Rows of another loader in a table that is not dlt's, of files of these days.
async fn put_rows(project: &Project, days: &[&str]) {
    let create = project.read("sql/people/target.sql").replace("TABLE", "TABLE IF NOT EXISTS");
    project.database.execute(&create).await;
    for day in days {
        let insert = format!(
            "INSERT INTO people (id, _file_name, _row_id, _file_date) \
             VALUES ('x', 'exports/people/report_{day}.csv', 0, '{day}')"
        );
        project.database.execute(&insert).await;
    }
}

/// The kinds of the gaps of the one dataset, and what the document says of it.
async fn kinds(project: &Project, more: &[&str]) -> (Vec<String>, serde_json::Value) {
    let arguments = [&["gaps", "--output", "json"], more].concat();
    let json = project.backfill(&arguments).await.ended(0).json();
    let found = json["datasets"][0].clone();
    let gaps = found["gaps"].as_array().expect("gaps").iter();
    let kinds =
        gaps.map(|gap| format!("{} {}", gap["kind"].as_str().expect("a kind"), gap["from"]));
    (kinds.collect(), found)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_loaders_first_day_is_taken_over_everything_that_the_target_holds() {
    let project = people("").await;
    put_rows(&project, &["2025-09-10", "2025-09-12"]).await;
    // The first of the live loader's files is gone from the source; a file of another prefix does not count.
    for day in ["05", "12", "14"] {
        project.put(&format!("people/report_2025-09-{day}.csv"), export("a,Rome,1\n"));
    }
    let elsewhere = "INSERT INTO people (id, _file_name, _row_id, _file_date) \
                     VALUES ('z', 'exports/other/report_2025-01-01.csv', 0, '2025-01-01')";
    project.database.execute(elsewhere).await;
    let (all, found) = kinds(&project, &[]).await;
    assert_eq!(all, ["historical \"2025-09-05\"", "forward \"2025-09-14\""]);
    assert_eq!(found["held"]["live_since"], "2025-09-10");
    let (later, found) = kinds(&project, &["--start", "2025-09-13"]).await;
    assert_eq!(later, ["forward \"2025-09-14\""], "whatever --start is");
    assert_eq!(found["held"]["live_since"], "2025-09-10");
    let text = project.backfill(&["gaps", "--start", "2025-09-13"]).await.ended(0).stdout;
    assert!(text.contains("the live loader's first day is 2025-09-10"), "{text}");
    // Days of which only the target has files count by themselves.
    std::fs::remove_file(project.bucket().join("people/report_2025-09-12.csv")).expect("removed");
    let (without, found) = kinds(&project, &[]).await;
    assert_eq!(without, ["historical \"2025-09-05\"", "forward \"2025-09-14\""]);
    assert_eq!(found["held"]["live_since"], "2025-09-10");
    // The calendar of the report says the same.
    let report = ["report", "--start", "2025-09-13", "--end", "2025-09-14", "--output", "json"];
    let document = project.backfill(&report).await.ended(0).json();
    assert_eq!(document["datasets"][0]["days"][1]["state"], "forward", "{document:#}");
    // What we load ourselves is not the live loader's.
    let load = ["run", "--start", "2025-09-05", "--end", "2025-09-05"];
    project.backfill(&load).await.ended(0);
    let (_, found) = kinds(&project, &[]).await;
    assert_eq!(found["held"]["live_since"], "2025-09-10");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_typed_as_in_a_run_and_no_files_are_said_in_words() {
    let project = people("").await;
    let all = project.backfill(&["gaps"]).await.ended(4);
    assert!(all.stderr.contains("no files under s3://exports/people/"), "{}", all.stderr);
    assert!(!all.stderr.contains("0001") && !all.stderr.contains("9999"), "{}", all.stderr);
    let on = project.backfill(&["gaps", "--start", "2025-09-22"]).await.ended(4);
    assert!(on.stderr.contains("no files from 2025-09-22 on under"), "{}", on.stderr);
    let up = project.backfill(&["gaps", "--end", "2025-09-22"]).await.ended(4);
    assert!(up.stderr.contains("no files up to 2025-09-22 under"), "{}", up.stderr);
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.put("people/report_2025-09-23.csv", export("b,Rome,1\n"));
    project.backfill(&["gaps", "--start", "7d", "--end", "yesterday"]).await.ended(4);
    let shown = project.backfill(&["gaps", "--end", "yesterday"]).await.ended(0).stdout;
    assert!(shown.contains("2025-09-22   2025-09-23"), "{shown}");
    project.backfill(&["gaps", "--start", "today", "--end", "2w"]).await.ended(2);
    project.backfill(&["gaps", "--options", "--from", "30d"]).await.ended(0);
    project.backfill(&["gaps", "--options", "--from", "last"]).await.ended(2);
    let unloaded = project.backfill(&["gaps", "--start", "last"]).await.ended(0);
    assert!(unloaded.stderr.contains("all days that have files are used"), "{}", unloaded.stderr);
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    let last = project.backfill(&["gaps", "--start", "last", "--output", "json"]).await.ended(0);
    assert_eq!(last.json()["datasets"][0]["source"]["first"], "2025-09-22");
    let (gaps, _) = kinds(&project, &["--start", "last"]).await;
    assert_eq!(gaps, ["historical \"2025-09-23\""]);
    let ended = project.backfill(&["gaps", "--start", "last", "--end", "2025-09-01"]).await;
    let ended = ended.ended(0);
    assert!(ended.stderr.contains("nothing new: the last loaded day is 2025-09-22"));
    assert_eq!(ended.stdout, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_counted_in_the_unit_of_the_cadence() {
    for (every, days, expected) in [
        ("month", ["07-03", "10-02"], "no file in S3 from 2025-08 to 2025-09 (2 month(s))"),
        ("month", ["08-03", "10-02"], "no file in S3 for 2025-09 (1 month(s))"),
        ("week", ["09-01", "09-29"], "no file in S3 from 2025-09-08 to 2025-09-22 (3 week(s))"),
        (
            "weekdays",
            ["09-04", "09-09"],
            "no file in S3 from 2025-09-05 to 2025-09-08 (2 weekday(s))",
        ),
        ("day", ["09-04", "09-09"], "no file in S3 from 2025-09-05 to 2025-09-08 (4 day(s))"),
    ] {
        let project = people(&format!("every = \"{every}\"")).await;
        for day in days {
            project.put(&format!("people/report_2025-{day}.csv"), export("a,Rome,1\n"));
        }
        let nameless = [("DATABASE_URL", "")];
        let shown = project.backfill_with(&nameless, &["gaps"]).await.ended(0).stdout;
        assert!(shown.contains(&format!("people/: {expected}")), "{every}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_it_fits_is_yes_or_no_or_not_known() {
    let project = people("").await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let line = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("fits "));
        line.unwrap_or_else(|| panic!("no line: {text}")).to_owned()
    };
    let unknown = project.backfill(&["gaps"]).await.ended(0).stdout;
    assert!(
        line(&unknown).starts_with("fits      not known [neither limits.database"),
        "{unknown}"
    );
    let options = project.backfill(&["gaps", "--options"]).await.ended(0).stdout;
    assert!(options.contains("not known"), "{options}");
    assert!(options.contains("fits: neither limits.database nor limits.disk is set"), "{options}");
    let config = project.read("backfill.toml");
    let limited = |size: &str| format!("{config}\n[limits]\ndatabase = \"{size}\"\n");
    project.write("backfill.toml", limited("10 GB"));
    let yes = project.backfill(&["gaps"]).await.ended(0).stdout;
    assert_eq!(line(&yes), "fits      yes [the database may hold 10.00 GB]");
    let json = project.backfill(&["gaps", "--options", "--output", "json"]).await.ended(0).json();
    assert_eq!(json["options"][0]["fits"]["value"], true);
    let nameless = [("DATABASE_URL", "")];
    let unknown = project.backfill_with(&nameless, &["gaps"]).await.ended(0).stdout;
    assert_eq!(line(&unknown), "fits      not known [the size of the database is not known]");
    project.write("backfill.toml", limited("1 MB"));
    let no = project.backfill(&["gaps"]).await.ended(3).stdout;
    assert!(line(&no).starts_with("fits      no ["), "{no}");
    let no = project.backfill(&["gaps", "--options"]).await.ended(3).stdout;
    assert!(no.contains(" no   │"), "{no}");
    assert!(no.contains(" yes  │"), "nothing always fits: {no}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_estimates_come_from_is_told_once_over_all_datasets() {
    let project = people("").await;
    let config = project.read("backfill.toml");
    let section = config.split_once("[datasets.people]").expect("a section").1;
    let others: String = ["others", "more"]
        .map(|name| {
            for file in ["target", "stage", "dedupe"] {
                let sql = project.read(&format!("sql/people/{file}.sql")).replace("people", name);
                project.write(&format!("sql/{name}/{file}.sql"), sql);
            }
            format!("\n[datasets.{name}]{}", section.replace("people", name))
        })
        .concat();
    project.write("backfill.toml", format!("{config}{others}"));
    for (name, rows) in [("people", 120), ("others", 250), ("more", 3)] {
        for day in ["2025-09-22", "2025-09-23"] {
            let rows: String = (0..rows).map(|n| format!("{day}{n},Rome,{n}\n")).collect();
            project.put(&format!("{name}/report_{day}.csv"), export(&rows));
        }
    }
    project.backfill(&["run", "--start", "2025-09-22", "--end", "2025-09-22"]).await.ended(0);
    for more in [&[][..], &["--options"]] {
        let shown = project.backfill(&[&["gaps"], more].concat()).await.ended(0).stdout;
        assert!(shown.contains("sampled from 373 row(s) of 3 file(s)"), "{shown}");
        assert_eq!(shown.matches("sampled from").count(), 1, "{shown}");
        assert_eq!(shown.matches("bytes per row over 370 rows").count(), 1, "{shown}");
    }
}
