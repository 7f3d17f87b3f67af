//! kill -9 at every step, then run again: the same rows, once, and the accounting whole.

use backfill::failpoint;
use futures::StreamExt;

use crate::support::{Project, finish};

/// Six days; `b` and its kin are sent again, one record is bad, so that every step has work to do.
async fn six_days() -> Project {
    let project = Project::people().await;
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = 1");
    for day in 1..=6 {
        let rows: String = (0..40)
            .map(|n| format!("{},City {day},{n}.50\n", if n % 4 == 0 { n } else { day * 100 + n }))
            .collect();
        let bad = if day == 3 { "only one field\n" } else { "" };
        let export = format!("id,city,amount\n{rows}{bad}");
        project.put(&format!("people/report_2025-09-0{day}.csv"), export);
    }
    project.write("sql/people/checks/missing_id.sql", "SELECT * FROM source WHERE id = ''");
    project
}

const RUN: [&str; 7] = ["run", "--start", "2025-09-01", "--end", "2025-09-06", "--batch-size", "2"];

/// Places in the middle of the work of a step: the failpoint, and how often it is passed before the process ends.
const IN_THE_MIDDLE: [(&str, usize); 8] = [
    (failpoint::MIRROR_BEFORE_VISIBLE, 4),
    (failpoint::MIRROR_FILE_DONE, 5),
    (failpoint::STAGE_BEFORE_VISIBLE, 3),
    (failpoint::STAGE_FILE_DONE, 6),
    (failpoint::LOAD_COPYING, 3),
    (failpoint::LOAD_COPIED, 2),
    (failpoint::LOAD_BEFORE_COMMIT, 3),
    (failpoint::LOAD_COMMITTED, 2),
];

const TABLE: &str = "SELECT count(*), md5(string_agg(p::text, '|' ORDER BY _file_name, _row_id)) \
                     FROM people p";

/// Runs until the failpoint kills the process, then again, and compares with `expected`.
async fn survive(point: &str, count: usize, expected: &[String]) {
    let project = six_days().await;
    let mut command = project.command(&RUN);
    command.env("BACKFILL_FAILPOINT", format!("{point}:{count}"));
    let killed = finish(command).await;
    assert_eq!(killed.code, None, "{point}:{count} was not reached: {killed:?}");
    let again = project.backfill(&RUN).await.ended(0);
    assert!(!again.stdout.contains("UNVERIFIED"), "{point}:{count}: {}", again.stdout);
    assert_eq!(project.rows(TABLE).await, expected, "{point}:{count}");
    let ledger = "SELECT count(*), sum(records), sum(rejected), sum(inserted) FROM backfill.files";
    let rows = expected[0].split('|').next().expect("a count");
    assert_eq!(project.rows(ledger).await, [format!("6|241|1|{rows}")], "{point}:{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_anywhere_is_done_by_running_again() {
    let whole = six_days().await;
    whole.backfill(&RUN).await.ended(0);
    let expected = whole.rows(TABLE).await;
    let places: Vec<(&str, usize)> =
        failpoint::ALL.iter().map(|point| (*point, 1)).chain(IN_THE_MIDDLE).collect();
    assert!(places.len() >= 20);
    // Each has a database of its own.
    futures::stream::iter(places)
        .for_each_concurrent(4, |(point, count)| survive(point, count, &expected))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_rolls_back_and_says_so() {
    let project = six_days().await;
    project.database.execute(&project.read("sql/people/target.sql")).await;
    project
        .database
        .execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             PERFORM pg_sleep(2); RETURN NULL; END $$; \
             CREATE TRIGGER slow AFTER INSERT ON people FOR EACH STATEMENT EXECUTE FUNCTION slow()",
        )
        .await;
    let allowed = [&RUN[..], &["--allow-side-effects"]].concat();
    let child = project.command(&allowed).spawn().expect("a process");
    let process = nix::unistd::Pid::from_raw(child.id() as i32);
    let copying = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'backfill%' \
                   AND query LIKE 'COPY%' AND datname = current_database()";
    project.until(copying, "rows are copied").await;
    nix::sys::signal::kill(process, nix::sys::signal::SIGINT).expect("a signal");
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output()).await;
    let ended = ended.expect("an end").expect("an end");
    assert_eq!(ended.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("error: interrupted"));
    project.database.execute("DROP TRIGGER slow ON people").await;
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["0"]);
    project.backfill(&RUN).await.ended(0);
}
