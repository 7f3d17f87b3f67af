//! The **pool** of a column is the profiles of many files taken together, to compare one file with.

use std::collections::BTreeMap;

use crate::profile::Profile;
use crate::values::Kind;

/// A column with more different values than this over all files does not hold categories.
const CATEGORIES: usize = 256;
/// A column with more different shapes than this over all files is free text.
const SHAPES: usize = 1024;
/// A column has a kind if at least this share of its values has it.
const DOMINANT: f64 = 0.95;

/// The number of classes into which numbers are sorted.
const CLASSES: usize = 10;

/// The profiles of a column in several files, taken together.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    pub files: usize,
    pub empty: u64,
    pub null_like: u64,
    pub given: u64,
    pub kinds: BTreeMap<Kind, u64>,
    /// Rows per shape; `None` if there are too many shapes to be counted individually.
    pub shapes: Option<BTreeMap<String, u64>>,
    /// Rows per value; `None` if there are too many values.
    pub values: Option<BTreeMap<String, u64>>,
    /// Files per value.
    pub files_having: BTreeMap<String, u64>,
    /// The kind that nearly all values have in most files.
    pub dominant: Option<Kind>,
    /// The deciles of the numbers, each with the numbers up to and including it.
    pub deciles: Vec<(f64, f64)>,
    /// Rows whose value is a number.
    pub numbers: f64,
}

impl Pool {
    /// Takes these profiles of one column together.
    pub(super) fn of(profiles: &[&Profile]) -> Self {
        let mut pool = Self {
            shapes: Some(BTreeMap::new()),
            values: Some(BTreeMap::new()),
            ..Self::default()
        };
        for profile in profiles {
            pool.files += 1;
            pool.empty += profile.empty;
            pool.null_like += profile.null_like;
            pool.given += profile.given;
            add(&mut pool.kinds, &profile.kinds);
            if let Some(shapes) = &mut pool.shapes {
                add(shapes, &profile.shapes);
                if profile.other_shapes > 0 || shapes.len() > SHAPES {
                    pool.shapes = None;
                }
            }
            match (&mut pool.values, &profile.values) {
                (Some(values), Some(more)) => {
                    add(values, more);
                    add(&mut pool.files_having, &once(more));
                }
                _ => pool.values = None,
            }
            if pool.values.as_ref().is_some_and(|values| values.len() > CATEGORIES) {
                pool.values = None;
            }
            pool.numbers += numbers_of(profile);
        }
        pool.dominant = most_frequent(profiles);
        pool.deciles = deciles(profiles, pool.numbers);
        pool
    }

    /// Returns the pool without one of its files, so that the file can be compared with the others. The only file of a
    /// pool is compared with itself.
    pub(super) fn without(&self, profile: &Profile) -> Self {
        let mut rest = self.clone();
        if rest.files < 2 {
            return rest;
        }
        rest.files -= 1;
        rest.empty -= profile.empty;
        rest.null_like -= profile.null_like;
        rest.given -= profile.given;
        subtract(&mut rest.kinds, &profile.kinds);
        if let Some(shapes) = &mut rest.shapes {
            subtract(shapes, &profile.shapes);
        }
        if let (Some(values), Some(own)) = (&mut rest.values, &profile.values) {
            subtract(values, own);
            subtract(&mut rest.files_having, &once(own));
        }
        let numbers = numbers_of(profile);
        rest.numbers -= numbers;
        for (decile, up_to) in &mut rest.deciles {
            *up_to -= rank(&profile.percentiles, *decile) * numbers;
        }
        rest
    }
}

/// Returns how many rows have a number that is in the percentiles.
pub(super) fn numbers_of(profile: &Profile) -> f64 {
    if profile.percentiles.is_empty() { 0.0 } else { profile.numbers() as f64 }
}

/// Returns the kind that nearly all values have in more than half of the files that have values.
fn most_frequent(profiles: &[&Profile]) -> Option<Kind> {
    let mut files: BTreeMap<Option<Kind>, usize> = BTreeMap::new();
    for profile in profiles.iter().filter(|profile| profile.given > 0) {
        *files.entry(dominant(&profile.kinds, profile.given, DOMINANT)).or_default() += 1;
    }
    // If other files have decimals, the numbers of a file are whole by chance.
    if let Some(whole) = files.get(&Some(Kind::Integer)).copied()
        && let Some(decimal) = files.get_mut(&Some(Kind::Decimal))
    {
        *decimal += whole;
        files.remove(&Some(Kind::Integer));
    }
    let all: usize = files.values().sum();
    files.into_iter().find(|(_, count)| count * 2 > all).and_then(|(kind, _)| kind)
}

