//! `rejects --replay`: what could not be read before is loaded beside the rows that are there, and nothing else is.

use backfill::failpoint;

use crate::support::{Project, export, finish, people};

const REPLAY: [&str; 6] = ["rejects", "--replay", "--start", "2025-09-01", "--end", "2025-09-30"];
const RANGE: [&str; 4] = ["--start", "2025-09-01", "--end", "2025-09-30"];

const TABLE: &str = "SELECT id, city, amount, _row_id, _file_date FROM people ORDER BY id";

/// Two days with records that have a quote inside a field, which the dialect rejects; loaded.
async fn loaded(mode: &str) -> Project {
    let project = people(mode).await;
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = \"100%\"");
    project.edit(
        "backfill.toml",
        "[datasets.people]",
        "[datasets.people]\ncsv = { bare_quotes = \"reject\" }",
    );
    project.put("people/report_2025-09-01.csv", export("a,Rome,1\nb,5\" inch,2\nc,Lyon,3\n"));
    project.put("people/report_2025-09-02.csv", export("d,Bern,4\n"));
    project.put("people/report_2025-09-03.csv", export("e,7\" inch,5\nf,Graz,6\n"));
    project.run("2025-09-01", "2025-09-30").await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["4"]);
    project
}

fn accept_quotes(project: &Project) {
    project.edit("backfill.toml", "csv = { bare_quotes = \"reject\" }\n", "");
}

const ALL: [&str; 6] = [
    "a|Rome|1.00|0|2025-09-01",
    "b|5\" inch|2.00|1|2025-09-01",
    "c|Lyon|3.00|2|2025-09-01",
    "d|Bern|4.00|0|2025-09-02",
    "e|7\" inch|5.00|0|2025-09-03",
    "f|Graz|6.00|1|2025-09-03",
];

