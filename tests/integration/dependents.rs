//! What depends on a target, and materialized views that are refreshed after a load.

use serde_json::Value;

use crate::support::{Pooler, Project, export};

const RUN: [&str; 6] =
    ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--allow-side-effects"];
const REFRESH: [&str; 7] =
    ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--allow-side-effects", "--refresh"];

/// A partitioned target with December in it, and much that depends on it, under odd names.
const WEB: &str = r#"
CREATE SCHEMA "Sp ace";
CREATE TABLE city (name text PRIMARY KEY);
INSERT INTO city VALUES ('Rome');
CREATE TABLE people (id text, city text REFERENCES city, amount numeric(12, 2), _file_name text NOT NULL,
    _row_id bigint NOT NULL, _file_date date NOT NULL) PARTITION BY RANGE (_file_date);
CREATE TABLE people_dec PARTITION OF people FOR VALUES FROM ('2025-12-01') TO ('2026-01-01');
CREATE TABLE people_rest PARTITION OF people DEFAULT;
CREATE UNIQUE INDEX ON people (id, _file_date);
INSERT INTO people VALUES ('x', 'Rome', 1, 'exports/people/report_2025-12-01.csv', 0, '2025-12-01');
CREATE TABLE note (person text, day date,
    FOREIGN KEY (person, day) REFERENCES people (id, _file_date) ON DELETE CASCADE);
CREATE VIEW december AS SELECT * FROM people WHERE _file_date >= '2025-12-01';
CREATE VIEW "Sp ace"."V 2" AS SELECT city, count(*) AS n FROM december GROUP BY 1;
CREATE VIEW counted AS SELECT count(*) FILTER (WHERE _file_date >= '2025-12-01') AS n,
    sum(CASE WHEN _file_date >= '2025-12-01' THEN amount END) AS s FROM people;
CREATE VIEW rich AS SELECT * FROM people WHERE amount > 5;
CREATE MATERIALIZED VIEW zz AS SELECT id, _file_date FROM people;
CREATE UNIQUE INDEX ON zz (id, _file_date);
CREATE VIEW of_zz AS SELECT * FROM zz;
CREATE MATERIALIZED VIEW "Sp ace"."a ""late"" one" AS SELECT count(*) AS n FROM of_zz;
CREATE MATERIALIZED VIEW never AS SELECT city FROM people WITH NO DATA;
CREATE VIEW of_dec AS SELECT id FROM people_dec;
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM people; END;
CREATE FUNCTION of_row(p people) RETURNS text LANGUAGE sql AS $$ SELECT p.id $$;
CREATE FUNCTION by_text() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
CREATE VIEW circle AS SELECT by_text() AS n FROM december;
CREATE OR REPLACE FUNCTION by_text() RETURNS bigint LANGUAGE plpgsql AS
    $$ BEGIN PERFORM * FROM Circle; RETURN (SELECT count(*) FROM "Sp ace"."V 2"); END $$;
CREATE FUNCTION other() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN peoples FROM my_people; END $$;
CREATE PROCEDURE tidy() LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ANALYZE PUBLIC.PEOPLE'; END $$;
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM total(); RETURN NULL; END $$;
CREATE TRIGGER audit AFTER INSERT OR DELETE ON people FOR EACH ROW EXECUTE FUNCTION log();
CREATE RULE tell AS ON UPDATE TO city DO ALSO DELETE FROM people WHERE false;
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON people FOR SELECT USING (city = current_user);
CREATE POLICY "by people" ON city USING (EXISTS (SELECT FROM people p WHERE p.city = name));
CREATE PUBLICATION named FOR TABLE people WHERE (amount > 0) WITH (publish = 'insert', publish_via_partition_root = true);
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA public WITH (publish = 'insert, update');
CREATE PUBLICATION elsewhere FOR TABLE city;
"#;

async fn web() -> Project {
    let project = Project::people().await;
    project.database.execute(WEB).await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\nb,Rome,2\n"));
    project
}

async fn found(project: &Project) -> Value {
    let found = project.backfill(&["dependents", "--output", "json"]).await.ended(0).json();
    found[0].clone()
}

