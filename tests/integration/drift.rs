//! Looking at how files differ in format, before anything is loaded.

use backfill_sample::Options;
use serde_json::{Value, json};

use crate::support::{Project, shipped};

const RANGE: [&str; 4] = ["--start", "2025-09-22", "--end", "2025-10-19"];

fn drift<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    [&["drift"], rest].concat()
}

/// The only dataset of what `--output json` printed.
fn only(text: &str) -> Value {
    let datasets: Value = serde_json::from_str(text).expect("JSON");
    datasets[0].clone()
}

/// Every change with its day, as text.
fn changes(drift: &Value) -> Vec<String> {
    let epochs = drift["epochs"].as_array().expect("epochs");
    let of = |epoch: &Value| {
        let changes = epoch["changes"].as_array().expect("changes").clone();
        let from = epoch["from"].as_str().expect("a day").to_owned();
        changes.into_iter().map(move |change| {
            let rest = match change["change"].as_str().expect("a kind") {
                "dialect" => format!("{} {} {}", change["what"], change["from"], change["to"]),
                "renamed" => format!("{} {}", change["from"], change["to"]),
                _ => change["columns"].as_array().expect("columns").len().to_string(),
            };
            format!("{from} {} {rest}", change["change"]).replace('"', "")
        })
    };
    epochs.iter().flat_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_quirk_of_a_format_is_found_on_its_day_and_nothing_else() {
    let options = Options { days: 28, rows: 120, quirks: true, ..Options::default() };
    let project = Project::orders(&options).await;
    let arguments = [&["--prefix", "orders-create/", "--output", "json"], &RANGE[..]].concat();
    let found = only(&project.backfill(&drift(&arguments)).await.ended(0).stdout);
    assert_eq!(
        changes(&found),
        [
            "2025-09-23 renamed billing_email_address billing_email",
            "2025-09-24 dialect encoding utf-8 not utf-8",
            "2025-09-25 dialect encoding not utf-8 utf-8",
            "2025-09-28 moved 12",
            "2025-09-29 moved 12",
            "2025-10-01 added 5",
            "2025-10-16 dialect line ending crlf lf",
            "2025-10-16 dialect byte order mark no yes",
            "2025-10-17 dialect line ending lf crlf",
            "2025-10-17 dialect byte order mark yes no",
        ]
    );
    let likeness = &found["epochs"][1]["changes"][0]["likeness"];
    assert!(likeness.as_f64().expect("a number") > 0.9, "{likeness}");
    let oddities: Vec<&Value> = found["oddities"].as_array().expect("a list").iter().collect();
    let kinds: Vec<&str> = oddities.iter().filter_map(|o| o["finding"].as_str()).collect();
    assert_eq!(kinds, ["missing-days", "several-files"]);
    assert_eq!(oddities[0]["from"], "2025-10-06");
    assert_eq!(oddities[1]["date"], "2025-10-10");
    assert_eq!(
        found["proposal"],
        json!(["coalesce(billing_email, billing_email_address) AS billing_email,"])
    );
    assert_eq!(found["fit"]["target"], "missing");
    assert_eq!(found["fit"]["failures"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposed_line_brings_the_epochs_together() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,town,amount\na,Rome,1\nb,Oslo,2\n");
    project.put("people/report_2025-09-23.csv", "id,towns,amount\nc,Bonn,2\nd,Bern,3\n");
    let range = ["--start", "2025-09-22", "--end", "2025-09-23", "--propose"];
    let text = project.backfill(&drift(&range)).await.ended(3).stdout;
    assert!(text.contains("no file has the column city"), "{text}");
    let line = text.lines().find(|line| line.contains("coalesce")).expect("a line");
    assert_eq!(line.trim(), "coalesce(towns, town) AS towns,");
    assert!(text.contains("NULL AS city,  -- no file has it"), "{text}");
    let stage = "sql/people/stage.sql";
    project.edit(stage, "id, city,", "id, coalesce(towns, town) AS city,");
    let text = project.backfill(&drift(&range[..4])).await.ended(0).stdout;
    assert!(text.contains("UNVERIFIED") || text.contains("a run creates it"), "{text}");
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    let cities = project.database.rows("SELECT city FROM people ORDER BY id").await;
    assert_eq!(cities, ["Rome", "Oslo", "Bonn", "Bern"]);
    let text = project.backfill(&drift(&range[..4])).await.ended(0).stdout;
    assert!(text.contains("the target accepts what stage.sql returns"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn some_of_the_sql_files_are_compared_with_the_files_too() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\n");
    project.put("people/report_2025-09-23.csv", "id,town,amount\nc,Bonn,2\n");
    let range = ["--start", "2025-09-22", "--end", "2025-09-23"];
    let all = ["target.sql", "stage.sql", "dedupe.sql"];
    let texts = all.map(|name| project.read(&format!("sql/people/{name}")));
    project.write("sql/people/checks/no_such.sql", "SELECT no_such FROM source");
    for mask in 0..7_usize {
        let is_there = |place: usize| mask & (1 << place) != 0;
        for (place, name) in all.iter().enumerate() {
            let path = format!("sql/people/{name}");
            match is_there(place) {
                true => project.write(&path, &texts[place]),
                false => drop(std::fs::remove_file(project.path(&path))),
            }
        }
        let text = project.backfill(&drift(&range)).await.ended(3).stdout;
        for (place, name) in all.iter().enumerate() {
            let told = text.contains(&format!("UNVERIFIED: {name} does not exist yet"));
            assert_eq!(told, !is_there(place), "{mask}: {text}");
        }
        assert!(text.contains("no file has the column no_such"), "{mask}: {text}");
        assert_eq!(text.contains("NULL: city"), is_there(1), "{mask}: {text}");
        assert_eq!(text.contains("not loaded: town"), is_there(1), "{mask}: {text}");
    }
    std::fs::remove_dir_all(project.path("sql")).expect("removed");
    let text = project.backfill(&drift(&range)).await.ended(0).stdout;
    assert!(text.contains("the dataset has no SQL yet"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_or_hold_other_days_are_found() {
    let project = Project::people().await;
    let header = "id,city,amount,day\n";
    for day in 1..=9 {
        let date = if day == 6 { "2024-01-01".to_owned() } else { format!("2025-09-0{day}") };
        let rows = format!("a,Rome,1,{date}\nb,Oslo,2,{date}\n").repeat(20);
        project.put(&format!("people/report_2025-09-0{day}.csv"), format!("{header}{rows}"));
    }
    let long = format!("{header}{}", "a,Rome,1,2025-09-07\n".repeat(400));
    project.put("people/report_2025-09-07.csv", long);
    project.put("people/report_2025-09-08.csv", "1,2,3,4\n");
    project.put("people/report_2025-09-09.csv", "");
    project.put("people/report_2025-09-05.csv", b"\x1f\x8b\x08truncated");
    let range = ["--start", "2025-09-01", "--end", "2025-09-09"];
    let text = project.backfill(&drift(&range)).await.ended(3).stdout;
    for expected in [
        "report_2025-09-06.csv has dates in day that are -614 days from its file date, other files +0",
        "2025-09-07 has 8.02 kB, the days around it 819 B",
        "report_2025-09-08.csv cannot be read: the first line is not a header",
        "report_2025-09-09.csv is empty (zero bytes)",
        "report_2025-09-05.csv cannot be read",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_longer_than_the_first_bytes_are_read_to_their_end() {
    let project = Project::people().await;
    let columns: Vec<String> = (0..9000).map(|n| format!("a_rather_long_name_{n}")).collect();
    let text = format!("id,city,amount,{}\n", columns.join(","));
    let rows = format!("a,Rome,1{}\n", ",".repeat(9000));
    project.put("people/report_2025-09-22.csv", format!("{text}{}", rows.repeat(30)));
    let range = ["--start", "2025-09-22", "--end", "2025-09-22", "--output", "json"];
    let found = only(&project.backfill(&drift(&range)).await.ended(0).stdout);
    assert_eq!(found["epochs"][0]["columns"], 9003);
    assert!(!project.path("staging").exists(), "drift writes nothing");
}

/// The differences of content with their days, as text.
fn findings(drift: &Value) -> Vec<String> {
    let findings = drift["content"]["findings"].as_array().expect("findings").clone();
    let text = |finding: &Value| {
        let difference = &finding["difference"];
        let detail = match difference["what"].as_str().expect("a kind") {
            "shifted" => difference["of"].to_string(),
            "new-values" | "gone-values" => difference["values"].to_string(),
            _ => format!("{} for {}", difference["here"], difference["usual"]),
        };
        let days = format!("{} to {}", finding["from"], finding["to"]);
        format!("{days} {} {} {detail}", finding["column"], difference["what"]).replace('"', "")
    };
    findings.iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_content_of_a_sample_differs_in_what_was_planted_and_in_nothing_else() {
    // Orders that are sent again are confirmed by then: a day without any would rightly be told.
    let resend = 0.0;
    let options = Options { days: 28, rows: 300, resend, quirks: true, ..Options::default() };
    let project = Project::orders(&options).await;
    let arguments =
        [&["--prefix", "orders-create/", "--deep", "--output", "json"], &RANGE[..]].concat();
    // The faulty records are more than a run would take.
    let found = only(&project.backfill(&drift(&arguments)).await.ended(3).stdout);
    let refusals = found["refusals"].to_string();
    assert!(refusals.contains("were rejected, more than max_rejects"), "{refusals}");
    assert_eq!(findings(&found), Vec::<String>::new());
    assert_eq!(found["content"]["reference"]["from"], "2025-10-01", "since the columns are these");
    let rejects = found["content"]["rejects"].as_array().expect("rejects").clone();
    let text = |r: &Value| format!("{} {} {}", r["date"], r["reason"], r["records"]);
    assert_eq!(
        rejects.iter().map(|reject| text(reject).replace('"', "")).collect::<Vec<_>>(),
        [
            "2025-09-24 invalid encoding 9",
            "2025-10-02 invalid encoding 1",
            "2025-10-02 text after a closing quote 2",
            "2025-10-02 too few fields 1",
            "2025-10-02 too many fields 1",
            "2025-10-14 repeated header 1",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_would_refuse_ends_with_its_exit_code() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\n");
    project.put("people/report_2025-09-23.csv", "");
    let range = ["--start", "2025-09-22", "--end", "2025-09-23"];
    let told = project.backfill(&drift(&range)).await.ended(3).stdout;
    assert!(
        told.contains("a run over these days is refused\n  people/report_2025-09-23.csv is empty")
    );
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = 0\nzero_byte_files = \"skip\"");
    project.backfill(&drift(&range)).await.ended(0);
    // The first bytes are the whole file, so that it is certain.
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\nb\n");
    let told = project.backfill(&drift(&range)).await.ended(3).stdout;
    assert!(told.contains("1 of 2 records of people"), "{told}");
    let rejected = "1 record(s) rejected: too few fields (people/report_2025-09-22.csv:3)";
    assert!(told.contains(rejected), "{told}");
    let deep = [&range[..], &["--deep"]].concat();
    let told = project.backfill(&drift(&deep)).await.ended(3);
    assert!(told.stdout.contains("1 of 2 records of people"), "{}", told.stdout);
    assert!(told.stderr.contains("1 record(s) in 1 file(s) are rejected"), "{}", told.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_column_that_no_file_has_is_told() {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\n");
    project.edit(
        "backfill.toml",
        "max_rejects",
        "personal_columns = [\"ctiy\", \"am*\"]\nmax_rejects",
    );
    let range = ["--start", "2025-09-22", "--end", "2025-09-22"];
    let told = project.backfill(&drift(&range)).await.ended(0).stderr;
    assert!(
        told.contains(
            "no file has a column that matches these entries of personal_columns: ctiy\n"
        ),
        "{told}"
    );
}

const FIRST_PROFILES: &str = "staging/profiles/people/_file_date=2025-09-01";

/// Twelve days of people, some of which differ.
fn people_of(day: u32) -> String {
    let mut text = "id,city,amount,day,email\n".to_owned();
    for row in 0..200 {
        let id = (20 + day) * 1000 + row;
        let city = match (day, row % 10) {
            (4, 0..3) => "Atlantis",
            (_, 0..5) => "Rome",
            _ => "Oslo",
        };
        let amount = match day {
            6 => format!("EUR {row}"),
            8 => String::new(),
            10 => format!("{}.5", row * 9),
            _ => format!("{row}.5"),
        };
        let date = if day <= 3 { format!("09/{day:02}/2025") } else { format!("2025-09-{day:02}") };
        text.push_str(&format!("{id},{city},{amount},{date},p{id}@example.com\n"));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_in_the_values_is_told_with_its_days() {
    let project = Project::people().await;
    project.edit(
        "backfill.toml",
        "[datasets.people]",
        "[datasets.people]\npersonal_columns = [\"e*\"]",
    );
    for day in 1..=12 {
        project.put(&format!("people/report_2025-09-{day:02}.csv"), people_of(day));
    }
    let range = ["--start", "2025-09-01", "--end", "2025-09-12", "--deep"];
    let reference = ["--reference", "2025-09-11..2025-09-12"];
    let arguments = [&range[..], &reference, &["--output", "json"]].concat();
    let first = project.backfill(&drift(&arguments)).await.ended(0).stdout;
    assert_eq!(
        findings(&only(&first)),
        [
            "2025-09-04 to 2025-09-04 city new-values [Atlantis]",
            "2025-09-06 to 2025-09-06 amount retyped text for decimal",
            "2025-09-08 to 2025-09-08 amount shifted presence",
            "2025-09-10 to 2025-09-10 amount shifted numbers",
            "2025-09-01 to 2025-09-03 day date-format %m/%d/%Y for %Y-%m-%d",
        ]
    );
    let profile = std::fs::read_dir(project.path(FIRST_PROFILES)).expect("profiles").next();
    let profile = profile.expect("one").expect("a file").path();
    let drawn = || std::fs::metadata(&profile).expect("a file").modified().expect("a time");
    let text = std::fs::read_to_string(&profile).expect("a profile");
    assert!(text.contains("Rome") && !text.contains("p21000@"), "values of personal columns");
    let before = drawn();
    let text = project.backfill(&drift(&range)).await.ended(0).stdout;
    assert!(text.contains("2025-09-01 to 2025-09-03, 3 files  day: other date format"), "{text}");
    assert_eq!(drawn(), before, "a profile is never drawn twice");
    let refused = [&range[..], &["--reference", "2024-01-01"]].concat();
    let text = project.backfill(&drift(&refused)).await.ended(2).stderr;
    assert!(text.contains("the reference 2024-01-01"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_change_within_a_file_are_named_with_their_line() {
    let project = Project::people().await;
    project.put("people/report_2025-09-01.csv", "id,city,amount\na,Rome,1\nb,Oslo,2\n");
    let within = "id,city,amount\na,Rome,1\nb,Oslo,2,web\nc,Bonn,3,app\n";
    project.put("people/report_2025-09-02.csv", within);
    project.put("people/report_2025-09-03.csv", "id,city,amount,channel\na,Rome,1,web\n");
    let range = ["--start", "2025-09-01", "--end", "2025-09-03"];
    let told = project.backfill(&drift(&range)).await.ended(3).stdout;
    for expected in [
        "report_2025-09-02.csv:3: from here on, records have 4 fields, but the header has 3: the columns may have \
         changed while the file was written; people/report_2025-09-03.csv has a header of 4, with channel",
        "2 record(s) rejected: too many fields (people/report_2025-09-02.csv:3)",
        "2 of 6 records of people from 2025-09-01 to 2025-09-03 were rejected",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_compressed_bytes_is_said() {
    let project = Project::people().await;
    let edge = |name: &str| std::fs::read(shipped("data/edge").join(name)).expect("a file");
    project.put("people/report_2025-09-01.csv", edge("gzip_cut_short.csv"));
    let mut wrong = edge("gzip_members_named_csv.csv");
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    project.put("people/report_2025-09-02.csv", wrong);
    let range = ["--start", "2025-09-01", "--end", "2025-09-02"];
    let told = project.backfill(&drift(&range)).await.ended(3).stdout;
    for expected in [
        "report_2025-09-01.csv cannot be read: its compressed data ends too early: the file is incomplete",
        "report_2025-09-02.csv cannot be read: its compressed data is damaged: corrupt gzip stream does \
         not have a matching checksum",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert_eq!(
        told.matches("hint: nothing of the file is used; it is compressed").count(),
        1,
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_without_a_name_and_names_that_come_twice_are_columns() {
    let project = Project::people().await;
    let suffix = "csv = { unusable_names = \"suffix\" }\nmax_rejects = 0";
    project.edit("backfill.toml", "max_rejects = 0", suffix);
    for (day, header) in [(1, "id,city,,amount"), (2, "id,city,amount"), (3, "id,city,amount,city")]
    {
        let row = vec!["a"; header.split(',').count()].join(",");
        let text = format!("{header}\n{row}\n");
        project.put(&format!("people/report_2025-09-0{day}.csv"), text);
    }
    let range = ["--start", "2025-09-01", "--end", "2025-09-03"];
    let told = project.backfill(&drift(&range)).await.ended(0).stdout;
    assert!(told.contains("2025-09-02  removed: column_3\n"), "{told}");
    assert!(told.contains("2025-09-03  added: city_2\n"), "{told}");
}
