//! The layers of the program: a module uses only what stands below it. The list is read from the
//! documentation of the library, so that what is promised there is what is tested here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::shipped;

/// The top-level modules, lowest first. Those of one line may use the ones before them, also on the line.
const LAYERS: [&[&str]; 14] = [
    &["domain", "values", "failpoint", "printable", "telemetry", "progress"],
    &["store", "config"],
    &["source", "mirror", "profile"],
    &["sql", "engine", "tables"],
    &["check", "dedupe", "stage"],
    &["state"],
    &["target"],
    &["error"],
    &["project"],
    &["life", "look"],
    &["run"],
    &["show"],
    &["cli"],
    &["main"],
];

/// Every edge between two top-level modules, with the file that first has it.
fn edges(root: &Path) -> BTreeMap<(String, String), String> {
    let mut files = Vec::new();
    collect(root, &mut files);
    let mut edges = BTreeMap::new();
    for (name, text) in files {
        let from = name.split('/').next().expect("a part").trim_end_matches(".rs").to_owned();
        for to in uses(&text) {
            if to != from {
                edges.entry((from.clone(), to)).or_insert_with(|| name.clone());
            }
        }
    }
    edges
}

fn collect(folder: &Path, files: &mut Vec<(String, String)>) {
    let root = shipped("src");
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(&root).expect("below src").display().to_string();
            files.push((name, std::fs::read_to_string(&path).expect("a source file")));
        }
    }
}

/// The top-level modules that a file names behind `crate::`, comments left out.
fn uses(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code: Vec<&str> =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            // `use crate::{a, b::c}`: the first part of each.
            Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
            let name: String = name.trim().chars().take_while(|c| is_part(*c)).collect();
            if !name.is_empty() {
                found.insert(name);
            }
        }
    }
    found
}

fn place(module: &str) -> (usize, usize) {
    let found = LAYERS.iter().enumerate().find_map(|(layer, modules)| {
        Some((layer, modules.iter().position(|other| *other == module)?))
    });
    found.unwrap_or_else(|| panic!("{module} has no layer"))
}

#[test]
fn a_module_uses_only_what_is_below_it() {
    let edges = edges(&shipped("src"));
    assert!(edges.len() > 60, "only {} edges were found", edges.len());
    let upward: Vec<String> = edges
        .iter()
        .filter(|((from, to), _)| place(to) >= place(from))
        .map(|((from, to), file)| format!("{from} uses {to} ({file})"))
        .collect();
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn every_module_has_a_layer_and_every_layer_its_modules() {
    let root = shipped("src");
    let mut modules: BTreeSet<String> = std::fs::read_dir(&root)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .collect();
    modules.remove("lib");
    let listed: BTreeSet<String> =
        LAYERS.iter().copied().flatten().map(|module| (*module).to_owned()).collect();
    assert_eq!(modules, listed);
}

#[test]
fn an_edge_is_found_however_it_is_written() {
    let text = "use crate::domain::FileDate;\nuse crate::{check, look::drift};\n\
                // crate::comment::x\nfn f() { crate::inline::g() }";
    let expected = ["check", "domain", "inline", "look"].map(str::to_owned);
    assert_eq!(uses(text), BTreeSet::from(expected));
}
