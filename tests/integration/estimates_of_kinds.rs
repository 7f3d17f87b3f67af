//! What loading comes to for every kind of table that a row takes more in than its values: keys that are added later,
//! columns that the server fills in, indexes of all kinds, long texts, and room that the table has left.

use std::fmt::Write as _;

use serde_json::Value;

use crate::estimates::compare;
use crate::support::{Project, Random, people};

/// The columns of a row as the files give them, and where it is from.
const COLUMNS: &str = "\
    id bigint NOT NULL, city text, code text, note text,
    _file_name text NOT NULL, _row_id bigint NOT NULL, _file_date date NOT NULL";

const STAGE: &str = "\
SELECT CAST(id AS BIGINT) AS id, city, code, note, _file_name, _row_id, _file_date FROM source";

const FIRST: [&str; 4] = ["--start", "2025-09-01", "--end", "2025-09-04"];
const SECOND: [&str; 4] = ["--start", "2025-09-05", "--end", "2025-09-08"];

/// A project of eight days of so many rows, over a target of these columns and these statements.
async fn project(more: &str, statements: &str, rows: u64, note: impl Fn(u64) -> u64) -> Project {
    let project = people("").await;
    project.write(
        "sql/people/target.sql",
        format!("CREATE TABLE people ({COLUMNS}{more};\n{statements}"),
    );
    project.write("sql/people/stage.sql", STAGE);
    let mut random = Random(11);
    for day in 1..=8 {
        let key = format!("people/report_2025-09-{day:02}.csv");
        project.put(&key, file(day, rows, note(day), &mut random));
    }
    project
}

/// A day: every row has a note of up to so many characters, which cannot be compressed.
fn file(day: u64, rows: u64, note: u64, random: &mut Random) -> String {
    let mut text = "id,city,code,note\n".to_owned();
    for row in 0..rows {
        let city = ["Rome", "Reykjavik", "Oslo", "San Francisco"][random.below(4) as usize];
        let length = note / 3 + random.below(note * 2 / 3 + 1);
        let note: String = (0..length).map(|_| letter(random)).collect();
        let code = random.below(1 << 40);
        let _ = writeln!(text, "{},{city},c{code:012},{note}", day * 1_000_000 + row);
    }
    text
}

/// One of 64 letters.
fn letter(random: &mut Random) -> char {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char::from(LETTERS[random.below(64) as usize])
}

