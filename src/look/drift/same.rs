//! Files with the **same content** as an earlier file: a day that was exported again instead of the next, or a copy
//! made by hand.

use std::collections::HashMap;

use super::calendar::Seen;
use super::content::Profiled;
use super::glimpse::Glimpse;

/// Finds files that have as many bytes as an earlier one, and start with the same bytes. For small files these are all
/// bytes. If the store's etags are the same, all bytes are the same, too. Files without a record do not count: they
/// are all alike.
pub fn by_first_bytes<'a>(glimpses: impl IntoIterator<Item = &'a Glimpse>) -> Vec<Seen> {
    let mut first: HashMap<(u64, &str), &Glimpse> = HashMap::new();
    let mut found = Vec::new();
    for glimpse in glimpses.into_iter().filter(|glimpse| glimpse.records.seen > 0) {
        let identity = &glimpse.file.identity;
        let Some(other) = first.get(&(identity.size, glimpse.digest.as_str())) else {
            first.insert((identity.size, &glimpse.digest), glimpse);
            continue;
        };
        let has_same_tag = identity.etag.is_some() && identity.etag == other.file.identity.etag;
        found.push(Seen::SameContent {
            key: glimpse.file.key.clone(),
            date: glimpse.file.date,
            other: other.file.key.clone(),
            is_certain: glimpse.is_whole || has_same_tag,
        });
    }
    found
}

/// Finds files that have the same rows as an earlier one, in any order and in any dialect.
pub fn by_rows(files: &[Profiled<'_>]) -> Vec<Seen> {
    let mut first: HashMap<(u64, &str), &str> = HashMap::new();
    let mut found = Vec::new();
    for (file, profile) in files.iter().filter(|(_, profile)| profile.rows > 0) {
        let Some(other) = first.get(&(profile.rows, profile.digest.as_str())) else {
            first.insert((profile.rows, &profile.digest), &file.key);
            continue;
        };
        found.push(Seen::SameContent {
            key: file.key.clone(),
            date: file.date,
            other: (*other).to_owned(),
            is_certain: true,
        });
    }
    found
}
