//! The likely **key** of a dataset: the columns whose values no two rows of a file share.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::parquet::errors::ParquetError;
use futures::TryStreamExt;

use crate::mirror::Mirrored;
use crate::parquet;
use crate::profile::{FileProfile, Kind};
use crate::source::Store;

/// Rows of a file that are looked at.
const ROWS: usize = 200_000;
/// Columns of which pairs are tried.
const CANDIDATES: usize = 10;

/// The columns that are unique together in every file, as few as possible; nothing where no column or
/// pair is. A column that is named like a key and after the dataset is part of it where it can be: that
/// rows have another number of their own does not make it what a later file sends again.
///
/// # Errors
/// Where a mirror cannot be read.
pub async fn likely(
    staging: &Store,
    dataset: &str,
    files: &[(&Mirrored, &FileProfile)],
) -> Result<Option<Vec<String>>, ParquetError> {
    let candidates = candidates(files);
    let own = candidates.iter().find(|name| is_own(name, dataset));
    let mut sets: Vec<Vec<String>> = candidates.iter().map(|name| vec![name.clone()]).collect();
    let few = &candidates[..candidates.len().min(CANDIDATES)];
    for (index, first) in few.iter().enumerate() {
        sets.extend(few[index + 1..].iter().map(|other| vec![first.clone(), other.clone()]));
    }
    let others = candidates.iter().skip(CANDIDATES);
    sets.extend(
        own.iter().flat_map(|own| others.clone().map(|other| vec![(*own).clone(), other.clone()])),
    );
    for (mirrored, _) in files {
        let repeated = repeated(staging, mirrored, &sets).await?;
        let mut repeats = repeated.into_iter();
        sets.retain(|_| !repeats.next().unwrap_or(true));
    }
    Ok(best(sets, own))
}

/// Of sets that are unique, the one to take for the key.
fn best(sets: Vec<Vec<String>>, own: Option<&String>) -> Option<Vec<String>> {
    let alone: Vec<String> = sets.iter().filter(|set| set.len() == 1).flatten().cloned().collect();
    let has_own = |set: &&Vec<String>| own.is_some_and(|own| set.contains(own));
    // A pair with a column that is unique by itself says nothing of the other.
    let is_least = |set: &&Vec<String>| set.len() == 1 || !set.iter().any(|n| alone.contains(n));
    let with_own = sets.iter().filter(has_own).find(is_least);
    with_own.or_else(|| sets.iter().find(is_least)).cloned()
}

/// Whether a column is named like a key, after the dataset: `orders_id` of `orders_create`.
fn is_own(name: &str, dataset: &str) -> bool {
    let stem = |word: &str| word.trim_end_matches('s').to_owned();
    let words: Vec<String> = dataset.split('_').map(stem).collect();
    let name = super::naming::column_name(name);
    let first = name.split('_').next().map(stem).unwrap_or_default();
    is_named_like_a_key(&name) && (name == "id" || words.contains(&first))
}

/// Columns that have a value in every row, those named like a key first, then those with more different
/// values.
fn candidates(files: &[(&Mirrored, &FileProfile)]) -> Vec<String> {
    let Some((_, newest)) = files.last() else { return Vec::new() };
    let is_full = |name: &str| {
        files.iter().all(|(_, file)| {
            let found = file.columns.iter().find(|profile| profile.name == name);
            found.is_some_and(|profile| profile.given == file.rows)
        })
    };
    let full = newest.columns.iter().filter(|profile| is_full(&profile.name));
    // What is the same in all rows tells none of them apart, nor does a number with decimals.
    let useful = full.filter(|profile| profile.distinct > 1 || newest.rows <= 1);
    let useful = useful.filter(|profile| profile.of_kind(&Kind::Decimal) == 0);
    let mut useful: Vec<_> = useful.collect();
    useful.sort_by_key(|profile| !is_named_like_a_key(&profile.name));
    let keys = useful.iter().filter(|profile| is_named_like_a_key(&profile.name)).count();
    useful[keys..].sort_by_key(|profile| std::cmp::Reverse(profile.distinct));
    useful.into_iter().map(|profile| profile.name.clone()).collect()
}

fn is_named_like_a_key(name: &str) -> bool {
    let name = super::naming::column_name(name);
    let ends = ["id", "key", "uuid", "guid", "number", "no"];
    name.rsplit('_').next().is_some_and(|last| ends.contains(&last))
}

/// For each set of columns, whether two rows of the file share its values.
async fn repeated(
    staging: &Store,
    mirrored: &Mirrored,
    sets: &[Vec<String>],
) -> Result<Vec<bool>, ParquetError> {
    let objects = Arc::clone(&staging.objects);
    let mut batches = parquet::read(&objects, &mirrored.path, mirrored.size).await?;
    let hasher = RandomState::new();
    let mut seen: Vec<HashSet<u64>> = vec![HashSet::new(); sets.len()];
    let mut repeats = vec![false; sets.len()];
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await? {
        for (index, set) in sets.iter().enumerate() {
            if !repeats[index] {
                repeats[index] = !hashes(&batch, set, &hasher).all(|hash| seen[index].insert(hash));
            }
        }
        rows += batch.num_rows();
        if rows > ROWS {
            break;
        }
    }
    Ok(repeats)
}

fn hashes<'a>(
    batch: &'a RecordBatch,
    set: &'a [String],
    hasher: &'a RandomState,
) -> impl Iterator<Item = u64> + 'a {
    let columns: Vec<_> =
        set.iter().filter_map(|name| batch.column_by_name(name)?.as_string_opt::<i32>()).collect();
    (0..batch.num_rows()).map(move |row| {
        let values: Vec<&str> = columns.iter().map(|column| column.value(row)).collect();
        hasher.hash_one(values)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(sets: &[&[&str]]) -> Vec<Vec<String>> {
        sets.iter().map(|set| set.iter().map(|name| (*name).to_owned()).collect()).collect()
    }

    #[test]
    fn the_key_has_the_datasets_own_number_in_it() {
        let own = "orders_id".to_owned();
        assert!(is_own(&own, "orders_create") && is_own("Order ID", "orders_update"));
        assert!(!is_own("prospects_id", "orders_create") && !is_own("order_date", "orders_create"));
        let unique =
            sets(&[&["prospects_id"], &["orders_id", "prospects_id"], &["orders_id", "sku"]]);
        assert_eq!(best(unique, Some(&own)), Some(vec![own.clone(), "sku".to_owned()]));
        let alone = sets(&[&["prospects_id"], &["orders_id"]]);
        assert_eq!(best(alone, Some(&own)), Some(vec![own]));
        assert_eq!(best(sets(&[&["x"]]), None), Some(vec!["x".to_owned()]));
        assert_eq!(best(Vec::new(), None), None);
    }
}
