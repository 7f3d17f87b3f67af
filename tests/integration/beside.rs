//! Checks and queries that read other datasets, and references.

use crate::support::Project;

const RANGE: [&str; 4] = ["--start", "2025-09-22", "--end", "2025-09-23"];

const CUSTOMERS: &str = "\n[datasets.customers]\nprefix = \"customers/\"\n\
     key = \"c_{date:%Y-%m-%d}.csv\"\ntable = \"customers\"\n";

/// People, some of whom no customer is, and a check that finds them.
async fn people_and_customers() -> Project {
    let project = Project::people().await;
    let config = project.read("backfill.toml") + CUSTOMERS;
    project.write("backfill.toml", config);
    for file in ["target.sql", "stage.sql", "dedupe.sql"] {
        let text = project.read(&format!("sql/people/{file}")).replace("people (", "customers (");
        project.write(&format!("sql/customers/{file}"), text);
    }
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\nb,Oslo,2\n");
    project.put("people/report_2025-09-23.csv", "id,city,amount\nc,Bonn,3\n");
    project.put("customers/c_2025-09-22.csv", "id,city,amount\na,Rome,1\n");
    project.put("customers/c_2025-09-23.csv", "id,city,amount\nc,Bonn,1\n");
    check(
        &project,
        "SELECT s._file_name, s._line FROM source AS s LEFT ANTI JOIN customers.source AS c ON c.id = s.id",
    );
    project
}

fn check(project: &Project, sql: &str) {
    project.write("sql/people/checks/unknown.sql", format!("-- Not known.\n{sql}"));
}

async fn bad_rows(project: &Project, more: &[&str]) -> u64 {
    let arguments =
        [&["check", "--output", "json", "--prefix", "people/"], &RANGE[..], more].concat();
    let ran = project.backfill(&arguments).await;
    let checks = ran.json()[0]["checks"].clone();
    checks[0]["bad_rows"].as_u64().unwrap_or_else(|| panic!("{}", ran.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_reads_the_other_datasets_over_the_same_days() {
    let project = people_and_customers().await;
    assert_eq!(bad_rows(&project, &[]).await, 1);
    let refused = project.run("2025-09-22", "2025-09-23").await.ended(3).stderr;
    assert!(
        refused.contains("unknown (1 row(s), first at exports/people/report_2025-09-22.csv:3)"),
        "{refused}"
    );
    for (sql, bad) in [
        ("SELECT id FROM source WHERE id NOT IN (SELECT id FROM customers.staged)", 1),
        ("SELECT id FROM staged WHERE id NOT IN (SELECT id FROM customers.staged)", 1),
        ("SELECT 1 FROM customers.files WHERE rows = 1", 2),
        ("SELECT s.id FROM people.source AS s JOIN customers.source AS c ON s.id = c.id", 2),
    ] {
        check(&project, sql);
        assert_eq!(bad_rows(&project, &[]).await, bad, "{sql}");
    }
    // The columns of the other dataset are not known here, and no reason to fail.
    let drift = [&["drift", "--prefix", "people/"], &RANGE[..]].concat();
    project.backfill(&drift).await.ended(0);
    check(&project, "SELECT id FROM customer.source");
    let unknown = project.backfill(&[&["check"], &RANGE[..]].concat()).await.ended(2).stderr;
    assert!(unknown.contains("customer.source' not found"), "{unknown}");
    check(&project, "SELECT id FROM customers.source");
    let earlier = ["check", "--prefix", "people/", "--start", "2025-09-21", "--end", "2025-09-21"];
    project.put("people/report_2025-09-21.csv", "id,city,amount\na,Rome,1\n");
    let missing = project.backfill(&earlier).await.ended(3).stderr;
    assert!(
        missing.contains(
            "a check of people queries the tables of customers, which has no files from 2025-09-21"
        ),
        "{missing}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tables_are_for_checks_and_not_for_what_is_loaded() {
    let project = people_and_customers().await;
    check(&project, "SELECT 1 FROM source WHERE false");
    let other =
        "SELECT _file_name, _row_id FROM source WHERE id IN (SELECT id FROM customers.source)";
    project.write("sql/people/dedupe.sql", other);
    let refused =
        project.backfill(&[&["run", "--prefix", "people/"], &RANGE[..]].concat()).await.ended(2);
    assert!(refused.stderr.contains("customers.source"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn references_are_tables_of_checks_and_queries() {
    let project = people_and_customers().await;
    let config = project.read("backfill.toml")
        + "[references.cities]\npath = \"ref/cities.csv\"\ncsv = { delimiter = \";\" }\n\
           [references.codes]\npath = \"s3://exports/ref/codes.parquet\"\n";
    project.write("backfill.toml", config);
    check(
        &project,
        "SELECT _file_name, _line FROM source WHERE city NOT IN (SELECT name FROM cities)",
    );
    let missing = project.backfill(&[&["check"], &RANGE[..]].concat()).await.ended(2).stderr;
    assert!(missing.contains("cannot read the reference cities at"), "{missing}");
    assert!(missing.contains("relative to backfill.toml"), "{missing}");
    project.write("ref/cities.csv", "name;rank\nRome;01\nBonn;02\n");
    assert_eq!(bad_rows(&project, &[]).await, 1);
    let to = ["query", "SELECT 'Oslo' AS name, 7 AS code", "--to", "codes.parquet"];
    project.backfill(&[&to[..], &RANGE].concat()).await.ended(0);
    let bytes = std::fs::read(project.path("codes.parquet")).expect("written");
    project.put("ref/codes.parquet", bytes);
    let csv = async |sql: &str| {
        let query = ["query", sql, "--format", "csv", "--prefix", "people/"];
        project.backfill(&[&query[..], &RANGE].concat()).await.ended(0).stdout
    };
    assert_eq!(csv("SELECT rank FROM cities ORDER BY 1").await, "rank\n01\n02\n", "text");
    let join = "SELECT id, code + 1 AS code FROM source JOIN people.codes ON name = city";
    assert_eq!(csv(join).await, "id,code\nb,8\n");
    project.write("ref/cities.csv", "name;rank\nRome\n");
    let refused = project.backfill(&[&["check"], &RANGE[..]].concat()).await.ended(3).stderr;
    assert!(refused.contains("1 of 1 records of the reference cities"), "{refused}");
    // A query that does not name it does not read it.
    assert_eq!(csv("SELECT count(*) AS n FROM source").await, "n\n3\n");
}
