//! The reader against a slow and obvious reference, over generated files.

use std::collections::BTreeSet;
use std::io::Read;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use backfill_csv::{Dialect, ReadError, Reader, Reason};
use proptest::prelude::*;

/// Row id, line and values of accepted rows; row id, line and raw bytes of rejects.
type Outcome = (Vec<(i64, i64, Vec<String>)>, Vec<(i64, i64, Reason, Vec<u8>)>);

/// Gives its bytes out in two pieces.
struct Split {
    pieces: Vec<Vec<u8>>,
}

impl Read for Split {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some(piece) = self.pieces.last_mut() else { return Ok(0) };
        let count = piece.len().min(into.len());
        into[..count].copy_from_slice(&piece[..count]);
        piece.drain(..count);
        if piece.is_empty() {
            self.pieces.pop();
        }
        Ok(count)
    }
}

fn read(bytes: &[u8], cut: usize) -> Option<Outcome> {
    let (first, second) = bytes.split_at(cut);
    let mut pieces = vec![second.to_vec(), first.to_vec()];
    pieces.retain(|piece| !piece.is_empty());
    let mut reader =
        Reader::new(Box::new(Split { pieces }), "b/f.csv", &Dialect::default()).ok()?;
    let mut outcome: Outcome = (Vec::new(), Vec::new());
    loop {
        let batch = match reader.next_batch() {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(
                ReadError::OtherHeader { .. }
                | ReadError::OtherEncoding { .. }
                | ReadError::Page { .. },
            ) => return None,
            Err(error) => panic!("bytes do not fail: {error}"),
        };
        if let Some(rows) = batch.rows {
            outcome.0.extend((0..rows.num_rows()).map(|row| row_of(&rows, row)));
        }
        let rejects = batch.rejects.into_iter();
        outcome.1.extend(rejects.map(|r| (r.row_id, r.line, r.reason, r.raw)));
    }
    let summary = reader.summary();
    assert_eq!(summary.records, summary.accepted + summary.rejected);
    assert_eq!(summary.accepted, outcome.0.len() as u64);
    Some(outcome)
}

/// Id, line and values of a row of a batch.
fn row_of(rows: &RecordBatch, row: usize) -> (i64, i64, Vec<String>) {
    let width = rows.num_columns() - 3;
    let id = rows.column(width + 1).as_primitive::<Int64Type>().value(row);
    let line = rows.column(width + 2).as_primitive::<Int64Type>().value(row);
    let columns = rows.columns().iter().take(width);
    let values = columns.map(|column| column.as_string::<i32>().value(row).to_owned());
    (id, line, values.collect())
}

/// The reference: files without line endings inside quotes, one line at a time, one character at a
/// time.
fn reference(text: &str) -> Option<Outcome> {
    let mut outcome: Outcome = (Vec::new(), Vec::new());
    let mut header: Option<Vec<String>> = None;
    let mut row_id = 0;
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let fields = split(line);
        let Some(names) = &header else {
            header = Some(fields?);
            continue;
        };
        let reason = match &fields {
            None => Some(Reason::TextAfterQuote),
            Some(_) if lost_delimiter(line) => Some(Reason::LostDelimiter),
            Some(fields) if fields.len() < names.len() => Some(Reason::TooFewFields),
            Some(fields) if fields.len() > names.len() => Some(Reason::TooManyFields),
            Some(fields) if fields == names => Some(Reason::RepeatedHeader),
            Some(_) => None,
        };
        let is_other = fields.as_ref().is_some_and(|fields| is_other_header(fields, names));
        if reason.is_none() && is_other {
            return None;
        }
        let line_number = index as i64 + 1;
        match (reason, fields) {
            (None, Some(fields)) => outcome.0.push((row_id, line_number, fields)),
            (reason, _) => {
                let reason = reason.unwrap_or(Reason::TextAfterQuote);
                outcome.1.push((row_id, line_number, reason, line.as_bytes().to_vec()));
            }
        }
        row_id += 1;
    }
    Some(outcome)
}

/// Whether two unquoted fields of a line, whose quotes are closed, hold an odd number of quotes each.
fn lost_delimiter(line: &str) -> bool {
    let (mut odd, mut rest) = (0, line);
    loop {
        let is_quoted = rest.starts_with('"');
        let mut inside = false;
        let end = rest.find(|c| {
            inside ^= is_quoted && c == '"';
            c == ',' && !inside
        });
        let field = &rest[..end.unwrap_or(rest.len())];
        odd += usize::from(!is_quoted && field.matches('"').count() % 2 == 1);
        match end {
            Some(end) => rest = &rest[end + 1..],
            None => return odd > 1,
        }
    }
}

