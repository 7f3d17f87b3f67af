//! The likely **key** of a dataset: the columns whose values no two rows of a file share.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::parquet::errors::ParquetError;
use futures::TryStreamExt;

use crate::domain::dlt_name::column_name;
use crate::mirror::Mirrored;
use crate::profile::{self, FileProfile, Profile};
use crate::store::{Store, object};
use crate::values::Kind;

/// At most this many rows of a file are looked at.
const ROWS: usize = 200_000;
/// Pairs are tried of this many columns.
const CANDIDATES: usize = 10;
/// Above this share, the keys of a file mostly come again in the next.
const MOSTLY: f64 = 0.5;

/// What may be the key of a dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guess {
    /// The columns that are unique together in every file, as few as possible; empty if no column or pair
    /// of columns is unique.
    pub columns: Vec<String>,
    /// The largest share of a file's keys that come again in the next of the files.
    pub again: f64,
    /// Whether a key that comes again is taken for a row that is sent again. If not, the columns may as
    /// well count the lines of a file, or name a customer who comes back.
    pub is_trusted: bool,
    /// How many files with rows were looked at.
    pub files: usize,
}

/// Guesses the key from some files. A column that is named like a key and after the dataset is preferred:
/// another column may merely number the rows, so that a later file gives the same row another number.
///
/// # Errors
/// [`profile::Error`] if a mirror cannot be read.
pub async fn likely(
    staging: &Store,
    dataset: &str,
    files: &[(&Mirrored, &FileProfile)],
) -> Result<Guess, profile::Error> {
    let files: Vec<_> = files.iter().filter(|(_, profile)| profile.rows > 0).copied().collect();
    let candidates = candidates(&files);
    let own_name = candidates.iter().find(|name| is_own(name, dataset));
    let hasher = RandomState::new();
    let mut tried = followed(staging, &files, singles(&candidates), &hasher).await?;
    let unique: HashSet<&String> = tried.iter().flat_map(|tried| &tried.columns).collect();
    let pairs = pairs(&candidates, own_name, &unique).into_iter().map(Tried::of).collect();
    tried.extend(followed(staging, &files, pairs, &hasher).await?);
    let own = own_name.map(|name| Own { name, counts_lines: counts_lines(name, &files) });
    let (trusted, others): (Vec<Tried>, Vec<Tried>) =
        tried.into_iter().partition(|tried| tried.is_trusted(own.as_ref()));
    let is_trusted = !trusted.is_empty();
    let sets = if is_trusted { &trusted } else { &others };
    let (columns, again) = match best(sets, own.as_ref()) {
        Some(best) => (best.columns.clone(), best.again),
        None => (Vec::new(), 0.0),
    };
    Ok(Guess { columns, again, is_trusted, files: files.len() })
}

/// The column that is named like a key and after the dataset.
struct Own<'a> {
    name: &'a String,
    /// Whether it numbers the rows of each file.
    counts_lines: bool,
}

/// Columns that are unique together in all files so far.
#[derive(Default)]
struct Tried {
    columns: Vec<String>,
    again: f64,
    /// The hashes of the last file's keys.
    keys: HashSet<u64>,
}

