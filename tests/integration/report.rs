//! The report as a page: what a browser makes of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use backfill_sample::Options;
use regex::Regex;
use serde_json::Value;

use crate::support::{Project, finish};

/// What a headless browser shows of a page, and what it says meanwhile.
struct Shown {
    page: String,
    log: String,
}

/// Opens a page in Chromium.
async fn open(page: &Path) -> Shown {
    let profile = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "90", "chromium", "--headless", "--no-sandbox"]);
    command.args(["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]);
    command.args(["--disable-background-networking", "--disable-component-update"]);
    command.args(["--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom"]);
    // What the browser asks for of its own, it does not get.
    command.arg("--proxy-server=127.0.0.1:9");
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    command.arg(format!("file://{}", page.display()));
    command.stdin(Stdio::null());
    let ran = finish(command).await.ended(0);
    Shown { page: ran.stdout, log: ran.stderr }
}

impl Shown {
    /// Every number that the page shows, by its place in the document.
    fn numbers(&self) -> BTreeMap<String, String> {
        let marked = Regex::new(r#"data-path="([^"]+)" data-value="([^"]+)""#).expect("a pattern");
        let pairs = marked.captures_iter(&self.page);
        pairs.map(|found| (found[1].to_owned(), found[2].to_owned())).collect()
    }

    /// Whether it is drawn, without an error, and without a request: the page's policy forbids all, and
    /// the browser complains of each that it refuses.
    fn is_as_it_should_be(&self) -> bool {
        let forbids_all = self.page.contains("content=\"default-src 'none';");
        let is_drawn = self.page.contains(r#"data-state="ready""#);
        forbids_all && is_drawn && !self.log.contains("CONSOLE")
    }
}

/// The value at a path such as `datasets.0.totals.files`.
fn at<'a>(document: &'a Value, path: &str) -> &'a Value {
    document.pointer(&format!("/{}", path.replace('.', "/"))).expect(path)
}

const RANGE: [&str; 4] = ["--start", "2025-09-22", "--end", "2025-10-12"];

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_the_numbers_of_the_document_without_a_network() {
    let options = Options { days: 21, rows: 60, quirks: true, ..Options::default() };
    let project = Project::orders(&options).await;
    let loose = "max_rejects = \"20%\"\noptional_columns";
    project.edit("backfill.toml", "optional_columns", loose);
    let page = project.path("run.html");
    let run = [&["run", "--report", "run.html"], &RANGE[..]].concat();
    project.backfill(&run).await.ended(0);
    let shown = open(&page).await;
    assert!(shown.is_as_it_should_be(), "{}", shown.log);
    let report = [&["report", "--to", "again.html", "--output", "json"], &RANGE[..]].concat();
    let document = project.backfill(&report).await.ended(0).json();
    let numbers = shown.numbers();
    for (path, value) in &numbers {
        assert_eq!(at(&document, path).to_string(), *value, "{path}");
    }
    for path in [
        "datasets.0.totals.files",
        "datasets.0.totals.missing_days",
        "datasets.0.checks.0.bad_rows",
        "datasets.0.rejects.0.records",
        "datasets.1.accounting.totals.inserted",
    ] {
        assert!(numbers.contains_key(path), "{path} is not shown");
    }
    let notices = document["datasets"][0]["notices"].as_array().expect("notices");
    assert!(notices.iter().any(|notice| notice["code"] == "records-rejected"), "{notices:?}");
    assert!(
        shown.page.contains("rejected; `backfill rejects` shows where"),
        "a notice is not shown"
    );
    let loaded = project.database.rows("SELECT count(*)::text FROM orders_create").await;
    assert_eq!(numbers["datasets.0.accounting.totals.in_target"], loaded[0]);
    let days = document["datasets"][0]["days"].as_array().expect("days");
    let states: Vec<&str> = days.iter().filter_map(|day| day["state"].as_str()).collect();
    assert_eq!(states.iter().filter(|state| **state == "loaded").count(), 20);
    assert_eq!(states.iter().filter(|state| **state == "missing").count(), 1);
    let text = std::fs::read_to_string(&page).expect("the page");
    let street = project.rows("SELECT max(billing_street_address) FROM orders_create").await;
    assert!(!text.contains(&street[0]), "a value of a personal column");
    for fault in ["<img src='http://127.0.0.1:9/x.png'>", "<script>nothing()</script>"] {
        project.write("faulty.html", text.replace("<footer", &format!("{fault}<footer")));
        let shown = open(&project.path("faulty.html")).await;
        assert!(!shown.is_as_it_should_be(), "{fault} goes unnoticed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_from_files_are_text_and_what_is_not_known_is_said() {
    let project = Project::people().await;
    let header = "id,city,amount,</script><img src=x onerror=alert(1)>,&lt;b&gt;\n";
    project.put("people/report_2025-09-22.csv", format!("{header}a,Rome,1,2,3\n"));
    project.put("people/report_2025-09-23.csv", "id,city,amount\na,Rome,1\n");
    project.put("people/report_2025-09-24.csv", "");
    let arguments = ["--start", "2025-09-22", "--end", "2025-09-24", "--to", "r.html"];
    let nameless = [("DATABASE_URL", "")];
    let report = [&["report"], &arguments[..]].concat();
    project.backfill_with(&nameless, &report).await.ended(0);
    let shown = open(&project.path("r.html")).await;
    assert!(shown.is_as_it_should_be(), "{}", shown.log);
    assert!(!shown.page.contains("<img"), "a name became an element");
    assert!(shown.page.contains("&lt;/script&gt;&lt;img src=x"), "the name is shown");
    for expected in ["No check was run", "There is no accounting", "is empty (zero bytes)"] {
        assert!(shown.page.contains(expected), "{expected}");
    }
}
