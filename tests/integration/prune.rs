//! Pruning staging: what no run will use goes, what a run needs stays, and nothing else is touched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use backfill_demo::Fault;
use serde_json::Value;

use crate::support::{Project, export, people};

/// A dataset of which three days are loaded, with rejects, profiles, staged rows and an accounting.
async fn loaded() -> Project {
    let project = people("").await;
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = 10");
    for (day, row) in [("22", "a,Rome,1\n"), ("23", "b,Oslo,2\n"), ("24", "c,Bern,3,x\nd,Bern,3\n")]
    {
        project.put(&format!("people/report_2025-09-{day}.csv"), export(row));
    }
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    deep(&project).await;
    project
}

async fn deep(project: &Project) {
    let drift = ["drift", "--deep", "--start", "2025-09-22", "--end", "2025-09-24"];
    project.backfill(&drift).await;
}

/// Every file below a folder, relative to it.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().expect("a kind").is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below");
                found.insert(name.display().to_string());
            }
        }
    }
    found
}

fn staging(project: &Project) -> BTreeSet<String> {
    files(&project.path("staging"))
}

fn age(path: &Path, days: u64) {
    let file = std::fs::File::options().write(true).open(path).expect("a file");
    let time = SystemTime::now() - Duration::from_secs(days * 86_400 + 60);
    file.set_modified(time).expect("a time");
}

/// Makes every file of staging whose name holds a text so many days old.
fn make_old(project: &Project, part: &str, days: u64) {
    for name in staging(project).iter().filter(|name| name.contains(part)) {
        age(&project.path("staging").join(name), days);
    }
}

async fn prune(project: &Project, more: &[&str]) -> Value {
    let arguments = [&["staging", "prune", "--output", "json"], more].concat();
    project.backfill_with(&[("DATABASE_URL", "")], &arguments).await.ended(0).json()
}

