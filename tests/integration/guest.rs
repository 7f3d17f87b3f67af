//! The table is somebody else's: no flag deletes rows that are not ours, or changes other tables.

use crate::support::Project;

const RUN: [&str; 5] = ["run", "--start", "2025-09-22", "--end", "2025-09-23"];

fn run(more: &[&'static str]) -> Vec<&'static str> {
    RUN.iter().chain(more).copied().collect()
}

/// Two days, loaded.
async fn loaded() -> Project {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\nb,Oslo,2\n");
    project.put("people/report_2025-09-23.csv", "id,city,amount\nc,Bern,3\n");
    project.backfill(&RUN).await.ended(0);
    project
}

/// Rows of another loader for a file that was loaded by us.
const THEIRS: &str = "INSERT INTO people SELECT 'x' || n, 'theirs', 1, \
                      'exports/people/report_2025-09-22.csv', n, '2025-09-22' \
                      FROM generate_series(0, 4) n";

const COUNT: &str = "SELECT count(*), count(*) FILTER (WHERE city = 'theirs') FROM people";

#[tokio::test(flavor = "multi_thread")]
async fn reload_deletes_no_row_of_another_loader() {
    let project = loaded().await;
    project.database.execute(THEIRS).await;
    for arguments in [run(&[]), run(&["--reload"]), run(&["--reload", "--remove-gone"])] {
        let refused = project.backfill(&arguments).await.ended(3).stderr;
        assert!(refused.contains("5 of 7 rows in the target are from other programs"), "{refused}");
        assert!(refused.contains("no flag deletes"), "{refused}");
        assert_eq!(project.rows(COUNT).await, ["8|5"]);
    }
    let plan =
        project.backfill(&["plan", "--start", "2025-09-22", "--end", "2025-09-23", "--reload"]);
    let plan = plan.await.ended(0).stdout;
    assert!(
        plan.contains(
            "refuse: 2 rows were loaded, 7 are in the target; other programs inserted or changed 5"
        ),
        "{plan}"
    );
    // Once they are gone, by their owner's hand, everything goes on.
    project.database.execute("DELETE FROM people WHERE city = 'theirs'").await;
    project.backfill(&RUN).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_rows_of_another_loader_as_ours_are_not_taken_for_ours() {
    let project = loaded().await;
    // Our two rows are gone, and two of another loader are there under the name of the file.
    project.database.execute("DELETE FROM people WHERE id IN ('a', 'b')").await;
    project
        .database
        .execute(&THEIRS.replace("generate_series(0, 4)", "generate_series(0, 1)"))
        .await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,99\n");
    let refused = project.backfill(&run(&["--reload"])).await.ended(3).stderr;
    assert!(refused.contains("2 of 2 rows in the target are from other programs"), "{refused}");
    assert_eq!(project.rows(COUNT).await, ["3|2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_changed_is_not_replaced() {
    let project = loaded().await;
    project.database.execute("UPDATE people SET city = 'Roma' WHERE id = 'a'").await;
    // Nothing is to be done, and nothing is.
    project.backfill(&RUN).await.ended(0);
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,99\nb,Oslo,2\n");
    let refused = project.backfill(&run(&["--reload"])).await.ended(3).stderr;
    assert!(refused.contains("1 of 2 rows in the target are from other programs"), "{refused}");
    assert_eq!(project.rows("SELECT city FROM people WHERE id = 'a'").await, ["Roma"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_removal_of_a_gone_file_deletes_no_row_of_another_loader() {
    let project = loaded().await;
    std::fs::remove_file(project.bucket().join("people/report_2025-09-22.csv")).expect("a file");
    project.database.execute(THEIRS).await;
    let refused = project.backfill(&run(&["--remove-gone"])).await.ended(3).stderr;
    assert!(refused.contains("5 of 7 rows in the target are from other programs"), "{refused}");
    assert_eq!(project.rows(COUNT).await, ["8|5"]);
    project.database.execute("DELETE FROM people WHERE city = 'theirs'").await;
    project.backfill(&run(&["--remove-gone"])).await.ended(0);
    assert_eq!(project.rows("SELECT id FROM people").await, ["c"]);
}

/// A target that is partitioned by the file date, without a partition yet.
async fn partitioned() -> Project {
    let project = Project::people().await;
    let create = project.read("sql/people/target.sql");
    let create = create.trim().trim_end_matches(';');
    project.database.execute(&format!("{create} PARTITION BY RANGE (_file_date)")).await;
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_partitioned_target_are_replaced_too() {
    let project = partitioned().await;
    project
        .database
        .execute(
            "CREATE TABLE people_old PARTITION OF people FOR VALUES FROM (MINVALUE) TO ('2025-09-23'); \
             CREATE TABLE people_new PARTITION OF people FOR VALUES FROM ('2025-09-23') TO (MAXVALUE)",
        )
        .await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\n");
    project.put("people/report_2025-09-23.csv", "id,city,amount\nc,Bern,3\n");
    project.backfill(&RUN).await.ended(0);
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,2\nd,Kiel,5\n");
    project.backfill(&run(&["--reload"])).await.ended(0);
    let rows = project.rows("SELECT id, amount FROM people ORDER BY id").await;
    assert_eq!(rows, ["a|2.00", "c|3.00", "d|5.00"]);
}

/// A target that another table refers to.
async fn referenced(action: &str) -> Project {
    let project = Project::people().await;
    let create = project.read("sql/people/target.sql").replace("id text", "id text PRIMARY KEY");
    project.write("sql/people/target.sql", &create);
    project
        .database
        .execute(&format!(
            "{create} CREATE TABLE note (person text DEFAULT 'a' REFERENCES people (id) {action}, body text)"
        ))
        .await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\nb,Oslo,2\n");
    project.backfill(&RUN).await.ended(0);
    project.database.execute("INSERT INTO note VALUES ('a', 'call'), ('b', 'vip')").await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,5\nb,Oslo,2\n");
    project
}

const NOTES: &str = "SELECT coalesce(person, 'nobody'), body FROM note ORDER BY body";

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_other_tables_change_only_if_that_is_allowed() {
    for (action, shown) in
        [("ON DELETE CASCADE", "ON DELETE CASCADE"), ("ON DELETE SET NULL", "ON DELETE SET NULL")]
    {
        let project = referenced(action).await;
        let refused = project.backfill(&run(&["--reload"])).await.ended(3).stderr;
        let words = format!("would change 2 rows of note (constraint note_person_fkey, {shown})");
        assert!(refused.contains(&words), "{refused}");
        assert_eq!(project.rows(NOTES).await, ["a|call", "b|vip"], "{action}");
        let plan = ["plan", "--start", "2025-09-22", "--end", "2025-09-23", "--reload"];
        let plan = project.backfill(&plan).await.ended(0).stdout;
        assert!(plan.contains("deleting its rows would change other tables"), "{plan}");
        std::fs::remove_file(project.bucket().join("people/report_2025-09-22.csv"))
            .expect("a file");
        project.put("people/report_2025-09-23.csv", "id,city,amount\nc,Bern,3\n");
        let refused = project.backfill(&run(&["--remove-gone"])).await.ended(3).stderr;
        assert!(refused.contains("note_person_fkey"), "{refused}");
        assert_eq!(project.rows(NOTES).await, ["a|call", "b|vip"], "{action}");
        let allowed = run(&["--remove-gone", "--allow-side-effects"]);
        let told = project.backfill(&allowed).await.ended(0).stderr;
        assert!(told.contains("changes 2 rows of note"), "{told}");
        assert_ne!(project.rows(NOTES).await, ["a|call", "b|vip"], "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_constraint_keeps_what_refers_to_rows_that_come_back() {
    let project = referenced("DEFERRABLE INITIALLY DEFERRED").await;
    project.backfill(&run(&["--reload"])).await.ended(0);
    assert_eq!(project.rows(NOTES).await, ["a|call", "b|vip"]);
    assert_eq!(project.rows("SELECT amount FROM people WHERE id = 'a'").await, ["5.00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_are_set_off_only_if_that_is_allowed() {
    let project = loaded().await;
    project
        .database
        .execute(
            "CREATE TABLE log (n int); \
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO log VALUES (1); RETURN OLD; END $$; \
             CREATE TRIGGER audit BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION note()",
        )
        .await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,9\n");
    let refused = project.backfill(&run(&["--reload"])).await.ended(3).stderr;
    assert!(refused.contains("fires its triggers or rules: audit (on DELETE)"), "{refused}");
    let plan = ["plan", "--start", "2025-09-22", "--end", "2025-09-23", "--reload"];
    let plan = project.backfill(&plan).await.ended(0).stderr;
    assert!(plan.contains("audit (on DELETE)"), "{plan}");
    let json = run(&["--reload", "--allow-side-effects", "--output", "json"]);
    let ran = project.backfill(&json).await.ended(0);
    assert!(ran.stderr.contains("audit (on DELETE)"), "{}", ran.stderr);
    let notices = ran.json()[0]["notices"].clone();
    let codes: Vec<&str> =
        notices.as_array().expect("a list").iter().filter_map(|n| n["code"].as_str()).collect();
    assert!(codes.contains(&"triggers"), "{notices}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_came_back_meanwhile_is_not_removed() {
    let project = loaded().await;
    std::fs::remove_file(project.bucket().join("people/report_2025-09-22.csv")).expect("a file");
    // Another run holds the file.
    let other = project.database.client().await;
    let lock = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended(\
                'backfill:public.people:exports/people/report_2025-09-22.csv', 0))";
    other.batch_execute(lock).await.expect("a lock");
    let child = project.command(&run(&["--remove-gone"])).spawn().expect("a process");
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    project.until(waiting, "the run waits for the other one").await;
    // The other run found the file back in the source, and has loaded it again.
    let reload = "DELETE FROM people WHERE _file_name = 'exports/people/report_2025-09-22.csv'; \
                  INSERT INTO people VALUES \
                    ('z', 'fresh', 1, 'exports/people/report_2025-09-22.csv', 0, '2025-09-22'); \
                  UPDATE backfill.files SET run_id = 'other', inserted = 1 \
                    WHERE file_name = 'exports/people/report_2025-09-22.csv'; COMMIT";
    other.batch_execute(reload).await.expect("a reload");
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output()).await;
    let ended = ended.expect("an end").expect("an end");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("loaded or removed by another run"), "{said}");
    assert_eq!(project.rows("SELECT id FROM people ORDER BY id").await, ["c", "z"]);
    assert_eq!(
        project
            .rows("SELECT run_id, inserted FROM backfill.files ORDER BY file_name LIMIT 1")
            .await,
        ["other|1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_triggers_of_a_partition_count_as_the_targets() {
    let project = partitioned().await;
    project
        .database
        .execute(
            "CREATE TABLE people_all PARTITION OF people FOR VALUES FROM (MINVALUE) TO (MAXVALUE); \
             ALTER TABLE people_all ADD PRIMARY KEY (id); \
             CREATE TABLE note (person text REFERENCES people_all (id) ON DELETE CASCADE); \
             CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
             CREATE TRIGGER audit AFTER DELETE ON people_all FOR EACH ROW EXECUTE FUNCTION nothing()",
        )
        .await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\n");
    project.backfill(&RUN).await.ended(0);
    project.database.execute("INSERT INTO note VALUES ('a')").await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,20\n");
    let refused = project.backfill(&run(&["--reload"])).await.ended(3).stderr;
    assert!(refused.contains("1 rows of note (constraint note_person_fkey"), "{refused}");
    assert_eq!(project.rows("SELECT count(*) FROM note").await, ["1"]);
    project.database.execute("DROP TABLE note").await;
    let allowed = run(&["--reload", "--allow-side-effects"]);
    let told = project.backfill(&allowed).await.ended(0).stderr;
    assert!(told.contains("audit (on DELETE)"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_found_before_anything_is_loaded_if_other_rows_survive() {
    let project = loaded().await;
    project.database.execute("UPDATE people SET city = 'Roma' WHERE id = 'a'").await;
    // The file of the first day is as it was, and loses a row to a new file.
    project.put("people/report_2025-09-24.csv", "id,city,amount\nb,Oslo,7\nd,Kiel,8\n");
    let grown = ["run", "--start", "2025-09-22", "--end", "2025-09-24", "--batch-size", "1"];
    let refused = project.backfill(&[&grown[..], &["--reload"]].concat()).await.ended(3).stderr;
    assert!(refused.contains("1 of 2 rows in the target are from other programs"), "{refused}");
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["3"], "nothing is loaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_there_and_ignored_is_not_gone() {
    let project = loaded().await;
    project.edit("backfill.toml", "report_{date", "reports_{date");
    let refused = project.backfill(&run(&["--remove-gone"])).await.ended(3).stderr;
    assert!(refused.contains("the source still has these objects"), "{refused}");
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["3"]);
    project.edit("backfill.toml", "reports_{date", "report_{date");
    project.backfill(&run(&["--remove-gone"])).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forms_of_dates_of_a_role_change_nothing() {
    let project = loaded().await;
    project.database.execute("ALTER ROLE CURRENT_USER SET datestyle = 'German, DMY'").await;
    let again = project.backfill(&RUN).await.ended(0).stdout;
    assert!(!again.contains("UNVERIFIED"), "{again}");
    std::fs::remove_file(project.bucket().join("people/report_2025-09-22.csv")).expect("a file");
    project.put("people/report_2025-09-22b.csv", "id,city,amount\na,Rome,1\nb,Oslo,2\n");
    let refused = project.backfill(&RUN).await.ended(3).stderr;
    assert!(refused.contains("no longer exist in the source"), "{refused}");
    let status = project.backfill(&["status"]).await.ended(0).stdout;
    assert!(status.contains("2025-09-22 to 2025-09-23"), "{status}");
    project.database.execute("ALTER ROLE CURRENT_USER RESET datestyle").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_loader_has_loaded_in_part_is_reported() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\nb,Oslo,2\n");
    project.backfill(&RUN).await.ended(0);
    project
        .database
        .execute(
            "INSERT INTO people VALUES ('c', 'theirs', 1, 'exports/people/report_2025-09-23.csv', 0, \
             '2025-09-23')",
        )
        .await;
    project.put("people/report_2025-09-23.csv", "id,city,amount\nc,Bern,3\nd,Kiel,4\n");
    project.put("people/report_2025-09-21.csv", "id,city,amount\ne,Ulm,5\n");
    let more = ["run", "--start", "2025-09-21", "--end", "2025-09-23"];
    let told = project.backfill(&more).await.ended(0).stderr;
    let expected = "has loaded 1 of the 2 rows of people/report_2025-09-23.csv";
    assert!(told.contains(expected), "{told}");
}
