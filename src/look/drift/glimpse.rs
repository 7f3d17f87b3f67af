//! A **glimpse** is what is known of a source file by its first bytes: its format, and what its first values look
//! like.

use std::collections::{BTreeMap, HashSet};
use std::io::{Cursor, Read};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use object_store::GetOptions;
use serde::Serialize;

use super::records::Records;
use crate::domain::{Dataset, FileDate, digest};
use crate::mirror;
use crate::source::SourceFile;
use crate::store::Store;
use crate::values::{day, shape};
use backfill_csv::{Around, Compression, Dialect, ReadError, Reader, Reason, Summary, decompress};

/// How many bytes of a file are read at first; more are read if its header is longer.
const FIRST_BYTES: u64 = 64 << 10;
/// How many bytes are read at most in search of the end of a header.
const MOST_BYTES: u64 = 16 << 20;
/// How many times as many bytes are read if the header did not end.
const MORE: u64 = 16;
/// How many rows are looked at.
const ROWS: usize = 512;
/// From this many undecodable records on, the file is taken to be in another encoding; fewer are treated as
/// bad records.
const ENCODING_RECORDS: usize = 2;

/// What is known of a source file by its first bytes.
#[derive(Clone, Debug)]
pub struct Glimpse {
    /// The file.
    pub file: SourceFile,
    /// How it is written.
    pub format: Arc<Format>,
    /// The names by which SQL knows the columns.
    pub names: Arc<[String]>,
    /// What the first values of each column look like, in the order of the header.
    pub looks: Vec<Look>,
    /// The records that were looked at.
    pub records: Records,
    /// The digest of the first bytes.
    pub digest: String,
    /// Whether the first bytes are all bytes of the file.
    pub is_whole: bool,
}

impl Glimpse {
    /// Returns the names of the columns in messages, as the file writes them. A column without a name, or with the
    /// name of another column, has its name in SQL: `column_3`, `name_2`.
    pub fn labels(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut labels = Vec::new();
        for (written, name) in self.format.header.iter().zip(self.names.iter()) {
            let is_plain = !written.trim().is_empty() && seen.insert(written);
            labels.push(if is_plain { written.clone() } else { name.clone() });
        }
        labels
    }

    /// Takes over the format and the names of another file if they are the same.
    pub fn share_format(&mut self, other: &Self) {
        if self.format == other.format && self.names == other.names {
            self.format = Arc::clone(&other.format);
            self.names = Arc::clone(&other.names);
        }
    }
}

/// How a file is written: its header and its dialect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Format {
    /// The columns as the file names them, in its order.
    pub header: Vec<String>,
    /// The character between fields.
    pub delimiter: String,
    /// The quote around fields, empty if there is none: the dataset's, unless another one is around all values of a
    /// column or all names.
    pub quote: String,
    /// How lines end: `crlf`, `lf` or `cr`.
    pub line_end: String,
    /// The encoding; `not utf-8` if nothing else is certain.
    pub encoding: String,
    /// Whether the file starts with a byte order mark.
    pub byte_order_mark: bool,
    /// How the file is compressed.
    pub compression: String,
}

/// What the first values of a column look like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// The shapes of values that are not empty, with their shares of these.
    pub shapes: BTreeMap<String, f64>,
    /// The median of the days from the file date to the dates in the column, if nearly all of its values are dates.
    pub days_off: Option<i64>,
}

/// Reads the start of a file.
///
/// # Errors
/// [`mirror::Error::Read`] if the store cannot be read, or the file's header cannot be used.
pub async fn glimpse(
    store: &Store,
    dataset: &Dataset,
    file: &SourceFile,
) -> Result<Glimpse, mirror::Error> {
    glimpse_around(store, dataset, file).await.0
}

/// Reads the start of a file, as [`glimpse`] does. Returns also what stands around its table, even if the file cannot
/// be read.
pub async fn glimpse_around(
    store: &Store,
    dataset: &Dataset,
    file: &SourceFile,
) -> (Result<Glimpse, mirror::Error>, Option<Around>) {
    let mut around = None;
    let mut length = FIRST_BYTES;
    loop {
        let seen = match read_start(store, dataset, file, length).await {
            Ok(seen) => seen,
            Err(error) => return (Err(error), around),
        };
        around = seen.around;
        // A header that goes on beyond what was read looks like a faulty one.
        let may_go_on = !seen.is_whole && length < MOST_BYTES;
        let is_faulty = matches!(&seen.glimpse, Err(ReadError::Header(_)));
        let glimpse = seen.glimpse.map_err(|source| unreadable(file, source));
        match &glimpse {
            Err(error) if is_faulty && may_go_on && !error.is_about_the_format() => length *= MORE,
            _ => return (glimpse, around),
        }
    }
}

