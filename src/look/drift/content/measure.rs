//! How far apart two distributions are, and whether chance alone would do that.

/// From here on a distribution counts as another one: the usual reading of the population stability
/// index is up to 0.1 for the same, up to 0.25 for a slight shift, above it for a large one.
pub const SHIFTED: f64 = 0.25;
/// How unlikely a difference must be by chance: in a range some million are looked at.
const CHANCE: f64 = 1e-9;
/// The standard normal deviate that is exceeded by chance in [`CHANCE`] of all cases.
const DEVIATE: f64 = 5.998;

/// A class with fewer rows than this in the smaller sample says nothing alone: Cochran's rule for
/// chi-square, on which [`by_chance`] rests.
const FEWEST_OF_CLASS: f64 = 5.0;

/// The same counts with all classes that are rare as one.
pub fn rare_as_one(counts: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let (left, right) = sums(&counts);
    let fewest = FEWEST_OF_CLASS / left.min(right);
    let is_rare = |(a, b): &(f64, f64)| (a / left).midpoint(b / right) < fewest;
    let (rare, mut kept): (Vec<_>, Vec<_>) = counts.into_iter().partition(is_rare);
    if !rare.is_empty() {
        kept.push(sums(&rare));
    }
    kept
}

/// The population stability index between two counts over the same classes:
/// `sum((p - q) * ln(p / q))`, with half a row added to each class so that an empty one is no infinity.
pub fn stability_index(counts: &[(f64, f64)]) -> f64 {
    let classes = counts.len() as f64;
    let (left, right) = sums(counts);
    let share = |count: f64, sum: f64| (count + 0.5) / (sum + 0.5 * classes);
    let term = |(a, b): &(f64, f64)| {
        let (p, q) = (share(*a, left), share(*b, right));
        (p - q) * (p / q).ln()
    };
    counts.iter().map(term).sum()
}

/// What the index of two samples of one distribution stays below, but for one case in a thousand
/// million. The index is then about `(1/n + 1/m)` times chi-square with a degree of freedom fewer than
/// classes (Yurdakul, "Statistical properties of population stability index", 2018); its quantile is
/// Wilson and Hilferty's.
pub fn by_chance(counts: &[(f64, f64)]) -> f64 {
    let (left, right) = sums(counts);
    if left == 0.0 || right == 0.0 {
        return f64::INFINITY;
    }
    let freedom = (counts.len().max(2) - 1) as f64;
    let ninth = 2.0 / (9.0 * freedom);
    let quantile = freedom * (1.0 - ninth + DEVIATE * ninth.sqrt()).powi(3);
    (1.0 / left + 1.0 / right) * quantile
}

/// Whether it is no chance that a class with `count` rows of `of` in one sample has none of `rows` in
/// another: Fisher's exact test, by its upper bound. Of rows that belong to neither sample more than to
/// the other, all `count` would have come to lie in the first.
pub fn is_absent_for_a_reason(count: u64, of: u64, rows: u64) -> bool {
    let share_of_rows = of as f64 / (of + rows).max(1) as f64;
    share_of_rows.powf(count as f64) < CHANCE
}

/// Kendall's rank correlation of values with their order, from -1 for falling to 1 for rising.
pub fn trend(values: &[f64]) -> f64 {
    let mut balance: i64 = 0;
    for (index, earlier) in values.iter().enumerate() {
        for later in &values[index + 1..] {
            balance += i64::from(later > earlier) - i64::from(later < earlier);
        }
    }
    let pairs = values.len() * values.len().saturating_sub(1) / 2;
    if pairs == 0 { 0.0 } else { balance as f64 / pairs as f64 }
}

/// The rows of both samples.
pub fn sums(counts: &[(f64, f64)]) -> (f64, f64) {
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
        assert_eq!(rare_as_one(vec![(0.0, 0.0), (9.0, 0.0)]).len(), 2, "nothing to hold against");
    }

    #[test]
    fn what_is_rare_may_be_absent_by_chance() {
        assert!(!is_absent_for_a_reason(5, 60, 434), "one of three in a hundred, by chance");
        assert!(is_absent_for_a_reason(5, 18_000, 1_600_000), "a few of so many prove it");
        assert!(!is_absent_for_a_reason(20, 1000, 1000));
        assert!(is_absent_for_a_reason(30, 1000, 1000));
        assert!(!is_absent_for_a_reason(0, 1000, 1000) && !is_absent_for_a_reason(9, 1000, 0));
    }

    #[test]
    fn a_trend_is_told_from_a_wobble() {
        assert_eq!(trend(&[1.0, 2.0, 3.0, 5.0]), 1.0);
        assert!(trend(&[3.0, 1.0, 2.0, 2.5, 1.5]).abs() < 0.5);
        assert_eq!(trend(&[]), 0.0);
    }
}
