//! What is generated from the definitions of the commands: manual pages, and completions for shells.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

fn backfill(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backfill"));
    command.args(arguments).env_clear().output().expect("the program")
}

fn succeed(arguments: &[&str]) -> String {
    let ran = backfill(arguments);
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

/// The commands that a help text lists, without `help` itself.
fn commands_of(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    list.take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The names of the pages that there should be: the program's, and one for each command at any depth.
fn expected_pages() -> BTreeSet<String> {
    let mut pages = BTreeSet::from(["backfill.1".to_owned()]);
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("-h");
        for name in commands_of(&succeed(&arguments)) {
            let command = [path.clone(), vec![name]].concat();
            pages.insert(format!("backfill-{}.1", command.join("-")));
            open.push(command);
        }
    }
    pages
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_command_has_a_manual_page_that_renders() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("share/man1");
    let said = succeed(&["man", pages.to_str().expect("text")]);
    let expected = expected_pages();
    assert!(expected.contains("backfill-staging-prune.1"), "{expected:?}");
    assert_eq!(names_in(&pages), expected);
    assert!(said.starts_with(&format!("{} manual pages in ", expected.len())), "{said}");
    for page in &expected {
        let mut groff = Command::new("groff");
        groff.args(["-man", "-Tutf8", "-Kutf8", "-ww", "-P-cbou"]).arg(pages.join(page));
        let shown = groff.output().expect("groff is needed: tests/run installs it");
        let warnings = String::from_utf8_lossy(&shown.stderr);
        assert!(shown.status.success() && warnings.is_empty(), "{page}: {warnings}");
        let text = String::from_utf8_lossy(&shown.stdout);
        for heading in ["NAME", "SYNOPSIS", "OPTIONS"] {
            assert!(text.contains(heading), "{page} has no {heading}");
        }
    }
}

#[test]
fn manual_pages_that_cannot_be_written_are_an_error_with_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let ran = backfill(&["man", file.to_str().expect("text")]);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write the manual pages to") && said.contains("/file"), "{said}");
}

#[test]
fn every_shell_gets_a_script_that_names_every_command() {
    let commands = commands_of(&succeed(&["-h"]));
    assert!(commands.len() > 15, "{commands:?}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = succeed(&["completions", shell]);
        for command in &commands {
            assert!(script.contains(command.as_str()), "{shell}: {command}");
        }
    }
}

/// What bash offers for the last of these words.
fn completed(script: &Path, words: &[&str]) -> BTreeSet<String> {
    let ask = r#"set -eu; source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _backfill backfill "${@: -1}" "${@: -2:1}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ask, "bash"]).arg(script).args(words);
    let ran = bash.output().expect("bash");
    assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_their_parts_and_their_options() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("backfill");
    std::fs::write(&script, succeed(&["completions", "bash"])).expect("written");
    let parsed = Command::new("bash").arg("-n").arg(&script).output().expect("bash");
    assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
    let one = |name: &str| BTreeSet::from([name.to_owned()]);
    assert_eq!(completed(&script, &["backfill", "doc"]), one("doctor"));
    assert_eq!(completed(&script, &["backfill", "staging", "pr"]), one("prune"));
    assert_eq!(
        completed(&script, &["backfill", "staging", "prune", "--keep"]),
        one("--keep-bytes")
    );
    assert_eq!(completed(&script, &["backfill", "--output", "js"]), one("json"));
}