impl Tried {
    /// Columns before the first file.
    fn of(columns: Vec<String>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Adds the keys of the next file.
    fn followed_by(self, keys: HashSet<u64>) -> Self {
        let again = keys.intersection(&self.keys).count() as f64;
        let again = again / (keys.len().min(self.keys.len()).max(1)) as f64;
        Self { columns: self.columns, again: self.again.max(again), keys }
    }

    /// Whether a key that comes again is taken for a row that is sent again.
    fn is_trusted(&self, own: Option<&Own<'_>>) -> bool {
        match own {
            Some(own) if self.columns.contains(own.name) => {
                !(own.counts_lines && self.again > MOSTLY)
            }
            _ => self.again == 0.0 && self.columns.iter().all(|name| is_named_like_a_key(name)),
        }
    }
}

/// The sets of columns that are unique in each of the files.
async fn followed(
    staging: &Store,
    files: &[(&Mirrored, &FileProfile)],
    mut tried: Vec<Tried>,
    hasher: &RandomState,
) -> Result<Vec<Tried>, profile::Error> {
    for (mirrored, _) in files {
        let unique = unique(staging, mirrored, &tried, hasher).await?;
        let kept = tried.into_iter().zip(unique);
        tried = kept.filter_map(|(tried, keys)| Some(tried.followed_by(keys?))).collect();
    }
    Ok(tried)
}

/// Each column by itself.
fn singles(candidates: &[String]) -> Vec<Tried> {
    candidates.iter().map(|name| Tried::of(vec![name.clone()])).collect()
}

/// The pairs of columns to try: all pairs of the first few candidates, and the dataset's own number with each
/// other candidate.
///
/// Pairs with a column that is unique by itself are left out: they are unique too, which says nothing about the
/// other column.
fn pairs(
    candidates: &[String],
    own: Option<&String>,
    unique: &HashSet<&String>,
) -> Vec<Vec<String>> {
    let few = &candidates[..candidates.len().min(CANDIDATES)];
    let of_few = few.iter().enumerate().flat_map(|(index, first)| {
        few[index + 1..].iter().map(move |other| vec![first.clone(), other.clone()])
    });
    let others = candidates.iter().skip(CANDIDATES);
    let with_own = own
        .into_iter()
        .flat_map(|own| others.clone().map(|other| vec![own.clone(), other.clone()]));
    let pairs = of_few.chain(with_own);
    pairs.filter(|pair| !pair.iter().any(|name| unique.contains(name))).collect()
}

/// Whether a column numbers the rows of each file, from 0 or 1 on.
fn counts_lines(name: &str, files: &[(&Mirrored, &FileProfile)]) -> bool {
    files.iter().all(|(_, file)| {
        let profile = file.columns.iter().find(|profile| profile.name == name);
        profile.is_some_and(|profile| numbers_rows(profile, file.rows))
    })
}

/// Whether the values of a column go from 0 or 1 up to the number of rows.
fn numbers_rows(profile: &Profile, rows: u64) -> bool {
    let ends = profile.percentiles.first().zip(profile.percentiles.last());
    ends.is_some_and(|(first, last)| *first <= 1.0 && last - first + 1.0 == rows as f64)
}

/// The set to take for the key: the first that has the dataset's own number in it, or else the first.
fn best<'a>(sets: &'a [Tried], own: Option<&Own<'_>>) -> Option<&'a Tried> {
    let with_own = own.and_then(|own| sets.iter().find(|set| set.columns.contains(own.name)));
    with_own.or(sets.first())
}

/// Whether a column is named like a key, after the dataset: `orders_id` of `orders_create`.
fn is_own(name: &str, dataset: &str) -> bool {
    let name = column_name(name);
    let first = name.split('_').next().map(stem);
    let is_of_dataset = dataset.split('_').any(|word| Some(stem(word)) == first);
    is_named_like_a_key(&name) && (name == "id" || is_of_dataset)
}

/// A word without the `s` of its plural.
fn stem(word: &str) -> &str {
    word.trim_end_matches('s')
}

/// Columns that have a value in every row, those named like a key first, then those with more different
/// values.
fn candidates(files: &[(&Mirrored, &FileProfile)]) -> Vec<String> {
    let Some((_, newest)) = files.last() else { return Vec::new() };
    let full = newest.columns.iter().filter(|profile| is_full(&profile.name, files));
    // A value that is the same in all rows does not identify a row, and a number with decimals is not a key.
    let useful = full
        .filter(|profile| profile.distinct > 1 || newest.rows <= 1)
        .filter(|profile| profile.of_kind(&Kind::Decimal) == 0);
    let mut useful: Vec<&Profile> = useful.collect();
    useful.sort_by_key(|profile| !is_named_like_a_key(&profile.name));
    let keys = useful.iter().filter(|profile| is_named_like_a_key(&profile.name)).count();
    useful[keys..].sort_by_key(|profile| std::cmp::Reverse(profile.distinct));
    useful.into_iter().map(|profile| profile.name.clone()).collect()
}

/// Whether a column has a value in every row of every file.
fn is_full(name: &str, files: &[(&Mirrored, &FileProfile)]) -> bool {
    files.iter().all(|(_, file)| {
        let found = file.columns.iter().find(|profile| profile.name == name);
        found.is_some_and(|profile| profile.given == file.rows)
    })
}

fn is_named_like_a_key(name: &str) -> bool {
    let name = column_name(name);
    let ends = ["id", "key", "uuid", "guid", "number", "no"];
    name.rsplit('_').next().is_some_and(|last| ends.contains(&last))
}

/// The hashes of the values of each set of columns; `None` for a set if two rows of the file share its values.
async fn unique(
    staging: &Store,
    mirrored: &Mirrored,
    tried: &[Tried],
    hasher: &RandomState,
) -> Result<Vec<Option<HashSet<u64>>>, profile::Error> {
    let batches = object::read(&staging.objects, &mirrored.path, mirrored.size).await;
    let mut batches = batches.map_err(|source| unreadable(staging, mirrored, source))?;
    let mut seen: Vec<Option<HashSet<u64>>> = vec![Some(HashSet::new()); tried.len()];
    let mut rows = 0;
    while let Some(batch) =
        batches.try_next().await.map_err(|source| unreadable(staging, mirrored, source))?
    {
        for (tried, slot) in tried.iter().zip(&mut seen) {
            let Some(keys) = slot else { continue };
            if !hashes(&batch, &tried.columns, hasher).all(|hash| keys.insert(hash)) {
                *slot = None;
            }
        }
        rows += batch.num_rows();
        if rows > ROWS {
            break;
        }
    }
    Ok(seen)
}

fn unreadable(staging: &Store, mirrored: &Mirrored, source: ParquetError) -> profile::Error {
    profile::Error::Mirror { path: staging.key(&mirrored.path), source }
}

/// The hash of each row's values in these columns.
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

