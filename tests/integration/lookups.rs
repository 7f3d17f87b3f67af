//! People who look at a folder of CSV files: without the dataset's SQL, and with queries that go wrong.

use crate::support::Project;

const RANGE: [&str; 4] = ["--start", "2025-09-22", "--end", "2025-09-23"];

fn over<'a>(command: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&[command], &RANGE[..], rest].concat()
}

/// Two files of people, and no SQL.
async fn without_sql() -> Project {
    let project = Project::people().await;
    std::fs::remove_dir_all(project.path("sql")).expect("removed");
    project.put("people/report_2025-09-22.csv", "id,city,amount\n1,Rome,9.67\n2,Oslo\n");
    project.put("people/report_2025-09-23.csv", "id,town,amount\n3,Lima,1\n");
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn files_can_be_queried_without_any_sql_of_their_dataset() {
    let project = without_sql().await;
    let csv = ["--format", "csv", "SELECT count(*) AS rows, max(amount) AS most FROM source"];
    assert_eq!(project.backfill(&over("query", &csv)).await.ended(0).stdout, "rows,most\n2,9.67\n");
    let tables = ["--format", "csv", "SELECT name FROM file_columns ORDER BY position, name"];
    let names = project.backfill(&over("query", &tables)).await.ended(0).stdout;
    assert_eq!(names, "name\nid\nid\ncity\ntown\namount\namount\n");
    let rejects = project.backfill(&over("rejects", &[])).await.ended(0).stdout;
    assert!(rejects.contains("1 rejected record(s), 1 shown"), "{rejects}");
    // A run would refuse as many rejects.
    let drift = project.backfill(&over("drift", &[])).await.ended(3).stdout;
    assert!(drift.contains("city") && drift.contains("town"), "{drift}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_asks_for_the_sql_that_it_names_and_for_no_other() {
    let project = without_sql().await;
    let named = |table: &'static str| ["SELECT count(*) FROM ", table].concat();
    for (table, file) in [("contract", "target.sql"), ("staged", "dedupe.sql")] {
        let query = named(table);
        let refused = project.backfill(&over("query", &[&query])).await.ended(2).stderr;
        assert!(refused.contains(&format!("cannot read sql/people/{file}")), "{refused}");
        assert!(refused.contains("hint: a dataset's folder holds target.sql"), "{refused}");
    }
    project.write("sql/people/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    project.write("sql/people/stage.sql", "SELECT id, no_such, _file_name, _row_id FROM source");
    let staged = named("staged");
    let refused = project.backfill(&over("query", &[&staged])).await.ended(2).stderr;
    assert!(refused.contains("sql/people/stage.sql names the column no_such"), "{refused}");
    project.write("sql/people/stage.sql", "SELECT id, _file_name, _row_id FROM source");
    let counted = ["--format", "csv", &staged];
    let counted = project.backfill(&over("query", &counted)).await.ended(0).stdout;
    assert_eq!(counted, "count(*)\n2\n");
    let shown = project.backfill(&over("query", &["SHOW TABLES"])).await.ended(0).stdout;
    assert!(shown.contains("file_columns") && !shown.contains("contract"), "{shown}");
    // What is wrong with the rest of the SQL is no matter of a query.
    project.write("sql/people/target.sql", "CREATE VIEW");
    project.backfill(&over("query", &["SELECT 1 FROM source"])).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_query_of_everybody_is_answered_with_the_line_to_write() {
    let project = without_sql().await;
    for (query, line) in [
        ("SELECT sum(amount) FROM source", "write sum(try_to_decimal(amount, 12, 2))"),
        ("SELECT avg(amount) FROM source", "write avg(try_to_decimal(amount, 12, 2))"),
        ("SELECT amount * 2 FROM source", "write try_to_decimal(amount, 12, 2) * 2"),
        ("SELECT id FROM source WHERE amount > 5", "write try_to_decimal(amount, 12, 2) > 5"),
        (
            "WITH t AS (SELECT amount AS x FROM source) SELECT sum(x) FROM t",
            "write sum(try_to_decimal(x, 12, 2))",
        ),
        (
            "SELECT id FROM source WHERE id IN (SELECT id FROM source WHERE amount > 5)",
            "write try_to_decimal(amount, 12, 2) > 5",
        ),
        (
            "WITH t AS (SELECT amount AS x FROM source) SELECT x FROM t WHERE x > 5",
            "write try_to_decimal(x, 12, 2) > 5",
        ),
    ] {
        let ran = project.backfill(&over("query", &[query])).await;
        assert_eq!(ran.code, Some(2), "{query}: {}", ran.stderr);
        assert!(ran.stderr.contains(line), "{query}: {}", ran.stderr);
        assert!(ran.stderr.contains("but it is text"), "{query}: {}", ran.stderr);
        for word in ["DataFusion", "Internal", "bug"] {
            assert!(!ran.stderr.contains(word), "{query}: {}", ran.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_goes_wrong_is_answered_with_the_line_to_write() {
    let project = without_sql().await;
    for (query, told) in [
        ("SELECT to_char(_file_date, 'YYYY-MM') FROM source", "write to_char(_file_date, '%Y-%m')"),
        ("SELECT to_date(id, 'DD/MM/YYYY') FROM source", "write to_date(id, '%d/%m/%Y')"),
        ("SELECT try_to_date(id, 'DD/MM/YYYY') FROM source", "write try_to_date(id, '%d/%m/%Y')"),
        ("SELECT to_char(_file_date, 'J') FROM source", "write to_char(_file_date, '%Y-%m-%d')"),
        ("SELECT CAST(amount AS numeric) FROM source", "write CAST(amount AS NUMERIC(12,2))"),
        ("SELECT id FROM source WHERE city SIMILAR TO 'R_me%'", "write city ~ '^(?:R.me.*)$'"),
        ("SELECT id FROM source TABLESAMPLE BERNOULLI (1)", "WHERE _row_id % 100 = 0"),
        ("SELECT to_char(_file_date, 'YYYY' || '-MM') FROM source", "write '%Y-%m' as its format"),
        ("SELECT 2 ^ 3", "write power(2, 3)"),
        ("SELECT id FROM source WHERE id = ANY('{1,2}')", "write id IN ('1', '2')"),
        ("SELECT id FROM source WHERE id <> ALL('{1,2}')", "write id <> ALL (ARRAY['1', '2'])"),
        ("SELECT id, id IN (SELECT id FROM source) FROM source", "a JOIN or a WITH query"),
        ("SELECT * FROM people", "write FROM people.source"),
        ("SELECT * FROM public.people AS p", "write FROM people.source"),
        ("WITH p AS (SELECT id FROM people) SELECT * FROM p", "write FROM people.source"),
        (
            "SELECT _file_date FROM source JOIN files USING (_file_name)",
            "write the table or its alias before it, as in source._file_date",
        ),
    ] {
        let ran = project.backfill(&over("query", &[query])).await;
        assert_eq!(ran.code, Some(2), "{query}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{query}: {}", ran.stderr);
    }
    let own = "WITH people AS (SELECT id FROM source) SELECT count(*) AS n FROM people";
    let counted = project.backfill(&over("query", &["--format", "csv", own])).await;
    assert_eq!(counted.ended(0).stdout, "n\n2\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_outside_the_range_is_told() {
    let project = without_sql().await;
    for (condition, told) in [
        ("_file_date = DATE '2025-08-01'", Some("asks for 2025-08-01, but files outside")),
        ("_file_date = '2025-09-24'", Some("asks for 2025-09-24, but")),
        ("_file_date IN (DATE '2025-09-22', DATE '2025-09-30')", Some("asks for 2025-09-30, but")),
        (
            "_file_date BETWEEN DATE '2025-09-20' AND DATE '2025-09-30'",
            Some("asks for 2025-09-20 to 2025-09-30, but"),
        ),
        ("_file_date = DATE '2025-09-23'", None),
        ("_file_date >= DATE '2025-01-01'", None),
        ("_file_date < DATE '2026-01-01'", None),
        ("id = '1'", None),
    ] {
        let query = format!("SELECT count(*) FROM source WHERE {condition}");
        let ran = project.backfill(&over("query", &[&query])).await.ended(0);
        match told {
            Some(told) => assert!(ran.stderr.contains(told), "{query}: {}", ran.stderr),
            None => assert!(!ran.stderr.contains("asks for 20"), "{query}: {}", ran.stderr),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_ends_with_a_text_of_the_engine_about_itself() {
    let project = without_sql().await;
    let long_sum = format!("SELECT {} FROM source", vec!["1"; 3000].join("+"));
    let many_or = format!("SELECT id FROM source WHERE {}", vec!["id = '1'"; 3000].join(" OR "));
    let deep = format!("SELECT {}1{} FROM source", "(".repeat(400), ")".repeat(400));
    let calls = format!("SELECT {}id{} FROM source", "upper(".repeat(400), ")".repeat(400));
    for query in [
        long_sum.as_str(),
        many_or.as_str(),
        deep.as_str(),
        calls.as_str(),
        "SELECT CAST(amount AS int) FROM source",
        "SELECT CAST(city AS date) FROM source",
        "SELECT CAST(city AS interval) FROM source",
        "SELECT to_timestamp(city) FROM source",
        "SELECT 1 / 0 FROM source",
        "SELECT id[1] FROM source",
        "SELECT unnest(id) FROM source",
        "SELECT sum(id) OVER (ORDER BY city RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM source",
        "SELECT nth_value(id, city) OVER () FROM source",
        "SELECT date_trunc('century', now()), date_trunc(id, now()) FROM source",
        "SELECT regexp_replace(id, '(', '') FROM source",
        "SELECT regexp_like(id, '[') FROM source",
        "SELECT id FROM source WHERE id LIKE 'a' ESCAPE 'xx'",
        "SELECT id FROM source WHERE id SIMILAR TO 'a'",
        "SELECT array_agg(id ORDER BY id) FILTER (WHERE id) FROM source",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) FROM source",
        "SELECT (SELECT id FROM source) FROM source",
        "SELECT (SELECT s.id FROM files AS f WHERE f.rows > s._line LIMIT 1) FROM source AS s",
        "SELECT * FROM source AS a, LATERAL (SELECT a.id) AS b",
        "SELECT * FROM source PIVOT (sum(amount) FOR city IN ('Rome'))",
        "SELECT * FROM generate_series(1, 'a')",
        "SELECT decode(id, 'base64'), chr(-1), repeat(id, -1), to_char(id, 'x') FROM source",
        "SELECT id FROM source LIMIT id",
        "SELECT id FROM source LIMIT -1",
        "SELECT arrow_cast(id, 'Nothing') FROM source",
        "SELECT $1 FROM source",
        "SELECT @x FROM source",
        "SELECT count(*) FROM source WHERE coalesce(_file_date, DATE '2025-09-22') = DATE '2025-09-22'",
        "SELECT count(*) FROM source WHERE _file_date = ANY('{2025-09-22}')",
        "SELECT count(*) FROM source WHERE _file_date = ANY(ARRAY[DATE '2025-09-22'])",
        "SELECT count(*) FROM source WHERE nullif(_file_date, DATE '2025-09-22') IS NULL",
        "SELECT id FROM source FETCH FIRST 1 ROWS WITH TIES",
        "SELECT grouping(id) FROM source GROUP BY ROLLUP (id)",
        "SELECT row_number() OVER w FROM source",
        "SELECT DISTINCT ON (city) id FROM source ORDER BY id",
        "EXPLAIN ANALYZE SELECT CAST(city AS int) FROM source",
        "SHOW nothing",
        "DESCRIBE nothing",
    ] {
        let ran = project.backfill(&over("query", &["--format", "csv", query])).await;
        let code = ran.code;
        assert!(matches!(code, Some(0..=3)), "{}: {:?}", &query[..query.len().min(80)], ran);
        for word in [
            "DataFusion",
            "datafusion",
            "Internal error",
            "bug report",
            "panicked",
            "engine failed",
        ] {
            assert!(
                !ran.stderr.contains(word),
                "{}: {}",
                &query[..query.len().min(80)],
                ran.stderr
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_takes_text_for_a_number_is_answered_with_the_line_to_write() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\n1,Rome,9.67\n");
    project.write("sql/people/checks/large.sql", "SELECT _row_id FROM source WHERE amount > 5");
    let refused = project.backfill(&over("check", &[])).await.ended(2).stderr;
    assert!(refused.contains("write try_to_decimal(amount, 12, 2) > 5"), "{refused}");
    project.write("sql/people/checks/large.sql", "SELECT sum(amount) FROM source");
    let refused = project.backfill(&over("check", &[])).await.ended(2).stderr;
    assert!(refused.contains("write sum(try_to_decimal(amount, 12, 2))"), "{refused}");
}
