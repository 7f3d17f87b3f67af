//! The main job, from a bucket to a table.

use backfill_sample::Options;

use crate::support::{Pooler, Project};

const HEADER: &str = "id,city,amount\n";

fn export(rows: &str) -> String {
    format!("{HEADER}{rows}")
}

/// Three days in which `b` is sent again with other values.
async fn three_days() -> Project {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,2.50\n"));
    project.put("people/report_2025-09-23.csv", export("b,\"Oslo, N\",3\nc,,\n"));
    project.put("people/report_2025-09-24.csv", "city,id,amount\nBern,d,\"1,000.10\"\n");
    project
}

const ALL: &str = "SELECT id, city, amount, _row_id, _file_date FROM people ORDER BY id";

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_row_of_each_key_is_loaded_by_name_and_accounted_for() {
    let project = three_days().await;
    let ran = project
        .backfill(&["run", "--start", "2025-09-22", "--end", "2025-09-24", "--output", "json"])
        .await
        .ended(0);
    assert_eq!(
        project.rows(ALL).await,
        [
            "a|Rome|1.00|0|2025-09-22",
            "b|Oslo, N|3.00|0|2025-09-23",
            "c|||1|2025-09-23",
            "d|Bern|1000.10|0|2025-09-24",
        ]
    );
    let totals = &ran.json()[0]["accounting"]["totals"];
    let number = |name: &str| totals[name].as_u64().expect("a number");
    assert_eq!(number("records"), 5);
    assert_eq!(number("superseded"), 1);
    assert_eq!(number("inserted"), 4);
    assert_eq!(number("in_target"), 4);
    let security = "SELECT relrowsecurity FROM pg_class WHERE oid = 'people'::regclass";
    assert_eq!(project.rows(security).await, ["t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_loads_nothing_and_says_so() {
    let project = three_days().await;
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    let again = project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert!(again.stdout.contains("0 file(s), 0 rows loaded"), "{}", again.stdout);
    assert!(again.stdout.contains("loaded before"), "{}", again.stdout);
    assert_eq!(project.rows(ALL).await.len(), 4);
    assert_eq!(project.rows("SELECT count(*) FROM backfill.runs").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_any_size_over_any_connections_give_the_same_table() {
    let options = Options { days: 9, rows: 60, resend: 0.3, ..Options::default() };
    let mut tables = Vec::new();
    for (batch_size, connections) in [("1", "4"), ("3", "2"), ("100", "1")] {
        let project = Project::orders(&options).await;
        project
            .backfill(&[
                "run",
                "--start",
                "2025-09-22",
                "--end",
                "2025-09-30",
                "--batch-size",
                batch_size,
                "--connections",
                connections,
            ])
            .await
            .ended(0);
        tables.push(
            project
                .rows(
                    "SELECT count(*), md5(string_agg(t::text, '' ORDER BY _file_name, _row_id)) \
                     FROM (SELECT (to_jsonb(o) - '_loaded_at')::text AS t, _file_name, _row_id \
                           FROM orders_create o) x",
                )
                .await,
        );
    }
    assert_eq!(tables[0], tables[1]);
    assert_eq!(tables[0], tables[2]);
    assert!(!tables[0][0].starts_with("0|"), "{:?}", tables[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_loader_has_loaded_is_skipped_and_said_so() {
    let project = three_days().await;
    let create = project.read("sql/people/target.sql");
    let theirs = "INSERT INTO people SELECT 'x', 'theirs', 1, \
                  'exports/people/report_2025-09-23.csv', n, '2025-09-23' FROM generate_series(0, 1) n";
    project.database.execute(&format!("{create} {theirs}")).await;
    let ran = project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert!(ran.stdout.contains("UNVERIFIED: loaded by another loader, 2 rows"), "{}", ran.stdout);
    let by_file = "SELECT _file_date, count(*) FROM people GROUP BY 1 ORDER BY 1";
    assert_eq!(project.rows(by_file).await, ["2025-09-22|1", "2025-09-23|2", "2025-09-24|1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_object_is_refused_and_reloaded_when_told() {
    let project = three_days().await;
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    project.put("people/report_2025-09-23.csv", export("b,Paris,4\nc,Nice,5\ne,Lyon,6\n"));
    let refused = project.run("2025-09-22", "2025-09-24").await.ended(3);
    assert!(
        refused.stderr.contains("people/report_2025-09-23.csv (the object was replaced)"),
        "{}",
        refused.stderr
    );
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["4"]);
    project
        .backfill(&["run", "--start", "2025-09-22", "--end", "2025-09-24", "--reload"])
        .await
        .ended(0);
    assert_eq!(
        project.rows("SELECT id, city FROM people ORDER BY id").await,
        ["a|Rome", "b|Paris", "c|Nice", "d|Bern", "e|Lyon"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_wins_again_is_reloaded_with_the_file_that_lost_its_winner() {
    let project = three_days().await;
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    // The winner of key b is gone; the row of the day before wins now.
    let before = project.rows("SELECT _file_date FROM people WHERE id = 'b'").await;
    assert_eq!(before, ["2025-09-23"]);
    project.put("people/report_2025-09-23.csv", export("c,Nice,5\n"));
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-24", "--reload"];
    project.backfill(&reload).await.ended(0);
    let after = project.rows("SELECT _file_date FROM people WHERE id = 'b'").await;
    assert_eq!(after, ["2025-09-22"]);
    let again = project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert!(again.stdout.contains("0 file(s), 0 rows loaded"), "{}", again.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_grows_replaces_what_it_supersedes_or_says_so() {
    let project = three_days().await;
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    let alone = ["run", "--start", "2025-09-23", "--end", "2025-09-24"];
    let refused = project.backfill(&alone).await.ended(3).stderr;
    assert!(refused.contains("--start 2025-09-22 --end 2025-09-24"), "{refused}");
    project.backfill(&[&alone[..], &["--range-alone"]].concat()).await.ended(0);
    let twice = "SELECT id FROM people GROUP BY 1 HAVING count(*) > 1";
    assert_eq!(project.rows(twice).await, ["b"]);
    let refused = project.run("2025-09-22", "2025-09-24").await.ended(3);
    let words =
        "report_2025-09-22.csv (with the files of this range, dedupe.sql keeps other rows of it";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    assert!(!refused.stderr.contains("report_2025-09-23.csv"), "{}", refused.stderr);
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-24", "--reload"];
    project.backfill(&reload).await.ended(0);
    assert!(project.rows(twice).await.is_empty());
    // A part of the range shows more survivors, and that means nothing.
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    project.run("2025-09-22", "2025-09-24").await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_does_not_take_the_rows_is_not_left_behind() {
    let project = three_days().await;
    project.edit("sql/people/target.sql", "amount numeric(12, 2),", "");
    project.run("2025-09-22", "2025-09-24").await.ended(2);
    assert_eq!(project.rows("SELECT to_regclass('people') IS NULL").await, ["t"]);
    project.edit("sql/people/target.sql", "city text,", "city text, amount numeric(12, 2),");
    project.run("2025-09-22", "2025-09-24").await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_only_some_files_have_is_told() {
    let project = three_days().await;
    project.put("people/report_2025-09-23.csv", "id;town;amount\nx;Oslo;1\n");
    let ran = project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert!(ran.stderr.contains("1 of 3 files lack the column `city`"), "{}", ran.stderr);
    project.edit(
        "backfill.toml",
        "max_rejects = 0",
        "max_rejects = 0\ncsv.aliases.city = [\"town\"]",
    );
    project.database.execute("DROP TABLE people; DROP SCHEMA backfill CASCADE").await;
    let ran = project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert!(!ran.stderr.contains("lack the column"), "{}", ran.stderr);
    assert_eq!(project.rows("SELECT city FROM people WHERE id = 'x'").await, ["Oslo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_sql_is_refused_and_its_comments_may_change() {
    let project = three_days().await;
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    project.edit("sql/people/stage.sql", "FROM source", "-- a remark\nFROM source");
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    project.edit("sql/people/stage.sql", "SELECT id, city", "SELECT id, upper(city) AS city");
    let refused = project.run("2025-09-22", "2025-09-24").await.ended(3);
    assert!(
        refused.stderr.contains("stage.sql, dedupe.sql, the csv settings"),
        "{}",
        refused.stderr
    );
    project
        .backfill(&["run", "--start", "2025-09-22", "--end", "2025-09-24", "--reload"])
        .await
        .ended(0);
    assert_eq!(project.rows("SELECT city FROM people WHERE id = 'a'").await, ["ROME"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_vanish_from_the_target_are_noticed() {
    let project = three_days().await;
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    project.database.execute("DELETE FROM people WHERE id = 'a'").await;
    let refused = project.run("2025-09-22", "2025-09-24").await.ended(3);
    assert!(
        refused.stderr.contains("1 rows were loaded, 0 are in the target"),
        "{}",
        refused.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_range_goes_on_where_an_earlier_one_ended() {
    let project = three_days().await;
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    let ran = project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert!(ran.stdout.contains("1 file(s), 1 rows loaded"), "{}", ran.stdout);
    assert_eq!(project.rows(ALL).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_load_every_file_once() {
    let options = Options { days: 8, rows: 150, ..Options::default() };
    let project = Project::orders(&options).await;
    let arguments = [
        "run",
        "--start",
        "2025-09-22",
        "--end",
        "2025-09-29",
        "--batch-size",
        "1",
        "--prefix",
        "orders-create",
    ];
    let (one, other) = tokio::join!(project.backfill(&arguments), project.backfill(&arguments));
    one.ended(0);
    other.ended(0);
    let twice = "SELECT count(*) FROM (SELECT 1 FROM orders_create \
                 GROUP BY _file_name, _row_id HAVING count(*) > 1) x";
    assert_eq!(project.rows(twice).await, ["0"]);
    let sums =
        "SELECT (SELECT sum(inserted) FROM backfill.files) = (SELECT count(*) FROM orders_create)";
    assert_eq!(project.rows(sums).await, ["t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_serves_as_a_bucket() {
    let project = three_days().await;
    project.edit("backfill.toml", "s3://exports", "buckets/exports");
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    let names = "SELECT DISTINCT _file_name FROM people ORDER BY 1 LIMIT 1";
    assert_eq!(project.rows(names).await, ["exports/people/report_2025-09-22.csv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn staging_may_be_a_bucket() {
    let project = three_days().await;
    std::fs::create_dir_all(project.path("buckets/staging")).expect("a bucket");
    project.edit("backfill.toml", "url = \"staging\"", "url = \"s3://staging/area\"");
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert_eq!(project.rows(ALL).await.len(), 4);
    assert!(project.path("buckets/staging/area/mirror/people").is_dir());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_the_target_holds_what_stage_sql_gives() {
    let project = Project::people().await;
    project.write(
        "sql/people/target.sql",
        "CREATE TABLE people (
            id varchar(3), small smallint, whole integer, large bigint, ratio double precision,
            money numeric(10, 2), free numeric, flag boolean, day date, moment timestamp,
            instant timestamptz, hour time, tag uuid, plain json, binary_json jsonb,
            special text, long_special text, raw bytea,
            _file_name text NOT NULL, _row_id bigint NOT NULL)",
    );
    project.write(
        "sql/people/stage.sql",
        "SELECT id, CAST(amount AS int) AS small, CAST(amount AS int) AS whole, \
         CAST(amount AS bigint) AS large, CAST(amount AS double) AS ratio, \
         try_to_decimal(amount, 10, 2) AS money, '-12345678901234567890.000120' AS free, \
         try_to_bool('YES') AS flag, try_to_date('12/18/2025', '%m/%d/%Y') AS day, \
         try_to_timestamp('12/18/2025 12:43 AM', '%m/%d/%Y %I:%M %p') AS moment, \
         '2025-12-18T00:43:00.123456Z' AS instant, '23:59:59.5' AS hour, \
         '123e4567-e89b-12d3-a456-426614174000' AS tag, '{\"a\": 1}' AS plain, \
         '[1, 2]' AS binary_json, chr(9) || '\\N' || chr(10) || chr(13) || '\\.' AS special, \
         'longer than what a view holds' || chr(9) || '\\t' AS long_special, \
         decode('00ff5c', 'hex') AS raw, _file_name, _row_id FROM source",
    );
    project.put("people/report_2025-09-22.csv", export("a,x,-7\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    let rows = "SET timezone = 'UTC'; SELECT id, small, whole, large, ratio, money, free, flag, day, \
                moment, instant, hour, tag, plain, binary_json, to_json(special), \
                to_json(long_special), raw FROM people";
    assert_eq!(
        project.rows(rows).await,
        ["a|-7|-7|-7|-7|-7.00|-12345678901234567890.000120|t|2025-12-18|2025-12-18 00:43:00|\
         2025-12-18 00:43:00.123456+00|23:59:59.5|123e4567-e89b-12d3-a456-426614174000|{\"a\": 1}|[1, 2]|\
         \"\\t\\\\N\\n\\r\\\\.\"|\"longer than what a view holds\\t\\\\t\"|\\x00ff5c"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_pooler_stands_between() {
    let project = three_days().await;
    let pooler = Pooler::start(&project.database, "pool_mode = transaction");
    let url = pooler.url(&project.database);
    let load = ["run", "--start", "2025-09-22", "--end", "2025-09-24", "--batch-size", "1"];
    let variables = [("DATABASE_URL", url.as_str())];
    project.backfill_with(&variables, &load).await.ended(0);
    let expected = project.rows(ALL).await;
    assert_eq!(expected.len(), 4);
    // Other processes get the same connections, with whatever the first has left on them.
    for _ in 0..3 {
        project.database.execute("DROP TABLE people; DROP SCHEMA backfill CASCADE").await;
        let (one, other) = tokio::join!(
            project.backfill_with(&variables, &load),
            project.backfill_with(&variables, &["status"]),
        );
        one.ended(0);
        assert!(matches!(other.code, Some(0)), "{}", other.stderr);
        assert_eq!(project.rows(ALL).await, expected);
    }
    let again = project.backfill_with(&variables, &load).await.ended(0);
    assert!(again.stdout.contains("0 rows loaded"), "{}", again.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_csv_settings_is_a_change_of_what_was_loaded() {
    let project = Project::people().await;
    project.edit(
        "backfill.toml",
        "max_rejects = 0",
        "optional_columns = [\"city\"]\nmax_rejects = 0",
    );
    project.put("people/report_2025-09-22.csv", "id,town,amount\na,Rome,1\n");
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    assert_eq!(project.rows("SELECT city IS NULL FROM people").await, ["t"]);
    let aliased = "max_rejects = 0\ncsv.aliases = { city = [\"town\"] }";
    project.edit("backfill.toml", "max_rejects = 0", aliased);
    let refused = project.run("2025-09-22", "2025-09-22").await.ended(3).stderr;
    assert!(refused.contains("the csv settings, the mode"), "{refused}");
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--reload"];
    project.backfill(&reload).await.ended(0);
    assert_eq!(project.rows("SELECT city FROM people").await, ["Rome"]);
}
