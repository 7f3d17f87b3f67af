//! A **sample** is the first records of a few files, spread over those to load. It shows how many rows a file of some
//! size has, and what the values are like.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backfill_csv::{Compression, Dialect, Reader, decompress};
use datafusion::arrow::array::RecordBatch;
use futures::stream::{self, StreamExt};
use object_store::GetOptions;

use super::origin::{Number, Origin};
use crate::domain::saturating;
use crate::domain::{Dataset, FileDate};
use crate::source::SourceFile;
use crate::state::{FileState, USUAL_ROW_BYTES};
use crate::store::Store;

/// How many files are sampled: rows may differ from day to day.
const FILES: usize = 24;
/// How many files are sampled if they are small.
const SMALL_FILES: usize = 40;
/// Files with fewer bytes than this on average are small.
const SMALL: u64 = 64 << 10;
/// How many files are read at once.
const AT_ONCE: usize = 8;
/// How many bytes of all files are read. Compressed bytes give several times as much.
const BYTES: u64 = 3 << 20;
/// How many bytes of one file are read at most.
const MOST_BYTES: u64 = 512 << 10;
/// The fewest rows that are weighed if there are that many, whatever each file's share is.
const FEWEST_ROWS: f64 = 500.0;
/// How many bytes of one file are decompressed at most.
const MOST_UNPACKED: u64 = 4 << 20;
/// How many sampled files stand for one that was not sampled.
const NEAREST: usize = 3;

/// The first records of a few files.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// The files that could be read, by file date.
    pub files: Vec<SampledFile>,
    /// How many files could not be read.
    pub unreadable: usize,
}

/// The first records of one file.
#[derive(Debug)]
pub(super) struct SampledFile {
    /// The key.
    key: String,
    /// Whether it was read as a whole.
    is_whole: bool,
    /// Bytes of the file.
    size: f64,
    /// The file date.
    pub date: FileDate,
    /// The extension of its name.
    ending: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// How many rows were read.
    read_rows: f64,
    /// The rows that are kept to be weighed.
    pub rows: Vec<RecordBatch>,
    /// Bytes of the header, decompressed.
    header: f64,
    /// How many records were read.
    records: f64,
    /// Bytes of these records, decompressed.
    record_bytes: f64,
    /// Decompressed bytes for each byte of the file.
    unpacked: f64,
    /// The share of records that became rows.
    accepted: f64,
}

impl Sample {
    /// Reads the start of some of the files. Those that cannot be read are counted.
    pub(super) async fn of(store: &Store, dataset: &Dataset, files: &[&SourceFile]) -> Self {
        let chosen = spread(files);
        let most = (BYTES / (chosen.len() as u64).max(1)).min(MOST_BYTES);
        let read: Vec<Option<SampledFile>> = stream::iter(&chosen)
            .map(|file| sampled(store, dataset, file, most))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let files: Vec<SampledFile> = read.into_iter().flatten().collect();
        Self { unreadable: chosen.len() - files.len(), files }
    }

    /// Keeps rows of each sampled file in proportion to the rows of the files that it stands for, so that the kept
    /// rows are like those of all `files`.
    pub(super) fn balance(&mut self, files: &[&FileState]) {
        let mut stands_for = vec![0.0; self.files.len()];
        for file in files {
            let Some(nearest) = self.like(file).first().map(|nearest| nearest.key.clone()) else {
                continue;
            };
            let place = self.files.iter().position(|sampled| sampled.key == nearest);
            stands_for[place.unwrap_or(0)] += self.rows_of(file) as f64;
        }
        let all: f64 = stands_for.iter().sum();
        let shares = self.files.iter().zip(&stands_for).filter(|(_, rows)| **rows > 0.0);
        let scarcest = shares.map(|(file, rows)| file.row_count() / rows).fold(1.0, f64::min);
        let share = scarcest.max(FEWEST_ROWS / all.max(1.0));
        for (file, rows) in self.files.iter_mut().zip(stands_for) {
            file.keep(saturating::index(saturating::nearest((rows * share).ceil())));
        }
    }

    /// Returns about how many rows a file has. If it was read as a whole, these are counted. Otherwise its size and
    /// its first records show it, or those of the sampled files that are most like it.
    pub(super) fn rows_of(&self, file: &FileState) -> u64 {
        match self.like(file).as_slice() {
            [own, ..] if own.key == file.key && own.is_whole => saturating::nearest(own.read_rows),
            [own, ..] if own.key == file.key => rows_by_size(file.size() as f64, &[own]),
            like => rows_by_size(file.size() as f64, like),
        }
    }

