//! The modes: rows are merged by key, or replace those of the same files or days.

use crate::support::{export, people};

const MERGE: &str = "mode = \"merge\"\nmerge_key = [\"id\"]";
const PEOPLE: &str = "SELECT id, city, _file_date FROM people ORDER BY id";

#[tokio::test(flavor = "multi_thread")]
async fn an_older_row_never_replaces_a_newer_one_whatever_comes_first() {
    for is_unique in [false, true] {
        let project = people(MERGE).await;
        if is_unique {
            let target = project.read("sql/people/target.sql");
            project
                .write("sql/people/target.sql", target.replace("id text", "id text PRIMARY KEY"));
        }
        project.put("people/report_2025-09-23.csv", export("a,Rome,1\nb,Oslo,2\nb,Kiel,3\n"));
        let first = project.run("2025-09-23", "2025-09-23").await.ended(0).stdout;
        // Of two rows with one key in a file the later one wins.
        assert_eq!(project.rows(PEOPLE).await, ["a|Rome|2025-09-23", "b|Kiel|2025-09-23"]);
        assert!(first.contains("updated") && first.contains("older"), "{first}");
        // A late file brings an older row and a new key; a later day brings a newer row.
        project.put("people/report_2025-09-22.csv", export("a,Bern,1\nc,Ulm,4\n"));
        project.put("people/report_2025-09-24.csv", export("b,Lyon,5\n"));
        let json = [
            "run",
            "--start",
            "2025-09-22",
            "--end",
            "2025-09-24",
            "--batch-size",
            "1",
            "--output",
            "json",
        ];
        let ran = project.backfill(&json).await.ended(0).json();
        let expected = ["a|Rome|2025-09-23", "b|Lyon|2025-09-24", "c|Ulm|2025-09-22"];
        assert_eq!(project.rows(PEOPLE).await, expected);
        let counts: Vec<String> = ran[0]["accounting"]["files"]
            .as_array()
            .expect("files")
            .iter()
            .map(|file| {
                format!(
                    "{}: {} {} {} {} {}",
                    file["date"],
                    file["inserted"],
                    file["updated"],
                    file["skipped_older"],
                    file["in_target"],
                    file["verdict"]["verdict"]
                )
            })
            .collect();
        assert_eq!(
            counts,
            [
                "\"2025-09-22\": 1 0 1 1 \"OK\"",
                "\"2025-09-23\": 2 0 1 1 \"OK\"",
                "\"2025-09-24\": 0 1 0 1 \"OK\"",
            ]
        );
        let again = project.run("2025-09-22", "2025-09-24").await.ended(0).stdout;
        assert!(again.contains("0 file(s), 0 rows loaded"), "{again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_others_are_merged_with_by_key_and_ties_are_decided() {
    let project =
        people("mode = \"merge\"\nmerge_key = [\"id\"]\nmerge_order = [\"amount\"]").await;
    project.database.execute(&project.read("sql/people/target.sql").replace("NOT NULL", "")).await;
    project
        .database
        .execute(
            "INSERT INTO people (id, city, amount) VALUES ('a', 'theirs', 5), ('b', 'theirs', 1), \
             ('c', 'theirs', 3), ('d', 'theirs', NULL)",
        )
        .await;
    // a is older, b newer, c as old: their row has no file; d has no order.
    project.put("people/report_2025-09-22.csv", export("a,ours,4\nb,ours,2\nc,ours,3\nd,ours,0\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    let cities = "SELECT id, city FROM people ORDER BY id";
    assert_eq!(project.rows(cities).await, ["a|theirs", "b|ours", "c|ours", "d|ours"]);
    // Of equal rows the one from the later file is newer, and then the other way round.
    project.put("people/report_2025-09-21.csv", export("b,earlier,2\n"));
    project.put("people/report_2025-09-23.csv", export("c,later,3\n"));
    project.run("2025-09-21", "2025-09-23").await.ended(0);
    assert_eq!(project.rows(cities).await, ["a|theirs", "b|ours", "c|later", "d|ours"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_key_and_keys_that_are_there_twice_are_refused() {
    let project = people(MERGE).await;
    let stage =
        project.read("sql/people/stage.sql").replace("id, city", "nullif(id, '') AS id, city");
    project.write("sql/people/stage.sql", stage);
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n,Oslo,2\n"));
    let refused = project.run("2025-09-22", "2025-09-22").await.ended(3).stderr;
    assert!(refused.contains("no key (id)") && refused.contains("(1 rows)"), "{refused}");
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["0"]);
    project
        .database
        .execute(
            "INSERT INTO people SELECT 'a', 'x', 1, 'f', n, '2025-01-01' \
                              FROM generate_series(1, 2) n",
        )
        .await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let refused = project.run("2025-09-22", "2025-09-22").await.ended(3).stderr;
    assert!(refused.contains("several rows for 1 key(s) (id)"), "{refused}");
    assert_eq!(project.rows("SELECT DISTINCT city FROM people").await, ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_in_a_merge_brings_back_what_was_newer_than_it() {
    let project = people(MERGE).await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,2\n"));
    project.put("people/report_2025-09-23.csv", export("a,Bern,3\n"));
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    assert_eq!(project.rows(PEOPLE).await, ["a|Bern|2025-09-23", "b|Oslo|2025-09-22"]);
    // The newer file loses the key: the older row is the newest again.
    project.put("people/report_2025-09-23.csv", export("c,Kiel,3\n"));
    project.run("2025-09-22", "2025-09-23").await.ended(3);
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-23", "--reload"];
    let told = project.backfill(&reload).await.ended(0).stderr;
    assert!(told.contains("run again to merge these files"), "{told}");
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    let expected = ["a|Rome|2025-09-22", "b|Oslo|2025-09-22", "c|Kiel|2025-09-23"];
    assert_eq!(project.rows(PEOPLE).await, expected);
    let again = project.run("2025-09-22", "2025-09-23").await.ended(0).stdout;
    assert!(again.contains("0 file(s), 0 rows loaded"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_replaced_by_files_or_by_days_whoever_wrote_it() {
    for (mode, left) in [
        ("mode = \"replace-range\"", vec!["x|other", "y|theirs", "z|theirs"]),
        ("mode = \"replace-range\"\nreplace_by = \"days\"", vec!["x|other", "z|theirs"]),
    ] {
        let project = people(mode).await;
        project.database.execute(&project.read("sql/people/target.sql")).await;
        project
            .database
            .execute(
                "INSERT INTO people VALUES \
                 ('a', 'theirs', 1, 'exports/people/report_2025-09-22.csv', 0, '2025-09-22'), \
                 ('y', 'theirs', 1, 'elsewhere/b.csv', 0, '2025-09-22'), \
                 ('z', 'theirs', 1, 'elsewhere/c.csv', 0, '2025-09-23'), \
                 ('x', 'other', 1, 'elsewhere/a.csv', 0, '2025-09-21')",
            )
            .await;
        project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,2\n"));
        let plan = project.backfill(&["plan", "--start", "2025-09-22", "--end", "2025-09-23"]);
        let plan = plan.await.ended(0).stdout;
        assert!(plan.contains("replace 1 of its rows"), "{plan}");
        project.run("2025-09-22", "2025-09-23").await.ended(0);
        let ours = "SELECT id, city FROM people WHERE city NOT IN ('theirs', 'other') ORDER BY 1";
        assert_eq!(project.rows(ours).await, ["a|Rome", "b|Oslo"]);
        let rest = "SELECT id, city FROM people WHERE city IN ('theirs', 'other') ORDER BY 1";
        assert_eq!(project.rows(rest).await, left);
        // A changed file replaces its rows without a flag, and an unchanged one is skipped.
        project.put("people/report_2025-09-22.csv", export("b,Ulm,2\n"));
        project.run("2025-09-22", "2025-09-23").await.ended(0);
        assert_eq!(project.rows(ours).await, ["b|Ulm"]);
        let again = project.run("2025-09-22", "2025-09-23").await.ended(0).stdout;
        assert!(again.contains("0 file(s), 0 rows loaded"), "{again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_deleted_on_purpose_are_accepted_and_stay_away() {
    let project = people("").await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,2\n"));
    project.put("people/report_2025-09-23.csv", export("c,Bern,3\n"));
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    project.database.execute("DELETE FROM people WHERE id = 'a'").await;
    project.run("2025-09-22", "2025-09-23").await.ended(3);
    let accept = ["accept", "--start", "2025-09-22", "--end", "2025-09-23"];
    let shown = project.backfill(&[&accept[..], &["--dry-run"]].concat()).await.ended(0).stdout;
    assert!(shown.contains("would be accepted"), "{shown}");
    project.run("2025-09-22", "2025-09-23").await.ended(3);
    project.backfill(&accept).await.ended(0);
    let after = project.run("2025-09-22", "2025-09-23").await.ended(0).stdout;
    assert!(after.contains("(1 deleted on purpose)"), "{after}");
    // A reload would bring the row back, and says so.
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,5\n"));
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-23", "--reload"];
    let refused = project.backfill(&reload).await.ended(3).stderr;
    assert!(refused.contains("deleted on purpose"), "{refused}");
    assert_eq!(project.rows("SELECT id FROM people ORDER BY 1").await, ["b", "c"]);
    project.backfill(&[&reload[..], &["--restore-deleted"]].concat()).await.ended(0);
    assert_eq!(project.rows("SELECT id FROM people ORDER BY 1").await, ["a", "b", "c"]);
    // Rows of others are not accepted.
    project.database.execute("INSERT INTO people SELECT * FROM people WHERE id = 'c'").await;
    project.backfill(&accept).await.ended(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_which_nobody_knows_the_file_stand_in_the_way() {
    let project = people("").await;
    project.database.execute(&project.read("sql/people/target.sql").replace("NOT NULL", "")).await;
    project.database.execute("INSERT INTO people (id, city) VALUES ('a', 'Rome')").await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let refused = project.run("2025-09-22", "2025-09-22").await.ended(3).stderr;
    assert!(refused.contains("1 rows without _file_name"), "{refused}");
    let allowed = ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--ignore-unnamed-rows"];
    project.backfill(&allowed).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_server_can_read_is_loaded_or_refused_with_its_place() {
    let project = people("").await;
    let types = [
        ("text[]", "{red,blue}"),
        ("inet", "10.0.0.1"),
        ("cidr", "10.0.0.0/8"),
        ("interval", "3 days 04:05:06"),
        ("daterange", "[2025-01-01,2025-02-01)"),
        ("bytea", "\\\\xdead"),
        ("money", "$12.50"),
        ("xml", "<a/>"),
        ("tsvector", "'a':1 'b':2"),
        ("int[]", "{1,2,NULL}"),
        ("point", "(1,2)"),
        ("bit(3)", "101"),
        ("macaddr", "08:00:2b:01:02:03"),
        ("cents", "12.50"),
        ("uuid[]", "{00000000-0000-0000-0000-000000000001}"),
        ("timetz", "04:05:06+02"),
    ];
    let domains =
        "CREATE DOMAIN price AS numeric(8, 2); CREATE DOMAIN cents AS price CHECK (VALUE >= 0);";
    project.database.execute(domains).await;
    let columns: Vec<String> =
        types.iter().enumerate().map(|(n, (name, _))| format!("c{n} {name}")).collect();
    project
        .database
        .execute(&format!(
            "CREATE TABLE people ({}, _file_name text NOT NULL, _row_id bigint NOT NULL, _file_date date)",
            columns.join(", ")
        ))
        .await;
    let names: Vec<String> = (0..types.len()).map(|n| format!("c{n}")).collect();
    let stage = format!("SELECT {}, _file_name, _row_id, _file_date FROM source", names.join(", "));
    project.write("sql/people/stage.sql", stage);
    let cells: Vec<String> =
        types.iter().map(|(_, value)| format!("\"{}\"", value.replace("\\\\", "\\"))).collect();
    let file = format!("{}\n{}\n", names.join(","), cells.join(","));
    project.put("people/report_2025-09-22.csv", &file);
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    let row = project.rows("SELECT c0, c1, c3, c5, c9, c13 FROM people").await;
    assert_eq!(row, ["{red,blue}|10.0.0.1|3 days 04:05:06|\\xdead|{1,2,NULL}|12.50"]);
    for (n, wrong) in
        [(1, "10.0.0.SECRET"), (3, "SECRET days"), (0, "{SECRET"), (13, "12.505"), (13, "-4")]
    {
        let mut cells = cells.clone();
        cells[n] = format!("\"{wrong}\"");
        project.put(
            "people/report_2025-09-23.csv",
            format!("{}\n{}\n", names.join(","), cells.join(",")),
        );
        let refused = project.run("2025-09-22", "2025-09-23").await.ended(3).stderr;
        assert!(!refused.contains("SECRET"), "{refused}");
        if wrong != "-4" {
            assert!(refused.contains(&format!("column c{n}")), "{refused}");
            assert!(refused.contains("row 0"), "{refused}");
        }
    }
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mode_without_its_columns_is_refused_before_anything_is_made() {
    let project = people("mode = \"merge\"\nmerge_key = [\"person\"]").await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let refused = project.run("2025-09-22", "2025-09-22").await.ended(2).stderr;
    assert!(refused.contains("the mode needs the column person"), "{refused}");
    assert_eq!(project.rows("SELECT to_regclass('people') IS NULL").await, ["t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_others_under_the_name_of_a_merged_file_add_up_also_after_a_reload() {
    let project = people(MERGE).await;
    project.database.execute(&project.read("sql/people/target.sql")).await;
    project
        .database
        .execute(
            "INSERT INTO people VALUES \
             ('x', 'theirs', 1, 'exports/people/report_2025-09-22.csv', 7, '2025-09-22')",
        )
        .await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,2\n"));
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--reload"];
    project.backfill(&reload).await.ended(0);
    assert_eq!(project.rows("SELECT id FROM people ORDER BY 1").await, ["a", "b", "x"]);
    let again = project.run("2025-09-22", "2025-09-22").await.ended(0).stdout;
    assert!(again.contains("OK (loaded before)"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_grant_is_named_before_anything_is_staged() {
    let project = people(MERGE).await;
    project.database.execute(&project.read("sql/people/target.sql")).await;
    let role = format!("loader_{}", project.database.name());
    project
        .database
        .execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'test-only'; \
             GRANT SELECT, INSERT ON people TO {role}; CREATE SCHEMA backfill; \
             GRANT USAGE, CREATE ON SCHEMA backfill TO {role}"
        ))
        .await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let url = project.database.url().replace("postgres:test-only", &format!("{role}:test-only"));
    let run = ["run", "--start", "2025-09-22", "--end", "2025-09-22"];
    let refused = project.backfill_with(&[("DATABASE_URL", &url)], &run).await.ended(2).stderr;
    let grant = format!("GRANT UPDATE ON \"public\".\"people\" TO \"{role}\"");
    assert!(refused.contains(&grant), "{refused}");
    assert!(!project.path("staging/staged").exists(), "nothing is staged");
    project.database.execute(&grant).await;
    project.backfill_with(&[("DATABASE_URL", &url)], &run).await.ended(0);
    assert_eq!(project.rows("SELECT id FROM people").await, ["a"]);
    project.database.execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_does_not_bring_back_older_versions_of_rows_deleted_on_purpose() {
    let project = people(MERGE).await;
    project.put("people/report_2025-09-23.csv", export("a,Rome,1\nb,Oslo,2\n"));
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    project.database.execute("DELETE FROM people WHERE id = 'a'").await;
    project.backfill(&["accept", "--start", "2025-09-22", "--end", "2025-09-24"]).await.ended(0);
    // A late file of an earlier day may hold an older version of the row that was erased.
    project.put("people/report_2025-09-22.csv", export("a,Bern,1\n"));
    let refused = project.run("2025-09-22", "2025-09-24").await.ended(3).stderr;
    assert!(
        refused.contains("it may hold older versions") && refused.contains("--restore-deleted")
    );
    assert_eq!(project.rows(PEOPLE).await, ["b|Oslo|2025-09-23"]);
    // A later day is another matter.
    std::fs::remove_file(project.bucket().join("people/report_2025-09-22.csv")).expect("a file");
    project.put("people/report_2025-09-24.csv", export("c,Ulm,4\n"));
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    assert_eq!(project.rows(PEOPLE).await, ["b|Oslo|2025-09-23", "c|Ulm|2025-09-24"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_mode_is_a_change_of_what_was_loaded() {
    let project = people("").await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.put("people/report_2025-09-23.csv", export("a,Bern,2\n"));
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    project.edit("backfill.toml", "max_rejects = 0", &format!("max_rejects = 0\n{MERGE}"));
    let refused = project.run("2025-09-22", "2025-09-23").await.ended(3).stderr;
    assert!(refused.contains("the mode or the constants were"), "{refused}");
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-23", "--reload"];
    project.backfill(&reload).await.ended(0);
    assert_eq!(project.rows(PEOPLE).await, ["a|Bern|2025-09-23"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_the_engine_become_arrays() {
    let project = people("").await;
    let target = project.read("sql/people/target.sql").replace("city text", "city text[]");
    project.write("sql/people/target.sql", target);
    let stage =
        project.read("sql/people/stage.sql").replace("city", "string_to_array(city, '/') AS city");
    project.write("sql/people/stage.sql", stage);
    project.put("people/report_2025-09-22.csv", export("a,\"x/y, \\/\"\"z\"\"\",1\nb,,1\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    let found = "SELECT id, array_length(city, 1), city[2] FROM people ORDER BY id";
    assert_eq!(project.rows(found).await[0], "a|3|y, \\");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_others_that_a_day_loses_are_counted() {
    let project = people("mode = \"replace-range\"\nreplace_by = \"days\"").await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    let rows = "INSERT INTO people SELECT 'x', 'Oslo', 1, 'manual', n, '2025-09-22' FROM generate_series(1, 10) n";
    project.database.execute(rows).await;
    project.put("people/report_2025-09-22.csv", export("a,Bern,1\n"));
    let ran = project.run("2025-09-22", "2025-09-22").await.ended(0);
    assert!(ran.stderr.contains("10 rows of public.people of the same days"), "{}", ran.stderr);
    assert_eq!(project.rows(PEOPLE).await, ["a|Bern|2025-09-22"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_do_not_come_back_unasked_when_days_are_replaced() {
    let project = people("mode = \"replace-range\"").await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,1\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    project.database.execute("DELETE FROM people WHERE id = 'a'").await;
    let refused = project.run("2025-09-22", "2025-09-22").await.ended(3).stderr;
    assert!(refused.contains("`backfill accept`"), "{refused}");
    assert_eq!(project.rows(PEOPLE).await, ["b|Oslo|2025-09-22"]);
}
