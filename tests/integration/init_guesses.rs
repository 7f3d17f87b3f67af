//! What `init` makes of odd exports: it names what it does not read, reports what it guesses, and what it writes
//! loads as it is.

use crate::support::Project;

const RANGE: [&str; 4] = ["--start", "2025-03-01", "--end", "2025-03-08"];

fn run<'a>(command: &'a str, prefix: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&[command, "--prefix", prefix], &RANGE[..], rest].concat()
}

/// What `init` reports of a prefix, with what it writes into the configuration.
async fn made(project: &Project, prefix: &str) -> (String, String) {
    let mut arguments = vec!["init", "--prefix", prefix];
    if !project.path("backfill.toml").exists() {
        arguments.extend(["--source", "s3://exports"]);
    }
    let told = project.backfill(&arguments).await.ended(0).stderr;
    (told, project.read("backfill.toml"))
}

/// The values of a column, in the order of the files.
async fn column(project: &Project, prefix: &str, name: &str) -> Vec<String> {
    let sql = format!("SELECT {name} FROM {prefix}.source ORDER BY _file_date, _row_id");
    let range = ["--start", "2025-03-01", "--end", "2025-03-31", "--prefix", prefix];
    let query = ["query", "--format", "csv", &sql];
    let ran = project.backfill(&[&query[..], &range].concat()).await.ended(0);
    ran.stdout.lines().skip(1).map(str::to_owned).collect()
}