/// Everything that is promised of a table after a replay.
async fn is_whole(project: &Project) {
    assert_eq!(project.rows(TABLE).await, ALL);
    let ledger = "SELECT sum(records), sum(accepted), sum(rejected), sum(inserted), sum(held) \
                  FROM backfill.files";
    assert_eq!(project.rows(ledger).await, ["6|6|0|6|6"]);
    let deep = project.backfill(&[&["verify", "--deep"], &RANGE[..]].concat()).await.ended(0);
    assert!(deep.stdout.contains("3 OK, 0 UNVERIFIED, 0 WRONG"), "{}", deep.stdout);
    let again = project.backfill(&REPLAY).await.ended(0).stdout;
    assert!(again.contains("nothing to replay"), "{again}");
    let run = project.run("2025-09-01", "2025-09-30").await.ended(0).stdout;
    assert!(run.contains("0 file(s), 0 rows loaded"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_in_the_source_is_named_and_not_replayed() {
    let project = loaded("").await;
    project.put("people/report_2025-09-02.csv", "id,city,amount\nz,Bonn,1\n");
    let replayed = project.backfill(&REPLAY).await.ended(0).stdout;
    assert!(replayed.contains("nothing to replay"), "{replayed}");
    let changed = "not replayed, because it changed in the source since it was loaded: people/report_2025-09-02.csv; `backfill run --reload`";
    assert!(replayed.contains(changed), "{replayed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_are_loaded_once_they_can_be_read_and_other_rows_are_left() {
    let project = loaded("").await;
    let nothing = project.backfill(&REPLAY).await.ended(0).stdout;
    assert!(nothing.contains("nothing to replay"), "{nothing}");
    let before = project.rows("SELECT id, xmin, ctid FROM people ORDER BY id").await;
    accept_quotes(&project);
    project.run("2025-09-01", "2025-09-30").await.ended(3);
    let replayed = project.backfill(&REPLAY).await.ended(0).stdout;
    assert!(replayed.contains("3 OK, 0 UNVERIFIED, 0 WRONG"), "{replayed}");
    let after = "SELECT id, xmin, ctid FROM people WHERE id NOT IN ('b', 'e') ORDER BY id";
    assert_eq!(project.rows(after).await, before);
    is_whole(&project).await;
    // Rows of two transactions are ours: a reload replaces them, and a removal takes them out.
    project.edit("sql/people/stage.sql", "city,", "upper(city) AS city,");
    project.backfill(&[&["run", "--reload"], &RANGE[..]].concat()).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people WHERE city = upper(city)").await, ["6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_replay_are_removed_with_their_file() {
    let project = loaded("").await;
    accept_quotes(&project);
    project.backfill(&REPLAY).await.ended(0);
    std::fs::remove_file(project.bucket().join("people/report_2025-09-01.csv")).expect("gone");
    project.backfill(&[&["run", "--remove-gone"], &RANGE[..]].concat()).await.ended(0);
    assert_eq!(project.rows(TABLE).await, ALL[3..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_killed_is_done_by_doing_it_again() {
    for point in [
        failpoint::LOAD_RUN_RECORDED,
        failpoint::LOAD_BEGUN,
        failpoint::LOAD_LOCKED,
        failpoint::LOAD_COPYING,
        failpoint::LOAD_COPIED,
        failpoint::LOAD_LEDGER_WRITTEN,
        failpoint::LOAD_BEFORE_COMMIT,
        failpoint::LOAD_COMMITTED,
        failpoint::LOAD_BATCH_VERIFIED,
    ] {
        let project = loaded("").await;
        accept_quotes(&project);
        let mut command = project.command(&REPLAY);
        command.env("BACKFILL_FAILPOINT", point);
        let killed = finish(command).await;
        assert_eq!(killed.code, None, "{point} was not reached: {killed:?}");
        project.backfill(&REPLAY).await.ended(0);
        is_whole(&project).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_loaded_if_other_rows_would_be_others() {
    let project = loaded("").await;
    accept_quotes(&project);
    let before = project.rows(TABLE).await;
    let refused = async |why: &str| {
        let refused = project.backfill(&REPLAY).await.ended(3).stderr;
        assert!(refused.contains(why) && refused.contains("--reload"), "{why}: {refused}");
        assert_eq!(project.rows(TABLE).await, before);
    };
    project.edit("sql/people/stage.sql", "city,", "upper(city) AS city,");
    refused("in some of these columns: city").await;
    project.edit("sql/people/stage.sql", "upper(city) AS city,", "city,");
    let stage = project.read("sql/people/stage.sql");
    project.write("sql/people/stage.sql", format!("{stage} WHERE id <> 'a'"));
    refused("stage.sql would leave out other rows of it").await;
    project.write("sql/people/stage.sql", &stage);
    let dedupe = project.read("sql/people/dedupe.sql");
    project.write("sql/people/dedupe.sql", format!("{dedupe} WHERE id <> 'f'"));
    refused("today, other rows of it can be read or are kept than when it was loaded").await;
    project.write("sql/people/dedupe.sql", &dedupe);
    // A header of another kind makes other records.
    project.edit(
        "backfill.toml",
        "[datasets.people]",
        "[datasets.people]\ncsv = { names = [\"id\", \"city\", \"amount\"] }",
    );
    refused("records when it was loaded").await;
    project.edit("backfill.toml", "csv = { names = [\"id\", \"city\", \"amount\"] }\n", "");
    std::fs::rename(project.path("staging/rejects"), project.path("kept")).expect("moved");
    refused("its rejected records are no longer in staging").await;
    std::fs::create_dir_all(project.path("staging")).expect("a folder");
    std::fs::remove_dir_all(project.path("staging/rejects")).ok();
    std::fs::rename(project.path("kept"), project.path("staging/rejects")).expect("moved");
    project.backfill(&REPLAY).await.ended(0);
    is_whole(&project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_would_supersede_another_is_not_replayed() {
    let project = loaded("").await;
    project.write(
        "sql/people/dedupe.sql",
        "SELECT _file_name, _row_id FROM source QUALIFY row_number() OVER (
         PARTITION BY CASE id WHEN 'b' THEN 'a' ELSE id END ORDER BY _file_date DESC, _row_id DESC) = 1",
    );
    project.backfill(&[&["run", "--reload"], &RANGE[..]].concat()).await.ended(0);
    let before = project.rows(TABLE).await;
    accept_quotes(&project);
    let refused = project.backfill(&REPLAY).await.ended(3).stderr;
    assert!(refused.contains("other rows of it can be read or are kept"), "{refused}");
    assert_eq!(project.rows(TABLE).await, before);
    let narrow = ["rejects", "--replay", "--start", "2025-09-01", "--end", "2025-09-02"];
    let narrow = project.backfill(&narrow).await.ended(3).stderr;
    assert!(narrow.contains("--start 2025-09-01 --end 2025-09-03"), "{narrow}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_goes_through_the_mode_of_the_dataset() {
    let project = loaded("mode = \"merge\"\nmerge_key = [\"id\"]").await;
    // A newer row of this key is there: the replayed one is older.
    project.put("people/report_2025-09-04.csv", export("b,Nice,9\n"));
    project.run("2025-09-01", "2025-09-30").await.ended(0);
    accept_quotes(&project);
    project.backfill(&REPLAY).await.ended(0);
    let merged = "SELECT id, city FROM people WHERE id IN ('b', 'e') ORDER BY id";
    assert_eq!(project.rows(merged).await, ["b|Nice", "e|7\" inch"]);
    let older = "SELECT sum(skipped_older), sum(inserted), sum(staged) FROM backfill.files";
    assert_eq!(project.rows(older).await, ["1|6|7"]);
    project.backfill(&[&["verify", "--deep"], &RANGE[..]].concat()).await.ended(0);

    let project = loaded("mode = \"replace-range\"").await;
    accept_quotes(&project);
    let refused = project.backfill(&REPLAY).await.ended(2).stderr;
    assert!(refused.contains("`backfill run` replaces files"), "{refused}");
}
