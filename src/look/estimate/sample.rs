//! A **sample** is the first records of a few files, spread over those to load. It tells how many rows a file
//! has, by its size, and what the values are like.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backfill_csv::{Compression, Dialect, Reader, decompress};
use datafusion::arrow::array::RecordBatch;
use futures::stream::{self, StreamExt};
use object_store::GetOptions;

use super::told::{Number, Told};
use crate::domain::{Dataset, FileDate};
use crate::source::SourceFile;
use crate::state::{FileState, USUAL_ROW_BYTES};
use crate::store::Store;

/// How many files are looked at: rows may differ from day to day.
const FILES: usize = 24;
/// How many are if they are small.
const SMALL_FILES: usize = 40;
/// Below this many bytes on average, files are small.
const SMALL: u64 = 64 << 10;
/// How many are read at once.
const AT_ONCE: usize = 8;
/// How much of all of them is read. What is compressed gives several times as much.
const BYTES: u64 = 3 << 20;
/// The most that is read of one.
const MOST_BYTES: u64 = 512 << 10;
/// The fewest rows that are weighed if there are so many, whatever each file's share is.
const FEWEST_ROWS: f64 = 500.0;
/// The most that is unpacked of one.
const MOST_UNPACKED: u64 = 4 << 20;
/// How many sampled files tell of another one.
const NEAREST: usize = 3;

/// The first records of a few files.
#[derive(Debug, Default)]
pub struct Sample {
    /// The files that could be read, by file date.
    pub files: Vec<SampledFile>,
    /// How many could not.
    pub unreadable: usize,
}

/// The first records of one file.
#[derive(Debug)]
pub struct SampledFile {
    /// The key.
    key: String,
    /// Whether it was read as a whole.
    is_whole: bool,
    /// Bytes of the file.
    size: f64,
    /// The file date.
    pub date: FileDate,
    /// How its name ends.
    ending: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// Rows that were read.
    read_rows: f64,
    /// Those of them that stand for the others.
    pub rows: Vec<RecordBatch>,
    /// Bytes of the header, unpacked.
    header: f64,
    /// Bytes of its records, unpacked, and how many they are.
    records: (f64, f64),
    /// Unpacked bytes for each byte of the file.
    unpacked: f64,
    /// Records that became rows, of all.
    accepted: f64,
}

impl Sample {
    /// Reads the start of some of the files. Those that cannot be read are counted.
    pub async fn of(store: &Store, dataset: &Dataset, files: &[&SourceFile]) -> Self {
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

    /// Keeps of each file as many rows as the files are many that it stands for, so that the rows together are
    /// like those of all `files`, whatever their lengths.
    pub fn balance(&mut self, files: &[&FileState]) {
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
            file.keep((rows * share).ceil() as usize);
        }
    }

    /// About how many rows a file has: as many as were read if all of it was; else by its size, as its own
    /// first records, or as those that are nearest in time and whose names end as its own does.
    pub fn rows_of(&self, file: &FileState) -> u64 {
        match self.like(file).as_slice() {
            [own, ..] if own.key == file.key && own.is_whole => own.read_rows as u64,
            [own, ..] if own.key == file.key => rows_by_size(file.size() as f64, &[own]),
            like => rows_by_size(file.size() as f64, like),
        }
    }

    /// The files that are most like one: itself, or else those that are nearest in time and whose names end as
    /// its own does.
    fn like(&self, file: &FileState) -> Vec<&SampledFile> {
        let ending = ending(&file.key);
        let distance = |sampled: &&SampledFile| {
            let days = (sampled.date.0 - file.date.0).num_days().abs();
            (sampled.key != file.key, sampled.ending != ending, days)
        };
        let is_of_use = |sampled: &&SampledFile| {
            sampled.records.1 > 0.0 || sampled.is_whole && sampled.key == file.key
        };
        let mut like: Vec<&SampledFile> = self.files.iter().filter(is_of_use).collect();
        like.sort_by_key(distance);
        let is_same = like.first().is_some_and(|nearest| nearest.ending == ending);
        like.truncate(NEAREST);
        like.retain(|sampled| !is_same || sampled.ending == ending);
        like
    }

    /// Where the number of rows comes from.
    pub fn source(&self) -> Told {
        let count = |count: usize| Number::Count(count as u64);
        let (files, unreadable) = (self.files.len(), self.unreadable);
        if files == 0 {
            return match unreadable {
                0 => Told::text("there is no file to load"),
                _ => Told::text(format!(
                    "no file could be read: {USUAL_ROW_BYTES} bytes a row are assumed"
                )),
            };
        }
        let rows: f64 = self.files.iter().map(|file| file.read_rows).sum();
        let numbers = [Number::Count(rows.round() as u64), count(files)];
        let sampled = Told::of("sampled from # row(s) of # file(s)", &numbers);
        match unreadable {
            0 => sampled,
            more => sampled.and(&Told::of("# more could not be read", &[count(more)])),
        }
    }

