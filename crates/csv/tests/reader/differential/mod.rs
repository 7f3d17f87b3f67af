//! The reader against a reference that is slow and obvious, over generated dialects and faults.
//!
//! `BACKFILL_FUZZ_RECORDS` says over how many records, `BACKFILL_FUZZ_SEED` with which seed; a
//! failure prints the seed and the file.

mod files;
mod reference;

use std::collections::BTreeSet;
use std::io::Read;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use backfill_csv::{Dialect, ReadError, Reader, Reason};

use crate::random::Random;
use files::{dialect, file};
use reference::Reference;

/// Records that are compared where the environment says nothing.
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
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let wanted = setting("BACKFILL_FUZZ_RECORDS").unwrap_or(RECORDS);
    let first = setting("BACKFILL_FUZZ_SEED").unwrap_or(0);
    let (mut records, mut refused, mut files) = (0, 0, 0);
    let (mut uncertain, mut glued) = (0, 0);
    let mut reasons = BTreeSet::new();
    let (mut above, mut comments, mut skipped, mut nulls) = (0, 0, 0, 0);
    for seed in first.. {
        let mut random = Random(seed);
        let dialect = dialect(&mut random);
        let file = file(&mut random, &dialect);
        let expected = Reference::new(&file, &dialect).read();
        let found = match read(&file, &dialect, &mut random) {
            // Broken bytes may stand as those of UTF-16 do, in few files: see below.
            Err(ReadError::OtherEncoding { .. }) => {
                glued += 1;
                continue;
            }
            found => found.expect("bytes do not fail"),
        };
        let text = String::from_utf8_lossy(&file);
        assert_eq!(found, expected, "seed {seed}, {dialect:?}\n{text}");
        match expected {
            Some(outcome) => {
                files += 1;
                uncertain += u64::from(!finds_delimiter(&file, &dialect));
                above += outcome.skipped_lines;
                comments += outcome.comment_lines;
                skipped += outcome.skipped_records;
                let values = outcome.rows.iter().flat_map(|row| &row.2);
                nulls += values.filter(|value| value.is_none()).count();
                records += outcome.rows.len() + outcome.rejects.len();
                reasons.extend(outcome.rejects.iter().map(|reject| reject.reason));
            }
            None => refused += 1,
        }
        if records as u64 >= wanted {
            // All but those that take a file of many megabytes.
            assert_eq!(reasons.len(), 11, "{reasons:?}");
            assert!(above > 100 && comments > 100 && skipped > 100 && nulls > 100);
            assert!(uncertain < files / 10, "{uncertain} of {files} delimiters");
            assert!(refused < (seed - first) / 2, "{refused} files were refused");
            assert!(glued <= files / 1000, "{glued} of {files} files are in two encodings");
            return;
        }
    }
}

/// Whether the delimiter is found where none is given; it is the only one that stands in a header.
fn finds_delimiter(file: &[u8], dialect: &Dialect) -> bool {
    let open = |dialect| Reader::new(Box::new(std::io::Cursor::new(file.to_vec())), "b/f", dialect);
    let given = open(dialect).expect("a header");
    let Ok(found) = open(&Dialect { delimiter: None, ..dialect.clone() }) else { return false };
    if given.summary().header.len() > 1 {
        assert_eq!(found.summary(), given.summary());
    }
    true
}

/// Reads in pieces of a random size.
fn read(file: &[u8], dialect: &Dialect, random: &mut Random) -> Result<Option<Outcome>, ReadError> {
    let pieces = Pieces { bytes: file.to_vec(), at: 0, most: 1 << random.below(12) };
    let Ok(mut reader) = Reader::new(Box::new(pieces), "b/f.csv", dialect) else { return Ok(None) };
    let mut outcome = Outcome::default();
    while let Some(batch) = reader.next_batch()? {
        if let Some(rows) = batch.rows {
            let width = rows.num_columns() - 3;
            let number = |c: usize| rows.column(width + c).as_primitive::<Int64Type>().values();
            let (ids, lines) = (number(1), number(2));
            let columns: Vec<_> = (0..width).map(|c| rows.column(c).as_string::<i32>()).collect();
            for row in 0..rows.num_rows() {
                let values = columns
                    .iter()
                    .map(|column| column.is_valid(row).then(|| column.value(row).to_owned()));
                outcome.rows.push((ids[row], lines[row], values.collect()));
            }
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
