//! Connections: poolers that refuse or hand sessions on, a server that starts anew, a route that swallows what
//! is sent, and secrets in addresses.

use std::time::Duration;

use crate::support::{OwnServer, Pooler, Project, Proxy, finish};

const RUN: [&str; 7] = ["run", "--start", "2025-09-22", "--end", "2025-09-27", "--batch-size", "1"];

fn export(day: u32) -> String {
    format!("id,city,amount\na,Rome,{day}\nb{day},Oslo,2\n")
}

/// A project with a file a day.
async fn six_days() -> Project {
    let project = Project::people().await;
    for day in 22..=27 {
        project.put(&format!("people/report_2025-09-{day}.csv"), export(day));
    }
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_gives_the_same_through_a_pooler_and_without() {
    for mode in [
        "",
        "mode = \"merge\"\nmerge_key = [\"id\"]",
        "mode = \"replace-range\"\nreplace_by = \"days\"",
    ] {
        let mut found = Vec::new();
        for is_pooled in [false, true] {
            let project = six_days().await;
            project.edit("backfill.toml", "max_rejects = 0", &format!("max_rejects = 0\n{mode}"));
            project.write("sql/people/dedupe.sql", "SELECT _file_name, _row_id FROM source");
            let pooler = Pooler::start(&project.database, "pool_mode = transaction");
            let url =
                if is_pooled { pooler.url(&project.database) } else { project.database.url() };
            let variables = [("DATABASE_URL", url.as_str())];
            project.backfill_with(&variables, &RUN).await.ended(0);
            project.put("people/report_2025-09-24.csv", "id,city,amount\na,Bonn,1\n");
            let reload = [&RUN[..], &["--reload"]].concat();
            project.backfill_with(&variables, &reload).await.ended(0);
            let compared = ["compare", "--start", "2025-09-22", "--end", "2025-09-23"];
            let compared = project.backfill_with(&variables, &compared).await;
            let rows = "SELECT id, city, amount, _file_date FROM people ORDER BY 4, 1";
            found.push((project.rows(rows).await, compared.code, compared.stdout));
        }
        assert!(!found[0].0.is_empty());
        assert_eq!(found[0], found[1], "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_leaves_a_pooler_as_it_was() {
    let project = six_days().await;
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    let pooler = Pooler::start(&project.database, "pool_mode = session");
    let url = pooler.url(&project.database);
    let holder = project.database.client().await;
    holder
        .batch_execute("BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    for _ in 0..10 {
        let mut command =
            project.command(&["plan", "--start", "2025-09-22", "--end", "2025-09-22"]);
        let waiting = command.env("DATABASE_URL", &url).spawn().expect("a process");
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND \
                     datname = current_database()";
        project.until(waits, "a session waits for the lock").await;
        let pid = nix::unistd::Pid::from_raw(i32::try_from(waiting.id()).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("a signal");
        let ended = tokio::task::spawn_blocking(|| waiting.wait_with_output()).await;
        assert_eq!(ended.expect("an end").expect("an end").status.code(), Some(130));
    }
    holder.batch_execute("ROLLBACK").await.expect("an end");
    project.backfill_with(&[("DATABASE_URL", &url)], &["status"]).await.ended(0);
    assert_eq!(
        project.rows("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").await,
        ["0"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pooler_refuses_for_good_is_not_tried_again() {
    let project = six_days().await;
    let pooler = Pooler::start(&project.database, "pool_mode = transaction");
    let url = format!("{}&options=-c%20statement_timeout%3D0", pooler.url(&project.database));
    let refused = project.backfill_with(&[("DATABASE_URL", &url)], &RUN).await.ended(2).stderr;
    assert!(refused.contains("leave out `options`"), "{refused}");
    let url = pooler.url(&project.database).replace("test_", "no_such_");
    let refused = project.backfill_with(&[("DATABASE_URL", &url)], &RUN).await;
    assert_ne!(refused.code, Some(75), "{}", refused.stderr);
    let statements = Pooler::start(&project.database, "pool_mode = statement");
    let url = statements.url(&project.database);
    let refused = project.backfill_with(&[("DATABASE_URL", &url)], &RUN).await.ended(2).stderr;
    assert!(refused.contains("pool_mode of the pooler"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_which_batches_stay() {
    let project = six_days().await;
    project.put("people/report_2025-09-25.csv", "id,city,amount\nx,Rome,1\n");
    let target =
        project.read("sql/people/target.sql").replace("id text", "id text CHECK (id <> 'x')");
    project.write("sql/people/target.sql", target);
    let one_by_one = [&RUN[..], &["--connections", "1"]].concat();
    let failed = project.backfill(&one_by_one).await.ended(3).stderr;
    assert!(failed.contains("3 of 6 batch(es) are committed and stay"), "{failed}");
    assert_eq!(failed.matches("note: ").count(), 1, "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_anew_in_the_middle_of_a_run_costs_time_only() {
    let project = Project::people().await;
    let rows: String = (0..300_000).map(|row| format!("{row},Rome,1\n")).collect();
    project.put("people/report_2025-09-22.csv", format!("id,city,amount\n{rows}"));
    project.write("sql/people/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    let server = OwnServer::start();
    let mut command = project.command(&RUN);
    command.env("DATABASE_URL", server.url());
    let run = tokio::spawn(finish(command));
    let client = server.client().await;
    let copies = "SELECT count(*) FROM pg_stat_progress_copy WHERE bytes_processed > 0";
    let mut is_copying = false;
    for _ in 0..1200 {
        is_copying = client.query_one(copies, &[]).await.expect("a count").get::<_, i64>(0) > 0;
        if is_copying || run.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(is_copying, "no row is copied");
    tokio::task::block_in_place(|| server.crash());
    run.await.expect("an end").ended(0);
    let count = "SELECT count(*), count(DISTINCT _row_id) FROM people";
    let row = server.client().await.query_one(count, &[]).await.expect("a count");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (300_000, 300_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_server_is_said_and_nothing_is_half_loaded() {
    let project = Project::people().await;
    for day in 22..=24 {
        let rows: String = (0..20_000).map(|row| format!("{day}-{row},Rome,1\n")).collect();
        project.put(&format!("people/report_2025-09-{day}.csv"), format!("id,city,amount\n{rows}"));
    }
    let server = OwnServer::start().with_small_disk();
    let url = server.url();
    let variables = [("DATABASE_URL", url.as_str())];
    let one_day = ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--range-alone"];
    project.backfill_with(&variables, &one_day).await.ended(0);
    server.fill_disk(true);
    let run = [&RUN[..], &["--range-alone"]].concat();
    let failed = project.backfill_with(&variables, &run).await.ended(1).stderr;
    assert!(failed.contains("the server's disk is full: free some space there"), "{failed}");
    let count = "SELECT count(*), count(DISTINCT (_file_name, _row_id)) FROM people";
    let rows = server.client().await.query_one(count, &[]).await.expect("a count");
    assert_eq!(rows.get::<_, i64>(0), 20_000);
    server.fill_disk(false);
    project.backfill_with(&variables, &run).await.ended(0);
    let rows = server.client().await.query_one(count, &[]).await.expect("a count");
    assert_eq!((rows.get::<_, i64>(0), rows.get::<_, i64>(1)), (60_000, 60_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_swallows_what_is_sent_is_given_up_and_the_batch_done_again() {
    let project = six_days().await;
    let proxy = Proxy::swallowing(&project.database);
    let url = proxy.url(&project.database);
    let ran = project.backfill_with(&[("DATABASE_URL", &url)], &RUN).await.ended(0);
    assert_eq!(proxy.lost(), 1);
    assert!(
        ran.stderr.contains("the server and this program have waited for each other"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        project.rows("SELECT count(DISTINCT (_file_name, _row_id)), count(*) FROM people").await,
        ["7|7"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_behind_an_empty_value_is_not_shown() {
    let project = six_days().await;
    for address in [
        "host=localhost user= password=S3cret",
        "host= password=S3cret dbname=x",
        "host=localhost dbname= password=S3cret",
        "host=localhost sslrootcert= password=S3cret",
        "host=localhost dbname=postgres://me:S3cret@db/x",
    ] {
        let refused = project.backfill_with(&[("DATABASE_URL", address)], &RUN).await.ended(2);
        assert!(!refused.stderr.contains("S3cret"), "{}", refused.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_hides_warnings_of_connections_too() {
    let project = six_days().await;
    let url = project.database.url().replace("127.0.0.1", "127.0.0.1:1,127.0.0.1");
    let ran = project.backfill_with(&[("DATABASE_URL", &url)], &["--quiet", "status"]).await;
    assert_eq!(ran.ended(0).stderr, "");
    let ran = project.backfill_with(&[("DATABASE_URL", &url)], &["status"]).await.ended(0);
    assert!(ran.stderr.contains("trying the next server"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sslmode_lets_in_and_keeps_out_as_psql_does() {
    let project = six_days().await;
    let servers = [OwnServer::start(), OwnServer::start()];
    let folder = servers[1].with_tls();
    let mut different = Vec::new();
    for (server, kind) in servers.iter().zip(["without TLS", "with TLS"]) {
        for host in ["localhost", "127.0.0.1"] {
            for mode in ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] {
                for root in ["", "right.crt", "other.crt", "missing.crt"] {
                    let port = server.port;
                    let mut address =
                        format!("postgres://postgres@{host}:{port}/postgres?sslmode={mode}");
                    if !root.is_empty() {
                        address.push_str(&format!("&sslrootcert={}", folder.join(root).display()));
                    }
                    let mut psql = project.command_of("psql", &["-c", "SELECT 1", &address]);
                    psql.env("HOME", project.path("home")).env_remove("DATABASE_URL");
                    let mut ours = project.command(&["--quiet", "status"]);
                    ours.env("HOME", project.path("home")).env("DATABASE_URL", &address);
                    let (psql, ours) = (finish(psql).await.code, finish(ours).await.code);
                    if (psql == Some(0)) != (ours == Some(0)) {
                        different
                            .push(format!("{kind}, {host}, {mode}, {root}: {psql:?} {ours:?}"));
                    }
                }
            }
        }
    }
    // A root certificate that is named and missing is refused, where psql goes on without verifying.
    let is_known =
        |case: &&String| case.contains("require, missing.crt") && case.ends_with("Some(2)");
    assert!(different.iter().all(|case| is_known(&case)), "{different:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_with_tls_is_not_lost_when_it_is_tried_without() {
    let project = six_days().await;
    let server = OwnServer::start();
    server.with_tls();
    server.admit("hostssl all all all cert\nhostnossl all all all scram-sha-256\n");
    let url = format!("postgres://postgres@localhost:{}/postgres", server.port);
    let refused = project.backfill_with(&[("DATABASE_URL", &url)], &["status"]).await;
    assert_ne!(refused.code, Some(0));
    for reason in
        ["password missing", "with TLS: FATAL: connection requires a valid client certificate"]
    {
        assert!(refused.stderr.contains(reason), "{reason}: {}", refused.stderr);
    }
}
