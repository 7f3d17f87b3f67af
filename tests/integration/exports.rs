//! Files that are not exports of the dataset never count as loaded.

use crate::support::Project;

const RUN: [&str; 5] = ["run", "--start", "2025-09-22", "--end", "2025-09-24"];

async fn with(content: &str) -> Project {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\n");
    project.put("people/report_2025-09-23.csv", content);
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_an_export_is_refused() {
    for content in [
        "No data\n",
        "<html><body>503</body></html>",
        "{\"error\":\"rate limited\"}\n",
        "<p>\n<b>\n",
        "ID,City,Amount\na,Oslo,2\n",
        "sku,price\nx,1\n",
        "#id,city,amount\na,Oslo,2\n",
        "some words, and more\nof them\n",
    ] {
        let project = with(content).await;
        let refused = project.backfill(&RUN).await.ended(3).stderr;
        assert!(refused.contains("report_2025-09-23.csv"), "{content}: {refused}");
        let made = project.rows("SELECT to_regclass('people') IS NULL").await;
        assert_eq!(made, ["t"], "{content}: nothing is loaded");
        // When the real file comes, the same command loads it.
        project.put("people/report_2025-09-23.csv", "id,city,amount\nb,Oslo,2.25\n");
        project.backfill(&RUN).await.ended(0);
        assert_eq!(project.rows("SELECT count(*) FROM people").await, ["2"], "{content}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_file_is_compared_with_what_the_sql_names() {
    let project = with("No data\n").await;
    let alone = ["run", "--start", "2025-09-23", "--end", "2025-09-23"];
    project.backfill(&alone).await.ended(3);
    project.write("sql/people/stage.sql", "SELECT * EXCLUDE (_line) FROM source");
    project.write("sql/people/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    let refused = project.backfill(&alone).await.ended(3).stderr;
    assert!(refused.contains("it has none of the columns that the SQL names"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_kind_is_refused_and_an_older_format_is_not() {
    let wide = "id,city,amount,a,b,c,d\n1,Rome,1,,,,\n";
    let project = with(wide).await;
    project.put("people/report_2025-09-22.csv", wide);
    project.put("people/report_2025-09-24.csv", "id,other\n9,x\n");
    let refused = project.backfill(&RUN).await.ended(3).stderr;
    assert!(refused.contains("it lacks 6 of the 7 columns"), "{refused}");
    project.put("people/report_2025-09-24.csv", "id,city,amount,a\n9,Oslo,1,\n");
    project.backfill(&RUN).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_comes_out_of_a_quoted_value() {
    let project = with("id,city,amount\nb,\"x\nc,Kiel,3\ny\",2,9\nd,Ulm,4\n").await;
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = 1");
    project.backfill(&RUN).await.ended(0);
    assert_eq!(project.rows("SELECT id FROM people ORDER BY id").await, ["a", "d"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_an_export_is_refused_by_every_command_that_looks() {
    let project = with("sku,price\nx,1\n").await;
    project.put("people/report_2025-09-24.csv", "id,city,amount\nc,Bern,3\n");
    for command in ["run", "drift", "check"] {
        let ran = project.backfill(&[&[command], &RUN[1..]].concat()).await.ended(3);
        let told = ran.stdout + &ran.stderr;
        assert!(told.contains("report_2025-09-23.csv (it has none"), "{command}: {told}");
        assert!(!told.contains("report_2025-09-22.csv (it"), "{command}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_may_have_columns_that_the_sql_does_not_name() {
    let project = with("id,city,amount,n1,n2,n3,n4,n5\nb,Oslo,2,,,,,\n").await;
    project.put("people/report_2025-09-24.csv", "id,city,amount,n1,n2,n3,n4,n5\nc,Bern,3,,,,,\n");
    project.backfill(&RUN).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_short_or_swallows_records_is_refused() {
    let mut content = "id,city,amount\nb,\"12 inch,2\n".to_owned();
    content.push_str(&"c,Kiel,3\n".repeat((17 << 20) / 9));
    let project = with(&content).await;
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = \"1%\"");
    let refused = project.backfill(&RUN).await.ended(3).stderr;
    assert!(refused.contains("on line 2, a quote opens more text"), "{refused}");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, &content.as_bytes()[..1 << 20]).expect("compressed");
    let gzip = gzip.finish().expect("compressed");
    project.put("people/report_2025-09-23.csv", &gzip[..gzip.len() / 2]);
    let refused = project.backfill(&RUN).await.ended(3).stderr;
    assert!(refused.contains("it is compressed, and incomplete or damaged"), "{refused}");
}
