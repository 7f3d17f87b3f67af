//! Files that are read, or refused, with a word on what may be wrong with them: nothing of it passes in silence.

use crate::support::{Project, Ran, export, people};

/// A check of one day.
async fn check(project: &Project, day: &str) -> Ran {
    project.backfill(&["check", "--start", day, "--end", day]).await
}

fn key(day: u64) -> String {
    format!("people/report_2025-09-{day:02}.csv")
}

/// So many rows, each with its line ending.
fn rows(day: u64, count: u64) -> String {
    export(&(0..count).map(|row| format!("{day}-{row},Rome,1\n")).collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_record_that_may_be_cut_off_is_told_of_a_file_that_comes_alone() {
    let project = people("").await;
    let whole = rows(1, 3);
    project.put(&key(1), &whole[..whole.len() - 2]);
    let alone = check(&project, "2025-09-01").await.ended(0).stderr;
    assert!(
        alone.contains("report_2025-09-01.csv ends without a line ending, so its last record"),
        "{alone}"
    );
    for day in 2..=4 {
        project.put(&key(day), rows(day, 3));
    }
    project.backfill(&["check", "--start", "2025-09-02", "--end", "2025-09-04"]).await.ended(0);
    let whole = rows(5, 3);
    project.put(&key(5), &whole[..whole.len() - 2]);
    for day in 1..=4 {
        std::fs::remove_file(project.bucket().join(key(day))).expect("removed");
    }
    let known = check(&project, "2025-09-05").await.ended(0).stderr;
    assert!(known.contains("1 of 5 files end without a line ending"), "{known}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_never_end_with_a_line_ending_are_told_once() {
    let project = people("").await;
    for day in 1..=3 {
        project.put(&key(day), rows(day, 3).trim_end());
    }
    let first = check(&project, "2025-09-01").await.ended(0).stderr;
    assert!(first.contains("without a line ending"), "{first}");
    for day in ["2025-09-02", "2025-09-03"] {
        let later = check(&project, day).await.ended(0).stderr;
        assert!(!later.contains("without a line ending"), "{later}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_far_smaller_than_the_others_is_told_of_a_file_that_comes_alone() {
    let project = people("").await;
    for day in 1..=8 {
        project.put(&key(day), rows(day, 200));
    }
    let usual = check(&project, "2025-09-08").await.ended(0).stderr;
    assert!(!usual.contains("may be cut off"), "{usual}");
    project.put(&key(9), rows(9, 20));
    let listed = check(&project, "2025-09-09").await.ended(0).stderr;
    assert!(listed.contains("2025-09-09 has 245 B, the days around it"), "{listed}");
    assert!(listed.contains("its export may be cut off"), "{listed}");
    let json = ["run", "--start", "2025-09-09", "--end", "2025-09-09", "--output", "json"];
    let report = project.backfill(&json).await.ended(0).json();
    let notices = report[0]["notices"].as_array().expect("notices");
    assert!(notices.iter().any(|notice| notice["code"] == "unusual-size"), "{notices:?}");
    // The source keeps only the newest file: staging knows the others.
    project.backfill(&["check", "--start", "2025-09-01", "--end", "2025-09-08"]).await.ended(0);
    for day in 1..=8 {
        std::fs::remove_file(project.bucket().join(key(day))).expect("removed");
    }
    let read = check(&project, "2025-09-09").await.ended(0).stderr;
    assert!(read.contains("2025-09-09 has 245 B, the days around it"), "{read}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_in_a_value_and_quotes_behind_blanks_are_told_with_their_place() {
    let project = people("").await;
    project.put(&key(1), "id,city,amount\na,Rome,1\nb,\"Oslo,1\nc,Kiel,2\nd,Bonn,3\ne\",4\n");
    let hidden = check(&project, "2025-09-01").await.ended(0).stderr;
    assert!(
        hidden.contains("2 line(s) inside quoted values in 1 file(s) look like records")
            && hidden.contains("report_2025-09-01.csv:3"),
        "{hidden}"
    );
    assert!(!hidden.contains("Kiel"), "a value is told: {hidden}");
    project.put(&key(2), "id,city,amount\na, \"Rome\",1\n");
    let kept = check(&project, "2025-09-02").await.ended(0).stderr;
    assert!(kept.contains("1 value(s) in 1 file(s) keep the quotes around them"), "{kept}");
    assert!(kept.contains("report_2025-09-02.csv:2"), "{kept}");
    let counts = "SELECT sum(lines_in_values) AS l, sum(quotes_behind_blanks) AS q FROM files";
    let query =
        ["query", "--start", "2025-09-01", "--end", "2025-09-02", "--format", "csv", counts];
    assert_eq!(project.backfill(&query).await.ended(0).stdout, "l,q\n2,1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_under_another_word_than_the_pattern_are_reported_with_their_place() {
    let project = people("csv.skip_records = [\"^Summe\"]").await;
    let rows = "a,Rome,1\nb,Oslo,2\nc,Kiel,3\n";
    project.put(&key(1), export(&format!("{rows}Summe,,6\n")));
    let skipped = check(&project, "2025-09-01").await.ended(0).stderr;
    assert!(!skipped.contains("at the end of"), "{skipped}");
    project.put(&key(2), export(&format!("{rows}Gesamt,,6\n")));
    let read = check(&project, "2025-09-02").await.ended(0).stderr;
    assert!(
        read.contains("1 record(s) at the end of 1 file(s) are read as rows")
            && read.contains("report_2025-09-02.csv:5")
            && read.contains("csv.skip_records"),
        "{read}"
    );
    assert!(!read.contains("Gesamt"), "a value is shown: {read}");
    let count = "SELECT _file_date, closing_records AS n FROM files ORDER BY 1";
    let query = ["query", "--start", "2025-09-01", "--end", "2025-09-02", "--format", "csv", count];
    let counts = project.backfill(&query).await.ended(0).stdout;
    assert!(counts.ends_with("2025-09-01,0\n2025-09-02,1\n"), "{counts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_in_two_encodings_are_refused_with_the_line() {
    let project = people("").await;
    let wide: Vec<u8> = export("b,Oslo,2\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    project.put(&key(1), [export("a,Rome,1\n").as_bytes(), b"\xff\xfe", &wide[..]].concat());
    let refused = check(&project, "2025-09-01").await.ended(3).stderr;
    assert!(refused.contains("from line 3 on, the file is in another encoding"), "{refused}");
    assert!(refused.contains("split it there"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_that_reads_rejects_is_named() {
    for (row, setting) in [
        ("a,\"the \\\"Rome\\\"\",1\n", "csv.escape = '\\'"),
        ("a,'Rome, IT',1\n", "csv.quote = \"'\""),
        ("a, \"Rome, IT\",1\n", "csv.blanks_after_delimiter = \"skip\""),
    ] {
        let project = people("").await;
        project.put(&key(1), export(row));
        let run = ["run", "--start", "2025-09-01", "--end", "2025-09-01"];
        let refused = project.backfill(&run).await.ended(3).stderr;
        assert!(refused.contains(setting), "{setting}: {refused}");
        let config = project.read("backfill.toml");
        let (key, value) = setting.split_once(" = ").expect("a setting");
        project.write("backfill.toml", format!("{config}\n{key} = {value}\n"));
        project.backfill(&run).await.ended(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoding_that_is_named_already_is_not_proposed() {
    let project = people("").await;
    let proposal = "encoding = [\"utf-8\", \"windows-1252\"]";
    let row = |city: &[u8]| [b"a,", city, b",1\n"].concat();
    let mixed =
        [export("").into_bytes(), row("Köln".as_bytes()), row("Köln".as_bytes()), row(b"K\xf6ln")];
    project.put(&key(1), mixed.concat());
    let refused = project.run("2025-09-01", "2025-09-01").await.ended(3).stderr;
    assert!(refused.contains(proposal), "{refused}");
    let config = project.read("backfill.toml");
    project.write("backfill.toml", format!("{config}\ncsv.{proposal}\n"));
    let named = project.run("2025-09-01", "2025-09-01").await.ended(3).stderr;
    assert!(!named.contains(proposal) && named.contains("records in two encodings"), "{named}");
    let header = [&b"id,city,amount,St\xfcck\n"[..], "a,Köln,1,2\na,Köln,1,2\n".as_bytes()];
    project.put(&key(1), header.concat());
    let header = project.run("2025-09-01", "2025-09-01").await.ended(3).stderr;
    assert!(!header.contains(proposal), "{header}");
    assert!(header.contains("the header is in another encoding than most lines"), "{header}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_before_the_header_and_several_separators_name_what_to_set() {
    let project = people("").await;
    project.put(&key(1), "#id,city,amount\na,Oslo,2\n");
    let refused = project.run("2025-09-01", "2025-09-01").await.ended(3).stderr;
    assert!(refused.contains("csv.header_pattern = '^#\\s*(.*)'"), "{refused}");
    let config = project.read("backfill.toml");
    project.write(
        "backfill.toml",
        format!("{config}\ncsv.header_pattern = '^#\\s*(.*)'\ncsv.comment = \"#\"\n"),
    );
    project.run("2025-09-01", "2025-09-01").await.ended(0);
    let project = people("").await;
    project.put(&key(1), "sep=||\nid||city||amount\na||Oslo||2\n");
    let refused = project.run("2025-09-01", "2025-09-01").await.ended(3).stderr;
    assert!(refused.contains("several characters stand between fields (sep=)"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_padded_gzip_file_is_read() {
    use std::io::Write;
    let project = people("").await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(export("a,Rome,1\n").as_bytes()).expect("written");
    let whole = encoder.finish().expect("finished");
    project.put(&key(1), [&whole[..], &[0; 400]].concat());
    project.run("2025-09-01", "2025-09-01").await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["1"]);
    project.put(&key(2), [&whole[..], b"\0\0x"].concat());
    let refused = check(&project, "2025-09-02").await.ended(3).stderr;
    assert!(refused.contains("not gzip"), "{refused}");
}
