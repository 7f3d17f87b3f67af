//! Sound files are mutated as files are in practice: lines around the table, other encodings and delimiters, files
//! glued together, cut short or replaced by an error page. The target must hold the true rows, or a command must name
//! the file that it did not take, or reject records of it; a wrong row must never be there in silence.
//!
//! `BACKFILL_MUTATIONS` says how many batches of 30 files are mutated, `BACKFILL_MUTATIONS_SEED` with which seed the first
//! one is made. A failure prints the mutations and the file.

mod mutate;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::support::{Project, Ran, Random, seeds};
use mutate::{Mutated, Row};

/// How many files one dataset has.
const BATCH: u64 = 30;
/// The days of sound files, of which the dataset is made.
const SOUND: u64 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn no_mutated_file_gives_a_wrong_row_in_silence() {
    let mut tally = Tally::default();
    for seed in seeds("BACKFILL_MUTATIONS", &[1, 2]) {
        batch(seed, &mut tally).await;
    }
    let failures = std::mem::take(&mut tally.failures);
    // Shown with --nocapture.
    writeln!(std::io::stderr(), "{tally:?}").expect("written");
    assert!(
        failures.is_empty(),
        "{} files, of these:\n{}",
        failures.len(),
        failures[..failures.len().min(5)].join("\n\n")
    );
    assert!(tally.true_rows > 0 && tally.refused > 0 && tally.rejected > 0, "{tally:?}");
}

/// What became of the files.
#[derive(Debug, Default)]
struct Tally {
    /// All their rows are there.
    true_rows: u64,
    /// A command named the file, and the run refused it.
    refused: u64,
    /// Rejects account for the rows that are not there.
    rejected: u64,
    /// A notice says that something of the file may be missing.
    told: u64,
    /// How many files had each mutation.
    kinds: BTreeMap<&'static str, u64>,
    refused_kinds: BTreeMap<String, u64>,
    failures: Vec<String>,
}

async fn batch(seed: u64, tally: &mut Tally) {
    let mut random = Random(seed);
    let project = Project::empty().await;
    for day in 0..SOUND {
        let rows = mutate::rows(&mut random, day);
        project.put(&key(day), mutate::sound(&rows));
    }
    project.backfill(&["init", "--source", "s3://exports", "--prefix", "sales/"]).await.ended(0);
    allow_rejects(&project);
    let mut files = BTreeMap::new();
    for day in SOUND..SOUND + BATCH {
        let mutated = mutate::file(&mut random, day);
        project.put(&key(day), &mutated.bytes);
        *tally.kinds.entry(mutated.kinds[0]).or_default() += 1;
        files.insert(key(day), mutated);
    }
    let (refused, notices) = run_without_refused(&project, &files).await;
    tally.refused += refused.len() as u64;
    for key in &refused {
        *tally.refused_kinds.entry(files[key].kinds.join(" + ")).or_default() += 1;
    }
    let rejects = counted(&project, "rejects").await;
    let quotes = counted(&project, "bare_quotes").await;
    for (key, mutated) in &files {
        if refused.contains(key) {
            continue;
        }
        // A quote inside a field without quotes is text, as the setting bare_quotes says, and counted.
        let notices = match quotes.contains_key(key) {
            true => format!("{notices}\n{key} has quotes in fields without quotes"),
            false => notices.clone(),
        };
        judge(&project, key, mutated, &rejects, &notices, tally, seed).await;
    }
}

const DAY_ONE: &str = "2025-01-01";
const LAST: &str = "2025-02-28";

fn key(day: u64) -> String {
    format!("sales/report_{}.csv", mutate::date(day))
}

/// A run is not refused for rejects, so that what is loaded can be seen.
fn allow_rejects(project: &Project) {
    let config = project.read("backfill.toml");
    let section = "[datasets.sales]\n";
    assert!(config.contains(section), "{config}");
    project.edit("backfill.toml", section, "[datasets.sales]\nmax_rejects = \"100%\"\n");
}

