//! Keys that no path can be: each is set aside by itself, and named; and the order of names with numbers in them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::{Project, Stores, people};

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "secret-of-AKIAENV")];
const RANGE: [&str; 4] = ["--start", "2025-09-22", "--end", "2025-09-30"];

fn with_range<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    [rest, &RANGE].concat()
}

/// Which rows a query sees, and which objects are set aside with which words.
const ROWS: &str = "SELECT _file_name, id FROM source ORDER BY 1, 2";

/// A project over objects whose keys no file can have.
async fn with_objects(objects: &str) -> Project {
    let project = Project::people().await;
    project.write("objects.json", objects);
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_no_path_can_be_are_set_aside_one_by_one() {
    let project = with_objects(
        r#"{"people/report_2025-09-22.csv": "id,city,amount\na,Rome,1\n",
            "people//report_2025-09-23.csv": "id,city,amount\nb,Rome,1\n",
            "people/./report_2025-09-24.csv": "id,city,amount\nc,Rome,1\n",
            "people/report_2025-09-25\n.csv": "id,city,amount\nd,Rome,1\n",
            "people/report_2025-09-26.csv/": "id,city,amount\ne,Rome,1\n",
            "people/report_2025-09-22.csv ": "id,city,amount\ng,Rome,1\n",
            "people/sub/": "",
            "people/report_2025-09-27.csv": "id,city,amount\nf,Rome,1\n"}"#,
    )
    .await;
    let objects = project.path("objects.json");
    let stores = Stores::start(&project, &["--objects", objects.to_str().expect("text")]);
    let google = stores.url("google", "");
    let metadata = stores.url("metadata", "").replace("http://", "");
    for is_google in [false, true] {
        if is_google {
            let url = format!("url = \"gs://exports\"\nendpoint = \"{google}\"");
            project.edit("backfill.toml", "url = \"s3://exports\"", &url);
        }
        let variables = [&KEYS[..], &[("GCE_METADATA_HOST", metadata.as_str())]].concat();
        let query = with_range(&["query", ROWS, "--format", "csv"]);
        let ran = stores.backfill(&variables, &query).await.ended(0);
        assert_eq!(
            ran.stdout,
            "_file_name,id\nexports/people/report_2025-09-22.csv,a\nexports/people/report_2025-09-27.csv,f\n"
        );
        assert!(ran.stderr.contains("5 objects cannot be read: "), "{}", ran.stderr);
        let plan = stores.backfill(&variables, &with_range(&["plan"])).await.ended(0).stdout;
        for words in [
            "people//report_2025-09-23.csv",
            "ignore: the key has two slashes in a row",
            "ignore: a part of the key is `.` or `..`",
            "ignore: the key has a control character",
            "ignore: the key ends with a slash",
            "ignore: the key begins or ends with a blank",
        ] {
            assert!(plan.contains(words), "{words}: {plan}");
        }
    }
    let json = [&["--output", "json"][..], &with_range(&["plan"])].concat();
    let plan = stores.backfill(&[("GCE_METADATA_HOST", &metadata)], &json).await.ended(0).json();
    let ignored = plan[0]["ignored"].as_array().expect("keys");
    let reasons: Vec<&str> = ignored.iter().filter_map(|key| key["reason"].as_str()).collect();
    assert_eq!(reasons.len(), 6, "{plan}");
    assert!(reasons.contains(&"double-slash") && reasons.contains(&"dot-part"), "{reasons:?}");
    let codes: Vec<_> = plan[0]["notices"].as_array().expect("notices").iter().collect();
    assert!(codes.iter().any(|notice| notice["code"] == "unusable-keys"), "{codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_a_leading_slash_is_never_read_as_the_one_without() {
    let project = with_objects(
        r#"{"people/report_2025-09-22.csv": "id,city,amount\na,Rome,1\n",
            "/people/report_2025-09-22.csv": "id,city,amount\nb,Rome,1\n",
            "/people/report_2025-09-23.csv": "id,city,amount\nc,Rome,1\n"}"#,
    )
    .await;
    project.edit("backfill.toml", "prefix = \"people/\"", "prefix = \"\"");
    project.edit("backfill.toml", "\"report_", "\"people/report_");
    let objects = project.path("objects.json");
    let stores = Stores::start(&project, &["--objects", objects.to_str().expect("text")]);
    let ran = stores.backfill(&KEYS, &with_range(&["run"])).await.ended(0);
    assert_eq!(
        project.rows("SELECT _file_name, id FROM people").await,
        ["exports/people/report_2025-09-22.csv|a"]
    );
    for words in ["/people/report_2025-09-22.csv (the key begins with a slash)", "2 objects"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("2 files for"), "{}", ran.stderr);
    let gaps = stores.backfill(&KEYS, &["gaps"]).await.ended(0).stdout;
    assert!(gaps.contains("2 objects cannot be read: /people/report"), "{gaps}");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_in_a_folder_do_not_keep_others_from_being_read() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\n");
    project.put("people/report_2025-09-23\n.csv", "id,city,amount\nb,Rome,1\n");
    project.put("people/report_2025-09-24.csv#7", "id,city,amount\nc,Rome,1\n");
    let odd = OsStr::from_bytes(b"people/report_2025-09-25\xff.csv");
    std::fs::write(project.bucket().join(odd), "id,city,amount\nd,Rome,1\n").expect("written");
    project.edit("backfill.toml", "s3://exports", "buckets/exports");
    let ran = project.backfill(&with_range(&["query", ROWS, "--format", "csv"])).await.ended(0);
    assert_eq!(ran.stdout, "_file_name,id\nexports/people/report_2025-09-22.csv,a\n");
    assert!(ran.stderr.contains("3 objects cannot be read: "), "{}", ran.stderr);
    for words in ["control character", "not UTF-8", "unfinished write"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
}

/// Three exports of one row on one day, and two on another.
fn put_exports_of_a_day(project: &Project) {
    for (name, city) in [
        ("2025-09-22.csv", "first"),
        ("2025-09-22 (2).csv", "second"),
        ("2025-09-22 (10).csv", "tenth"),
        ("2025-09-23_v2.csv", "second"),
        ("2025-09-23_v10.csv", "tenth"),
    ] {
        let id = &name[8..10];
        let rows = format!("id,city,amount\n{id},{city},1\n");
        project.put(&format!("people/report_{name}"), rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_files_of_a_day_the_one_with_the_greatest_number_wins() {
    let project = Project::people().await;
    put_exports_of_a_day(&project);
    let last = "by its name the newest is people/report_2025-09-22 (10).csv";
    let ran = project.backfill(&with_range(&["plan"])).await.ended(0);
    assert!(ran.stderr.contains(last), "{}", ran.stderr);
    let plain =
        "orders by _file_name as plain text, so that people/report_2025-09-22.csv is the newest";
    assert!(ran.stderr.contains(plain), "{}", ran.stderr);
    project.edit("sql/people/dedupe.sql", "_file_name DESC", "natural_order(_file_name) DESC");
    let ran = project.backfill(&with_range(&["run"])).await.ended(0);
    assert!(ran.stderr.contains(last) && !ran.stderr.contains("plain text"), "{}", ran.stderr);
    let found = project.rows("SELECT id, city FROM people ORDER BY 1").await;
    assert_eq!(found, ["22|tenth", "23|tenth"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_takes_the_same_file_for_the_newest() {
    let project = people("mode = \"merge\"\nmerge_key = [\"id\"]").await;
    put_exports_of_a_day(&project);
    project.backfill(&with_range(&["run"])).await.ended(0);
    let cities = "SELECT id, city FROM people ORDER BY 1";
    assert_eq!(project.rows(cities).await, ["22|tenth", "23|tenth"]);
    // One that comes later is compared with the row that the target holds.
    project.put("people/report_2025-09-22 (9).csv", "id,city,amount\n22,ninth,1\n");
    project.put("people/report_2025-09-23_v11.csv", "id,city,amount\n23,eleventh,1\n");
    project.backfill(&with_range(&["run"])).await.ended(0);
    assert_eq!(project.rows(cities).await, ["22|tenth", "23|eleventh"]);
}
