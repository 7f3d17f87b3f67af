//! What is asked of the object store, request by request.

use crate::support::Project;

const EXPORT: &str = "id,city,amount\na,Rome,1\n";

/// The reads of source objects among the requests, without the server's address.
fn reads(requests: &[String]) -> Vec<String> {
    let is_read = |line: &&String| line.starts_with("GET ") && !line.contains("list-type");
    let path = |line: &String| line.split("/exports/").last().unwrap_or(line).to_owned();
    requests.iter().filter(is_read).map(path).collect()
}

async fn five_days() -> Project {
    let project = Project::people().await;
    for day in 21..=25 {
        project.put(
            &format!("people/report_2025-09-{day}.csv"),
            EXPORT.replace("a,Rome", &format!("{day},Rome")),
        );
    }
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_three_days_reads_three_objects_and_a_second_run_none() {
    let project = five_days().await;
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    let requests = project.s3.take_requests();
    let mut read = reads(&requests);
    read.sort();
    assert_eq!(
        read,
        [
            "people/report_2025-09-22.csv bytes=0-24",
            "people/report_2025-09-23.csv bytes=0-24",
            "people/report_2025-09-24.csv bytes=0-24",
        ]
    );
    assert_eq!(requests.len(), 4, "one listing besides: {requests:?}");
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    let again = project.s3.take_requests();
    assert_eq!(reads(&again), Vec::<String>::new());
    assert_eq!(again.len(), 1, "the listing: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_read_only_what_is_not_mirrored_yet() {
    let project = five_days().await;
    let query = ["query", "SELECT count(*) AS n FROM source", "--format", "csv"];
    let range = |start, end| [&query[..], &["--start", start, "--end", end]].concat();
    let first = project.backfill(&range("2025-09-21", "2025-09-23")).await.ended(0);
    assert_eq!(first.stdout, "n\n3\n");
    assert_eq!(reads(&project.s3.take_requests()).len(), 3);
    let wider = project.backfill(&range("2025-09-21", "2025-09-25")).await.ended(0);
    assert_eq!(wider.stdout, "n\n5\n");
    assert_eq!(reads(&project.s3.take_requests()).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_writes_nothing_anywhere() {
    let project = five_days().await;
    let plan = project
        .backfill(&["plan", "--start", "2025-09-22", "--end", "2025-09-24", "--output", "json"])
        .await
        .ended(0);
    assert_eq!(plan.json()[0]["totals"]["files_to_load"], 3);
    let requests = project.s3.take_requests();
    assert!(requests.iter().all(|line| line.starts_with("GET ")), "{requests:?}");
    assert!(!project.path("staging").exists());
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'backfill'";
    assert_eq!(project.rows(schemas).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_objects_than_a_page_of_the_listing_are_all_seen() {
    let project = Project::people().await;
    for number in 0..1203 {
        project.put(&format!("people/report_2025-09-22_{number:04}.csv"), EXPORT);
    }
    let plan = project
        .backfill(&["plan", "--start", "2025-09-22", "--end", "2025-09-22", "--output", "json"])
        .await
        .ended(0);
    assert_eq!(plan.json()[0]["totals"]["files"], 1203);
    let listings = project.s3.take_requests();
    let pages = listings.iter().filter(|line| line.contains("list-type=2")).count();
    assert!(pages >= 2, "{listings:?}");
}
