//! The **files** of a dataset, by a listing and by their first bytes: whether there are any, whether they can be read,
//! and whether they are exports.

use futures::stream::{self, StreamExt};

use super::checklist::{Checklist, HealthCheck, some_of};
use super::{Means, explained};
use crate::check;
use crate::domain::{Cadence, Dataset, Explain, Finding, ZeroByteFiles};
use crate::look::drift::{self, Glimpse};
use crate::mirror;
use crate::source::{Listing, SourceFile};
use crate::sql::Sql;
use crate::store::Store;

/// The checks that need a listing.
const LISTED: [&str; 8] = [
    "files-match",
    "files-ignored",
    "files-days",
    "files-empty",
    "files-readable",
    "files-archived",
    "files-header",
    "files-exports",
];
/// At most this many files are read from. If there are more, they are spread from the first to the last.
const FILES_READ: usize = 100;
/// How many files are read from at once.
const AT_ONCE: usize = 16;

/// What was found in the first bytes of a dataset's files.
#[derive(Default)]
pub(super) struct Headers {
    /// The files that can be read, by file date.
    pub read: Vec<Glimpse>,
    /// Whether every file was looked at.
    pub are_all: bool,
}

/// Examines the files of a dataset; returns its SQL, if it can be read, and the headers of the files.
pub(super) async fn examine(
    means: &Means,
    dataset: &Dataset,
    listing: Option<&Listing>,
) -> (Option<Sql>, Headers, Vec<HealthCheck>) {
    let mut list = Checklist::of_dataset(&dataset.name, dataset.prefix.clone());
    let sql = add_sql(&mut list, dataset);
    let (Some(store), Some(listing)) = (&means.source, listing) else {
        list.skipped_all(&LISTED, "the prefix cannot be listed");
        return (sql, Headers::default(), list.checks);
    };
    list.subject = store.display(&dataset.prefix);
    add_match(&mut list, dataset, listing);
    add_odd_keys(&mut list, dataset, listing);
    if listing.files.is_empty() {
        list.skipped_all(&LISTED[2..], "there is no file");
        return (sql, Headers::default(), list.checks);
    }
    add_days(&mut list, dataset, listing);
    add_empty(&mut list, dataset, listing);
    let headers = add_reading(&mut list, store, dataset, listing).await;
    add_exports(&mut list, dataset, sql.as_ref(), &headers);
    (sql, headers, list.checks)
}

fn add_sql(list: &mut Checklist, dataset: &Dataset) -> Option<Sql> {
    let subject = std::mem::replace(&mut list.subject, dataset.sql.display().to_string());
    let read = match Sql::read(dataset) {
        Ok(sql) => {
            list.passed("sql-files", "its SQL files can be read and parsed");
            Some(sql)
        }
        Err(error) => {
            let (found, next) = explained(&error);
            list.failed("sql-files", found, next);
            None
        }
    };
    list.subject = subject;
    read
}

/// Whether the key pattern finds any file, and which keys it does not find.
fn add_match(list: &mut Checklist, dataset: &Dataset, listing: &Listing) {
    let (files, ignored) = (listing.files.len(), listing.ignored.len());
    let missed = listing.findings.iter().find_map(|finding| match finding {
        Finding::KeysWithoutDate { count, examples } => Some((*count, examples.join(", "))),
        _ => None,
    });
    let next = key_hint(dataset);
    match (files, &missed) {
        (0, Some((count, example))) => list.failed(
            "files-match",
            format!("the key pattern finds none of {count} key(s) here, such as {example}"),
            next.as_str(),
        ),
        (0, None) => list.warned(
            "files-match",
            "there is no file under the prefix yet, so that a run has nothing to load",
            "check the prefix; if the exports have not started yet, there is nothing to do",
        ),
        (files, _) => list.passed(
            "files-match",
            format!("the key pattern matches {files} file(s), of {}", listing.range),
        ),
    }
    match missed {
        Some((count, example)) if files > 0 => list.warned(
            "files-ignored",
            format!("{count} key(s) look like exports but do not match the key pattern, such as {example}"),
            format!("if they are exports, {next}"),
        ),
        Some(_) => list.skipped("files-ignored", "the key pattern matches no file"),
        None => list.passed("files-ignored", format!("{ignored} other key(s) do not look like exports")),
    }
}