    /// Returns the sampled files that are most like a file: itself first, then those with the same extension that
    /// are nearest in time.
    fn like(&self, file: &FileState) -> Vec<&SampledFile> {
        let ending = ending(&file.key);
        let mut like: Vec<&SampledFile> = self
            .files
            .iter()
            .filter(|sampled| sampled.records > 0.0 || sampled.is_whole && sampled.key == file.key)
            .collect();
        like.sort_by_key(|sampled| {
            let days = (sampled.date.0 - file.date.0).num_days().abs();
            (sampled.key != file.key, sampled.ending != ending, days)
        });
        let is_same = like.first().is_some_and(|nearest| nearest.ending == ending);
        like.truncate(NEAREST);
        like.retain(|sampled| !is_same || sampled.ending == ending);
        like
    }

    /// Says where the number of rows comes from.
    pub(super) fn source(&self) -> Origin {
        let (files, unreadable) = (self.files.len() as u64, self.unreadable as u64);
        if files == 0 {
            return match unreadable {
                0 => Origin::text("there is no file to load"),
                _ => Origin::text(format!(
                    "no file could be read: {USUAL_ROW_BYTES} bytes per row are assumed"
                )),
            };
        }
        let rows: f64 = self.files.iter().map(|file| file.read_rows).sum();
        let numbers = [Number::Count(saturating::nearest(rows)), Number::Count(files)];
        let sampled = Origin::of("sampled from # row(s) of # file(s)", &numbers);
        match unreadable {
            0 => sampled,
            more => sampled.and(&Origin::of("# more could not be read", &[Number::Count(more)])),
        }
    }

    /// Returns how many rows there are to weigh.
    pub(super) fn rows(&self) -> usize {
        self.files.iter().flat_map(|file| &file.rows).map(RecordBatch::num_rows).sum()
    }
}

impl SampledFile {
    fn row_count(&self) -> f64 {
        self.rows.iter().map(|batch| batch.num_rows() as f64).sum()
    }

    /// Keeps the first rows.
    fn keep(&mut self, most: usize) {
        let mut left = most;
        for batch in &mut self.rows {
            let kept = left.min(batch.num_rows());
            *batch = batch.slice(0, kept);
            left -= kept;
        }
        self.rows.retain(|batch| batch.num_rows() > 0);
    }
}

/// Returns how many rows a file of `size` bytes has if it is like these sampled files, the most similar first.
fn rows_by_size(size: f64, like: &[&SampledFile]) -> u64 {
    let Some(nearest) = like.first() else { return saturating::nearest(size / USUAL_ROW_BYTES) };
    if like.iter().all(|file| file.is_whole) {
        let rows = sum(like, |file| file.read_rows);
        return saturating::nearest(size * rows / sum(like, |file| file.size));
    }
    let bytes_per_record = sum(like, |file| file.record_bytes) / sum(like, |file| file.records);
    let count = like.len() as f64;
    let unpacked = sum(like, |file| file.unpacked) / count;
    let accepted = sum(like, |file| file.accepted) / count;
    let records = (size * unpacked - nearest.header).max(0.0) / bytes_per_record;
    saturating::nearest(records * accepted)
}

fn sum(files: &[&SampledFile], part: fn(&SampledFile) -> f64) -> f64 {
    files.iter().map(|file| part(file)).sum()
}

/// Chooses some of the files that have bytes. The bytes of all files are divided into equal steps, and the file at one
/// place in each step is chosen. The place shifts from step to step, so that the same weekday is not chosen every time.
fn spread<'a>(files: &[&'a SourceFile]) -> Vec<&'a SourceFile> {
    let files: Vec<&SourceFile> =
        files.iter().copied().filter(|file| file.identity.size > 0).collect();
    let bytes: u64 = files.iter().map(|file| file.identity.size).sum();
    let is_small = bytes / (files.len() as u64).max(1) < SMALL;
    let most = if is_small { SMALL_FILES } else { FILES };
    if files.len() <= most {
        return files;
    }
    let step = bytes as f64 / most as f64;
    let mut places = (0..most).map(|number| place(number) * step).peekable();
    let (mut chosen, mut end) = (Vec::new(), 0.0);
    for file in files {
        end += file.identity.size as f64;
        if places.next_if(|place| *place < end).is_some() {
            chosen.push(file);
        }
        while places.next_if(|place| *place < end).is_some() {}
    }
    chosen
}

/// Returns the place in a step, counted in steps from the beginning of the first one.
fn place(step: usize) -> f64 {
    step as f64 + (step as f64 * SHIFT).fract()
}

