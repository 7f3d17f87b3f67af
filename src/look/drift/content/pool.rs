//! The **pool** of a column: the profiles of many files taken together, to compare one file with.

use std::collections::BTreeMap;

use crate::profile::Profile;
use crate::values::Kind;

/// A column with more different values than this over all files is no list of categories.
const CATEGORIES: usize = 256;
/// A column with more different shapes than this over all files is free text.
const SHAPES: usize = 1024;
/// A kind is a column's where it has this share of the values.
const DOMINANT: f64 = 0.95;

/// Classes into which numbers are sorted.
const CLASSES: usize = 10;

/// The profiles of a column in several files, taken together.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    pub files: usize,
    pub empty: u64,
    pub null_like: u64,
    pub given: u64,
    pub kinds: BTreeMap<Kind, u64>,
    /// Rows a shape; nothing where there are too many shapes to be counted one by one.
    pub shapes: Option<BTreeMap<String, u64>>,
    /// Rows a value; nothing where there are too many values.
    pub values: Option<BTreeMap<String, u64>>,
    /// Files a value.
    pub files_having: BTreeMap<String, u64>,
    /// The kind that nearly all values have in most files.
    pub dominant: Option<Kind>,
    /// The deciles of the numbers, each with the numbers up to and including it.
    pub deciles: Vec<(f64, f64)>,
    /// Rows whose value is a number.
    pub numbers: f64,
}

impl Pool {
    /// Of these profiles of one column.
    pub fn of(profiles: &[&Profile]) -> Self {
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

    /// The same without one of its files, so that the file can be compared with the others; where it
    /// is the only one, it is compared with itself.
    pub fn without(&self, profile: &Profile) -> Self {
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

/// Rows whose number is kept.
pub fn numbers_of(profile: &Profile) -> f64 {
    if profile.percentiles.is_empty() { 0.0 } else { profile.numbers() as f64 }
}

/// The kind that nearly all values have in more than half of the files that have values.
fn most_frequent(profiles: &[&Profile]) -> Option<Kind> {
    let mut files: BTreeMap<Option<Kind>, usize> = BTreeMap::new();
    for profile in profiles.iter().filter(|profile| profile.given > 0) {
        *files.entry(dominant(&profile.kinds, profile.given, DOMINANT)).or_default() += 1;
    }
    // A file of whole numbers by chance is one of numbers where others are.
    if let Some(whole) = files.get(&Some(Kind::Integer)).copied()
        && let Some(decimal) = files.get_mut(&Some(Kind::Decimal))
    {
        *decimal += whole;
        files.remove(&Some(Kind::Integer));
    }
    let all: usize = files.values().sum();
    files.into_iter().find(|(_, count)| count * 2 > all).and_then(|(kind, _)| kind)
}

/// The deciles of the numbers of several files, each with the numbers up to and including it.
fn deciles(profiles: &[&Profile], numbers: f64) -> Vec<(f64, f64)> {
    let up_to = |value: f64| -> f64 {
        profiles.iter().map(|found| rank(&found.percentiles, value) * numbers_of(found)).sum()
    };
    let mut candidates: Vec<f64> =
        profiles.iter().flat_map(|found| found.percentiles.iter().copied()).collect();
    candidates.sort_unstable_by(f64::total_cmp);
    candidates.dedup();
    let decile = |number: usize| {
        let wanted = numbers * number as f64 / CLASSES as f64;
        let place = candidates.partition_point(|candidate| up_to(*candidate) < wanted);
        candidates.get(place).copied()
    };
    let mut deciles: Vec<f64> = (1..CLASSES).filter_map(decile).collect();
    deciles.dedup();
    deciles.into_iter().map(|decile| (decile, up_to(decile))).collect()
}

/// The kind that at least `share` of the values have, numbers of both kinds taken together.
pub fn dominant(kinds: &BTreeMap<Kind, u64>, given: u64, share: f64) -> Option<Kind> {
    let needed = given as f64 * share;
    let enough = |rows: u64| given > 0 && rows as f64 >= needed;
    let single = kinds.iter().find(|(_, rows)| enough(**rows)).map(|(kind, _)| kind.clone());
    let rows = |kind| kinds.get(kind).copied().unwrap_or_default();
    let is_number = || enough(rows(&Kind::Integer) + rows(&Kind::Decimal));
    single.or_else(|| is_number().then_some(Kind::Decimal))
}

/// The share of numbers up to and including `value`, from percentiles.
pub fn rank(percentiles: &[f64], value: f64) -> f64 {
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

/// One for each value.
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
