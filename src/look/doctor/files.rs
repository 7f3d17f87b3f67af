//! The **files** of a dataset, from a listing and from their first bytes: that there are some, that they can
//! be read, and that they are exports.

use std::sync::Arc;

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
/// At most so many files are read from; of more, some from the first to the last.
const FILES_READ: usize = 100;
/// Files that are read from at once.
const AT_ONCE: usize = 16;

/// What the first bytes of a dataset's files told.
#[derive(Default)]
pub struct Headers {
    /// The files that can be read, by file date.
    pub read: Vec<Glimpse>,
    /// Whether that is every file there is.
    pub are_all: bool,
}

/// Examines the files of a dataset; returns its SQL, if it can be read, and what the files' headers told.
pub async fn examine(
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
    if !add_match(&mut list, dataset, listing) {
        list.skipped_all(&LISTED[2..], "there is no file");
        return (sql, Headers::default(), list.checks);
    }
    add_days(&mut list, dataset, listing);
    let headers = add_reading(&mut list, store, dataset, listing).await;
    add_exports(&mut list, dataset, sql.as_ref(), &headers);
    (sql, headers, list.checks)
}

fn add_sql(list: &mut Checklist, dataset: &Dataset) -> Option<Sql> {
    let subject = std::mem::replace(&mut list.subject, dataset.sql.display().to_string());
    let read = match Sql::read(dataset) {
        Ok(sql) => {
            list.passed("sql-files", "its SQL files can be read and parse");
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

/// Whether the key pattern finds any file, and what it does not find.
fn add_match(list: &mut Checklist, dataset: &Dataset, listing: &Listing) -> bool {
    let (files, ignored) = (listing.files.len(), listing.ignored.len());
    let missed = listing.findings.iter().find_map(|finding| match finding {
        Finding::KeysWithoutDate { count, examples } => Some((*count, examples.join(", "))),
        _ => None,
    });
    let next = format!("set datasets.{}.key to a pattern that finds them", dataset.name);
    match (files, &missed) {
        (0, Some((count, example))) => list.failed(
            "files-match",
            format!("the key pattern finds none of {count} key(s) here, such as {example}"),
            next.clone(),
        ),
        (0, None) => list.warned(
            "files-match",
            "there is no file here yet, so that a run has nothing to load",
            "check the prefix; if the exports have not begun, there is nothing to do",
        ),
        (files, _) => list.passed(
            "files-match",
            format!("the key pattern finds {files} file(s), of {}", listing.range),
        ),
    }
    match missed {
        Some((count, example)) if files > 0 => list.warned(
            "files-ignored",
            format!("{count} key(s) look like files and are not found by the key pattern, such as {example}"),
            format!("if they are exports, {next}"),
        ),
        Some(_) => list.skipped("files-ignored", "the key pattern finds no file"),
        None => list.passed("files-ignored", format!("{ignored} other key(s) are no exports")),
    }
    for finding in &listing.findings {
        match finding {
            Finding::UnusableKeys { .. } => list.warned(
                "files-keys",
                finding.to_string(),
                "rename these objects: runs leave them out",
            ),
            Finding::FutureDates { .. } | Finding::FarDates { .. } => {
                list.warned("files-dates", finding.to_string(), next.clone());
            }
            _ => {}
        }
    }
    files > 0
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
                _ => format!("every file is there that is due (every = \"{every}\")"),
            };
            list.passed("files-days", found);
        }
        (false, _) => list.warned(
            "files-days",
            some_of(&missing),
            "ask for the exports of these days again, if there should be some",
        ),
        (true, false) => list.warned(
            "files-days",
            format!("days with several files: {}", some_of(&several)),
            "see that dedupe.sql decides between the rows of such files",
        ),
    }
    let empty: Vec<String> = listing.findings.iter().filter_map(key_of_empty).collect();
    if empty.is_empty() || dataset.zero_byte_files == ZeroByteFiles::Skip {
        list.passed("files-empty", "no file of no bytes stands in the way");
    } else {
        list.failed(
            "files-empty",
            format!("files of no bytes: {}", some_of(&empty)),
            "ask for these exports again, or set zero_byte_files = \"skip\" for the dataset",
        );
    }
}