/// The golden section: the fractional parts of its multiples are spread evenly.
const SHIFT: f64 = 0.618_034;

fn ending(key: &str) -> String {
    key.rsplit('.').next().unwrap_or_default().to_lowercase()
}

/// Reads the first records of a file; `None` if it cannot be read.
async fn sampled(
    store: &Store,
    dataset: &Dataset,
    file: &SourceFile,
    most: u64,
) -> Option<SampledFile> {
    let length = file.identity.size.min(most);
    let options = GetOptions { range: Some((0..length).into()), ..GetOptions::default() };
    let answer = store.objects.get_opts(&file.location, options).await;
    let bytes = answer.inspect_err(|_| unread(file)).ok()?.bytes().await;
    let bytes = bytes.inspect_err(|_| unread(file)).ok()?;
    let (dialect, owned) = (dataset.dialect.clone(), file.clone());
    let is_whole = length == file.identity.size;
    tokio::task::spawn_blocking(move || records(bytes, is_whole, &dialect, &owned))
        .await
        .ok()
        .flatten()
}

fn unread(file: &SourceFile) {
    tracing::debug!(file = file.name, "cannot be sampled");
}

/// The first bytes of a file, decompressed.
struct Start {
    /// Whole lines, unless these are all bytes of the file.
    text: Vec<u8>,
    /// Whether these are all bytes of the file.
    is_whole: bool,
    /// Decompressed bytes for each byte of the file.
    unpacked: f64,
}

impl Start {
    /// Decompresses the first bytes of a file, or all of them if it `is_whole`.
    fn of(bytes: bytes::Bytes, is_whole: bool) -> Option<Self> {
        let taken = Arc::new(AtomicU64::new(0));
        let counted = Counted { bytes: Cursor::new(bytes), taken: Arc::clone(&taken) };
        let (mut input, compression) = decompress(counted).ok()?;
        let mut text = Vec::new();
        // If the end of the compressed bytes is missing, an error there means nothing.
        let read = input.by_ref().take(MOST_UNPACKED).read_to_end(&mut text);
        let is_all = is_whole && read.is_ok() && (text.len() as u64) < MOST_UNPACKED;
        let packed = match compression {
            Compression::None => text.len() as u64,
            _ => taken.load(Ordering::Relaxed),
        };
        let unpacked = text.len() as f64 / packed.max(1) as f64;
        if !is_all {
            // The last line is cut, and with it perhaps a character.
            let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            text.truncate(end);
        }
        Some(Self { text, is_whole: is_all, unpacked })
    }
}

/// Reads whole records from the first bytes of a file.
fn records(
    bytes: bytes::Bytes,
    is_whole: bool,
    dialect: &Dialect,
    file: &SourceFile,
) -> Option<SampledFile> {
    let start = Start::of(bytes, is_whole)?;
    let length = start.text.len() as f64;
    let mut reader = Reader::new(Box::new(Cursor::new(start.text)), &file.name, dialect).ok()?;
    let before_records = reader.summary().bytes as f64;
    let mut rows = Vec::new();
    while let Ok(Some(batch)) = reader.next_batch() {
        rows.extend(batch.rows);
    }
    let summary = reader.summary().clone();
    let header = before_records.max(header_bytes(&summary.header));
    // The reader counts the bytes of the text as UTF-8; in UTF-16 a character has two bytes in the file.
    let text_bytes = summary.bytes as f64;
    let unpacked = match text_bytes > 0.0 {
        true => start.unpacked * text_bytes / length,
        false => start.unpacked,
    };
    let (records, cut) = (summary.records as f64, if start.is_whole { 0.0 } else { 1.0 });
    Some(SampledFile {
        key: file.key.clone(),
        is_whole: start.is_whole,
        read_rows: rows.iter().map(|batch| batch.num_rows() as f64).sum(),
        size: file.identity.size as f64,
        date: file.date,
        ending: ending(&file.key),
        columns: summary.header,
        rows,
        header,
        records,
        record_bytes: (text_bytes - header).max(1.0),
        unpacked,
        // A record that is cut off at the end is not a reject.
        accepted: (summary.accepted as f64 + cut).min(records) / records.max(1.0),
    })
}

/// Returns about how many bytes a header has: its names, and the delimiters between them.
fn header_bytes(names: &[String]) -> f64 {
    names.iter().map(|name| name.len() + 1).sum::<usize>() as f64
}

/// Counts what is read.
struct Counted {
    bytes: Cursor<bytes::Bytes>,
    taken: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.bytes.read(into)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
