//! To **list** is to ask the store for every key under a prefix and to say of each one whether the
//! run reads it, and if not, why.

use object_store::ObjectMeta;

use super::findings::findings;
use super::listing::{Ignored, Listing, Reason};
use super::{Error, Sizes, SourceFile};
use crate::domain::{
    Dataset, DateRange, FileDate, Finding, Identity, KeyDates, KeyMatch, ZeroByteFiles,
};
use crate::store::{Listed, Store};

/// How many files before a range, and how many after it, are compared with its own.
const AROUND: usize = 7;

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
    let days = dates(store, dataset, &objects).map(DateRange::of_day);
    let range = days.reduce(DateRange::hull);
    let range = range.unwrap_or_else(|| DateRange::of_day(FileDate::default()));
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
    let dates: Vec<FileDate> = dates(store, dataset, &objects).filter(is_between).collect();
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
    Ok(dates(store, dataset, &objects).min())
}

/// The file dates of the objects that have one.
fn dates<'a>(
    store: &'a Store,
    dataset: &'a Dataset,
    listed: &'a Listed,
) -> impl Iterator<Item = FileDate> + 'a {
    let matched = |object: &ObjectMeta| read_key(dataset, &store.key(&object.location));
    listed.objects.iter().filter_map(move |object| matched(object).dates().map(|dates| dates.date))
}

/// Every object under a prefix, as the store describes it.
async fn objects(store: &Store, prefix: &str) -> Result<Listed, Error> {
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
    store.list(prefix).await.map_err(failed)
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
        let dates = read_key(dataset, &key).dates().filter(|_| object.size > 0)?;
        Some(source_file(store, key, dates.date, object))
    };
    Ok(objects.objects.into_iter().filter_map(file).collect())
}

/// Every key under a prefix that can be read, without the prefix.
///
/// # Errors
/// [`Error::List`] where the store refuses.
pub async fn keys(store: &Store, prefix: &str) -> Result<Vec<String>, Error> {
    let objects = objects(store, prefix).await?;
    let key = |object: &ObjectMeta| {
        let key = store.key(&object.location);
        key.strip_prefix(prefix).map(str::to_owned)
    };
    Ok(objects.objects.iter().filter_map(key).collect())
}

/// Says of each object whether the run reads it.
fn sort_out(store: &Store, dataset: &Dataset, range: DateRange, listed: Listed) -> Listing {
    let mut files = Vec::new();
    let mut ignored = Vec::new();
    let mut outside = Vec::new();
    let mut dated: Vec<(String, KeyDates)> = Vec::new();
    let mut sizes = Sizes::default();
    for object in listed.objects {
        let key = store.key(&object.location);
        let matched = read_key(dataset, &key);
        if let (Some(dates), true) = (matched.dates(), object.size > 0) {
            sizes.add(&key, dates.date, object.size);
            dated.push((key.clone(), dates));
        }
        let reason = match matched {
            KeyMatch::Other => Reason::NoDate,
            KeyMatch::ImpossibleDate => Reason::ImpossibleDate,
            KeyMatch::FarYear => Reason::FarYear,
            KeyMatch::BackwardPeriod => Reason::BackwardPeriod,
            KeyMatch::Dated(dates) if !range.contains(dates.date) => {
                outside.push((dates.date, key.clone(), object.clone()));
                Reason::OutOfRange
            }
            KeyMatch::Dated(_) if object.size == 0 => Reason::ZeroBytes,
            KeyMatch::Dated(dates) => {
                files.push(source_file(store, key, dates.date, object));
                continue;
            }
        };
        ignored.push(Ignored { key, size: object.size, reason });
    }
    let unusable = listed.unusable.into_iter().filter(|object| !object.key.is_empty());
    ignored.extend(unusable.map(|object| {
        let (key, size, reason) = (object.key, object.size, Reason::UnusableKey(object.fault));
        Ignored { key, size, reason }
    }));
    files.sort_by(|a, b| (a.date, &a.key).cmp(&(b.date, &b.key)));
    let findings = findings(dataset, range, &files, &ignored, &dated);
    let around = around(store, range, outside);
    Listing { range, files, ignored, findings, around, sizes }
}

/// The files of some that lie outside a range which are nearest to it, on either side.
fn around(
    store: &Store,
    range: DateRange,
    mut outside: Vec<(FileDate, String, ObjectMeta)>,
) -> Vec<SourceFile> {
    outside.retain(|(_, _, object)| object.size > 0);
    outside.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let start = outside.partition_point(|(date, ..)| *date < range.start());
    let end = (start + AROUND).min(outside.len());
    let nearest = outside.drain(start.saturating_sub(AROUND)..end);
    nearest.map(|(date, key, object)| source_file(store, key, date, object)).collect()
}

/// Reads a key by the dataset's patterns; the first that finds a date wins.
fn read_key(dataset: &Dataset, key: &str) -> KeyMatch {
    let below = key.strip_prefix(&dataset.prefix).unwrap_or(key);
    let mut best = KeyMatch::Other;
    for pattern in &dataset.key {
        match pattern.read(below) {
            KeyMatch::Other => {}
            KeyMatch::Dated(dates) => return KeyMatch::Dated(dates),
            other => best = other,
        }
    }
    best
}
