//! **Tests** that every variant of every error has the exit code that the documentation promises.
//!
//! `variants!` puts each variant into a match without `_`, so that a new one does not compile before it is added
//! here, and into a list, so that one without an example fails the test.

macro_rules! variants {
    ($name:ident, $error:ty: $($(#[$attribute:meta])* $pattern:pat => $text:literal),+ $(,)?) => {
        fn $name(error: &$error) -> &'static str {
            match error { $($(#[$attribute])* $pattern => $text),+ }
        }
        impl Named for $error {
            const ALL: &'static [&'static str] = &[$($(#[$attribute])* $text),+];
            fn name(&self) -> &'static str { $name(self) }
        }
    };
}

mod inputs;
mod loading;
mod root;
mod steps;

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::domain::{Carried, DateRange, RejectLimit};

trait Named {
    const ALL: &'static [&'static str];
    fn name(&self) -> &'static str;
}

/// Asserts the exit codes of the cases, and that every variant is among them.
fn assert_exits<E: Named + Into<Error>>(cases: Vec<(E, Exit)>) {
    let names: BTreeSet<&str> = cases.iter().map(|(error, _)| error.name()).collect();
    let all: BTreeSet<&str> = E::ALL.iter().copied().collect();
    assert_eq!(names, all, "every variant has a case");
    for (error, expected) in cases {
        let name = error.name();
        let root: Error = error.into();
        assert_eq!(root.exit(), expected, "{name}: {root}");
    }
}

fn text() -> String {
    "x".to_owned()
}

fn path() -> PathBuf {
    PathBuf::from("x")
}

fn cut_short() -> std::io::Error {
    std::io::ErrorKind::UnexpectedEof.into()
}

fn io() -> std::io::Error {
    std::io::Error::other("x")
}

fn json() -> serde_json::Error {
    serde_json::from_str::<u8>("x").expect_err("not a number")
}

/// The error of a store that is busy.
fn busy() -> object_store::Error {
    object_store::Error::Generic { store: "S3", source: "503".into() }
}

/// The error of a store without the object.
fn missing() -> object_store::Error {
    object_store::Error::NotFound { path: text(), source: "404".into() }
}

type ParquetError = datafusion::parquet::errors::ParquetError;

/// A busy store, as a Parquet writer over it reports it.
fn busy_parquet() -> ParquetError {
    ParquetError::External(Box::new(std::io::Error::other(busy())))
}

fn damaged() -> ParquetError {
    ParquetError::General(text())
}

fn range() -> DateRange {
    let day = "2025-09-22".parse().expect("a day");
    DateRange::new(day, day).expect("a range")
}

/// The reference says what the numbers mean.
#[test]
fn the_reference_lists_every_code() {
    let page = include_str!("../../docs/reference/commands.md");
    let codes = page.split("## Exit codes").nth(1).and_then(|rest| rest.split("## ").next());
    let listed: BTreeSet<u8> = codes
        .expect("the section")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
        .collect();
    let kinds = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Refused,
        Exit::NoFiles,
        Exit::Transient,
        Exit::Interrupted,
    ];
    assert_eq!(listed, kinds.into_iter().map(|exit| exit as u8).collect());
}
