//! To **list** is to ask the store for every key under a prefix and to say of each one whether the
//! run reads it, and if not, why.

use std::collections::BTreeMap;
use std::fmt;

use futures::TryStreamExt;
use object_store::ObjectMeta;
use serde::Serialize;

use super::{Error, SourceFile};
use crate::domain::{Dataset, DateRange, FileDate, Finding, Identity, KeyMatch, ZeroByteFiles};
use crate::store::Store;

/// Every key under a dataset's prefix: what a run reads, and what it does not and why.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The range that was asked for.
    pub range: DateRange,
    /// The source files in range, by file date, then key.
    pub files: Vec<SourceFile>,
    /// Every other key, in the store's order.
    pub ignored: Vec<Ignored>,
    /// What a person should know about the range before loading it.
    pub findings: Vec<Finding>,
}

/// A key that is not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// The key below the source URL.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// Why it is not read.
    pub reason: Reason,
}

/// Why a key is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The file date lies before or after the range.
    OutOfRange,
    /// The key does not have the shape of the dataset's key pattern, so it has no file date.
    NoDate,
    /// The key has the pattern's shape, but its digits are no calendar day.
    ImpossibleDate,
    /// The object has no bytes, and the configuration says to pass over such objects.
    ZeroBytes,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "outside the range",
            Self::NoDate => "the key does not match the key pattern",
            Self::ImpossibleDate => "the date in the key is no calendar day",
            Self::ZeroBytes => "zero bytes",
        })
    }
}

/// Lists the dataset's source files of a range.
///
/// The listing is paged by the store and held in memory: one entry a key.
///
/// # Errors
/// [`Error::List`] where the store refuses; [`Error::ZeroBytes`] where the range holds objects of
/// no bytes and the dataset does not say to skip them.
pub async fn list(store: &Store, dataset: &Dataset, range: DateRange) -> Result<Listing, Error> {
    let listing = survey(store, dataset, range).await?;
    let empty: Vec<String> = listing
        .findings
        .iter()
        .filter_map(|finding| match finding {
            Finding::ZeroBytes { key } => Some(key.clone()),
            _ => None,
        })
        .collect();
    if dataset.zero_byte_files == ZeroByteFiles::Refuse && !empty.is_empty() {
        return Err(Error::ZeroBytes { keys: empty });
    }
    Ok(listing)
}

/// Lists like [`list`], and refuses nothing that it finds.
///
/// # Errors
/// [`Error::List`] where the store refuses.
pub async fn survey(store: &Store, dataset: &Dataset, range: DateRange) -> Result<Listing, Error> {
    let objects = objects(store, &dataset.prefix).await?;
    Ok(sort_out(store, dataset, range, objects))
}

/// Lists like [`survey`], from the first file date that there is to the last. If no key has one, the range
/// means nothing, and every key is ignored.
///
/// # Errors
/// [`Error::List`] where the store refuses.
pub async fn history(store: &Store, dataset: &Dataset) -> Result<Listing, Error> {
    let objects = objects(store, &dataset.prefix).await?;
    let mut hull: Option<DateRange> = None;
    for object in &objects {
        if let KeyMatch::Date(date) = read_key(dataset, &store.key(&object.location)) {
            let day = DateRange::of_day(date);
            hull = Some(hull.map_or(day, |hull| hull.hull(day)));
        }
    }
    let range = hull.unwrap_or_else(|| DateRange::of_day(FileDate::default()));
    Ok(sort_out(store, dataset, range, objects))
}

/// Lists like [`survey`] from a day on, to a day, or everything: the range ends where the files do. Without a
/// file no day is missing.
///
/// # Errors
/// [`Error::List`] where the store refuses.
pub async fn survey_between(
    store: &Store,
    dataset: &Dataset,
    start: Option<FileDate>,
    end: Option<FileDate>,
) -> Result<Listing, Error> {
    let objects = objects(store, &dataset.prefix).await?;
    let is_after = |date: FileDate| start.is_none_or(|start| start <= date);
    let is_between = |date: &FileDate| is_after(*date) && end.is_none_or(|end| *date <= end);
    let dates = objects.iter().filter_map(|object| date_of(store, dataset, object));
    let dates: Vec<FileDate> = dates.filter(is_between).collect();
    let first = start.or_else(|| dates.iter().min().copied());
    let last = end.or_else(|| dates.iter().max().copied());
    let any = first.or(last).unwrap_or_default();
    let (first, last) = (first.unwrap_or(any), last.unwrap_or(any));
    let range = DateRange::between(first, last);
    let mut listing = sort_out(store, dataset, range, objects);
    if listing.files.is_empty() {
        listing.findings.retain(|finding| !matches!(finding, Finding::MissingDays { .. }));
    }
    Ok(listing)
}

/// The first file date under a dataset's prefix, also of objects of no bytes; `None` if no key holds one.
///
/// # Errors
/// [`Error::List`] where the store refuses.
pub async fn first_day(store: &Store, dataset: &Dataset) -> Result<Option<FileDate>, Error> {
    let objects = objects(store, &dataset.prefix).await?;
    Ok(objects.iter().filter_map(|object| date_of(store, dataset, object)).min())
}

/// The file date of an object, if it has one.
fn date_of(store: &Store, dataset: &Dataset, object: &ObjectMeta) -> Option<FileDate> {
    match read_key(dataset, &store.key(&object.location)) {
        KeyMatch::Date(date) => Some(date),
        KeyMatch::ImpossibleDate | KeyMatch::Other => None,
    }
}

