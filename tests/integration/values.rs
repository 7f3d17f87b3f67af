//! Values that can be read in two ways.

use crate::support::{Project, export};

const RANGE: [&str; 4] = ["--start", "2025-03-04", "--end", "2025-03-21"];

/// Amounts with a decimal comma, and days with the month first in the first file, the day first from then on.
async fn two_conventions() -> Project {
    let project = Project::empty().await;
    for (date, rows) in [
        ("2025-03-04", "1;03/04/2025;1.234,50;1.200\n2;03/04/2025;0,50;750\n"),
        ("2025-03-20", "3;20/03/2025;12,00;2.500\n4;20/03/2025;0,25;1.000\n"),
        ("2025-03-21", "5;21/03/2025;7,10;3.000\n6;20/03/2025;0,75;20\n"),
    ] {
        project.put(&format!("x/{date}.csv"), format!("id;day;total;qty\n{rows}"));
    }
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn what_init_makes_of_two_conventions_loads_the_true_values() {
    let project = two_conventions().await;
    let told = project.backfill(&["init", "--prefix", "x/", "--source", "s3://exports"]).await;
    let told = told.ended(0).stderr;
    assert!(told.contains("qty: read with a decimal comma, which is a guess"), "{told}");
    assert!(told.contains("day: the format of its dates changes"), "{told}");
    project.backfill(&[&["run"], &RANGE[..]].concat()).await.ended(0);
    let rows = "SELECT concat_ws(' ', id, day, total, qty) FROM x ORDER BY id";
    assert_eq!(
        project.database.rows(rows).await,
        [
            "1 2025-03-04 1234.50 1200",
            "2 2025-03-04 0.50 750",
            "3 2025-03-20 12.00 2500",
            "4 2025-03-20 0.25 1000",
            "5 2025-03-21 7.10 3000",
            "6 2025-03-20 0.75 20",
        ]
    );
    let drift = [&["drift", "--deep", "--propose"], &RANGE[..]].concat();
    let told = project.backfill(&drift).await.ended(0).stdout;
    let case = "CASE WHEN _file_date <= DATE '2025-03-04' THEN \
                try_to_date(null_like(day), '%m/%d/%Y') WHEN _file_date >= DATE '2025-03-20' THEN \
                try_to_date(null_like(day), '%d/%m/%Y') END AS day,";
    assert!(told.contains(case), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_takes_text_for_a_number_is_told_what_to_write() {
    let project = Project::people().await;
    project.put("people/report_2025-09-02.csv", export("1,Bonn,9.67\n2,Trier,3\n"));
    for (sql, instead) in [
        ("SELECT sum(amount) FROM source", "sum(try_to_decimal(amount, 12, 2))"),
        ("SELECT avg(amount) FROM source", "avg(try_to_decimal(amount, 12, 2))"),
        ("SELECT amount * 2 FROM source", "try_to_decimal(amount, 12, 2) * 2"),
        ("SELECT id FROM source WHERE amount > 5", "try_to_decimal(amount, 12, 2) > 5"),
    ] {
        let arguments = ["query", sql, "--start", "2025-09-01", "--end", "2025-09-30"];
        let told = project.backfill(&arguments).await.ended(2).stderr;
        assert!(told.contains(instead), "{sql}: {told}");
        assert!(!told.contains("bug") && !told.contains("DataFusion"), "{sql}: {told}");
    }
}
