//! `verify`, by counts and cell by cell: what nobody changed is found unchanged, and whatever was changed is found.

use crate::support::{Pooler, Project, Random, export, people};

const RANGE: [&str; 4] = ["--start", "2025-09-01", "--end", "2025-09-30"];

fn verify<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["verify"], &RANGE[..], more].concat()
}

/// Three days of the dataset `people`, loaded.
async fn loaded(mode: &str) -> Project {
    let project = people(mode).await;
    for day in 1..=3 {
        let rows: String = (0..50).map(|n| format!("{},City {n},{n}\n", day * 100 + n)).collect();
        project.put(&format!("people/report_2025-09-0{day}.csv"), export(&rows));
    }
    project.run("2025-09-01", "2025-09-30").await.ended(0);
    project
}

/// The one document of `--output json`.
async fn found(project: &Project, more: &[&str], code: i32) -> serde_json::Value {
    let json = [more, &["--output", "json"]].concat();
    project.backfill(&verify(&json)).await.ended(code).json()[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_changed_is_ok_by_counts_and_by_cells() {
    let project = loaded("").await;
    let counted = project.backfill(&verify(&[])).await.ended(0).stdout;
    assert!(counted.contains("3 file(s), 150 rows in the target: 3 OK, 0 UNVERIFIED, 0 WRONG"));
    let deep = found(&project, &["--deep"], 0).await;
    assert_eq!(deep["totals"]["ok"], 3, "{deep}");
    for file in deep["files"].as_array().expect("files") {
        assert_eq!(file["rows"]["equal"], 50, "{file}");
        assert_eq!(file["rows"]["rewritten"], 0, "{file}");
        assert_eq!(file["rows"]["is_from_staging"], true, "{file}");
    }
    // What is not in staging any more is made again.
    std::fs::remove_dir_all(project.path("staging")).expect("staging");
    let counted = found(&project, &[], 0).await;
    assert_eq!(counted["totals"]["ok"], 3, "{counted}");
    assert!(!project.path("staging/mirror").exists(), "a count reads nothing of the source");
    let deep = found(&project, &["--deep"], 0).await;
    assert_eq!(deep["totals"]["ok"], 3, "{deep}");
    assert_eq!(deep["files"][0]["rows"]["is_from_staging"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_gone_or_too_many_are_found_by_counts_and_by_cells() {
    let project = loaded("").await;
    project
        .database
        .execute("DELETE FROM people WHERE _row_id = 7 AND _file_date = '2025-09-01'")
        .await;
    project
        .database
        .execute("INSERT INTO people SELECT * FROM people WHERE _row_id < 2 AND _file_date = '2025-09-02'")
        .await;
    let counted = project.backfill(&verify(&[])).await.ended(3).stdout;
    assert!(counted.contains("WRONG: 50 rows were loaded, 49 are in the target"), "{counted}");
    assert!(counted.contains("WRONG: 50 rows were loaded, 52 are in the target"), "{counted}");
    assert!(counted.contains("1 OK, 0 UNVERIFIED, 2 WRONG"), "{counted}");
    let deep = found(&project, &["--deep"], 3).await;
    assert_eq!(deep["files"][0]["rows"]["missing"], 1, "{deep}");
    assert_eq!(deep["files"][0]["rows"]["equal"], 49, "{deep}");
    assert_eq!(deep["files"][1]["rows"]["extra"], 2, "{deep}");
    // Deleted on purpose: that is in order, and the others are compared all the same.
    project
        .database
        .execute("DELETE FROM people WHERE _row_id = 0 AND _file_date = '2025-09-03'")
        .await;
    let accept = ["accept", "--start", "2025-09-03", "--end", "2025-09-03"];
    project.backfill(&accept).await.ended(0);
    let deep = found(&project, &["--deep"], 3).await;
    assert_eq!(deep["files"][2]["rows"]["not_held"], 1, "{deep}");
    assert_eq!(deep["files"][2]["rows"]["missing"], 0, "{deep}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_or_was_replaced_is_compared_with_what_was_staged_for_the_load() {
    let project = loaded("").await;
    std::fs::remove_file(project.bucket().join("people/report_2025-09-01.csv")).expect("gone");
    project.put("people/report_2025-09-02.csv", export("1,Rome,1\n"));
    let deep = found(&project, &["--deep"], 0).await;
    assert_eq!(deep["totals"]["ok"], 3, "{deep}");
    assert_eq!(deep["files"][0]["is_gone"], true, "{deep}");
    assert_eq!(deep["files"][1]["changed"], "object", "{deep}");
    project.edit("sql/people/stage.sql", "city,", "upper(city) AS city,");
    project.database.execute("UPDATE people SET city = 'x' WHERE id = '100'").await;
    let deep = found(&project, &["--deep"], 3).await;
    assert_eq!(deep["files"][2]["changed"], "sql", "{deep}");
    assert_eq!(deep["files"][0]["rows"]["different"], 1, "{deep}");
    assert_eq!(deep["files"][0]["rows"]["rewritten"], 1, "{deep}");
    std::fs::remove_dir_all(project.path("staging")).expect("staging");
    let deep = project.backfill(&verify(&["--deep"])).await.ended(0).stdout;
    assert!(deep.contains("0 OK, 3 UNVERIFIED, 0 WRONG"), "{deep}");
    assert!(deep.contains("no longer in staging"), "{deep}");
    // All of its rows are gone, and the file too.
    project.database.execute("DELETE FROM people WHERE _file_date = '2025-09-01'").await;
    let counted = project.backfill(&verify(&[])).await.ended(3).stdout;
    assert!(
        counted.contains("50 rows were loaded, 0 are in the target (no longer in"),
        "{counted}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_table_or_a_ledger_it_is_said_what_is_there() {
    let project = people("").await;
    project.put("people/report_2025-09-01.csv", export("1,Rome,1\n"));
    let nothing = project.backfill(&verify(&["--deep"])).await.ended(0).stdout;
    assert!(nothing.contains("1 file(s) of the source are not loaded"), "{nothing}");
    project.run("2025-09-01", "2025-09-30").await.ended(0);
    project.database.execute("ALTER TABLE people RENAME TO others").await;
    for more in [&[][..], &["--deep"]] {
        let lost = project.backfill(&verify(more)).await.ended(3).stdout;
        assert!(lost.contains("there is no table public.people"), "{lost}");
        assert!(lost.contains("1 rows were loaded, but the table does not exist"), "{lost}");
    }
    project
        .database
        .execute("ALTER TABLE others RENAME TO people; DROP SCHEMA backfill CASCADE")
        .await;
    let unknown = project.backfill(&verify(&["--deep"])).await.ended(0).stdout;
    assert!(unknown.contains("UNVERIFIED: loaded by another loader"), "{unknown}");
    project.backfill(&["verify", "--start", "2024-01-01", "--end", "2024-01-02"]).await.ended(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_which_nobody_knows_where_they_are_from_are_counted_in_lines_of_their_own() {
    let project = loaded("").await;
    let strict = project.backfill(&verify(&["--strict"])).await.ended(0).stdout;
    assert!(!strict.contains("UNVERIFIED:"), "{strict}");
    let insert = |name: &str, day: &str| {
        format!(
            "INSERT INTO people (id, _file_name, _row_id, _file_date) VALUES ('x', {name}, 0, '{day}')"
        )
    };
    project.database.execute("ALTER TABLE people ALTER _file_name DROP NOT NULL").await;
    for (name, day) in [
        ("NULL", "2025-09-01"),
        ("NULL", "2024-09-01"),
        ("'by hand'", "2025-09-01"),
        ("'exports/people/report_2025-09-20.csv'", "2025-09-20"),
        ("'exports/people/report_2025-12-20.csv'", "2025-12-20"),
    ] {
        project.database.execute(&insert(name, day)).await;
    }
    for more in [&[][..], &["--deep"]] {
        let text = project.backfill(&verify(more)).await.ended(0).stdout;
        assert!(text.contains("3 OK, 0 UNVERIFIED, 0 WRONG"), "{text}");
        let unnamed = "UNVERIFIED: 2 row(s) of public.people have no _file_name";
        assert!(text.contains(unnamed), "{text}");
        let unknown = "UNVERIFIED: 2 row(s) of public.people are from 2 file(s) that are neither";
        assert!(text.contains(unknown), "days that are not asked for do not count: {text}");
        assert!(text.contains("with --strict it is 3"), "{text}");
        let strict = [more, &["--strict"]].concat();
        let text = project.backfill(&verify(&strict)).await.ended(3).stdout;
        assert!(!text.contains("--strict"), "{text}");
    }
    let json = found(&project, &["--strict"], 3).await;
    assert_eq!(json["unclaimed"]["without_file"], 2);
    assert_eq!(json["unclaimed"]["files"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unverified_ends_with_3_only_if_that_is_asked_for() {
    let project = loaded("").await;
    project.put("people/report_2025-09-01.csv", export("1,Rome,1\n"));
    std::fs::remove_dir_all(project.path("staging")).expect("staging");
    let text = project.backfill(&verify(&["--deep"])).await.ended(0).stdout;
    assert!(text.contains("2 OK, 1 UNVERIFIED, 0 WRONG"), "{text}");
    assert!(text.contains("the exit code is still 0; with --strict it is 3"), "{text}");
    project.backfill(&verify(&["--deep", "--strict"])).await.ended(3);
    project.backfill(&verify(&["--strict"])).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_came_later_are_not_compared_and_those_that_are_gone_are_told() {
    let project = loaded("").await;
    project
        .database
        .execute(
            "ALTER TABLE people ADD note text, ADD region text; UPDATE people SET note = 'seen', region = 'eu'; \
             ALTER TABLE people ALTER region SET NOT NULL",
        )
        .await;
    let deep = found(&project, &["--deep"], 0).await;
    assert_eq!(deep["totals"]["ok"], 3, "{deep}");
    assert_eq!(deep["cells"]["not_given"], serde_json::json!(["note", "region"]));
    assert_eq!(deep["files"][0]["rows"]["rewritten"], 50, "somebody has written the rows: {deep}");
    let text = project.backfill(&verify(&["--deep"])).await.ended(0).stdout;
    let told = "not compared, because they were not loaded (added since, or not in stage.sql): note, region";
    assert_eq!(text.matches(told).count(), 1, "{text}");
    project.database.execute("UPDATE people SET city = 'x' WHERE id = '100'").await;
    let deep = found(&project, &["--deep"], 3).await;
    assert_eq!(deep["cells"]["first"].as_array().expect("cells").len(), 1, "{deep}");
    project.database.execute("ALTER TABLE people DROP city").await;
    for is_edited in [false, true] {
        if is_edited {
            project.edit("sql/people/stage.sql", "city,", "upper(city) AS city,");
        }
        let deep = found(&project, &["--deep"], 3).await;
        assert_eq!(deep["cells"]["lost"], serde_json::json!(["city"]), "{deep}");
        assert_eq!(deep["files"][1]["rows"]["equal"], 50, "the others are compared: {deep}");
        assert_eq!(deep["totals"]["wrong"], 3, "{deep}");
        let text = project.backfill(&verify(&["--deep"])).await.ended(3).stdout;
        assert!(
            text.contains("column(s) that were loaded and no longer exist in the target: city"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_a_range_that_was_deduplicated_as_a_whole_are_made_again_as_a_whole() {
    let project = Project::people().await;
    project.put("people/report_2025-09-01.csv", export("a,Rome,1\nb,Oslo,2\n"));
    project.put("people/report_2025-09-02.csv", export("b,Bern,3\n"));
    project.run("2025-09-01", "2025-09-02").await.ended(0);
    std::fs::remove_dir_all(project.path("staging")).expect("staging");
    let one = ["verify", "--deep", "--start", "2025-09-01", "--end", "2025-09-01"];
    let one = project.backfill(&one).await.ended(0).stdout;
    assert!(one.contains("1 file(s), 1 rows in the target: 1 OK"), "{one}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_merge_took_over_from_others_are_not_missed() {
    let project = people("mode = \"merge\"\nmerge_key = [\"id\"]").await;
    project.put("people/report_2025-09-01.csv", export("a,Rome,1\nb,Oslo,2\nc,Lyon,3\n"));
    project.put("people/report_2025-09-02.csv", export("b,Bern,4\n"));
    project.run("2025-09-01", "2025-09-01").await.ended(0);
    project.run("2025-09-02", "2025-09-02").await.ended(0);
    let deep = found(&project, &["--deep"], 0).await;
    assert_eq!(deep["files"][0]["rows"]["equal"], 2, "{deep}");
    assert_eq!(deep["files"][0]["rows"]["not_held"], 1, "{deep}");
    assert_eq!(deep["files"][0]["rows"]["rewritten"], 0, "{deep}");
    project.database.execute("UPDATE people SET amount = amount + 1 WHERE id = 'b'").await;
    let deep = found(&project, &["--deep"], 3).await;
    assert_eq!(deep["cells"]["first"][0]["column"], "amount", "{deep}");
}

/// A column of each type: its name, its type, the expression of `stage.sql` over a text column `v`, and how another
/// value is made of it.
const TYPES: [(&str, &str, &str, &str); 31] = [
    ("t", "text", "v", "t || 'x'"),
    ("vc", "varchar(20)", "v", "vc || ' '"),
    ("ch", "char(20)", "v", "'z'"),
    ("i2", "smallint", "CAST(_row_id AS int)", "i2 + 1"),
    ("i4", "integer", "v", "i4 - 1"),
    ("i8", "bigint", "_row_id", "i8 + 1"),
    ("n", "numeric", "v || '.50'", "trim_scale(n)"),
    ("n2", "numeric(12, 2)", "v", "n2 + 0.01"),
    ("nm", "numeric(12, -1)", "v || '0'", "nm + 10"),
    ("f4", "real", "v || '.25'", "f4 + 0.5"),
    ("f8", "double precision", "v || '.1'", "f8 + 1e-9"),
    ("b", "boolean", "_row_id % 2 = 0", "NOT b"),
    ("d", "date", "to_date('2025-02-03')", "d + 1"),
    ("ts", "timestamp", "'2025-02-03 04:05:06.50'", "ts + interval '1 microsecond'"),
    ("tz", "timestamptz", "'2025-02-03T04:05:06+02:00'", "tz - interval '1 hour'"),
    ("ti", "time", "'04:05:06.1'", "ti + interval '1 second'"),
    ("u", "uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "gen_random_uuid()"),
    ("j", "json", "'{\"a\":  ' || v || '}'", "'{}'"),
    ("jb", "jsonb", "'{\"b\":1,\"a\":' || v || '}'", "jb || '{\"c\":null}'"),
    ("by", "bytea", "'\\x00FF' || '0' || (_row_id % 10)", "by || '\\x00'"),
    ("ip", "inet", "'10.0.0.' || v", "ip + 1"),
    ("ci", "cidr", "'10.1.2.0/24'", "'10.1.3.0/24'"),
    ("m", "money", "'$1,234.5'", "m + '0.01'"),
    ("iv", "interval", "'90 minutes'", "iv + interval '1 second'"),
    ("ar", "integer[]", "'{1, 2,' || v || '}'", "ar || NULL::int"),
    ("an", "numeric(6, 2)[]", "'{1,2.5}'", "'{1,2.51}'"),
    ("ra", "int4range", "'[1,5]'", "'[1,5)'"),
    ("x", "xml", "'<a>' || v || '</a>'", "'<a/>'"),
    ("bi", "bit(3)", "'101'", "'111'"),
    ("pt", "point", "'1.50,2'", "'(1.5,3)'"),
    ("e", "\"Mood x\"", "'sad'", "'ok'"),
];

/// A table with a column of each type, without or with an index, in a schema with an odd name.
async fn of_all_types(has_index: bool) -> Project {
    let project = people("").await;
    project.edit("backfill.toml", "table = \"people\"", "table = 'Sp ace.all'");
    let database = &project.database;
    database
        .execute("CREATE SCHEMA \"Sp ace\"; CREATE TYPE \"Mood x\" AS ENUM ('sad', 'ok')")
        .await;
    let columns: String = TYPES.iter().map(|(name, kind, ..)| format!("{name} {kind}, ")).collect();
    let create = format!(
        "CREATE TABLE \"Sp ace\".\"all\" ({columns} _file_name text NOT NULL, _row_id bigint NOT NULL, \
         later text, loaded_at timestamptz DEFAULT now(), n3 int GENERATED ALWAYS AS (i4 * 2) STORED)"
    );
    database.execute(&create).await;
    if has_index {
        database.execute("CREATE INDEX ON \"Sp ace\".\"all\" (_file_name)").await;
    }
    project.write("sql/people/target.sql", create);
    let given: String = TYPES
        .iter()
        .map(|(name, _, expression, _)| {
            let null = format!("CASE WHEN _row_id = 3 THEN NULL ELSE {expression} END");
            format!("{null} AS {name}, ")
        })
        .collect();
    project.write(
        "sql/people/stage.sql",
        format!(
            "SELECT {given} _file_name, _row_id FROM (SELECT *, id AS v FROM source) AS source"
        ),
    );
    for day in 1..=2 {
        let rows: String = (0..30).map(|n| format!("{},x,1\n", day * 100 + n)).collect();
        project.put(&format!("people/report_2025-09-0{day}.csv"), export(&rows));
    }
    project.run("2025-09-01", "2025-09-30").await.ended(0);
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_cell_of_any_type_is_found_and_nothing_else_is() {
    for has_index in [true, false] {
        let project = of_all_types(has_index).await;
        let deep = found(&project, &["--deep"], 0).await;
        assert_eq!(deep["totals"]["ok"], 2, "{deep:#}");
        let not_compared = ["loaded_at", "n3"].map(serde_json::Value::from);
        assert_eq!(deep["cells"]["not_compared"].as_array().expect("names"), &not_compared);
        assert_eq!(deep["cells"]["not_given"], serde_json::json!(["later"]));
        let mut random = Random(20_250_901);
        for (name, _, _, other) in &TYPES {
            let row = random.of(&[1, 2, 4, 5, 17, 29]);
            let value = if random.one_in(3) { "NULL" } else { other };
            let cell = format!("_row_id = {row} AND _file_name LIKE '%-02.csv'");
            let table = "\"Sp ace\".\"all\"";
            project
                .database
                .execute(&format!(
                    "CREATE TABLE before AS SELECT {name} FROM {table} WHERE {cell}; \
                     UPDATE {table} SET {name} = {value} WHERE {cell}"
                ))
                .await;
            let deep = found(&project, &["--deep"], 3).await;
            let first = deep["cells"]["first"].as_array().expect("cells");
            assert_eq!(first.len(), 1, "{name} = {value}: {deep:#}");
            assert_eq!(first[0]["column"], *name, "{value}: {deep:#}");
            assert_eq!(first[0]["row_id"], row, "{name} = {value}: {deep:#}");
            assert_eq!(deep["files"][1]["rows"]["different"], 1, "{name} = {value}: {deep:#}");
            assert_eq!(deep["files"][0]["rows"]["equal"], 30, "{name} = {value}: {deep:#}");
            project
                .database
                .execute(&format!(
                    "UPDATE {table} SET {name} = (SELECT {name} FROM before) WHERE {cell}; \
                     DROP TABLE before"
                ))
                .await;
        }
        let text = project.backfill(&verify(&["--deep"])).await.ended(0).stdout;
        assert!(text.contains("2 OK, 0 UNVERIFIED, 0 WRONG"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_and_a_partitioned_table_are_verified_as_any_table_is() {
    let columns = "(id text, city text, amount numeric(12, 2), _file_name text, _row_id bigint, \
                   _file_date date)";
    let view = format!(
        "CREATE TABLE store {columns}; CREATE VIEW people AS SELECT * FROM store; \
         CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO store VALUES (NEW.*); RETURN NEW; END $$; \
         CREATE TRIGGER take INSTEAD OF INSERT ON people FOR EACH ROW EXECUTE FUNCTION take()"
    );
    let parts = format!(
        "CREATE TABLE people {columns} PARTITION BY RANGE (_row_id); \
         CREATE TABLE low PARTITION OF people FOR VALUES FROM (0) TO (20); \
         CREATE TABLE store PARTITION OF people DEFAULT"
    );
    for create in [view, parts] {
        let project = people("").await;
        project.database.execute(&create).await;
        let rows: String = (0..40).map(|n| format!("{n},City {n},{n}\n")).collect();
        project.put("people/report_2025-09-01.csv", export(&rows));
        project.run("2025-09-01", "2025-09-30").await.ended(0);
        let deep = found(&project, &["--deep"], 0).await;
        assert_eq!(deep["files"][0]["rows"]["equal"], 40, "{deep}");
        assert_eq!(deep["files"][0]["rows"]["rewritten"], 0, "{deep}");
        project.database.execute("UPDATE store SET amount = 1.5 WHERE _row_id = 30").await;
        let deep = found(&project, &["--deep"], 3).await;
        assert_eq!(deep["cells"]["first"][0]["row_id"], 30, "{deep}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_are_compared_through_a_transaction_pooler() {
    let project = of_all_types(true).await;
    let pooler = Pooler::start(&project.database, "pool_mode = transaction");
    let url = pooler.url(&project.database);
    for _ in 0..2 {
        let deep = verify(&["--deep"]);
        let deep = project.backfill_with(&[("DATABASE_URL", &url)], &deep).await.ended(0).stdout;
        assert!(deep.contains("2 OK, 0 UNVERIFIED, 0 WRONG"), "{deep}");
    }
}