/// What to do about keys that the key pattern does not find, or reads wrongly.
fn key_hint(dataset: &Dataset) -> String {
    format!("set datasets.{}.key to a pattern that finds them", dataset.name)
}

/// Warns of keys that cannot be paths, and of dates that are in the future or far from the others.
fn add_odd_keys(list: &mut Checklist, dataset: &Dataset, listing: &Listing) {
    for finding in &listing.findings {
        match finding {
            Finding::UnusableKeys { .. } => list.warned(
                "files-keys",
                finding.to_string(),
                "rename these objects, because runs leave them out",
            ),
            Finding::FutureDates { .. } | Finding::FarDates { .. } => {
                list.warned("files-dates", finding.to_string(), key_hint(dataset));
            }
            _ => {}
        }
    }
}

fn add_days(list: &mut Checklist, dataset: &Dataset, listing: &Listing) {
    let (mut missing, mut several) = (Vec::new(), Vec::new());
    for finding in &listing.findings {
        match finding {
            Finding::MissingDays { .. } => missing.push(finding.to_string()),
            Finding::SeveralFiles { date, .. } => several.push(date.to_string()),
            _ => {}
        }
    }
    match (missing.is_empty(), several.is_empty()) {
        (true, true) => {
            let every = dataset.every;
            let found = match every {
                Cadence::Day => "each day from the first to the last has one file".to_owned(),
                _ => format!("no expected file is missing (every = \"{every}\")"),
            };
            list.passed("files-days", found);
        }
        (false, _) => list.warned(
            "files-days",
            some_of(&missing),
            "have these days exported again, if there should be files",
        ),
        (true, false) => list.warned(
            "files-days",
            format!("days with several files: {}", some_of(&several)),
            "make sure that dedupe.sql decides between the rows of such files",
        ),
    }
}

fn add_empty(list: &mut Checklist, dataset: &Dataset, listing: &Listing) {
    let empty: Vec<String> = listing.findings.iter().filter_map(key_of_empty).collect();
    if empty.is_empty() || dataset.zero_byte_files == ZeroByteFiles::Skip {
        list.passed("files-empty", "no file is empty (zero bytes)");
    } else {
        list.failed(
            "files-empty",
            format!("empty files (zero bytes): {}", some_of(&empty)),
            "have these files exported again, or set zero_byte_files = \"skip\" for the dataset",
        );
    }
}

fn key_of_empty(finding: &Finding) -> Option<String> {
    match finding {
        Finding::ZeroBytes { key } => Some(key.clone()),
        _ => None,
    }
}

/// At most [`FILES_READ`] of the files, evenly spread, with the first and the last.
fn spread(files: &[SourceFile]) -> Vec<&SourceFile> {
    let last = files.len().saturating_sub(1);
    match files.len() {
        0..=FILES_READ => files.iter().collect(),
        _ => (0..FILES_READ).map(|place| &files[place * last / (FILES_READ - 1)]).collect(),
    }
}

/// A file that cannot be read, by its key, and why.
struct Unread {
    key: String,
    error: mirror::Error,
}

