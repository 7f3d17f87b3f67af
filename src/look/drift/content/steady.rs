//! A column is **steady** since the day after which its files are alike. A reference that was not named may hold a
//! permanent change; the days before it and after it, taken together, would be like neither.

use super::baseline::Baseline;
use super::compare::Habits;
use crate::profile::Profile;

/// All files are compared with this many of the newest: a whole week.
const NEWEST: usize = 7;
/// After a permanent change, at least this share of the files before it differ, and at least this share of the files
/// after it do not.
const SHARE: f64 = 0.8;

/// Returns the place of the first of `files` since which the column is as in the newest files; 0 if it never changed,
/// or not permanently. The files are in the order of their days.
pub(super) fn steady(files: &[&Profile], habits: Habits) -> usize {
    let Some(older) = files.len().checked_sub(NEWEST).filter(|older| *older > 0) else { return 0 };
    let newest = Baseline::of(&files[older..], habits);
    let odd =
        files[older..].iter().filter(|file| !newest.differences_to_others(file).is_empty()).count();
    if odd as f64 > (1.0 - SHARE) * NEWEST as f64 {
        return 0;
    }
    let differ: Vec<bool> =
        files[..older].iter().map(|file| !newest.differences(file).is_empty()).collect();
    permanent_change(&differ, files.len())
}

/// Returns how many files are before the change that separates best those that differ from those that do not, if
/// there is one; 0 if there is none. `differ` says of the older ones of `all` files whether they differ.
fn permanent_change(differ: &[bool], all: usize) -> usize {
    let differing = differ.iter().filter(|differs| **differs).count();
    let mut before = 0;
    let mut best = (0, 0);
    for (place, differs) in differ.iter().enumerate() {
        before += usize::from(*differs);
        let cut = place + 1;
        let alike_after = (all - cut) - (differing - before);
        let shares = [before as f64 / cut as f64, alike_after as f64 / (all - cut) as f64];
        let right = before + alike_after;
        if shares.iter().all(|share| *share >= SHARE) && right > best.1 {
            best = (cut, right);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A file with 400 rows, of which some are empty.
    fn day(empty: u64) -> Profile {
        Profile {
            name: "note".to_owned(),
            empty,
            given: 400 - empty,
            kinds: BTreeMap::from([(crate::values::Kind::Text, 400 - empty)]),
            ..Profile::default()
        }
    }

    fn since(empty: &[u64]) -> usize {
        let days: Vec<Profile> = empty.iter().map(|empty| day(*empty)).collect();
        steady(&days.iter().collect::<Vec<_>>(), Habits::default())
    }

    #[test]
    fn a_permanent_change_is_cut_off_and_an_odd_day_is_not() {
        let change = [[80; 10], [320; 10]].concat();
        assert_eq!(since(&change), 10);
        let mut odd = [80; 20];
        odd[4] = 320;
        assert_eq!(since(&odd), 0);
        assert_eq!(since(&[80; 20]), 0);
        let mut odd_before_change = change;
        odd_before_change[15] = 80;
        assert_eq!(since(&odd_before_change), 10);
        assert_eq!(since(&[80, 320, 320, 320]), 0, "too few files");
        let mut of_late = [80; 20];
        of_late[17..].fill(320);
        assert_eq!(since(&of_late), 0, "three days are odd days");
    }
}