/// Loads four days into nothing and four more behind them, and compares both with what was told.
async fn grows_as_told(what: &str, project: &Project) {
    compare(project, &format!("{what}, empty"), "people", &FIRST).await;
    compare(project, &format!("{what}, filled"), "people", &SECOND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_added_behind_the_table_are_counted() {
    let later = "ALTER TABLE people ADD PRIMARY KEY (id);\n\
                 ALTER TABLE ONLY people ADD CONSTRAINT codes UNIQUE (code, _file_name);\n\
                 CREATE INDEX ON people (city);";
    grows_as_told("keys", &project(")", later, 4000, |_| 40).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_an_index_includes_are_counted() {
    let included = "CREATE UNIQUE INDEX ON people (id) INCLUDE (city, code, note);";
    grows_as_told("include", &project(")", included, 4000, |_| 60).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_the_server_fills_in_are_counted() {
    let filled = ", number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, serial_number serial,\
                  origin text DEFAULT 'the exports of the shop, as they came', \
                  token uuid DEFAULT gen_random_uuid(), came timestamptz DEFAULT now(), \
                  label text GENERATED ALWAYS AS (city || ' / ' || code) STORED)";
    let project = project(filled, "", 4000, |_| 20).await;
    grows_as_told("filled in", &project).await;
    let numbers = "SELECT count(*) = max(number) AND count(*) = max(serial_number) FROM people";
    assert_eq!(project.rows(numbers).await, ["t"], "asking advances no sequence");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_that_do_not_compress_are_counted() {
    grows_as_told("long texts", &project(")", "", 400, |_| 6000).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_stay_half_full_are_counted() {
    grows_as_told("fillfactor", &project(") WITH (fillfactor = 50)", "", 3000, |_| 100).await)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_of_other_kinds_are_counted_and_named() {
    let others = "CREATE INDEX by_hash ON people USING hash (code);\n\
                  CREATE INDEX by_lower ON people (lower(code || city));\n\
                  CREATE INDEX some_cities ON people (code) WHERE city = 'Oslo';\n\
                  CREATE INDEX by_day ON people USING brin (_file_date);";
    let project = project(")", others, 15_000, |_| 40).await;
    let source = source_of(&plan(&project).await);
    for name in ["by_hash", "by_lower", "some_cities", "by_day"] {
        assert!(source.contains(name), "{name}: {source}");
    }
    grows_as_told("other indexes", &project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inverted_index_is_counted() {
    let inverted = "CREATE INDEX words ON people USING gin \
         (to_tsvector('simple', city || ' ' || left(note, 2) || ' ' || left(code, 10)));";
    grows_as_told("gin", &project(")", inverted, 12_000, |_| 60).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_differ_in_length_from_day_to_day_are_counted() {
    let weekdays = |day: u64| if day.is_multiple_of(2) { 900 } else { 30 };
    grows_as_told("days", &project(")", "", 3000, weekdays).await).await;
    let rising = project(")", "", 3000, |day| day * day * 12).await;
    compare(&rising, "rising", "people", &["--start", "2025-09-01", "--end", "2025-09-08"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn room_of_rows_that_were_deleted_is_used_first() {
    let project = project(")", "CREATE UNIQUE INDEX ON people (code);", 4000, |_| 60).await;
    project.backfill(&[&["run"], &FIRST[..]].concat()).await.ended(0);
    project.database.execute("DELETE FROM people WHERE _row_id % 2 = 0").await;
    project.database.execute("VACUUM people").await;
    compare(&project, "half deleted", "people", &SECOND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn room_that_small_batches_leave_is_used_first() {
    let project = project(")", "", 6, |_| 60).await;
    for day in 1..=40_u64 {
        let key = format!("people/report_2025-{:02}-{:02}.csv", 6 + day / 28, 1 + day % 28);
        project.put(&key, file(100 + day, 9, 60, &mut Random(day)));
    }
    let tiny = ["run", "--start", "2025-06-01", "--end", "2025-08-31", "--batch-size", "1"];
    project.backfill(&tiny).await.ended(0);
    project.database.execute("VACUUM people").await;
    // Three to four times as many rows as there is room for, so that a page more or less is not what decides.
    for day in 9..=28_u64 {
        let key = format!("people/report_2025-09-{day:02}.csv");
        project.put(&key, file(day, 400, 60, &mut Random(day)));
    }
    let more = ["--start", "2025-09-09", "--end", "2025-09-28", "--batch-size", "1"];
    compare(&project, "small batches", "people", &more).await;
}

/// What every row takes more in than its values, in one table.
const EVERYTHING: &str = ", number bigint GENERATED ALWAYS AS IDENTITY, came timestamptz DEFAULT now(), \
     origin text DEFAULT 'the exports of the shop, as they came') WITH (fillfactor = 80)";
const INDEXES: &str = "\
ALTER TABLE people ADD PRIMARY KEY (id);
ALTER TABLE ONLY people ADD CONSTRAINT codes UNIQUE (code);
CREATE INDEX by_code ON people (code) INCLUDE (city, note);";

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_other_tables_would_be_locked_for_is_read_from_its_file() {
    let refers = format!(", shop bigint REFERENCES shops (id){EVERYTHING}");
    let project = project(&refers, INDEXES, 3000, |_| 60).await;
    project.database.execute("CREATE TABLE shops (id bigint PRIMARY KEY)").await;
    assert!(source_of(&plan(&project).await).contains("the types of target.sql"));
    grows_as_told("from the file", &project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_is_asked_without_a_copy() {
    let project = project(EVERYTHING, INDEXES, 3000, |_| 60).await;
    let planned = || async { source_of(&plan(&project).await) };
    assert!(planned().await.contains("in a copy of the table"), "{}", planned().await);
    let left =
        "SELECT count(*) FROM pg_class WHERE relname LIKE 'people%' OR relname LIKE 'backfill%'";
    assert_eq!(project.rows(left).await, ["0"], "nothing of the copy stays");
    let name = project.database.name();
    let read_only = format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on");
    project.database.execute(&read_only).await;
    assert!(planned().await.contains("the types of target.sql"), "{}", planned().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_that_somebody_wrote_is_not_called_beforehand() {
    let project = project(
        ", invoice text DEFAULT next_invoice())",
        "CREATE UNIQUE INDEX ON people (invoice);",
        3000,
        |_| 40,
    )
    .await;
    let numbers = "CREATE SEQUENCE invoices; CREATE FUNCTION next_invoice() RETURNS text LANGUAGE sql \
                   AS $$ SELECT 'invoice ' || nextval('invoices') $$";
    project.database.execute(numbers).await;
    plan(&project).await;
    assert_eq!(project.rows("SELECT is_called FROM invoices").await, ["f"]);
    grows_as_told("own default", &project).await;
    let called = "SELECT last_value = (SELECT count(*) FROM people) FROM invoices";
    assert_eq!(project.rows(called).await, ["t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_come_again_in_the_sample_do_not_end_the_trial() {
    let project = project(")", "ALTER TABLE people ADD UNIQUE (city, note);", 3000, |_| 0).await;
    let source = source_of(&plan(&project).await);
    assert!(source.contains("from 4 sampled rows in a copy"), "{source}");
}

async fn plan(project: &Project) -> Value {
    project.backfill(&[&["plan", "--output", "json"], &FIRST[..]].concat()).await.ended(0).json()
}

fn source_of(plan: &Value) -> String {
    plan[0]["estimate"]["growth"]["source"].as_str().expect("a source").to_owned()
}
