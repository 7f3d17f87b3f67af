//! What `init` says of columns: those that are called otherwise, and those that a target that is there does not take.

use crate::support::Project;

const RANGE: [&str; 4] = ["--start", "2025-03-01", "--end", "2025-03-08"];

/// What `init` reports.
async fn told(project: &Project, prefix: &str) -> String {
    let mut arguments = vec!["init", "--prefix", prefix];
    if !project.path("backfill.toml").exists() {
        arguments.extend(["--source", "s3://exports"]);
    }
    project.backfill(&arguments).await.ended(0).stderr
}

async fn ran(project: &Project, command: &str, prefix: &str, code: i32) -> String {
    let arguments = [&[command, "--prefix", prefix], &RANGE[..]].concat();
    project.backfill(&arguments).await.ended(code).stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_a_target_does_not_take_are_said_before_anything_is_loaded() {
    let project = Project::empty().await;
    let table = "CREATE TYPE mood AS ENUM ('fine', 'it''s bad');
        CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
        CREATE TABLE t (id bigint, small smallint, word varchar(3), land char(2), mood mood, uid uuid,
            ok boolean, rate float8, plus positive, place inet, _file_name text, _row_id bigint);
        CREATE TABLE fits (LIKE t)";
    project.database.execute(table).await;
    let header = "id,small,word,land,mood,uid,ok,rate,plus,place";
    let good = "1,7,abc,DE,it's bad,00000000-0000-0000-0000-00000000000a,yes,1e5,3,10.0.0.1";
    let bad = "2,40000,abcd,DEU,sad,7,maybe,much,2147483648,here";
    project.put("fits/r_2025-03-01.csv", format!("{header}\n{good}\n3,,,,,,,,,\n"));
    let said = told(&project, "fits").await;
    assert!(!said.contains("do not fit"), "{said}");
    assert!(said.contains("nothing was compared: plus (positive), place (inet)"), "{said}");
    ran(&project, "run", "fits", 0).await;
    project.put("t/r_2025-03-01.csv", format!("{header}\n{good}\n{bad}\n"));
    let said = told(&project, "t").await;
    for (column, data_type) in [
        ("small", "smallint"),
        ("word", "character varying(3)"),
        ("land", "character(2)"),
        ("mood", "mood"),
        ("uid", "uuid"),
        ("ok", "boolean"),
        ("rate", "double precision"),
        ("plus", "positive"),
    ] {
        let words = format!(
            "{column} of public.t: 1 of 2 value(s) of the files that were read do not fit its type {data_type}"
        );
        assert!(said.contains(&words), "{words}: {said}");
    }
    assert!(project.read("sql/t/target.sql").contains("-- small of public.t: 1 of 2 value(s)"));
    // The check finds them in files that nobody has looked at, each by itself.
    let names: Vec<&str> = header.split(',').collect();
    for place in 1..9 {
        let mut row: Vec<&str> = good.split(',').collect();
        row[place] = bad.split(',').nth(place).expect("a value");
        project.put("t/r_2025-03-01.csv", format!("{header}\n{}\n", row.join(",")));
        let refused = ran(&project, "check", "t", 3).await;
        assert!(refused.contains("unreadable_value (1 row(s)"), "{}: {refused}", names[place]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_a_target_that_differ_only_in_case_are_taken_and_told() {
    let project = Project::empty().await;
    let table = "CREATE TABLE t (\"ID\" bigint, \"CityName\" text, extra text, \"Extra\" text,
        _file_name text, _row_id bigint)";
    project.database.execute(table).await;
    project.put("t/r_2025-03-01.csv", "id,city_name,EXTRA\n1,Rome,x\n");
    project.put("t/r_2025-03-02.csv", "id,city_name,EXTRA\n2,Oslo,y\n");
    let said = told(&project, "t").await;
    assert!(said.contains("differ only in case from those of the files"), "{said}");
    assert!(said.contains("id AS \"ID\""), "{said}");
    assert!(said.contains("public.t has no column for city_name"), "{said}");
    ran(&project, "run", "t", 0).await;
    let rows = project.rows("SELECT \"ID\", extra FROM t ORDER BY 1").await;
    assert_eq!(rows, ["1|x", "2|y"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_are_called_otherwise_are_told() {
    let project = Project::empty().await;
    project.put("t/r_2025-03-01.csv", "Order ID,order_id,ctid,city\n1,2,3,Rome\n");
    let said = told(&project, "t").await;
    let words = "\"order_id\" is order_id_2, \"ctid\" is ctid_2";
    assert!(said.contains(words), "{said}");
    assert!(project.read("sql/t/stage.sql").contains("-- named differently in the table"));
    for day in 1..=2 {
        project.put(&format!("twice/r_2025-03-0{day}.csv"), "id,city,,city\n1,Rome,x,Oslo\n");
    }
    let said = told(&project, "twice").await;
    assert!(said.contains("column_3 (without a name), city_2 (\"city\")"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn times_with_and_without_a_zone_are_told_and_none_is_cut() {
    let project = Project::empty().await;
    let rows = "id,seen\n1,2025-03-01T10:00:00Z\n2,2025-03-01 11:30:00\n3,2025-03-01\n";
    project.put("new/r_2025-03-01.csv", rows);
    let said = told(&project, "new").await;
    assert!(
        said.contains(
            "seen: some of its values are days without a time, some times without a zone, some"
        ),
        "{said}"
    );
    let table = "CREATE TABLE there (id bigint, seen timestamptz, _file_name text, _row_id bigint)";
    project.database.execute(table).await;
    project.put("there/r_2025-03-01.csv", rows);
    let said = told(&project, "there").await;
    assert!(said.contains("all are read, those without a zone as UTC: a guess"), "{said}");
    ran(&project, "run", "there", 0).await;
    let seen = "SELECT to_char(seen AT TIME ZONE 'UTC', 'DD HH24:MI') FROM there ORDER BY id";
    assert_eq!(project.rows(seen).await, ["01 10:00", "01 11:30", "01 00:00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_by_which_the_header_is_found_has_no_blanks_around() {
    let project = Project::empty().await;
    let report = "Report of March\n\nid, name\n1,Ann\n2,Bob\n3,Cy\n";
    for day in 1..=3 {
        project.put(&format!("t/r_2025-03-0{day}.csv"), report);
    }
    told(&project, "t").await;
    let config = project.read("backfill.toml");
    assert!(config.contains("header_names"), "{config}");
    let query =
        ["query", "--format", "csv", "--prefix", "t", "SELECT min(name) AS n FROM t.source"];
    let found = project.backfill(&[&query[..], &RANGE].concat()).await.ended(0).stdout;
    assert_eq!(found, "n\nAnn\n");
    ran(&project, "run", "t", 0).await;
}