    /// The columns of the best of some sets that are unique.
    fn best_of(sets: &[&[&str]], own: Option<&String>) -> Option<Vec<String>> {
        let sets: Vec<Tried> = sets.iter().map(|set| Tried::of(owned(set))).collect();
        let own = own.map(|name| Own { name, counts_lines: false });
        best(&sets, own.as_ref()).map(|best| best.columns.clone())
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_key_has_the_datasets_own_number_in_it() {
        let own = "orders_id".to_owned();
        assert!(is_own(&own, "orders_create") && is_own("Order ID", "orders_update"));
        assert!(!is_own("prospects_id", "orders_create") && !is_own("order_date", "orders_create"));
        let with_sku = owned(&["orders_id", "sku"]);
        assert_eq!(
            best_of(&[&["prospects_id"], &["orders_id", "sku"]], Some(&own)),
            Some(with_sku)
        );
        assert_eq!(
            best_of(&[&["prospects_id"], &["orders_id"]], Some(&own)),
            Some(vec![own.clone()])
        );
        assert_eq!(best_of(&[&["x"]], None), Some(owned(&["x"])));
        assert_eq!(best_of(&[], None), None);
    }

    #[test]
    fn a_pair_with_a_column_that_is_unique_by_itself_is_not_tried() {
        let candidates = owned(&["orders_id", "prospects_id", "sku"]);
        let unique = HashSet::from([&candidates[1]]);
        assert_eq!(
            pairs(&candidates, Some(&candidates[0]), &unique),
            [owned(&["orders_id", "sku"])]
        );
    }
}
