//! What loading comes to, told beforehand and compared with what it came to.

use backfill_sample::Options;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;

use crate::support::{Dlt, Project, Random, people};

/// What an estimate may be off, as a share of what it came to.
const TOLERANCE: f64 = 0.15;

/// The sizes of a table: itself, indexes, TOAST, and what was written to the log until now.
async fn sizes(project: &Project, table: &str) -> [f64; 4] {
    let sql = format!(
        "SELECT coalesce(pg_relation_size(o), 0), coalesce(pg_indexes_size(o), 0), \
                coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0), \
                pg_current_wal_insert_lsn() - '0/0'::pg_lsn \
         FROM (SELECT to_regclass('{table}') AS o) AS found \
         LEFT JOIN pg_class ON pg_class.oid = o"
    );
    let rows = project.rows(&sql).await;
    let numbers = rows[0].split('|').map(|number| number.parse().expect("a number"));
    numbers.collect::<Vec<f64>>().try_into().expect("four")
}

fn estimated(plan: &Value) -> [f64; 4] {
    let growth = &plan["estimate"]["growth"]["value"];
    let number = |name: &str| growth[name].as_f64().unwrap_or_else(|| panic!("{name}: {plan}"));
    [number("table"), number("indexes"), number("toast"), number("wal")]
}

/// Estimates a load, does it, and compares.
pub async fn compare(project: &Project, what: &str, table: &str, arguments: &[&str]) {
    let planned = [&["plan", "--output", "json"], arguments].concat();
    let plans = project.backfill(&planned).await.ended(0).json();
    let before = sizes(project, table).await;
    let rows_before = count(project, table).await;
    project.backfill(&[&["run"], arguments].concat()).await.ended(0);
    let after = sizes(project, table).await;
    let rows = count(project, table).await - rows_before;
    let guess = estimated(&plans[0]);
    let real: Vec<f64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    let (total, real_total) = (guess[..3].iter().sum::<f64>(), real[..3].iter().sum::<f64>());
    let guessed_rows = plans[0]["estimate"]["rows"]["value"].as_f64().expect("rows");
    let source = &plans[0]["estimate"]["growth"]["source"];
    let told = format!(
        "{what}: rows {guessed_rows} of {rows}; table, indexes, TOAST, log: {guess:.0?} of {real:.0?} ({source})"
    );
    assert!((guessed_rows / rows - 1.0).abs() < TOLERANCE, "{told}");
    assert!((total / real_total - 1.0).abs() < TOLERANCE, "{told}");
}

