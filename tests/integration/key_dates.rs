//! File dates: what stands for a day in keys, what files of longer periods cover, and which files a query reads.

use crate::support::Project;

const RANGE: [&str; 4] = ["--start", "2025-01-01", "--end", "2025-12-31"];

/// A project whose files are read by this key pattern, one row in each.
async fn with_keys(pattern: &str, keys: &[&str]) -> Project {
    let project = Project::people().await;
    project.edit("backfill.toml", "report_{date:%Y-%m-%d}*.csv", pattern);
    for key in keys {
        project.put(&format!("people/{key}"), "id,city,amount\na,Rome,1\n");
    }
    project
}

/// The file date of each file, and what is said.
async fn dates(project: &Project) -> (String, String) {
    let query = ["query", "SELECT _file_date FROM files ORDER BY 1", "--format", "csv"];
    let ran = project.backfill(&[&query[..], &RANGE].concat()).await.ended(0);
    (ran.stdout.replace("_file_date\n", "").replace('\n', " "), ran.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn days_weeks_and_months_are_read_as_vendors_write_them() {
    for (pattern, keys, expected) in [
        (
            "bat_{date:%Y-%m}.csv",
            &["bat_2025-01.csv", "bat_2025-02.csv"][..],
            "2025-01-01 2025-02-01 ",
        ),
        ("{date:%G-W%V}.csv", &["2025-W11.csv", "2025-W12.csv"], "2025-03-10 2025-03-17 "),
        (
            "year={date:%Y/month=%-m/day=%-d}/*.csv",
            &["year=2025/month=9/day=5/p-0.csv", "year=2025/month=10/day=12/p-0.csv"],
            "2025-09-05 2025-10-12 ",
        ),
        ("export_{date:%s}.csv", &["export_1741305600.csv"], "2025-03-07 "),
        ("{date:%d-%b-%Y}.csv", &["05-Mar-2025.csv"], "2025-03-05 "),
        ("{date:%y%m%d}.csv", &["250305.csv"], "2025-03-05 "),
        ("{date:%Y.%j}.csv", &["2025.064.csv"], "2025-03-05 "),
    ] {
        let project = with_keys(pattern, keys).await;
        let (found, said) = dates(&project).await;
        assert_eq!(found, expected, "{pattern}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_a_file_of_a_period_covers_are_not_missing() {
    let keys = ["20250601-20250609/0.csv", "20250601-20250615/0.csv", "20250620-20250630/0.csv"];
    let project = with_keys("{from:%Y%m%d}-{date:%Y%m%d}/*.csv", &keys).await;
    let (found, said) = dates(&project).await;
    assert_eq!(found, "2025-06-09 2025-06-15 2025-06-30 ");
    assert!(said.contains("no files from 2025-01-01 to 2025-05-31"), "{said}");
    assert!(said.contains("no files from 2025-06-16 to 2025-06-19"), "{said}");
    assert_eq!(said.matches("no file").count(), 3, "{said}");
    let gaps = project.backfill(&["gaps"]).await.ended(0).stdout;
    assert!(gaps.contains("no file in S3 from 2025-06-16 to 2025-06-19 (4 day(s))"), "{gaps}");
    assert_eq!(gaps.matches("no file in S3").count(), 1, "{gaps}");
    let monthly = with_keys("{date:%Y-%m}.csv", &["2025-01.csv", "2025-03.csv"]).await;
    let gaps = monthly.backfill(&["gaps"]).await.ended(0).stdout;
    assert!(gaps.contains("no file in S3 from 2025-02-01 to 2025-02-28"), "{gaps}");
    assert_eq!(gaps.matches("no file in S3").count(), 1, "{gaps}");
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_that_are_no_date_are_named() {
    let keys = [
        "export_1733011200.csv",
        "export_20250301.csv",
        "export_20250302.csv",
        "export_20250303.csv",
        "export_19550101.csv",
        "other.csv",
    ];
    let project = with_keys("export_{date:%Y%m%d}*", &keys).await;
    let range = ["--start", "2025-03-01", "--end", "2025-03-03"];
    let plan = project.backfill(&[&["plan"][..], &range].concat()).await.ended(0);
    for words in [
        "1 file(s) have dates that are years away from those of most files: people/export_19550101.csv \
         (1955-01-01)",
        "2 keys are ignored: people/export_1733011200.csv, people/other.csv; they do not match",
    ] {
        assert!(plan.stderr.contains(words), "{words}: {}", plan.stderr);
    }
    let ignored = "ignore: the year in the key is before 1900 or after 2100";
    assert!(plan.stdout.contains(ignored), "{}", plan.stdout);
    for command in [&["gaps"][..], &[&["drift"][..], &range].concat()] {
        let said = project.backfill(command).await.ended(0).stdout;
        assert!(said.contains("people/export_19550101.csv (1955-01-01)"), "{said}");
        assert!(said.contains("people/export_1733011200.csv, people/other.csv"), "{said}");
    }
}

/// The files that were asked for since the last call, each once. Several are read at a time, in any order.
fn files_read(project: &Project) -> Vec<String> {
    let mut files: Vec<String> = project
        .s3
        .take_requests()
        .into_iter()
        .filter_map(|request| {
            let path = request.strip_prefix("GET /exports/people/")?;
            Some(path.split([' ', '?']).next().unwrap_or(path).to_owned())
        })
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Ten days, of which the last has a column more.
async fn ten_days() -> Project {
    let project = Project::people().await;
    for day in 1..=9 {
        let key = format!("people/report_2025-03-{day:02}.csv");
        project.put(&key, format!("id,city,amount\n{day},Rome,1\n"));
    }
    project.put("people/report_2025-03-10.csv", "id,city,amount,note\n10,Rome,1,x\n");
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_over_some_days_reads_only_their_files() {
    let count = "SELECT count(*) AS n FROM source";
    for (sql, rows, files) in [
        (format!("{count} WHERE _file_date = date '2025-03-04'"), "1", 1),
        (format!("{count} WHERE _file_date = '2025-03-04' AND id <> ''"), "1", 1),
        (format!("{count} WHERE _file_date BETWEEN '2025-03-04' AND '2025-03-06'"), "3", 3),
        (format!("{count} AS s WHERE s._file_date >= date '2025-03-10' - INTERVAL '1 day'"), "2", 2),
        (format!("{count} WHERE _file_date IN ('2025-03-01', '2025-03-02') OR _file_date > '2025-03-09'"), "3", 3),
        (format!("WITH days AS (SELECT DISTINCT _file_date FROM source) {count} AS s JOIN days \
                 ON s._file_date = days._file_date WHERE s._file_date < '2025-03-03'"), "2", 2),
        (format!("{count} WHERE note IS NULL AND _file_date = date '2025-03-10'"), "0", 1),
        // Not bound by days, each for another reason.
        (format!("{count} WHERE _file_date = date '2025-03-04' OR city = 'Oslo'"), "1", 10),
        (format!("{count} WHERE _file_date IN (SELECT max(_file_date) FROM source)"), "1", 10),
        ("SELECT count(*) AS n FROM source AS s JOIN files AS f ON s._file_name = f._file_name WHERE f._file_date = '2025-03-04' AND s._file_date = '2025-03-04'".to_owned(), "1", 10),
        ("SELECT max(place) AS n FROM (SELECT _file_date, row_number() OVER (ORDER BY id) AS place FROM source) WHERE _file_date = '2025-03-04'".to_owned(), "5", 10),
        // A column that only other files have.
        (format!("{count} WHERE note IS NULL AND _file_date = date '2025-03-04'"), "1", 10),
    ] {
        let project = ten_days().await;
        project.s3.take_requests();
        let query = ["query", &sql, "--format", "csv", "--start", "2025-03-01", "--end", "2025-03-31"];
        let ran = project.backfill(&query).await.ended(0);
        assert_eq!(ran.stdout, format!("n\n{rows}\n"), "{sql}");
        let read = files_read(&project);
        assert_eq!(read.len(), files, "{sql}: {read:?}");
        let said = format!("{files} of 10 file(s) are read");
        assert_eq!(ran.stderr.contains(&said), files < 10, "{sql}: {}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_over_days_without_files_reads_one_for_its_columns() {
    let project = ten_days().await;
    project.s3.take_requests();
    let sql = "SELECT count(*) AS n FROM source WHERE _file_date = date '2025-04-04'";
    let range = ["--start", "2025-03-01", "--end", "2025-03-31"];
    let query = [&["query", sql, "--format", "csv"][..], &range].concat();
    let ran = project.backfill(&query).await.ended(0);
    assert_eq!(ran.stdout, "n\n0\n");
    assert_eq!(files_read(&project), ["report_2025-03-10.csv"]);
    for words in ["0 of 10 file(s) are read", "the query asks for 2025-04-04"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_range_bounds_what_a_query_over_some_days_reads() {
    let project = ten_days().await;
    project.s3.take_requests();
    let sql = "SELECT id FROM source WHERE _file_date <= '2025-03-05' ORDER BY id";
    let range = ["--start", "2025-03-04", "--end", "2025-03-08"];
    let query = [&["query", sql, "--format", "csv"][..], &range].concat();
    let ran = project.backfill(&query).await.ended(0);
    assert_eq!(ran.stdout, "id\n4\n5\n");
    assert_eq!(files_read(&project), ["report_2025-03-04.csv", "report_2025-03-05.csv"]);
    assert!(ran.stderr.contains("2 of 5 file(s) are read"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn init_guesses_more_forms_of_dates_and_names_the_keys_that_it_does_not_read() {
    let project = Project::empty().await;
    for (folder, name) in [
        ("epoch", "export_1741305600.csv"),
        ("epoch", "export_1741392000.csv"),
        ("hive", "year=2025/month=9/day=5/p-0.csv"),
        ("hive", "year=2025/month=10/day=12/p-0.csv"),
        ("monthly", "bat_2025-01.csv"),
        ("monthly", "bat_2025-02.csv"),
        ("account", "acct_10231204_20250301.csv"),
        ("account", "acct_10231204_20250302.csv"),
    ] {
        project.put(&format!("{folder}/{name}"), "id,city\n1,Rome\n2,Oslo\n");
    }
    let start = ["init", "--source", "s3://exports", "--dry-run", "--prefix"];
    for (folder, key) in [
        ("epoch", "export_{date:%s}.csv"),
        ("hive", "year={date:%Y/month=%-m/day=%-d}/p-**.csv"),
        ("monthly", "bat_{date:%Y-%m}.csv"),
        ("account", "acct_**{date:%Y%m%d}.csv"),
    ] {
        let shown = project.backfill(&[&start[..], &[folder]].concat()).await.ended(0).stdout;
        assert!(shown.contains(&format!("key = \"{key}\"")), "{folder}: {shown}");
    }
    let key = ["hive", "--key", "year={date:%Y/month=%m/day=%d}/*.csv"];
    let shown = project.backfill(&[&start[..], &key].concat()).await.ended(0).stdout;
    let words =
        "not read: 1 key(s), the key does not match the key pattern: hive/year=2025/month=9/day=5";
    assert!(shown.contains(words), "{shown}");
}
