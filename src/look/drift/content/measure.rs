//! How far apart two distributions are, and whether chance alone would explain it.

/// Two distributions differ if their population stability index is larger than this. As a rule, an index up to 0.1 is
/// read as the same distribution, up to 0.25 as a slight shift, and above 0.25 as a large one.
pub(super) const SHIFTED: f64 = 0.25;
/// How unlikely a difference must be by chance. A range may have some million comparisons.
const CHANCE: f64 = 1e-9;
/// The standard normal deviate that is exceeded by chance in [`CHANCE`] of all cases.
const DEVIATE: f64 = 5.998;

/// A class with fewer rows than this in the smaller sample is not counted by itself: Cochran's rule for chi-square,
/// on which [`by_chance`] is based.
const FEWEST_OF_CLASS: f64 = 5.0;

/// Adds up all rare classes to one.
pub(super) fn rare_as_one(counts: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let (left, right) = sums(&counts);
    let fewest = FEWEST_OF_CLASS / left.min(right);
    let (rare, mut kept): (Vec<_>, Vec<_>) =
        counts.into_iter().partition(|(a, b)| (a / left).midpoint(b / right) < fewest);
    if !rare.is_empty() {
        kept.push(sums(&rare));
    }
    kept
}

/// Returns the population stability index between two counts over the same classes: `sum((p - q) * ln(p / q))`. Half
/// a row is added to each class, so that an empty class does not make the index infinite.
pub(super) fn stability_index(counts: &[(f64, f64)]) -> f64 {
    let added = 0.5 * counts.len() as f64;
    let (left, right) = sums(counts);
    let shares =
        counts.iter().map(|(a, b)| ((a + 0.5) / (left + added), (b + 0.5) / (right + added)));
    shares.map(|(p, q)| (p - q) * (p / q).ln()).sum()
}

/// Returns the limit below which the index of two samples of one distribution stays in all but one in a thousand
/// million cases. The index is then about `(1/n + 1/m)` times chi-square, with one degree of freedom less than there
/// are classes (Yurdakul, "Statistical properties of population stability index", 2018). The quantile is computed by
/// the formula of Wilson and Hilferty.
pub(super) fn by_chance(counts: &[(f64, f64)]) -> f64 {
    let (left, right) = sums(counts);
    if left == 0.0 || right == 0.0 {
        return f64::INFINITY;
    }
    let freedom = (counts.len().max(2) - 1) as f64;
    let ninth = 2.0 / (9.0 * freedom);
    let quantile = freedom * (1.0 - ninth + DEVIATE * ninth.sqrt()).powi(3);
    (1.0 / left + 1.0 / right) * quantile
}

/// Whether a class that is missing from one sample is missing significantly: it has `count` of `of` rows in the other
/// sample, and none of `rows` here. This is Fisher's exact test by its upper bound: the probability that all `count`
/// rows are in the first sample by chance.
pub(super) fn is_absent_for_a_reason(count: u64, of: u64, rows: u64) -> bool {
    let share_of_rows = of as f64 / (of + rows).max(1) as f64;
    share_of_rows.powf(count as f64) < CHANCE
}

/// Returns Kendall's rank correlation of values with their order, from -1 for falling to 1 for rising.
pub(super) fn trend(values: &[f64]) -> f64 {
    let mut balance: i64 = 0;
    for (index, earlier) in values.iter().enumerate() {
        for later in &values[index + 1..] {
            balance += i64::from(later > earlier) - i64::from(later < earlier);
        }
    }
    let pairs = values.len() * values.len().saturating_sub(1) / 2;
    if pairs == 0 { 0.0 } else { balance as f64 / pairs as f64 }
}

/// Returns the rows of both samples.
pub(super) fn sums(counts: &[(f64, f64)]) -> (f64, f64) {
    counts.iter().fold((0.0, 0.0), |(left, right), (a, b)| (left + a, right + b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_small_for_one_distribution_and_large_for_two() {
        let same = [(500.0, 5000.0), (300.0, 3010.0), (200.0, 1990.0)];
        assert!(stability_index(&same) < by_chance(&same));
        let other = [(200.0, 5000.0), (300.0, 3000.0), (500.0, 2000.0)];
        assert!((stability_index(&other) - 0.5498).abs() < 0.01, "{}", stability_index(&other));
        assert!(stability_index(&other) > SHIFTED.max(by_chance(&other)));
        let few = [(2.0, 50.0), (3.0, 30.0), (5.0, 20.0)];
        assert!(stability_index(&few) < by_chance(&few), "ten rows prove nothing");
    }

    #[test]
    fn many_rare_classes_are_one() {
        let scattered: Vec<_> =
            (0..80).map(|n| (f64::from(n % 3), f64::from((n + 1) % 3))).collect();
        assert_eq!(rare_as_one(scattered), [(79.0, 81.0)]);
        let new = vec![(30.0, 0.0), (70.0, 90_000.0), (0.0, 10_000.0)];
        assert_eq!(rare_as_one(new.clone()), new);
        assert_eq!(rare_as_one(vec![(0.0, 0.0), (9.0, 0.0)]).len(), 2, "nothing to compare with");
    }

    #[test]
    fn what_is_rare_may_be_absent_by_chance() {
        assert!(!is_absent_for_a_reason(5, 60, 434), "one of three in a hundred, by chance");
        assert!(is_absent_for_a_reason(5, 18_000, 1_600_000), "a few in a large sample prove it");
        assert!(!is_absent_for_a_reason(20, 1000, 1000));
        assert!(is_absent_for_a_reason(30, 1000, 1000));
        assert!(!is_absent_for_a_reason(0, 1000, 1000) && !is_absent_for_a_reason(9, 1000, 0));
    }

    #[test]
    fn a_trend_is_distinguished_from_a_wobble() {
        assert_eq!(trend(&[1.0, 2.0, 3.0, 5.0]), 1.0);
        assert!(trend(&[3.0, 1.0, 2.0, 2.5, 1.5]).abs() < 0.5);
        assert_eq!(trend(&[]), 0.0);
    }
}