/// Runs, and takes the files away that are named where a run is refused, until one is not; returns these files, and
/// what the last run said.
async fn run_without_refused(
    project: &Project,
    files: &BTreeMap<String, Mutated>,
) -> (BTreeSet<String>, String) {
    let mut refused = BTreeSet::new();
    loop {
        let ran = project.run(DAY_ONE, LAST).await;
        if ran.code == Some(0) {
            return (refused, ran.stderr);
        }
        assert_eq!(ran.code, Some(3), "{}\n{}", ran.stdout, ran.stderr);
        let named = named(&ran, files);
        assert!(!named.is_empty(), "a refusal names no file:\n{}\n{}", ran.stdout, ran.stderr);
        for key in named {
            std::fs::remove_file(project.bucket().join(&key)).expect("the object");
            refused.insert(key);
        }
    }
}

/// The files that an error is about: those that it names.
fn named(ran: &Ran, files: &BTreeMap<String, Mutated>) -> Vec<String> {
    let error = ran.stderr.lines().skip_while(|line| !line.starts_with("error"));
    let error: Vec<&str> = error.collect();
    let is_named = |key: &&String| error.iter().any(|line| line.contains(key.as_str()));
    let mut named: Vec<String> = files.keys().filter(is_named).cloned().collect();
    // A refusal that lists several files does not always list all of them.
    named.truncate(10);
    named
}

/// What a column of `files` counts, of each file that has some.
async fn counted(project: &Project, column: &str) -> BTreeMap<String, u64> {
    let sql = format!("SELECT key, {column} FROM files WHERE {column} > 0");
    let range = ["--start", DAY_ONE, "--end", LAST];
    let arguments = [&["query", "--format", "csv", &sql][..], &range].concat();
    let ran = project.backfill(&arguments).await.ended(0);
    let rows = ran.stdout.lines().skip(1);
    rows.map(|line| {
        let (key, count) = line.rsplit_once(',').expect("two columns");
        (key.to_owned(), count.parse().expect("a count"))
    })
    .collect()
}

async fn judge(
    project: &Project,
    key: &str,
    mutated: &Mutated,
    rejects: &BTreeMap<String, u64>,
    notices: &str,
    tally: &mut Tally,
    seed: u64,
) {
    let loaded = loaded(project, key).await;
    let mut left = mutated.rows.clone();
    let mut wrong = Vec::new();
    for row in loaded {
        match left.iter().position(|own| *own == row) {
            Some(index) => drop(left.remove(index)),
            None => wrong.push(row),
        }
    }
    let rejected = rejects.get(key).copied().unwrap_or(0);
    // Several files whose last line is open are counted in one notice, which names the first.
    let ends_open =
        !mutated.bytes.ends_with(b"\n") && notices.contains("end without a line ending");
    let is_told = ends_open || notices.lines().any(|line| line.contains(key));
    // Whoever cuts a file at the end of a line leaves a sound file: only its size could say so.
    let is_sound_start =
        wrong.is_empty() && mutated.kinds.contains(&"cut short") && mutated.bytes.ends_with(b"\n");
    let context = format!(
        "seed {seed}, {key}, {:?}, {rejected} rejects\nwrong: {wrong:?}\nmissing: {left:?}\n{}\n{notices}",
        mutated.kinds,
        String::from_utf8_lossy(&mutated.bytes)
    );
    // With the usual limit of rejects a run is refused for so many.
    let is_refused_by_default = rejected * 20 > mutated.rows.len() as u64;
    let is_silent = !is_told && !is_refused_by_default;
    if !wrong.is_empty() && is_silent {
        tally.failures.push(format!("wrong rows: {context}"));
    } else if !left.is_empty() && rejected == 0 && !is_told && !is_sound_start {
        tally.failures.push(format!("rows are missing: {context}"));
    }
    match (left.is_empty() && wrong.is_empty(), rejected > 0) {
        (true, _) => tally.true_rows += 1,
        (false, true) => tally.rejected += 1,
        (false, false) => tally.told += 1,
    }
}

/// The rows of a file in the target.
async fn loaded(project: &Project, key: &str) -> Vec<Row> {
    let sql = format!(
        "SELECT jsonb_build_array(id::text, name, city, amount::text, day::text)::text \
         FROM sales WHERE _file_name = 'exports/{key}' ORDER BY _row_id"
    );
    let rows = project.rows(&sql).await;
    rows.iter().map(|row| serde_json::from_str(row).expect("an array")).collect()
}
