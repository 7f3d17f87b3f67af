//! Undo: a run is taken out again, and the target is what it was before, in every mode and after a kill.

use backfill::failpoint;

use crate::support::{Project, Random, export, people};

const MERGE: &str = "mode = \"merge\"\nmerge_key = [\"id\"]\nmerge_order = [\"amount\"]";
const MODES: [&str; 4] =
    ["", MERGE, "mode = \"replace-range\"", "mode = \"replace-range\"\nreplace_by = \"days\""];

/// Every column of every row, sorted.
async fn table(project: &Project) -> Vec<String> {
    if project.rows("SELECT to_regclass('people') IS NOT NULL").await == ["f"] {
        return Vec::new();
    }
    let mut rows = project.rows("SELECT people.*::text FROM people").await;
    rows.sort();
    rows
}

/// The latest run that loaded something and is not undone.
async fn last_run(project: &Project) -> Option<String> {
    let runs = "SELECT run_id FROM backfill.runs JOIN backfill.batches USING (run_id, dataset) \
                WHERE status <> 'undone' ORDER BY started_at DESC LIMIT 1";
    match project.rows("SELECT to_regclass('backfill.runs') IS NOT NULL").await == ["t"] {
        true => project.rows(runs).await.pop(),
        false => None,
    }
}

const RUN: [&str; 5] = ["run", "--start", "2025-09-22", "--end", "2025-09-25"];

