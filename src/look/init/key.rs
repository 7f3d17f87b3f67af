//! The likely **key** of a dataset: the columns whose values no two rows of a file share.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use datafusion::arrow::array::{AsArray, RecordBatch};
use futures::TryStreamExt;

use crate::mirror::Mirrored;
use crate::profile::{self, FileProfile};
use crate::store::{Store, object};
use crate::values::Kind;

/// Rows of a file that are looked at.
const ROWS: usize = 200_000;
/// Columns of which pairs are tried.
const CANDIDATES: usize = 10;
/// From this share on, the keys of a file mostly come again.
const MOSTLY: f64 = 0.5;

/// What may be the key of a dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guess {
    /// The columns that are unique together in every file, as few as possible; none where no column
    /// or pair is.
    pub columns: Vec<String>,
    /// The largest share of a file's keys that come again in the next of the files.
    pub again: f64,
    /// Whether a key that comes again is taken for a row that is sent again. Where it is not, the
    /// columns may as well count the lines of a file, or name a customer who comes back.
    pub is_trusted: bool,
    /// How many files with rows were looked at.
    pub files: usize,
}

/// Guesses the key from some files. A column that is named like a key and after the dataset is part of
/// it where it can be: that rows have another number of their own does not make it what a later file
/// sends again.
///
/// # Errors
/// Where a mirror cannot be read.
pub async fn likely(
    staging: &Store,
    dataset: &str,
    files: &[(&Mirrored, &FileProfile)],
) -> Result<Guess, profile::Error> {
    let files: Vec<_> = files.iter().filter(|(_, profile)| profile.rows > 0).copied().collect();
    let candidates = candidates(&files);
    let own = candidates.iter().find(|name| is_own(name, dataset));
    let hasher = RandomState::new();
    // A pair with a column that is unique by itself is unique too, and says nothing of the other column:
    // the columns are tried first, and pairs only of those that are not.
    let mut tried = followed(staging, &files, singles(&candidates), &hasher).await?;
    let unique: HashSet<&String> = tried.iter().flat_map(|tried| &tried.columns).collect();
    let pairs =
        pairs(&candidates, own).filter(|pair| !pair.iter().any(|name| unique.contains(name)));
    let pairs: Vec<Tried> = pairs.map(Tried::of).collect();
    tried.extend(followed(staging, &files, pairs, &hasher).await?);
    let counts_lines = own.is_some_and(|own| counts_lines(own, &files));
    let is_trusted = |tried: &Tried| match own {
        Some(own) if tried.columns.contains(own) => !(counts_lines && tried.again > MOSTLY),
        _ => tried.again == 0.0 && tried.columns.iter().all(|name| is_named_like_a_key(name)),
    };
    let least = least(tried, |tried| &tried.columns);
    let (trusted, others): (Vec<Tried>, Vec<Tried>) = least.into_iter().partition(is_trusted);
    let guess = |tried: &Tried, is_trusted| {
        let columns = tried.columns.clone();
        Guess { columns, again: tried.again, is_trusted, files: files.len() }
    };
    let columns = |tried: &Tried| tried.columns.clone();
    let place = |sets: &[Tried]| best(&sets.iter().map(columns).collect::<Vec<_>>(), own);
    let none = Guess { files: files.len(), ..Guess::default() };
    Ok(match (place(&trusted), place(&others)) {
        (Some(place), _) => guess(&trusted[place], true),
        (None, Some(place)) => guess(&others[place], false),
        (None, None) => none,
    })
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
    /// Columns of which nothing is known yet.
    fn of(columns: Vec<String>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// With the keys of the next file.
    fn followed_by(self, keys: HashSet<u64>) -> Self {
        let again = keys.intersection(&self.keys).count() as f64;
        let again = again / (keys.len().min(self.keys.len()).max(1)) as f64;
        Self { columns: self.columns, again: self.again.max(again), keys }
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

/// The pairs of columns to try: all of the first few, and the dataset's own number with each other one.
fn pairs<'a>(
    candidates: &'a [String],
    own: Option<&'a String>,
) -> impl Iterator<Item = Vec<String>> + 'a {
    let few = &candidates[..candidates.len().min(CANDIDATES)];
    let of_few = few.iter().enumerate().flat_map(|(index, first)| {
        few[index + 1..].iter().map(move |other| vec![first.clone(), other.clone()])
    });
    let others = candidates.iter().skip(CANDIDATES);
    let with_own = own
        .into_iter()
        .flat_map(move |own| others.clone().map(move |other| vec![own.clone(), other.clone()]));
    of_few.chain(with_own)
}

/// Whether a column numbers the rows of each file, from 0 or 1 on.
fn counts_lines(name: &str, files: &[(&Mirrored, &FileProfile)]) -> bool {
    let counts = |(_, file): &(&Mirrored, &FileProfile)| {
        let profile = file.columns.iter().find(|profile| profile.name == name)?;
        let (first, last) = (profile.percentiles.first()?, profile.percentiles.last()?);
        Some(*first <= 1.0 && last - first + 1.0 == file.rows as f64)
    };
    files.iter().all(|file| counts(file).unwrap_or(false))
}

/// Of sets that are unique, those that need each of their columns: a pair with a column that is unique
/// by itself says nothing of the other.
fn least<T>(sets: Vec<T>, columns: fn(&T) -> &Vec<String>) -> Vec<T> {
    let single = sets.iter().map(columns).filter(|set| set.len() == 1);
    let alone: HashSet<String> = single.flatten().cloned().collect();
    let is_least = |set: &T| {
        let set = columns(set);
        set.len() == 1 || !set.iter().any(|name| alone.contains(name))
    };
    sets.into_iter().filter(is_least).collect()
}

/// The place of the set to take for the key: the first with the dataset's own number in it, or else the
/// first.
fn best(sets: &[Vec<String>], own: Option<&String>) -> Option<usize> {
    let has_own = |set: &Vec<String>| own.is_some_and(|own| set.contains(own));
    sets.iter().position(has_own).or((!sets.is_empty()).then_some(0))
}

/// Whether a column is named like a key, after the dataset: `orders_id` of `orders_create`.
fn is_own(name: &str, dataset: &str) -> bool {
    let stem = |word: &str| word.trim_end_matches('s').to_owned();
    let words: Vec<String> = dataset.split('_').map(stem).collect();
    let name = crate::domain::dlt_name::column_name(name);
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
    let name = crate::domain::dlt_name::column_name(name);
    let ends = ["id", "key", "uuid", "guid", "number", "no"];
    name.rsplit('_').next().is_some_and(|last| ends.contains(&last))
}

/// For each set of columns the hashes of its values, or nothing where two rows of the file share them.
async fn unique(
    staging: &Store,
    mirrored: &Mirrored,
    tried: &[Tried],
    hasher: &RandomState,
) -> Result<Vec<Option<HashSet<u64>>>, profile::Error> {
    let unreadable = |source| profile::Error::Mirror { path: staging.key(&mirrored.path), source };
    let batches = object::read(&staging.objects, &mirrored.path, mirrored.size).await;
    let mut batches = batches.map_err(unreadable)?;
    let mut seen: Vec<Option<HashSet<u64>>> = vec![Some(HashSet::new()); tried.len()];
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await.map_err(unreadable)? {
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

    fn named(sets: &[&[&str]]) -> Vec<Vec<String>> {
        sets.iter().map(|set| set.iter().map(|name| (*name).to_owned()).collect()).collect()
    }

    #[test]
    fn the_key_has_the_datasets_own_number_in_it() {
        let own = "orders_id".to_owned();
        assert!(is_own(&own, "orders_create") && is_own("Order ID", "orders_update"));
        assert!(!is_own("prospects_id", "orders_create") && !is_own("order_date", "orders_create"));
        let best = |unique: &[&[&str]], own| {
            let least = least(named(unique), |set| set);
            best(&least, own).map(|place| least[place].clone())
        };
        let unique: &[&[&str]] =
            &[&["prospects_id"], &["orders_id", "prospects_id"], &["orders_id", "sku"]];
        assert_eq!(best(unique, Some(&own)), Some(vec![own.clone(), "sku".to_owned()]));
        assert_eq!(best(&[&["prospects_id"], &["orders_id"]], Some(&own)), Some(vec![own.clone()]));
        assert_eq!(best(&[&["x"]], None), Some(vec!["x".to_owned()]));
        assert_eq!(best(&[], None), None);
    }
}
