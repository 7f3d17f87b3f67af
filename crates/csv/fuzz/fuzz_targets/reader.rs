//! Any bytes, in any dialect: the reader neither panics nor hangs, accounts for every record, and
//! reads the same whole as in pieces.

#![no_main]

use std::io::Read;

use backfill_csv::{
    BareQuotes, Batch, BlanksAfterDelimiter, Dialect, Encoding, Encodings, Nul, ReadError, Reader,
    RepeatedHeader, Summary, UnusableNames,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((settings, file)) = input.split_at_checked(4) else { return };
    let dialect = with_lines(dialect(settings[0], settings[1]), settings[3]);
    if dialect.validate().is_err() {
        return;
    }
    let whole = read(file, usize::MAX, &dialect);
    let pieces = read(file, 1 + usize::from(settings[2]), &dialect);
    assert_eq!(whole, pieces);
    let Some((summary, rows, rejects)) = whole else { return };
    assert_eq!(summary.accepted, rows);
    assert_eq!(summary.rejected, rejects.len() as u64);
    assert_eq!(summary.records, summary.accepted + summary.rejected);
    assert!(rejects.is_sorted());
});

/// A dialect for every value of two bytes.
fn dialect(first: u8, second: u8) -> Dialect {
    Dialect {
        delimiter: [None, Some(','), Some(';'), Some('\t')][two_bits(first, 0)],
        quote: [Some('"'), Some('\''), None, Some('|')][two_bits(first, 2)],
        escape: [None, None, Some('\\'), Some('"')][two_bits(first, 4)],
        encoding: encodings(two_bits(first, 6), second >> 4),
        bare_quotes: [BareQuotes::Accept, BareQuotes::Reject][usize::from(second & 1)],
        nul: [Nul::Drop, Nul::Reject][usize::from(second >> 1 & 1)],
        unusable_names: [UnusableNames::Refuse, UnusableNames::Suffix]
            [usize::from(second >> 2 & 1)],
        blanks_after_delimiter: [BlanksAfterDelimiter::Keep, BlanksAfterDelimiter::Skip]
            [usize::from(second >> 4 & 1)],
        repeated_header: [
            RepeatedHeader::Reject,
            RepeatedHeader::Accept,
            RepeatedHeader::Skip,
            RepeatedHeader::Reject,
        ][two_bits(second, 5)],
        names: (second & 8 > 0).then(|| vec!["a".to_owned(), "b".to_owned()]),
        ..Dialect::default()
    }
}

/// The dialect with settings for lines around the table, for every value of a byte.
fn with_lines(dialect: Dialect, byte: u8) -> Dialect {
    let has_header = dialect.names.is_none();
    let has_names = has_bit(byte, 3) && !has_bit(byte, 4) && has_header;
    let has_pattern = has_bit(byte, 4) && has_header;
    Dialect {
        skip_lines: u64::from(byte & 3),
        comment: has_bit(byte, 2).then(|| "#".to_owned()),
        header_names: Vec::from_iter(has_names.then(|| "a".to_owned())),
        header_pattern: has_pattern.then(|| "^x*(a)".to_owned()),
        skip_records: Vec::from_iter(has_bit(byte, 5).then(|| "^t".to_owned())),
        null_values: Vec::from_iter(has_bit(byte, 6).then(String::new)),
        ..dialect
    }
}

/// The number, up to 3, in two bits of a byte.
fn two_bits(byte: u8, from: u8) -> usize {
    usize::from(byte >> from & 3)
}

fn has_bit(byte: u8, bit: u8) -> bool {
    byte >> bit & 1 > 0
}

/// One encoding, or two of them.
fn encodings(first: usize, second: u8) -> Encodings {
    let names = [
        Encoding::Utf8,
        Encoding::Windows1252,
        Encoding::Utf16Le,
        Encoding::Latin1,
        Encoding::Utf16Be,
        Encoding::Utf32Le,
        Encoding::Utf32Be,
    ];
    let list = [Some(names[first]), names.get(usize::from(second & 7)).copied()];
    Encodings::new(list.into_iter().flatten().collect())
}

/// What is read, the bytes coming in pieces: the summary, the rows and the lines of the rejects.
fn read(file: &[u8], most: usize, dialect: &Dialect) -> Option<(Summary, u64, Vec<i64>)> {
    let pieces = Pieces { bytes: file.to_vec(), at: 0, most };
    let mut reader = Reader::new(Box::new(pieces), "b/f.csv", dialect).ok()?;
    let (mut rows, mut lines) = (0, Vec::new());
    while let Some(batch) = next(&mut reader)? {
        rows += batch.rows.map_or(0, |rows| rows.num_rows() as u64);
        lines.extend(batch.rejects.iter().map(|reject| reject.line));
    }
    Some((reader.summary().clone(), rows, lines))
}

/// The next batch; `None` if the file is refused.
fn next(reader: &mut Reader) -> Option<Option<Batch>> {
    match reader.next_batch() {
        Ok(batch) => Some(batch),
        Err(
            ReadError::OtherHeader { .. }
            | ReadError::OtherEncoding { .. }
            | ReadError::Page { .. },
        ) => None,
        Err(error) => panic!("bytes do not fail: {error}"),
    }
}

/// Returns at most `most` bytes per read.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    most: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(self.most).min(self.bytes.len() - self.at);
        buffer[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
