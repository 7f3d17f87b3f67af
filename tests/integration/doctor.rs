//! `backfill doctor`: planted faults, each of which is found by the check that is made for it, and by no other;
//! and a sound set-up, in which none is found.

mod datasets;

use backfill_demo::Fault;
use object_store::aws::AmazonS3Builder;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use serde_json::Value;

use crate::support::{OwnServer, Pooler, Project, Ran, Stores, export};

/// A sound project: three days of files, whose target is still to be made.
async fn sound() -> Project {
    let project = Project::people().await;
    for day in 22..=24 {
        let rows = format!("a{day},Rome,1\nb{day},Oslo,2.50\n");
        project.put(&format!("people/report_2025-09-{day}.csv"), export(&rows));
    }
    project
}

/// Staging in a bucket.
const BUCKET: (&str, &str) = ("url = \"staging\"", "url = \"s3://staging\"");

async fn doctor(project: &Project, variables: &[(&str, &str)]) -> Ran {
    project.backfill_with(variables, &["doctor", "--output", "json"]).await
}

/// The checks that did not pass, as `state id`, but for those that were skipped.
fn wrong(ran: &Ran) -> Vec<String> {
    let document = ran.json();
    let checks = document["checks"].as_array().expect("checks").iter();
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    checks
        .filter(|check| ["warned", "failed"].contains(&check["state"].as_str().expect("a state")))
        .map(|check| format!("{} {}", text(check, "state"), text(check, "id")))
        .collect()
}