fn of_kind(pruned: &Value, kind: &str) -> (u64, u64) {
    let kinds = pruned["kinds"].as_array().expect("kinds");
    let found = kinds.iter().find(|found| found["kind"] == kind);
    let count =
        |part: &str| found.map_or(0, |kind| kind[part]["files"].as_u64().expect("a number"));
    (count("held"), count("pruned"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_would_use_again_stays_however_old_it_is() {
    let project = loaded().await;
    make_old(&project, "", 400);
    let before = staging(&project);
    let pruned = prune(&project, &[]).await;
    assert_eq!(pruned["pruned"]["files"], 0, "{pruned}");
    assert_eq!(of_kind(&pruned, "mirrors"), (3, 0));
    assert_eq!(of_kind(&pruned, "rejects"), (1, 0));
    assert_eq!(of_kind(&pruned, "profiles"), (3, 0));
    assert_eq!(of_kind(&pruned, "runs"), (1, 0));
    assert_eq!(of_kind(&pruned, "staged").1, 0);
    assert_eq!(staging(&project), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_an_object_that_changed_or_is_gone_goes() {
    let project = loaded().await;
    let before = staging(&project);
    project.put("people/report_2025-09-24.csv", export("c,Nice,3,x\n"));
    std::fs::remove_file(project.bucket().join("people/report_2025-09-23.csv")).expect("removed");
    let young = prune(&project, &[]).await;
    assert_eq!(young["pruned"]["files"], 0, "what is newer than a day stays: {young}");
    make_old(&project, "", 2);
    let shown = prune(&project, &["--dry-run"]).await;
    assert_eq!(staging(&project), before, "--dry-run deletes nothing");
    let pruned = prune(&project, &[]).await;
    assert_eq!(shown["pruned"], pruned["pruned"]);
    assert_eq!(pruned["reasons"][0]["reason"], "outdated");
    let left = staging(&project);
    for name in &left {
        let is_of_run = name.starts_with("runs/");
        assert!(is_of_run || name.contains("_file_date=2025-09-22"), "{name}");
    }
    let left_of = |kind: &str| left.iter().filter(|name| name.starts_with(kind)).count();
    assert_eq!((left_of("mirror/"), left_of("rejects/"), left_of("profiles/")), (1, 0, 1));
    assert_eq!(left_of("staged/"), 0, "the fingerprint of its area is another one now");
    assert!(!project.path("staging/staged/people").exists(), "empty folders are removed");
    let run = ["run", "--start", "2025-09-22", "--end", "2025-09-24", "--reload", "--remove-gone"];
    project.backfill(&run).await.ended(0);
    assert_eq!(project.rows("SELECT string_agg(id, ' ' ORDER BY id) FROM people").await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_staged_with_another_sql_or_another_program_go() {
    let project = loaded().await;
    make_old(&project, "", 2);
    assert_eq!(of_kind(&prune(&project, &["--dry-run"]).await, "staged").1, 0);
    for name in staging(&project).iter().filter(|name| name.contains("manifest")) {
        let name = format!("staging/{name}");
        let text = project.read(&name);
        let manifest: Value = serde_json::from_str(&text).expect("JSON");
        let program = manifest["program"].as_str().expect("a text");
        project.write(&name, text.replace(program, "0000000000000000"));
        age(&project.path(&name), 2);
    }
    let (held, gone) = of_kind(&prune(&project, &["--dry-run"]).await, "staged");
    assert_eq!((held, gone), (5, 5), "another program");
    let project = loaded().await;
    make_old(&project, "", 2);
    project.edit("sql/people/stage.sql", "id, city", "id, upper(city) AS city");
    assert_eq!(of_kind(&prune(&project, &[]).await, "staged"), (5, 5), "another SQL");
    assert_eq!(of_kind(&prune(&project, &[]).await, "mirrors"), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_dialect_makes_mirrors_useless() {
    let project = loaded().await;
    make_old(&project, "", 2);
    project.edit(
        "backfill.toml",
        "max_rejects = 10",
        "max_rejects = 10\ncsv = { nul = \"reject\" }",
    );
    let pruned = prune(&project, &[]).await;
    assert_eq!((of_kind(&pruned, "mirrors"), of_kind(&pruned, "rejects")), ((3, 3), (1, 1)));
    assert_eq!(of_kind(&pruned, "staged"), (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_asked_for_goes_and_is_made_again() {
    let project = loaded().await;
    make_old(&project, "2025-09-22", 40);
    make_old(&project, "2025-09-23", 20);
    make_old(&project, "runs/", 40);
    let pruned = prune(&project, &["--older-than", "30d"]).await;
    assert_eq!(of_kind(&pruned, "mirrors"), (3, 1));
    assert_eq!(of_kind(&pruned, "runs"), (1, 1));
    assert_eq!(of_kind(&pruned, "staged").1, 0, "an area is as old as its newest file");
    assert_eq!(pruned["reasons"][0]["reason"], "old");
    assert_eq!(of_kind(&prune(&project, &["--older-than", "2w"]).await, "mirrors"), (2, 1));
    let check = ["check", "--start", "2025-09-22", "--end", "2025-09-24"];
    project.backfill(&check).await.ended(0);
    assert_eq!(of_kind(&prune(&project, &["--dry-run"]).await, "mirrors"), (3, 0));
    for wrong in ["0d", "30", "1h", ""] {
        let arguments = ["staging", "prune", "--older-than", wrong];
        project.backfill(&arguments).await.ended(2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_go_until_no_more_is_left_than_asked_for() {
    let project = loaded().await;
    for (part, days) in
        [("2025-09-22", 9), ("2025-09-23", 8), ("2025-09-24", 7), ("staged/", 6), ("runs/", 5)]
    {
        make_old(&project, part, days);
    }
    let held = prune(&project, &["--dry-run"]).await["held"]["bytes"].as_u64().expect("bytes");
    let keep = (held - 1).to_string();
    let shown = prune(&project, &["--keep-bytes", &keep, "--dry-run"]).await;
    assert_eq!(of_kind(&shown, "mirrors"), (3, 1), "{shown}");
    let pruned = prune(&project, &["--keep-bytes", &keep]).await;
    assert!(pruned["left"]["bytes"].as_u64().expect("bytes") < held);
    assert!(
        !staging(&project)
            .iter()
            .any(|name| name.starts_with("mirror/people/_file_date=2025-09-22"))
    );
    let rest = prune(&project, &["--keep-bytes", "0"]).await;
    assert_eq!(rest["left"]["files"], 0, "{rest}");
    project.run("2025-09-22", "2025-09-24").await.ended(0);
    let check = ["check", "--start", "2025-09-22", "--end", "2025-09-24"];
    project.backfill(&check).await.ended(0);
    let young = project.backfill(&["staging", "prune", "--keep-bytes", "0"]).await.ended(0);
    assert!(young.stdout.contains("files newer than a day are never deleted"), "{}", young.stdout);
    assert!(staging(&project).iter().any(|name| name.starts_with("mirror/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_stay_with_their_mirror_and_are_missed_if_they_do_not() {
    let project = loaded().await;
    make_old(&project, "mirror/", 5);
    make_old(&project, "rejects/", 50);
    let pruned = prune(&project, &["--older-than", "30d"]).await;
    assert_eq!(of_kind(&pruned, "rejects"), (1, 0));
    std::fs::remove_dir_all(project.path("staging/rejects")).expect("removed");
    let rejects = ["rejects", "--start", "2025-09-22", "--end", "2025-09-24"];
    let ran = project.backfill(&rejects).await.ended(0);
    assert!(ran.stdout.contains("1 rejected record(s), 1 shown"), "{}", ran.stdout);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_and_what_lies_behind_links_is_left_alone() {
    let project = loaded().await;
    let other = tempfile::tempdir().expect("a folder");
    let name = "x-0123456789abcdef.parquet";
    let elsewhere = other.path().join("_file_date=2025-09-22");
    std::fs::create_dir(&elsewhere).expect("a folder");
    std::fs::write(elsewhere.join(name), "x").expect("a file");
    let theirs: Vec<PathBuf> = [
        "notes.txt",
        "mirror/notes.parquet",
        "mirror/people/_file_date=2025-09-22/notes.parquet",
        "staged/people/notes/manifest.json",
        "people/report_2025-09-22.csv",
        "mirror-old/people/_file_date=2025-09-22/x-0123456789abcdef.parquet",
    ]
    .into_iter()
    .map(|name| project.path("staging").join(name))
    .chain([elsewhere.join(name)])
    .collect();
    for path in &theirs {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, "x").expect("a file");
        age(path, 400);
    }
    let link = |target: &Path, name: &str| {
        std::os::unix::fs::symlink(target, project.path("staging").join(name)).expect("a link");
    };
    link(other.path(), "mirror/linked");
    link(&elsewhere, "mirror/people/_file_date=2025-10-01");
    std::fs::create_dir_all(project.path("staging/mirror/people/_file_date=2025-10-02"))
        .expect("a folder");
    link(&elsewhere.join(name), &format!("mirror/people/_file_date=2025-10-02/{name}"));
    make_old(&project, ".parquet", 400);
    let pruned = prune(&project, &["--older-than", "1d", "--keep-bytes", "0"]).await;
    assert_eq!(of_kind(&pruned, "mirrors"), (3, 3), "{pruned}");
    assert_eq!(pruned["not_ours"], 3);
    for path in &theirs {
        assert!(path.exists(), "{} is deleted", path.display());
    }
    for name in ["mirror/linked", "mirror/people/_file_date=2025-10-01"] {
        assert!(project.path("staging").join(name).is_symlink(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_killed_writes_have_left_goes() {
    let project = loaded().await;
    let names = staging(&project);
    let mirror = names.iter().find(|name| name.starts_with("mirror/")).expect("a mirror");
    let staged = names.iter().find(|name| name.starts_with("staged/")).expect("a file");
    for name in [mirror, staged] {
        for (number, days) in [(1, 2), (2, 0)] {
            let name = format!("staging/{name}#{number}");
            project.write(&name, "half");
            age(&project.path(&name), days);
        }
    }
    let pruned = prune(&project, &[]).await;
    assert_eq!(pruned["pruned"]["files"], 2, "{pruned}");
    assert_eq!(pruned["reasons"][0]["reason"], "leftover");
    let left: BTreeSet<String> = staging(&project).difference(&names).cloned().collect();
    assert_eq!(left, BTreeSet::from([format!("{mirror}#2"), format!("{staged}#2")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_files_or_that_fails_makes_nothing_useless() {
    let project = loaded().await;
    make_old(&project, "", 2);
    project.edit("backfill.toml", "prefix = \"people/\"", "prefix = \"poeple/\"");
    assert_eq!(prune(&project, &[]).await["pruned"]["files"], 0);
    project.edit("backfill.toml", "s3://exports", "s3://nowhere");
    let ran = project.backfill(&["staging", "prune", "--older-than", "1d"]).await.ended(1);
    assert!(ran.stderr.contains("cannot list"), "{}", ran.stderr);
    assert!(staging(&project).iter().any(|name| name.starts_with("mirror/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn datasets_that_are_not_configured_go_by_age_and_prefixes_choose() {
    let project = loaded().await;
    make_old(&project, "", 40);
    let config = project.read("backfill.toml").replace("people", "others");
    project.write("backfill.toml", config);
    let pruned = prune(&project, &[]).await;
    assert_eq!((of_kind(&pruned, "mirrors"), &pruned["pruned"]["files"]), ((3, 0), &0.into()));
    let chosen = prune(&project, &["--older-than", "30d", "--prefix", "others"]).await;
    assert_eq!(chosen["held"]["files"], 0, "{chosen}");
    let pruned = prune(&project, &["--older-than", "30d"]).await;
    assert_eq!(pruned["left"]["files"], 0, "{pruned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn staging_in_a_bucket_is_pruned_beside_the_things_of_others() {
    let project = loaded().await;
    project.edit("backfill.toml", "url = \"staging\"", "url = \"s3://exports/work\"");
    let check = ["check", "--start", "2025-09-22", "--end", "2025-09-24"];
    project.backfill(&check).await.ended(0);
    let work = project.bucket().join("work");
    std::fs::write(work.join("mirror/notes.txt"), "x").expect("a file");
    for name in files(&work) {
        age(&work.join(name), 3);
    }
    project.put("people/report_2025-09-24.csv", export("c,Nice,3,x\n"));
    let pruned = prune(&project, &[]).await;
    assert_eq!((of_kind(&pruned, "mirrors"), of_kind(&pruned, "rejects")), ((3, 1), (1, 1)));
    let pruned = prune(&project, &["--older-than", "2d"]).await;
    assert_eq!(of_kind(&pruned, "mirrors"), (2, 2));
    assert_eq!(files(&work), BTreeSet::from(["mirror/notes.txt".to_owned()]));
    assert!(project.bucket().join("people/report_2025-09-22.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_deleted_is_named_and_the_rest_goes() {
    let project = loaded().await;
    project.edit("backfill.toml", "url = \"staging\"", "url = \"s3://exports/work\"");
    deep(&project).await;
    let work = project.bucket().join("work");
    for name in files(&work) {
        age(&work.join(name), 3);
    }
    let mut refused = 0;
    project.s3.follow(move |request| {
        let is_first = request.starts_with("POST") && request.contains("delete") && refused == 0;
        refused += u32::from(is_first);
        is_first.then_some(Fault::Forbidden)
    });
    let arguments = ["staging", "prune", "--older-than", "2d", "--output", "json"];
    let ran = project.backfill(&arguments).await.ended(1);
    assert!(ran.stderr.contains("3 object(s) in staging could not be deleted"), "{}", ran.stderr);
    assert!(ran.stderr.contains("s3:DeleteObject"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("report_2025-09").count(), 2, "one path, twice: {}", ran.stderr);
    let pruned = ran.json();
    assert_eq!(pruned["failed"].as_array().expect("keys").len(), 3);
    assert_eq!(of_kind(&pruned, "mirrors"), (3, 0));
    assert_eq!(of_kind(&pruned, "rejects"), (1, 0), "they belong to a mirror that is there");
    assert_eq!(of_kind(&pruned, "profiles"), (3, 3));
    assert_eq!(files(&work).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_loses_a_mirror_fails_as_a_whole_and_the_next_one_makes_it_again() {
    let project = people("").await;
    project.edit("backfill.toml", "url = \"staging\"", "url = \"s3://exports/work\"");
    project.put("people/report_2025-09-22.csv", export("a,Rome,1\n"));
    project.put("people/report_2025-09-23.csv", export("b,Oslo,2\n"));
    let check = ["check", "--start", "2025-09-22", "--end", "2025-09-23"];
    project.backfill(&check).await.ended(0);
    let work = project.bucket().join("work");
    let names = files(&work);
    let lost = names.iter().find(|name| name.contains("2025-09-23")).expect("a mirror").clone();
    let path = work.join(&lost);
    // The run has looked at the footer of the mirror when the engine reads it once more.
    let mut reads = 0;
    project.s3.follow(move |request| {
        reads += u32::from(request.starts_with("GET") && request.contains("report_2025-09-23"));
        if reads == 2 {
            std::fs::remove_file(&path).expect("deleted");
            reads += 1;
        }
        None
    });
    let ran = project.run("2025-09-22", "2025-09-23").await.ended(1);
    assert!(ran.stderr.contains("run again"), "{}", ran.stderr);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["0"]);
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["2"]);
}