/// Reads the first bytes of the files, and adds which cannot be read.
async fn add_reading(
    list: &mut Checklist,
    store: &Store,
    dataset: &Dataset,
    listing: &Listing,
) -> Headers {
    let chosen = spread(&listing.files);
    let looked_at = chosen.len();
    let mut headers = Headers { read: Vec::new(), are_all: looked_at == listing.files.len() };
    let (mut archived, mut refused, mut unusable) = (Vec::new(), Vec::new(), Vec::new());
    let glimpses = stream::iter(chosen)
        .map(|file| async move { (file, drift::glimpse(store, dataset, file).await) })
        .buffered(AT_ONCE);
    let mut glimpses = std::pin::pin!(glimpses);
    while let Some((file, glimpse)) = glimpses.next().await {
        match glimpse {
            Ok(mut glimpse) => {
                if let Some(before) = headers.read.last() {
                    glimpse.share_format(before);
                }
                headers.read.push(glimpse);
            }
            Err(mirror::Error::Archived { .. }) => archived.push(file.key.clone()),
            Err(error) => {
                let unread = Unread { key: file.key.clone(), error };
                match unread.error.is_about_the_store() {
                    true => refused.push(unread),
                    false => unusable.push(unread),
                }
            }
        }
    }
    add_refused(list, &refused, looked_at);
    add_archived(list, &archived);
    let is_any_read = refused.len() + archived.len() < looked_at;
    add_unusable(list, &unusable, is_any_read);
    headers
}

fn add_refused(list: &mut Checklist, refused: &[Unread], looked_at: usize) {
    const ID: &str = "files-readable";
    let keys: Vec<String> = refused.iter().map(|unread| unread.key.clone()).collect();
    let Some(Unread { error: first, .. }) = refused.first() else {
        return list.passed(ID, format!("the store lets all {looked_at} file(s) be read"));
    };
    let next = match first.store_error() {
        Some(object_store::Error::PermissionDenied { .. }) => {
            "grant s3:GetObject on the objects of this prefix, and kms:Decrypt if they are encrypted with a KMS key"
                .to_owned()
        }
        _ => first.hint().unwrap_or_default(),
    };
    list.failed(ID, format!("the store refuses to return {}", some_of(&keys)), next);
}

fn add_archived(list: &mut Checklist, archived: &[String]) {
    match archived {
        [] => list.passed("files-archived", "none of the files that were tried is archived"),
        keys => list.failed(
            "files-archived",
            format!("{} file(s) are archived: {}", keys.len(), some_of(keys)),
            "restore them (aws s3api restore-object) before the run, or leave their days out",
        ),
    }
}

fn add_unusable(list: &mut Checklist, unusable: &[Unread], is_any_read: bool) {
    match unusable {
        [] if !is_any_read => list.skipped("files-header", "no file can be read"),
        [] => list.passed("files-header", "the headers name columns"),
        [Unread { key, error }, more @ ..] => {
            let (_, next) = explained(error);
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let reason = cause.unwrap_or_else(|| error.to_string());
            let more =
                if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
            list.failed("files-header", format!("{key} cannot be used: {reason}{more}"), next);
        }
    }
}

/// Whether the files are exports of this dataset, and not error pages or other reports.
fn add_exports(list: &mut Checklist, dataset: &Dataset, sql: Option<&Sql>, headers: &Headers) {
    const ID: &str = "files-exports";
    let Some(sql) = sql else { return list.skipped(ID, "the SQL cannot be read") };
    if headers.read.is_empty() {
        return list.skipped(ID, "no file can be read");
    }
    let names = headers.read.iter().map(|file| (file.file.key.as_str(), &*file.names));
    match check::refuse_not_exports(dataset, sql, names) {
        Ok(()) => list.passed(ID, "their columns are those that the SQL uses"),
        Err(error) => {
            let (found, next) = explained(&error);
            list.failed(ID, found, next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FileDate, Identity};

    fn file(number: usize) -> SourceFile {
        SourceFile {
            name: String::new(),
            key: number.to_string(),
            date: FileDate::default(),
            location: Default::default(),
            identity: Identity { size: 1, etag: None, last_modified: Default::default() },
        }
    }

    #[test]
    fn the_first_and_the_last_of_many_files_are_looked_at() {
        let files: Vec<SourceFile> = (0..1234).map(file).collect();
        let chosen: Vec<&str> = spread(&files).iter().map(|file| file.key.as_str()).collect();
        assert_eq!((chosen.len(), chosen[0], chosen[FILES_READ - 1]), (FILES_READ, "0", "1233"));
        assert_eq!(spread(&files[..3]).len(), 3);
    }
}
