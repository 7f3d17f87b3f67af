//! Histories: exports come, change, move and go; runs over the whole range and over parts of it come
//! between, and some are killed. The table is compared with a model of a few lines.
//!
//! `BACKFILL_HISTORIES` says how many histories there are, `BACKFILL_HISTORIES_SEED` the seed of the first.

use std::collections::BTreeMap;

use backfill::failpoint;
use futures::StreamExt;

use crate::support::{Project, Random, seeds};

const DAYS: u64 = 6;
const KEYS: u64 = 10;
const STEPS: usize = 24;

/// The files by their names, each with the ids of its rows and the city in all of them.
type Files = BTreeMap<String, (Vec<u64>, String)>;

struct History {
    project: Project,
    random: Random,
    files: Files,
    writes: usize,
    told: Vec<String>,
}

fn day(number: u64) -> String {
    format!("2025-10-{:02}", number + 1)
}

impl History {
    fn write(&mut self, name: &str) {
        self.writes += 1;
        let rows = 1 + self.random.below(5);
        let ids: Vec<u64> = (0..rows).map(|_| self.random.below(KEYS)).collect();
        // Another size each time: a store without tags tells versions apart by size and second.
        let city = "x".repeat(self.writes);
        let lines: String = ids.iter().map(|id| format!("{id},{city},1\n")).collect();
        let padding = "\n".repeat(self.writes * 40);
        self.project.put(&format!("people/{name}"), format!("id,city,amount\n{lines}{padding}"));
        self.told.push(format!("write {name}: {ids:?}"));
        self.files.insert(name.to_owned(), (ids, city));
    }

    fn change_a_file(&mut self) {
        let names: Vec<String> = self.files.keys().cloned().collect();
        let change = self.random.below(5);
        if names.is_empty() || change < 2 {
            let day = day(self.random.below(DAYS));
            let ending = self.random.of(&["", "_b", "_c"]);
            return self.write(&format!("report_{day}{ending}.csv"));
        }
        let name = names[self.random.below(names.len() as u64) as usize].clone();
        let path = |name: &str| self.project.bucket().join("people").join(name);
        match change {
            2 => self.write(&name),
            3 => {
                std::fs::remove_file(path(&name)).expect("a file");
                self.files.remove(&name);
                self.told.push(format!("remove {name}"));
            }
            _ => {
                let other = format!("{}_{}.csv", &name[..17], self.writes);
                std::fs::rename(path(&name), path(&other)).expect("a file");
                let rows = self.files.remove(&name).expect("its rows");
                self.told.push(format!("rename {name} {other}"));
                self.files.insert(other, rows);
                // A name is used once.
                self.writes += 1;
            }
        }
    }

    /// Runs, and returns the exit code and what was printed.
    async fn run(&mut self, (from, to): (u64, u64), options: &[&str]) -> (Option<i32>, String) {
        let (from, to) = (day(from), day(to));
        let batch = self.random.of(&["1", "2", "7"]);
        let place = self.random.of(failpoint::ALL);
        let place = format!("{place}:{}", 1 + self.random.below(2));
        let is_killed = options.contains(&"--killed");
        let options = options.iter().filter(|option| **option != "--killed").copied();
        let arguments = ["run", "--start", &from, "--end", &to, "--batch-size", batch];
        let arguments: Vec<&str> = arguments.into_iter().chain(options).collect();
        let variables = [("BACKFILL_FAILPOINT", place.as_str())];
        let variables = if is_killed { &variables[..] } else { &[] };
        let ran = self.project.backfill_with(variables, &arguments).await;
        self.told.push(format!("{arguments:?} {variables:?}: {:?}", ran.code));
        let is_expected = matches!(ran.code, Some(0 | 3 | 4)) || is_killed && ran.code.is_none();
        assert!(is_expected, "{:#?}\n{}", self.told, ran.stderr);
        (ran.code, ran.stdout)
    }

    /// The rows that should be there: of each id the one of the newest file, the last in it.
    fn expected(&self) -> Vec<String> {
        let mut newest = BTreeMap::new();
        for (name, (ids, city)) in &self.files {
            for (row, id) in ids.iter().enumerate() {
                let place = (name[7..17].to_owned(), name, row);
                let known = newest.entry(id).or_insert_with(|| (place.clone(), city));
                if known.0 < place {
                    *known = (place, city);
                }
            }
        }
        let line = |(id, ((_, name, row), city)): (&&u64, &((_, &String, usize), &String))| {
            format!("{id}|{city}|exports/people/{name}|{row}")
        };
        let mut lines: Vec<String> = newest.iter().map(line).collect();
        lines.sort();
        lines
    }

    async fn found(&self) -> Vec<String> {
        let table = "SELECT to_regclass('people') IS NOT NULL";
        if self.project.rows(table).await == ["f"] {
            return Vec::new();
        }
        let mut rows = self.project.rows("SELECT id, city, _file_name, _row_id FROM people").await;
        rows.sort();
        rows
    }
}

async fn live(seed: u64) {
    let project = Project::people().await;
    let told = vec![format!("seed {seed}")];
    let files = Files::new();
    let mut history = History { project, random: Random(seed), files, writes: 0, told };
    let whole = (0, DAYS - 1);
    for step in 0..STEPS {
        for _ in 0..history.random.below(3) {
            history.change_a_file();
        }
        let options = history.random.of(&[
            &[][..],
            &["--reload"],
            &["--remove-gone"],
            &["--reload", "--remove-gone"],
            &["--killed"],
            &["--killed", "--reload", "--remove-gone"],
        ]);
        let first = history.random.below(DAYS);
        let part = (first, first + history.random.below(DAYS - first));
        let range = if history.random.one_in(3) { part } else { whole };
        let (code, stdout) = history.run(range, options).await;
        if code == Some(0) && range == whole {
            let found = history.found().await;
            let ids: Vec<&str> = found.iter().filter_map(|row| row.split('|').next()).collect();
            assert!(ids.is_sorted_by(|a, b| a < b), "{found:?} {:#?}", history.told);
        }
        // Rows of a file that is gone may stay, where they are in nobody's way.
        if code == Some(0) && range == whole && !stdout.contains("no longer exists in the source") {
            assert_eq!(history.found().await, history.expected(), "{:#?}", history.told);
        }
        if step % 8 == 7 {
            let (code, _) = history.run(whole, &["--reload", "--remove-gone"]).await;
            assert!(code == Some(0) || history.files.is_empty(), "{:#?}", history.told);
            assert_eq!(history.found().await, history.expected(), "{:#?}", history.told);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_the_table_is_what_the_files_say() {
    futures::stream::iter(seeds("BACKFILL_HISTORIES", &[1, 2])).for_each_concurrent(2, live).await;
}
