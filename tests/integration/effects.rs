//! What loading does besides: foreign keys that change other tables, triggers, sequences, views.

use crate::support::{export, people};

const MERGE: &str = "mode = \"merge\"\nmerge_key = [\"id\"]";
#[tokio::test(flavor = "multi_thread")]
async fn sequences_go_on_behind_the_numbers_that_came() {
    for mode in ["", MERGE] {
        let project = people(mode).await;
        project.write(
            "sql/people/target.sql",
            "CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY, city text, \
             total numeric GENERATED ALWAYS AS (amount * 2) STORED, amount numeric, \
             serial_no bigserial, _file_name text NOT NULL, _row_id bigint NOT NULL, _file_date date)",
        );
        project.write(
            "sql/people/stage.sql",
            "SELECT CAST(id AS bigint) AS id, city, amount, _file_name, _row_id, _file_date FROM source",
        );
        project.put("people/report_2025-09-22.csv", export("10,Rome,1\n20,Oslo,2\n"));
        project.run("2025-09-22", "2025-09-22").await.ended(0);
        project
            .database
            .execute("INSERT INTO people (city, _file_name, _row_id) VALUES ('app', 'x', 0)")
            .await;
        let rows = "SELECT id, city, total FROM people ORDER BY id";
        assert_eq!(project.rows(rows).await, ["10|Rome|2", "20|Oslo|4", "21|app|"], "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_takes_rows_through_its_trigger() {
    let project = people("").await;
    project
        .database
        .execute(
            "CREATE TABLE store (id text, city text, amount numeric(12, 2), _file_name text, \
             _row_id bigint, _file_date date); \
             CREATE VIEW people AS SELECT * FROM store; \
             CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO store VALUES (NEW.*); RETURN NEW; END $$; \
             CREATE TRIGGER take INSTEAD OF INSERT ON people FOR EACH ROW EXECUTE FUNCTION take()",
        )
        .await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    assert_eq!(project.rows("SELECT id, city FROM store").await, ["a|Rome"]);
    project.database.execute("DROP TRIGGER take ON people").await;
    project.put("people/report_2025-09-23.csv", export("b,Oslo,1\n"));
    let refused = project.run("2025-09-22", "2025-09-23").await.ended(2).stderr;
    assert!(refused.contains("without an INSTEAD OF INSERT trigger"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_trigger_puts_under_another_name_are_not_committed() {
    let project = people("").await;
    project.database.execute(&project.read("sql/people/target.sql")).await;
    project
        .database
        .execute(
            "CREATE FUNCTION rename() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             NEW._file_name := 'elsewhere.csv'; RETURN NEW; END $$; \
             CREATE TRIGGER rename BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION rename()",
        )
        .await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let allowed = ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--allow-side-effects"];
    project.backfill(&allowed).await.ended(1);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_a_day_changes_no_other_table_unless_that_is_allowed() {
    let project = people("mode = \"replace-range\"\nreplace_by = \"days\"").await;
    let target = project.read("sql/people/target.sql").replace("id text", "id text PRIMARY KEY");
    project.database.execute(&target).await;
    project
        .database
        .execute(
            "INSERT INTO people VALUES ('x', 'theirs', 1, 'elsewhere/a.csv', 0, '2025-09-22'); \
             CREATE TABLE note (person text REFERENCES people (id) ON DELETE CASCADE); \
             INSERT INTO note VALUES ('x')",
        )
        .await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let run = ["run", "--start", "2025-09-22", "--end", "2025-09-22"];
    let refused = project.backfill(&run).await.ended(3).stderr;
    assert!(refused.contains("note_person_fkey"), "{refused}");
    assert_eq!(project.rows("SELECT count(*) FROM note").await, ["1"]);
    let plan = project.backfill(&["plan", "--start", "2025-09-22", "--end", "2025-09-22"]);
    let plan = plan.await.ended(0).stderr;
    assert!(plan.contains("note_person_fkey"), "{plan}");
    project.backfill(&[&run[..], &["--allow-side-effects"]].concat()).await.ended(0);
    assert_eq!(project.rows("SELECT id FROM people").await, ["a"]);
    assert_eq!(project.rows("SELECT count(*) FROM note").await, ["0"]);
    // The only file of its day is gone: its rows go too.
    std::fs::remove_file(project.bucket().join("people/report_2025-09-22.csv")).expect("a file");
    project.put("people/report_2025-09-23.csv", export("b,Oslo,1\n"));
    let gone = [
        "run",
        "--start",
        "2025-09-22",
        "--end",
        "2025-09-23",
        "--batch-size",
        "1",
        "--remove-gone",
        "--allow-side-effects",
    ];
    project.backfill(&gone).await.ended(0);
    assert_eq!(project.rows("SELECT id FROM people").await, ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_tells_of_foreign_keys_that_follow_its_updates() {
    let project = people("mode = \"merge\"\nmerge_key = [\"city\"]").await;
    project.put("people/report_2025-09-22.csv", export("1,Rome,1\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    project
        .database
        .execute(
            "CREATE UNIQUE INDEX ON people (id);
             CREATE TABLE note (person text REFERENCES people (id) ON UPDATE SET NULL);
             INSERT INTO note VALUES ('1')",
        )
        .await;
    project.put("people/report_2025-09-23.csv", export("2,Rome,1\n"));
    let refused = project.run("2025-09-22", "2025-09-23").await.ended(3).stderr;
    assert!(
        refused.contains("rows of note") && refused.contains("ON UPDATE SET NULL"),
        "{refused}"
    );
    assert_eq!(project.rows("SELECT person FROM note").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_keys_are_followed_to_the_end() {
    let project = people("").await;
    project.put("people/report_2025-09-22.csv", export("1,Rome,1\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    project
        .database
        .execute(
            "CREATE UNIQUE INDEX ON people (id);
             CREATE TABLE note (id int PRIMARY KEY, person text REFERENCES people (id) ON DELETE CASCADE);
             CREATE TABLE word (id int, note int REFERENCES note ON DELETE CASCADE);
             INSERT INTO note VALUES (1, '1'); INSERT INTO word VALUES (1, 1), (2, 1), (3, 1)",
        )
        .await;
    project.put("people/report_2025-09-22.csv", export("1,Bern,1\n"));
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--reload"];
    let refused = project.backfill(&reload).await.ended(3).stderr;
    assert!(refused.contains("1 rows of note") && refused.contains("3 rows of word"), "{refused}");
    let restrict = "ALTER TABLE note DROP CONSTRAINT note_person_fkey,
        ADD FOREIGN KEY (person) REFERENCES people (id)";
    project.database.execute(restrict).await;
    let refused = project.backfill(&reload).await.ended(3).stderr;
    assert!(refused.contains("refer to a row that would be deleted"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_go_on_within_their_bounds_also_if_no_column_owns_them() {
    let project = people("").await;
    project.database.execute("CREATE SEQUENCE numbers; CREATE SEQUENCE small MAXVALUE 100").await;
    let target = project.read("sql/people/target.sql").replace(
        "id text",
        "id bigint DEFAULT nextval('numbers'), n bigint DEFAULT nextval('small')",
    );
    project.write("sql/people/target.sql", target);
    let stage = project.read("sql/people/stage.sql");
    let stage =
        stage.replace("SELECT id", "SELECT CAST(id AS bigint) AS id, CAST(id AS bigint) AS n");
    project.write("sql/people/stage.sql", stage);
    project.put("people/report_2025-09-22.csv", export("500,Rome,1\n20,Bern,1\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    assert_eq!(project.rows("SELECT nextval('numbers'), last_value FROM small").await, ["501|100"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_target_sql_makes_is_told_of_before_the_first_row() {
    let project = people("").await;
    project
        .database
        .execute(
            "CREATE FUNCTION upper_city() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN NEW.city := upper(NEW.city); RETURN NEW; END $$",
        )
        .await;
    let target = project.read("sql/people/target.sql");
    let trigger =
        "CREATE TRIGGER up BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION upper_city();";
    project.write(
        "sql/people/target.sql",
        format!("{};\n{trigger}", target.trim().trim_end_matches(';')),
    );
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let refused = project.run("2025-09-22", "2025-09-22").await.ended(3).stderr;
    assert!(refused.contains("up (on INSERT)"), "{refused}");
    let allowed = ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--allow-side-effects"];
    project.backfill(&allowed).await.ended(0);
    assert_eq!(project.rows("SELECT city FROM people").await, ["ROME"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn circles_and_several_ways_of_foreign_keys_are_counted_without_a_wrong_number() {
    let project = people("").await;
    project.put("people/report_2025-09-22.csv", export("1,Rome,1\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    project
        .database
        .execute(
            "CREATE UNIQUE INDEX ON people (id);
             CREATE TABLE b (id int PRIMARY KEY, person text REFERENCES people (id) ON DELETE CASCADE);
             CREATE TABLE c (id int PRIMARY KEY, person text REFERENCES people (id) ON DELETE CASCADE);
             CREATE TABLE d (b int CONSTRAINT of_b REFERENCES b ON DELETE CASCADE, c int REFERENCES c);
             CREATE TABLE e (id int, b int REFERENCES b ON DELETE CASCADE, c int CONSTRAINT of_c
                 REFERENCES c ON DELETE CASCADE);
             INSERT INTO b VALUES (1, '1'); INSERT INTO c VALUES (1, '1'), (2, NULL);
             INSERT INTO d VALUES (1, 2); INSERT INTO e VALUES (1, 1, NULL), (2, NULL, 1), (3, 1, 1)",
        )
        .await;
    project.put("people/report_2025-09-22.csv", export("1,Bern,1\n"));
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--reload"];
    let refused = project.backfill(&reload).await.ended(3).stderr;
    for expected in ["1 rows of d (constraint of_b", "2 rows of e (constraint of_c"] {
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
    assert!(!refused.contains("at least"), "{refused}");
    project.database.execute("ALTER TABLE b ADD up int REFERENCES b ON DELETE CASCADE").await;
    let refused = project.backfill(&reload).await.ended(3).stderr;
    assert!(refused.contains("at least 1 rows of b"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_that_counts_down_goes_on_below() {
    let project = people("").await;
    project.database.execute("CREATE SEQUENCE down INCREMENT -2 START 100 MAXVALUE 100").await;
    let target = project.read("sql/people/target.sql").replace(
        "id text",
        "id bigint DEFAULT nextval('down'), code text DEFAULT 'A' || nextval('down')",
    );
    project.write("sql/people/target.sql", target);
    let stage = project.read("sql/people/stage.sql");
    let stage = stage.replace("SELECT id", "SELECT CAST(id AS bigint) AS id, id AS code");
    project.write("sql/people/stage.sql", stage);
    project.put("people/report_2025-09-22.csv", export("90,Rome,1\n7,Bern,1\n"));
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    assert_eq!(project.rows("SELECT nextval('down')").await, ["5"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_about_rows_that_are_there_shows_no_value() {
    let project = people("").await;
    project
        .database
        .execute("CREATE TABLE there (v text); INSERT INTO there VALUES ('Secretville')")
        .await;
    let target = project.read("sql/people/target.sql");
    let key = "CREATE UNIQUE INDEX ON people (id); ALTER TABLE there ADD FOREIGN KEY (v) REFERENCES people (id)";
    project.write(
        "sql/people/target.sql",
        format!("{};\n{key};", target.trim().trim_end_matches(';')),
    );
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let refused = project.run("2025-09-22", "2025-09-22").await.ended(3).stderr;
    assert!(!refused.contains("Secretville") && refused.contains("23503"), "{refused}");
}