/// Returns the deciles of the numbers of several files, each with the count of numbers up to and including it.
fn deciles(profiles: &[&Profile], numbers: f64) -> Vec<(f64, f64)> {
    let mut candidates: Vec<f64> =
        profiles.iter().flat_map(|found| found.percentiles.iter().copied()).collect();
    candidates.sort_unstable_by(f64::total_cmp);
    candidates.dedup();
    let mut deciles: Vec<f64> = Vec::new();
    for number in 1..CLASSES {
        let wanted = numbers * number as f64 / CLASSES as f64;
        let place =
            candidates.partition_point(|candidate| count_up_to(profiles, *candidate) < wanted);
        deciles.extend(candidates.get(place));
    }
    deciles.dedup();
    deciles.into_iter().map(|decile| (decile, count_up_to(profiles, decile))).collect()
}

/// Returns how many numbers of several files are up to and including `value`.
fn count_up_to(profiles: &[&Profile], value: f64) -> f64 {
    profiles.iter().map(|profile| rank(&profile.percentiles, value) * numbers_of(profile)).sum()
}

/// Returns the kind that at least `share` of the values have. If neither integers nor decimals are that many, but
/// both together are, the kind is decimal.
pub(super) fn dominant(kinds: &BTreeMap<Kind, u64>, given: u64, share: f64) -> Option<Kind> {
    if given == 0 {
        return None;
    }
    let needed = given as f64 * share;
    if let Some((kind, _)) = kinds.iter().find(|(_, rows)| **rows as f64 >= needed) {
        return Some(kind.clone());
    }
    let numbers: u64 =
        [Kind::Integer, Kind::Decimal].iter().filter_map(|kind| kinds.get(kind)).sum();
    (numbers as f64 >= needed).then_some(Kind::Decimal)
}

/// Returns the share of numbers up to and including `value`, from percentiles.
pub(super) fn rank(percentiles: &[f64], value: f64) -> f64 {
    let last = percentiles.len().saturating_sub(1);
    let below = percentiles.partition_point(|percentile| *percentile <= value);
    if below == 0 {
        return 0.0;
    }
    if below > last {
        return 1.0;
    }
    let (low, high) = (percentiles[below - 1], percentiles[below]);
    let part = if high > low { (value - low) / (high - low) } else { 0.0 };
    ((below - 1) as f64 + part) / last as f64
}

/// Returns a count of one for each value.
fn once(values: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    values.keys().map(|value| (value.clone(), 1)).collect()
}

fn add<K: Clone + Ord>(sums: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, rows) in more {
        *sums.entry(key.clone()).or_default() += rows;
    }
}

fn subtract<K: Clone + Ord>(sums: &mut BTreeMap<K, u64>, less: &BTreeMap<K, u64>) {
    for (key, rows) in less {
        if let Some(sum) = sums.get_mut(key) {
            *sum -= rows;
        }
    }
    sums.retain(|_, rows| *rows > 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile of a column of texts with one row of each of these shapes.
    fn of_shapes(shapes: impl Iterator<Item = usize>) -> Profile {
        let shapes: BTreeMap<String, u64> =
            shapes.map(|number| (format!("a{number}"), 1)).collect();
        Profile { given: shapes.len() as u64, shapes, ..Profile::default() }
    }

    #[test]
    fn a_pool_of_free_text_keeps_no_shapes() {
        let files: Vec<Profile> =
            (0..40).map(|file| of_shapes(file * 30..(file + 1) * 30)).collect();
        let few: Vec<&Profile> = files.iter().take(10).collect();
        assert_eq!(Pool::of(&few).shapes.expect("300 shapes").len(), 300);
        let all: Vec<&Profile> = files.iter().collect();
        assert_eq!(Pool::of(&all).shapes, None, "1200 shapes");
        assert_eq!(Pool::of(&all).without(all[0]).shapes, None);
        let mut more = of_shapes(0..5);
        more.other_shapes = 1;
        assert_eq!(Pool::of(&[&more]).shapes, None);
    }

    #[test]
    fn without_one_of_its_files_a_pool_is_that_of_the_others() {
        let files = [of_shapes(0..5), of_shapes(3..9)];
        let pool = Pool::of(&[&files[0], &files[1]]).without(&files[0]);
        assert_eq!(pool.shapes, Some(files[1].shapes.clone()));
        assert_eq!((pool.files, pool.given), (1, 6));
    }
}
