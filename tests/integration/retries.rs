//! What fails on the way and may pass: lost answers, busy stores, time-outs, rights, objects that change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{BUCKET, Project, Proxy};

use backfill_demo::Fault;

const RUN: [&str; 5] = ["run", "--start", "2025-09-22", "--end", "2025-09-24"];

async fn three_days() -> Project {
    let project = Project::people().await;
    for day in 22..=24 {
        let export = format!("id,city,amount\na{day},Rome,1\nb{day},Oslo,2\n");
        project.put(&format!("people/report_2025-09-{day}.csv"), export);
    }
    project
}

const ROWS: &str = "SELECT count(*), count(DISTINCT id) FROM people";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_not_done_twice_and_not_refused() {
    for refusals in [0, 1, 2] {
        let project = three_days().await;
        let proxy = Proxy::start(&project.database, refusals);
        let url = proxy.url(&project.database);
        let ran = project.backfill_with(&[("DATABASE_URL", &url)], &RUN).await.ended(0);
        assert_eq!(proxy.lost(), 1, "{}", ran.stderr);
        assert!(!ran.stdout.contains("UNVERIFIED"), "{}", ran.stdout);
        assert_eq!(project.rows(ROWS).await, ["6|6"], "{refusals} refusals");
        assert_eq!(project.rows("SELECT count(*) FROM backfill.batches").await, ["1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_client_is_gone_does_not_hold_up_the_next_try() {
    let project = three_days().await;
    project.database.execute(&project.read("sql/people/target.sql")).await;
    // A session that still holds the lock of a file, as one whose client is gone does.
    let proxy = Proxy::start(&project.database, 0);
    let url = proxy.url(&project.database);
    let ran = project.backfill_with(&[("DATABASE_URL", &url)], &RUN).await.ended(0);
    assert_eq!(project.rows(ROWS).await, ["6|6"], "{}", ran.stderr);
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'backfill%' \
                AND datname = current_database()";
    assert_eq!(project.rows(left).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_staging_store_ends_in_run_again() {
    let project = three_days().await;
    std::fs::create_dir_all(project.path("buckets/staging")).expect("a bucket");
    project.edit("backfill.toml", "url = \"staging\"", "url = \"s3://staging\"");
    for part in ["/staging/mirror/", "/staging/staged/", "/staging/runs/"] {
        project.s3.follow(move |request| {
            let is_write = request.starts_with("PUT ") || request.starts_with("POST ");
            (is_write && request.contains(part)).then_some(Fault::SlowDown)
        });
        let ran = project.backfill(&RUN).await.ended(75);
        assert!(ran.stderr.contains("hint:"), "{part}: {}", ran.stderr);
    }
    project.s3.follow(|request| {
        let is_read = request.starts_with("GET ") && request.contains("/staging/mirror/");
        (is_read && request.contains(".parquet")).then_some(Fault::SlowDown)
    });
    let query = ["query", "--start", "2025-09-22", "--end", "2025-09-24", "SELECT id FROM source"];
    project.backfill(&query).await.ended(75);
    project.s3.follow(|_| None);
    project.backfill(&RUN).await.ended(0);
    assert_eq!(project.rows(ROWS).await, ["6|6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_outs_of_the_role_do_not_count() {
    let project = three_days().await;
    project.database.execute(&project.read("sql/people/target.sql")).await;
    // Enough rows of another loader that a count takes longer than the role allows.
    project
        .database
        .execute(
            "INSERT INTO people SELECT 'x', 'theirs', 1, 'other/file.csv', n, '2025-01-01' \
             FROM generate_series(1, 1500000) n",
        )
        .await;
    let name = project.database.name().to_owned();
    let set = |value: &str| format!("ALTER DATABASE {name} SET statement_timeout = '{value}'");
    project.database.execute(&set("40ms")).await;
    let count = project.database.client().await;
    let count = count.batch_execute("SELECT count(DISTINCT _row_id) FROM people").await;
    assert!(count.is_err(), "the time-out is too long for this machine");
    project.backfill(&RUN).await.ended(0);
    let plan = ["plan", "--start", "2025-09-22", "--end", "2025-09-24"];
    let plan = project.backfill(&plan).await.ended(0).stdout;
    assert!(plan.contains("to load: 0 of 3 files"), "{plan}");
    project.database.execute(&set("0")).await;
    assert_eq!(project.rows("SELECT count(*) FROM people WHERE city <> 'theirs'").await, ["6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_make_schemas_loads_into_those_that_are_there() {
    let project = three_days().await;
    project.edit("backfill.toml", "table = \"people\"", "table = \"shop.people\"");
    let name = project.database.name().to_owned();
    let role = format!("loader_{name}");
    project
        .database
        .execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'test-only'; \
             CREATE SCHEMA shop; CREATE SCHEMA backfill; \
             GRANT USAGE, CREATE ON SCHEMA shop, backfill TO {role}"
        ))
        .await;
    let url = format!(
        "postgres://{role}:test-only@127.0.0.1:{}/{name}?sslmode=disable",
        project.database.port()
    );
    let with = [("DATABASE_URL", url.as_str())];
    project.backfill_with(&with, &RUN).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM shop.people").await, ["6"]);
    project.backfill_with(&with, &["status"]).await.ended(0);
    let clean = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    project.database.execute(&clean).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_after_the_listing_is_another_one() {
    let project = three_days().await;
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    std::fs::remove_dir_all(project.path("staging")).expect("a folder");
    let path = project.bucket().join("people/report_2025-09-22.csv");
    let replaced = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&replaced);
    project.s3.follow(move |request| {
        let reads = request.starts_with(&format!("GET /{BUCKET}/people/report_2025-09-22.csv"));
        if reads && !done.swap(true, Ordering::SeqCst) {
            std::fs::write(&path, "id,city,amount\na22,Paris,7\n").expect("a file");
        }
        None
    });
    let refused = project.backfill(&RUN).await.ended(3).stderr;
    assert!(replaced.load(Ordering::SeqCst), "the file was not read");
    assert!(refused.contains("report_2025-09-22.csv (the object was replaced)"), "{refused}");
    assert_eq!(project.rows(ROWS).await, ["4|4"]);
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-24", "--reload"];
    project.backfill(&reload).await.ended(0);
    assert_eq!(project.rows("SELECT city FROM people WHERE id = 'a22'").await, ["Paris"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn staged_rows_are_used_again_only_for_the_same_columns() {
    let project = three_days().await;
    project.write("sql/people/stage.sql", "SELECT * EXCLUDE (_line) FROM source");
    project.write(
        "sql/people/target.sql",
        "CREATE TABLE people (id text, city text, amount text, extra text, \
         _file_name text NOT NULL, _row_id bigint NOT NULL, _file_date date)",
    );
    let killed = project.backfill_with(&[("BACKFILL_FAILPOINT", "load.begun:1")], &RUN).await;
    assert_eq!(killed.code, None, "{}", killed.stderr);
    project.edit(
        "backfill.toml",
        "max_rejects = 0",
        "max_rejects = 0\noptional_columns = [\"extra\"]",
    );
    project.backfill(&RUN).await.ended(0);
    let rows = "SELECT id, city, amount, coalesce(extra, '-') FROM people ORDER BY id LIMIT 1";
    assert_eq!(project.rows(rows).await, ["a22|Rome|1|-"]);
    let areas = std::fs::read_dir(project.path("staging/staged/people")).expect("a folder").count();
    assert_eq!(areas, 2, "two sets of columns, two areas");
}

#[tokio::test(flavor = "multi_thread")]
async fn staging_is_listed_once_whatever_the_number_of_batches() {
    let project = Project::people().await;
    std::fs::create_dir_all(project.path("buckets/staging")).expect("a bucket");
    project.edit("backfill.toml", "url = \"staging\"", "url = \"s3://staging\"");
    for day in 1..=9 {
        let export = format!("id,city,amount\na{day},Rome,1\n");
        project.put(&format!("people/report_2025-09-0{day}.csv"), export);
    }
    let run = ["run", "--start", "2025-09-01", "--end", "2025-09-09", "--batch-size", "1"];
    project.backfill(&run).await.ended(0);
    let listings: Vec<String> = project
        .s3
        .take_requests()
        .into_iter()
        .filter(|request| request.contains("list-type=2") && request.contains("staging"))
        .collect();
    // One each of mirrors, rejects and staged rows.
    assert_eq!(listings.len(), 3, "{listings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_of_an_upload_that_fails_are_deleted() {
    let project = three_days().await;
    std::fs::create_dir_all(project.path("buckets/staging")).expect("a bucket");
    project.edit("backfill.toml", "url = \"staging\"", "url = \"s3://staging\"");
    // Values that do not compress, so that the mirror is sent in parts before the stream breaks.
    let mut random = crate::support::Random(7);
    let mut value = || (0..60).map(|_| format!("{:016x}", random.next())).collect::<String>();
    let rows: String = (0..60_000).map(|n| format!("{n},{},1\n", value())).collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut encoder, format!("id,city,amount\n{rows}").as_bytes())
        .expect("encoded");
    let mut bytes = encoder.finish().expect("encoded");
    bytes.truncate(bytes.len() - 100);
    project.put("people/report_2025-09-22.csv", bytes);
    project.backfill(&RUN).await.ended(3);
    let requests = project.s3.take_requests();
    let begun = requests.iter().filter(|r| r.starts_with("POST ") && r.contains("uploads")).count();
    let ended =
        requests.iter().filter(|r| r.starts_with("DELETE ") && r.contains("uploadId")).count();
    assert!(begun > 0, "the mirror was not sent in parts");
    assert_eq!(begun, ended, "{requests:#?}");
}