/// Every object under a prefix, as the store describes it.
async fn objects(store: &Store, prefix: &str) -> Result<Vec<ObjectMeta>, Error> {
    let failed = |source| Error::List {
        place: store.display(prefix),
        source: store.explain(source, prefix),
    };
    if store.folder().is_some_and(|folder| !folder.is_dir()) {
        return Err(failed(object_store::Error::NotFound {
            path: store.display(""),
            source: "the folder does not exist".into(),
        }));
    }
    store.objects.list(Some(&store.path(prefix))).try_collect().await.map_err(failed)
}

/// A source file, given its key and the date in it.
fn source_file(store: &Store, key: String, date: FileDate, object: ObjectMeta) -> SourceFile {
    let identity = Identity::from(&object);
    let (name, location) = (store.file_name(&key), object.location);
    SourceFile { name, key, date, location, identity }
}

/// Every file of a dataset, whatever its date, in no order.
///
/// # Errors
/// [`Error::List`] where the store refuses.
pub async fn files(store: &Store, dataset: &Dataset) -> Result<Vec<SourceFile>, Error> {
    let objects = objects(store, &dataset.prefix).await?;
    let file = |object: ObjectMeta| {
        let key = store.key(&object.location);
        match read_key(dataset, &key) {
            KeyMatch::Date(date) if object.size > 0 => Some(source_file(store, key, date, object)),
            _ => None,
        }
    };
    Ok(objects.into_iter().filter_map(file).collect())
}

/// Every key under a prefix, without the prefix.
///
/// # Errors
/// [`Error::List`] where the store refuses.
pub async fn keys(store: &Store, prefix: &str) -> Result<Vec<String>, Error> {
    let below = store.path(prefix);
    let failed = |source| Error::List {
        place: store.display(prefix),
        source: store.explain(source, prefix),
    };
    let objects: Vec<ObjectMeta> =
        store.objects.list(Some(&below)).try_collect().await.map_err(failed)?;
    let key = |object: &ObjectMeta| {
        let key = store.key(&object.location);
        key.strip_prefix(prefix).map(str::to_owned)
    };
    Ok(objects.iter().filter_map(key).collect())
}

/// Says of each object whether the run reads it.
fn sort_out(
    store: &Store,
    dataset: &Dataset,
    range: DateRange,
    objects: Vec<ObjectMeta>,
) -> Listing {
    let mut files = Vec::new();
    let mut ignored = Vec::new();
    let mut dates = Vec::new();
    for object in objects {
        let key = store.key(&object.location);
        let matched = read_key(dataset, &key);
        if let (KeyMatch::Date(date), true) = (matched, object.size > 0) {
            dates.push(date);
        }
        let reason = match matched {
            KeyMatch::Other => Reason::NoDate,
            KeyMatch::ImpossibleDate => Reason::ImpossibleDate,
            KeyMatch::Date(date) if !range.contains(date) => Reason::OutOfRange,
            KeyMatch::Date(_) if object.size == 0 => Reason::ZeroBytes,
            KeyMatch::Date(date) => {
                files.push(source_file(store, key, date, object));
                continue;
            }
        };
        ignored.push(Ignored { key, size: object.size, reason });
    }
    files.sort_by(|a, b| (a.date, &a.key).cmp(&(b.date, &b.key)));
    let mut findings = missing_days(dataset, range, &dates);
    findings.extend(self::findings(&files, &ignored));
    Listing { range, files, ignored, findings }
}

/// Reads a key by the dataset's patterns; the first that finds a date wins.
fn read_key(dataset: &Dataset, key: &str) -> KeyMatch {
    let below = key.strip_prefix(&dataset.prefix).unwrap_or(key);
    let mut best = KeyMatch::Other;
    for pattern in &dataset.key {
        match pattern.read(below) {
            KeyMatch::Date(date) => return KeyMatch::Date(date),
            KeyMatch::ImpossibleDate => best = KeyMatch::ImpossibleDate,
            KeyMatch::Other => {}
        }
    }
    best
}

fn findings(files: &[SourceFile], ignored: &[Ignored]) -> Vec<Finding> {
    let mut by_day: BTreeMap<FileDate, Vec<String>> = BTreeMap::new();
    for file in files {
        by_day.entry(file.date).or_default().push(file.key.clone());
    }
    let mut findings = Vec::new();
    for (date, keys) in by_day {
        if keys.len() > 1 {
            findings.push(Finding::SeveralFiles { date, keys });
        }
    }
    for object in ignored.iter().filter(|object| object.reason == Reason::ZeroBytes) {
        findings.push(Finding::ZeroBytes { key: object.key.clone() });
    }
    let missed: Vec<&Ignored> =
        ignored.iter().filter(|object| may_be_missed_export(object)).collect();
    if let Some(first) = missed.first() {
        let example = first.key.clone();
        findings.push(Finding::KeysWithoutDate { count: missed.len(), example });
    }
    findings
}

/// Whether an ignored object could be an export that the pattern fails to see: it has bytes and
/// is no marker such as `_SUCCESS`.
fn may_be_missed_export(object: &Ignored) -> bool {
    let name = object.key.rsplit('/').next().unwrap_or(&object.key);
    let undated = matches!(object.reason, Reason::NoDate | Reason::ImpossibleDate);
    undated && object.size > 0 && !name.starts_with(['_', '.'])
}

/// What is due by the dataset's cadence and has no file. Files outside the range tell on which weekday files
/// come.
fn missing_days(dataset: &Dataset, range: DateRange, dates: &[FileDate]) -> Vec<Finding> {
    let every = dataset.every;
    let runs = every.joined(every.missing(dates, range));
    let finding = |run: DateRange| Finding::MissingDays { from: run.start(), to: run.end(), every };
    runs.into_iter().map(finding).collect()
}