/// The fields of a line whose quotes are closed; `None` for text after a closing quote.
fn split(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut characters = line.chars().peekable();
    loop {
        let mut field = String::new();
        if characters.peek() == Some(&'"') {
            characters.next();
            loop {
                match characters.next()? {
                    '"' if characters.peek() == Some(&'"') => {
                        characters.next();
                        field.push('"');
                    }
                    '"' => break,
                    other => field.push(other),
                }
            }
            if characters.peek().is_some_and(|next| *next != ',') {
                return None;
            }
        } else {
            while let Some(other) = characters.next_if(|next| *next != ',') {
                field.push(other);
            }
        }
        fields.push(field);
        if characters.next().is_none() {
            return Some(fields);
        }
    }
}

/// A field as a vendor may write it, quotes always closed on the line.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9 ]{0,6}",
        2 => "\"[a-z, ]{0,5}(\"\")?[a-z]{0,3}\"",
        1 => "[a-z]{1,3}\"[a-z]{0,2}",
        1 => "\"[a-z]{0,3}\"[a-z]{1,2}",
        1 => "é[a-zß]{0,3}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => prop::collection::vec(field(), 3..=3),
        2 => prop::collection::vec(field(), 1..=5),
        1 => Just(vec!["x".to_owned(), "y".to_owned(), "z".to_owned()]),
        1 => Just(vec![String::new()]),
    ]
    .prop_map(|fields| fields.join(","))
}

fn file() -> impl Strategy<Value = String> {
    (prop::collection::vec(line(), 0..14), any::<bool>(), any::<bool>()).prop_map(
        |(lines, carriage, ends)| {
            let end = if carriage { "\r\n" } else { "\n" };
            let mut text = format!("x,y,z{end}{}", lines.join(end));
            if ends {
                text.push_str(end);
            }
            text
        },
    )
}

/// Whether fields are nearly those of the header, in another order or with others among them.
fn is_other_header(fields: &[String], names: &[String]) -> bool {
    let found: Vec<String> = fields.iter().map(|field| folded(field)).collect();
    let names: Vec<String> = names.iter().map(|name| folded(name)).collect();
    let known: BTreeSet<&String> = found.iter().filter(|field| names.contains(field)).collect();
    let distinct: BTreeSet<&String> = fields.iter().collect();
    let may_be_names = found.iter().all(|field| !field.is_empty() && !is_number(field));
    fields.len() == names.len()
        && names.len() > 1
        && found != names
        && found.first().is_some_and(|field| names.contains(field))
        && known.len() >= 2
        && known.len() * 2 > fields.len()
        && distinct.len() == fields.len()
        && may_be_names
}

/// A field without what does not distinguish it from another name: blanks around it, and case.
fn folded(field: &str) -> String {
    field.trim().to_lowercase()
}

fn is_number(field: &str) -> bool {
    field.bytes().any(|byte| byte.is_ascii_digit()) && field.parse::<f64>().is_ok()
}

/// Anything at all, made of the characters that matter.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        Just(b','),
        Just(b'"'),
        Just(b'\n'),
        Just(b'\r'),
        Just(b'a'),
        Just(b'1'),
        Just(0),
        Just(0xe9),
        Just(b'\\'),
    ];
    prop::collection::vec(byte, 0..200).prop_map(|tail| [b"x,y\n".to_vec(), tail].concat())
}

/// The committed files hold every fault; each is cut at every byte.
#[test]
fn a_file_cut_at_every_byte_reads_the_same() {
    let mut files = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/edge"))
        .expect("a folder")
    {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        let whole = read(&bytes, 0);
        for cut in 1..bytes.len() {
            assert_eq!(read(&bytes, cut), whole, "cut at {cut}");
        }
        files += 1;
    }
    assert!(files > 20, "{files}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_with_closed_quotes_read_as_the_reference_reads_them(text in file()) {
        prop_assert_eq!(read(text.as_bytes(), 0), reference(&text));
    }

    #[test]
    fn a_file_cut_anywhere_reads_the_same(bytes in soup(), cut in 0.0..1.0_f64) {
        let cut = (bytes.len() as f64 * cut) as usize;
        prop_assert_eq!(read(&bytes, cut), read(&bytes, 0));
    }

    #[test]
    fn every_record_is_accepted_or_rejected_whatever_the_bytes(bytes in soup()) {
        let Some(outcome) = read(&bytes, 0) else { return Ok(()) };
        let mut ids: Vec<i64> = outcome.0.iter().map(|row| row.0).collect();
        ids.extend(outcome.1.iter().map(|reject| reject.0));
        ids.sort_unstable();
        prop_assert_eq!(ids.clone(), (0..ids.len() as i64).collect::<Vec<_>>());
    }
}
