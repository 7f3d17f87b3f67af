//! Names the sources that the program is built from, and the versions of all libraries: staged rows are
//! used again only by the program that staged them.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What decides the value that a text becomes.
const SOURCES: [&str; 3] = ["src", "crates/csv/src", "Cargo.lock"];

fn main() {
    let mut files = BTreeSet::new();
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
        collect(Path::new(source), &mut files);
    }
    let mut hash = Sha256::new();
    for file in files {
        // A file that is not there any more is not part of the program.
        let Ok(content) = std::fs::read(&file) else { continue };
        hash.update(file.to_string_lossy().as_bytes());
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    let digest: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo:rustc-env=BACKFILL_SOURCES={digest}");
}

fn collect(path: &Path, files: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(path) else {
        files.insert(path.to_owned());
        return;
    };
    for entry in entries.flatten() {
        collect(&entry.path(), files);
    }
}