/// The dependent of this name.
fn named<'a>(found: &'a Value, name: &str) -> &'a Value {
    let dependents = found["dependents"].as_array().expect("a list");
    let is_it = |dependent: &&Value| dependent["name"] == name;
    dependents.iter().find(is_it).unwrap_or_else(|| panic!("{name} is not in {found:#}"))
}

fn outcomes(report: &Value) -> Vec<(String, String)> {
    let views = report["refresh"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    views.iter().map(|view| (text(&view["view"]), text(&view["outcome"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_depends_on_the_target_is_found_with_what_stands_between() {
    let project = web().await;
    let found = found(&project).await;
    for (name, kind, through, effect) in [
        ("public.people_dec", "table", vec![], "has some of its rows (a partition)"),
        ("public.december", "view", vec![], "shows new rows at once"),
        ("\"Sp ace\".\"V 2\"", "view", vec!["public.december"], "shows new rows at once"),
        ("public.of_dec", "view", vec!["public.people_dec"], "shows new rows at once"),
        ("public.zz", "materialized-view", vec![], "needs REFRESH"),
        ("public.of_zz", "view", vec!["public.zz"], "shows new rows once public.zz is refreshed"),
        (
            "\"Sp ace\".\"a \"\"late\"\" one\"",
            "materialized-view",
            vec!["public.zz", "public.of_zz"],
            "needs REFRESH",
        ),
        ("public.never", "materialized-view", vec![], "has never been filled: needs REFRESH"),
        ("public.total()", "function", vec![], "uses the table if it is called"),
        ("public.of_row(public.people)", "function", vec![], "uses the table if it is called"),
        ("audit on public.people", "trigger", vec![], "runs public.log() on INSERT, DELETE"),
        ("tell on public.city", "rule", vec![], "uses the table on UPDATE of public.city"),
        ("own on public.people", "policy", vec![], "decides which rows a role may SELECT"),
        (
            "\"by people\" on public.city",
            "policy",
            vec![],
            "has no effect: row-level security of public.city is off",
        ),
        (
            "note_person_day_fkey on public.note",
            "foreign-key",
            vec![],
            "each row of public.note must refer to one in public.people; ON DELETE CASCADE",
        ),
        (
            "people_city_fkey on public.people",
            "foreign-key",
            vec![],
            "each row of public.people must refer to one in public.city; ON DELETE NO ACTION",
        ),
        ("named", "publication", vec![], "publishes every inserted row that passes its filter"),
        ("everything", "publication", vec![], "publishes every inserted or updated or deleted row"),
        ("of_schema", "publication", vec![], "publishes every inserted or updated row"),
    ] {
        let dependent = named(&found, name);
        assert_eq!(dependent["kind"], kind, "{name}");
        assert_eq!(dependent["through"], Value::from(through), "{name}");
        assert_eq!(dependent["effect"], effect, "{name}");
        assert_eq!(dependent["is_certain"], true, "{name}");
    }
    let names = found["dependents"].as_array().expect("a list").len();
    assert_eq!(names, 25, "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_text_says_is_marked_and_circles_end() {
    let project = web().await;
    let found = found(&project).await;
    for (name, through) in
        [("public.tidy()", vec![]), ("public.by_text()", vec!["public.december", "public.circle"])]
    {
        let dependent = named(&found, name);
        assert_eq!(dependent["is_certain"], false, "{name}");
        if name == "public.tidy()" {
            assert_eq!(dependent["through"], Value::from(through), "{name}");
        }
    }
    assert_eq!(named(&found, "public.circle")["is_certain"], true);
    assert!(!found.to_string().contains("public.other()"), "a part of a word is no name");
    let text = project.backfill(&["dependents"]).await.ended(0).stdout;
    assert!(
        text.contains("(perhaps, according to its text)") && text.contains("\"Sp ace\".\"V 2\""),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_earlier_days_show_is_said_where_it_is_certain() {
    let project = web().await;
    let found = found(&project).await;
    assert_eq!(found["first_day"]["day"], "2025-12-01");
    assert_eq!(found["first_day"]["source"], "_file_date");
    for (name, shown) in [
        ("public.december", "no"),
        ("\"Sp ace\".\"V 2\"", "no"),
        ("public.zz", "yes"),
        ("public.of_zz", "yes"),
        ("public.rich", "unknown"),
        ("public.counted", "unknown"),
        ("public.of_dec", "unknown"),
        ("public.circle", "unknown"),
        ("public.total()", "unknown"),
    ] {
        assert_eq!(named(&found, name)["earlier_days"]["shown"], shown, "{name}");
    }
    assert_eq!(named(&found, "public.zz")["holds"]["start"], "2025-12-01");
    assert_eq!(named(&found, "named")["earlier_days"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_refreshes_each_view_after_those_that_it_reads() {
    let project = web().await;
    let dry = [&REFRESH[..], &["--dry-run"]].concat();
    let planned = project.backfill(&dry).await.ended(0).stdout;
    assert!(planned.contains("after the load"), "{planned}");
    assert_eq!(project.rows("SELECT count(*) FROM zz").await, ["1"], "nothing is refreshed");
    let json = [&REFRESH[..], &["--output", "json"]].concat();
    let reports = project.backfill(&json).await.ended(0).json();
    let refreshed = |view: &str| (view.to_owned(), "refreshed".to_owned());
    let late = "\"Sp ace\".\"a \"\"late\"\" one\"";
    let outcomes = outcomes(&reports[0]);
    let place = |view: &str| outcomes.iter().position(|found| *found == refreshed(view));
    assert_eq!(outcomes.len(), 3, "{outcomes:?}");
    assert!(place("public.never").is_some() && place("public.zz") < place(late), "{outcomes:?}");
    let beside = |view: &Value| view["why_readers_wait"].is_null();
    let views = reports[0]["refresh"].as_array().expect("a list");
    let without_waiting: Vec<&Value> = views.iter().filter(|view| beside(view)).collect();
    assert_eq!(
        (without_waiting.len(), &without_waiting[0]["view"]),
        (1, &Value::from("public.zz"))
    );
    let counts = r#"SELECT (SELECT count(*) FROM zz), (SELECT n FROM "Sp ace"."a ""late"" one")"#;
    assert_eq!(project.rows(counts).await, ["3|3"]);
    let again = project.backfill(&REFRESH).await.ended(0).stdout;
    assert!(again.contains("no: this run has not changed public.people"), "{again}");
    let without =
        project.backfill(&[&RUN[..], &["--output", "json"]].concat()).await.ended(0).json();
    assert!(without[0].get("refresh").is_none(), "{without:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_may_not_be_refreshed_undoes_nothing_and_holds_up_only_its_readers() {
    let project = Project::people().await;
    let role = format!("refresher_{}", project.database.name());
    project.database.execute(&project.read("sql/people/target.sql")).await;
    project
        .database
        .execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'test-only';
             GRANT CREATE ON DATABASE {} TO {role}; GRANT SELECT, INSERT ON people TO {role};
             CREATE MATERIALIZED VIEW theirs AS SELECT id, _file_date FROM people;
             CREATE MATERIALIZED VIEW over_theirs AS SELECT id FROM theirs;
             CREATE MATERIALIZED VIEW ours AS SELECT id FROM people;
             ALTER MATERIALIZED VIEW over_theirs OWNER TO {role};
             ALTER MATERIALIZED VIEW ours OWNER TO {role};
             CREATE MATERIALIZED VIEW broken AS SELECT 1 / (count(*) - 1) AS n FROM people;
             ALTER MATERIALIZED VIEW broken OWNER TO {role}",
            project.database.name()
        ))
        .await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let url = project.database.url().replace("postgres:test-only", &format!("{role}:test-only"));
    let with = [("DATABASE_URL", url.as_str())];
    let ran = project.backfill_with(&with, &REFRESH).await.ended(1);
    for expected in [
        "the rows are loaded, but 3 materialized view(s)",
        "public.theirs (this user may not refresh it; its owner is postgres)",
        "public.over_theirs (it reads public.theirs, which was not refreshed)",
        "public.broken (refreshing public.broken failed: a number is divided by zero (SQLSTATE 22012))",
        "hint: what is loaded stays",
    ] {
        assert!(ran.stderr.contains(expected), "{expected}: {}", ran.stderr);
    }
    assert!(ran.stdout.contains("FAILED"), "{}", ran.stdout);
    let counts = "SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM ours), (SELECT count(*) FROM theirs)";
    assert_eq!(project.rows(counts).await, ["1|1|0"]);
    let shown = project.backfill_with(&with, &["dependents"]).await.ended(0).stdout;
    assert!(shown.contains("may not refresh it; its owner is postgres"), "{shown}");
    assert!(shown.contains("this user may not read all of it"), "{shown}");
    // Nothing is left to load, and what failed is refreshed all the same.
    project
        .database
        .execute(&format!(
            "ALTER MATERIALIZED VIEW theirs OWNER TO {role}; DROP MATERIALIZED VIEW broken"
        ))
        .await;
    project.backfill_with(&with, &REFRESH).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM over_theirs").await, ["0"]);
    let mut all = REFRESH.to_vec();
    *all.last_mut().expect("an option") = "--refresh=all";
    project.backfill_with(&with, &all).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM over_theirs").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_does_not_exist_yet_has_no_dependents() {
    let project = Project::people().await;
    let shown = project.backfill(&["dependents"]).await.ended(0).stdout;
    assert!(shown.contains("does not exist yet"), "{shown}");
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let ran = project.backfill(&REFRESH).await.ended(0).stdout;
    assert!(ran.contains("no materialized view depends on the target"), "{ran}");
    let shown = project.backfill(&["dependents"]).await.ended(0).stdout;
    assert!(shown.contains("nothing depends on it"), "{shown}");
    let nowhere = [("DATABASE_URL", "")];
    project.backfill_with(&nowhere, &["dependents"]).await.ended(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_refreshed_through_a_transaction_pooler_also_without_a_file_date() {
    let project = Project::people().await;
    let target = project.read("sql/people/target.sql").replace(", _file_date date NOT NULL", "");
    project.database.execute(&target).await;
    let stage = project.read("sql/people/stage.sql").replace(", _file_date", "");
    project.write("sql/people/stage.sql", stage);
    let view =
        "CREATE MATERIALIZED VIEW ids AS SELECT id FROM people; CREATE UNIQUE INDEX ON ids (id)";
    project.database.execute(view).await;
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    let pooler = Pooler::start(&project.database, "pool_mode = transaction");
    let url = pooler.url(&project.database);
    let with = [("DATABASE_URL", url.as_str())];
    project.backfill_with(&with, &REFRESH).await.ended(0);
    assert_eq!(project.rows("SELECT id FROM ids").await, ["a"]);
    let found = project.backfill_with(&with, &["dependents", "--output", "json"]).await.ended(0);
    assert_eq!(found.json()[0]["first_day"]["day"], "2025-09-22");
    assert_eq!(found.json()[0]["first_day"]["source"], "the ledger");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_over_two_targets_is_refreshed_once_also_if_the_second_fails() {
    let project = Project::people().await;
    let second = "[datasets.second]\nprefix = \"second/\"\nkey = \"report_{date:%Y-%m-%d}*.csv\"\n\
                  table = \"second\"\nmax_rejects = 0\n";
    project.write("backfill.toml", project.read("backfill.toml") + second);
    for file in ["target.sql", "stage.sql", "dedupe.sql"] {
        let text = project.read(&format!("sql/people/{file}"));
        project.write(&format!("sql/second/{file}"), text.replace("TABLE people", "TABLE second"));
    }
    for name in ["people", "second"] {
        project.database.execute(&project.read(&format!("sql/{name}/target.sql"))).await;
        project.put(&format!("{name}/report_2025-09-22.csv"), export("a,Rome,1\n"));
    }
    let view =
        "CREATE MATERIALIZED VIEW united AS SELECT id FROM people UNION ALL SELECT id FROM second";
    project.database.execute(view).await;
    project.put("second/report_2025-09-22.csv", export("one field only\n"));
    project.backfill(&REFRESH).await.ended(3);
    assert_eq!(project.rows("SELECT count(*) FROM united").await, ["1"]);
    project.put("second/report_2025-09-22.csv", export("b,Rome,1\n"));
    let json = [&REFRESH[..], &["--output", "json"]].concat();
    let reports = project.backfill(&json).await.ended(0).json();
    for report in reports.as_array().expect("a list") {
        assert_eq!(outcomes(report), [("public.united".to_owned(), "refreshed".to_owned())]);
    }
    assert_eq!(project.rows("SELECT count(*) FROM united").await, ["2"]);
}
