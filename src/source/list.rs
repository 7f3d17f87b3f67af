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
/// The store returns the listing page by page. It is kept in memory, with one entry per key.
///
/// # Errors
/// [`Error::List`] if the store refuses; [`Error::ZeroBytes`] if the range holds objects of no bytes and the
/// dataset does not skip them.
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

/// Lists like [`list`], but refuses nothing that it finds.
///
/// # Errors
/// [`Error::List`] if the store refuses.
pub async fn survey(store: &Store, dataset: &Dataset, range: DateRange) -> Result<Listing, Error> {
    let objects = objects(store, &dataset.prefix).await?;
    Ok(sort_out(store, dataset, range, objects))
}

/// Lists like [`survey`], from the first file date to the last. If no key has a date, the range means nothing,
/// and every key is ignored.
///
/// # Errors
/// [`Error::List`] if the store refuses.
pub async fn history(store: &Store, dataset: &Dataset) -> Result<Listing, Error> {
    survey_between(store, dataset, None, None).await
}

/// Lists like [`survey`], from `start` to `end`. Without one of them, the range begins with the first file date,
/// or ends with the last. If there is no file, no day is reported as missing.
///
/// # Errors
/// [`Error::List`] if the store refuses.
pub async fn survey_between(
    store: &Store,
    dataset: &Dataset,
    start: Option<FileDate>,
    end: Option<FileDate>,
) -> Result<Listing, Error> {
    let objects = objects(store, &dataset.prefix).await?;
    let range = range_between(dates(store, dataset, &objects), start, end);
    let mut listing = sort_out(store, dataset, range, objects);
    if listing.files.is_empty() {
        listing.findings.retain(|finding| !matches!(finding, Finding::MissingDays { .. }));
    }
    Ok(listing)
}

/// Returns the range from `start` to `end`. Without one of them, the first or the last of the dates that are not
/// excluded by the other takes its place. Without any date at all, it is one day that means nothing.
fn range_between(
    dates: impl Iterator<Item = FileDate>,
    start: Option<FileDate>,
    end: Option<FileDate>,
) -> DateRange {
    let days = dates
        .filter(|date| start.is_none_or(|start| start <= *date))
        .filter(|date| end.is_none_or(|end| *date <= end))
        .map(DateRange::of_day)
        .reduce(DateRange::hull);
    let first = start.or(days.map(|days| days.start()));
    let last = end.or(days.map(|days| days.end()));
    let either = first.or(last).unwrap_or_default();
    DateRange::between(first.unwrap_or(either), last.unwrap_or(either))
}

/// Returns the first file date under a dataset's prefix, objects of no bytes included; `None` if no key holds one.
///
/// # Errors
/// [`Error::List`] if the store refuses.
pub async fn first_day(store: &Store, dataset: &Dataset) -> Result<Option<FileDate>, Error> {
    let objects = objects(store, &dataset.prefix).await?;
    Ok(dates(store, dataset, &objects).min())
}

/// Returns the file dates of the objects that have one.
fn dates<'a>(
    store: &'a Store,
    dataset: &'a Dataset,
    listed: &'a Listed,
) -> impl Iterator<Item = FileDate> + 'a {
    let keys = listed.objects.iter().map(move |object| store.key(&object.location));
    keys.filter_map(move |key| Some(read_key(dataset, &key).dates()?.date))
}

/// Returns every object under a prefix, as the store describes it.
async fn objects(store: &Store, prefix: &str) -> Result<Listed, Error> {
    let listed = match store.folder() {
        Some(folder) if !folder.is_dir() => Err(object_store::Error::NotFound {
            path: store.display(""),
            source: "the folder does not exist".into(),
        }),
        _ => store.list(prefix).await,
    };
    listed.map_err(|source| Error::List {
        place: store.display(prefix),
        source: store.explain(source, prefix),
    })
}

/// Makes a source file of an object, its key and the date in it.
fn source_file(store: &Store, key: String, date: FileDate, object: ObjectMeta) -> SourceFile {
    let identity = Identity::from(&object);
    let (name, location) = (store.file_name(&key), object.location);
    SourceFile { name, key, date, location, identity }
}

/// Returns every file of a dataset, whatever its date, in no particular order.
///
/// # Errors
/// [`Error::List`] if the store refuses.
pub async fn files(store: &Store, dataset: &Dataset) -> Result<Vec<SourceFile>, Error> {
    let mut files = Vec::new();
    for object in objects(store, &dataset.prefix).await?.objects {
        let key = store.key(&object.location);
        let dates = read_key(dataset, &key).dates().filter(|_| object.size > 0);
        files.extend(dates.map(|dates| source_file(store, key, dates.date, object)));
    }
    Ok(files)
}

/// Returns every key under a prefix that can be read, without the prefix.
///
/// # Errors
/// [`Error::List`] if the store refuses.
pub async fn keys(store: &Store, prefix: &str) -> Result<Vec<String>, Error> {
    let objects = objects(store, prefix).await?.objects;
    let keys = objects.iter().map(|object| store.key(&object.location));
    Ok(keys.filter_map(|key| key.strip_prefix(prefix).map(str::to_owned)).collect())
}

/// Sorts objects into the files that a run reads and the keys that it ignores, each with the reason.
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

/// Returns the files nearest to a range, on either side, out of those outside it.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u64) -> FileDate {
        FileDate::default().plus_days(number)
    }

    /// The range of files on some days, from a day on, to a day, or both.
    fn range(files: &[u64], start: Option<u64>, end: Option<u64>) -> DateRange {
        range_between(files.iter().map(|number| day(*number)), start.map(day), end.map(day))
    }

    #[test]
    fn an_open_range_begins_and_ends_with_the_files() {
        assert_eq!(range(&[7, 3, 5], None, None), DateRange::between(day(3), day(7)));
        assert_eq!(range(&[7, 3, 5], Some(1), None), DateRange::between(day(1), day(7)));
        assert_eq!(range(&[7, 3, 5], None, Some(9)), DateRange::between(day(3), day(9)));
        assert_eq!(range(&[7, 3, 5], Some(4), Some(6)), DateRange::between(day(4), day(6)));
    }

    #[test]
    fn files_beyond_the_given_day_do_not_count_for_the_other_end_of_a_range() {
        assert_eq!(range(&[3, 7], None, Some(5)), DateRange::between(day(3), day(5)));
        assert_eq!(range(&[3, 7], Some(8), None), DateRange::of_day(day(8)));
        assert_eq!(range(&[3, 7], None, Some(2)), DateRange::of_day(day(2)));
        assert_eq!(range(&[], None, None), DateRange::of_day(day(0)));
    }
}
