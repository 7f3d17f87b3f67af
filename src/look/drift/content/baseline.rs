//! The **baseline** of a column is what its files are held against: those of the reference taken
//! together, and what is usual among them.

use std::collections::BTreeMap;

use super::compare::{Difference, Habits, Measured, Usual, compare, counts};
use super::measure::stability_index;
use super::pool::Pool;
use crate::profile::Profile;

/// The files of the reference, of one column.
pub struct Baseline {
    all: Pool,
    /// All but one, for each file: a file of the reference is held against the others.
    others: Vec<Pool>,
    usual: Usual,
}

impl Baseline {
    /// Of these files; what the column does anyway is given.
    pub fn of(files: &[&Profile], habits: Habits) -> Self {
        let all = Pool::of(files);
        let others: Vec<Pool> = files.iter().map(|file| all.without(file)).collect();
        let usual = Usual { habits, index: usual_indices(files, &others) };
        Self { all, others, usual }
    }

    /// How a file that is not among them differs.
    pub fn differences(&self, file: &Profile) -> Vec<Difference> {
        compare(file, &self.all, &self.usual)
    }

    /// How the file at `place` among them differs from the others.
    pub fn differences_at(&self, place: usize, file: &Profile) -> Vec<Difference> {
        self.others.get(place).map(|others| compare(file, others, &self.usual)).unwrap_or_default()
    }
}

/// The median index between a file and all others, by what is measured.
fn usual_indices(files: &[&Profile], others: &[Pool]) -> BTreeMap<Measured, f64> {
    use Measured::{Kinds, Numbers, Presence, Shapes, Values};
    let median = |of| {
        let counts = files.iter().zip(others).filter_map(|(file, others)| counts(of, file, others));
        let mut indices: Vec<f64> = counts.map(|counts| stability_index(&counts)).collect();
        indices.sort_unstable_by(f64::total_cmp);
        indices.get(indices.len() / 2).map(|median| (of, *median))
    };
    [Presence, Kinds, Shapes, Values, Numbers].into_iter().filter_map(median).collect()
}
