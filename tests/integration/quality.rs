//! Looking at exports without loading them: query, check, rejects, status, sample, demo.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use backfill_sample::Options;
use serde_json::json;

use crate::support::Project;

const RANGE: [&str; 4] = ["--start", "2025-09-22", "--end", "2025-09-23"];

async fn two_days() -> Project {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\nb,Oslo,x\n");
    project.put("people/report_2025-09-23.csv", "id,city,amount\n,Bonn,2\n");
    project
}

fn query<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    [&["query"], rest, &RANGE].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn query_writes_tables_csv_json_and_parquet() {
    let project = two_days().await;
    let sql = "SELECT id, city FROM source ORDER BY city";
    let table = project.backfill(&query(&[sql])).await.ended(0).stdout;
    assert!(table.contains("| b  | Oslo |"), "{table}");
    let csv = project.backfill(&query(&[sql, "--format", "csv"])).await.ended(0).stdout;
    assert_eq!(csv, "id,city\n\"\",Bonn\nb,Oslo\na,Rome\n".replace("\"\"", ""));
    let json = project.backfill(&query(&[sql, "--format", "json"])).await.ended(0).stdout;
    assert_eq!(json.lines().next(), Some("{\"id\":\"\",\"city\":\"Bonn\"}"));
    project.backfill(&query(&[sql, "--to", "out.parquet"])).await.ended(0);
    let bytes = std::fs::read(project.path("out.parquet")).expect("a file");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    project.write("q.sql", sql);
    let file = project.backfill(&query(&["--file", "q.sql", "--format", "csv"])).await.ended(0);
    assert_eq!(file.stdout, csv);
}