/// Puts a file for each day from the first of March on.
fn put(project: &Project, prefix: &str, days: &[&str]) {
    for (day, content) in days.iter().enumerate() {
        project.put(&format!("{prefix}/r_2025-03-0{}.csv", day + 1), content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_and_file_that_is_not_read_is_named_with_the_reason() {
    let project = Project::empty().await;
    put(&project, "x", &["id,v\n1,2\n", "id,v\n2,3\n", "PK\u{3}\u{4}zip", ""]);
    for day in 1..=2 {
        project.put(&format!("x/r_2025-03-0{day}.csv.metadata"), [0, 4, 159, 255]);
    }
    project.put("x/README", "about\n");
    let (told, config) = made(&project, "x").await;
    for part in [
        "not read: 3 key(s), the key does not match the key pattern: x/README, x/r_2025-03-01.csv.metadata",
        "not read: 1 key(s), this is a zip archive, not a CSV file: x/r_2025-03-03.csv",
        "not read: 1 key(s), zero bytes: x/r_2025-03-04.csv",
        "key r_{date:%Y-%m-%d}.csv is a guess: it finds a date in 4 of 7 key(s), 2025-03-01 to 2025-03-04",
        "delimiter \",\" in 2 file(s)",
        "types are guesses, from all 2 row(s) of 2 of 2 file(s)",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(config.contains("# not read: 3 key(s)"), "{config}");
    assert!(config.contains("key = \"r_{date:%Y-%m-%d}.csv\"\n"), "{config}");
    let target = project.read("sql/x/target.sql");
    assert!(target.contains("\n-- types are guesses"), "{target}");
    let hidden =
        project.backfill(&["--quiet", "init", "--prefix", "x", "--name", "y", "--dry-run"]);
    assert_eq!(hidden.await.ended(2).stdout, "", "the prefix is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_case_are_one_column() {
    let project = Project::empty().await;
    let plain = |id: u32| format!("id,qty\n{id},10\n{},20\n", id + 1);
    let other = |id: u32| format!(" ID ,Qty\n{id},3000\n{},4000\n", id + 1);
    let days = [plain(1), plain(3), plain(5), other(7), other(9), other(11)];
    put(&project, "x", &days.each_ref().map(String::as_str));
    let (told, config) = made(&project, "x").await;
    assert!(
        told.contains(
            "csv.aliases: qty is the same column as Qty, which is its name in 3 of 6 file(s)"
        ),
        "{told}"
    );
    assert!(config.contains("qty = [\"Qty\"]") && config.contains("id = [\" ID \"]"), "{config}");
    assert!(!config.contains("optional_columns"), "{config}");
    project.backfill(&run("check", "x", &[])).await.ended(0);
    for name in ["qty", "Qty"] {
        let sum = format!("SELECT sum(try_to_decimal({name}, 10, 0)) AS sum FROM source");
        let sum = project.backfill(&run("query", "x", &["--format", "csv", &sum])).await;
        assert_eq!(sum.ended(0).stdout, "sum\n21090\n");
    }
    project.edit("backfill.toml", "prefix = \"x/\"", "prefix = \"x/\"\nmode = \"append\"");
    project.backfill(&run("run", "x", &[])).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn blank_and_duplicate_names_get_a_suffix_if_most_files_have_them() {
    let project = Project::empty().await;
    put(
        &project,
        "most",
        &["id,name,,name\n1,a,b,c\n", "id,name,,name\n2,d,e,f\n", "id,name\n3,g\n"],
    );
    let (told, config) = made(&project, "most").await;
    let expected = "csv.unusable_names = \"suffix\", because column names of 2 file(s) are blank or duplicate: \
                    most/r_2025-03-01.csv, most/r_2025-03-02.csv";
    assert!(told.contains(expected), "{told}");
    assert!(config.contains("unusable_names = \"suffix\""), "{config}");
    project.backfill(&run("run", "most", &[])).await.ended(0);
    let rows = "SELECT id, name, column_3, name_2 FROM most ORDER BY id";
    assert_eq!(project.rows(rows).await, ["1|a|b|c", "2|d|e|f", "3|g||"]);
    put(&project, "few", &["id,name\n1,a\n", "id,name\n2,b\n", "id,id\n3,4\n"]);
    let (told, config) = made(&project, "few").await;
    assert!(
        told.contains("column names of 1 file(s) are blank or duplicate: few/r_2025-03-03.csv"),
        "{told}"
    );
    assert!(told.contains("csv.unusable_names = \"suffix\" reads such files"), "{told}");
    assert_eq!(config.matches("unusable_names = \"suffix\" }").count(), 1, "{config}");
    let refused = project.backfill(&run("query", "few", &["SELECT 1 FROM source"])).await;
    assert!(refused.ended(3).stderr.contains("set csv.unusable_names = \"suffix\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_encoding_is_set_only_for_files_that_have_it_and_they_are_counted() {
    let project = Project::empty().await;
    let text = |id: u32| {
        format!("id,city\n{id},K\u{f6}ln\n{},M\u{e1}laga\n{},Z\u{fc}rich\n", id + 1, id + 2)
    };
    for day in 1..=8 {
        let utf8 = text(day * 3);
        let bytes: Vec<u8> = match day {
            1..=3 => utf8.into_bytes(),
            // Of these letters, Windows-1252 has the numbers of Unicode.
            _ => utf8.chars().map(|letter| letter as u8).collect(),
        };
        project.put(&format!("x/r_2025-03-0{day}.csv"), bytes);
    }
    let (told, config) = made(&project, "x").await;
    assert!(told.contains("csv.encoding: 5 of 8 file(s) are not UTF-8"), "{told}");
    assert!(told.contains("the others are read as UTF-8"), "{told}");
    assert!(config.contains("encoding = [\"utf-8\", \"windows-1252\"]"), "{config}");
    project.backfill(&run("run", "x", &[])).await.ended(0);
    let cities = "SELECT city FROM x GROUP BY city ORDER BY city COLLATE \"C\"";
    assert_eq!(project.rows(cities).await, ["K\u{f6}ln", "M\u{e1}laga", "Z\u{fc}rich"]);
    // Two faulty bytes in a file of UTF-8 are no other encoding.
    let faulty = [text(1).as_bytes(), &b"4,\xff\n5,\xfe\n"[..]].concat();
    project.put("faulty/r_2025-03-01.csv", faulty);
    let (told, config) = made(&project, "faulty").await;
    assert!(!told.contains("csv.encoding"), "{told}");
    assert_eq!(config.matches("encoding = ").count(), 1, "{config}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_whole_numbers_lose_no_digit() {
    let project = Project::empty().await;
    put(
        &project,
        "x",
        &[
            "id,big,huge,amount\n1,1234567890123456789,9999999999999999999,12345678901234567.125\n",
            "id,big,huge,amount\n2,1999999999999999999,12345678901234567890123,1.5\n",
        ],
    );
    made(&project, "x").await;
    project.backfill(&run("run", "x", &[])).await.ended(0);
    let types =
        "SELECT pg_typeof(big)::text, pg_typeof(huge)::text, big, huge, amount FROM x ORDER BY id";
    assert_eq!(
        project.rows(types).await,
        [
            "bigint|numeric|1234567890123456789|9999999999999999999|12345678901234567.125",
            "bigint|numeric|1999999999999999999|12345678901234567890123|1.500",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_read_with_the_mark_of_the_columns_beside_them_or_reported() {
    let project = Project::empty().await;
    let comma = "id;total;qty;rate\n1;1.234,50;1.200;0,5\n2;999,99;1.000;0,25\n3;-53,9;750;2,5\n";
    put(&project, "comma", &[comma]);
    let (told, _) = made(&project, "comma").await;
    assert!(told.contains("qty: read with a decimal comma, which is a guess: its own values do not show it, but those of total, rate do"), "{told}");
    project.backfill(&run("run", "comma", &[])).await.ended(0);
    let rows = "SELECT total, qty, rate FROM comma ORDER BY id";
    assert_eq!(
        project.rows(rows).await,
        ["1234.50|1200|0.50", "999.99|1000|0.25", "-53.90|750|2.50"]
    );
    put(&project, "open", &["id;qty\n1;1.200\n2;2.500\n"]);
    let (told, _) = made(&project, "open").await;
    assert!(told.contains("qty: every mark in it is followed by three digits"), "{told}");
    let stage = project.read("sql/open/stage.sql");
    assert!(stage.contains("-- qty: every mark"), "{stage}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_units_and_of_totals_are_left_out_by_settings() {
    let project = Project::empty().await;
    let units = "datetime;m1;m2\n;[C];[K]\n2025-03-01 22:00:00;256.698;0.3722\n2025-03-01 22:10:00;256.7;0.37\n";
    put(&project, "units", &[units, units]);
    let (told, config) = made(&project, "units").await;
    assert!(told.contains("csv.skip_records, which is a guess: 2 of 2 file(s)"), "{told}");
    assert!(config.contains(r"skip_records = ['^;\[C\];\[K\]$']"), "{config}");
    assert_eq!(column(&project, "units", "m1").await, ["256.698", "256.7", "256.698", "256.7"]);
    let totals =
        "person_id,race\n6543,Other\n4535,White\n5454,Other\n\"Grand Total: 3\",\nPage 1 of 1,\n";
    put(&project, "totals", &[totals, totals]);
    made(&project, "totals").await;
    let ids = ["6543", "4535", "5454"];
    assert_eq!(column(&project, "totals", "person_id").await, [ids, ids].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_there_keeps_its_defaults_and_keys_and_takes_blanks() {
    let project = Project::empty().await;
    let table = "CREATE TYPE mood AS ENUM ('fine', 'none');
        CREATE TABLE things (
            nr serial PRIMARY KEY, own bigint GENERATED ALWAYS AS IDENTITY, id bigint UNIQUE, uid uuid,
            seen time, mood mood, price numeric(10, 2) DEFAULT 1.5, twice numeric GENERATED ALWAYS AS (price * 2) STORED,
            note text NOT NULL DEFAULT 'new', _file_name text, _row_id bigint)";
    project.database.execute(table).await;
    project.put(
        "things/r_2025-03-01.csv",
        "id,uid,seen,mood,price\n9223372036854775807,,,,\n8,00000000-0000-0000-0000-000000000001,10:00,fine,2\n",
    );
    made(&project, "things").await;
    project.backfill(&run("run", "things", &[])).await.ended(0);
    let rows = "SELECT nr, own, id, uid, seen, mood, price, twice, note FROM things ORDER BY nr";
    let expected = [
        "1|1|9223372036854775807||||||new",
        "2|2|8|00000000-0000-0000-0000-000000000001|10:00:00|fine|2.00|4.00|new",
    ];
    assert_eq!(project.rows(rows).await, expected);
    // What target.sql says makes the same table again.
    project.database.execute("DROP TABLE things; DROP SCHEMA backfill CASCADE").await;
    project.backfill(&run("run", "things", &[])).await.ended(0);
    assert_eq!(project.rows(rows).await, expected);
    let rules = "SELECT contype FROM pg_constraint WHERE conrelid = 'things'::regclass ORDER BY 1";
    assert_eq!(project.rows(rules).await, ["p", "u"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_for_little_exports_loads_as_it_is() {
    let project = Project::empty().await;
    let exports: &[(&str, &[&str], &str)] = &[
        ("plain", &["id,v\n1,2\n", "id,v\n2,3\n"], "2"),
        ("one_row", &["a\nx\n"], "1"),
        ("no_rows", &["a,b\n", "a,b\n1,2\n"], "1"),
        ("tabs", &["id\tcity\n1\tRome\n2\tOslo\n"], "2"),
        ("pipes", &["id|city\n1|Rome\n"], "1"),
        ("words", &["select,from,user,order\n1,2,3,4\n"], "1"),
        ("quotes", &["\"a \"\"b\"\"\",\"c,d\"\n1,\"x\ny\"\n"], "1"),
        ("spaces", &[" id , Full Name \n1, Ann \n"], "1"),
        ("accents", &["\u{e9}t\u{e9},gr\u{f6}\u{df}e\n1,2\n"], "1"),
        ("dates", &["id,d,t\n1,2025-03-01,2025-03-01 10:00:00\n2,,\n"], "2"),
        ("moments", &["id,t\n1,2025-03-01T10:00:00Z\n2,2025-03-01T10:00:00.123456789Z\n"], "2"),
        ("american", &["id,d\n1,03/31/2025\n2,12/01/2024\n"], "2"),
        ("orders", &["id,d\n1,01/03/2025\n2,01/03/2025\n"], "2"),
        ("yes", &["id,ok\n1,yes\n2,no\n"], "2"),
        ("money", &["id,m\n1,\"$1,234.50\"\n2,(12.00)\n3,-5\n"], "3"),
        ("zeros", &["code,n\n007,1\n012,2\n"], "2"),
        ("nulls", &["id,v\n1,NULL\n2,N/A\n3,\\N\n4,5\n"], "4"),
        ("widens", &["id,v\n1,2\n", "id,v,w\n2,3,x\n"], "2"),
        (
            "renames",
            &["id,amount_total\n1,2.50\n2,3.75\n", "id,amount_totals\n3,4.50\n4,5.25\n"],
            "4",
        ),
        ("trails", &["id,v,\n1,2,\n"], "1"),
        ("marked", &["\u{feff}id,v\n1,2\n"], "1"),
        ("returns", &["id,v\r\n1,2\r\n"], "1"),
        ("json", &["id,j\n1,\"{\"\"a\"\": 1}\"\n"], "1"),
        ("guarded", &["id,code\n1,\"=\"\"00123\"\"\"\n"], "1"),
        ("exact", &["id,x\n1,0.000000000001\n2,123456789.123456789\n"], "2"),
        ("signs", &["id,x\n1,+5\n2,-5\n3,5-\n"], "3"),
    ];
    for (prefix, days, rows) in exports {
        put(&project, prefix, days);
        made(&project, prefix).await;
        let ran = project.backfill(&run("run", prefix, &[])).await;
        assert_eq!(ran.code, Some(0), "{prefix}: {}", ran.stderr);
        assert_eq!(
            project.rows(&format!("SELECT count(*) FROM {prefix}")).await,
            [*rows],
            "{prefix}"
        );
    }
}
