//! dlt loads the table every day, and we load its history beside it: the real dlt, in both of its forms.

use std::time::Duration;

use backfill_sample::Options;

use crate::support::{Dlt, Project};

/// September to December, a few rows a day, in the bucket; the SQL as it ships, without its dedupe.
async fn orders() -> Project {
    let options = Options {
        start: "2025-09-01".parse().expect("a date"),
        days: 98,
        rows: 12,
        ..Options::default()
    };
    let project = Project::orders(&options).await;
    let config = project.read("backfill.toml");
    let config = config.replace("public.orders_create", "shop.orders_create");
    project.write("backfill.toml", config);
    let target = project
        .read("sql/orders_create/target.sql")
        .replace("orders_create (", "shop.orders_create (");
    project.write("sql/orders_create/target.sql", target);
    project.write("sql/orders_create/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    project
}

const HISTORY: [&str; 7] =
    ["run", "--prefix", "orders-create/", "--start", "2025-09-01", "--end", "2025-11-30"];

/// Everything that dlt keeps of itself, and the loads that it has recorded until now.
const STATE: &str = "\
SELECT (SELECT md5(string_agg(s::text, '|' ORDER BY s::text)) FROM shop._dlt_pipeline_state s),
       (SELECT md5(string_agg(v::text, '|' ORDER BY v::text)) FROM shop._dlt_version v)";

async fn beside_dlt(form: &'static str) {
    let project = orders().await;
    let dlt = Dlt { project: &project, form };
    dlt.load("2025-12-03").await;
    let state = project.rows(STATE).await;
    let loads_of_dlt = project.rows("SELECT load_id FROM shop._dlt_loads ORDER BY 1").await;

    // The whole history, while dlt stands still.
    let half = [
        "run",
        "--prefix",
        "orders-create/",
        "--start",
        "2025-09-01",
        "--end",
        "2025-10-30",
        "--batch-size",
        "20",
    ];
    let ran = project.backfill(&half).await.ended(0);
    let filled = "stage.sql does not return _client_id: filled in";
    assert!(ran.stderr.contains(filled), "{}", ran.stderr);
    assert_eq!(project.rows(STATE).await, state, "dlt's state is as it was");
    let ours = project
        .rows(
            "SELECT DISTINCT l.schema_name = (SELECT schema_name FROM shop._dlt_version LIMIT 1), \
                    l.status, l.schema_version_hash = (SELECT version_hash FROM shop._dlt_version \
                    ORDER BY inserted_at DESC LIMIT 1) \
             FROM shop.orders_create o JOIN shop._dlt_loads l ON l.load_id = o._dlt_load_id \
             WHERE _file_date < '2025-12-01'",
        )
        .await;
    assert_eq!(ours, ["t|0|t"]);
    let loads = "SELECT count(DISTINCT _dlt_load_id) FROM shop.orders_create WHERE _file_date < '2025-12-01'";
    assert_eq!(project.rows(loads).await, ["3"], "a load for each batch");

    // The rest while dlt loads the next day.
    let mut child = dlt.start("2025-12-04", "2");
    let writes = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
                  WHERE c.relname = 'orders_create' AND l.mode = 'RowExclusiveLock' AND l.granted";
    let mut is_writing = false;
    for _ in 0..600 {
        is_writing = project.rows(writes).await != ["0"];
        if is_writing || child.try_wait().expect("a process").is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_writing, "dlt never writes");
    project.backfill(&HISTORY).await.ended(0);
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output()).await;
    let ended = ended.expect("an end").expect("an end");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));

    // dlt goes on, also without its local state.
    dlt.load("2025-12-05").await;
    std::fs::remove_dir_all(dlt.state()).expect("a folder");
    dlt.load("2025-12-07").await;
    assert_eq!(dlt.load("2025-12-07").await, 0, "nothing is left");

    let counts = project
        .rows(
            "SELECT count(*), count(DISTINCT (_file_name, _row_id)), count(DISTINCT _dlt_id), \
                    count(DISTINCT _file_name), bool_and(length(_dlt_id) = 14), \
                    count(*) FILTER (WHERE _client_id = 'acme') FROM shop.orders_create",
        )
        .await;
    let records = records(&project);
    assert_eq!(counts, [format!("{records}|{records}|{records}|98|t|{records}")]);
    let orphans = "SELECT count(*) FROM shop.orders_create WHERE _dlt_load_id NOT IN \
                   (SELECT load_id FROM shop._dlt_loads)";
    assert_eq!(project.rows(orphans).await, ["0"]);
    let kept = project.rows("SELECT load_id FROM shop._dlt_loads ORDER BY 1").await;
    assert!(loads_of_dlt.iter().all(|load| kept.contains(load)));
    // Our accounting still holds.
    let again = project.backfill(&HISTORY).await.ended(0).stdout;
    assert!(again.contains("OK (loaded before)") && !again.contains("WRONG"), "{again}");
}