    /// How many rows there are to weigh.
    pub fn rows(&self) -> usize {
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

/// How many rows a file of so many bytes has, if it is like those.
fn rows_by_size(size: f64, like: &[&SampledFile]) -> u64 {
    let Some(nearest) = like.first() else { return (size / USUAL_ROW_BYTES).round() as u64 };
    let sum = |part: fn(&SampledFile) -> f64| like.iter().map(|file| part(file)).sum::<f64>();
    if like.iter().all(|file| file.is_whole) {
        return (size * sum(|file| file.read_rows) / sum(|file| file.size)).round() as u64;
    }
    let record = sum(|file| file.records.0) / sum(|file| file.records.1);
    let count = like.len() as f64;
    let (unpacked, accepted) =
        (sum(|file| file.unpacked) / count, sum(|file| file.accepted) / count);
    let records = (size * unpacked - nearest.header).max(0.0) / record;
    (records * accepted).round() as u64
}

/// Some files that have bytes, spread over all: of every so many bytes the file in which they lie, at a place that
/// shifts, so that no weekday is taken again and again.
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
    let place = |number: usize| (number as f64 + (number as f64 * SHIFT).fract()) * step;
    let (mut chosen, mut end, mut number) = (Vec::new(), 0.0, 0);
    for file in files {
        end += file.identity.size as f64;
        if number < most && place(number) < end {
            chosen.push(file);
        }
        while number < most && place(number) < end {
            number += 1;
        }
    }
    chosen
}

/// The golden section: multiples of it are spread evenly between whole numbers.
const SHIFT: f64 = 0.618_034;

fn ending(key: &str) -> String {
    key.rsplit('.').next().unwrap_or_default().to_lowercase()
}

/// The first records of a file; `None` if it cannot be read.
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
    let read = move || records(bytes, is_whole, &dialect, &owned);
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

fn unread(file: &SourceFile) {
    tracing::debug!(file = file.name, "cannot be sampled");
}

/// Reads whole records from the first bytes of a file.
fn records(
    bytes: bytes::Bytes,
    is_whole: bool,
    dialect: &Dialect,
    file: &SourceFile,
) -> Option<SampledFile> {
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Counted { bytes: Cursor::new(bytes.clone()), taken: Arc::clone(&taken) };
    let (mut input, compression) = decompress(counted).ok()?;
    let mut text = Vec::new();
    // The end of what is packed is missing, so that an error there means nothing.
    let read = input.by_ref().take(MOST_UNPACKED).read_to_end(&mut text);
    let is_whole = is_whole && read.is_ok() && (text.len() as u64) < MOST_UNPACKED;
    let packed = match compression {
        Compression::None => text.len() as u64,
        _ => taken.load(Ordering::Relaxed),
    };
    let unpacked = text.len() as f64 / packed.max(1) as f64;
    if !is_whole {
        // The last line is cut, and with it perhaps a character.
        let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        text.truncate(end);
    }
    let read = text.len() as f64;
    let mut reader = Reader::new(Box::new(Cursor::new(text)), &file.name, dialect).ok()?;
    let header = reader.summary().bytes as f64;
    let mut rows = Vec::new();
    while let Ok(Some(batch)) = reader.next_batch() {
        rows.extend(batch.rows);
    }
    let summary = reader.summary().clone();
    let header = header.max(header_bytes(&summary.header));
    // What the reader counts is text; in UTF-16 a character has two bytes in the file.
    let text_bytes = summary.bytes as f64;
    let unpacked = if text_bytes > 0.0 { unpacked * text_bytes / read } else { unpacked };
    let (records, cut) = (summary.records as f64, if is_whole { 0.0 } else { 1.0 });
    Some(SampledFile {
        key: file.key.clone(),
        is_whole,
        read_rows: rows.iter().map(|batch| batch.num_rows() as f64).sum(),
        size: file.identity.size as f64,
        date: file.date,
        ending: ending(&file.key),
        columns: summary.header,
        rows,
        header,
        records: ((text_bytes - header).max(1.0), records),
        unpacked,
        // A record that is cut at the end is not a reject.
        accepted: (summary.accepted as f64 + cut).min(records) / records.max(1.0),
    })
}

/// About how long a header is: its names, and what stands between them.
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
