//! The guide in `docs/guide`: every command that it shows is run, in the order of the page, and ends as the page says.

use std::path::Path;

use backfill_sample::Options;

use crate::support::{Dlt, Project, finish, shipped};

/// A step of a page.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A command, and the exit code that it ends with.
    Command(String, i32),
    /// Something that happens between two commands.
    Meanwhile(String),
}

/// The steps of a page: each line of its shell blocks, the commands inside of other blocks, and what happens between.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut block = None;
    for line in page.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            block = if block.is_some() { None } else { Some(language) };
        } else if let Some(event) = line.strip_prefix("<!-- meanwhile: ") {
            steps.push(Step::Meanwhile(event.trim_end_matches(" -->").to_owned()));
        } else if let Some(language) = block {
            steps.extend(command(line, language == "sh"));
        }
    }
    steps
}

/// The command in a line of a block; in blocks of other languages it ends where its quotation does.
fn command(line: &str, is_shell: bool) -> Option<Step> {
    let (line, code) = match line.split_once("# exit code ") {
        Some((line, code)) => (line, code.trim().parse().expect("a code")),
        None => (line, 0),
    };
    let command = match is_shell {
        true => line.trim(),
        false => line.find("backfill ").map(|start| &line[start..])?.split('"').next()?.trim(),
    };
    (!command.is_empty()).then(|| Step::Command(command.to_owned(), code))
}

fn page(name: &str) -> Vec<Step> {
    let page = std::fs::read_to_string(shipped(&format!("docs/guide/{name}.md"))).expect("a page");
    steps(&page)
}