/// What is seen in the first bytes of a file.
struct Seen {
    /// The glimpse, or why the header cannot be used.
    glimpse: Result<Glimpse, ReadError>,
    /// What stands around the table.
    around: Option<Around>,
    /// Whether these are all bytes of the file.
    is_whole: bool,
}

/// Reads this many bytes from the start of a file.
async fn read_start(
    store: &Store,
    dataset: &Dataset,
    file: &SourceFile,
    length: u64,
) -> Result<Seen, mirror::Error> {
    let bytes = start_of(store, file, length).await.map_err(|error| match error {
        object_store::Error::PermissionDenied { .. } if store.is_archived(&file.location) => {
            mirror::Error::Archived { file: file.name.clone() }
        }
        error => {
            let source = std::io::Error::other(error);
            unreadable(file, ReadError::Read { offset: 0, source })
        }
    })?;
    let is_whole = bytes.len() as u64 >= file.identity.size;
    let (dialect, owned) = (dataset.dialect.clone(), file.clone());
    tokio::task::spawn_blocking(move || look_at(bytes, is_whole, &dialect, owned))
        .await
        .map_err(|_| mirror::Error::Cancelled { file: file.name.clone() })?
        .map_err(|source| unreadable(file, source))
}

fn unreadable(file: &SourceFile, source: ReadError) -> mirror::Error {
    mirror::Error::Read { file: file.name.clone(), source }
}

async fn start_of(
    store: &Store,
    file: &SourceFile,
    length: u64,
) -> object_store::Result<bytes::Bytes> {
    let options = GetOptions {
        if_match: file.identity.etag.clone(),
        range: Some((0..length.min(file.identity.size)).into()),
        ..GetOptions::default()
    };
    store.objects.get_opts(&file.location, options).await?.bytes().await
}

/// Looks at the first bytes of a file.
///
/// # Errors
/// [`ReadError::Read`] if they cannot be decompressed.
fn look_at(
    bytes: bytes::Bytes,
    is_whole: bool,
    dialect: &Dialect,
    file: SourceFile,
) -> Result<Seen, ReadError> {
    let digest = digest::of([&bytes]);
    let (mut text, compression) =
        decompressed(bytes, is_whole).map_err(|source| ReadError::Read { offset: 0, source })?;
    let is_cut = !is_whole || text.len() as u64 == MOST_BYTES;
    if is_cut {
        // The last line is cut, and with it perhaps a character.
        text.truncate(end_of_lines(&text));
    }
    let around = backfill_csv::around(Box::new(Cursor::new(text.clone())), !is_cut, dialect);
    let start = Start { text, is_cut, is_whole, digest, compression };
    Ok(Seen { glimpse: start.glimpse(dialect, file), around, is_whole })
}

/// Decompresses the first bytes of a file. If these are not all, an error at their end means nothing.
fn decompressed(bytes: bytes::Bytes, is_whole: bool) -> std::io::Result<(Vec<u8>, Compression)> {
    let (mut input, compression) = decompress(Cursor::new(bytes))?;
    let mut text = Vec::new();
    match input.by_ref().take(MOST_BYTES).read_to_end(&mut text) {
        Err(error) if is_whole => Err(error),
        _ => Ok((text, compression)),
    }
}

/// The first bytes of a file, decompressed.
struct Start {
    text: Vec<u8>,
    /// Whether the last line was cut off.
    is_cut: bool,
    is_whole: bool,
    digest: String,
    compression: Compression,
}

