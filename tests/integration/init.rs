//! A dataset made from its files.

use backfill_sample::Options;

use crate::support::Project;

const RANGE: [&str; 4] = ["--start", "2025-09-22", "--end", "2025-10-12"];

fn init<'a>(prefix: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["init", "--prefix", prefix], rest].concat()
}

/// A project with a sample in its bucket, and no configuration.
async fn bare() -> Project {
    let project = Project::empty().await;
    let options = Options { days: 21, rows: 60, resend: 0.2, quirks: true, ..Options::default() };
    backfill_sample::write(&project.bucket(), &options, &mut |_| {}).expect("a sample");
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_was_made_from_its_files_loads() {
    let project = bare().await;
    let told = project.backfill(&init("orders-create/", &["--source", "s3://exports"])).await;
    let told = told.ended(0).stdout;
    assert!(told.contains("takes orders_id, products_id as the key, which is a guess"), "{told}");
    assert!(told.contains("billing_email_address and billing_email are taken as one"), "{told}");
    project.backfill(&init("orders-update", &["--text"])).await.ended(0);
    let config = project.read("backfill.toml");
    assert!(config.contains("key = \"report_{date:%Y-%m-%d}T*.csv\""), "{config}");
    project.edit("backfill.toml", "prefix =", "max_rejects = \"20%\"\nprefix =");
    project.backfill(&[&["run"], &RANGE[..]].concat()).await.ended(0);
    let types = "SELECT column_name || ' ' || data_type FROM information_schema.columns
        WHERE table_name = 'orders_create' AND column_name IN
            ('orders_id', 'total_amount', 'order_date', 'billing_phone', 'click_id', '_file_date')
        ORDER BY 1";
    assert_eq!(
        project.database.rows(types).await,
        [
            "_file_date date",
            "billing_phone text",
            "click_id text",
            "order_date date",
            "orders_id bigint",
            "total_amount numeric",
        ]
    );
    let counts = "SELECT (count(*) - count(orders_id) + count(*) - count(order_date)
        + count(*) - count(billing_email))::text FROM orders_create";
    assert_eq!(project.database.rows(counts).await, ["0"], "no value is lost");
    let doubles =
        "SELECT orders_id, products_id FROM orders_create GROUP BY 1, 2 HAVING count(*) > 1";
    let doubles = format!("SELECT count(*)::text FROM ({doubles}) AS d");
    assert_eq!(project.database.rows(&doubles).await, ["0"]);
    let amounts = project.database.rows("SELECT total_amount FROM orders_update LIMIT 1").await;
    assert!(amounts[0].parse::<f64>().is_ok(), "text: {}", amounts[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_there_decides() {
    let project = bare().await;
    let table = "CREATE TABLE orders_create (
        orders_id varchar, total_amount numeric(12, 4), order_date timestamptz, click_id varchar,
        customers_id integer, _file_name varchar NOT NULL, _row_id bigint NOT NULL,
        _file_date varchar, _dlt_id varchar NOT NULL DEFAULT gen_random_uuid()::text)";
    project.database.execute(table).await;
    let told = project.backfill(&init("orders-create/", &["--source", "s3://exports"])).await;
    let told = told.ended(0).stdout;
    assert!(told.contains("has no column for created_by"), "{told}");
    project.edit("backfill.toml", "prefix =", "max_rejects = \"20%\"\nprefix =");
    project.backfill(&[&["run"], &RANGE[..]].concat()).await.ended(0);
    let wrong = "SELECT count(*)::text FROM orders_create
        WHERE total_amount IS NULL OR order_date IS NULL OR customers_id IS NULL";
    assert_eq!(project.database.rows(wrong).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_there_is_overwritten() {
    let project = bare().await;
    let text = project.backfill(&init("orders-create", &[])).await.ended(2).stderr;
    assert!(text.contains("there is no backfill.toml yet; --source"), "{text}");
    let source = ["--source", "s3://exports"];
    let dry = [&source[..], &["--dry-run"]].concat();
    let shown = project.backfill(&init("orders-create", &dry)).await.ended(0).stdout;
    assert!(shown.contains("[datasets.orders_create]") && shown.contains("-- sql/orders_create"));
    assert!(!project.path("backfill.toml").exists() && !project.path("sql").exists());
    let text = project.backfill(&init("nothing-here", &source)).await.ended(4).stderr;
    assert!(text.contains("no files from any day under s3://exports/nothing-here/"), "{text}");
    project.backfill(&init("orders-create", &source)).await.ended(0);
    let config = project.read("backfill.toml");
    let text = project.backfill(&init("orders-create", &[])).await.ended(2).stderr;
    assert!(text.contains("has the dataset orders_create of orders-create/ already"), "{text}");
    let text = project.backfill(&init("orders-update", &["--name", "a-b"])).await.ended(2).stderr;
    assert!(text.contains("is no name for a dataset"), "{text}");
    assert_eq!(project.read("backfill.toml"), config);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_no_table_takes_are_given_others_and_too_many_are_refused() {
    let project = Project::empty().await;
    let long = "x".repeat(100);
    let header =
        format!("id,\"a\nb; --\",\"quote\"\"d\",\u{1b}[31mred,_File-Name,{long},{long}X\n");
    let rows: String = (0..20).map(|row| format!("{row},v,v,v,v,v,v\n")).collect();
    project.put("odd/e_2025-09-22.csv", format!("{header}{rows}"));
    let source = ["--source", "s3://exports"];
    let told = project.backfill(&init("odd", &source)).await.ended(0).stdout;
    assert!(!told.contains('\u{1b}'), "{told}");
    project.backfill(&[&["run"], &RANGE[..]].concat()).await.ended(0);
    assert_eq!(project.database.rows("SELECT count(*), sum(id) FROM odd").await, ["20|190"]);
    let wide: Vec<String> = (0..1700).map(|column| format!("c{column}")).collect();
    project.put("wide/e_2025-09-22.csv", format!("{}\n", wide.join(",")));
    let text = project.backfill(&init("wide", &[])).await.ended(2).stderr;
    assert!(text.contains("1700 different columns"), "{text}");
    assert!(!project.path("sql/wide").exists());
}

/// Writes `rows` rows for each of some days.
fn days(
    project: &Project,
    prefix: &str,
    header: &str,
    rows: u32,
    row: impl Fn(u32, u32) -> String,
) {
    for day in 1..=5 {
        let rows: String = (1..=rows).map(|number| format!("{}\n", row(day, number))).collect();
        project.put(&format!("{prefix}/e_2025-10-0{day}.csv"), format!("{header}\n{rows}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_numbers_the_lines_of_a_file_is_no_key() {
    let project = Project::empty().await;
    let source = ["--source", "s3://exports"];
    days(&project, "lines", "id,city", 40, |day, n| format!("{n},city {}", n % 7 + day));
    let told = project.backfill(&init("lines", &source)).await.ended(0).stdout;
    assert!(told.contains("id: unique in each of the 4 file(s)"), "{told}");
    assert!(told.contains("100 % of a file's values come again in the next"), "{told}");
    days(&project, "land", "country,cases", 20, |day, n| format!("land {n},{}", n * 7 + day));
    let told = project.backfill(&init("land", &[])).await.ended(0).stdout;
    assert!(told.contains("dedupe.sql keeps every row"), "{told}");
    days(&project, "orders", "order_id,city", 20, |day, n| format!("{},x", day * 18 + n));
    let told = project.backfill(&init("orders", &[])).await.ended(0).stdout;
    assert!(told.contains("takes order_id as the key, which is a guess"), "{told}");
    assert!(told.contains("10 % of a file's keys come again in the next"), "{told}");
    let range = ["--start", "2025-10-01", "--end", "2025-10-05"];
    project.backfill(&[&["run"], &range[..]].concat()).await.ended(0);
    assert_eq!(project.database.rows("SELECT count(*) FROM lines").await, ["200"]);
    assert_eq!(project.database.rows("SELECT count(*) FROM land").await, ["100"]);
    assert_eq!(project.database.rows("SELECT count(*) FROM orders").await, ["92"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_word_names_a_column() {
    let project = Project::empty().await;
    let words = "cube,interval,exclude,struct,top,trim,rollup,key,view,sort,ctid,xmin,user,date";
    let cells = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"].join(",");
    days(&project, "cubes", words, 9, |day, n| format!("{},{cells}", day * 9 + n));
    project.backfill(&init("cubes", &["--source", "s3://exports"])).await.ended(0);
    // As a key as well.
    project.write(
        "sql/cubes/dedupe.sql",
        "SELECT _file_name, _row_id FROM source QUALIFY row_number() OVER (
            PARTITION BY \"cube\", \"rollup\" ORDER BY _file_name DESC, _row_id DESC) = 1",
    );
    let range = ["--start", "2025-10-01", "--end", "2025-10-05"];
    project.backfill(&[&["check"], &range[..]].concat()).await.ended(0);
    project.backfill(&[&["run"], &range[..]].concat()).await.ended(0);
    let rows = "SELECT count(\"interval\"), count(ctid_2), count(xmin_2) FROM cubes";
    assert_eq!(project.database.rows(rows).await, ["45|45|45"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_have_nothing_in_common_and_codes_with_zeros_are_told() {
    let project = Project::empty().await;
    let source = ["--source", "s3://exports"];
    project.put("two/e_2025-10-01.csv", "a,b\n1,x\n");
    project.put("two/e_2025-10-02.csv", "c,d\n1.123456789,y@z.example\n");
    let told = project.backfill(&init("two", &source)).await.ended(0).stdout;
    assert!(told.contains("4 of 4 column(s) are in optional_columns"), "{told}");
    assert!(told.contains("personal_columns, from their names and values: d"), "{told}");
    let range = ["--start", "2025-10-01", "--end", "2025-10-09"];
    project.backfill(&[&["run"], &range[..]].concat()).await.ended(0);
    assert_eq!(project.database.rows("SELECT c FROM two WHERE c > 0").await, ["1.123456789"]);
    // The oldest files of an epoch are not looked at.
    days(&project, "codes", "nr,city", 5, |day, n| format!("{},x", day * 100 + n));
    project.put("codes/e_2025-10-02.csv", "nr,city\n0042,x\n");
    project.backfill(&init("codes", &[])).await.ended(0);
    let check = project.backfill(&[&["check", "--prefix", "codes"], &range[..]].concat()).await;
    let refused = check.ended(3).stderr;
    assert!(refused.contains("unreadable_value (1 row(s)"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_are_told_with_the_reason() {
    let project = Project::empty().await;
    let source = ["--source", "s3://exports"];
    project.put("twice/e_2025-10-01.csv", "a,a\n1,2\n");
    let text = project.backfill(&init("twice", &source)).await.ended(3).stderr;
    assert!(text.contains("none of the 1 file(s) under s3://exports/twice/ can be read"), "{text}");
    assert!(text.contains("twice/e_2025-10-01.csv: "), "{text}");
    project.put("undated/export.csv", "a\n1\n");
    let text = project.backfill(&init("undated", &source)).await.ended(4).stderr;
    assert!(text.contains("holds a date that is known for one: export.csv"), "{text}");
    assert!(text.contains("--key"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_utf8_are_read_as_what_they_are_likely_to_be() {
    let project = Project::empty().await;
    let source = ["--source", "s3://exports"];
    // "Gr\u{f6}\u{df}e;Ort" and "K\u{f6}ln" in Windows-1252, with the header in it or not.
    project.put("header/e_2025-10-01.csv", b"Gr\xf6\xdfe;Ort\n1;K\xf6ln\n");
    project.put("rows/e_2025-10-01.csv", b"id;place\n1;K\xf6ln\n2;Z\xfcrich\n3;Rom\n");
    let range = ["--start", "2025-10-01", "--end", "2025-10-01"];
    for prefix in ["header", "rows"] {
        let source = if prefix == "header" { &source[..] } else { &[] };
        let told = project.backfill(&init(prefix, source)).await.ended(0).stdout;
        assert!(told.contains("csv.encoding is windows-1252, which is a guess"), "{told}");
        project.backfill(&[&["run", "--prefix", prefix], &range[..]].concat()).await.ended(0);
        let found = project.database.rows(&format!("SELECT * FROM {prefix} LIMIT 1")).await;
        assert!(found[0].starts_with("1|K\u{f6}ln"), "{found:?}");
    }
    // A few faulty bytes are no other encoding.
    let rows = "4;x\n".repeat(20);
    project.put("few/e_2025-10-01.csv", [b"id;place\n1;K\xf6ln\n", rows.as_bytes()].concat());
    let told = project.backfill(&init("few", &[])).await.ended(0).stdout;
    assert!(told.contains("1 record(s) of few/e_2025-10-01.csv are rejected"), "{told}");
}