async fn run(project: &Project, options: &[&str]) -> String {
    project.backfill(&[&RUN, options].concat()).await.ended(0);
    last_run(project).await.expect("a run")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_inserted_goes_and_can_be_loaded_again() {
    let project = Project::people().await;
    for (day, rows) in [(22, "a,Rome,1\nb,Oslo,2\n"), (23, "c,Kiel,3\n"), (24, "a,Bern,4\n")] {
        project.put(&format!("people/report_2025-09-{day}.csv"), export(rows));
    }
    let first = run(&project, &["--batch-size", "1"]).await;
    let loaded = table(&project).await;
    assert_eq!(loaded.len(), 3);
    let planned = project.backfill(&["undo", &first, "--dry-run"]).await.ended(0).stdout;
    assert!(planned.contains("would remove 3 rows, and restore 0"), "{planned}");
    assert_eq!(table(&project).await, loaded, "a dry run changes nothing");
    let undone = project.backfill(&["undo", &first]).await.ended(0).stdout;
    assert!(undone.contains("removed 3 rows, and restored 0; 3 file(s) were counted"), "{undone}");
    assert!(table(&project).await.is_empty());
    let again = project.backfill(&["undo", &first]).await.ended(0).stdout;
    assert!(again.contains("undone before"), "{again}");
    let status = project.backfill(&["status"]).await.ended(0).stdout;
    assert!(status.contains("undone"), "{status}");
    run(&project, &[]).await;
    assert_eq!(table(&project).await, loaded);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_replaced_come_back_and_stay_ours() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,2\n"));
    let first = run(&project, &[]).await;
    let before = table(&project).await;
    project.put("people/report_2025-09-22.csv", export("a,Bern,9\nc,Kiel,3\n"));
    let second = run(&project, &["--reload"]).await;
    assert_ne!(table(&project).await, before);
    let status = project.backfill(&["status"]).await.ended(0).stdout;
    assert!(status.contains("2 rows, "), "{status}");
    let refused = project.backfill(&["undo", &first]).await.ended(3).stderr;
    assert!(refused.contains(&second) && refused.contains("first undo these runs"), "{refused}");
    let undone = project.backfill(&["undo", &second]).await.ended(0).stdout;
    assert!(undone.contains("removed 2 rows, and restored 2"), "{undone}");
    assert_eq!(table(&project).await, before);
    assert_eq!(project.rows("SELECT count(*) FROM backfill.saved_rows").await, ["0"]);
    // They are known to be ours: a reload may replace them, and an undo take them out.
    let third = run(&project, &["--reload"]).await;
    assert_ne!(table(&project).await, before);
    project.backfill(&["undo", &third]).await.ended(0);
    assert_eq!(table(&project).await, before);
    // `last` stays the latest run: said twice, it does not undo the one before.
    let again = project.backfill(&["undo", "last"]).await.ended(0).stdout;
    assert!(again.contains("undone before"), "{again}");
    assert_eq!(table(&project).await, before);
    project.backfill(&["undo", &first]).await.ended(0);
    assert!(table(&project).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_another_program_has_inserted_since_does_not_come_twice() {
    let project = people(MERGE).await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,2\n"));
    run(&project, &[]).await;
    project.put("people/report_2025-09-22.csv", export("c,Kiel,3\n"));
    let second = run(&project, &["--reload"]).await;
    let theirs = "ALTER TABLE people ALTER _file_name DROP NOT NULL, ALTER _file_date DROP NOT NULL, \
                  ALTER _row_id DROP NOT NULL";
    project.database.execute(theirs).await;
    project.database.execute("INSERT INTO people (id, city) VALUES ('a', 'Bern')").await;
    let before = table(&project).await;
    let refused = project.backfill(&["undo", &second]).await.ended(3).stderr;
    assert!(refused.contains("1 rows from before run"), "{refused}");
    assert_eq!(table(&project).await, before);
    project.database.execute("DELETE FROM people WHERE city = 'Bern'").await;
    project.backfill(&["undo", &second]).await.ended(0);
    assert_eq!(project.rows("SELECT id, city FROM people ORDER BY 1").await, ["a|Rome", "b|Oslo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_file_that_was_gone_come_back() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.put("people/report_2025-09-23.csv", export("b,Oslo,2\n"));
    run(&project, &[]).await;
    let before = table(&project).await;
    std::fs::remove_file(project.bucket().join("people/report_2025-09-23.csv")).expect("a file");
    run(&project, &["--remove-gone"]).await;
    assert_eq!(table(&project).await.len(), 1);
    project.backfill(&["undo", "last"]).await.ended(0);
    assert_eq!(table(&project).await, before);
    // The ledger knows the file again: it is gone from the source, and its rows are there.
    let stdout = project.backfill(&["plan", "--start", "2025-09-22", "--end", "2025-09-25"]).await;
    assert!(
        stdout.stdout.contains("no longer in the source: 1 of its rows are in the target"),
        "{stdout:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_others_come_back_as_theirs() {
    for mode in &MODES[1..] {
        let project = people(mode).await;
        project.database.execute(&project.read("sql/people/target.sql")).await;
        project
            .database
            .execute(
                "INSERT INTO people VALUES \
                 ('a', 'theirs', 0.5, 'exports/people/report_2025-09-22.csv', 0, '2025-09-22'), \
                 ('x', 'theirs', NULL, 'elsewhere.csv', 1, '2025-09-22')",
            )
            .await;
        let before = table(&project).await;
        project.put("people/report_2025-09-22.csv", export("a,Rome,1\nx,Oslo,2\n"));
        run(&project, &[]).await;
        assert!(table(&project).await.iter().any(|row| row.contains("Rome")), "{mode}");
        project.backfill(&["undo", "last"]).await.ended(0);
        assert_eq!(table(&project).await, before, "{mode}");
        let ours = "SELECT count(*) FROM backfill.files WHERE survivors <> 'removed'";
        assert_eq!(project.rows(ours).await, ["0"], "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_undone_is_refused_and_nothing_changes() {
    let project = Project::people().await;
    project.backfill(&["undo", "last"]).await.ended(2);
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,2\n"));
    run(&project, &[]).await;
    project.backfill(&["undo", "20200101T000000000-0000"]).await.ended(2);
    // Somebody else changed a row.
    project.database.execute("UPDATE people SET city = 'Paris' WHERE id = 'a'").await;
    let refused = project.backfill(&["undo", "last"]).await.ended(3).stderr;
    assert!(refused.contains("report_2025-09-22.csv (1 rows)"), "{refused}");
    project.backfill(&["undo", "last", "--dry-run"]).await.ended(3);
    assert_eq!(table(&project).await.len(), 2);
    project.database.execute("DELETE FROM people WHERE id = 'a'").await;
    // A trigger would be set off.
    project
        .database
        .execute(
            "CREATE FUNCTION hear() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END'; \
             CREATE TRIGGER hears BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION hear()",
        )
        .await;
    let refused = project.backfill(&["undo", "last"]).await.ended(3).stderr;
    assert!(refused.contains("hears (on DELETE)"), "{refused}");
    let undone = project.backfill(&["undo", "last", "--allow-side-effects"]).await.ended(0).stdout;
    assert!(undone.contains("removed 1 rows"), "{undone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_not_kept_cannot_come_back() {
    let project = Project::people().await;
    let config = project.read("backfill.toml");
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    run(&project, &[]).await;
    project.write("backfill.toml", format!("{config}[undo]\nkeep_days = 0\n"));
    project.put("people/report_2025-09-22.csv", export("a,Bern,2\n"));
    run(&project, &["--reload"]).await;
    let refused = project.backfill(&["undo", "last"]).await.ended(3).stderr;
    assert!(
        refused.contains("replaced or deleted 1 rows") && refused.contains("0 of them are kept")
    );
    assert!(table(&project).await[0].contains("Bern"));
    // Kept rows expire when a run loads something.
    project.write("backfill.toml", &config);
    project.put("people/report_2025-09-22.csv", export("a,Kiel,3\n"));
    run(&project, &["--reload"]).await;
    assert_eq!(project.rows("SELECT count(*) FROM backfill.saved_rows").await, ["1"]);
    project
        .database
        .execute("UPDATE backfill.runs SET started_at = now() - interval '31 days'")
        .await;
    project.put("people/report_2025-09-23.csv", export("b,Oslo,1\n"));
    run(&project, &[]).await;
    assert_eq!(project.rows("SELECT count(*) FROM backfill.saved_rows").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_rows_do_not_come_back_unasked() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Oslo,2\n"));
    run(&project, &[]).await;
    project.put("people/report_2025-09-22.csv", export("a,Bern,1\nb,Kiel,2\n"));
    run(&project, &["--reload"]).await;
    project.database.execute("DELETE FROM people WHERE id = 'b'").await;
    project.backfill(&["accept", "--start", "2025-09-22", "--end", "2025-09-22"]).await.ended(0);
    let refused = project.backfill(&["undo", "last"]).await.ended(3).stderr;
    assert!(refused.contains("1 rows of the same files were deleted since"), "{refused}");
    project.backfill(&["undo", "last", "--restore-deleted"]).await.ended(0);
    assert_eq!(table(&project).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_being_undone_loads_nothing_more() {
    let project = Project::people().await;
    for day in 22..26 {
        project.put(&format!("people/report_2025-09-{day}.csv"), export(&format!("k{day},x,1\n")));
    }
    let killed = [("BACKFILL_FAILPOINT", "load.committed:2")];
    let batches = ["--batch-size", "1", "--connections", "1"];
    project.backfill_with(&killed, &[&RUN[..], &batches].concat()).await;
    assert_eq!(table(&project).await.len(), 2);
    let killed = [("BACKFILL_FAILPOINT", "undo.committed:1")];
    project.backfill_with(&killed, &["undo", "last"]).await;
    assert_eq!(table(&project).await.len(), 1, "one batch is undone, and the other stays");
    let status = project.rows("SELECT status FROM backfill.runs").await;
    assert_eq!(status, ["undoing"]);
    let undone = project.backfill(&["undo", "last"]).await.ended(0).stdout;
    assert!(undone.contains("undone before") && table(&project).await.is_empty(), "{undone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_undone_and_the_file_can_be_reloaded() {
    let project = Project::people().await;
    let dialect = "max_rejects = 5\n[datasets.people.csv]\nbare_quotes = \"reject\"";
    project.edit("backfill.toml", "max_rejects = 0", dialect);
    project.put("people/report_2025-09-22.csv", export("a,a \"b,1\nb,Oslo,2\n"));
    run(&project, &[]).await;
    let before = table(&project).await;
    assert_eq!(before.len(), 1);
    project.edit("backfill.toml", "bare_quotes = \"reject\"", "");
    let replay = ["rejects", "--start", "2025-09-22", "--end", "2025-09-25", "--replay"];
    project.backfill(&replay).await.ended(0);
    assert_eq!(table(&project).await.len(), 2);
    // A row that was there before the replay is erased: its file would forget that.
    project.database.execute("DELETE FROM people WHERE id = 'b'").await;
    project.backfill(&["accept", "--start", "2025-09-22", "--end", "2025-09-22"]).await.ended(0);
    project.backfill(&["undo", "last"]).await.ended(3);
    let replayed = project.rows("SELECT run_id FROM backfill.runs ORDER BY started_at").await;
    project.backfill(&["undo", &replayed[1], "--restore-deleted"]).await.ended(0);
    assert!(table(&project).await.is_empty(), "the erased row does not come back by itself");
    let again = [&RUN[..], &["--reload", "--restore-deleted"]].concat();
    project.backfill(&again).await.ended(0);
    assert_eq!(table(&project).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_keeps_rows_is_noticed_and_two_datasets_of_one_table_are_undone() {
    let project = Project::people().await;
    let config = project.read("backfill.toml");
    let second = config.split("[datasets.people]").nth(1).expect("a dataset");
    let second = second.replace("people/", "others/");
    project.write(
        "backfill.toml",
        format!("{config}sql = \"sql/people\"\n[datasets.others]{second}sql = \"sql/people\"\n"),
    );
    project.write("sql/people/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.put("others/report_2025-09-22.csv", export("b,Oslo,2\nc,Kiel,3\n"));
    let both = run(&project, &[]).await;
    let before = table(&project).await;
    assert_eq!(before.len(), 3);
    project
        .database
        .execute(
            "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
             CREATE TRIGGER keeps BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION keep()",
        )
        .await;
    let undo = ["undo", &both, "--allow-side-effects"];
    let failed = project.backfill(&undo).await.ended(1).stderr;
    assert!(failed.contains("received 0"), "{failed}");
    assert_eq!(table(&project).await, before);
    let status = project.rows("SELECT DISTINCT status FROM backfill.runs").await;
    assert!(!status.contains(&"undoing".to_owned()), "nothing is undone: {status:?}");
    project.database.execute("DROP TRIGGER keeps ON people").await;
    project.backfill(&undo).await.ended(0);
    assert!(table(&project).await.is_empty());
}

/// Every type comes back as it was, byte by byte.
#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_type_come_back_as_they_were() {
    let project = people("mode = \"replace-range\"").await;
    project
        .database
        .execute(
            "CREATE TYPE mood AS ENUM ('so', 'la'); CREATE TYPE pair AS (a int, \"b b\" text); \
             CREATE TABLE people (id text, city text, amount numeric, _file_name text NOT NULL, \
               _row_id bigint, _file_date date, f8 float8, f4 float4, t timestamptz, i interval, j json, \
               jb jsonb, b bytea, arr text[], mo mood, p pair, m money, r int4range, c char(5), \
               g int GENERATED ALWAYS AS (1 + 1) STORED, n int GENERATED ALWAYS AS IDENTITY, x xml); \
             ALTER TABLE people ADD gone int; ALTER TABLE people DROP gone; \
             INSERT INTO people VALUES ('q\"(,)\\', E'a\\nb\\t', 'NaN', 'exports/people/report_2025-09-22.csv', 7, \
               '2025-09-22', 0.1::float8 + 0.2, 'Infinity', '2025-11-02 01:30:00-05', '1 mon -2 days', \
               '{\"b\": 1,  \"a\":[]}', '{\"b\": 1.0}', '\\x00ff', ARRAY['a,b', NULL, '\"'], 'la', \
               ROW(1, ' x '), 12.34, '[1,5)', 'ab', DEFAULT, DEFAULT, '<a/>')",
        )
        .await;
    project.database.execute("SET timezone = 'Asia/Tokyo'").await;
    let before = table(&project).await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    run(&project, &[]).await;
    // A column that came later takes its default.
    project.database.execute("ALTER TABLE people ADD later int").await;
    project.backfill(&["undo", "last"]).await.ended(0);
    project.database.execute("ALTER TABLE people DROP later").await;
    assert_eq!(table(&project).await, before);
}

struct History {
    project: Project,
    random: Random,
    /// The runs that can be undone, each with the table before it.
    runs: Vec<(String, Vec<String>)>,
    writes: u64,
    told: Vec<String>,
}

impl History {
    fn write(&mut self) {
        self.writes += 1;
        let (day, other) = (22 + self.random.below(4), self.random.of(&["", "_b"]));
        let name = format!("report_2025-09-{day}{other}.csv");
        let rows: String = (0..1 + self.random.below(4))
            .map(|_| {
                let (id, amount) = (self.random.below(6), self.random.below(5));
                format!("k{id},{},{amount}\n", "x".repeat(self.writes as usize))
            })
            .collect();
        self.told.push(format!("write {name}: {rows:?}"));
        let padding = "\n".repeat(self.writes as usize * 20);
        self.project.put(&format!("people/{name}"), format!("{}{padding}", export(&rows)));
    }

    /// Runs, perhaps until it is killed; what it loaded can be undone.
    async fn run(&mut self) {
        let before = table(&self.project).await;
        let known = last_run(&self.project).await;
        let batch = self.random.of(&["1", "2", "7"]);
        let options = ["--batch-size", batch, "--reload", "--remove-gone"];
        let place = format!("{}:{}", self.random.of(failpoint::ALL), 1 + self.random.below(2));
        let variables = [("BACKFILL_FAILPOINT", place.as_str())];
        let variables = if self.random.one_in(3) { &variables[..] } else { &[] };
        let arguments = [&RUN[..], &options].concat();
        let ran = self.project.backfill_with(variables, &arguments).await;
        self.told.push(format!("{options:?} {variables:?}: {:?}", ran.code));
        let is_killed = !variables.is_empty() && ran.code.is_none();
        assert!(is_killed || matches!(ran.code, Some(0)), "{:#?}\n{}", self.told, ran.stderr);
        match last_run(&self.project).await {
            Some(run) if Some(&run) != known.as_ref() => self.runs.push((run, before)),
            _ => assert_eq!(table(&self.project).await, before, "{:#?}", self.told),
        }
    }

    /// Undoes the latest run, perhaps killed on the way; the table is what it was before the run.
    async fn undo(&mut self) {
        let Some((run, before)) = self.runs.pop() else { return };
        let place = format!("{}:{}", self.random.of(failpoint::OF_UNDO), 1 + self.random.below(2));
        if self.random.one_in(2) {
            let variables = [("BACKFILL_FAILPOINT", place.as_str())];
            let ran = self.project.backfill_with(&variables, &["undo", &run]).await;
            self.told.push(format!("undo {run} {variables:?}: {:?}", ran.code));
            assert!(matches!(ran.code, None | Some(0)), "{:#?}\n{}", self.told, ran.stderr);
        }
        let ran = self.project.backfill(&["undo", &run]).await;
        self.told.push(format!("undo {run}: {:?} {}", ran.code, ran.stdout));
        assert_eq!(ran.code, Some(0), "{:#?}\n{}", self.told, ran.stderr);
        assert_eq!(table(&self.project).await, before, "{:#?}", self.told);
    }
}

/// Random histories of runs and undos; in the end everything is loaded once more, and undone to the beginning.
async fn live(seed: u64, mode: &str) {
    let project = match mode {
        "" => Project::people().await,
        mode => people(mode).await,
    };
    let (random, told) = (Random(seed), vec![format!("seed {seed} {mode}")]);
    let mut history = History { project, random, runs: Vec::new(), writes: 0, told };
    history.write();
    for _ in 0..10 {
        for _ in 0..history.random.below(3) {
            history.write();
        }
        history.run().await;
        if history.random.one_in(2) {
            history.undo().await;
        }
    }
    history.project.backfill(&[&RUN[..], &["--reload", "--remove-gone"]].concat()).await.ended(0);
    while let Some(run) = last_run(&history.project).await {
        history.project.backfill(&["undo", &run]).await.ended(0);
    }
    assert!(table(&history.project).await.is_empty(), "{:#?}", history.told);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_loaded_is_undone_exactly_in_append() {
    live(1, MODES[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_loaded_is_undone_exactly_in_merge() {
    live(2, MODES[1]).await;
    live(7, MODES[1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_loaded_is_undone_exactly_in_replace_range() {
    live(3, MODES[2]).await;
    live(4, MODES[3]).await;
}
