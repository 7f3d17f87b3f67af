//! A column is **steady** since the day from which all its files are alike. A reference that nobody
//! named may hold a change for good, and days before and after it pooled are like neither.

use super::baseline::Baseline;
use super::compare::Habits;
use crate::profile::Profile;

/// All files are compared with this many of the newest: a whole week.
const NEWEST: usize = 7;
/// A change for good has this share of files that differ before it, and of those that do not after it.
const SHARE: f64 = 0.8;

/// The place of the first of `files`, which are in the order of their days, since which the column is
/// as it is in the newest; 0 where it never changed, or not for good.
pub fn steady(files: &[&Profile], habits: Habits) -> usize {
    let Some(older) = files.len().checked_sub(NEWEST).filter(|older| *older > 0) else { return 0 };
    let newest = Baseline::of(&files[older..], habits);
    let is_odd = |file: &&&Profile| !newest.differences_to_others(file).is_empty();
    let odd = files[older..].iter().filter(is_odd).count();
    if odd as f64 > (1.0 - SHARE) * NEWEST as f64 {
        return 0;
    }
    let differs = |file: &&Profile| !newest.differences(file).is_empty();
    let differ: Vec<bool> = files[..older].iter().map(differs).collect();
    let all = differ.iter().filter(|differs| **differs).count();
    let mut before = 0;
    let mut best = (0, 0.0);
    for (place, differs) in differ.iter().enumerate() {
        before += usize::from(*differs);
        let cut = place + 1;
        let alike_after = (files.len() - cut) - (all - before);
        let shares = [before as f64 / cut as f64, alike_after as f64 / (files.len() - cut) as f64];
        let right = (before + alike_after) as f64;
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

    fn days(empty: &[u64]) -> Vec<Profile> {
        let day = |empty: &u64| Profile {
            name: "note".to_owned(),
            empty: *empty,
            given: 400 - empty,
            kinds: BTreeMap::from([(crate::values::Kind::Text, 400 - empty)]),
            ..Profile::default()
        };
        empty.iter().map(day).collect()
    }

    fn since(empty: &[u64]) -> usize {
        let days = days(empty);
        steady(&days.iter().collect::<Vec<_>>(), Habits::default())
    }

    #[test]
    fn a_change_for_good_is_cut_off_and_an_odd_day_is_not() {
        let change = [[80; 10], [320; 10]].concat();
        assert_eq!(since(&change), 10);
        let mut odd = [80; 20];
        odd[4] = 320;
        assert_eq!(since(&odd), 0);
        assert_eq!(since(&[80; 20]), 0);
        let mut odd_before_change = change;
        odd_before_change[15] = 80;
        assert_eq!(since(&odd_before_change), 10);
        assert_eq!(since(&[80, 320, 320, 320]), 0, "too few to tell");
        let mut of_late = [80; 20];
        of_late[17..].fill(320);
        assert_eq!(since(&of_late), 0, "three days are odd days");
    }
}
