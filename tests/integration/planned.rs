//! Plans that are kept in a file: a run of one does exactly that, or is refused with what has changed.

use crate::support::{Project, export};

const PLAN: [&str; 9] = [
    "plan",
    "--start",
    "2025-09-22",
    "--end",
    "2025-09-24",
    "--batch-size",
    "1",
    "--save",
    "plan.json",
];
const RUN: [&str; 3] = ["run", "--plan", "plan.json"];

async fn project() -> Project {
    let project = Project::people().await;
    for (day, rows) in [(22, "a,Rome,1\n"), (23, "b,Oslo,2\n"), (24, "c,Kiel,3\n")] {
        project.put(&format!("people/report_2025-09-{day}.csv"), export(rows));
    }
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_run_as_it_was_saved_also_after_a_kill() {
    let project = project().await;
    project.backfill(&PLAN).await.ended(0);
    let saved = project.read("plan.json");
    for expected in
        ["\"stage.sql\"", "\"action\": \"load\"", "\"batch\": 3", "\"name\": \"amount\""]
    {
        assert!(saved.contains(expected), "{expected}: {saved}");
    }
    project.backfill(&PLAN).await.ended(0);
    assert_eq!(project.read("plan.json"), saved, "the same plan is the same file");
    let killed = [("BACKFILL_FAILPOINT", "load.committed:2")];
    let arguments = [&RUN[..], &["--connections", "1"]].concat();
    assert_eq!(project.backfill_with(&killed, &arguments).await.code, None);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["2"]);
    project.backfill(&RUN).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["3"]);
    assert_eq!(
        project.rows("SELECT DISTINCT batch FROM backfill.batches ORDER BY 1").await.len(),
        3
    );
    project.backfill(&RUN).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_changed_since_is_named_and_nothing_is_loaded() {
    let project = project().await;
    project.backfill(&PLAN).await.ended(0);
    let refused = |expected: &'static str| {
        let project = &project;
        async move {
            let stderr = project.backfill(&RUN).await.ended(3).stderr;
            assert!(stderr.contains(expected), "{expected}: {stderr}");
            let there = project.rows("SELECT to_regclass('people') IS NULL").await;
            assert_eq!(there, ["t"], "nothing is written");
        }
    };
    project.put("people/report_2025-09-23b.csv", export("d,Ulm,4\n"));
    refused("people/report_2025-09-23b.csv is new (load)").await;
    std::fs::remove_file(project.bucket().join("people/report_2025-09-23b.csv")).expect("a file");
    project.put("people/report_2025-09-23.csv", export("b,Ulm,22\n"));
    refused("people/report_2025-09-23.csv was replaced").await;
    project.backfill(&PLAN).await.ended(0);
    let stage = project.read("sql/people/stage.sql");
    project.write("sql/people/stage.sql", format!("{stage}\nWHERE id <> 'a'"));
    refused("stage.sql was edited").await;
    project.write("sql/people/stage.sql", &stage);
    project.write(
        "sql/people/checks/no_city.sql",
        "SELECT _file_name, _row_id FROM source WHERE city = ''",
    );
    refused("checks/no_city.sql is new").await;
    std::fs::remove_file(project.path("sql/people/checks/no_city.sql")).expect("a file");
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = 0\nmode = \"replace-range\"");
    refused("the csv settings, the mode or the constants were changed").await;
    project.edit("backfill.toml", "\nmode = \"replace-range\"", "");
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = 5");
    refused("max_rejects: 0 in the plan, 5 now").await;
    project.edit("backfill.toml", "max_rejects = 5", "max_rejects = 0");
    project.edit("backfill.toml", "[datasets.people]", "[datasets.persons]");
    project.edit("backfill.toml", "table = \"people\"", "table = \"people\"\nsql = \"sql/people\"");
    refused("backfill.toml no longer has this dataset").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_changed_and_a_file_that_is_no_plan_are_refused() {
    let project = project().await;
    project.database.execute(&project.read("sql/people/target.sql")).await;
    project.backfill(&PLAN).await.ended(0);
    project.database.execute("ALTER TABLE people ALTER amount TYPE text, ADD note text").await;
    let stderr = project.backfill(&RUN).await.ended(3).stderr;
    assert!(stderr.contains("column amount: numeric(12,2) in the plan, text now"), "{stderr}");
    assert!(stderr.contains("column note is new"), "{stderr}");
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["0"]);
    let saved = project.read("plan.json");
    for (wrong, said) in [
        ("{}".to_owned(), "missing field"),
        (saved.replace("\"form\": 1", "\"form\": 9"), "it has the format 9"),
        (saved.replace("\"batch_days\"", "\"batch_weeks\""), "unknown field `batch_weeks`"),
    ] {
        project.write("plan.json", wrong);
        let stderr = project.backfill(&RUN).await.ended(2).stderr;
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
    project.backfill(&["run", "--plan", "no.json"]).await.ended(2);
    project.backfill(&["run", "--plan", "plan.json", "--reload"]).await.ended(2);
    project.backfill(&["run"]).await.ended(2);
    // What a run would refuse is not saved.
    project.database.execute("CREATE RULE r AS ON INSERT TO people DO ALSO NOTHING").await;
    project.backfill(&[&PLAN[..8], &["other.json"]].concat()).await.ended(3);
    assert!(!project.path("other.json").exists());
}