/// Types lines at the prompts of a terminal and returns all that was shown.
fn typed(project: &Project, arguments: &[&str], lines: &[&str]) -> String {
    let terminal = nix::pty::openpty(None, None).expect("a terminal");
    let side = || Stdio::from(terminal.slave.try_clone().expect("a copy"));
    let mut command = project.command(arguments);
    command.stdin(side()).stdout(side()).stderr(Stdio::null()).env("TERM", "xterm");
    let mut child = command.env("HOME", project.path("")).spawn().expect("started");
    drop((command, terminal.slave));
    let mut master = File::from(terminal.master);
    let mut shown = Vec::new();
    let mut lines = lines.iter();
    let mut piece = [0; 4096];
    let mut prompts = 0;
    // A terminal whose program has ended gives an error.
    while let Ok(count @ 1..) = master.read(&mut piece) {
        shown.extend_from_slice(&piece[..count]);
        // What a line editor asks a terminal for at each of its prompts: to tell pasted text.
        let asked = String::from_utf8_lossy(&shown).matches("\u{1b}[?2004h").count();
        for line in lines.by_ref().take(asked - prompts) {
            master.write_all(format!("{line}\r").as_bytes()).expect("typed");
        }
        prompts = asked;
    }
    assert!(child.wait().expect("ended").success());
    String::from_utf8_lossy(&shown).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_runs_what_is_typed_and_goes_on_after_mistakes() {
    let project = two_days().await;
    let lines = [
        "help",
        "\\d",
        "SELECT city, nope FROM source;",
        "SELECT city",
        "FROM source WHERE id = 'b';",
        "\\q",
    ];
    let arguments = [&["query"], &RANGE[..]].concat();
    let shown = tokio::task::block_in_place(|| typed(&project, &arguments, &lines));
    for expected in [
        "A statement ends with a semicolon",
        "| people  | source ",
        "people> ",
        "-> ",
        "| Oslo |",
        "1 row(s)",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let history = project.read(".backfill_history");
    assert!(history.contains("SELECT city\\nFROM source WHERE id = 'b';"), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_come_from_standard_input_too() {
    let project = two_days().await;
    let mut command = project.command(&[&["query", "--format", "csv"], &RANGE[..]].concat());
    let mut child = command.stdin(Stdio::piped()).spawn().expect("started");
    let mut input = child.stdin.take().expect("standard input");
    input.write_all(b"SELECT count(*) AS n FROM source").expect("written");
    drop(input);
    let ended = tokio::task::block_in_place(|| child.wait_with_output()).expect("ended");
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "n\n3\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_target_can_be_joined_and_only_read() {
    let project = two_days().await;
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    let other = "CREATE SCHEMA extra;
        CREATE TABLE extra.kinds (id text, n int, r real, d date, t timestamptz, ok bool,
            price numeric(8, 3), free numeric, j jsonb);
        INSERT INTO extra.kinds VALUES
            ('a', 7, 0.1, '2025-09-22', '2025-09-22 10:00+02', true, 12.345, 1e30, '{\"x\": 1}'),
            ('it''s', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        CREATE TABLE extra.odd (d date); INSERT INTO extra.odd VALUES ('infinity');";
    project.database.execute(other).await;
    let csv = async |sql: &str| {
        let arguments = [&["query", "--format", "csv", sql], &RANGE[..]].concat();
        project.backfill(&arguments).await.ended(0).stdout
    };
    let join = "SELECT count(*) AS n, sum(t.amount) = sum(try_to_decimal(s.amount, 12, 2)) AS same
        FROM source AS s JOIN target.public.people AS t USING (_file_name, _row_id)";
    assert_eq!(csv(join).await, "n,same\n3,true\n");
    let kinds = "SELECT n + 1 AS n, d, t, ok, price * 2 AS price, free, j FROM target.extra.kinds
        WHERE id = 'a' AND n >= 7 AND d = DATE '2025-09-22'";
    assert_eq!(
        csv(kinds).await,
        "n,d,t,ok,price,free,j\n8,2025-09-22,2025-09-22T08:00:00Z,true,24.690,\
         1000000000000000000000000000000,\"{\"\"x\"\": 1}\"\n"
    );
    assert_eq!(csv("SELECT count(*) AS n FROM target.extra.kinds").await, "n\n2\n");
    assert_eq!(csv("SELECT id FROM target.extra.kinds WHERE id = 'it''s'").await, "id\nit's\n");
    for (sql, code, told) in [
        ("SELECT * FROM target.extra.nothing", 2, "target.extra.nothing"),
        ("INSERT INTO target.extra.kinds (id) VALUES ('b')", 2, "may only read"),
        ("SELECT * FROM target.extra.odd", 1, "column d of extra.odd has a value"),
    ] {
        let refused = project.backfill(&[&["query", sql], &RANGE[..]].concat()).await.ended(code);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        assert!(!refused.stderr.contains("infinity"), "{}", refused.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn query_only_reads() {
    let project = two_days().await;
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "COPY (SELECT 1) TO 'stolen.csv'",
        "INSERT INTO source SELECT * FROM source",
        "DROP TABLE source",
        "SET datafusion.execution.batch_size = 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
    ] {
        let refused = project.backfill(&query(&[sql])).await.ended(2);
        assert!(refused.stderr.contains("the query may only read"), "{sql}: {}", refused.stderr);
    }
    for (sql, told) in [
        ("SELECT * FROM '/etc/passwd'", "not found"),
        ("SELECT 1; DROP TABLE source", "exactly one statement"),
        ("SELECT count(*) FROM target.public.people", "people"),
    ] {
        let refused = project.backfill(&query(&[sql])).await.ended(2);
        assert!(refused.stderr.contains(told), "{sql}: {}", refused.stderr);
    }
    assert!(!project.path("stolen.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_prune_files() {
    let project = two_days().await;
    let sql =
        "EXPLAIN SELECT count(city) FROM source WHERE _file_date >= '2025-09-23' AND city > ''";
    let plan = project.backfill(&query(&[sql, "--format", "csv"])).await.ended(0).stdout;
    assert!(plan.contains("_file_date=2025-09-23"), "{plan}");
    assert!(!plan.contains("_file_date=2025-09-22"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_stops_the_load_and_a_warning_does_not() {
    let project = two_days().await;
    let check = "SELECT _file_name, _line, city FROM source WHERE id = ''";
    project.write("sql/people/checks/missing_id.sql", format!("-- No id.\n{check}"));
    let refused = project.run("2025-09-22", "2025-09-23").await.ended(3);
    let first = "missing_id (1 row(s), first at exports/people/report_2025-09-23.csv:2)";
    assert!(refused.stderr.contains(first), "{}", refused.stderr);
    assert!(!refused.stderr.contains("Bonn"), "{}", refused.stderr);
    let checked = project.backfill(&[&["check", "--output", "json"], &RANGE[..]].concat()).await;
    let checked = checked.ended(3).json();
    let outcome = &checked[0]["checks"][0];
    assert_eq!(
        (outcome["bad_rows"].as_u64(), outcome["severity"].as_str()),
        (Some(1), Some("error"))
    );
    let rows_at = outcome["rows_at"].as_str().expect("a file");
    assert!(project.path(rows_at).is_file(), "{rows_at}");
    project.write(
        "sql/people/checks/missing_id.sql",
        format!("-- No id.\n-- severity: warn\n{check}"),
    );
    let warned = project.run("2025-09-22", "2025-09-23").await.ended(0);
    assert!(warned.stderr.contains("warning: people: missing_id"), "{}", warned.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_of_runs() {
    let project = two_days().await;
    let none = project.backfill(&["status"]).await.ended(0);
    assert_eq!(none.stdout, "no runs yet\n");
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    let status = project.backfill(&["status", "--output", "json"]).await.ended(0).json();
    let run = &status[0];
    assert_eq!((run["status"].as_str(), run["rows"].as_i64()), (Some("done"), Some(3)));
    assert_eq!(run["range"].as_str(), Some("2025-09-22 to 2025-09-23"));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_machines_and_people_of_every_bad_row() {
    let project = two_days().await;
    let checks = [
        ("missing_id", "error", "SELECT _file_name, _line, city FROM source WHERE id = ''"),
        ("unread_amount", "warn", "SELECT _file_name, _line FROM source WHERE amount = 'x'"),
        ("first_only", "warn", "SELECT _file_name FROM source WHERE city > '' LIMIT 1"),
        (
            "twin",
            "warn",
            "SELECT a.id FROM source a JOIN source b ON a.id = b.id AND a.city < b.city",
        ),
        ("unloaded", "error", "SELECT _file_name FROM staged WHERE city IS NULL"),
        ("no_files", "error", "SELECT 1 WHERE (SELECT count(*) FROM files) = 0"),
    ];
    for (name, severity, query) in checks {
        let text = format!("-- What is <wrong>.\n-- severity: {severity}\n{query}");
        project.write(&format!("sql/people/checks/{name}.sql"), text);
    }
    let arguments = ["check", "--csv", "bad", "--junit", "checks.xml", "--output", "json"];
    let ran = project.backfill(&[&arguments[..], &RANGE].concat()).await.ended(3);
    let outcomes: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let found: Vec<String> = outcomes[0]["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .map(|check| format!("{} {}", check["name"], check["bad_rows"]).replace('"', ""))
        .collect();
    assert_eq!(
        found,
        ["first_only 1", "missing_id 1", "no_files 0", "twin 0", "unloaded 0", "unread_amount 1"]
    );
    let xml = project.read("checks.xml");
    assert!(xml.contains("tests=\"7\" skipped=\"0\" failures=\"1\""), "{xml}");
    assert!(xml.contains("What is &lt;wrong&gt;."), "{xml}");
    assert_eq!(
        project.read("bad/people.missing_id.csv"),
        "_file_name,_line,city\nexports/people/report_2025-09-23.csv,2,Bonn\n"
    );
    assert!(!project.path("bad/people.twin.csv").exists());
    std::fs::remove_file(project.path("sql/people/checks/missing_id.sql")).expect("removed");
    project.backfill(&[&["check"], &RANGE[..]].concat()).await.ended(0);
    project.backfill(&[&["check", "--fail-on", "warn"], &RANGE[..]].concat()).await.ended(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_refuses_as_many_rejects_as_run_does() {
    let project = two_days().await;
    let limit = "csv = { delimiter = \",\" }\nmax_rejects = 0";
    project.edit("backfill.toml", "max_rejects = 0", limit);
    project.put("people/report_2025-09-24.csv", "id,city,amount\nx;y\nz;w\n");
    let range = ["--start", "2025-09-22", "--end", "2025-09-24"];
    let check = |more: &[&'static str]| [&["check"], more, &range[..]].concat();
    let refused = project.run("2025-09-22", "2025-09-24").await.ended(3).stderr;
    let told = "2 of 5 records of people from 2025-09-22 to 2025-09-24 were rejected";
    assert!(refused.contains(told), "{refused}");
    let arguments = check(&["--junit", "checks.xml", "--output", "json", "-q"]);
    let ran = project.backfill(&arguments).await.ended(3);
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let rejects = ran.json()[0]["rejects"].clone();
    assert_eq!((&rejects["records"], &rejects["rejected"]), (&json!(5), &json!(2)));
    let reason = json!({
        "reason": "too few fields", "records": 2, "files": 1, "first": "people/report_2025-09-24.csv:2"
    });
    assert_eq!(rejects["reasons"], json!([reason]));
    let xml = project.read("checks.xml");
    assert!(xml.contains("tests=\"1\" skipped=\"0\" failures=\"1\""), "{xml}");
    assert!(xml.contains("name=\"rejects\" classname=\"people\">"), "{xml}");
    let text = project.backfill(&check(&["-q"])).await.ended(3).stdout;
    assert!(text.contains("rejects: FAILED: 2 of 5 records are rejected"), "{text}");
    // The limit counts for each batch: a third of one day is over it, of three days it is not.
    project.put("people/report_2025-09-24.csv", "id,city,amount\na,b,1\na,b,1\nz\n");
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = \"20%\"");
    let text = project.backfill(&check(&[])).await.ended(0).stdout;
    assert!(text.contains("rejects: warning: 1 of 6 records are rejected"), "{text}");
    project.backfill(&check(&["--batch-size", "1"])).await.ended(3);
    let batches = ["run", "--batch-size", "1", "--start", "2025-09-22", "--end", "2025-09-24"];
    project.backfill(&batches).await.ended(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_checks_find_the_quirks_of_a_sample() {
    let options = Options { days: 21, rows: 60, quirks: true, ..Options::default() };
    let project = Project::orders(&options).await;
    let range = ["--start", "2025-09-22", "--end", "2025-10-12", "--prefix", "orders-create"];
    let checked = project.backfill(&[&["check", "--output", "json"], &range[..]].concat()).await;
    // The faulty records are more than a run would take.
    let checked = checked.ended(3).json();
    let checks = checked[0]["checks"].as_array().expect("checks");
    let failed: Vec<&str> = checks
        .iter()
        .filter(|check| check["bad_rows"] != 0)
        .filter_map(|check| check["name"].as_str())
        .collect();
    assert_eq!(
        failed,
        ["missing_column", "several_files_for_a_day", "unknown_column", "unusual_row_count"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sample_writes_what_it_says() {
    let project = Project::people().await;
    let sample = ["sample", "out", "--days", "2", "--rows", "30", "--output", "json"];
    let written = project.backfill(&sample).await.ended(0).json();
    let files = written["files"].as_array().expect("files");
    assert_eq!(files.len(), 4);
    let first = project.path("out").join(files[0]["key"].as_str().expect("a key"));
    assert_eq!(
        std::fs::metadata(first).expect("a file").len(),
        files[0]["bytes"].as_u64().expect("bytes")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_runs_on_its_own_servers() {
    let project = Project::people().await;
    let mut command = project.command(&["demo"]);
    command.env_remove("DATABASE_URL");
    for (name, _) in project.s3.variables() {
        command.env_remove(name);
    }
    let demo = crate::support::finish(command).await.ended(0);
    assert!(demo.stdout.contains("── run: into Postgres"), "{}", demo.stdout);
    assert!(
        !demo.stdout.contains("WRONG") && !demo.stdout.contains("UNVERIFIED"),
        "{}",
        demo.stdout
    );
    assert!(demo.stdout.contains("export DATABASE_URL="), "{}", demo.stdout);
}