fn key_of_empty(finding: &Finding) -> Option<String> {
    match finding {
        Finding::ZeroBytes { key } => Some(key.clone()),
        _ => None,
    }
}

/// Some of the files, the first and the last among them.
fn spread(files: &[SourceFile]) -> Vec<&SourceFile> {
    let last = files.len().saturating_sub(1);
    match files.len() {
        0..=FILES_READ => files.iter().collect(),
        _ => (0..FILES_READ).map(|place| &files[place * last / (FILES_READ - 1)]).collect(),
    }
}

/// Reads the first bytes of the files, and sorts out those that cannot be read.
async fn add_reading(
    list: &mut Checklist,
    store: &Store,
    dataset: &Dataset,
    listing: &Listing,
) -> Headers {
    let chosen = spread(&listing.files);
    let mut headers = Headers { read: Vec::new(), are_all: chosen.len() == listing.files.len() };
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
            Err(error) if error.is_about_the_store() => refused.push((file.key.clone(), error)),
            Err(error) => unusable.push((file.key.clone(), error)),
        }
    }
    let looked_at = headers.read.len() + archived.len() + refused.len() + unusable.len();
    add_refused(list, &refused, looked_at);
    add_archived(list, &archived);
    add_unusable(list, &unusable, refused.len() + archived.len() == looked_at);
    headers
}

fn add_refused(list: &mut Checklist, refused: &[(String, mirror::Error)], looked_at: usize) {
    let keys: Vec<String> = refused.iter().map(|(key, _)| key.clone()).collect();
    let Some((_, first)) = refused.first() else {
        return list
            .passed("files-readable", format!("{looked_at} file(s) were asked for their start"));
    };
    let next = match first.store_error() {
        Some(object_store::Error::PermissionDenied { .. }) => {
            "grant s3:GetObject on the objects of this prefix, and kms:Decrypt if they are encrypted with a \
             key of their own"
                .to_owned()
        }
        _ => first.hint().unwrap_or_default(),
    };
    list.failed(
        "files-readable",
        format!("the store gives out no byte of {}", some_of(&keys)),
        next,
    );
}

fn add_archived(list: &mut Checklist, archived: &[String]) {
    match archived {
        [] => list.passed("files-archived", "no file that was asked for is archived"),
        keys => list.failed(
            "files-archived",
            format!("{} file(s) lie in an archive: {}", keys.len(), some_of(keys)),
            "restore them (aws s3api restore-object), and run when they are back, or leave their days out",
        ),
    }
}

fn add_unusable(list: &mut Checklist, unusable: &[(String, mirror::Error)], is_blind: bool) {
    match unusable {
        [] if is_blind => list.skipped("files-header", "no file can be read"),
        [] => list.passed("files-header", "the headers name columns"),
        [(key, error), more @ ..] => {
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
    let names = |file: &Glimpse| Arc::clone(&file.names);
    let names: Vec<_> =
        headers.read.iter().map(|file| (file.file.key.as_str(), names(file))).collect();
    let pairs = names.iter().map(|(key, names)| (*key, &**names));
    match check::refuse_not_exports(dataset, sql, pairs) {
        Ok(()) => list.passed(ID, "their columns are those that the SQL is made for"),
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

    #[test]
    fn the_first_and_the_last_of_many_files_are_looked_at() {
        let file = |number: usize| SourceFile {
            name: String::new(),
            key: number.to_string(),
            date: FileDate::default(),
            location: Default::default(),
            identity: Identity { size: 1, etag: None, last_modified: Default::default() },
        };
        let files: Vec<SourceFile> = (0..1234).map(file).collect();
        let chosen: Vec<&str> = spread(&files).iter().map(|file| file.key.as_str()).collect();
        assert_eq!((chosen.len(), chosen[0], chosen[FILES_READ - 1]), (FILES_READ, "0", "1233"));
        assert_eq!(spread(&files[..3]).len(), 3);
    }
}
