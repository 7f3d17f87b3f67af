//! The files **around** a range that were read before: what staging still knows of the days next to it, so that a
//! file that comes alone can be compared with others.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;

use super::{Error, Note};
use crate::domain::{Dataset, DateRange, FileDate, Limits};
use crate::store::layout::Key;
use crate::store::{Store, layout, object};

/// So many days are looked at before the range, and so many after it.
const DAYS: usize = 28;
/// How many notes are read at once, for each file that is mirrored at once.
const NOTES_PER_FILE: usize = 8;

/// What the mirrors say of themselves that staging has of the days nearest to a range, outside of it. Of several
/// mirrors of a file, one counts.
///
/// # Errors
/// [`Error::Staging`].
pub async fn around(
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

/// What a mirror says of itself; `None` if it says nothing, or was deleted since it was listed.
async fn note(staging: &Store, path: &Path, size: u64) -> Result<Option<Note>, Error> {
    match object::read_note(&staging.objects, path, size).await {
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        note => note.map_err(|source| Error::Staging { path: staging.key(path), source }),
    }
}

/// The days that are nearest to a range, of some outside of it that are sorted.
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

    #[test]
    fn the_nearest_days_are_on_both_sides() {
        let day = |number: u64| FileDate::default().plus_days(number);
        let range = DateRange::between(day(100), day(110));
        let outside = (0..100).chain(111..200).map(day);
        let found = nearest(outside, range);
        assert_eq!(found.len(), 2 * DAYS);
        assert_eq!((found[0], found[2 * DAYS - 1]), (day(72), day(138)));
        assert_eq!(nearest([day(1), day(1)].into_iter(), range), [day(1)]);
    }
}