/// The records of all files of the prefix.
fn records(project: &Project) -> usize {
    let folder = std::fs::read_dir(project.bucket().join("orders-create")).expect("a folder");
    let files =
        folder.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("text"));
    files.map(|text| text.lines().count() - 1).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_beside_a_dlt_that_appends() {
    beside_dlt("append").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_beside_a_dlt_that_merges() {
    beside_dlt("merge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_the_live_loader_are_refused_and_compared() {
    let project = orders().await;
    let dlt = Dlt { project: &project, form: "append" };
    dlt.load("2025-12-03").await;
    let whole =
        ["run", "--prefix", "orders-create/", "--start", "2025-11-29", "--end", "2025-12-06"];
    let refused = project.backfill(&whole).await.ended(3).stderr;
    assert!(
        refused.contains("from 2025-12-01 or later, the first day that its live loader loaded"),
        "{refused}"
    );
    assert!(refused.contains("--end 2025-11-30"), "{refused}");
    let none = "SELECT count(*) FROM shop.orders_create WHERE _file_date NOT BETWEEN '2025-12-01' AND '2025-12-03'";
    assert_eq!(project.rows(none).await, ["0"]);

    // What we would load of these days is what dlt has loaded.
    let compare =
        ["compare", "--prefix", "orders-create/", "--start", "2025-12-01", "--end", "2025-12-05"];
    let equal = project.backfill(&compare).await.ended(0).stdout;
    assert!(equal.contains("equal: 36 rows in 3 file(s)"), "{equal}");
    assert!(equal.contains("2 file(s) without rows in the target"), "{equal}");
    project
        .database
        .execute(
            "UPDATE shop.orders_create SET billing_city = 'Secretville 7' WHERE _row_id = 5 \
                  AND _file_date = '2025-12-02'",
        )
        .await;
    let json = [&compare[..], &["--output", "json"]].concat();
    let different = project.backfill(&json).await.ended(3);
    let columns = different.json()[0]["columns"].clone();
    assert_eq!(columns.as_array().expect("a list").len(), 1, "{columns}");
    assert_eq!(columns[0]["column"], "billing_city");
    assert_eq!(columns[0]["rows"], 1);
    assert_eq!(columns[0]["shapes"][0]["target"], "A+ 9");
    assert!(!different.stdout.contains("Secretville"), "no value is shown");
    assert_eq!(project.rows("SELECT count(*) FROM shop.orders_create").await, ["36"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_rows_wait_for_no_merge_that_would_not_see_them() {
    let project = orders().await;
    let dlt = Dlt { project: &project, form: "merge" };
    dlt.load("2025-12-01").await;
    // Both load the same day, and ours holds its transaction open.
    let slow = project
        .database
        .execute(
            "CREATE FUNCTION shop.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             PERFORM pg_sleep(4); RETURN NULL; END $$; \
             CREATE TRIGGER wait AFTER INSERT ON shop.orders_create FOR EACH STATEMENT \
             WHEN (current_setting('application_name') LIKE 'backfill%') EXECUTE FUNCTION shop.wait()",
        );
    slow.await;
    let run = [
        "run",
        "--prefix",
        "orders-create/",
        "--start",
        "2025-12-02",
        "--end",
        "2025-12-02",
        "--live-days",
        "--allow-side-effects",
    ];
    let ours = project.command(&run).spawn().expect("a process");
    let locked = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
                  WHERE c.relname = 'orders_create' AND l.mode = 'ShareRowExclusiveLock' AND l.granted";
    project.until(locked, "the table is locked against dlt's merge").await;
    dlt.load("2025-12-02").await;
    let ours = tokio::task::spawn_blocking(|| ours.wait_with_output()).await.expect("an end");
    let ours = ours.expect("an end");
    // dlt has replaced our rows with its own, and the accounting says so.
    let said = String::from_utf8_lossy(&ours.stderr).into_owned();
    assert!(ours.status.code() == Some(0) || said.contains("do not add up"), "{said}");
    let keys = "SELECT count(*), count(DISTINCT (_file_name, _row_id)) FROM shop.orders_create";
    assert_eq!(project.rows(keys).await, ["24|24"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_nested_tables_of_dlt_is_refused() {
    let project = Project::people().await;
    project
        .database
        .execute(
            "CREATE TABLE people (id text, city text, amount numeric(12, 2), _file_name text NOT NULL, \
             _row_id bigint NOT NULL, _file_date date, _dlt_id varchar NOT NULL UNIQUE, \
             _dlt_load_id varchar NOT NULL); \
             CREATE TABLE people__tags (value text, _dlt_parent_id varchar, _dlt_list_idx bigint)",
        )
        .await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\n");
    let refused = project.run("2025-09-22", "2025-09-22").await.ended(2).stderr;
    assert!(refused.contains("people__tags"), "{refused}");
    project.database.execute("DROP TABLE people__tags").await;
    let ran = project.run("2025-09-22", "2025-09-22").await.ended(0);
    assert!(ran.stderr.contains("no table _dlt_loads"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_the_files_are_found_by_the_names_that_dlt_gives_them() {
    let project = Project::people().await;
    project.write(
        "sql/people/stage.sql",
        "SELECT \"Person ID\", \"isMember\", amount, _file_name, _row_id, _file_date FROM source",
    );
    project.write("sql/people/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    project
        .database
        .execute(
            "CREATE TABLE people (person_id text, is_member text, amount bigint, amount__v_text text, \
             _file_name text NOT NULL, _row_id bigint NOT NULL, _file_date date, region text, \
             _dlt_id varchar NOT NULL UNIQUE, _dlt_load_id varchar NOT NULL)",
        )
        .await;
    let rows = "Person ID,isMember,amount\n1,yes,5\n2,no,many\n3,no,\n";
    project.put("people/report_2025-09-22.csv", rows);
    project.edit(
        "backfill.toml",
        "max_rejects = 0",
        "max_rejects = 0\nconstants = { region = \"north\" }",
    );
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    assert_eq!(
        project
            .rows(
                "SELECT person_id, is_member, amount, amount__v_text, region FROM people ORDER BY 1"
            )
            .await,
        ["1|yes|5||north", "2|no||many|north", "3|no|||north"]
    );
    project.write(
        "sql/people/stage.sql",
        "SELECT \"Person ID\", amount AS \"Other Name\", _file_name, _row_id, _file_date FROM source",
    );
    let refused =
        project.backfill(&["run", "--start", "2025-09-22", "--end", "2025-09-22", "--reload"]);
    let refused = refused.await.ended(2).stderr;
    assert!(
        refused.contains("has no column other_name: leave it out of stage.sql, or add it"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn init_writes_a_dataset_that_fits_the_table_of_dlt_without_editing() {
    let project = orders().await;
    let dlt = Dlt { project: &project, form: "append" };
    dlt.load("2025-12-03").await;
    std::fs::remove_dir_all(project.path("sql")).expect("a folder");
    std::fs::remove_file(project.path("backfill.toml")).expect("a file");
    let init = [
        "init",
        "--source",
        "s3://exports",
        "--prefix",
        "orders-create/",
        "--table",
        "shop.orders_create",
    ];
    let told = project.backfill(&init).await.ended(0);
    assert!(!told.stderr.contains("refuse"), "{}", told.stderr);
    project.backfill(&HISTORY).await.ended(0);
    let days =
        ["compare", "--prefix", "orders-create/", "--start", "2025-12-01", "--end", "2025-12-03"];
    let compared = project.backfill(&days).await.ended(0);
    assert!(compared.stdout.contains("equal: 36 rows"), "{}\n{}", compared.stdout, compared.stderr);
}

/// A table as dlt makes it, over the dataset `people`.
const OF_DLT: &str = "\
CREATE TABLE people (id text, city text, amount numeric(12, 2), note text, _client_id text, \
    _file_name text NOT NULL, _row_id bigint NOT NULL, _file_date date, _dlt_id varchar NOT NULL UNIQUE, \
    _dlt_load_id varchar NOT NULL);
CREATE TABLE _dlt_loads (load_id varchar NOT NULL, schema_name varchar, status bigint NOT NULL, \
    inserted_at timestamptz NOT NULL, schema_version_hash varchar);";

/// A day that dlt has loaded.
const DAY_OF_DLT: &str = "\
INSERT INTO people VALUES ('a', 'Rome', 1, 'kept', 'acme', 'exports/people/report_2025-09-24.csv', 0, \
    '2025-09-24', 'abcdefghijklmn', '1700000000.1'); \
INSERT INTO _dlt_loads VALUES ('1700000000.1', 'shop', 0, now(), 'x')";

async fn people_of_dlt() -> Project {
    let project = Project::people().await;
    project.write("sql/people/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    for day in 22..=25 {
        project.put(&format!("people/report_2025-09-{day}.csv"), "id,city,amount\na,Rome,1\n");
    }
    project.database.execute(OF_DLT).await;
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_shows_columns_that_stage_sql_does_not_give() {
    let project = people_of_dlt().await;
    project.database.execute(DAY_OF_DLT).await;
    let days = ["compare", "--start", "2025-09-24", "--end", "2025-09-24"];
    let compared = project.backfill(&days).await.ended(3).stdout;
    assert!(compared.contains("note") && !compared.contains("_client_id"), "{compared}");
    // Of days that are not there nothing can be said.
    let days = ["compare", "--start", "2025-09-22", "--end", "2025-09-23"];
    let compared = project.backfill(&days).await.ended(3).stdout;
    assert!(compared.contains("_file_name = exports/people/report_2025-09-22.csv"), "{compared}");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_the_loader_fills_are_told_of_also_if_the_table_is_empty() {
    let project = people_of_dlt().await;
    let ran = project.run("2025-09-22", "2025-09-22").await.ended(0).stderr;
    assert!(ran.contains("does not return _client_id") && ran.contains("`constants`"), "{ran}");
    let constants = "max_rejects = 0\nconstants = { _client_id = \"acme\" }";
    project.edit("backfill.toml", "max_rejects = 0", constants);
    project.run("2025-09-22", "2025-09-22").await.ended(3);
    let reload = ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--reload"];
    project.backfill(&reload).await.ended(0);
    assert_eq!(project.rows("SELECT _client_id FROM people").await, ["acme"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_took_no_row_of_a_live_day_does_not_make_it_ours() {
    let project = people_of_dlt().await;
    project.database.execute(DAY_OF_DLT).await;
    let merge = "max_rejects = 0\nmode = \"merge\"\nmerge_key = [\"_file_name\", \"_row_id\"]";
    project.edit("backfill.toml", "max_rejects = 0", merge);
    let allowed = ["run", "--start", "2025-09-24", "--end", "2025-09-24", "--live-days"];
    project.backfill(&allowed).await.ended(0);
    let refused = project.run("2025-09-24", "2025-09-25").await.ended(3).stderr;
    assert!(refused.contains("from 2025-09-24 or later"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_in_which_dlt_keeps_old_versions_is_refused() {
    let project = people_of_dlt().await;
    let versions =
        "ALTER TABLE people ADD _dlt_valid_from timestamptz, ADD _dlt_valid_to timestamptz";
    project.database.execute(versions).await;
    let refused = project.run("2025-09-22", "2025-09-22").await.ended(2).stderr;
    assert!(refused.contains("scd2"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_right_that_the_load_needs_is_named_beforehand() {
    let project = people_of_dlt().await;
    let role = format!("loader_{}", project.database.name());
    project
        .database
        .execute(&format!(
            "CREATE TABLE _dlt_version (schema_name varchar, version_hash varchar, schema text, \
                 inserted_at timestamptz); \
             CREATE ROLE {role} LOGIN PASSWORD 'test-only'; \
             GRANT CREATE ON DATABASE {} TO {role}; \
             GRANT SELECT, INSERT ON people TO {role}",
            project.database.name()
        ))
        .await;
    let url = project.database.url().replace("postgres:test-only", &format!("{role}:test-only"));
    let variables = [("DATABASE_URL", url.as_str())];
    let run = ["run", "--start", "2025-09-22", "--end", "2025-09-23"];
    let refused = project.backfill_with(&variables, &run).await.ended(2).stderr;
    for grant in [
        "DELETE ON \"public\".\"people\"",
        "INSERT ON \"public\".\"_dlt_loads\"",
        "SELECT ON \"public\".\"_dlt_version\"",
    ] {
        assert!(refused.contains(&format!("GRANT {grant} TO \"{role}\"")), "{grant}: {refused}");
        project.database.execute(&format!("GRANT {grant} TO {role}")).await;
    }
    project.backfill_with(&variables, &run).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_load_that_dlt_has_not_finished_are_told_of() {
    let project = people_of_dlt().await;
    project.database.execute(DAY_OF_DLT).await;
    let plan = ["plan", "--start", "2025-09-22", "--end", "2025-09-24"];
    let told = project.backfill(&plan).await.ended(0).stderr;
    assert!(!told.contains("_dlt_loads"), "{told}");
    project.database.execute("DELETE FROM _dlt_loads").await;
    let told = project.backfill(&plan).await.ended(0).stderr;
    assert!(told.contains("1 rows of these files in public.people belong to a load"), "{told}");
}
