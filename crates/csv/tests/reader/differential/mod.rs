//! The reader against a reference that is slow and obvious, over generated dialects and faults.
//!
//! `BACKFILL_FUZZ_RECORDS` says over how many records, `BACKFILL_FUZZ_SEED` with which seed; a
//! failure prints the seed and the file.

mod files;
mod reference;

use std::collections::BTreeSet;
use std::io::Read;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use backfill_csv::{Dialect, ReadError, Reader, Reason};

use crate::random::Random;
use files::{dialect, file};
use reference::Reference;

/// How many records are compared if the environment does not say.
const RECORDS: u64 = 300_000;

/// A row: its id, its line, its values.
type Row = (i64, i64, Vec<Option<String>>);

/// What a file gives.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    rows: Vec<Row>,
    rejects: Vec<Rejected>,
    blank_lines: u64,
    bare_quotes: u64,
    records_with_nul: u64,
    repeated_headers: u64,
    empty_rows: u64,
    skipped_lines: u64,
    comment_lines: u64,
    skipped_records: u64,
}

#[derive(Debug, PartialEq)]
struct Rejected {
    row_id: i64,
    line: i64,
    offset: i64,
    reason: Reason,
    found_fields: i64,
    raw: Vec<u8>,
}

#[test]
fn generated_files_read_as_the_reference_reads_them() {
    let wanted = setting("BACKFILL_FUZZ_RECORDS").unwrap_or(RECORDS);
    let first = setting("BACKFILL_FUZZ_SEED").unwrap_or(0);
    let mut seen = Seen::default();
    for seed in first.. {
        let mut random = Random(seed);
        let dialect = dialect(&mut random);
        let file = file(&mut random, &dialect);
        let expected = Reference::new(&file, &dialect).read();
        let found = match read(&file, &dialect, &mut random) {
            // In few files, broken bytes look like UTF-16: see `Seen::check`.
            Err(ReadError::OtherEncoding { .. }) => {
                seen.glued += 1;
                continue;
            }
            found => found.expect("bytes do not fail"),
        };
        let text = String::from_utf8_lossy(&file);
        assert_eq!(found, expected, "seed {seed}, {dialect:?}\n{text}");
        match expected {
            Some(outcome) => {
                seen.add(&outcome);
                seen.uncertain += u64::from(!finds_delimiter(&file, &dialect));
            }
            None => seen.refused += 1,
        }
        if seen.records as u64 >= wanted {
            seen.check();
            return;
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// What the generated files held, so that a test of nothing does not pass.
#[derive(Debug, Default)]
struct Seen {
    /// Files that were read.
    files: u64,
    /// Files whose header refuses them.
    refused: u64,
    /// Files that look put together of two encodings.
    glued: u64,
    /// Files whose delimiter is not found.
    uncertain: u64,
    records: usize,
    reasons: BTreeSet<Reason>,
    skipped_lines: u64,
    comment_lines: u64,
    skipped_records: u64,
    nulls: usize,
}

impl Seen {
    fn add(&mut self, outcome: &Outcome) {
        self.files += 1;
        self.skipped_lines += outcome.skipped_lines;
        self.comment_lines += outcome.comment_lines;
        self.skipped_records += outcome.skipped_records;
        let values = outcome.rows.iter().flat_map(|row| &row.2);
        self.nulls += values.filter(|value| value.is_none()).count();
        self.records += outcome.rows.len() + outcome.rejects.len();
        self.reasons.extend(outcome.rejects.iter().map(|reject| reject.reason));
    }

    /// Checks that there was enough of everything, and that few files were left out.
    fn check(&self) {
        // All but those that take a file of many megabytes.
        assert_eq!(self.reasons.len(), 11, "{self:?}");
        assert!(self.skipped_lines > 100 && self.comment_lines > 100, "{self:?}");
        assert!(self.skipped_records > 100 && self.nulls > 100, "{self:?}");
        assert!(self.uncertain < self.files / 10, "{self:?}");
        assert!(self.refused < (self.files + self.refused + self.glued) / 2, "{self:?}");
        assert!(self.glued <= self.files / 1000, "{self:?}");
    }
}

/// Whether the delimiter is found if none is given. It is the only one that occurs in the header.
fn finds_delimiter(file: &[u8], dialect: &Dialect) -> bool {
    let given = open(file, dialect).expect("a header");
    let undecided = Dialect { delimiter: None, ..dialect.clone() };
    let Ok(found) = open(file, &undecided) else { return false };
    if given.summary().header.len() > 1 {
        assert_eq!(found.summary(), given.summary());
    }
    true
}

fn open(file: &[u8], dialect: &Dialect) -> Result<Reader, ReadError> {
    Reader::new(Box::new(std::io::Cursor::new(file.to_vec())), "b/f", dialect)
}

/// Reads in pieces of a random size.
fn read(file: &[u8], dialect: &Dialect, random: &mut Random) -> Result<Option<Outcome>, ReadError> {
    let pieces = Pieces { bytes: file.to_vec(), at: 0, most: 1 << random.below(12) };
    let Ok(mut reader) = Reader::new(Box::new(pieces), "b/f.csv", dialect) else { return Ok(None) };
    let mut outcome = Outcome::default();
    while let Some(batch) = reader.next_batch()? {
        if let Some(rows) = batch.rows {
            outcome.rows.extend(rows_of(&rows));
        }
        outcome.rejects.extend(batch.rejects.into_iter().map(|reject| Rejected {
            row_id: reject.row_id,
            line: reject.line,
            offset: reject.offset,
            reason: reject.reason,
            found_fields: reject.found_fields,
            raw: reject.raw,
        }));
    }
    let summary = reader.summary();
    outcome.blank_lines = summary.blank_lines;
    outcome.bare_quotes = summary.bare_quotes;
    outcome.records_with_nul = summary.records_with_nul;
    outcome.repeated_headers = summary.repeated_headers;
    outcome.empty_rows = summary.empty_rows;
    outcome.skipped_lines = summary.skipped_lines;
    outcome.comment_lines = summary.comment_lines;
    outcome.skipped_records = summary.skipped_records;
    Ok(Some(outcome))
}

/// The rows of a batch.
fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let width = batch.num_columns() - 3;
    let ids = batch.column(width + 1).as_primitive::<Int64Type>().values();
    let lines = batch.column(width + 2).as_primitive::<Int64Type>().values();
    let columns: Vec<_> = (0..width).map(|c| batch.column(c).as_string::<i32>()).collect();
    let mut rows = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let values =
            columns.iter().map(|column| column.is_valid(row).then(|| column.value(row).to_owned()));
        rows.push((ids[row], lines[row], values.collect()));
    }
    rows
}

struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    most: usize,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.most.min(into.len()).min(self.bytes.len() - self.at);
        into[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
