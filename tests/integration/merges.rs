//! Merges: files come in any order and late, with ties and without an order; runs over parts of the days come
//! between, and some are killed. The table is compared with a model of a few lines.

use std::collections::{BTreeMap, BTreeSet};

use backfill::failpoint;
use backfill::values::natural_order;

use crate::support::{Project, Random, seeds};

const DAYS: u64 = 5;
const KEYS: u64 = 8;
const STEPS: usize = 16;

/// A row: its key, its order (nothing is older than any number), and what it says.
type Row = (u64, Option<u64>, String);

struct Merges {
    project: Project,
    random: Random,
    /// The files that came, by name.
    files: BTreeMap<String, Vec<Row>>,
    /// The names of those that a run has loaded.
    loaded: BTreeSet<String>,
    told: Vec<String>,
}

fn day(number: u64) -> String {
    format!("2025-10-{:02}", number + 1)
}

impl Merges {
    fn write(&mut self) {
        let number = self.files.len();
        let name = format!("report_{}_v{number}.csv", day(self.random.below(DAYS)));
        let rows: Vec<Row> = (0..1 + self.random.below(6))
            .map(|row| {
                let order = (!self.random.one_in(5)).then(|| self.random.below(4));
                (self.random.below(KEYS), order, format!("c{number}x{row}"))
            })
            .collect();
        let lines: String = rows
            .iter()
            .map(|(id, order, city)| {
                format!(
                    "{id},{city},{}\n",
                    order.map(|order| order.to_string()).unwrap_or_default()
                )
            })
            .collect();
        self.project.put(&format!("people/{name}"), format!("id,city,amount\n{lines}"));
        self.told.push(format!("write {name}: {rows:?}"));
        self.files.insert(name, rows);
    }

    /// Runs over some days until it succeeds; the first try may be killed.
    async fn run(&mut self) {
        let first = self.random.below(DAYS);
        let last = first + self.random.below(DAYS - first);
        let (from, to) = (day(first), day(last));
        let batch = self.random.of(&["1", "2", "7"]);
        let arguments = ["run", "--start", &from, "--end", &to, "--batch-size", batch];
        if self.random.one_in(2) {
            let place = self.random.of(failpoint::ALL);
            let place = format!("{place}:{}", 1 + self.random.below(2));
            self.told.push(format!("{arguments:?} killed at {place}"));
            let ran =
                self.project.backfill_with(&[("BACKFILL_FAILPOINT", &place)], &arguments).await;
            assert!(matches!(ran.code, None | Some(0 | 4)), "{:#?}\n{}", self.told, ran.stderr);
        }
        let ran = self.project.backfill(&arguments).await;
        self.told.push(format!("{arguments:?}: {:?}", ran.code));
        assert!(matches!(ran.code, Some(0 | 4)), "{:#?}\n{}", self.told, ran.stderr);
        assert!(!ran.stdout.contains("WRONG"), "{:#?}\n{}", self.told, ran.stdout);
        let is_in_range = |name: &&String| (from.as_str()..=to.as_str()).contains(&&name[7..17]);
        self.loaded.extend(self.files.keys().filter(is_in_range).cloned());
    }

    /// The newest row of each key among the files that were loaded: by its order, then by the name of its
    /// file as people count (`_v10` after `_v2`), then by its place in it.
    fn expected(&self) -> Vec<String> {
        let mut newest = BTreeMap::new();
        for name in &self.loaded {
            for (place, (id, order, city)) in self.files[name].iter().enumerate() {
                let age = (*order, natural_order(name), place);
                let known = newest.entry(*id).or_insert_with(|| (age.clone(), city.clone()));
                if known.0 < age {
                    *known = (age, city.clone());
                }
            }
        }
        newest.into_iter().map(|(id, (_, city))| format!("{id}|{city}")).collect()
    }
}

async fn live(seed: u64, index: &str) {
    let project = Project::people().await;
    let mode =
        "max_rejects = 0\nmode = \"merge\"\nmerge_key = [\"id\"]\nmerge_order = [\"amount\"]";
    project.edit("backfill.toml", "max_rejects = 0", mode);
    project.write("sql/people/dedupe.sql", "SELECT _file_name, _row_id FROM source");
    project.edit("sql/people/target.sql", ");", &format!(");\n{index}"));
    let mut merges = Merges {
        project,
        random: Random(seed),
        files: BTreeMap::new(),
        loaded: BTreeSet::new(),
        told: vec![format!("seed {seed}, {index}")],
    };
    for _ in 0..STEPS {
        for _ in 0..merges.random.below(3) {
            merges.write();
        }
        merges.run().await;
        if !merges.loaded.is_empty() {
            let found = merges.project.rows("SELECT id, city FROM people ORDER BY id").await;
            assert_eq!(found, merges.expected(), "{:#?}", merges.told);
        }
    }
    assert!(merges.loaded.len() > 3, "{:#?}", merges.told);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_row_of_each_key_stays_without_an_index() {
    for seed in seeds("BACKFILL_MERGES", &[1, 2]) {
        live(seed, "").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_row_of_each_key_stays_with_a_unique_index() {
    for seed in seeds("BACKFILL_MERGES", &[3, 4]) {
        live(seed, "CREATE UNIQUE INDEX ON people (id);").await;
    }
}
