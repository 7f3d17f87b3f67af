//! The files **around** a range that were read before. Staging still knows what their mirrors say, so that a single
//! file can be compared with others.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;

use super::{Error, Note};
use crate::domain::{Dataset, DateRange, FileDate, Limits};
use crate::store::layout::Key;
use crate::store::{Store, layout, object};

/// How many days before the range, and how many after it, are looked at.
const DAYS: usize = 28;
/// How many notes are read at once, for each file that is mirrored at once.
const NOTES_PER_FILE: usize = 8;

/// Reads the notes of the mirrors of the days nearest to a range, outside it. Of several mirrors of one file, one
/// counts.
///
/// # Errors
/// [`Error::Staging`].
pub(super) async fn around(
    staging: &Store,
    dataset: &Dataset,
    range: DateRange,
    limits: Limits,
) -> Result<Vec<(FileDate, Note)>, Error> {
    let folder = layout::mirrors(&dataset.name);
    let sizes = object::sizes(&staging.objects, &staging.path(&folder)).await;
    let sizes =
        sizes.map_err(|source| Error::Staging { path: staging.display(&folder), source })?;
    let mut files: BTreeMap<(FileDate, String), (Path, u64)> = BTreeMap::new();
    for (path, size) in sizes {
        let Some(key) = Key::read(&staging.key(&path)).filter(|key| !key.is_leftover) else {
            continue;
        };
        let date = key.date.filter(|date| !range.contains(*date));
        if let Some(date) = date {
            files.insert((date, key.stem().to_owned()), (path, size));
        }
    }
    let days = nearest(files.keys().map(|(date, _)| *date), range);
    files.retain(|(date, _), _| days.contains(date));
    let notes: Vec<Option<(FileDate, Note)>> = stream::iter(files)
        .map(|((date, _), (path, size))| async move {
            Ok::<_, Error>(note(staging, &path, size).await?.map(|note| (date, note)))
        })
        .buffered(limits.files_at_once * NOTES_PER_FILE)
        .try_collect()
        .await?;
    Ok(notes.into_iter().flatten().collect())
}

/// Reads the note of a mirror; `None` if it has none, or was deleted since it was listed.
async fn note(staging: &Store, path: &Path, size: u64) -> Result<Option<Note>, Error> {
    match object::read_note(&staging.objects, path, size).await {
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        note => note.map_err(|source| Error::Staging { path: staging.key(path), source }),
    }
}

/// Returns the days that are nearest to a range, out of sorted days outside it.
fn nearest(days: impl Iterator<Item = FileDate>, range: DateRange) -> Vec<FileDate> {
    let mut days: Vec<FileDate> = days.collect();
    days.dedup();
    let start = days.partition_point(|date| *date < range.start());
    let end = (start + DAYS).min(days.len());
    days.drain(start.saturating_sub(DAYS)..end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u64) -> FileDate {
        FileDate::default().plus_days(number)
    }

    #[test]
    fn the_nearest_days_are_on_both_sides() {
        let range = DateRange::between(day(100), day(110));
        let outside = (0..100).chain(111..200).map(day);
        let found = nearest(outside, range);
        assert_eq!(found.len(), 2 * DAYS);
        assert_eq!((found[0], found[2 * DAYS - 1]), (day(72), day(138)));
        assert_eq!(nearest([day(1), day(1)].into_iter(), range), [day(1)]);
    }
}