async fn count(project: &Project, table: &str) -> f64 {
    let found = project.rows(&format!("SELECT to_regclass('{table}') IS NOT NULL")).await;
    match found[0].as_str() {
        "t" => project.rows(&format!("SELECT count(*) FROM {table}")).await[0]
            .parse()
            .expect("a number"),
        _ => 0.0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_grows_as_it_was_told_from_an_empty_table_and_a_filled_one() {
    let options = Options { days: 12, rows: 1000, ..Options::default() };
    let project = Project::orders(&options).await;
    project.write("sql/orders_create/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    let table = "public.orders_create";
    let first = ["--prefix", "orders-create/", "--start", "2025-09-22", "--end", "2025-09-27"];
    compare(&project, "sample, empty", table, &first).await;
    let second = ["--prefix", "orders-create/", "--start", "2025-09-28", "--end", "2025-10-03"];
    compare(&project, "sample, filled", table, &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_beside_rows_of_the_real_live_loader_grows_as_it_was_told() {
    let start = "2025-11-25".parse().expect("a date");
    let project =
        Project::orders(&Options { start, days: 9, rows: 1200, ..Options::default() }).await;
    for name in ["backfill.toml", "sql/orders_create/target.sql"] {
        let text = project.read(name).replace("public.orders_create", "shop.orders_create");
        project.write(name, text.replace("TABLE orders_create (", "TABLE shop.orders_create ("));
    }
    project.write("sql/orders_create/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    Dlt { project: &project, form: "append" }.load("2025-12-03").await;
    let history = ["--prefix", "orders-create/", "--start", "2025-11-25", "--end", "2025-11-30"];
    compare(&project, "sample, beside dlt", "shop.orders_create", &history).await;
}

/// A table of types of all kinds with a key, and now and then a long text.
const NOTES: &str = "\
CREATE TABLE people (
    id bigint PRIMARY KEY, city text, amount numeric(14, 4), seen timestamptz, is_new boolean,
    code uuid, note text, _file_name text NOT NULL, _row_id bigint NOT NULL, _file_date date NOT NULL
);
CREATE INDEX ON people (city);
CREATE UNIQUE INDEX ON people (code);";

const STAGE_NOTES: &str = "\
SELECT CAST(id AS BIGINT) AS id, city, try_to_decimal(amount, 14, 4) AS amount,
       try_to_timestamptz(seen) AS seen, try_to_bool(is_new) AS is_new, code, note,
       _file_name, _row_id, _file_date
FROM source";

/// A day of people: short rows, every fifth with a note of up to 9 kB.
fn notes(day: u64, rows: u64, random: &mut Random) -> String {
    let mut text = "id,city,amount,seen,is_new,code,note\r\n".to_owned();
    let mut below = |bound: u64| random.below(bound);
    for row in 0..rows {
        let id = day * 1_000_000 + row;
        let city = ["Rome", "Reykjavik", "Oslo", "San Francisco"][below(4) as usize];
        let code = format!(
            "{:08x}-{:04x}-4000-8000-{:012x}",
            below(1 << 32),
            below(1 << 16),
            below(1 << 48)
        );
        let words = if row % 5 == 0 { below(900) } else { below(6) };
        let mut note = String::new();
        for _ in 0..words {
            let _ = write!(
                note,
                "{:x} {} ",
                below(1 << 24),
                ["agreed", "said\r\n", "calls"][below(3) as usize]
            );
        }
        let _ = write!(
            text,
            "{id},{city},{}.{:02},2025-09-22T10:{:02}:{:02}Z,{},{code},\"{note}\"\r\n",
            below(100_000),
            below(100),
            below(60),
            below(60),
            ["yes", "no"][below(2) as usize]
        );
    }
    text
}

async fn people_with_notes(rows: u64, packed: bool) -> Project {
    let project = people("").await;
    project.write("sql/people/target.sql", NOTES);
    project.write("sql/people/stage.sql", STAGE_NOTES);
    project.edit("backfill.toml", "*.csv", "*");
    let mut random = Random(7);
    for day in 1..=8 {
        let text = notes(day, rows, &mut random);
        let key = format!("people/report_2025-09-{day:02}");
        if packed {
            let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::default());
            gzip.write_all(text.as_bytes()).expect("packed");
            project.put(&format!("{key}.csv.gz"), gzip.finish().expect("packed"));
        } else {
            project.put(&format!("{key}.csv"), text);
        }
    }
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn types_keys_and_long_texts_grow_as_they_were_told() {
    let project = people_with_notes(2500, false).await;
    let first = ["--start", "2025-09-01", "--end", "2025-09-04"];
    compare(&project, "notes, empty", "people", &first).await;
    let second = ["--start", "2025-09-05", "--end", "2025-09-08"];
    compare(&project, "notes, filled", "people", &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_packed_files_are_told_by_what_they_unpack_to() {
    let project = people_with_notes(6000, true).await;
    compare(&project, "packed", "people", &["--start", "2025-09-01", "--end", "2025-09-04"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_before_anything_is_written() {
    let project = people_with_notes(300, false).await;
    let range = ["--start", "2025-09-01", "--end", "2025-09-08"];
    project.edit("backfill.toml", "[staging]", "[limits]\ndatabase = \"9 MB\"\n[staging]");
    let plan = project.backfill(&[&["plan"], &range[..]].concat()).await.ended(3).stdout;
    assert!(plan.contains("does not fit") && plan.contains("9.00 MB"), "{plan}");
    let refused = project.backfill(&[&["run"], &range[..]].concat()).await.ended(3);
    assert!(refused.stderr.contains("limits.database"), "{}", refused.stderr);
    assert_eq!(project.rows("SELECT to_regclass('people') IS NULL").await, ["t"]);
    let gaps = ["gaps", "--options", "--from", "2025-09-08"];
    project.backfill(&["gaps"]).await.ended(3);
    let compared = project.backfill(&gaps).await.ended(0).stdout;
    assert!(compared.contains("does not fit: everything: "), "the last day alone fits: {compared}");
    project.backfill(&["gaps", "--options"]).await.ended(3);
    project.edit("backfill.toml", "database = \"9 MB\"", "database = \"1 GB\"\ndisk = \"1 MB\"");
    let refused = project.backfill(&[&["run"], &range[..]].concat()).await.ended(3);
    assert!(refused.stderr.contains("does not fit onto its disk"), "{}", refused.stderr);
    project.edit("backfill.toml", "disk = \"1 MB\"", "disk = \"1 GB\"");
    project.backfill(&[&["run"], &range[..]].concat()).await.ended(0);
    let done = project.backfill(&["gaps", "--output", "json"]).await.ended(0).json();
    assert!(done["datasets"][0]["gaps"][0].is_null(), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_is_told_by_the_pace_of_an_earlier_run_or_else_by_the_disk() {
    let project = people_with_notes(2600, false).await;
    let second = ["plan", "--start", "2025-09-05", "--end", "2025-09-08", "--output", "json"];
    let with = |more: &[&'static str]| [&second[..], more].concat();
    let unknown = project.backfill(&second).await.ended(0).json();
    assert!(unknown[0]["estimate"]["seconds"]["value"].is_null());
    let micro = project.backfill(&with(&["--compute", "micro"])).await.ended(0).json();
    let source = micro[0]["estimate"]["seconds"]["source"].as_str().expect("a source");
    assert!(source.contains("87 Mbit/s"), "{source}");
    project.run("2025-09-01", "2025-09-04").await.ended(0);
    let paced = project.backfill(&with(&["--compute", "micro"])).await.ended(0).json();
    let source = paced[0]["estimate"]["seconds"]["source"].as_str().expect("a source");
    assert!(source.starts_with("pace of run "), "{source}");
    project.backfill(&with(&["--compute", "enormous"])).await.ended(2);
}
