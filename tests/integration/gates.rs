//! What is refused because files differ: by `drift --fail-on`, and by `refuse_drift` of a dataset in `run` and `check`.

use serde_json::{Value, json};

use crate::support::{Project, Ran};

const RANGE: [&str; 4] = ["--start", "2025-09-01", "--end", "2025-09-10"];

/// A file of ten rows, which differ from day to day.
fn usual(day: u32) -> String {
    let row = |row: u32| format!("{day}-{row},Rome,{row},2025-09-{day:02}\n");
    format!("id,city,amount,day\n{}", (0..10).map(row).collect::<String>())
}

/// Ten usual days. The SQL reads all their columns.
async fn ten_days() -> Project {
    let project = Project::people().await;
    project.edit("sql/people/stage.sql", "id, city,", "id, concat(city, left(day, 0)) AS city,");
    for day in 1..=10 {
        put(&project, day, usual(day));
    }
    project
}

fn put(project: &Project, day: u32, text: impl AsRef<[u8]>) {
    project.put(&format!("people/report_2025-09-{day:02}.csv"), text);
}

async fn drift(project: &Project, more: &[&str]) -> Ran {
    project.backfill(&[&["drift"], &RANGE[..], more].concat()).await
}

/// The instances that a drift lists: kind, first and last day, and how many files.
fn instances(ran: &Ran) -> Vec<String> {
    let found = ran.json()[0]["instances"].clone();
    let one = |found: &Value| {
        let files = found["files"].as_array().expect("files").len();
        format!("{} {} {} {files}", found["kind"], found["from"], found["to"]).replace('"', "")
    };
    found.as_array().expect("instances").iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_fails_on_the_kinds_that_are_asked_for_and_names_files_and_days() {
    let project = ten_days().await;
    let clean = drift(&project, &["--fail-on", "any", "--output", "json"]).await.ended(0);
    assert_eq!(instances(&clean), Vec::<String>::new());
    let new = usual(3).replace("day\n", "day,extra\n").replace("-03\n", "-03,1\n");
    put(&project, 3, new);
    put(&project, 5, usual(5).replace("day\n", "dey\n"));
    put(&project, 6, usual(6).replace(',', ";"));
    put(&project, 7, [&b"\xef\xbb\xbf"[..], usual(7).replace('\n', "\r\n").as_bytes()].concat());
    put(&project, 8, usual(2));
    put(&project, 9, usual(9).replace("9-4,Rome", "9-4,K\u{f6}ln").replace("9-4,", "9-4,\u{2019}"));
    put(&project, 10, usual(10) + &usual(10)[19..].repeat(30) + "x\n");
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = \"90%\"");
    let reports = drift(&project, &[]).await.ended(0);
    assert!(
        reports.stdout.contains("report_2025-09-08.csv has the same content as"),
        "{}",
        reports.stdout
    );
    let kinds = [
        ("new-column", "2025-09-03 2025-09-03 1"),
        ("missing-column", "2025-09-05 2025-09-05 1"),
        ("other-delimiter", "2025-09-06 2025-09-06 1"),
        ("byte-order-mark", "2025-09-07 2025-09-07 1"),
        ("other-line-ending", "2025-09-07 2025-09-07 1"),
        ("unusual-size", "2025-09-10 2025-09-10 1"),
        ("rejects", "2025-09-10 2025-09-10 1"),
    ];
    for (kind, expected) in kinds {
        let ran = drift(&project, &["--fail-on", kind, "--output", "json"]).await.ended(3);
        assert!(instances(&ran).contains(&format!("{kind} {expected}")), "{kind}: {}", ran.stdout);
        let day = &expected[..10];
        let named = format!("{kind}, {day}: ");
        assert!(ran.stderr.contains(&named), "{named}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("people/report_{day}.csv")), "{}", ran.stderr);
    }
    for kind in ["other-encoding", "other-compression", "several-files", "missing-days"] {
        let ran = drift(&project, &["--fail-on", kind, "--output", "json"]).await.ended(0);
        assert_eq!(instances(&ran), Vec::<String>::new());
    }
    let several = drift(&project, &["--fail-on", "other-encoding,same-content"]).await.ended(3);
    assert!(
        several.stderr.contains("report_2025-09-08.csv has the same content"),
        "{}",
        several.stderr
    );
    let wrong = drift(&project, &["--fail-on", "new-colum"]).await.ended(2);
    assert!(wrong.stderr.contains("new-column"), "{}", wrong.stderr);
    let alone = drift(&project, &["--reference", "2025-09-01"]).await.ended(2);
    assert!(alone.stderr.contains("add --deep"), "{}", alone.stderr);
    project.edit(
        "backfill.toml",
        "max_rejects",
        "ignored_columns = [\"ext*\", \"dey\"]\nmax_rejects",
    );
    drift(&project, &["--fail-on", "new-column"]).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_of_values_read_all_records() {
    let project = ten_days().await;
    let words = usual(4).replace(",Rome,", ",Rome,about ");
    put(&project, 4, words);
    put(&project, 6, usual(6).replace("2025-09-06", "09/06/2025"));
    put(&project, 8, usual(8).replace("Rome", "K\u{c3}\u{b6}ln"));
    for (kind, day, told) in [
        ("other-type", "2025-09-04", "amount: other type: text, integer in the reference"),
        ("other-date-format", "2025-09-06", "day: other date format: %m/%d/%Y, %Y-%m-%d"),
        ("encoded-twice", "2025-09-08", "city: encoded twice: 10 value(s)"),
    ] {
        let ran = drift(&project, &["--fail-on", kind]).await.ended(3);
        assert!(ran.stderr.contains(&format!("{kind}, {day}: {told}")), "{told}: {}", ran.stderr);
        assert!(!ran.stderr.contains('\u{c3}'), "a value is told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_and_a_check_refuse_the_drift_that_the_dataset_names() {
    let project = ten_days().await;
    put(&project, 9, usual(9).replace("day\n", "day,extra\n").replace("-09\n", "-09,1\n"));
    project.backfill(&[&["check"], &RANGE[..]].concat()).await.ended(0);
    let setting =
        "refuse_drift = [\"new-column\", \"missing-column\", \"other-delimiter\"]\nmax_rejects = 0";
    project.edit("backfill.toml", "max_rejects = 0", setting);
    let named = "new-column, 2025-09-09: the column extra (people/report_2025-09-09.csv)";
    let refused = project.run("2025-09-01", "2025-09-10").await.ended(3);
    assert!(refused.stderr.contains(named), "{}", refused.stderr);
    assert!(
        project
            .rows("SELECT 1 FROM information_schema.tables WHERE table_name = 'people'")
            .await
            .is_empty()
    );
    assert!(!project.path("staging/profiles").exists(), "no kind needs a profile");
    let arguments = ["check", "--junit", "checks.xml", "--output", "json", "-q"];
    let checked = project.backfill(&[&arguments[..], &RANGE].concat()).await.ended(3);
    assert!(checked.stderr.contains(named), "{}", checked.stderr);
    assert_eq!(checked.json()[0]["drift"][0]["files"], json!(["people/report_2025-09-09.csv"]));
    let xml = project.read("checks.xml");
    assert!(xml.contains("name=\"drift\"") && xml.contains("failures=\"1\""), "{xml}");
    // Days before it are loaded; a day alone is compared with the days around it.
    project.run("2025-09-01", "2025-09-08").await.ended(0);
    put(&project, 10, usual(10).replace(',', ";"));
    let refused = project
        .backfill(&["run", "--start", "2025-09-10", "--end", "2025-09-10", "--range-alone"])
        .await;
    let told = refused.ended(3).stderr;
    assert!(
        told.contains("other-delimiter, 2025-09-10: delimiter `;`, in most files `,`"),
        "{told}"
    );
    project.edit("backfill.toml", "max_rejects", "ignored_columns = [\"extra\"]\nmax_rejects");
    project.run("2025-09-01", "2025-09-09").await.ended(0);
    // What is loaded is not asked about again.
    project.edit("backfill.toml", "ignored_columns = [\"extra\"]\n", "");
    put(&project, 10, usual(10));
    project.run("2025-09-01", "2025-09-10").await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["100"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_refuses_a_day_of_other_values_and_a_copy_of_the_day_before() {
    let project = ten_days().await;
    let setting = "refuse_drift = [\"other-type\", \"same-content\"]\nmax_rejects = 0";
    project.edit("backfill.toml", "max_rejects = 0", setting);
    project.run("2025-09-01", "2025-09-08").await.ended(0);
    let day = |day: &'static str| ["run", "--start", day, "--end", day, "--range-alone"];
    put(&project, 9, usual(9).replace(",Rome,", ",Rome,about "));
    let told = project.backfill(&day("2025-09-09")).await.ended(3).stderr;
    assert!(told.contains("other-type, 2025-09-09: amount"), "{told}");
    // The same rows in another order, with other line endings.
    let mut lines: Vec<String> = usual(8).lines().map(str::to_owned).collect();
    lines[1..].reverse();
    put(&project, 10, lines.join("\r\n"));
    let told = project.backfill(&day("2025-09-10")).await.ended(3).stderr;
    let same = "people/report_2025-09-10.csv has the same content as people/report_2025-09-08.csv";
    assert!(told.contains(same), "{told}");
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["80"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_does_not_make_a_day_the_reference() {
    let project = ten_days().await;
    put(&project, 10, [&b"\xef\xbb\xbf"[..], usual(10).as_bytes()].concat());
    let deep = drift(&project, &["--deep", "--output", "json"]).await.ended(0).json();
    assert_eq!(deep[0]["content"]["reference"]["from"], "2025-09-01");
    assert_eq!(deep[0]["content"]["reference"]["files"], 10);
    assert_eq!(deep[0]["content"]["findings"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_another_order_is_found_by_its_own_kind() {
    let project = ten_days().await;
    let text = usual(2);
    let (header, rows) = text.split_once('\n').expect("a header");
    let backward: Vec<String> =
        rows.lines().rev().map(|row| row.replace("Rome", "\"Rome\"")).collect();
    put(&project, 8, format!("{header}\n{}\n", backward.join("\n")));
    for kinds in ["same-content", "rejects,same-content"] {
        let ran = drift(&project, &["--fail-on", kinds]).await.ended(3);
        let named =
            "same-content, 2025-09-08: people/report_2025-09-08.csv has the same content as";
        assert!(ran.stderr.contains(named), "{kinds}: {}", ran.stderr);
    }
    drift(&project, &["--fail-on", "rejects"]).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_quote_is_a_kind_of_drift() {
    let project = ten_days().await;
    let quoted = |text: String, quote: &str| {
        let row = |row: &str| {
            let fields: Vec<String> =
                row.split(',').map(|field| format!("{quote}{field}{quote}")).collect();
            fields.join(",")
        };
        let rows: Vec<String> = text.lines().skip(1).map(row).collect();
        format!("id,city,amount,day\n{}\n", rows.join("\n"))
    };
    put(&project, 4, quoted(usual(4), "\""));
    drift(&project, &["--fail-on", "other-quote"]).await.ended(0);
    put(&project, 6, quoted(usual(6), "'"));
    let ran = drift(&project, &["--fail-on", "other-quote", "--output", "json"]).await.ended(3);
    assert_eq!(instances(&ran), ["other-quote 2025-09-06 2025-09-06 1"]);
    let named = "other-quote, 2025-09-06: quote `'`, in most files `\"`";
    assert!(ran.stderr.contains(named), "{}", ran.stderr);
    let shown = drift(&project, &[]).await.ended(0).stdout;
    assert!(shown.contains("quote: `\"` before, `'` now"), "{shown}");
}