/// What did not pass, for the message of a test that fails.
fn shown(document: &Value) -> String {
    let checks = document["checks"].as_array().expect("checks").iter();
    let lines = checks.filter(|check| check["state"] != "passed").map(|check| {
        format!("{} {}: {} → {}", check["state"], check["id"], check["found"], check["next"])
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Asserts that just one check did not pass, and that what to do next is said with this text.
#[track_caller]
fn finds(ran: Ran, state: &str, id: &str, next: &str) {
    let document = ran.json();
    assert_eq!(wrong(&ran), [format!("{state} {id}")], "{}", shown(&document));
    let ran = ran.ended(if state == "failed" { 1 } else { 0 });
    let checks = document["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["id"] == id).expect("the check");
    let said = check["next"].as_str().expect("what to do next");
    assert!(said.contains(next), "{said}");
    assert!(!check["found"].as_str().unwrap_or_default().is_empty());
    // Neither a secret nor the XML of a store.
    for secret in ["test-only", "backfill-on-this-machine-only", "<Code>", "Rome"] {
        assert!(!ran.stdout.contains(secret), "{secret} in {}", ran.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_set_up_has_no_fault_and_nothing_stays_behind() {
    let project = sound().await;
    let ran = doctor(&project, &[]).await.ended(0);
    assert!(wrong(&ran).is_empty(), "{}", shown(&ran.json()));
    assert_eq!(ran.json()["skipped"], 0, "{}", ran.stdout);
    assert!(ran.json()["passed"].as_u64().expect("a count") > 30, "{}", ran.stdout);
    let schemas = "SELECT nspname FROM pg_namespace WHERE nspname IN ('backfill')";
    assert!(project.rows(schemas).await.is_empty());
    assert!(project.rows("SELECT relname FROM pg_class WHERE relname = 'people'").await.is_empty());
    assert!(!project.path("staging").exists(), "the folder is not made");

    // After a load it is sound as well, by way of a bucket for staging, and in text.
    project.edit("backfill.toml", BUCKET.0, BUCKET.1);
    std::fs::create_dir_all(project.path("buckets/staging")).expect("a bucket");
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    let before = objects(&project);
    let ran = doctor(&project, &[]).await.ended(0);
    assert!(wrong(&ran).is_empty(), "{}", shown(&ran.json()));
    assert_eq!(objects(&project), before);
    let text = project.backfill(&["doctor"]).await.ended(0).stdout;
    assert!(text.contains("Source s3://exports") && text.contains(" 0 failed"), "{text}");
}

/// The names of everything in the bucket of staging.
fn objects(project: &Project) -> Vec<String> {
    let mut folders = vec![project.path("buckets/staging")];
    let mut names = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            match entry.path().is_dir() {
                true => folders.push(entry.path()),
                false => names.push(entry.path().display().to_string()),
            }
        }
    }
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_on_the_way_to_the_source_are_told_apart() {
    let project = sound().await;
    project.edit("backfill.toml", "s3://exports", "s3://nowhere");
    finds(doctor(&project, &[]).await, "failed", "source-bucket", "name of the bucket");
    project.edit("backfill.toml", "s3://nowhere", "s3://exports");

    let secret = [("SOURCE_AWS_ACCESS_KEY_ID", "backfill"), ("SOURCE_AWS_SECRET_ACCESS_KEY", "x")];
    finds(doctor(&project, &secret).await, "failed", "source-credentials", "credentials");
    let nobody = [("SOURCE_AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")];
    finds(doctor(&project, &nobody).await, "failed", "source-reachable", "endpoint");

    let lists = |line: &str| line.starts_with("GET /exports?");
    project.s3.follow(move |line| lists(line).then_some(Fault::Forbidden));
    finds(doctor(&project, &[]).await, "failed", "source-list", "s3:ListBucket");
    project.s3.follow(move |line| lists(line).then_some(Fault::WrongRegion("eu-west-1")));
    let next = "source.region = \"eu-west-1\"";
    finds(doctor(&project, &[]).await, "failed", "source-region", next);
    project.s3.follow(move |line| lists(line).then_some(Fault::WrongRegion("")));
    finds(doctor(&project, &[]).await, "failed", "source-region", "get-bucket-location");
    project.s3.follow(move |line| lists(line).then_some(Fault::TimeTooSkewed));
    finds(doctor(&project, &[]).await, "failed", "source-clock", "NTP");
    project.s3.follow(move |_| Some(Fault::ClockAhead(-600)));
    finds(doctor(&project, &[]).await, "warned", "source-clock", "15 minutes");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_or_are_not_exports_are_found() {
    let project = sound().await;
    let gets = |line: &str| line.starts_with("GET /exports/people");
    project.s3.follow(move |line| gets(line).then_some(Fault::Forbidden));
    finds(doctor(&project, &[]).await, "failed", "files-readable", "s3:GetObject");
    project.s3.follow(move |line| line.contains("09-22.csv").then_some(Fault::Archived));
    finds(doctor(&project, &[]).await, "failed", "files-archived", "restore-object");
    project.s3.follow(|_| None);

    let key = "report_{date:%Y-%m-%d}*.csv";
    project.edit("backfill.toml", key, "daily_{date:%Y-%m-%d}.csv");
    finds(doctor(&project, &[]).await, "failed", "files-match", "datasets.people.key");
    project.edit("backfill.toml", "daily_{date:%Y-%m-%d}.csv", key);
    project.put("people/other.csv", "x");
    finds(doctor(&project, &[]).await, "warned", "files-ignored", "datasets.people.key");
    std::fs::remove_file(project.bucket().join("people/other.csv")).expect("removed");

    project.put("people/report_2025-09-26.csv", export("z,Rome,1\n"));
    finds(doctor(&project, &[]).await, "warned", "files-days", "have these days exported again");
    project.put("people/report_2025-09-25.csv", "");
    let ran = doctor(&project, &[]).await.ended(1);
    assert!(wrong(&ran).contains(&"failed files-empty".to_owned()), "{}", ran.stdout);
    project.put("people/report_2025-09-25.csv", "<html><body>503</body></html>\n");
    let ran = doctor(&project, &[]).await.ended(1);
    let found = wrong(&ran);
    let is_header = |one: &String| one == "failed files-header" || one == "failed files-exports";
    assert!(found.iter().any(is_header), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn staging_is_written_read_and_deleted_to_find_what_is_not_allowed() {
    let project = sound().await;
    project.write("staging", "a file where the folder should be");
    finds(doctor(&project, &[]).await, "failed", "staging-write", "permissions");

    project.edit("backfill.toml", BUCKET.0, BUCKET.1);
    project.s3.follow(|line| line.contains("/staging").then_some(Fault::NoSuchBucket));
    finds(doctor(&project, &[]).await, "failed", "staging-bucket", "name of the bucket");
    project.s3.follow(|_| None);
    std::fs::create_dir_all(project.path("buckets/staging")).expect("a bucket");
    finds_nothing(doctor(&project, &[]).await);

    project.s3.follow(|line| line.starts_with("PUT /staging").then_some(Fault::Forbidden));
    finds(doctor(&project, &[]).await, "failed", "staging-write", "s3:PutObject");
    project.s3.follow(|line| line.starts_with("GET /staging/").then_some(Fault::Forbidden));
    finds(doctor(&project, &[]).await, "failed", "staging-read", "s3:GetObject");
    project.s3.follow(|line| line.starts_with("POST /staging?delete").then_some(Fault::Forbidden));
    finds(doctor(&project, &[]).await, "warned", "staging-delete", "s3:DeleteObject");
    project.s3.follow(|line| line.contains("/staging").then_some(Fault::WrongRegion("us-west-2")));
    finds(
        doctor(&project, &[]).await,
        "failed",
        "staging-region",
        "staging.region = \"us-west-2\"",
    );

    let missing = [("TMPDIR", "/nowhere/at/all")];
    project.s3.follow(|_| None);
    let ran = doctor(&project, &missing).await.ended(1);
    assert!(wrong(&ran).contains(&"failed temporary-space".to_owned()), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_were_never_finished_are_counted_and_aborted() {
    let project = sound().await;
    project.edit("backfill.toml", BUCKET.0, "url = \"s3://staging/of-backfill\"");
    let stores = Stores::start(&project, &[]);
    let keys = stores.session().await;
    let mut bucket = AmazonS3Builder::new()
        .with_endpoint(stores.url("s3", ""))
        .with_allow_http(true)
        .with_bucket_name("staging")
        .with_region("us-east-1");
    for (name, value) in &keys {
        bucket = bucket.with_config(name.to_lowercase().parse().expect("a key"), value);
    }
    let bucket = bucket.build().expect("a bucket");
    // This server says of every upload that it was begun in 2010.
    for key in ["of-backfill/mirror/a&b.parquet", "of-backfill/runs/c", "of-others/mirror/d"] {
        bucket.create_multipart(&Path::parse(key).expect("a path")).await.expect("begun");
    }
    let keys: Vec<(&str, &str)> = keys.iter().map(|(name, key)| (*name, key.as_str())).collect();
    let doctor = ["doctor", "--output", "json"];
    let ran = stores.backfill(&keys, &doctor).await;
    assert!(ran.stdout.contains("2 upload(s) were never finished"), "{}", ran.stdout);
    finds(ran, "warned", "staging-uploads", "AbortIncompleteMultipartUpload");
    let ran = stores.backfill(&keys, &[&doctor[..], &["--abort-uploads"]].concat()).await;
    assert!(ran.stdout.contains("2 old upload(s) were aborted"), "{}", ran.stdout);
    finds_nothing(ran);
    project.edit("backfill.toml", "of-backfill", "of-others");
    let ran = stores.backfill(&keys, &doctor).await;
    assert!(ran.stdout.contains("1 upload(s) were never finished"), "{}", ran.stdout);
}

#[track_caller]
fn finds_nothing(ran: Ran) {
    assert!(wrong(&ran).is_empty(), "{}", shown(&ran.json()));
    ran.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_on_the_way_to_the_database_are_told_apart() {
    let project = sound().await;
    let at = |url: String| async move { url };
    let url = project.database.url();
    for (address, id, next) in [
        (url.replace("test-only", "guessed"), "database-login", "password"),
        (
            format!("postgres://postgres@127.0.0.1:1/{}", project.database.name()),
            "database-reachable",
            "port",
        ),
        (url.replace("sslmode=disable", "sslmode=require"), "database-tls", "TLS"),
        (url.replace("sslmode=disable", "sslmode=perhaps"), "database-address", "DATABASE_URL"),
        (url.replace(project.database.name(), "no_such_database"), "database-login", "PGDATABASE"),
    ] {
        let address = at(address).await;
        finds(doctor(&project, &[("DATABASE_URL", &address)]).await, "failed", id, next);
    }
    let mut command = project.command(&["doctor", "--output", "json"]);
    command.env_remove("DATABASE_URL");
    let ran = crate::support::finish(command).await;
    finds(ran, "failed", "database-address", "set DATABASE_URL");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_expired_or_is_about_to_is_found() {
    let project = sound().await;
    let server = OwnServer::start();
    let folder = server.with_tls();
    let trusted = folder.join("right.crt").display().to_string();
    let full = format!(
        "postgres://postgres@localhost:{}/postgres?sslmode=verify-full&sslrootcert={trusted}",
        server.port
    );
    let ran = doctor(&project, &[("DATABASE_URL", &full)]).await;
    finds(ran, "warned", "database-certificate", "renewed");
    let other = full.replace("right.crt", "other.crt");
    finds(
        doctor(&project, &[("DATABASE_URL", &other)]).await,
        "failed",
        "database-tls",
        "sslrootcert",
    );
    server.with_expired_certificate();
    let ran = doctor(&project, &[("DATABASE_URL", &full)]).await;
    finds(ran, "failed", "database-tls", "certificate");
    let unchecked =
        format!("postgres://postgres@localhost:{}/postgres?sslmode=require", server.port);
    let ran = doctor(&project, &[("DATABASE_URL", &unchecked)]).await;
    finds(ran, "warned", "database-certificate", "renewed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_is_seen_in_transaction_mode_and_passes_in_session_mode() {
    let project = sound().await;
    for (mode, is_warned) in [("pool_mode = transaction", true), ("pool_mode = session", false)] {
        let pooler = Pooler::start(&project.database, mode);
        let url = pooler.url(&project.database);
        let ran = doctor(&project, &[("DATABASE_URL", &url)]).await;
        match is_warned {
            true => finds(ran, "warned", "database-pooler", "session mode"),
            false => finds_nothing(ran),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_database_and_role_that_stand_in_the_way_are_found() {
    let project = sound().await;
    let name = project.database.name();
    let set = |what: &str| format!("ALTER DATABASE {name} {what}");
    project.database.execute(&set("SET default_transaction_read_only = on")).await;
    let next = "default_transaction_read_only = off";
    finds(doctor(&project, &[]).await, "failed", "database-writable", next);
    let off = format!("BEGIN READ WRITE; {}; COMMIT", set("RESET ALL"));
    project.database.execute(&off).await;
    // PostgreSQL 13 does not know this setting.
    let known = "SELECT 1 FROM pg_settings WHERE name = 'idle_session_timeout'";
    if !project.database.rows(known).await.is_empty() {
        project.database.execute(&set("SET idle_session_timeout = '1min'")).await;
        let next = "idle_session_timeout = 0";
        finds(doctor(&project, &[]).await, "warned", "database-timeouts", next);
        project.database.execute(&set("RESET ALL")).await;
    }
    project.database.execute(&set("SET statement_timeout = '2min'")).await;
    let ran = doctor(&project, &[]).await;
    assert!(ran.stdout.contains("statement_timeout 00:02:00"), "{}", ran.stdout);
    finds_nothing(ran);

    let (role, url) = role(&project, "CONNECTION LIMIT 3").await;
    let grant = format!(
        "GRANT CREATE ON DATABASE {name} TO {role}; GRANT CREATE ON SCHEMA public TO {role}"
    );
    project.database.execute(&grant).await;
    let ran = doctor(&project, &[("DATABASE_URL", &url)]).await;
    finds(ran, "warned", "database-connections", "--connections 1");
    let one = |limit: i32| format!("ALTER ROLE {role} CONNECTION LIMIT {limit}");
    project.database.execute(&one(1)).await;
    let ran = doctor(&project, &[("DATABASE_URL", &url)]).await;
    finds(
        ran,
        "warned",
        "database-connections",
        &format!("ALTER ROLE \"{role}\" CONNECTION LIMIT"),
    );
    project
        .database
        .execute(&format!("{}; ALTER DATABASE {name} CONNECTION LIMIT 1", one(-1)))
        .await;
    // Superusers may connect beyond the limit, and sessions of the test may still be closing.
    finds_nothing(doctor(&project, &[]).await);
    project.database.execute(&format!("ALTER DATABASE {name} CONNECTION LIMIT -1")).await;
    drop_role(&project, &role).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_the_configuration_and_the_cadence_are_told() {
    let project = sound().await;
    let config = project.read("backfill.toml");
    for (limit, state) in [("database = \"1 MB\"", "failed"), ("disk = \"1 MB\"", "failed")] {
        project.write("backfill.toml", format!("{config}\n[limits]\n{limit}\n"));
        finds(doctor(&project, &[]).await, state, "database-size", "limits.");
    }
    project.write("backfill.toml", format!("{config}\n[limits]\ndatabase = \"100 GB\"\n"));
    finds_nothing(doctor(&project, &[]).await);
    project.write("backfill.toml", config.replace("max_rejects", "every = \"month\"\nmax_rejects"));
    project.put("people/report_2025-11-20.csv", export("z,Rome,1\n"));
    let ran = doctor(&project, &[]).await;
    assert!(
        ran.stdout.contains("no file in 2025-10: one is expected every month"),
        "{}",
        ran.stdout
    );
    finds(ran, "warned", "files-days", "have these days exported again");
    let gaps = project.backfill(&["gaps"]).await.ended(0).stdout;
    assert!(gaps.contains("no file in S3 for 2025-10 (1 month(s))"), "{gaps}");
}

#[tokio::test(flavor = "multi_thread")]
async fn references_that_cannot_be_read_are_found() {
    let project = sound().await;
    let config = project.read("backfill.toml");
    let reference = "\n[references.cities]\npath = \"ref/cities.csv\"\n";
    project.write("backfill.toml", format!("{config}{reference}"));
    finds(doctor(&project, &[]).await, "warned", "reference", "relative to backfill.toml");
    let check = "SELECT _row_id FROM source WHERE city NOT IN (SELECT name FROM cities)";
    project.write("sql/people/checks/unknown_city.sql", check);
    finds(doctor(&project, &[]).await, "failed", "reference", "relative to backfill.toml");
    project.write("ref/cities.csv", "name,name\nRome,1\n");
    finds(doctor(&project, &[]).await, "failed", "reference", "csv of the reference");
    project.write("ref/cities.csv", "name,rank\nRome\n");
    finds(doctor(&project, &[]).await, "failed", "reference", "csv of the reference");
    project.write("ref/cities.csv", "name,rank\nRome,1\n");
    let ran = doctor(&project, &[]).await;
    assert!(ran.stdout.contains("its file can be read, with 2 column(s)"), "{}", ran.stdout);
    finds_nothing(ran);
    let shown = project.backfill(&["doctor"]).await.ended(0).stdout;
    assert!(shown.contains("Reference cities: ") && shown.contains("ref/cities.csv"), "{shown}");
}

/// A role of the test's own, and the address with which it logs in.
async fn role(project: &Project, more: &str) -> (String, String) {
    let role = format!("patient_{}", project.database.name());
    project
        .database
        .execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'test-only' {more}"))
        .await;
    let url = project.database.url().replace("postgres:test-only", &format!("{role}:test-only"));
    (role, url)
}

async fn drop_role(project: &Project, role: &str) {
    project.database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}