impl Start {
    fn glimpse(self, dialect: &Dialect, file: SourceFile) -> Result<Glimpse, ReadError> {
        let Self { text, is_cut, is_whole, digest, compression } = self;
        let mut reader = Reader::new(Box::new(Cursor::new(text)), &file.name, dialect)?;
        let batch = reader.next_batch()?;
        let (rows, rejects) = batch.map(|batch| (batch.rows, batch.rejects)).unwrap_or_default();
        let are_all = !is_cut && reader.next_batch()?.is_none();
        let not_text = rejects.iter().filter(|reject| reject.reason == Reason::Encoding).count();
        let summary = reader.summary().clone();
        let encoding = match summary.encoding.as_str() {
            "utf-8" if not_text >= ENCODING_RECORDS => "not utf-8".to_owned(),
            encoding => encoding.to_owned(),
        };
        let format = Format {
            header: written(&summary),
            delimiter: summary.delimiter.clone(),
            quote: quote(dialect, &summary, rows.as_ref()),
            line_end: summary.line_end.clone(),
            encoding,
            byte_order_mark: summary.byte_order_mark,
            compression: compression.name().to_owned(),
        };
        let count = summary.header.len();
        let mut records = Records::of(rows.as_ref(), &rejects, are_all);
        records.advice.clone_from(&summary.advice);
        let looks = match rows {
            Some(rows) => (0..count).map(|column| look(&rows, column, file.date)).collect(),
            None => vec![Look::default(); count],
        };
        let (format, names) = (Arc::new(format), summary.header.into());
        Ok(Glimpse { file, format, names, looks, records, digest, is_whole })
    }
}

/// Returns where the last complete line ends. In UTF-16 and UTF-32 with the lower byte first, NUL bytes follow the
/// line ending.
fn end_of_lines(text: &[u8]) -> usize {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let behind = if end % 2 == 1 { &text[end..] } else { &[] };
    end + behind.iter().take(3).take_while(|byte| **byte == 0).count()
}

/// Quotes that files may have instead of the dataset's.
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// Returns the quote around the fields of a file.
fn quote(dialect: &Dialect, summary: &Summary, rows: Option<&RecordBatch>) -> String {
    let Some(given) = dialect.quote else { return String::new() };
    let mut others = QUOTES.into_iter().filter(|quote| *quote != given);
    let other = others.find(|quote| {
        is_around(written(summary).iter().map(String::as_str), *quote)
            || rows.is_some_and(|rows| is_around_a_column(rows, summary.header.len(), *quote))
    });
    other.unwrap_or(given).to_string()
}

/// Whether a quote is around all values of one of the first `count` columns.
fn is_around_a_column(rows: &RecordBatch, count: usize, quote: char) -> bool {
    let columns = rows.columns().iter().take(count);
    columns.filter_map(|column| column.as_string_opt::<i32>()).any(|values| {
        let first = values.iter().flatten().take(ROWS);
        is_around(first.filter(|value| !value.is_empty()), quote)
    })
}

/// Whether a quote is around each value, and there are at least two values.
fn is_around<'a>(values: impl Iterator<Item = &'a str>, quote: char) -> bool {
    let mut count = 0;
    for value in values {
        if value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)).is_none() {
            return false;
        }
        count += 1;
    }
    count > 1
}

/// Returns the header as the file writes it.
fn written(summary: &Summary) -> Vec<String> {
    summary.header.iter().map(|name| written_name(summary, name).to_owned()).collect()
}

fn written_name<'a>(summary: &'a Summary, name: &'a str) -> &'a str {
    let renamed = summary.renamed.iter().find(|(_, ours)| ours == name);
    renamed.map_or(name, |(written, _)| written)
}

/// Looks at the first values of a column.
fn look(rows: &RecordBatch, column: usize, date: FileDate) -> Look {
    let Some(texts) = rows.column(column).as_string_opt::<i32>() else { return Look::default() };
    let first = texts.iter().flatten().take(ROWS);
    let values: Vec<&str> = first.filter(|value| !value.trim().is_empty()).collect();
    let mut shapes = BTreeMap::new();
    for value in &values {
        *shapes.entry(shape::of(value)).or_insert(0.0) += 1.0 / values.len() as f64;
    }
    let mut days: Vec<i64> = values
        .iter()
        .filter_map(|value| day::nearest(value, date.0))
        .map(|day| (day - date.0).num_days())
        .collect();
    days.sort_unstable();
    let are_dates = !values.is_empty() && days.len() * 10 >= values.len() * 9;
    let days_off = if are_dates { days.get(days.len() / 2).copied() } else { None };
    Look { shapes, days_off }
}

impl Look {
    /// Returns how much two columns look alike, from 0 to 1: the share of values whose shape both have.
    pub fn likeness(&self, other: &Self) -> f64 {
        if self.shapes.is_empty() && other.shapes.is_empty() {
            return 0.5;
        }
        let pairs =
            self.shapes.iter().filter_map(|(shape, share)| Some((share, other.shapes.get(shape)?)));
        pairs.map(|(share, other_share)| share.min(*other_share)).sum()
    }
}
