//! Which keys `init` takes for dates, what it says of those that can be read in two ways, and what it refuses.

use crate::support::{Project, finish};

/// What `init` would write and reports of a prefix whose files have these names.
async fn dry(names: &[&str], code: i32) -> (String, String) {
    let project = Project::empty().await;
    for (place, name) in names.iter().enumerate() {
        project.put(&format!("x/{name}"), format!("id,city\n{place},Rome\n"));
    }
    let start = ["init", "--source", "s3://exports", "--prefix", "x", "--dry-run"];
    let ran = project.backfill(&start).await.ended(code);
    (ran.stdout, ran.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_that_can_be_read_in_two_ways_are_reported_with_both() {
    for (names, key, said) in [
        (
            &["01-01-2025.csv", "02-01-2025.csv", "12-01-2025.csv"][..],
            "{date:%m-%d-%Y}.csv",
            "nothing in the keys decides how to read the date: --key '{date:%d-%m-%Y}.csv' (file dates 2025-01-01 to \
             2025-01-12)",
        ),
        (
            &["2025-01.csv", "2025-02.csv", "2025-11.csv"],
            "{date:%Y-%m}.csv",
            "nothing in the keys decides how to read the date: --key '{date:%G-%V}.csv' (file dates 2024-12-30 to \
             2025-03-10) would also find a date in as many keys",
        ),
        (
            &["2025-01.csv", "2025-02.csv", "2025-29.csv"],
            "{date:%G-%V}.csv",
            "the two digits after the year are read as the number of an ISO week",
        ),
        (
            &["2025/060.csv", "2025/061.csv"],
            "{date:%Y/%j}.csv",
            "the three digits after the year are read as the day of the year: a guess",
        ),
        (
            &["2025-03-01_a.csv", "2025-03-01_b.csv", "2025-03-02_a.csv"],
            "{date:%Y-%m-%d}_*.csv",
            "it gives 3 files only 2 file date(s), and 2025-03-01 to 2025-03-01_a.csv, 2025-03-01_b.csv",
        ),
    ] {
        let (written, told) = dry(names, 0).await;
        assert!(written.contains(&format!("key = \"{key}\"")), "{names:?}: {written}");
        assert!(told.contains(said), "{names:?}: {told}");
        let words: Vec<&str> = said.split(' ').take(3).collect();
        assert!(written.contains(&words.join(" ")), "as a comment: {written}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_say_no_date_are_not_guessed() {
    let (_, told) = dry(&["2025/03/r-01.csv", "2025/03/r-02.csv"], 2).await;
    assert!(told.contains("can be read in two ways, and nothing says which is meant"), "{told}");
    assert!(told.contains("--key '{date:%Y/%m/r-%-d}.csv' (file dates 2025-03-01"), "{told}");
    for names in [
        &["o_1741305600.csv", "o_1741305601.csv", "o_1741305602.csv"][..],
        &["2025-01.csv", "2025-99.csv"],
    ] {
        let (_, told) = dry(names, 4).await;
        assert!(told.contains("no date was recognised in any of"), "{names:?}: {told}");
    }
    let (_, told) = dry(&["r_2025-03-01.zip", "r_2025-03-02.zip"], 4).await;
    assert!(told.contains("all 2 key(s) under s3://exports/x/ are archives"), "{told}");
    assert!(told.contains("unpack them"), "{told}");
    let (_, told) = dry(&["r_2025-03-01.csv", "r_2025-03-02.zip"], 0).await;
    assert!(told.contains("1 of these key(s) are archives or spreadsheets"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_that_have_not_come_yet_are_told_also_of_one_file() {
    let (_, told) = dry(&["r_2099-03-01.csv"], 0).await;
    let words = "1 file(s) have dates in the future: x/r_2099-03-01.csv (2099-03-01)";
    assert!(told.contains(words), "{told}");
    let project = Project::people().await;
    project.put("people/report_2099-03-01.csv", "id,city,amount\na,Rome,1\n");
    let range = ["--start", "2099-03-01", "--end", "2099-03-01"];
    let ran = project.backfill(&[&["run"], &range[..]].concat()).await.ended(0);
    assert!(ran.stderr.contains("1 file(s) have dates in the future"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_is_compared_with_those_around_for_dates_that_are_far_away() {
    let project = Project::people().await;
    project.edit("backfill.toml", "prefix =", "refuse_drift = [\"dates-far-away\"]\nprefix =");
    for day in 1..=9 {
        let inside = if day == 9 { "2024-01-05".to_owned() } else { format!("2025-03-{day:02}") };
        let text = format!("id,city,amount,seen\n{day},Rome,1,{inside}\n");
        project.put(&format!("people/report_2025-03-{day:02}.csv"), text);
    }
    let run = async |day| {
        let arguments = ["run", "--start", day, "--end", day];
        project.backfill(&arguments).await
    };
    run("2025-03-08").await.ended(0);
    let refused = run("2025-03-09").await.ended(3).stderr;
    assert!(refused.contains("dates-far-away, 2025-03-09"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_taken_are_refused_with_the_reason() {
    let project = Project::empty().await;
    project.put("files/r_2025-03-01.csv", "id\n1\n");
    let start = ["init", "--source", "s3://exports", "--prefix", "files"];
    for (more, reason) in [
        (&["--name", "information_schema"][..], "keep their own tables there"),
        (&["--name", "pg_catalog"], "PostgreSQL keeps the names that begin with pg_"),
        (&["--name", "source"], "every dataset has a table of this name"),
        (&["--name", "rejects"], "every dataset has a table of this name"),
        (&[], "no dataset can be called files"),
        (&["--name", "x", "--table", "backfill.files"], "backfill keeps its ledger"),
        (&["--name", "x", "--table", "pg_catalog.x"], "no rows can be loaded into pg_catalog.x"),
    ] {
        let told = project.backfill(&[&start[..], more].concat()).await.ended(2).stderr;
        assert!(told.contains(reason), "{more:?}: {told}");
    }
    project.backfill(&[&start[..], &["--name", "x"]].concat()).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_current_folder_is_a_source() {
    let project = Project::empty().await;
    project.write("r_2025-03-01.csv", "id,city\n1,Rome\n");
    project.write("orders/r_2025-03-01.csv", "id,city\n1,Rome\n");
    let told = project.backfill(&["init", "--source", ".", "--prefix", "."]).await.ended(2).stderr;
    assert!(told.contains("this prefix does not give the dataset a name"), "{told}");
    let here = ["init", "--source", ".", "--prefix", ".", "--name", "here"];
    let told = project.backfill(&here).await.ended(0).stderr;
    assert!(told.contains("staging.url is a folder below the prefix"), "{told}");
    project.backfill(&["init", "--prefix", "./orders/"]).await.ended(0);
    let range = ["--start", "2025-03-01", "--end", "2025-03-01"];
    let ran = finish(project.command(&[&["run"], &range[..]].concat())).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(project.rows("SELECT count(*) FROM here").await, ["2"]);
    assert_eq!(project.rows("SELECT id, city FROM orders").await, ["1|Rome"]);
}
