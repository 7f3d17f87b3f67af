//! The command line as a user sees it: every help text, and what is wrong with what was typed.

use std::process::Command;

/// Runs the program with a cleared environment; stdout, stderr and exit code in one text.
fn shown(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_backfill"))
        .args(arguments)
        .env_clear()
        .current_dir(folder.path())
        .output()
        .expect("the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    format!("exit code {code}\n{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn help_of_every_command() {
    insta::assert_snapshot!("help", shown(&["--help"]));
    for command in [
        "init",
        "run",
        "plan",
        "check",
        "drift",
        "dependents",
        "query",
        "report",
        "status",
        "accept",
        "compare",
        "rejects",
        "sample",
        "demo",
        "undo",
        "verify",
        "doctor",
        "staging",
        "gaps",
        "completions",
        "man",
    ] {
        insta::assert_snapshot!(format!("help_{command}"), shown(&[command, "--help"]));
    }
    insta::assert_snapshot!("help_staging_prune", shown(&["staging", "prune", "--help"]));
}

#[test]
fn wrong_command_lines() {
    let range = ["--start", "2025-09-22", "--end", "2025-09-30"];
    let run = |more: &[&'static str]| [&["run"], more].concat();
    insta::assert_snapshot!("no_command", shown(&[]));
    insta::assert_snapshot!("no_range", shown(&run(&[])));
    insta::assert_snapshot!(
        "wrong_date",
        shown(&run(&["--start", "22.9.", "--end", "2025-09-30"]))
    );
    insta::assert_snapshot!(
        "backward_range",
        shown(&run(&["--start", "2025-09-30", "--end", "2025-09-22"]))
    );
    insta::assert_snapshot!("no_configuration", shown(&[&["run"], &range[..]].concat()));
    insta::assert_snapshot!(
        "batch_of_no_days",
        shown(&[&["run", "--batch-size", "0"], &range[..]].concat())
    );
}
