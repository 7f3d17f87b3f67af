//! Somebody holds a lock: the run says who, within seconds, and Ctrl-C cancels the waiting on the server.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::Project;

const RUN: [&str; 5] = ["run", "--start", "2025-09-22", "--end", "2025-09-22"];

async fn one_day() -> Project {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\n");
    project.database.execute(&project.read("sql/people/target.sql")).await;
    project
}

async fn output(child: Child) -> (Option<i32>, String) {
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output()).await;
    let ended = ended.expect("an end").expect("an end");
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

/// Waits until a session of ours waits for a lock.
async fn until_waiting(project: &Project) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'backfill%' \
                   AND wait_event_type = 'Lock' AND datname = current_database()";
    project.until(waiting, "a session of ours waits for a lock").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_lock_is_said_by_plan_and_run() {
    for command in ["plan", "run"] {
        let project = one_day().await;
        let holder = project.database.client().await;
        holder
            .batch_execute("SET application_name = 'maintenance'; BEGIN; LOCK TABLE people")
            .await
            .expect("a lock");
        let arguments = [&[command], &RUN[1..]].concat();
        let child = project.command(&arguments).spawn().expect("a process");
        until_waiting(&project).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        holder.batch_execute("COMMIT").await.expect("released");
        let (code, said) = output(child).await;
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("note: waiting for the session with pid"), "{said}");
        assert!(said.contains("of maintenance (user postgres"), "{said}");
        assert!(said.contains("idle in transaction"), "{said}");
        assert_eq!(said.matches("waiting for").count(), 1, "said once: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_cancels_what_the_server_waits_for() {
    let project = one_day().await;
    let holder = project.database.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE people").await.expect("a lock");
    let child = project.command(&RUN).spawn().expect("a process");
    until_waiting(&project).await;
    let process = nix::unistd::Pid::from_raw(child.id() as i32);
    nix::sys::signal::kill(process, nix::sys::signal::SIGINT).expect("a signal");
    let (code, said) = output(child).await;
    assert_eq!(code, Some(130), "{said}");
    assert_sessions_end(&project, Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_leaves_no_session_that_waits() {
    let project = one_day().await;
    let holder = project.database.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE people").await.expect("a lock");
    let mut child = project.command(&RUN).spawn().expect("a process");
    until_waiting(&project).await;
    child.kill().expect("killed");
    child.wait().expect("an end");
    assert_sessions_end(&project, Duration::from_secs(5)).await;
}

async fn assert_sessions_end(project: &Project, within: Duration) {
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'backfill%' \
                    AND datname = current_database()";
    let started = Instant::now();
    while project.rows(sessions).await != ["0"] {
        assert!(started.elapsed() < within, "a session is left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_over_the_same_range_load_every_row_once() {
    let project = one_day().await;
    project
        .database
        .execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             PERFORM pg_sleep(4); RETURN NULL; END $$; \
             CREATE TRIGGER slow AFTER INSERT ON people FOR EACH STATEMENT EXECUTE FUNCTION slow()",
        )
        .await;
    let allowed = [&RUN[..], &["--allow-side-effects"]].concat();
    let first = project.command(&allowed).spawn().expect("a process");
    let second = project.command(&allowed).spawn().expect("a process");
    let (first, second) = tokio::join!(output(first), output(second));
    assert_eq!((first.0, second.0), (Some(0), Some(0)), "{} {}", first.1, second.1);
    let said = format!("{}{}", first.1, second.1);
    assert!(said.contains("of backfill") && said.contains("which loads the same files"), "{said}");
    assert!(said.contains("loaded or removed by another run"), "{said}");
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["1"]);
}

/// A session of a run whose machine is gone: it waits for rows, and holds the locks of its files.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_left_behind_is_named_and_ended() {
    let project = one_day().await;
    let left = project.database.client().await;
    left.batch_execute(
        "SET application_name = 'backfill 1.1'; BEGIN; \
         SELECT pg_advisory_xact_lock(hashtextextended(\
         'backfill:public.people:exports/people/report_2025-09-22.csv', 0))",
    )
    .await
    .expect("a lock");
    let columns = "COPY people (id, _file_name, _row_id, _file_date) FROM STDIN";
    let sink = left.copy_in::<_, bytes::Bytes>(columns).await.expect("a COPY");
    let started = Instant::now();
    let (code, said) = output(project.command(&RUN).spawn().expect("a process")).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
    assert!(said.contains("silent since") && said.contains("ending the session"), "{said}");
    assert_eq!(project.rows("SELECT id FROM people").await, ["a"]);
    drop(sink);
}