/// The project of the pages: orders of some days, and no other dataset.
async fn orders(start: &str, days: u32) -> Project {
    let start = start.parse().expect("a date");
    let options = Options { start, days, rows: 12, resend: 0.0, ..Options::default() };
    let project = Project::orders(&options).await;
    let config = project.read("backfill.toml");
    let first = config.split("[datasets.orders_update]").next().expect("a dataset");
    project.write("backfill.toml", first);
    project.write("sql/orders_create/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    project
}

/// Runs the steps; `meanwhile` does what happens between them.
async fn run(project: &Project, steps: Vec<Step>, mut meanwhile: impl AsyncFnMut(&str)) {
    assert!(steps.iter().any(|step| matches!(step, Step::Command(..))), "a page without commands");
    let program = Path::new(env!("CARGO_BIN_EXE_backfill")).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    for step in steps {
        match step {
            Step::Meanwhile(event) => meanwhile(&event).await,
            Step::Command(line, code) => {
                let mut command = project.command_of("bash", &["-ec", &line]);
                command.env("PATH", format!("{}:{path}", program.display()));
                let ran = finish(command).await;
                assert_eq!(ran.code, Some(code), "{line}\n{}\n{}", ran.stdout, ran.stderr);
            }
        }
    }
}

async fn nothing_happens(event: &str) {
    panic!("nobody knows how {event}");
}

const LOAD: [&str; 5] = ["run", "--start", "2025-09-22", "--end", "2025-11-30"];

#[tokio::test(flavor = "multi_thread")]
async fn a_first_backfill_and_what_it_costs() {
    let project = orders("2025-09-22", 70).await;
    run(&project, page("cost"), nothing_happens).await;
    run(&project, page("first-backfill"), nothing_happens).await;
    let days = "SELECT count(DISTINCT _file_name) FROM orders_create";
    assert_eq!(project.rows(days).await, ["70"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_was_exported_again() {
    let project = orders("2025-09-22", 70).await;
    project.backfill(&LOAD).await.ended(0);
    let folder = project.bucket().join("orders-create");
    run(&project, page("exported-again"), async |event: &str| {
        assert_eq!(event, "a file is exported again");
        let mut keys: Vec<_> = std::fs::read_dir(&folder).expect("a folder").collect();
        keys.sort_by_key(|key| key.as_ref().expect("a key").file_name());
        let key = keys[3].as_ref().expect("a key");
        let text = std::fs::read_to_string(key.path()).expect("a file");
        let shorter =
            text.rsplit_once("\r\n").expect("lines").0.rsplit_once("\r\n").expect("lines").0;
        let name = key.file_name().into_string().expect("a name");
        project.put(&format!("orders-create/{name}"), format!("{shorter}\r\n"));
    })
    .await;
    let rows = "SELECT sum(deleted) > 0 FROM backfill.batches";
    assert_eq!(project.rows(rows).await, ["t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_was_added() {
    let project = orders("2025-09-22", 73).await;
    project.backfill(&LOAD).await.ended(0);
    let folder = project.bucket().join("orders-create");
    run(&project, page("column-added"), async |event: &str| {
        assert_eq!(event, "a column is added");
        for key in std::fs::read_dir(&folder).expect("a folder") {
            let name = key.expect("a key").file_name().into_string().expect("a name");
            if name.as_str() > "report_2025-12" {
                let text = std::fs::read_to_string(folder.join(&name)).expect("a file");
                let lines = text.lines().enumerate().map(|(line, text)| match line {
                    0 => format!("{text},loyalty_tier\r\n"),
                    _ => format!("{text},gold\r\n"),
                });
                project.put(&format!("orders-create/{name}"), lines.collect::<String>());
            }
        }
    })
    .await;
    let days = "SELECT count(DISTINCT _file_name) FROM orders_create";
    assert_eq!(project.rows(days).await, ["73"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_loaders_and_one_table() {
    let project = orders("2025-09-22", 78).await;
    for name in ["backfill.toml", "sql/orders_create/target.sql"] {
        let text = project.read(name).replace("public.orders_create", "shop.orders_create");
        project.write(name, text.replace("TABLE orders_create (", "TABLE shop.orders_create ("));
    }
    let dlt = Dlt { project: &project, form: "append" };
    dlt.load("2025-12-03").await;
    let of_dlt = project.rows("SELECT count(*) FROM shop.orders_create").await;
    let loads = project.rows("SELECT * FROM shop._dlt_loads ORDER BY 1").await;
    run(&project, page("two-loaders"), nothing_happens).await;
    assert_eq!(project.rows("SELECT count(*) FROM shop.orders_create").await, of_dlt);
    assert_eq!(project.rows("SELECT * FROM shop._dlt_loads ORDER BY 1").await, loads);
    let runs = "SELECT status FROM backfill.runs ORDER BY started_at";
    assert_eq!(project.rows(runs).await, ["undone"], "the history was loaded before it was undone");
    assert!(dlt.load("2025-12-05").await > 0, "dlt goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_to_do_when_it_stops_and_undo() {
    let project = orders("2025-09-22", 70).await;
    run(&project, page("when-it-stops"), async |event: &str| {
        assert_eq!(event, "a run is killed");
        let killed = [("BACKFILL_FAILPOINT", "load.committed:3")];
        assert_eq!(project.backfill_with(&killed, &LOAD).await.code, None);
    })
    .await;
    let days = "SELECT count(DISTINCT _file_name) FROM orders_create";
    assert_eq!(project.rows(days).await, ["70"]);
    run(&project, page("undo"), nothing_happens).await;
    assert_eq!(project.rows(days).await, ["70"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_day_from_a_scheduler() {
    let project = orders("2025-09-22", 6).await;
    project.backfill(&["run", "--start", "2025-09-22", "--end", "2025-09-25"]).await.ended(0);
    project
        .backfill(&["plan", "--start", "2025-09-22", "--end", "2025-09-27", "--save", "plan.json"])
        .await
        .ended(0);
    let steps = page("schedulers").into_iter().map(|step| match step {
        Step::Command(line, code) => Step::Command(line.replace("cd /srv/orders && ", ""), code),
        step @ Step::Meanwhile(_) => step,
    });
    let steps: Vec<Step> = steps.collect();
    assert!(steps.len() >= 6, "{steps:?}");
    run(&project, steps, nothing_happens).await;
    let days = "SELECT count(DISTINCT _file_name) FROM orders_create";
    assert_eq!(project.rows(days).await, ["6"]);
}

#[test]
fn commands_are_found_in_every_kind_of_block() {
    let page = "```sh\nbackfill a --b   # exit code 3\n\n```\nbackfill text\n<!-- meanwhile: x y -->\n\
                ```yaml\n      - run: backfill c\n```\n```python\nx(\"backfill d --e\")\n```\n";
    let command = |text: &str, code| Step::Command(text.to_owned(), code);
    let expected = [
        command("backfill a --b", 3),
        Step::Meanwhile("x y".to_owned()),
        command("backfill c", 0),
        command("backfill d --e", 0),
    ];
    assert_eq!(steps(page), expected);
    // No page is forgotten.
    let mut pages: Vec<String> = std::fs::read_dir(shipped("docs/guide"))
        .expect("the guide")
        .map(|page| page.expect("a page").file_name().into_string().expect("a name"))
        .collect();
    pages.sort();
    let known = [
        "README.md",
        "column-added.md",
        "cost.md",
        "exported-again.md",
        "first-backfill.md",
        "schedulers.md",
        "two-loaders.md",
        "undo.md",
        "when-it-stops.md",
    ];
    assert_eq!(pages, known);
}
