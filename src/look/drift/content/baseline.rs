//! The **baseline** of a column is what its files are compared with: the files of the reference taken together, and
//! the differences that are usual among them.

use std::collections::BTreeMap;

use super::compare::{Difference, Habits, Measured, Usual, compare, counts};
use super::measure::stability_index;
use super::pool::Pool;
use crate::profile::Profile;

/// The files of the reference, of one column.
pub(super) struct Baseline {
    all: Pool,
    usual: Usual,
}

impl Baseline {
    /// Makes the baseline of these files.
    pub(super) fn of(files: &[&Profile], habits: Habits) -> Self {
        let all = Pool::of(files);
        let usual = Usual { habits, index: usual_indices(files, &all) };
        Self { all, usual }
    }

    /// Compares a file that is not among them.
    pub(super) fn differences(&self, file: &Profile) -> Vec<Difference> {
        compare(file, &self.all, &self.usual)
    }

    /// Compares a file that is among them with the others.
    pub(super) fn differences_to_others(&self, file: &Profile) -> Vec<Difference> {
        compare(file, &self.all.without(file), &self.usual)
    }
}

/// Returns the median index between a file and all others, by what is measured. Only the others of one file are in
/// memory at a time, because many files may have many shapes.
fn usual_indices(files: &[&Profile], all: &Pool) -> BTreeMap<Measured, f64> {
    use Measured::{Kinds, Numbers, Presence, Shapes, Values};
    let mut indices: BTreeMap<Measured, Vec<f64>> = BTreeMap::new();
    for file in files {
        let others = all.without(file);
        for of in [Presence, Kinds, Shapes, Values, Numbers] {
            if let Some(counts) = counts(of, file, &others) {
                indices.entry(of).or_default().push(stability_index(&counts));
            }
        }
    }
    indices.into_iter().map(|(of, indices)| (of, median(indices))).collect()
}

/// Returns the median of at least one number.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
