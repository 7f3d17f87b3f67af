//! Faults of a dataset: of rights, the ledger, the target, dlt and the SQL.

use super::{doctor, drop_role, finds, finds_nothing, role, sound, wrong};
use crate::support::Project;

/// A sound project whose target was made by this statement.
async fn with_target(create: &str) -> Project {
    let project = sound().await;
    project.database.execute(create).await;
    project
}

/// The columns of the dataset, for a target.
const COLUMNS: &str = "id text, city text, amount numeric(12, 2), _file_name text NOT NULL, \
                       _row_id bigint NOT NULL, _file_date date NOT NULL";
const TABLE: &str = "CREATE TABLE people (id text, city text, amount numeric(12, 2), \
                     _file_name text NOT NULL, _row_id bigint NOT NULL, _file_date date NOT NULL)";

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_missing_are_named_as_the_grants_that_give_them() {
    let project = with_target(TABLE).await;
    let (role, url) = role(&project, "").await;
    let with = [("DATABASE_URL", url.as_str())];
    let name = project.database.name();
    // Up to PostgreSQL 14 everybody may create tables in `public`.
    project.database.execute("REVOKE CREATE ON SCHEMA public FROM public").await;
    let grant = |what: &str| format!("GRANT {what} TO {role}");
    project.database.execute(&grant("SELECT, INSERT ON people")).await;
    let next = format!("GRANT CREATE ON DATABASE \"{name}\"");
    finds(doctor(&project, &with).await, "failed", "ledger", &next);
    project.database.execute(&grant(&format!("CREATE ON DATABASE {name}"))).await;
    finds_nothing(doctor(&project, &with).await);

    project.database.execute(&format!("REVOKE INSERT ON people FROM {role}")).await;
    let next = format!("GRANT INSERT ON \"public\".\"people\" TO \"{role}\"");
    finds(doctor(&project, &with).await, "failed", "target-rights", &next);
    let row_security =
        format!("{}; ALTER TABLE people ENABLE ROW LEVEL SECURITY", grant("INSERT ON people"));
    project.database.execute(&row_security).await;
    finds(doctor(&project, &with).await, "failed", "target-row-security", "BYPASSRLS");
    let closed = "CREATE SCHEMA shut; ALTER TABLE people SET SCHEMA shut";
    project.database.execute(closed).await;
    project.edit("backfill.toml", "table = \"people\"", "table = \"shut.people\"");
    project.edit("sql/people/target.sql", "TABLE people", "TABLE shut.people");
    finds(
        doctor(&project, &with).await,
        "failed",
        "target-rights",
        "GRANT USAGE ON SCHEMA \"shut\"",
    );
    project.edit("backfill.toml", "shut.people", "people");
    project.edit("sql/people/target.sql", "shut.people", "people");
    finds(
        doctor(&project, &with).await,
        "failed",
        "target-rights",
        "GRANT CREATE ON SCHEMA \"public\"",
    );
    drop_role(&project, &role).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_of_somebody_else_or_of_an_older_version_is_judged() {
    let project = with_target(TABLE).await;
    project.database.execute("CREATE SCHEMA backfill; CREATE TABLE backfill.files (id int)").await;
    finds(doctor(&project, &[]).await, "failed", "ledger", "rename");
    project
        .database
        .execute("DROP TABLE backfill.files; CREATE VIEW backfill.saved_rows AS SELECT 1 AS n")
        .await;
    finds(doctor(&project, &[]).await, "failed", "ledger", "rename");
    project.database.execute("DROP SCHEMA backfill CASCADE").await;
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    project.database.execute("ALTER TABLE backfill.files DROP COLUMN held, DROP COLUMN xids").await;
    let ran = doctor(&project, &[]).await.ended(0);
    assert!(wrong(&ran).is_empty() && ran.stdout.contains("an older version created it"));
    assert_eq!(columns_named_held(&project).await, ["0"], "it was rolled back");

    // Only its owner may bring it up to date.
    let (role, url) = role(&project, "").await;
    let grants = format!(
        "GRANT USAGE ON SCHEMA backfill TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA backfill TO {role}; \
         ALTER TABLE people DISABLE ROW LEVEL SECURITY; GRANT ALL ON people TO {role}"
    );
    project.database.execute(&grants).await;
    let with = [("DATABASE_URL", url.as_str())];
    finds(doctor(&project, &with).await, "failed", "ledger", "run this version once as postgres");
    let run = ["run", "--start", "2025-09-22", "--end", "2025-09-23"];
    let ran = project.backfill_with(&with, &run).await.ended(2);
    assert!(ran.stderr.contains("only its owner postgres"), "{}", ran.stderr);
    drop_role(&project, &role).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_ledger_is_refused_by_doctor_and_run_with_the_same_words() {
    for (damage, found) in [
        ("DROP TABLE backfill.batches", "the ledger is damaged: backfill.batches missing"),
        ("DROP TABLE backfill.files", "the ledger is damaged: backfill.files missing"),
        ("DROP TABLE backfill.saved_rows", "the ledger is damaged: backfill.saved_rows missing"),
        (
            "ALTER TABLE backfill.runs DROP COLUMN status",
            "backfill.runs is not the ledger's table: it lacks status",
        ),
        (
            "DROP TABLE backfill.saved_files; CREATE VIEW backfill.saved_files AS SELECT 1 AS n",
            "backfill.saved_files is not the ledger's table: it is not a table",
        ),
    ] {
        let project = with_target(TABLE).await;
        project.run("2025-09-22", "2025-09-22").await.ended(0);
        finds_nothing(doctor(&project, &[]).await);
        project.database.execute(damage).await;
        let ran = doctor(&project, &[]).await;
        assert!(ran.stdout.contains(found), "{damage}: {}", ran.stdout);
        finds(ran, "failed", "ledger", "restore");
        let ran = project.run("2025-09-23", "2025-09-23").await.ended(2);
        assert!(ran.stderr.contains(found) && ran.stderr.contains("restore"), "{}", ran.stderr);
        assert_eq!(project.rows("SELECT count(*) FROM people").await, ["2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_use_the_ledger_still_hears_of_the_target() {
    let project = with_target(TABLE).await;
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    let (role, url) = role(&project, "").await;
    let grants = format!(
        "ALTER TABLE people DISABLE ROW LEVEL SECURITY; GRANT ALL ON people TO {role}; \
         GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA backfill TO {role}"
    );
    project.database.execute(&grants).await;
    let with = [("DATABASE_URL", url.as_str())];
    let ran = doctor(&project, &with).await;
    assert_eq!(ran.json()["skipped"], 0, "{}", ran.stdout);
    finds(ran, "failed", "ledger", "GRANT USAGE ON SCHEMA backfill");
    let usage = format!("GRANT USAGE ON SCHEMA backfill TO {role}");
    project.database.execute(&usage).await;
    finds_nothing(doctor(&project, &with).await);
    // Without the right to delete, saved rows stay, and the run works.
    let run = ["run", "--start", "2025-09-22", "--end", "2025-09-23"];
    project.backfill_with(&with, &run).await.ended(0);
    let one = format!("REVOKE INSERT ON backfill.saved_files FROM {role}");
    project.database.execute(&one).await;
    finds(doctor(&project, &with).await, "failed", "ledger", "GRANT SELECT, INSERT");
    drop_role(&project, &role).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publications_without_a_replica_identity_are_found() {
    let project = with_target(TABLE).await;
    let publish =
        |what: &str| format!("CREATE PUBLICATION p FOR TABLE people WITH (publish = '{what}')");
    project.database.execute(&publish("insert")).await;
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = 0\nmode = \"replace-range\"");
    finds_nothing(doctor(&project, &[]).await);
    project.database.execute(&format!("DROP PUBLICATION p; {}", publish("delete"))).await;
    let next = "REPLICA IDENTITY FULL";
    finds(doctor(&project, &[]).await, "failed", "target-publications", next);
    project.edit(
        "backfill.toml",
        "mode = \"replace-range\"",
        "mode = \"merge\"\nmerge_key = [\"id\"]",
    );
    finds(doctor(&project, &[]).await, "warned", "target-publications", next);
    project.database.execute("DROP PUBLICATION p; CREATE PUBLICATION p FOR ALL TABLES").await;
    finds(doctor(&project, &[]).await, "failed", "target-publications", next);
    project.edit("backfill.toml", "mode = \"merge\"\nmerge_key = [\"id\"]", "");
    finds(doctor(&project, &[]).await, "warned", "target-publications", next);
    project.database.execute("ALTER TABLE people REPLICA IDENTITY FULL").await;
    finds_nothing(doctor(&project, &[]).await);
    project
        .database
        .execute("ALTER TABLE people REPLICA IDENTITY DEFAULT, ADD PRIMARY KEY (id)")
        .await;
    finds_nothing(doctor(&project, &[]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_for_a_column_of_numbers_are_told_before_a_run_stops_at_one() {
    let project = with_target(&TABLE.replace("city text", "city int")).await;
    finds(doctor(&project, &[]).await, "warned", "target-columns", "stage.sql");
    let ran = project.run("2025-09-22", "2025-09-22").await.ended(3);
    assert!(ran.stderr.contains("city"), "{}", ran.stderr);
}

async fn columns_named_held(project: &Project) -> Vec<String> {
    let count = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'backfill' \
                 AND column_name = 'held'";
    project.rows(count).await
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_and_types_that_do_not_take_the_rows_are_found() {
    let project = with_target(&TABLE.replace("city text, ", "")).await;
    finds(doctor(&project, &[]).await, "failed", "target-columns", "stage.sql");
    project
        .database
        .execute("ALTER TABLE people ADD city text, ALTER amount TYPE bool USING true")
        .await;
    finds(doctor(&project, &[]).await, "failed", "target-columns", "stage.sql");
    project
        .database
        .execute(
            "ALTER TABLE people ALTER amount TYPE numeric(12, 2) USING 1, ADD shop text NOT NULL",
        )
        .await;
    finds(doctor(&project, &[]).await, "failed", "target-columns", "stage.sql");
    project.database.execute("ALTER TABLE people DROP shop, ALTER _file_name DROP NOT NULL").await;
    finds_nothing(doctor(&project, &[]).await);
    project
        .database
        .execute("INSERT INTO people (id, _row_id, _file_date) VALUES ('x', 1, now())")
        .await;
    finds(doctor(&project, &[]).await, "failed", "target-unnamed-rows", "--ignore-unnamed-rows");

    project
        .database
        .execute("DROP TABLE people; CREATE MATERIALIZED VIEW people AS SELECT 1 AS id")
        .await;
    finds(doctor(&project, &[]).await, "failed", "target-table", "set `table` in");
    project.database.execute("DROP MATERIALIZED VIEW people").await;
    project.edit("sql/people/target.sql", "city text", "city no_such_type");
    finds(doctor(&project, &[]).await, "failed", "target-table", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn side_effects_and_a_missing_index_are_found() {
    let project = with_target(&TABLE.replace("id text", "id text PRIMARY KEY")).await;
    let trigger = "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
                   CREATE TRIGGER note BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION noted()";
    project.database.execute(trigger).await;
    finds(doctor(&project, &[]).await, "failed", "target-triggers", "--allow-side-effects");
    let key = "DROP TRIGGER note ON people; \
               CREATE TABLE pets (owner text REFERENCES people ON DELETE CASCADE)";
    project.database.execute(key).await;
    finds(doctor(&project, &[]).await, "warned", "target-cascades", "DEFERRABLE");
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = 0\nmode = \"replace-range\"");
    finds(doctor(&project, &[]).await, "failed", "target-cascades", "DEFERRABLE");
    project.edit("backfill.toml", "mode = \"replace-range\"", "");

    let large = "DROP TABLE pets; ALTER TABLE people ALTER city SET STORAGE EXTERNAL; \
                 INSERT INTO people SELECT i::text, repeat('x', 2000000), 1, 'f', i, '2025-01-01' \
                 FROM generate_series(1, 150) AS i";
    project.database.execute(large).await;
    finds(doctor(&project, &[]).await, "warned", "target-index", "CREATE INDEX CONCURRENTLY");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dlt_does_with_the_table_is_found() {
    let of_dlt = format!(
        "CREATE TABLE people ({COLUMNS}, _dlt_load_id varchar NOT NULL, _dlt_id varchar NOT NULL UNIQUE); \
         CREATE TABLE _dlt_loads (load_id varchar, schema_name varchar, status bigint, \
             inserted_at timestamptz, schema_version_hash varchar)"
    );
    let project = with_target(&of_dlt).await;
    finds_nothing(doctor(&project, &[]).await);
    let (role, url) = role(&project, "").await;
    let grants = format!(
        "GRANT CREATE ON DATABASE {} TO {role}; GRANT ALL ON people TO {role}",
        project.database.name()
    );
    project.database.execute(&grants).await;
    let ran = doctor(&project, &[("DATABASE_URL", &url)]).await;
    finds(ran, "failed", "dlt-rights", "GRANT INSERT ON \"public\".\"_dlt_loads\"");
    drop_role(&project, &role).await;
    let versions =
        "ALTER TABLE people ADD _dlt_valid_from timestamptz, ADD _dlt_valid_to timestamptz";
    project.database.execute(versions).await;
    finds(doctor(&project, &[]).await, "failed", "dlt-versions", "write_disposition");
    let nested = "ALTER TABLE people DROP _dlt_valid_from, DROP _dlt_valid_to; \
                  CREATE TABLE people__items (value text, _dlt_parent_id varchar)";
    project.database.execute(nested).await;
    finds(doctor(&project, &[]).await, "failed", "dlt-nested", "max_table_nesting");
    project.database.execute("DROP TABLE people__items, _dlt_loads").await;
    finds(doctor(&project, &[]).await, "warned", "dlt-rights", "nothing to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_that_does_not_parse_or_plan_is_found() {
    let project = sound().await;
    let stage = project.read("sql/people/stage.sql");
    project.edit("sql/people/stage.sql", "SELECT id, city", "SELECT id, town AS city");
    finds(doctor(&project, &[]).await, "failed", "sql-plans", "optional_columns");
    project.write("sql/people/stage.sql", stage.replace("try_to_decimal", "no_such_function"));
    finds(doctor(&project, &[]).await, "failed", "sql-plans", "correct the SQL");
    project.write("sql/people/stage.sql", format!("{stage} LIMIT 3"));
    finds(doctor(&project, &[]).await, "failed", "sql-plans", "");
    project.write("sql/people/stage.sql", "SELEC id");
    finds(doctor(&project, &[]).await, "failed", "sql-files", "");
    project.write("sql/people/stage.sql", stage);
    finds_nothing(doctor(&project, &[]).await);
    project.write("backfill.toml", "[source");
    doctor(&project, &[]).await.ended(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_of_another_prefix_can_be_left_out() {
    let project = sound().await;
    let more =
        "\n[datasets.pets]\nprefix = \"pets/\"\nkey = \"{date:%Y-%m-%d}.csv\"\ntable = \"pets\"\n";
    project.write("backfill.toml", format!("{}{more}", project.read("backfill.toml")));
    let ran = doctor(&project, &[]).await.ended(1);
    assert_eq!(wrong(&ran), ["failed sql-files", "warned files-match"], "{}", ran.stdout);
    let only = project.backfill(&["doctor", "--output", "json", "--prefix", "people"]).await;
    finds_nothing(only);
}
