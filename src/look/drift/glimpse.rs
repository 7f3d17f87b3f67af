//! A **glimpse** is what the first bytes of a source file tell: its format, and what its first values
//! look like.

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

/// How much of a file is read at first; more where its header does not fit.
const FIRST_BYTES: u64 = 64 << 10;
/// The most that is read in search of the end of a header.
const MOST_BYTES: u64 = 16 << 20;
/// How many rows are looked at.
const ROWS: usize = 512;
/// From this many undecodable records on, the file is taken to be in another encoding; fewer are treated as
/// bad records.
const ENCODING_RECORDS: usize = 2;

/// What the first bytes of a source file tell.
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
    /// What the columns are called in messages: as the file names them. A column without a name, or with one
    /// that another has too, is called as SQL knows it: `column_3`, `name_2`.
    pub fn labels(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let pairs = self.format.header.iter().zip(self.names.iter());
        let label = |(written, name): (&String, &String)| {
            let is_plain = !written.trim().is_empty() && seen.insert(written.clone());
            if is_plain { written.clone() } else { name.clone() }
        };
        pairs.map(label).collect()
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
    /// The quote around fields, empty where there is none: the dataset's, unless another one stands around all
    /// values of a column or all names.
    pub quote: String,
    /// How lines end: `crlf`, `lf` or `cr`.
    pub line_end: String,
    /// The encoding; `not utf-8` where that is all that is certain.
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
    /// The median of the days from the file date to the dates that the column holds, where nearly
    /// all of its values are dates.
    pub days_off: Option<i64>,
}

/// Reads the start of a file. What makes the file unreadable is a finding and no error.
///
/// # Errors
/// [`mirror::Error::Read`] where the store cannot be read, or the file's header cannot serve.
pub async fn glimpse(
    store: &Store,
    dataset: &Dataset,
    file: &SourceFile,
) -> Result<Glimpse, mirror::Error> {
    let mut around = None;
    glimpse_around(store, dataset, file, &mut around).await
}

/// Reads the start of a file, as [`glimpse`] does, and puts what stands around its table into `around`, also where
/// the file cannot be read.
///
/// # Errors
/// As of [`glimpse`].
pub async fn glimpse_around(
    store: &Store,
    dataset: &Dataset,
    file: &SourceFile,
    around: &mut Option<Around>,
) -> Result<Glimpse, mirror::Error> {
    let unreadable = |source| mirror::Error::Read { file: file.name.clone(), source };
    let mut length = FIRST_BYTES;
    loop {
        let bytes = start_of(store, file, length).await.map_err(|error| match error {
            object_store::Error::PermissionDenied { .. } if store.is_archived(&file.location) => {
                mirror::Error::Archived { file: file.name.clone() }
            }
            error => {
                unreadable(ReadError::Read { offset: 0, source: std::io::Error::other(error) })
            }
        })?;
        let is_whole = bytes.len() as u64 >= file.identity.size;
        let (dialect, owned) = (dataset.dialect.clone(), file.clone());
        let read = tokio::task::spawn_blocking(move || look_at(bytes, is_whole, &dialect, owned))
            .await
            .map_err(|_| mirror::Error::Cancelled { file: file.name.clone() })?;
        let (read, found) = read.map_err(unreadable)?;
        *around = found;
        match read {
            // A header that goes on beyond what was read looks like a faulty one.
            Err(error @ ReadError::Header(_)) => {
                let error = unreadable(error);
                if is_whole || length >= MOST_BYTES || error.is_about_the_format() {
                    return Err(error);
                }
                length *= 16;
            }
            read => return read.map_err(unreadable),
        }
    }
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

/// What the first bytes of a file tell, or why its header cannot serve; and what stands around its table.
///
/// # Errors
/// [`ReadError::Read`] where it cannot be decompressed.
fn look_at(
    bytes: bytes::Bytes,
    is_whole: bool,
    dialect: &Dialect,
    file: SourceFile,
) -> Result<(Result<Glimpse, ReadError>, Option<Around>), ReadError> {
    let failed = |source| ReadError::Read { offset: 0, source };
    let digest = digest::of([&bytes]);
    let (mut input, compression) = decompress(Cursor::new(bytes)).map_err(failed)?;
    let mut text = Vec::new();
    match input.by_ref().take(MOST_BYTES).read_to_end(&mut text) {
        Err(error) if is_whole => return Err(failed(error)),
        _ => {}
    }
    let is_cut = !is_whole || text.len() as u64 == MOST_BYTES;
    if is_cut {
        // The last line is cut, and with it perhaps a character.
        text.truncate(end_of_lines(&text));
    }
    let around = backfill_csv::around(Box::new(Cursor::new(text.clone())), !is_cut, dialect);
    let start = Start { text, is_cut, is_whole, digest, compression };
    Ok((start.glimpse(dialect, file), around))
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

/// Where the last line that is whole ends. In UTF-16 and UTF-32 with the lower byte first, a line ending has
/// NUL bytes behind its own.
fn end_of_lines(text: &[u8]) -> usize {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let behind = if end % 2 == 1 { &text[end..] } else { &[] };
    end + behind.iter().take(3).take_while(|byte| **byte == 0).count()
}

/// Quotes that files may have instead of the dataset's.
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// The quote around the fields of a file.
fn quote(dialect: &Dialect, summary: &Summary, rows: Option<&RecordBatch>) -> String {
    let given = dialect.quote.map(String::from).unwrap_or_default();
    let others = QUOTES.iter().filter(|quote| dialect.quote.is_some_and(|own| own != **quote));
    let is_used = |quote: &&char| {
        is_around(written(summary).iter().map(String::as_str), **quote)
            || rows.is_some_and(|rows| {
                let columns = (0..summary.header.len()).map(|column| rows.column(column));
                columns.filter_map(|column| column.as_string_opt::<i32>()).any(|values| {
                    let is_there = |value: &&str| !value.is_empty();
                    is_around(values.iter().flatten().take(ROWS).filter(is_there), **quote)
                })
            })
    };
    others.copied().find(|quote| is_used(&quote)).map_or(given, String::from)
}

/// Whether a quote stands around each of some values, of which there are two at least.
fn is_around<'a>(values: impl Iterator<Item = &'a str>, quote: char) -> bool {
    let is_quoted =
        |value: &str| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)).is_some();
    let mut count = 0;
    let mut counted = values.inspect(|_| count += 1);
    let are_all = counted.all(is_quoted);
    are_all && count > 1
}

/// The header as the file writes it.
fn written(summary: &Summary) -> Vec<String> {
    let written = |name: &String| {
        let renamed = summary.renamed.iter().find(|(_, ours)| ours == name);
        renamed.map_or_else(|| name.clone(), |(written, _)| written.clone())
    };
    summary.header.iter().map(written).collect()
}

fn look(rows: &RecordBatch, column: usize, date: FileDate) -> Look {
    let Some(values) = rows.column(column).as_string_opt::<i32>() else { return Look::default() };
    let is_there = |value: &&str| !value.trim().is_empty();
    let values: Vec<&str> = values.iter().flatten().take(ROWS).filter(is_there).collect();
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
    /// How much two columns look alike, from 0 to 1: the share of values whose shape both have.
    pub fn likeness(&self, other: &Self) -> f64 {
        if self.shapes.is_empty() && other.shapes.is_empty() {
            return 0.5;
        }
        let both = |(shape, share): (&String, &f64)| other.shapes.get(shape).map(|b| share.min(*b));
        self.shapes.iter().filter_map(both).sum()
    }
}
